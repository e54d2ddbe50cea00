//! Questions that no template asks: a finding that would tell much among the likely diseases. They fill the rows where
//! the templates of the contact end.

use super::{FINDING, Item, ItemKind, Template, When, Why, Words};
use std::sync::Arc;
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Concept, Vocabulary};

/// Flags of findings that nobody finds by asking or looking.
const NOT_AT_THE_BEDSIDE: [&str; 3] = ["lab", "imaging", "pathology"];

/// A yes or no for each finding that is asked for or looked for at the bedside, sorted by its id.
pub(super) fn template(vocabulary: &Vocabulary, words: &Words) -> Template {
    let mut items: Vec<Item> = vocabulary
        .iter()
        .filter(|(_, concept)| is_of_the_bedside(concept))
        .map(|(_, concept)| item(concept, words))
        .collect();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    Template {
        id: FINDING.into(),
        version: "1".into(),
        name: words.finding.as_str().into(),
        kana: Arc::default(),
        english: words.finding_english.as_str().into(),
        written_by: Arc::default(),
        reviewed_by: Vec::new(),
        source: Arc::default(),
        uses: Vec::new(),
        when: When::default(),
        items,
    }
}

fn is_of_the_bedside(concept: &Concept) -> bool {
    matches!(concept.kind, TermKind::Finding | TermKind::Circumstance)
        && !NOT_AT_THE_BEDSIDE.iter().any(|flag| concept.has(flag))
}

fn item(concept: &Concept, words: &Words) -> Item {
    let id: Arc<str> = concept.id.as_str().into();
    let written = |form: &str| -> Arc<str> { form.replace("{}", &concept.name).into() };
    Item {
        ask: Arc::clone(&concept.name),
        kana: (*concept.kana).into(),
        english: Arc::clone(&concept.english),
        kind: ItemKind::Boolean {
            concept: Some(Arc::clone(&id)),
            yes: written(&words.yes),
            no: written(&words.no),
        },
        known_by: vec![Arc::clone(&id)],
        id,
        known_by_kind: Vec::new(),
        record_days: 0,
        enable: Vec::new(),
        when: When::default(),
        is_key: false,
        why: vec![Why::Discrimination],
        tells: Vec::new(),
        reason: words.finding_reason.as_str().into(),
        source: Arc::default(),
    }
}
