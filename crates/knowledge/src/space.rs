//! A compiled space: diseases and their findings with the sums of what all active sources say.
//!
//! There are two: our own concepts, and the Human Phenotype Ontology where a site has imported it. A space holds
//! nothing but what the assertions say, in sorted order: the same assertions give the same bytes, in whatever order
//! they came.

use crate::evidence::{Evidence, Share, Status};
use crate::profile::{FindingRow, Profile, Profiles, Treatment};
use crate::state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A disease with all that is known of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Disease {
    /// Who gets it; none for a disease that only cases or an import have brought.
    pub profile: Option<Profile>,
    /// Treatments, first line first.
    pub treatments: Vec<Treatment>,
    /// Findings, each with the say of every source.
    pub findings: BTreeMap<State, Vec<Evidence>>,
    /// Cases that were learned, per source.
    pub cases: BTreeMap<Arc<str>, u32>,
}

impl Disease {
    /// Cases that were learned.
    pub fn case_count(&self) -> u32 {
        self.cases.values().sum()
    }

    /// Whether nothing is known of it any more.
    fn is_empty(&self) -> bool {
        self.profile.is_none()
            && self.treatments.is_empty()
            && self.findings.is_empty()
            && self.cases.is_empty()
    }

    /// The sums over the sources of a finding.
    pub fn share(&self, finding: &State) -> Option<Share> {
        self.findings.get(finding).map(|evidence| Share::of(evidence))
    }
}

/// Diseases by concept (`acute-cholecystitis`) or code (`OMIM:154700`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Space {
    /// The diseases.
    pub diseases: BTreeMap<Arc<str>, Disease>,
}

impl Space {
    /// What the tables say.
    pub fn of_tables(tables: Profiles) -> Self {
        let mut space = Self::default();
        for row in tables.findings {
            let disease = space.diseases.entry(row.disease).or_default();
            disease
                .findings
                .entry(row.finding)
                .or_default()
                .push(row.evidence);
        }
        for treatment in tables.treatments {
            let disease = space.diseases.entry(Arc::clone(&treatment.disease)).or_default();
            disease.treatments.push(treatment);
        }
        for profile in tables.profiles {
            let disease = space.diseases.entry(Arc::clone(&profile.disease)).or_default();
            disease.profile = Some(profile);
        }
        for disease in space.diseases.values_mut() {
            disease.treatments.sort_by_key(|treatment| treatment.line);
            for evidence in disease.findings.values_mut() {
                evidence.sort_by(Evidence::order);
            }
        }
        space
    }

    /// A disease by its key.
    pub fn disease(&self, key: &str) -> Option<&Disease> {
        self.diseases.get(key)
    }

    /// Whether cases of a source were counted.
    pub fn has_cases_of(&self, source: &str) -> bool {
        self.diseases
            .values()
            .any(|disease| disease.cases.contains_key(source))
    }

    /// The same as if the cases of a source had never been counted.
    #[must_use]
    pub fn without(&self, source: &str) -> Self {
        let mut rest = self.clone();
        for disease in rest.diseases.values_mut() {
            disease.cases.remove(source);
            for rows in disease.findings.values_mut() {
                rows.retain(|row| row.source.as_ref() != source);
            }
            disease.findings.retain(|_, rows| !rows.is_empty());
        }
        rest.diseases.retain(|_, disease| !disease.is_empty());
        rest
    }

    /// Adds what one source says of a finding.
    pub fn state(&mut self, row: &FindingRow) {
        let disease = self.diseases.entry(Arc::clone(&row.disease)).or_default();
        let rows = disease.findings.entry(row.finding.clone()).or_default();
        rows.push(row.evidence.clone());
        rows.sort_by(Evidence::order);
    }

    /// Takes out what [`Space::state`] has added; afterwards the space is as if it had never been added.
    pub fn unstate(&mut self, row: &FindingRow) {
        let Some(disease) = self.diseases.get_mut(&row.disease) else {
            return;
        };
        let Some(rows) = disease.findings.get_mut(&row.finding) else {
            return;
        };
        if let Some(at) = rows.iter().position(|own| *own == row.evidence) {
            rows.remove(at);
        }
        if rows.is_empty() {
            disease.findings.remove(&row.finding);
        }
        if disease.is_empty() {
            self.diseases.remove(&row.disease);
        }
    }

    /// Adds a case that was counted: a finding counts only where it was really looked for.
    pub fn add(&mut self, case: &Counted<'_>) {
        let disease = self.diseases.entry(case.disease.into()).or_default();
        *disease.cases.entry(case.source.into()).or_default() += 1;
        for (finding, there) in case.looked_for() {
            let rows = disease.findings.entry(finding.clone()).or_default();
            let place = counted_by(rows, case.source);
            let at = place.unwrap_or_else(|at| {
                rows.insert(at, Evidence::counted(case.source));
                at
            });
            if let Some(row) = rows.get_mut(at) {
                row.with += u32::from(there);
                row.of += 1;
            }
        }
    }

    /// Takes a case out again; afterwards the space is as if it had never been added.
    pub fn remove(&mut self, case: &Counted<'_>) {
        let Some(disease) = self.diseases.get_mut(case.disease) else {
            return;
        };
        if let Some(count) = disease.cases.get_mut(case.source) {
            *count -= 1;
            if *count == 0 {
                disease.cases.remove(case.source);
            }
        }
        for (finding, there) in case.looked_for() {
            let Some(rows) = disease.findings.get_mut(finding) else {
                continue;
            };
            if let Ok(at) = counted_by(rows, case.source)
                && let Some(row) = rows.get_mut(at)
            {
                row.with -= u32::from(there);
                row.of -= 1;
                if row.of == 0 {
                    rows.remove(at);
                }
            }
            if rows.is_empty() {
                disease.findings.remove(finding);
            }
        }
        if disease.is_empty() {
            self.diseases.remove(case.disease);
        }
    }
}

/// The place of the row that counts a source's cases, or where it belongs. A text of the same source may stand beside it.
fn counted_by(rows: &[Evidence], source: &str) -> Result<usize, usize> {
    let key = (source, Status::Counted);
    rows.binary_search_by(|row| (row.source.as_ref(), row.status).cmp(&key))
}

/// A case as it is counted.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'c> {
    /// The disease.
    pub disease: &'c str,
    /// The source whose counts it belongs to: a publication, or the site.
    pub source: &'c str,
    /// Findings that were there.
    pub observed: &'c [State],
    /// Findings that were looked for and were not there.
    pub excluded: &'c [State],
}

impl<'c> Counted<'c> {
    fn looked_for(&self) -> impl Iterator<Item = (&'c State, bool)> + use<'c> {
        let there = self.observed.iter().map(|finding| (finding, true));
        there.chain(self.excluded.iter().map(|finding| (finding, false)))
    }
}
