//! The dictionary of a site: a surface form a row, its reading, and the concept or code that it means.

use super::Context;
use super::builder::{entry, form, reading};
use super::sheet::Row;
use crate::concept::system;
use crate::masters::Entry;

/// Concepts that are offered when one is not known.
const OFFERED: usize = 3;

/// Rows for which concepts are offered.
const SEARCHED: usize = 20;

/// Systems whose codes a row may name, in the order in which they are tried.
const SYSTEMS: [&str; 12] = [
    system::ICD10,
    system::MEDIS_DISEASE,
    system::MEDIS_EXCHANGE,
    system::CLAIM_DISEASE,
    system::YJ,
    system::HOT9,
    system::HOT7,
    system::CLAIM_DRUG,
    system::JLAC10,
    system::LOINC,
    system::HPO,
    system::ATC,
];

/// Reads a row.
pub(crate) fn row(context: &mut Context<'_>, row: &Row<'_>) {
    let (surface, kana, named) = (row.get("surface"), row.get("reading"), row.get("concept"));
    if !kana.is_empty() && reading(kana).is_empty() {
        let fault = row.fault(
            "reading",
            "cell",
            format!("{kana} is no reading; write hiragana or katakana"),
        );
        context.reject(fault);
        return;
    }
    let vocabulary = context.vocabulary;
    let by_code = || {
        SYSTEMS
            .iter()
            .find_map(|address| vocabulary.maps().key(address, named))
    };
    let found = vocabulary
        .key(named)
        .or_else(by_code)
        .and_then(|key| vocabulary.get(key));
    let Some(concept) = found else {
        // A file that names nothing we know is not searched for row by row.
        let most = if context.report.diagnostics.len() < SEARCHED {
            OFFERED
        } else {
            0
        };
        let near = vocabulary.search().find(named, most);
        let near: Vec<&str> = near
            .iter()
            .filter_map(|hit| vocabulary.get(hit.key))
            .map(|concept| concept.id.as_str())
            .collect();
        let offer = if near.is_empty() {
            String::new()
        } else {
            format!("; near it: {}", near.join(", "))
        };
        let message =
            format!("{named}: no concept has this id or code{offer}; `tsumugi terms search` finds ids");
        context.reject(row.fault("concept", "unknown-concept", message));
        return;
    };
    let id = concept.id.as_str().to_owned();
    let own = form(context.keys, surface, kana, true);
    let is_name = || !vocabulary.search().named(surface, 1).is_empty();
    if let Some(why) = context.notes.undecided(&own.key, is_name) {
        let message = format!("{surface}: {why}; it is found in searches and not looked for in notes");
        context.warn(row.fault("surface", "undecided-name", message));
    }
    let entry_id = format!("dictionary:{}", own.key);
    context.builder.add(Entry {
        target: Some(id.into()),
        ..entry(entry_id, None, own)
    });
}
