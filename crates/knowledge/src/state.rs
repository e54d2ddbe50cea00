//! States: what a patient can show, named by a concept, for a test with the level of its result (`test.crp=high`).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tsumugi_clinical::Interpretation;
use tsumugi_tables::{Source, Table};
use tsumugi_terminology::Vocabulary;

/// A state: a concept id, or a concept id with `=low|normal|high|positive|negative`. In the space of the Human
/// Phenotype Ontology it is a term (`HP:0001945`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(Arc<str>);

impl State {
    /// Wraps the text of a state.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The state of a test at a level.
    pub fn of_test(concept: &str, level: Interpretation) -> Self {
        Self(format!("{concept}={}", word(level)).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The concept.
    pub fn concept(&self) -> &str {
        self.0.split_once('=').map_or(&self.0, |(concept, _)| concept)
    }

    /// The level of the test's result, for a state of a test.
    pub fn level(&self) -> Option<&str> {
        self.0.split_once('=').map(|(_, level)| level)
    }
}

impl std::borrow::Borrow<str> for State {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn word(level: Interpretation) -> &'static str {
    match level {
        Interpretation::Low => "low",
        Interpretation::Normal => "normal",
        Interpretation::High => "high",
        Interpretation::Positive => "positive",
        Interpretation::Negative => "negative",
    }
}

/// Which finding a level of a test is: `test.crp=high` is `elevated-crp`. Read from `coding/derivations.tsv` and, for
/// what no derivation names, `knowledge/levels.tsv`, so that a value and the finding that it means meet in one state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels(BTreeMap<State, State>);

impl Levels {
    /// Reads the derivations; mistakes of that table are `coding`'s to report.
    pub fn new(sources: &[Source<'_>]) -> Self {
        let mut levels = BTreeMap::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "coding/derivations.tsv")
        {
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                let level = match row.get("comparator") {
                    ">" | ">=" | "high" => Interpretation::High,
                    "<" | "<=" | "low" => Interpretation::Low,
                    "positive" => Interpretation::Positive,
                    "negative" => Interpretation::Negative,
                    _ => continue,
                };
                if row.get("polarity") == "present" {
                    let state = State::of_test(row.get("test"), level);
                    levels
                        .entry(state)
                        .or_insert_with(|| State::new(row.get("finding")));
                }
            }
        }
        for source in sources
            .iter()
            .filter(|source| source.path == "knowledge/levels.tsv")
        {
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                levels
                    .entry(State::new(row.get("state")))
                    .or_insert_with(|| State::new(row.get("finding")));
            }
        }
        Self(levels)
    }

    /// The tests of which a level is a finding, each once, by id.
    pub fn tests_of(&self, finding: &State) -> Vec<&str> {
        let levels = self.0.iter().filter(|(_, known)| *known == finding);
        let mut tests: Vec<&str> = levels.map(|(level, _)| level.concept()).collect();
        tests.dedup();
        tests
    }

    /// The state by which it is known.
    pub fn canonical(&self, state: State) -> State {
        self.0.get(&state).cloned().unwrap_or(state)
    }
}

/// What a state means beside the hierarchy of the concepts, from `knowledge/implied.tsv`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Implied(BTreeMap<State, Vec<State>>);

impl Implied {
    /// Reads the table.
    pub fn new(sources: &[Source<'_>], levels: &Levels) -> Self {
        let mut implied: BTreeMap<State, Vec<State>> = BTreeMap::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "knowledge/implied.tsv")
        {
            for row in Table::parse(*source, &mut Vec::new()).rows() {
                let meant = row.list("means").map(|state| levels.canonical(State::new(state)));
                implied
                    .entry(levels.canonical(State::new(row.get("state"))))
                    .or_default()
                    .extend(meant);
            }
        }
        Self(implied)
    }

    /// Everything broader than a state: ancestors of its concept and what these mean, without the state itself, nearest
    /// first. The level of a test has no ancestors.
    pub fn broader(&self, vocabulary: &Vocabulary, state: &State) -> Vec<State> {
        let mut found = vec![state.clone()];
        let mut next = 0;
        while let Some(state) = found.get(next).cloned() {
            next += 1;
            let parents = vocabulary
                .concept(state.as_str())
                .map_or(&[][..], |concept| &concept.parents);
            let parents = parents
                .iter()
                .filter_map(|parent| vocabulary.get(*parent))
                .map(|concept| State::new(concept.id.as_str()));
            let meant = self.0.get(&state).into_iter().flatten().cloned();
            for broader in parents.chain(meant) {
                if !found.contains(&broader) {
                    found.push(broader);
                }
            }
        }
        found.remove(0);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_and_the_finding_it_means_are_one_state() {
        let text = "rule\ttest\tcomparator\tfinding\tpolarity\na\ttest.crp\thigh\televated-crp\tpresent\n";
        let levels = Levels::new(&[Source {
            path: "coding/derivations.tsv",
            text,
        }]);
        let high = State::of_test("test.crp", Interpretation::High);
        assert_eq!(high.concept(), "test.crp");
        assert_eq!(high.level(), Some("high"));
        assert_eq!(levels.canonical(high).as_str(), "elevated-crp");
        let low = State::new("test.crp=low");
        assert_eq!(levels.canonical(low.clone()), low);
    }
}
