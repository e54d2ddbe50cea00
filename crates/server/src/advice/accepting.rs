//! What people accept from texts: into the log, and into the next answer; taken back, it is as if it had never been there.

use super::{Advice, Living, SITE};
use crate::{chart, library};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use tsumugi_knowledge::{
    Accepted, Concepts, FindingRow, Held, Levels, Refused, Shelf, Statement, finding_row,
};
use tsumugi_records::{Population, Store};

/// What was accepted from texts, with the tables that it joins.
#[derive(Debug)]
pub(crate) struct FromTexts {
    /// The statements by number in the log.
    pub(crate) accepted: BTreeMap<u64, Held>,
    /// The tables with them.
    pub(crate) shelf: Arc<Shelf>,
    /// Those that cannot be used, with the reason.
    pub(crate) refused: Vec<Refused>,
}

impl FromTexts {
    /// Joins accepted statements to the tables.
    pub(crate) fn new(
        tables: &Arc<Shelf>,
        accepted: BTreeMap<u64, Held>,
        concepts: &Concepts,
        levels: &Levels,
    ) -> Self {
        let (shelf, refused) = if accepted.is_empty() {
            (Arc::clone(tables), Vec::new())
        } else {
            let (shelf, refused) = tables.with(&accepted, concepts, levels);
            (Arc::new(shelf), refused)
        };
        Self {
            accepted,
            shelf,
            refused,
        }
    }
}

/// A statement that a person accepts, under the id of its source.
#[derive(Debug, Clone)]
pub(crate) struct NewStatement {
    pub(crate) source: Arc<str>,
    pub(crate) said: Accepted,
}

/// What became of statements that were accepted together, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It stands in the log under this number.
    In(u64),
    /// The same stands there already, under this number.
    Known(u64),
    /// It cannot be used, and is not in the log.
    Refused(String),
}

impl Advice {
    /// Accepts statements: the good ones into the log, all or none, and into the next answer; the bad ones are told.
    pub(crate) fn accept(
        &self,
        store: &Store,
        author: &str,
        statements: &[NewStatement],
    ) -> anyhow::Result<Vec<Taken>> {
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = Arc::clone(&self.living(Population::Real).texts);
        let mut new: Vec<Held> = Vec::new();
        let mut places: Vec<Result<usize, Taken>> = Vec::new();
        for statement in statements {
            let held = held(author, statement);
            let same = texts.accepted.iter().find(|(_, other)| held.repeats(other));
            let place = if let Some((number, _)) = same {
                Err(Taken::Known(*number))
            } else if let Some(message) = texts.shelf.refusal(&held, &self.concepts, &self.levels) {
                Err(Taken::Refused(message))
            } else if let Some(at) = new.iter().position(|other| held.repeats(other)) {
                Ok(at)
            } else {
                new.push(held);
                Ok(new.len() - 1)
            };
            places.push(place);
        }
        let first = self.keep(store, author, texts.accepted.clone(), new)?;
        let taken = places.into_iter().map(|place| match place {
            Ok(at) => Taken::In(first + at as u64),
            Err(taken) => taken,
        });
        Ok(taken.collect())
    }

    /// Why a statement could not be used if it were accepted now; none where it can.
    pub(crate) fn refusal(&self, living: &Living, author: &str, statement: &NewStatement) -> Option<String> {
        let held = held(author, statement);
        living.texts.shelf.refusal(&held, &self.concepts, &self.levels)
    }

    /// Takes back an accepted statement by its number; none where nothing accepted stands under it.
    pub(crate) fn retract(&self, store: &Store, author: &str, number: u64) -> anyhow::Result<Option<Held>> {
        let _one_at_a_time = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        let mut accepted = self.living(Population::Real).texts.accepted.clone();
        let Some(held) = accepted.remove(&number) else {
            return Ok(None);
        };
        let retraction = (SITE.into(), Statement::RetractAssertion(number));
        let head = library::append(store, author, &[retraction])?;
        self.shelve(accepted, head);
        Ok(Some(held))
    }

    /// Writes statements to the log and answers with them; gives the number of the first.
    fn keep(
        &self,
        store: &Store,
        author: &str,
        mut accepted: BTreeMap<u64, Held>,
        new: Vec<Held>,
    ) -> anyhow::Result<u64> {
        if new.is_empty() {
            return Ok(0);
        }
        let said = |held: &Held| (Arc::clone(&held.source), Statement::Accepted(held.said.clone()));
        let statements: Vec<(Arc<str>, Statement)> = new.iter().map(said).collect();
        let head = library::append(store, author, &statements)?;
        let first = head + 1 - new.len() as u64;
        accepted.extend((first..).zip(new));
        self.shelve(accepted, head);
        Ok(first)
    }

    /// Replaces what answers are made from by what it is with these statements and no others.
    fn shelve(&self, accepted: BTreeMap<u64, Held>, head: u64) {
        let before = Arc::clone(&self.living(Population::Real).texts);
        let texts = FromTexts::new(&self.tables, accepted, &self.concepts, &self.levels);
        let texts = Arc::new(texts);
        let rows = |one: &FromTexts, other: &FromTexts| -> Vec<FindingRow> {
            let only = one
                .accepted
                .iter()
                .filter(|(number, _)| !other.accepted.contains_key(number));
            only.filter(|(_, held)| held.said.kind.as_ref() == "finding")
                .filter_map(|(_, held)| finding_row(held, &self.concepts, &self.levels).ok())
                .collect()
        };
        let (gone, come) = (rows(&before, &texts), rows(&texts, &before));
        self.replace(true, |living| {
            let mut own = living.own.clone();
            for row in &gone {
                own.unstate(row);
            }
            for row in &come {
                own.state(row);
            }
            let tables = living.edition.split('+').next().unwrap_or_default();
            let edition = library::edition(tables, head);
            Arc::new(Living::new(
                &self.coder,
                &self.implied,
                own,
                Arc::clone(&texts),
                edition,
            ))
        });
    }
}

