//! `hp.obo`: the stanzas `[Term]` with id, name, `is_a`, `alt_id`, `is_obsolete` and `replaced_by` (OBO format 1.2/1.4).

use super::{Remark, Term, Terms};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads the terms; lines that cannot be used are remarked on and left out.
///
/// # Errors
/// A remark when the file holds no term at all: it is another kind of file.
pub fn read_terms(text: &str) -> Result<(Terms, Vec<Remark>), Remark> {
    let mut terms = Terms::default();
    let mut remarks = Vec::new();
    let mut replaced: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for stanza in stanzas(text) {
        if stanza.line == 1 {
            stanza
                .first("data-version")
                .unwrap_or_default()
                .clone_into(&mut terms.edition);
            continue;
        }
        let Some(id) = stanza.first("id").filter(|id| id.starts_with("HP:")) else {
            remarks.push(Remark {
                line: stanza.line,
                message: "a term without an id HP:..., left out".to_owned(),
            });
            continue;
        };
        let id: Arc<str> = id.into();
        if stanza.first("is_obsolete") == Some("true") {
            if let Some(by) = stanza.first("replaced_by") {
                replaced.push((by.into(), id));
            }
            continue;
        }
        let term = Term {
            name: stanza.first("name").unwrap_or(&id).into(),
            name_ja: None,
            parents: stanza.all("is_a").map(Into::into).collect(),
            also: stanza.all("alt_id").map(Into::into).collect(),
            id: Arc::clone(&id),
        };
        terms.terms.insert(id, term);
    }
    for (by, old) in replaced {
        if let Some(term) = terms.terms.get_mut(&by) {
            term.also.push(old);
        }
    }
    if terms.terms.is_empty() {
        return Err(Remark {
            line: 1,
            message: "no stanza [Term] with an id HP:...; is this hp.obo?".to_owned(),
        });
    }
    leave_out_unknown_parents(&mut terms.terms, &mut remarks);
    Ok((terms, remarks))
}

/// A stanza: tags with their values, comments and trailing modifiers taken off.
struct Stanza<'a> {
    line: u32,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Stanza<'a> {
    fn all(&self, tag: &str) -> impl Iterator<Item = &'a str> {
        self.tags
            .iter()
            .filter(move |(name, _)| *name == tag)
            .map(|(_, value)| *value)
    }

    fn first(&self, tag: &str) -> Option<&'a str> {
        self.all(tag).next()
    }
}

/// The header (line 1) and the stanzas `[Term]`.
fn stanzas(text: &str) -> Vec<Stanza<'_>> {
    let mut all = vec![Stanza {
        line: 1,
        tags: Vec::new(),
    }];
    let mut is_read = true;
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = line.trim_end();
        if line.starts_with('[') {
            is_read = line == "[Term]";
            if is_read {
                all.push(Stanza {
                    line: number,
                    tags: Vec::new(),
                });
            }
        } else if is_read
            && let Some((tag, value)) = line.split_once(": ")
            && let Some(stanza) = all.last_mut()
        {
            let value = value.split(" ! ").next().unwrap_or(value);
            let value = value.split(" {").next().unwrap_or(value);
            stanza.tags.push((tag, value.trim()));
        }
    }
    all
}

fn leave_out_unknown_parents(terms: &mut BTreeMap<Arc<str>, Term>, remarks: &mut Vec<Remark>) {
    let known: std::collections::BTreeSet<Arc<str>> = terms.keys().cloned().collect();
    for term in terms.values_mut() {
        let id = Arc::clone(&term.id);
        term.parents.retain(|parent| {
            let is_known = known.contains(parent);
            if !is_known {
                remarks.push(Remark {
                    line: 0,
                    message: format!("{id}: the broader term {parent} is not in the file"),
                });
            }
            is_known
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "format-version: 1.2\ndata-version: hp/releases/2025-01-16\n\n[Term]\nid: HP:0000001\nname: All\n\n[Term]\nid: HP:0000002\nname: Height {x=\"y\"}\nalt_id: HP:0000009\nis_a: HP:0000001 ! All\n\n[Term]\nid: HP:0000003\nname: obsolete Old\nis_obsolete: true\nreplaced_by: HP:0000002\n\n[Typedef]\nid: part_of\nname: part of\n";

    #[test]
    fn terms_are_read_with_what_they_replace() {
        let (terms, remarks) = read_terms(FILE).unwrap();
        assert_eq!(remarks, []);
        assert_eq!(terms.edition, "hp/releases/2025-01-16");
        let height = &terms.terms["HP:0000002"];
        assert_eq!(height.name.as_ref(), "Height");
        assert_eq!(height.parents, ["HP:0000001".into()]);
        assert_eq!(height.also, ["HP:0000009".into(), "HP:0000003".into()]);
        assert_eq!(terms.terms.len(), 2);
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        assert!(read_terms("a\tb\n").unwrap_err().message.contains("hp.obo"));
    }
}
