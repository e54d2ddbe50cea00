//! Codes of other systems → our concepts: those of the vocabulary's rows, and those of `coding/codes.tsv`.

use rustc_hash::FxHashMap;
use std::sync::OnceLock;
use tsumugi_tables::{Mistake, Source, Table};
use tsumugi_terminology::{Vocabulary, canonical, system};

const PATH: &str = "coding/codes.tsv";
/// Characters of a JLAC10 code that name the analyte, and those with what tells analytes apart.
const ANALYTE: usize = 5;

/// A code with its system.
type Place = (Box<str>, Box<str>);

/// All codes that name a concept; a code may name several.
#[derive(Debug, Default)]
pub(crate) struct CodeIndex {
    /// Codes of `coding/codes.tsv`, which say which concept is meant.
    stated: FxHashMap<Place, u32>,
    /// Codes of the vocabulary's rows; made when a code is first asked for.
    own: OnceLock<FxHashMap<Place, Vec<u32>>>,
}

/// The concepts that a code may mean.
#[derive(Debug, Default)]
pub(super) struct Meant {
    /// The one that the table says, where the rows leave it open.
    pub(super) stated: Option<u32>,
    /// All whose row has the code.
    pub(super) held: Vec<u32>,
}

impl CodeIndex {
    pub(super) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let mut index = Self::default();
        for source in sources.iter().filter(|source| source.path == PATH) {
            for row in Table::parse(*source, mistakes).rows() {
                if let Some(key) = vocabulary.key(row.get("concept")) {
                    let place = (row.get("system").into(), row.get("code").into());
                    index.stated.insert(place, key);
                } else {
                    let message = format!("no concept {}", row.get("concept"));
                    mistakes.push(Mistake::new(PATH, row.line, message));
                }
            }
        }
        index
    }

    fn own(&self, vocabulary: &Vocabulary) -> &FxHashMap<Place, Vec<u32>> {
        self.own.get_or_init(|| {
            let mut own: FxHashMap<Place, Vec<u32>> = FxHashMap::default();
            for (key, concept) in vocabulary.iter() {
                for code in concept.codes.iter() {
                    let place = (Box::from(code.system.as_ref()), Box::from(code.code.as_ref()));
                    own.entry(place).or_default().push(key);
                }
            }
            own
        })
    }

    /// The concepts that a code may mean: of the code itself, else of what it is a part of.
    pub(super) fn concepts(&self, vocabulary: &Vocabulary, of: &str, code: &str) -> Meant {
        let of = canonical(of);
        let found = forms(of, code.trim()).into_iter().find_map(|form| {
            let place = (Box::from(of), form.into_boxed_str());
            let stated = self.stated.get(&place).copied();
            let held = self.own(vocabulary).get(&place).cloned().unwrap_or_default();
            (stated.is_some() || !held.is_empty()).then_some(Meant { stated, held })
        });
        found.unwrap_or_default()
    }
}

/// The forms in which our tables may hold a code, the narrowest first. ICD-10 is written with and without its point, and
/// Japanese codes go finer than ours; JLAC10 has 17 characters, of which five name the analyte.
fn forms(of: &str, code: &str) -> Vec<String> {
    match of {
        system::ICD10 => icd10(code),
        system::JLAC10 => {
            let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
            let analyte: String = plain.chars().take(ANALYTE).collect();
            let with_identification: String = plain.chars().take(ANALYTE + 4).collect();
            vec![plain, with_identification, analyte]
        }
        system::HPO => vec![code.replace("HP_", "HP:")],
        _ => vec![code.to_owned()],
    }
}

fn icd10(code: &str) -> Vec<String> {
    let plain: String = code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let (category, rest) = plain.split_at_checked(3).unwrap_or((&plain, ""));
    let mut forms: Vec<String> = (1..=rest.len())
        .rev()
        .filter_map(|length| Some(format!("{category}.{}", rest.get(..length)?)))
        .collect();
    forms.push(category.to_owned());
    // A category alone is its unspecified form.
    if rest.is_empty() {
        forms.push(format!("{category}.9"));
    }
    forms
}
