//! Concepts by what a FHIR resource calls them: by a code of a system that the vocabulary maps to, else by its words.
//!
//! A code that several concepts share (ICD-10 has few codes and we many diseases) is decided by the words beside it,
//! else it is the concept above all the others, else it is not decided by the code at all.

use super::request::{list, text};
use serde_json::Value;
use std::collections::BTreeMap;
use tsumugi_clinical::{Note, StructuredNote};
use tsumugi_coding::Coder;
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Vocabulary, system};

/// Longest words that are read, in characters; names of drugs and orders are a tenth of it.
const LONGEST_WORDS: usize = 500;
/// Characters of a JLAC10 code that name the analyte; the rest is identification, specimen, method.
const ANALYTE: usize = 5;
/// Shortest ICD-10 code that is looked for: a category.
const CATEGORY: usize = 3;

/// Addresses under which other systems name the code systems of the vocabulary, as FHIR R4, JP Core and the OIDs of HL7
/// have them.
const ADDRESSES: [(&str, &str); 12] = [
    (system::TSUMUGI, system::TSUMUGI),
    (system::ICD10, system::ICD10),
    ("http://hl7.org/fhir/sid/icd-10", system::ICD10),
    ("urn:oid:2.16.840.1.113883.6.3", system::ICD10),
    (system::HPO, system::HPO),
    ("http://purl.obolibrary.org/obo/hp.owl", system::HPO),
    (system::LOINC, system::LOINC),
    ("urn:oid:2.16.840.1.113883.6.1", system::LOINC),
    (system::JLAC10, system::JLAC10),
    ("urn:oid:1.2.392.200119.4.504", system::JLAC10),
    (system::ATC, system::ATC),
    ("urn:oid:2.16.840.1.113883.6.73", system::ATC),
];

/// Concepts by system and code, and by English name.
#[derive(Debug, Default)]
pub(crate) struct CodeIndex {
    codes: BTreeMap<(&'static str, String), Vec<u32>>,
    english: BTreeMap<String, Vec<u32>>,
}

impl CodeIndex {
    /// Indexes all codes and English names of a vocabulary.
    pub(crate) fn new(vocabulary: &Vocabulary) -> Self {
        let mut index = Self::default();
        for (key, concept) in vocabulary.iter() {
            for code in concept.codes.iter() {
                if let Some(system) = system_at(&code.system) {
                    let code = folded(system, &code.code);
                    index.codes.entry((system, code)).or_default().push(key);
                }
            }
            if !concept.english.is_empty() {
                let english = concept.english.to_lowercase();
                index.english.entry(english).or_default().push(key);
            }
        }
        index
    }

