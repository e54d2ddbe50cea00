//! The fields of a statement on the page: drawn for correction, and read back. A concept is written by name; the id that
//! the search has given stands beside it and counts as long as the name is its own.

use crate::web::state::Desk;
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_knowledge::{Accepted, Cell, Column, State, shape};

use super::Sent;
use crate::web::support::state_name;

/// What stands between the names of several concepts.
const BETWEEN: &str = " | ";

/// The fields of a proposal to be corrected.
pub(super) fn draw(desk: &Desk, index: usize, said: &Accepted) -> Markup {
    let columns = shape(&said.kind).map_or(&[][..], |shape| shape.columns);
    html! {
        div.fields { @for column in columns { (field(desk, index, column, said)) } }
    }
}

fn field(desk: &Desk, index: usize, column: &Column, said: &Accepted) -> Markup {
    let ui = desk.ui();
    let value = cell(column, said);
    let label = ui.of("column", column.name);
    html! {
        label.field-of {
            span { (label) }
            @match column.cell {
                Cell::Concept | Cell::Concepts => (names(desk, &format!("{index}-{}", column.name), value, column.cell == Cell::Concepts)),
                Cell::Word(words) => {
                    select name=(format!("cell-{index}-{}", column.name)) {
                        @for word in words { option value=(word) selected[*word == value] { (ui.of("cell", if word.is_empty() { "none-said" } else { word })) } }
                    }
                }
                Cell::Number | Cell::Text => { input type="text" name=(format!("cell-{index}-{}", column.name)) value=(value); }
            }
        }
    }
}

/// The value of a column, or what holds where nothing is said.
fn cell<'s>(column: &Column, said: &'s Accepted) -> &'s str {
    said.fields.get(column.name).map_or(column.default, AsRef::as_ref)
}

/// An input for the names of concepts, with their ids beside it.
pub(super) fn names(desk: &Desk, name: &str, ids: &str, is_list: bool) -> Markup {
    let shown: Vec<String> = ids
        .split('|')
        .filter(|id| !id.is_empty())
        .map(|id| name_of(desk, id))
        .collect();
    let list = format!("list-{name}");
    html! {
        span.combo {
            input type="text" name=(format!("names-{name}")) value=(shown.join(BETWEEN)) autocomplete="off" data-names=(list) data-many[is_list];
            input type="hidden" name=(format!("ids-{name}")) value=(ids);
            ul.names id=(list) role="listbox" hidden {}
        }
    }
}

/// The name of a concept or of a level of a test.
pub(super) fn name_of(desk: &Desk, id: &str) -> String {
    state_name(&desk.ui(), &desk.app.advice, &State::new(id))
}

/// The fields as they were sent, in place of those that were proposed.
///
/// # Errors
/// A name that no concept has.
pub(super) fn correct(desk: &Desk, index: usize, sent: &Sent, said: &mut Accepted) -> Result<(), String> {
    let columns = shape(&said.kind).map_or(&[][..], |shape| shape.columns);
    for column in columns {
        let key = format!("{index}-{}", column.name);
        let value = match column.cell {
            Cell::Concept | Cell::Concepts => {
                let Some(names) = sent.get(&format!("names-{key}")) else {
                    continue;
                };
                let ids = sent.get(&format!("ids-{key}")).map_or("", String::as_str);
                concepts(desk, names, ids)?
            }
            _ => match sent.get(&format!("cell-{key}")) {
                Some(value) => value.trim().to_owned(),
                None => continue,
            },
        };
        // A default that nobody has said stays unsaid, so that an untouched statement is the proposed one.
        if value == cell(column, said) {
            continue;
        }
        if value.is_empty() {
            said.fields.remove(column.name);
        } else {
            said.fields.insert(column.name.into(), Arc::from(value));
        }
    }
    Ok(())
}

fn concepts(desk: &Desk, names: &str, ids: &str) -> Result<String, String> {
    let names = names.split(BETWEEN.trim()).map(str::trim);
    let found: Result<Vec<String>, String> = names
        .filter(|name| !name.is_empty())
        .map(|name| {
            concept(desk, name, ids).ok_or_else(|| desk.ui().fill("read.no-concept", &[("name", name)]))
        })
        .collect();
    Ok(found?.join("|"))
}

/// The id of a name: one of `ids` whose name it is, the id itself, or what the vocabulary has under the name.
pub(super) fn concept(desk: &Desk, name: &str, ids: &str) -> Option<String> {
    let vocabulary = desk.app.coder.vocabulary();
    let is_known = |id: &str| vocabulary.concept(State::new(id).concept()).is_some();
    let mut given = ids.split('|').filter(|id| !id.is_empty());
    // The search gives names in Japanese, the page may be English.
    let is_its_name = |id: &&str| {
        name_of(desk, id) == name
            || vocabulary
                .concept(id)
                .is_some_and(|concept| *concept.name == *name)
    };
    if let Some(id) = given.find(is_its_name).filter(|id| is_known(id)) {
        return Some(id.to_owned());
    }
    if is_known(name) {
        return Some(name.to_owned());
    }
    let hits = vocabulary.search().named(name, 1);
    let concept = vocabulary.get(hits.first()?.key)?;
    Some(concept.id.to_string())
}
