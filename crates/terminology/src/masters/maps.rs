//! From codes to concepts and back: what the embedded tables and the site's masters say together.

use super::join::NO_CONCEPT;
use crate::concept::system;
use crate::import::icd10;
use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;
use tsumugi_clinical::{Code, ConceptId};

/// What asks for concepts by codes, and for codes by concepts. Systems are named by their FHIR address.
pub trait Codes: fmt::Debug {
    /// The concept of a code; nothing where the code is not known or means several.
    fn concept(&self, system: &str, code: &str) -> Option<ConceptId>;

    /// What a code is called.
    fn display(&self, system: &str, code: &str) -> Option<String>;

    /// All codes of a concept, sorted by system and code.
    fn codes(&self, concept: &str) -> Vec<Code>;
}

/// Codes of the embedded concepts, by system and code.
pub(crate) type OwnCodes = FxHashMap<Arc<str>, FxHashMap<Arc<str>, Vec<u32>>>;

/// The maps of a vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Maps<'v> {
    vocabulary: &'v Vocabulary,
}

/// Characters of the analyte in a JLAC10 code.
const ANALYTE: usize = 5;
/// Lengths of HOT codes from the finest to the drug itself, with their systems.
const HOT: [(usize, &str); 3] = [(13, system::HOT13), (9, system::HOT9), (7, system::HOT7)];

impl<'v> Maps<'v> {
    pub(crate) fn new(vocabulary: &'v Vocabulary) -> Self {
        Self { vocabulary }
    }

    /// Keys of the concepts that a code means, those of the embedded tables first. A code that is longer than what is
    /// known (JLAC10 with method and material, HOT13) is looked up by its beginning, too.
    pub fn keys(&self, system: &str, code: &str) -> Vec<u32> {
        let code = normal(system, code);
        let found = self.exactly(system, &code);
        if !found.is_empty() {
            return found;
        }
        let shorter: Vec<(&str, &str)> = match system {
            system::JLAC10 => code
                .get(..ANALYTE)
                .map(|analyte| (system, analyte))
                .into_iter()
                .collect(),
            system::HOT13 | system::HOT9 => HOT
                .iter()
                .filter(|(length, _)| *length < code.len())
                .filter_map(|(length, other)| Some((*other, code.get(..*length)?)))
                .collect(),
            _ => Vec::new(),
        };
        shorter
            .into_iter()
            .map(|(system, code)| self.exactly(system, code))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn exactly(self, system: &str, code: &str) -> Vec<u32> {
        let own = self
            .vocabulary
            .own_codes()
            .get(system)
            .and_then(|codes| codes.get(code));
        let mut found: Vec<u32> = own.cloned().unwrap_or_default();
        for joined in self.vocabulary.joined() {
            let entries = joined.master.find(system, code);
            let keys = entries.filter_map(|entry| joined.keys.get(entry as usize).copied());
            for key in keys.filter(|key| *key != NO_CONCEPT) {
                if !found.contains(&key) {
                    found.push(key);
                }
            }
        }
        found
    }

    /// What exactly this code is called: as its master names it, else as the first concept that has it. None for a code that
    /// is not known itself, whatever its beginning means.
    pub fn called(&self, system: &str, code: &str) -> Option<String> {
        let code = normal(system, code);
        let of_master = self.vocabulary.joined().iter().find_map(|joined| {
            let entry = joined.master.find(system, &code).next()?;
            joined.master.entries.get(entry as usize)
        });
        if let Some(entry) = of_master {
            return Some(entry.name.text.to_string());
        }
        let codes = self.vocabulary.own_codes().get(system)?;
        let concept = self.vocabulary.get(*codes.get(code.as_str())?.first()?)?;
        Some(concept.name.to_string())
    }

    /// The one concept of a code; of several the one that all the others lie below.
    pub fn key(&self, system: &str, code: &str) -> Option<u32> {
        let found = self.keys(system, code);
        found
            .iter()
            .copied()
            .find(|above| found.iter().all(|key| self.vocabulary.is_a(*key, *above)))
    }

    /// Broader codes of a master with a hierarchy (SNOMED CT, HPO), directly above.
    pub fn broader(&self, system: &str, code: &str) -> Vec<String> {
        let mut broader = Vec::new();
        for joined in self.vocabulary.joined() {
            let master = &joined.master;
            let Some(index) = master.system(system) else {
                continue;
            };
            for entry in master
                .find(system, code)
                .filter_map(|entry| master.entries.get(entry as usize))
            {
                for parent in &entry.parents {
                    let at = master.entries.binary_search_by(|other| other.id.cmp(parent)).ok();
                    let above = at.and_then(|at| master.entries.get(at));
                    let codes = above.into_iter().flat_map(|above| &above.codes);
                    broader.extend(
                        codes
                            .filter(|code| code.system == index)
                            .map(|code| code.code.to_string()),
                    );
                }
            }
        }
        broader.sort_unstable();
        broader.dedup();
        broader
    }

    /// Whether a code is the other one or lies below it in the hierarchy of its master.
    pub fn is_a(&self, system: &str, code: &str, above: &str) -> bool {
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec![code.to_owned()];
        while let Some(code) = open.pop() {
            if code == above {
                return true;
            }
            let broader = self.broader(system, &code);
            seen.insert(code);
            open.extend(broader.into_iter().filter(|code| !seen.contains(code)));
        }
        false
    }
}

impl Codes for Maps<'_> {
    fn concept(&self, system: &str, code: &str) -> Option<ConceptId> {
        let key = self.key(system, code)?;
        self.vocabulary.get(key).map(|concept| concept.id.clone())
    }

