//! The assertion log: everything that was stated since the embedded tables, in order, with its source.
//!
//! Nothing in it is changed or removed. A retraction is an assertion too: it takes back what stands before it. What is
//! asked is a *view* of the log: up to a date, without some sources.

use crate::accepted::Accepted;
use crate::hpo::{Annotated, Term};
use crate::profile::FindingRow;
use crate::state::State;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_clinical::Sex;

/// A case: what was observed and excluded in one patient whose disease is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Case {
    /// Id of the case, unique within its source.
    pub id: Arc<str>,
    /// The disease: a concept of ours, or a code (`OMIM:154700`).
    pub disease: Arc<str>,
    /// What was there.
    pub observed: Vec<State>,
    /// What was looked for and was not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<State>,
    /// Sex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Age in years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<f64>,
    /// When the disease began: a term of onset (`HP:0003577`), or the age as an ISO 8601 duration (`P3Y6M`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onset: Option<State>,
}

/// Why a case cannot be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The same state is observed and excluded.
    #[error("{0} is both observed and excluded; state it once")]
    Contradiction(State),
    /// Nothing was observed or excluded.
    #[error("the case has no finding")]
    Empty,
    /// No disease.
    #[error("the case names no disease")]
    NoDisease,
}

impl Case {
    /// Sorts the findings, drops repeated ones, and refuses what cannot be counted.
    pub fn checked(mut self) -> Result<Self, CaseError> {
        for list in [&mut self.observed, &mut self.excluded] {
            list.sort();
            list.dedup();
        }
        if self.disease.is_empty() {
            return Err(CaseError::NoDisease);
        }
        if self.observed.is_empty() && self.excluded.is_empty() {
            return Err(CaseError::Empty);
        }
        let both = |state: &&State| self.excluded.binary_search(state).is_ok();
        match self.observed.iter().find(both) {
            Some(state) => Err(CaseError::Contradiction(state.clone())),
            None => Ok(self),
        }
    }

    /// Whether it is told in terms of the Human Phenotype Ontology.
    pub fn is_phenotypic(&self) -> bool {
        let all = self.observed.iter().chain(&self.excluded);
        all.take(1).any(|state| state.as_str().starts_with("HP:"))
    }
}

/// A step of a causal chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// The disease in whose chain it stands.
    pub disease: Arc<str>,
    /// What brings it about.
    pub cause: State,
    /// What is brought about.
    pub effect: State,
}

/// What an assertion says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statement {
    /// A case with its disease.
    Case(Case),
    /// How often a disease shows a finding, from a text or a correction.
    Finding(FindingRow),
    /// A step of a causal chain, from a text.
    Cause(Cause),
    /// Something accepted from a text that other parts read: its kind and its fields.
    Accepted(Accepted),
    /// A term of the Human Phenotype Ontology.
    Term(Term),
    /// The annotations of a disease by the ontology's project.
    Annotated(Annotated),
    /// Takes back an assertion by its number.
    RetractAssertion(u64),
    /// Takes back everything that a source has stated so far.
    RetractSource(Arc<str>),
    /// Takes back one case of any source.
    RetractCase(Arc<str>),
}

