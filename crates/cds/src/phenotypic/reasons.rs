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
            let seen = self.model.cases.seen.items().get(case as usize);
            push(Part::NearestCase, weight, seen.map(of_case).into_iter().collect());
        }
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        reasons
    }

    fn id(&self, term: u32) -> Arc<str> {
        self.model.hierarchy.id(term).cloned().unwrap_or_default()
    }

    fn rows(&self, disease: u32) -> &[Row] {
        let about = self.model.about.get(disease as usize);
        about.map_or(&[][..], |about| &about.rows)
    }

    fn cases(&self, disease: u32) -> &[Seen] {
        self.model.cases.seen.get(disease)
    }

    /// How a disease lists a term: itself, something narrower, or the nearest that is broader.
    fn listed(&self, disease: u32, term: u32) -> (Met, Vec<Ground>) {
        let (rows, cases) = (self.rows(disease), self.cases(disease));
        let is_named = |term: u32| {
            rows.iter().any(|row| row.term == term) || cases.iter().any(|case| has(&case.observed, term))
        };
        if is_named(term) {
            return (Met::Exact, self.grounds(disease, term, |row| row.term == term));
        }
        let narrower = |row: &Row| !row.negated && self.model.hierarchy.is_a(row.term, term);
        let grounds = self.grounds(disease, term, narrower);
        if !grounds.is_empty() {
            return (Met::Descendant, grounds);
        }
        // What is broader has a lower number; the root says nothing.
        let broader = self.model.hierarchy.ancestors.get(term).iter().rev();
        let nearest = broader.copied().find(|broader| {
            *broader > 0
                && (rows.iter().any(|row| row.term == *broader && !row.negated)
                    || cases.iter().any(|case| has(&case.observed, *broader)))
        });
        match nearest {
            Some(broader) => (
                Met::Ancestor,
                self.grounds(disease, broader, |row| row.term == broader && !row.negated),
            ),
            None => (Met::None, Vec::new()),
        }
    }

    /// The rows chosen, and the publications whose cases have the term.
    fn grounds(&self, disease: u32, term: u32, is_chosen: impl Fn(&Row) -> bool) -> Vec<Ground> {
        let rows = self.rows(disease).iter().filter(|row| is_chosen(row));
        let publications = self.cases(disease).chunk_by(|a, b| a.source == b.source);
        let publications = publications.filter_map(|cases| {
            let with = cases.iter().filter(|case| has(&case.closure, term)).count();
            let counted = self.of_cases(cases, term, with, cases.len())?;
            (with > 0).then_some(counted)
        });
        let mut grounds: Vec<Ground> = rows.map(|row| self.of_row(row)).chain(publications).collect();
        grounds.sort_by(|a, b| (&a.source, &a.term).cmp(&(&b.source, &b.term)));
        grounds
    }

    /// The counts that weigh against or for a disease when a term is excluded.
    fn counted(&self, disease: u32, term: u32) -> (Met, Vec<Ground>) {
        let is_counted = |row: &&Row| !row.negated && matches!(row.frequency, Frequency::Count(..));
        let hierarchy = &self.model.hierarchy;
        let rows: Vec<&Row> = self
            .rows(disease)
            .iter()
            .filter(is_counted)
            .filter(|row| hierarchy.is_a(row.term, term))
            .collect();
        let cases = self.cases(disease);
        let publications = cases.chunk_by(|a, b| a.source == b.source).filter_map(|cases| {
            let with = cases.iter().filter(|case| has(&case.closure, term)).count();
            let is_excluded = |case: &&Seen| {
                let excluded = case.excluded.iter();
                !has(&case.closure, term) && excluded.into_iter().any(|broad| hierarchy.is_a(term, *broad))
            };
            let of = with + cases.iter().filter(is_excluded).count();
            let counted = self.of_cases(cases, term, with, of)?;
            (of > 0).then_some(counted)
        });
        let is_exact = rows.iter().any(|row| row.term == term)
            || cases
                .iter()
                .any(|case| has(&case.observed, term) || has(&case.excluded, term));
        let met = if is_exact { Met::Exact } else { Met::Descendant };
        let mut grounds: Vec<Ground> = rows
            .iter()
            .map(|row| self.of_row(row))
            .chain(publications)
            .collect();
        grounds.sort_by(|a, b| (&a.source, &a.term).cmp(&(&b.source, &b.term)));
        (met, grounds)
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

    fn of_cases(&self, cases: &[Seen], term: u32, with: usize, of: usize) -> Option<Ground> {
        Some(Ground {
            source: Arc::clone(&cases.first()?.source),
            term: self.id(term),
            frequency: Frequency::Count(with as u32, of as u32),
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
