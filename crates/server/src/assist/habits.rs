//! What people of this site write: each writer's own phrases, and those that the notes of several patients share.
//!
//! It is kept in memory only and bounded: the histories of the writers who have not written for longest go first.

use super::learning::Lesson;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_prediction::{DrugLine, History, LineOf};
use tsumugi_records::{PatientId, Population};

/// Notes that all histories of writers hold together.
const MOST_NOTES: u32 = 10_000;
/// Drug lines that are counted.
const MOST_LINES: usize = 20_000;
/// Patients after which a drug line of others is offered, so that nobody's own line shows in another's note.
const LINE_PATIENTS: u32 = 3;

/// What is written by whom; the notes of dummies teach nothing to those of real patients.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    real: Side,
    dummy: Side,
}

#[derive(Debug, Default)]
struct Side {
    site: History,
    /// Patients one of whose notes the site's history holds: one each, so that a phrase of three notes is one of three
    /// patients.
    patients: BTreeSet<PatientId>,
    /// With when each was used last.
    writers: BTreeMap<String, (History, u64)>,
    /// Drug, line, patients.
    lines: BTreeMap<(Arc<str>, String), u32>,
    clock: u64,
    nobody: History,
}

impl Habits {
    fn side(&self, population: Population) -> &Side {
        match population {
            Population::Real => &self.real,
            Population::Dummy => &self.dummy,
        }
    }

    /// The history of a writer and the site's.
    pub(crate) fn of(&self, population: Population, author: &str) -> (&History, &History) {
        let side = self.side(population);
        let own = side.writers.get(author).map_or(&side.nobody, |(own, _)| own);
        (own, &side.site)
    }

    /// How a drug is written for several patients.
    pub(crate) fn lines(&self, population: Population, drug: &str) -> Vec<DrugLine> {
        let first = (Arc::from(drug), String::new());
        let side = self.side(population);
        let of_drug = side
            .lines
            .range(first..)
            .take_while(|((own, _), _)| **own == *drug);
        let shared = of_drug.filter(|(_, patients)| **patients >= LINE_PATIENTS);
        let line = |((drug, text), count): (&(Arc<str>, String), &u32)| DrugLine {
            drug: Arc::clone(drug),
            text: text.clone(),
            of: LineOf::Ward,
            count: *count,
        };
        shared.map(line).collect()
    }

    /// Learns a note: for its writer, and for the site where it is the first of its patient.
    pub(super) fn learn(
        &mut self,
        population: Population,
        lesson: &Lesson,
        for_site: bool,
        learn: impl Fn(&mut History),
    ) {
        let side = match population {
            Population::Real => &mut self.real,
            Population::Dummy => &mut self.dummy,
        };
        side.clock += 1;
        let (own, used) = side.writers.entry(lesson.author.clone()).or_default();
        learn(own);
        *used = side.clock;
        side.bound();
        if for_site && side.patients.insert(lesson.patient) {
            learn(&mut side.site);
            for line in &lesson.lines {
                if side.lines.len() < MOST_LINES || side.lines.contains_key(line) {
                    *side.lines.entry(line.clone()).or_default() += 1;
                }
            }
        }
    }
}

impl Side {
    /// Forgets the writers who have not written for longest, never the last one.
    fn bound(&mut self) {
        let held = |side: &Self| side.writers.values().map(|(own, _)| own.notes()).sum::<u32>();
        while self.writers.len() > 1 && held(self) > MOST_NOTES {
            let oldest = self.writers.iter().min_by_key(|(_, (_, used))| *used);
            let Some(author) = oldest.map(|(author, _)| author.clone()) else {
                return;
            };
            self.writers.remove(&author);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(author: &str, patient: i64) -> Lesson {
        Lesson {
            author: author.to_owned(),
            patient: PatientId::new(patient),
            units: Vec::new(),
            lines: vec![("amlodipine".into(), "5mg".to_owned())],
        }
    }

    #[test]
    fn a_line_is_offered_once_three_patients_have_it() {
        let mut habits = Habits::default();
        for (patient, wanted) in [(1, 0), (1, 0), (2, 0), (3, 1)] {
            habits.learn(Population::Real, &lesson("a", patient), true, |_| ());
            assert_eq!(
                habits.lines(Population::Real, "amlodipine").len(),
                wanted,
                "{patient}"
            );
        }
        assert!(habits.lines(Population::Dummy, "amlodipine").is_empty());
        assert!(habits.lines(Population::Real, "amlo").is_empty());
    }
}