impl Statement {
    /// The word for its kind, in the log and in reports.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Case(_) => "case",
            Self::Finding(_) => "finding",
            Self::Cause(_) => "cause",
            Self::Accepted(_) => "accepted",
            Self::Term(_) => "term",
            Self::Annotated(_) => "annotated",
            Self::RetractAssertion(_) | Self::RetractSource(_) | Self::RetractCase(_) => "retraction",
        }
    }

    /// What it is about.
    pub fn subject(&self) -> String {
        match self {
            Self::Case(case) => case.disease.to_string(),
            Self::Finding(row) => row.disease.to_string(),
            Self::Cause(cause) => cause.disease.to_string(),
            Self::Accepted(accepted) => accepted
                .fields
                .values()
                .next()
                .map(ToString::to_string)
                .unwrap_or_default(),
            Self::Term(term) => term.id.to_string(),
            Self::Annotated(annotated) => annotated.disease.to_string(),
            Self::RetractAssertion(id) => id.to_string(),
            Self::RetractSource(name) | Self::RetractCase(name) => name.to_string(),
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assertion {
    /// Its place in the order of the log.
    pub id: u64,
    /// Id of the source: a publication, a file with its edition, the site.
    pub source: Arc<str>,
    /// Day on which it was stated.
    pub date: Date,
    /// Who stated it: a person, or an extractor with its version.
    pub by: Arc<str>,
    /// What it says.
    pub said: Statement,
}

/// Which part of the log is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Only what was stated up to this day.
    pub as_of: Option<Date>,
    /// Without what these sources state.
    pub without: BTreeSet<Arc<str>>,
}

/// Cells by column.
type Fields = BTreeMap<Arc<str>, Arc<str>>;

/// The assertions of a view that are still held, in the order of the log.
pub fn active<'l>(log: &'l [Assertion], view: &View) -> Vec<&'l Assertion> {
    let seen: Vec<&Assertion> = log
        .iter()
        .filter(|assertion| view.as_of.is_none_or(|day| assertion.date <= day))
        .collect();
    let mut by_id: BTreeSet<u64> = BTreeSet::new();
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    let mut cases: BTreeMap<&str, u64> = BTreeMap::new();
    for assertion in &seen {
        match &assertion.said {
            Statement::RetractAssertion(id) => {
                by_id.insert(*id);
            }
            Statement::RetractSource(source) => {
                sources.insert(source, assertion.id);
            }
            Statement::RetractCase(case) => {
                cases.insert(case, assertion.id);
            }
            _ => {}
        }
    }
    // A case that is told again under the same id replaces what was told before.
    let mut newest: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for assertion in &seen {
        if let Statement::Case(case) = &assertion.said
            && !by_id.contains(&assertion.id)
        {
            newest.insert((&assertion.source, &case.id), assertion.id);
        }
    }
    // What is accepted again from the same source stands once.
    let mut accepted: BTreeMap<(&str, &str, &Fields), u64> = BTreeMap::new();
    for assertion in &seen {
        if let Statement::Accepted(said) = &assertion.said
            && !by_id.contains(&assertion.id)
        {
            accepted.insert((&assertion.source, &said.kind, &said.fields), assertion.id);
        }
    }
    let is_replaced = |assertion: &Assertion| match &assertion.said {
        Statement::Accepted(said) => {
            let key = (assertion.source.as_ref(), said.kind.as_ref(), &said.fields);
            accepted.get(&key) != Some(&assertion.id)
        }
        Statement::Case(case) => {
            newest.get(&(assertion.source.as_ref(), case.id.as_ref())) != Some(&assertion.id)
        }
        _ => false,
    };
    let is_taken_back = |assertion: &Assertion| {
        let before = |at: Option<&u64>| at.is_some_and(|at| assertion.id < *at);
        let case = match &assertion.said {
            Statement::Case(case) => before(cases.get(case.id.as_ref())),
            _ => false,
        };
        case || is_replaced(assertion)
            || by_id.contains(&assertion.id)
            || before(sources.get(assertion.source.as_ref()))
    };
    seen.into_iter()
        .filter(|assertion| assertion.said.kind() != "retraction")
        .filter(|assertion| !view.without.contains(&assertion.source) && !is_taken_back(assertion))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(observed: &[&str], excluded: &[&str]) -> Case {
        let states = |list: &[&str]| list.iter().map(|state| State::new(*state)).collect();
        Case {
            id: "c".into(),
            disease: "OMIM:1".into(),
            observed: states(observed),
            excluded: states(excluded),
            sex: None,
            age: None,
            onset: None,
        }
    }

    #[test]
    fn a_case_that_contradicts_itself_is_refused() {
        let error = case(&["a", "b"], &["b"]).checked().unwrap_err();
        assert_eq!(error, CaseError::Contradiction(State::new("b")));
        assert_eq!(case(&[], &[]).checked().unwrap_err(), CaseError::Empty);
        let sorted = case(&["b", "a", "b"], &[]).checked().unwrap();
        assert_eq!(sorted.observed, [State::new("a"), State::new("b")]);
    }

    fn log() -> Vec<Assertion> {
        let entry = |id: u64, source: &str, day: i8, said: Statement| Assertion {
            id,
            source: source.into(),
            date: jiff::civil::date(2026, 11, day),
            by: "test".into(),
            said,
        };
        vec![
            entry(1, "PMID:1", 1, Statement::Case(case(&["a"], &[]))),
            entry(2, "PMID:2", 2, Statement::Case(case(&["b"], &[]))),
            entry(3, "site", 3, Statement::RetractSource("PMID:1".into())),
            entry(4, "PMID:1", 4, Statement::Case(case(&["c"], &[]))),
            entry(5, "site", 5, Statement::RetractAssertion(2)),
        ]
    }

    fn check(view: &View, wanted: &[u64]) {
        let log = log();
        let ids: Vec<u64> = active(&log, view).iter().map(|assertion| assertion.id).collect();
        assert_eq!(ids, wanted, "{view:?}");
    }

    #[test]
    fn a_view_holds_what_was_stated_and_not_taken_back() {
        check(&View::default(), &[4]);
        let up_to = |day: i8| View {
            as_of: Some(jiff::civil::date(2026, 11, day)),
            ..View::default()
        };
        check(&up_to(2), &[1, 2]);
        check(&up_to(4), &[2, 4]);
        let without = View {
            without: BTreeSet::from(["PMID:1".into()]),
            ..up_to(4)
        };
        check(&without, &[2]);
    }
}