/// A statement as the log would hold it.
fn held(author: &str, statement: &NewStatement) -> Held {
    Held {
        source: Arc::clone(&statement.source),
        date: chart::now().date(),
        by: author.into(),
        said: statement.said.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_coding::Coder;

    fn statement(kind: &str, fields: &[(&str, &str)]) -> NewStatement {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        NewStatement {
            source: "PMID:1".into(),
            said: Accepted {
                kind: kind.into(),
                fields: fields.collect(),
                quote: "words".into(),
                ..Accepted::default()
            },
        }
    }

    fn all() -> [NewStatement; 4] {
        [
            statement(
                "contraindication",
                &[("drug", "drug.warfarin"), ("condition", "myasthenia-gravis")],
            ),
            statement(
                "recommendation",
                &[
                    ("applies", "acute-cholecystitis"),
                    ("what", "drug.warfarin"),
                    ("direction", "against"),
                ],
            ),
            statement(
                "finding",
                &[
                    ("disease", "acute-cholecystitis"),
                    ("finding", "murphy-sign"),
                    ("share", "30/45"),
                ],
            ),
            statement(
                "cause",
                &[
                    ("disease", "acute-cholecystitis"),
                    ("cause", "jaundice"),
                    ("effect", "fever"),
                ],
            ),
        ]
    }

    struct Site {
        store: Store,
        advice: Advice,
    }

    impl Site {
        fn new() -> Self {
            let store = Store::open_in_memory().unwrap();
            let coder = Arc::new(Coder::embedded().unwrap());
            let advice = Advice::open(coder, &store).unwrap();
            Self { store, advice }
        }

        /// What is answered from now, and after the next start.
        fn both(&self) -> [Arc<Living>; 2] {
            let again = Advice::open(Arc::clone(&self.advice.coder), &self.store).unwrap();
            [
                self.advice.living(Population::Real),
                again.living(Population::Real),
            ]
        }
    }

    #[test]
    fn what_is_accepted_is_used_at_once_and_after_a_start_and_leaves_no_trace() {
        let site = Site::new();
        let fresh = site.advice.living(Population::Real);
        let taken = site.advice.accept(&site.store, "dr", &all()).unwrap();
        assert_eq!(taken, [Taken::In(1), Taken::In(2), Taken::In(3), Taken::In(4)]);
        for living in site.both() {
            let forbids = living.drugs().contraindications("drug.warfarin");
            let row = forbids
                .iter()
                .find(|row| row.condition.as_deref() == Some("myasthenia-gravis"));
            let basis = &row.unwrap().basis;
            assert_eq!((basis.source.as_ref(), basis.line), ("PMID:1", 1));
            assert_eq!(basis.status.word(), "accepted");
            let found = living
                .guidelines()
                .for_patient(|concept| concept == "acute-cholecystitis");
            assert!(
                found
                    .iter()
                    .any(|(guideline, _)| guideline.name.as_ref() == "PMID:1")
            );
            let disease = living.own.disease("acute-cholecystitis").unwrap();
            let rows = &disease.findings["murphy-sign"];
            assert!(
                rows.iter()
                    .any(|row| row.source.as_ref() == "PMID:1" && (row.with, row.of) == (30, 45))
            );
            let mut steps = living.chains().of("acute-cholecystitis");
            assert!(steps.any(|edge| edge.source.as_ref() == "PMID:1"));
            assert!(living.edition.ends_with("+4"), "{}", living.edition);
        }
        for number in 1..=4 {
            assert!(site.advice.retract(&site.store, "dr", number).unwrap().is_some());
        }
        for living in site.both() {
            assert_eq!(living.own, fresh.own);
            assert_eq!(living.texts.shelf, fresh.texts.shelf);
        }
        assert_eq!(site.advice.retract(&site.store, "dr", 1).unwrap(), None);
    }

    #[test]
    fn a_bad_statement_is_told_and_the_rest_goes_on() {
        let site = Site::new();
        let [good, ..] = all();
        let bad = statement(
            "contraindication",
            &[("drug", "drug.nosuch"), ("condition", "fever")],
        );
        let batch = [bad, good.clone(), good.clone()];
        let taken = site.advice.accept(&site.store, "dr", &batch).unwrap();
        assert!(
            matches!(&taken[0], Taken::Refused(message) if message.contains("drug.nosuch")),
            "{taken:?}"
        );
        assert_eq!(taken[1..], [Taken::In(1), Taken::In(1)]);
        let again = site.advice.accept(&site.store, "other", &[good]).unwrap();
        assert_eq!(again, [Taken::Known(1)]);
        assert_eq!(site.store.assertion_head(), Ok(1));
    }

    #[test]
    fn what_an_older_log_holds_that_no_concept_is_of_is_told_at_the_start() {
        let site = Site::new();
        let said = statement(
            "interaction",
            &[("drug", "drug.warfarin"), ("partner", "drug.nosuch")],
        )
        .said;
        let statements = [("PMID:2".into(), Statement::Accepted(said))];
        library::append(&site.store, "dr", &statements).unwrap();
        let [_, living] = site.both();
        let told: Vec<String> = living.texts.refused.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("assertion 1") && told[0].contains("PMID:2"),
            "{told:?}"
        );
    }
}
