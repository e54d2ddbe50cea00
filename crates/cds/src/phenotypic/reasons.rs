//! Why a disease has its score: the parts, and what in the annotations and the learned cases they rest on.

use super::answer::Answer;
use super::described::Row;
use super::learned::Seen;
use super::{Contribution, Ground, Part};
use crate::differential::Met;
use std::sync::Arc;
use tsumugi_knowledge::hpo::Frequency;

impl Answer<'_> {
    /// The contributions to the score of a disease, greatest first.
    pub(super) fn reasons(&self, disease: u32) -> Vec<Contribution> {
        let mut reasons = Vec::new();
        for (term, weight) in self.weights(disease) {
            let (met, grounds) = self.listed(disease, term);
            reasons.push(Contribution {
                part: Part::Observed(self.id(term)),
                weight,
                met,
                grounds,
            });
        }
        for (term, weight) in self.exclusions(disease) {
            let (met, grounds) = self.counted(disease, term);
            reasons.push(Contribution {
                part: Part::Excluded(self.id(term)),
                weight,
                met,
                grounds,
            });
        }
        let about = self.model.about.get(disease as usize);
        let from = |list: Option<&[Arc<str>]>| list.unwrap_or_default().iter().map(named).collect();
        let mut push = |part: Part, weight: f64, grounds: Vec<Ground>| {
            if weight != 0.0 {
                reasons.push(Contribution {
                    part,
                    weight,
                    met: Met::Prior,
                    grounds,
                });
            }
        };
        let onset_from = from(about.map(|about| about.onset_from.as_slice()));
        push(Part::Onset, self.onset(disease), onset_from);
        let sex_from = from(about.map(|about| about.sex_from.as_slice()));
        push(Part::Sex, self.sex(disease), sex_from);
        push(Part::Likeness, self.likeness_to(disease), Vec::new());
        if let Some((weight, case)) = self.nearest_case(disease) {
            push(
                Part::NearestCase,
                weight,
                self.seen(case).map(of_case).into_iter().collect(),
            );
        }
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        reasons
    }

    fn id(&self, term: u32) -> Arc<str> {
        self.model.hierarchy.id(term).cloned().unwrap_or_default()
    }

    /// The rows of a disease about a term.
    fn rows(&self, disease: u32, term: u32) -> &[Row] {
        let rows = self.all_rows(disease);
        let first = rows.partition_point(|row| row.term < term);
        let rows = rows.get(first..).unwrap_or_default();
        let count = rows.partition_point(|row| row.term == term);
        rows.get(..count).unwrap_or_default()
    }

    fn all_rows(&self, disease: u32) -> &[Row] {
        let about = self.model.about.get(disease as usize);
        about.map_or(&[][..], |about| &about.rows)
    }

    /// The cases of a disease among a list of cases.
    fn cases_of<'l>(&self, disease: u32, list: &'l [u32]) -> &'l [u32] {
        let own = self.model.cases.seen.range(disease);
        let first = list.partition_point(|case| (*case as usize) < own.start);
        let list = list.get(first..).unwrap_or_default();
        let count = list.partition_point(|case| (*case as usize) < own.end);
        list.get(..count).unwrap_or_default()
    }

    fn seen(&self, case: u32) -> Option<&Seen> {
        self.model.cases.seen.items().get(case as usize)
    }

    /// Cases of a disease that have a term or something narrower.
    fn cases_with(&self, disease: u32, term: u32) -> &[u32] {
        self.cases_of(disease, self.model.cases.with.get(term))
    }

    /// Cases of a disease in which a term or something broader was excluded and nothing narrower observed.
    fn cases_without(&self, disease: u32, term: u32) -> Vec<u32> {
        let broader = self.model.hierarchy.ancestors.get(term).iter();
        let lists = broader.map(|broader| self.model.cases.without.get(*broader));
        let with = self.cases_with(disease, term);
        let mut cases: Vec<u32> = lists
            .flat_map(|list| self.cases_of(disease, list))
            .copied()
            .filter(|case| with.binary_search(case).is_err())
            .collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }

    /// Whether the disease lists the term itself: in the annotation or in a case.
    fn is_named(&self, disease: u32, term: u32) -> bool {
        let is_observed = |case: &u32| self.seen(*case).is_some_and(|seen| has(&seen.observed, term));
        !self.rows(disease, term).is_empty() || self.cases_with(disease, term).iter().any(is_observed)
    }

    /// How a disease lists a term: itself, something narrower, or the nearest that is broader.
    fn listed(&self, disease: u32, term: u32) -> (Met, Vec<Ground>) {
        if self.is_named(disease, term) {
            return (Met::Exact, self.grounds(disease, term, self.rows(disease, term)));
        }
        let narrower = self.all_rows(disease).iter();
        let narrower = narrower.filter(|row| !row.negated && self.model.hierarchy.is_a(row.term, term));
        let grounds = self.grounds(disease, term, narrower);
        if !grounds.is_empty() {
            return (Met::Descendant, grounds);
        }
        // What is broader has a lower number; the root says nothing.
        let broader = self.model.hierarchy.ancestors.get(term).iter().rev();
        let mut broader = broader
            .copied()
            .filter(|broader| *broader > 0 && *broader != term);
        match broader.find(|broader| self.is_named(disease, *broader)) {
            Some(broader) => {
                let rows = self.rows(disease, broader);
                (Met::Ancestor, self.grounds(disease, broader, rows))
            }
            None => (Met::None, Vec::new()),
        }
    }

    /// The rows, and the publications whose cases have the term.
    fn grounds<'r>(&self, disease: u32, term: u32, rows: impl IntoIterator<Item = &'r Row>) -> Vec<Ground> {
        let rows = rows.into_iter().map(|row| self.of_row(row));
        let mut grounds: Vec<Ground> = rows.collect();
        for (case, with, published) in self.publications(self.cases_with(disease, term)) {
            grounds.extend(self.of_cases(case, term, with, published));
        }
        grounds.sort_by(|a, b| (&a.source, &a.term).cmp(&(&b.source, &b.term)));
        grounds
    }

    /// The counts that weigh for or against a disease when a term is excluded.
    fn counted(&self, disease: u32, term: u32) -> (Met, Vec<Ground>) {
        let is_counted = |row: &&Row| {
            !row.negated
                && matches!(row.frequency, Frequency::Count(..))
                && self.model.hierarchy.is_a(row.term, term)
        };
        let rows: Vec<&Row> = self.all_rows(disease).iter().filter(is_counted).collect();
        let without = self.cases_without(disease, term);
        let mut all: Vec<u32> = [self.cases_with(disease, term), &without].concat();
        all.sort_unstable();
        let is_said = |case: &u32| {
            self.seen(*case)
                .is_some_and(|seen| has(&seen.observed, term) || has(&seen.excluded, term))
        };
        let is_exact = rows.iter().any(|row| row.term == term) || all.iter().any(is_said);
        let mut grounds: Vec<Ground> = rows.into_iter().map(|row| self.of_row(row)).collect();
        let of_publication = |cases: &[u32]| cases.iter().filter(|case| !has(&without, **case)).count();
        for cases in all.chunk_by(|a, b| self.source(*a) == self.source(*b)) {
            let case = cases.first().copied().unwrap_or_default();
            grounds.extend(self.of_cases(case, term, of_publication(cases) as u32, cases.len() as u32));
        }
        grounds.sort_by(|a, b| (&a.source, &a.term).cmp(&(&b.source, &b.term)));
        let met = if is_exact { Met::Exact } else { Met::Descendant };
        (met, grounds)
    }

    fn source(&self, case: u32) -> Option<&Arc<str>> {
        self.seen(case).map(|seen| &seen.source)
    }

    /// Cases by publication: the first, how many, and how many the publication has of the disease.
    fn publications(&self, cases: &[u32]) -> Vec<(u32, u32, u32)> {
        let published = |case: u32| {
            let published = self.model.cases.published.get(case as usize);
            published.copied().unwrap_or(0)
        };
        let publications = cases.chunk_by(|a, b| self.source(*a) == self.source(*b));
        let publications = publications.filter_map(|cases| Some((*cases.first()?, cases.len() as u32)));
        publications
            .map(|(first, count)| (first, count, published(first)))
            .collect()
    }

    fn of_row(&self, row: &Row) -> Ground {
        Ground {
            source: Arc::clone(&row.reference),
            term: self.id(row.term),
            frequency: row.frequency,
            negated: row.negated,
            case: None,
        }
    }

    fn of_cases(&self, case: u32, term: u32, with: u32, of: u32) -> Option<Ground> {
        Some(Ground {
            source: Arc::clone(self.source(case)?),
            term: self.id(term),
            frequency: Frequency::Count(with, of),
            negated: false,
            case: None,
        })
    }
}

fn has(terms: &[u32], term: u32) -> bool {
    terms.binary_search(&term).is_ok()
}

fn named(source: &Arc<str>) -> Ground {
    Ground {
        source: Arc::clone(source),
        term: Arc::default(),
        frequency: Frequency::Unsaid,
        negated: false,
        case: None,
    }
}

fn of_case(seen: &Seen) -> Ground {
    Ground {
        case: Some(Arc::clone(&seen.id)),
        ..named(&seen.source)
    }
}