    fn display(&self, system: &str, code: &str) -> Option<String> {
        let code = normal(system, code);
        let of_masters = self.vocabulary.joined().iter().find_map(|joined| {
            let entry = joined.master.find(system, &code).next()?;
            joined.master.entries.get(entry as usize)
        });
        let name = of_masters.map(|entry| entry.name.text.to_string());
        name.or_else(|| {
            let concept = self.vocabulary.get(self.key(system, &code)?)?;
            Some(concept.name.to_string())
        })
    }

    fn codes(&self, concept: &str) -> Vec<Code> {
        let Some(key) = self.vocabulary.key(concept) else {
            return Vec::new();
        };
        let own = self
            .vocabulary
            .get(key)
            .into_iter()
            .flat_map(|concept| concept.codes.iter().cloned());
        let mut codes: Vec<Code> = own.collect();
        for joined in self.vocabulary.joined() {
            let rows = joined.master.codes.iter();
            for row in rows.filter(|row| joined.keys.get(row.entry as usize) == Some(&key)) {
                let address = joined.master.systems.get(usize::from(row.code.system));
                let entry = joined.master.entries.get(row.entry as usize);
                if let (Some(address), Some(entry)) = (address, entry) {
                    codes.push(Code {
                        system: Arc::from(&**address),
                        code: Arc::from(&*row.code.code),
                        display: Arc::from(&*entry.name.text),
                    });
                }
            }
        }
        codes.sort();
        codes.dedup_by(|one, other| one.system == other.system && one.code == other.code);
        codes
    }
}

/// The form in which a code of a system is held.
fn normal(system: &str, code: &str) -> String {
    let code = code.trim();
    if system == system::ICD10 {
        return icd10(code).unwrap_or_else(|| code.to_owned());
    }
    code.to_owned()
}

/// The codes of all concepts.
pub(crate) fn own_codes(vocabulary: &Vocabulary) -> OwnCodes {
    let mut codes = OwnCodes::default();
    for (key, concept) in vocabulary.iter() {
        for code in concept.codes.iter() {
            let of_system = codes.entry(Arc::clone(&code.system)).or_default();
            of_system.entry(Arc::clone(&code.code)).or_default().push(key);
        }
    }
    codes
}
