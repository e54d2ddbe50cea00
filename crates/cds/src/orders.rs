//! What is being considered, from orders alone: contrast CT and lipase ask whether it is the pancreas. And the test that
//! would tell the considered diseases apart and has not been ordered.
//!
//! Orders are read as findings are: a disease whose key test or treatment an order is has it more often than diseases in
//! general. The shares follow from the rank of a test in the disease's row (an estimate, not a count).

use crate::differential::{Differential, Finding, Findings, Ranked, Temper};
use crate::patient::Patient;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::Polarity;
use tsumugi_knowledge::{Danger, Disease, Evidence, Implied, Space, State, Status};
use tsumugi_terminology::Vocabulary;

/// Share of the patients of a disease in whom its first key test is ordered; each next one is ordered less often.
const FIRST: f32 = 0.85;
const NEXT: f32 = 0.82;
/// Share of the patients in whom a drug or procedure of the first line of treatment is ordered.
const TREATED: f32 = 0.35;
/// Diseases among which the missing test must tell.
const CONSIDERED: usize = 12;

/// Reads orders.
#[derive(Debug)]
pub struct Orders {
    differential: Differential,
    tests: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    feared: BTreeMap<Arc<str>, bool>,
}

/// A test that has not been ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// The test or examination.
    pub test: Arc<str>,
    /// Probability that lies on the considered diseases whose key test it is.
    pub share: f64,
    /// Order of the list: how evenly it splits what is considered, what must not be missed counting double.
    pub worth: f64,
}

/// What the orders say.
#[derive(Debug, Clone, Default)]
pub struct Considered {
    /// The diseases that are being considered, most likely first.
    pub ranked: Vec<Ranked>,
    /// Tests that would tell them apart, best first.
    pub missing: Vec<Missing>,
}

impl Orders {
    /// Reads the key tests and first lines of treatment of all diseases.
    pub fn new(space: &Space, vocabulary: &Vocabulary, implied: &Implied) -> Self {
        let ordered = Space {
            diseases: space
                .diseases
                .iter()
                .map(|(key, disease)| (Arc::clone(key), ordered(disease)))
                .collect(),
        };
        let profiles = || {
            let all = space.diseases.iter();
            all.filter_map(|(key, disease)| Some((Arc::clone(key), disease.profile.as_ref()?)))
        };
        Self {
            differential: Differential::new(&ordered, vocabulary, implied, Temper::of_orders()),
            tests: profiles()
                .map(|(key, profile)| (key, profile.key_tests.clone()))
                .collect(),
            feared: profiles()
                .map(|(key, profile)| (key, profile.danger == Danger::MustNotMiss))
                .collect(),
        }
    }

    /// What the orders of a patient say; age and sex count as they do for findings.
    pub fn considered(&self, vocabulary: &Vocabulary, patient: &Patient, top: usize) -> Considered {
        let mut findings = Findings {
            sex: patient.sex,
            age: patient.age,
            said: Vec::new(),
        };
        let drugs = patient.drugs.iter().map(|usage| (&usage.drug, &usage.place));
        let orders = patient.orders.iter().map(|(order, place)| (order, place));
        for (order, place) in orders.chain(drugs) {
            if findings
                .said
                .iter()
                .all(|said| said.state.as_str() != order.as_ref())
            {
                findings.said.push(Finding {
                    state: State::new(Arc::clone(order)),
                    polarity: Polarity::Present,
                    weight: 1.0,
                    place: Some(place.clone()),
                });
            }
        }
        if findings.said.is_empty() {
            return Considered::default();
        }
        let ranked = self.differential.rank(vocabulary, &findings, top.max(CONSIDERED));
        let missing = self.missing(vocabulary, &findings, &ranked);
        Considered {
            ranked: ranked.into_iter().take(top).collect(),
            missing,
        }
    }

    fn missing(&self, vocabulary: &Vocabulary, findings: &Findings, ranked: &[Ranked]) -> Vec<Missing> {
        let is_ordered = |test: &str| {
            let covers = |order: &str| {
                order == test
                    || vocabulary
                        .key(order)
                        .zip(vocabulary.key(test))
                        .is_some_and(|(order, test)| {
                            vocabulary.is_a(order, test) || vocabulary.is_a(test, order)
                        })
            };
            findings.said.iter().any(|said| covers(said.state.as_str()))
        };
        let considered: f64 = ranked.iter().take(CONSIDERED).map(|r| r.probability).sum();
        let mut shares: BTreeMap<&Arc<str>, (f64, f64)> = BTreeMap::new();
        for disease in ranked.iter().take(CONSIDERED) {
            let care = if self.feared.get(&disease.disease) == Some(&true) {
                2.0
            } else {
                1.0
            };
            for (rank, test) in (1u32..).zip(self.tests.get(&disease.disease).into_iter().flatten()) {
                let share = disease.probability / considered;
                let entry = shares.entry(test).or_default();
                entry.0 += share;
                entry.1 += share * care / f64::from(rank).sqrt();
            }
        }
        let mut missing: Vec<Missing> = shares
            .into_iter()
            .filter(|(test, _)| !is_ordered(test))
            .map(|(test, (share, cared))| Missing {
                test: Arc::clone(test),
                share,
                worth: cared * (1.2 - share),
            })
            .collect();
        missing.sort_by(|a, b| b.worth.total_cmp(&a.worth).then_with(|| a.test.cmp(&b.test)));
        missing.truncate(5);
        missing
    }
}

/// A disease with its key tests and treatments in the place of findings.
fn ordered(disease: &Disease) -> Disease {
    let mut rows: BTreeMap<State, f32> = BTreeMap::new();
    let mut put = |order: &Arc<str>, share: f32| {
        let row = rows.entry(State::new(Arc::clone(order))).or_default();
        *row = row.max(share);
    };
    if let Some(profile) = &disease.profile {
        let mut share = FIRST;
        for test in &profile.key_tests {
            put(test, share);
            share *= NEXT;
        }
    }
    for treatment in &disease.treatments {
        let share = TREATED / f32::from(treatment.line.max(1));
        treatment.what.iter().for_each(|what| put(what, share));
    }
    Disease {
        profile: disease.profile.clone(),
        findings: rows
            .into_iter()
            .map(|(state, frequency)| {
                let evidence = Evidence {
                    source: "key tests".into(),
                    status: Status::EditorialEstimate,
                    with: 0,
                    of: 0,
                    frequency,
                    note: "".into(),
                };
                (state, vec![evidence])
            })
            .collect(),
        ..Disease::default()
    }
}
