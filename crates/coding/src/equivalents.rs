//! Facts that are said in two ways and mean one: an allergy named as a disease, 「喫煙なし」 and 「非喫煙」.

use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Event, EventKind, Polarity};
use tsumugi_tables::{Mistake, Row, Source, Table};
use tsumugi_terminology::Vocabulary;

const PATH: &str = "coding/equivalents.tsv";

/// The rows of `coding/equivalents.tsv`: concept and polarity → what is meant.
#[derive(Debug, Default)]
pub(crate) struct Equivalents(BTreeMap<(Box<str>, Polarity), Meaning>);

#[derive(Debug)]
struct Meaning {
    concept: u32,
    kind: EventKind,
    polarity: Polarity,
}

impl Equivalents {
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let Some(source) = sources.iter().find(|source| source.path == PATH) else {
            mistakes.push(Mistake::new(PATH, 1, "missing"));
            return Self::default();
        };
        let table = Table::parse(*source, mistakes);
        let mut equivalents = Self::default();
        for row in table.rows() {
            match read(&row, vocabulary) {
                Ok((key, meaning)) => {
                    equivalents.0.insert(key, meaning);
                }
                Err(message) => mistakes.push(Mistake::new(PATH, row.line, message)),
            }
        }
        equivalents
    }

    /// Replaces what is said by what is meant.
    pub(crate) fn apply(&self, vocabulary: &Vocabulary, event: &mut Event) {
        let key = (Box::from(event.concept.as_str()), event.polarity);
        let Some(meaning) = self.0.get(&key) else { return };
        let Some(concept) = vocabulary.get(meaning.concept) else {
            return;
        };
        event.concept = concept.id.clone();
        event.name = Arc::clone(&concept.name);
        event.codes = Arc::clone(&concept.codes);
        event.kind = meaning.kind;
        event.polarity = meaning.polarity;
    }
}

fn read(row: &Row<'_, '_>, vocabulary: &Vocabulary) -> Result<((Box<str>, Polarity), Meaning), String> {
    let key = |column: &str| {
        vocabulary
            .key(row.get(column))
            .ok_or_else(|| format!("no concept {}", row.get(column)))
    };
    let polarity = |column: &str| match row.get(column) {
        "present" => Ok(Polarity::Present),
        "absent" => Ok(Polarity::Absent),
        other => Err(format!("unknown polarity \"{other}\"")),
    };
    let kind = match row.get("kind") {
        "allergy" => EventKind::Allergy,
        "lifestyle" => EventKind::Lifestyle,
        "condition" => EventKind::Condition,
        "finding" => EventKind::Finding,
        other => return Err(format!("unknown kind \"{other}\"")),
    };
    key("from")?;
    let meaning = Meaning {
        concept: key("to")?,
        kind,
        polarity: polarity("to_polarity")?,
    };
    Ok(((row.get("from").into(), polarity("polarity")?), meaning))
}
