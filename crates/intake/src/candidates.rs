//! What else a phrase may mean: concepts of the same name, broader and narrower ones, names that share its characters.

use serde::Serialize;
use std::sync::Arc;
use tsumugi_coding::Coder;
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Concept, Vocabulary};

/// A concept that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Concept id.
    pub concept: String,
    /// Preferred name.
    pub name: Arc<str>,
    /// Code shown beside it (ICD-10, LOINC or ATC), empty where there is none.
    pub code: String,
}

impl Candidate {
    pub(crate) fn of(concept: &Concept) -> Self {
        let code = concept
            .codes
            .iter()
            .skip(1)
            .map(|code| code.code.to_string())
            .next();
        Self {
            concept: concept.id.to_string(),
            name: Arc::clone(&concept.name),
            code: code.unwrap_or_default(),
        }
    }
}

/// Concepts that a phrase may mean, most likely first: exact names, the neighbours of `now` in the hierarchy, then names
/// that share most characters with it. At most `most`.
pub fn candidates(coder: &Coder, phrase: &str, now: Option<&str>, most: usize) -> Vec<Candidate> {
    let vocabulary = coder.vocabulary();
    let mut keys: Vec<u32> = coder
        .reader()
        .concepts_named(phrase)
        .into_iter()
        .map(|(_, key)| key)
        .collect();
    if let Some(key) = now.and_then(|id| vocabulary.key(id)) {
        let around = vocabulary
            .get(key)
            .map(|concept| concept.parents.clone())
            .unwrap_or_default();
        let below: Vec<u32> = vocabulary
            .descendants(key)
            .into_iter()
            .skip(1)
            .take(most)
            .collect();
        keys.extend(similar(vocabulary, phrase, most));
        keys.extend(below);
        keys.extend(around);
        keys.retain(|other| *other != key);
    } else {
        keys.extend(similar(vocabulary, phrase, most));
    }
    let mut seen = Vec::new();
    keys.retain(|key| {
        let fresh = !seen.contains(key);
        seen.push(*key);
        fresh
    });
    keys.iter()
        .filter_map(|key| vocabulary.get(*key))
        .take(most)
        .map(Candidate::of)
        .collect()
}

/// Concepts that what is typed finds: by name, kana, romaji, English or code, and by what is close where few begin so.
pub fn complete(coder: &Coder, typed: &str, most: usize) -> Vec<Candidate> {
    let vocabulary = coder.vocabulary();
    let hits = vocabulary.search().find(typed, most);
    hits.iter()
        .filter_map(|hit| vocabulary.get(hit.key))
        .map(Candidate::of)
        .collect()
}

/// Names that share the most pairs of characters with the phrase, of concepts that a note can state.
fn similar(vocabulary: &Vocabulary, phrase: &str, most: usize) -> Vec<u32> {
    const LEAST: f64 = 0.34;
    let states = |key: &u32| {
        vocabulary.get(*key).is_some_and(|concept| {
            !matches!(
                concept.kind,
                TermKind::Site | TermKind::Circumstance | TermKind::Allergen
            )
        })
    };
    vocabulary
        .names()
        .similar_to(phrase, LEAST, most * 2)
        .into_iter()
        .filter(states)
        .take(most)
        .collect()
}
