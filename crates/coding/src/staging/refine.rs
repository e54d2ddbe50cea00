//! What a stage makes of the concept and the code of its disease: 慢性腎臓病 at G4 is N18.4.

use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{Code, Event, Modifier};
use tsumugi_tables::{Mistake, Source, Table};
use tsumugi_terminology::{Vocabulary, system};

const PATH: &str = "coding/staged.tsv";

/// The rows of `coding/staged.tsv`: staging and value → what they say of a concept.
#[derive(Debug, Default)]
pub(crate) struct Refinements(BTreeMap<(Box<str>, Box<str>), Vec<Refinement>>);

#[derive(Debug)]
struct Refinement {
    /// The concept, with all that is narrower.
    concept: u32,
    /// What it is at this stage.
    refined: Option<u32>,
    /// Its code at this stage, where no concept says it.
    icd10: Option<Arc<str>>,
    /// Whether the refined concept says all that the value says.
    says_all: bool,
}

impl Refinements {
    pub(crate) fn new(sources: &[Source<'_>], vocabulary: &Vocabulary, mistakes: &mut Vec<Mistake>) -> Self {
        let Some(source) = sources.iter().find(|source| source.path == PATH) else {
            mistakes.push(Mistake::new(PATH, 1, "missing"));
            return Self::default();
        };
        let table = Table::parse(*source, mistakes);
        let mut refinements = Self::default();
        for row in table.rows() {
            let key = |column: &str| vocabulary.key(row.get(column));
            let refined = key("refined");
            let Some(concept) = key("concept").filter(|_| refined.is_some() || row.get("refined").is_empty())
            else {
                mistakes.push(Mistake::new(PATH, row.line, "unknown concept"));
                continue;
            };
            let icd10 = row.get("icd10");
            for value in row.list("values") {
                let rules = refinements.0.entry((row.get("staging").into(), value.into()));
                rules.or_default().push(Refinement {
                    concept,
                    refined,
                    icd10: (!icd10.is_empty()).then(|| icd10.into()),
                    says_all: row.get("says_all") == "yes",
                });
            }
        }
        refinements
    }

    /// Gives an event the concept and the code of its stages. What the concept then says is no longer part of the fact
    /// beside it.
    pub(crate) fn apply(&self, vocabulary: &Vocabulary, event: &mut Event) {
        let mut modifiers = std::mem::take(&mut event.modifiers);
        for modifier in &mut modifiers {
            let is_said = self.refine(vocabulary, modifier, event);
            modifier.in_fact &= !is_said;
        }
        event.modifiers = modifiers;
    }

    /// Refines an event by one modifier; whether its concept now says all of it.
    fn refine(&self, vocabulary: &Vocabulary, modifier: &Modifier, event: &mut Event) -> bool {
        let Some(own) = vocabulary.key(event.concept.as_str()) else {
            return false;
        };
        let whole = (
            Box::from(modifier.system.as_ref()),
            Box::from(modifier.value.as_ref()),
        );
        let by_whole = self.0.get(&whole);
        let by_part = || {
            let part = |(name, value): (&Arc<str>, &Arc<str>)| {
                let value = format!("{name}{value}").into();
                self.0.get(&(Box::from(modifier.system.as_ref()), value))
            };
            modifier.parts.iter().find_map(part)
        };
        let Some(rules) = by_whole.or_else(by_part) else {
            return false;
        };
        let ancestors = vocabulary.ancestors(own);
        let nearest = ancestors
            .iter()
            .find_map(|concept| rules.iter().find(|rule| rule.concept == *concept));
        let Some(rule) = nearest else { return false };
        if let Some(code) = &rule.icd10 {
            recode(event, code);
        }
        let Some(refined) = rule.refined else { return false };
        if vocabulary.is_a(refined, own)
            && let Some(concept) = vocabulary.get(refined)
        {
            event.concept = concept.id.clone();
            event.name = Arc::clone(&concept.name);
            event.codes = Arc::clone(&concept.codes);
            // The site that the concept has is said.
            event.site = event.site.take().filter(|_| concept.site.is_none());
        }
        let is_it = vocabulary
            .key(event.concept.as_str())
            .is_some_and(|key| vocabulary.is_a(key, refined));
        is_it && by_whole.is_some() && rule.says_all
    }
}

/// Puts a code in the place of the ICD-10 code, where both are of one category.
fn recode(event: &mut Event, icd10: &Arc<str>) {
    const CATEGORY: usize = 3;
    let is_of_category =
        |code: &Code| &*code.system == system::ICD10 && code.code.get(..CATEGORY) == icd10.get(..CATEGORY);
    if !event.codes.iter().any(is_of_category) {
        return;
    }
    let codes = event.codes.iter().map(|code| {
        let mut code = code.clone();
        if is_of_category(&code) {
            code.code = Arc::clone(icd10);
        }
        code
    });
    event.codes = codes.collect();
}