    fn in_english(&self, words: &str) -> &[u32] {
        self.english.get(&words.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The concepts of a code; of the nearest broader code where an ICD-10 code is finer than ours.
    fn of(&self, system: &'static str, code: &str) -> &[u32] {
        let mut code = folded(system, code);
        loop {
            if let Some(keys) = self.codes.get(&(system, code.clone())) {
                return keys;
            }
            let is_broader_left = system == system::ICD10 && code.chars().count() > CATEGORY;
            if !is_broader_left || code.pop().is_none() {
                return &[];
            }
        }
    }
}

fn system_at(address: &str) -> Option<&'static str> {
    let known = ADDRESSES.iter().find(|(other, _)| *other == address);
    known.map(|(_, system)| *system)
}

/// A code as it is compared: without the dot of ICD-10, the analyte of JLAC10 alone, capitals but for our own.
fn folded(system: &str, code: &str) -> String {
    let code = code.trim();
    match system {
        system::TSUMUGI => code.to_owned(),
        system::ICD10 => code.replace('.', "").to_ascii_uppercase(),
        system::JLAC10 => code
            .chars()
            .take(ANALYTE)
            .collect::<String>()
            .to_ascii_uppercase(),
        _ => code.to_ascii_uppercase(),
    }
}

/// Finds concepts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// The engine.
    pub(crate) coder: &'a Coder,
    /// The codes.
    pub(crate) codes: &'a CodeIndex,
}

impl Names<'_> {
    /// The concept of a `CodeableConcept`, of one of the kinds: by its codes, ours first, else by its words where they
    /// are a name.
    pub(crate) fn find(&self, concept: &Value, kinds: &[TermKind]) -> Option<u32> {
        let words = words(concept);
        let mut codes: Vec<(&'static str, &str)> = list(concept, "coding")
            .iter()
            .filter_map(|coding| Some((system_at(text(coding, "system")?)?, text(coding, "code")?)))
            .collect();
        codes.sort_by_key(|(system, _)| *system != system::TSUMUGI);
        let by_code = codes
            .into_iter()
            .find_map(|(system, code)| self.decided(self.codes.of(system, code), &words, kinds));
        by_code.or_else(|| words.iter().find_map(|words| self.named(words, kinds)))
    }

    /// The concept with exactly this name, Japanese or English.
    pub(crate) fn named(&self, words: &str, kinds: &[TermKind]) -> Option<u32> {
        let vocabulary = self.coder.vocabulary();
        let is_wanted = |key: &u32| vocabulary.get(*key).is_some_and(|own| kinds.contains(&own.kind));
        let named = self.coder.reader().concepts_named(words);
        let in_english = self.codes.in_english(words).iter().copied();
        named
            .into_iter()
            .map(|(_, key)| key)
            .chain(in_english)
            .find(is_wanted)
    }

    /// The words as the engine reads a note.
    pub(crate) fn read(&self, words: &str) -> StructuredNote {
        self.coder.structure(&Note {
            text: words.chars().take(LONGEST_WORDS).collect(),
            ..Note::default()
        })
    }

    /// Which of the concepts of one code is meant.
    fn decided(&self, candidates: &[u32], words: &[&str], kinds: &[TermKind]) -> Option<u32> {
        let vocabulary = self.coder.vocabulary();
        let fitting: Vec<u32> = candidates
            .iter()
            .copied()
            .filter(|key| vocabulary.get(*key).is_some_and(|own| kinds.contains(&own.kind)))
            .collect();
        if let [only] = fitting.as_slice() {
            return Some(*only);
        }
        let named = words.iter().find_map(|words| {
            let named = self.named(words, kinds)?;
            fitting.contains(&named).then_some(named)
        });
        named.or_else(|| {
            let is_above_all = |key: &&u32| fitting.iter().all(|other| vocabulary.is_a(*other, **key));
            fitting.iter().find(is_above_all).copied()
        })
    }
}

/// The words of a `CodeableConcept`: its text, then what its codes are called.
pub(crate) fn words(concept: &Value) -> Vec<&str> {
    let displays = list(concept, "coding")
        .iter()
        .filter_map(|coding| text(coding, "display"));
    let mut words: Vec<&str> = text(concept, "text").into_iter().chain(displays).collect();
    words.dedup();
    words
}

/// How a `CodeableConcept` is told to a reader who has to look it up: its words, else its code with the system.
pub(crate) fn label(concept: &Value) -> Option<String> {
    let own = words(concept).first().map(|words| (*words).to_owned());
    own.or_else(|| {
        list(concept, "coding").iter().find_map(|coding| {
            let code = text(coding, "code")?;
            let system = text(coding, "system").map_or("?", system::label);
            Some(format!("{system} {code}"))
        })
    })
}

/// The first code of a field that holds a code or a `CodeableConcept`, whatever its system.
pub(crate) fn code_of<'v>(resource: &'v Value, key: &str) -> Option<&'v str> {
    if let Some(code) = text(resource, key) {
        return Some(code);
    }
    let concept = list(resource, key).first()?;
    list(concept, "coding")
        .iter()
        .find_map(|coding| text(coding, "code"))
}
