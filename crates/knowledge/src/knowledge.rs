//! The knowledge as it is asked: the tables and the log, compiled; a new case changes it at once.

use crate::accepted::{Accepted, Concepts, Held, finding_row};
use crate::hpo::Terms;
use crate::log::{Assertion, Case, Cause, Statement, View, active};
use crate::profile::{FindingRow, Profiles};
use crate::space::{Counted, Space};
use crate::state::{Implied, Levels};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_tables::{Mistake, Source};

/// Why the knowledge cannot be built from its tables.
#[derive(Debug, thiserror::Error)]
#[error("{count} mistakes in the tables of the knowledge; the first: {first}")]
pub struct KnowledgeError {
    count: usize,
    first: Mistake,
}

/// The compiled knowledge: the same assertions give the same value, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    /// Our own diseases and findings.
    pub own: Space,
    /// Diseases and terms of the Human Phenotype Ontology, where a site has imported it.
    #[serde(with = "crate::packed")]
    pub phenotypes: Phenotypes,
    /// What people have accepted from texts, by its number in the log.
    pub accepted: BTreeMap<u64, Held>,
    /// The concepts that accepted statements may name.
    #[serde(skip)]
    pub concepts: Concepts,
    /// Which finding a level of a test is.
    #[serde(skip)]
    pub levels: Levels,
    /// What a state means beside the hierarchy.
    #[serde(skip)]
    pub implied: Implied,
}

/// The Human Phenotype Ontology with its annotations and the cases told in its terms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phenotypes {
    /// The terms.
    pub terms: Terms,
    /// The diseases by id, with annotations and learned cases.
    pub diseases: BTreeMap<Arc<str>, Phenotyped>,
}

/// A disease in terms of the Human Phenotype Ontology.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phenotyped {
    /// Name; empty where only cases name the disease.
    pub name: Arc<str>,
    /// Annotations by the ontology's project.
    pub annotations: Vec<crate::hpo::Annotation>,
    /// Cases that were learned, by source and id.
    pub cases: BTreeMap<(Arc<str>, Arc<str>), Case>,
}

impl Knowledge {
    /// Compiles the tables below `knowledge/`.
    pub fn new(sources: &[Source<'_>]) -> Result<Self, KnowledgeError> {
        let mut mistakes = Vec::new();
        let levels = Levels::new(sources);
        let profiles = Profiles::new(sources, &levels, &mut mistakes);
        match mistakes.first() {
            Some(first) => Err(KnowledgeError {
                count: mistakes.len(),
                first: first.clone(),
            }),
            None => Ok(Self {
                own: Space::of_tables(profiles),
                phenotypes: Phenotypes::default(),
                accepted: BTreeMap::new(),
                concepts: Concepts::new(sources),
                implied: Implied::new(sources, &levels),
                levels,
            }),
        }
    }

    /// The same with a view of the log compiled in.
    #[must_use]
    pub fn with(mut self, log: &[Assertion], view: &View) -> Self {
        for assertion in active(log, view) {
            self.absorb(assertion);
        }
        self
    }

    /// Adds what one assertion states. A retraction cannot be absorbed: [`Knowledge::forget`] takes back what it names.
    pub fn absorb(&mut self, assertion: &Assertion) {
        match &assertion.said {
            Statement::Case(case) => self.learn(&assertion.source, case),
            Statement::Finding(row) => self.own.state(row),
            Statement::Accepted(said) => self.hold(assertion, said.clone()),
            Statement::Cause(step) => self.hold(assertion, step_of(step)),
            Statement::Term(term) => {
                self.phenotypes.terms.edition = assertion.source.to_string();
                self.phenotypes
                    .terms
                    .terms
                    .insert(Arc::clone(&term.id), term.clone());
            }
            Statement::Annotated(annotated) => {
                let disease = self.phenotypes.diseases.entry(Arc::clone(&annotated.disease));
                let disease = disease.or_default();
                disease.name = Arc::clone(&annotated.name);
                disease.annotations.clone_from(&annotated.annotations);
            }
            Statement::RetractAssertion(_) | Statement::RetractSource(_) | Statement::RetractCase(_) => {}
        }
    }

    /// Keeps an accepted statement; one on a finding is counted at its disease, if it can be read.
    fn hold(&mut self, assertion: &Assertion, said: Accepted) {
        let held = Held {
            source: Arc::clone(&assertion.source),
            date: assertion.date,
            by: Arc::clone(&assertion.by),
            said,
        };
        self.let_go(assertion.id);
        if let Some(row) = self.finding_of(&held) {
            self.own.state(&row);
        }
        self.accepted.insert(assertion.id, held);
    }

    /// Takes back an accepted statement by its number; afterwards the knowledge is as if it had never been accepted.
    pub fn let_go(&mut self, number: u64) {
        let held = self.accepted.remove(&number);
        if let Some(row) = held.and_then(|held| self.finding_of(&held)) {
            self.own.unstate(&row);
        }
    }

    fn finding_of(&self, held: &Held) -> Option<FindingRow> {
        if held.said.kind.as_ref() != "finding" {
            return None;
        }
        finding_row(held, &self.concepts, &self.levels).ok()
    }

    fn learn(&mut self, source: &Arc<str>, case: &Case) {
        if !case.is_phenotypic() {
            self.own.add(&counted(source, case));
            return;
        }
        let disease = self
            .phenotypes
            .diseases
            .entry(Arc::clone(&case.disease))
            .or_default();
        let key = (Arc::clone(source), Arc::clone(&case.id));
        disease.cases.insert(key, case.clone());
    }

    /// Takes back what one case taught; afterwards the knowledge is as if it had never been seen.
    pub fn forget(&mut self, source: &Arc<str>, case: &Case) {
        if !case.is_phenotypic() {
            self.own.remove(&counted(source, case));
            return;
        }
        let Some(disease) = self.phenotypes.diseases.get_mut(&case.disease) else {
            return;
        };
        disease.cases.remove(&(Arc::clone(source), Arc::clone(&case.id)));
        let is_empty = disease.cases.is_empty() && disease.annotations.is_empty() && disease.name.is_empty();
        if is_empty {
            self.phenotypes.diseases.remove(&case.disease);
        }
    }
}

/// A step of a chain as an accepted statement.
fn step_of(step: &Cause) -> Accepted {
    let fields = [
        ("disease", Arc::clone(&step.disease)),
        ("cause", step.cause.as_str().into()),
        ("effect", step.effect.as_str().into()),
    ];
    Accepted {
        kind: "cause".into(),
        fields: fields.map(|(name, value)| (name.into(), value)).into(),
        ..Accepted::default()
    }
}

fn counted<'c>(source: &'c Arc<str>, case: &'c Case) -> Counted<'c> {
    Counted {
        disease: &case.disease,
        source,
        observed: &case.observed,
        excluded: &case.excluded,
    }
}
