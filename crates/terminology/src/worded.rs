//! Wordings with an ICD-10 code of their own: what a concept is called can be more, or less, than the concept says.

use crate::concept::{Concept, system};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tsumugi_clinical::{Code, ConceptId};
use tsumugi_tables::{Mistake, Source, Table};
use unicode_normalization::UnicodeNormalization;

const TABLE: &str = "terminology/icd10_names.tsv";

/// By concept: the wordings and their codes.
#[derive(Debug, Default)]
pub(crate) struct Worded {
    by_key: FxHashMap<u32, Vec<Wording>>,
}

#[derive(Debug)]
struct Wording {
    /// The name, folded.
    name: Box<str>,
    codes: Arc<[Code]>,
}

impl Worded {
    /// Reads the table; a row names a concept and one of its names.
    pub(crate) fn new(
        sources: &[Source<'_>],
        by_id: &FxHashMap<ConceptId, u32>,
        concepts: &[Concept],
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let mut worded = Self::default();
        let Some(source) = sources.iter().find(|source| source.path == TABLE) else {
            return worded;
        };
        let table = Table::parse(*source, mistakes);
        for row in table.rows() {
            let (name, id) = (row.get("name"), row.get("concept"));
            let found = by_id
                .get(id)
                .and_then(|key| Some((*key, concepts.get(*key as usize)?)));
            match found {
                Some((key, concept)) if concept.is_called(name) => {
                    let codes = with_icd10(concept, name, row.get("icd10"));
                    let name = folded(name);
                    worded
                        .by_key
                        .entry(key)
                        .or_default()
                        .push(Wording { name, codes });
                }
                Some(_) => mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    format!("{id} has no name {name}: add it to its row, or take this one out"),
                )),
                None => mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    format!("no row has the id {id}"),
                )),
            }
        }
        worded
    }

    /// Adds codes of a wording to those it has, its own or the concept's, in the place of those of the same system.
    pub(crate) fn add(&mut self, key: u32, concept: &Concept, name: &str, codes: &[Code]) {
        let wordings = self.by_key.entry(key).or_default();
        let name = folded(name);
        let known = wordings.iter_mut().find(|wording| wording.name == name);
        let own = known.as_ref().map_or(&concept.codes, |wording| &wording.codes);
        let stays = |own: &&Code| !codes.iter().any(|code| code.system == own.system);
        let all = own.iter().filter(stays).chain(codes).cloned().collect();
        match known {
            Some(wording) => wording.codes = all,
            None => wordings.push(Wording { name, codes: all }),
        }
    }

    /// The codes of the concept under this wording, when it has codes of its own.
    pub(crate) fn codes(&self, key: u32, text: impl FnOnce() -> String) -> Option<&Arc<[Code]>> {
        let wordings = self.by_key.get(&key)?;
        let text = folded(&text());
        wordings
            .iter()
            .find(|wording| wording.name == text)
            .map(|wording| &wording.codes)
    }
}

fn folded(text: &str) -> Box<str> {
    let folded: String = text.nfkc().filter(|c| !c.is_whitespace()).collect();
    folded.to_lowercase().into()
}

/// The concept's codes with this one in the place of its ICD-10 code.
fn with_icd10(concept: &Concept, name: &str, icd10: &str) -> Arc<[Code]> {
    let own = Code {
        system: system::ICD10.into(),
        code: icd10.into(),
        display: name.into(),
    };
    let is_icd10 = |code: &&Code| code.system.as_ref() == system::ICD10;
    match concept.codes.iter().position(|code| is_icd10(&code)) {
        Some(at) => concept
            .codes
            .iter()
            .enumerate()
            .map(|(index, code)| if index == at { own.clone() } else { code.clone() })
            .collect(),
        None => concept.codes.iter().cloned().chain([own]).collect(),
    }
}
