//! Withdrawals, exports, queries and learning in random orders: no row of a withdrawn person.

use crate::common::{event, note, patient};
use crate::consent::{day, one, own, set_request, study, text, yes};
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_clinical::ConceptId;
use tsumugi_records::consent::{
    Answer, DataKind, ExportEnd, ExportId, ExportStart, ExportState, Form, Item, KNOWLEDGE_STUDY, Learned,
    Lesson, NewExport, PermittedSet, Rerun,
};
use tsumugi_records::research::{self, ReadError};
use tsumugi_records::{NewAssertion, PatientId, Population, Stamp, Store};

/// `SplitMix64`: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % (end as u64)).unwrap()
    }
}

/// What the test itself knows: who allows, by plain sets.
struct World {
    store: Store,
    persons: Vec<PatientId>,
    allows: BTreeSet<PatientId>,
    teaches: BTreeSet<PatientId>,
    /// Running exports: the set, who was read so far, and where the reading is.
    running: Vec<(ExportId, PermittedSet, Vec<PatientId>)>,
    delivered: BTreeMap<ExportId, BTreeSet<PatientId>>,
    /// How often each thing happened.
    counts: BTreeMap<&'static str, u32>,
}

const PERSONS: usize = 6;

fn now() -> Stamp {
    day(20)
}

impl World {
    fn new() -> Self {
        let store = Store::open_in_memory().unwrap();
        store.save_study(study(), text(), 0, day(1)).unwrap();
        let persons: Vec<PatientId> = (0..PERSONS)
            .map(|number| {
                let who = patient(&store, Population::Real, &number.to_string());
                store.sign(note(who, "note", vec![event("fever")])).unwrap();
                store.answer(who, yes(text().hash()), day(2)).unwrap();
                who
            })
            .collect();
        Self {
            teaches: persons.iter().copied().collect(),
            store,
            allows: persons.iter().copied().collect(),
            persons,
            running: Vec::new(),
            delivered: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn step(&mut self, dice: &mut Dice) {
        let who = self.persons[dice.below(PERSONS)];
        match dice.below(12) {
            0 | 1 => {
                self.store.answer(who, yes(text().hash()), now()).unwrap();
                self.allows.insert(who);
            }
            2 => {
                self.store.withdraw(who, "registry", own(), now()).unwrap();
                self.leave(who);
            }
            3 => {
                let kind = [
                    Item::Kind(DataKind::new("findings")),
                    Item::Recipient("university".to_owned()),
                ];
                let item = kind[dice.below(2)].clone();
                self.store.answer(who, one(item, Answer::No), now()).unwrap();
                self.leave(who);
            }
            4 => self.begin(),
            5..=7 => self.read(dice),
            8 => self.finish(dice),
            9 => self.query(),
            10 => self.learn(who),
            _ => self.learning(who, dice),
        }
        if dice.below(3) == 0 {
            self.check();
        }
    }

    fn leave(&mut self, who: PatientId) {
        if self.allows.remove(&who) {
            self.count("left");
        }
    }

    fn begin(&mut self) {
        let set = self.store.permit_set(set_request(&now())).unwrap().unwrap();
        let persons: BTreeSet<PatientId> = set
            .persons()
            .filter(|person| set.kinds_of(*person).any(|kind| kind.as_str() == "findings"))
            .collect();
        assert_eq!(persons, self.allows);
        let export = NewExport {
            query: "q".to_owned(),
            form: Form::CodedFacts,
            stamp: now(),
        };
        match self.store.begin_export(&set, export).unwrap() {
            ExportStart::Begun(id) => self.running.push((id, set, Vec::new())),
            other => panic!("{other:?}"),
        }
        self.count("begun");
    }

    /// A batch of one running export; what is read must be of people who allow it now.
    fn read(&mut self, dice: &mut Dice) {
        if self.running.is_empty() {
            return;
        }
        let place = dice.below(self.running.len());
        let (id, set, _) = &self.running[place];
        let mut rows = research::rows(&self.store, set, 1 + dice.below(3));
        let mut seen = Vec::new();
        let ended = loop {
            match rows.next_batch(&now().at) {
                Ok(Some(batch)) => {
                    for row in batch.iter().filter(|row| !row.events.is_empty()) {
                        assert!(self.allows.contains(&row.person), "a row of somebody who left");
                        seen.push(row.person);
                    }
                }
                Ok(None) => break false,
                Err(ReadError::Ended(_)) => break true,
                Err(error) => panic!("{error}"),
            }
        };
        let id = *id;
        if ended {
            self.count("reads ended");
            self.store.abort_export(id, now().at).unwrap();
            assert_eq!(
                self.store.export_delivery(id).unwrap().state,
                ExportState::Aborted
            );
            self.running.remove(place);
        } else {
            self.running[place].2 = seen;
            self.count("reads");
        }
    }

    fn finish(&mut self, dice: &mut Dice) {
        if self.running.is_empty() {
            return;
        }
        let (id, set, seen) = self.running.remove(dice.below(self.running.len()));
        match self
            .store
            .finish_export(id, set, "{}".to_owned(), now().at)
            .unwrap()
        {
            ExportEnd::Delivered => {
                assert!(seen.iter().all(|person| self.allows.contains(person)));
                self.delivered.insert(id, seen.into_iter().collect());
                self.count("delivered");
            }
            ExportEnd::Aborted(_) => self.count("aborted at the end"),
        }
    }

    fn query(&mut self) {
        let set = self.store.permit_set(set_request(&now())).unwrap().unwrap();
        let fever = ConceptId::new("fever");
        let counts = research::counts(&self.store, &set, std::slice::from_ref(&fever), &now().at).unwrap();
        let found = counts.get(&fever).copied().unwrap_or(0);
        assert_eq!(found, self.allows.len() as u64);
        self.count("queries");
    }

    fn learn(&mut self, who: PatientId) {
        let name = format!("note-{who}");
        let assertion = |kind: &str, subject: &str| NewAssertion {
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            source: "site".to_owned(),
            body: "{}".to_owned(),
        };
        let lesson = Lesson {
            source: "site".to_owned(),
            name: name.clone(),
            assertions: vec![assertion("case", &name)],
            undo: Some(assertion("retraction", &name)),
        };
        let learned = self.store.learn(who, lesson, now()).unwrap();
        assert_eq!(
            matches!(learned, Learned::Kept { .. }),
            self.teaches.contains(&who)
        );
        self.count(if self.teaches.contains(&who) {
            "learned"
        } else {
            "not learned"
        });
    }

    fn learning(&mut self, who: PatientId, dice: &mut Dice) {
        let record = self.store.study(KNOWLEDGE_STUDY).unwrap();
        if dice.below(2) == 0 {
            let mut sheet = yes(record.text_hash);
            sheet.study = KNOWLEDGE_STUDY.to_owned();
            sheet.answers = record
                .study
                .items()
                .into_iter()
                .map(|item| (item, Answer::Yes))
                .collect();
            self.store.answer(who, sheet, now()).unwrap();
            self.teaches.insert(who);
        } else {
            self.store.withdraw(who, KNOWLEDGE_STUDY, own(), now()).unwrap();
            self.teaches.remove(&who);
        }
    }

    fn check(&mut self) {
        // No case is held of somebody who teaches nothing.
        let mut held: BTreeSet<String> = BTreeSet::new();
        for assertion in self.store.assertions(0).unwrap() {
            if assertion.kind == "case" {
                held.insert(assertion.subject);
            } else {
                held.remove(&assertion.subject);
            }
        }
        let may: BTreeSet<String> = self.teaches.iter().map(|who| format!("note-{who}")).collect();
        assert!(held.is_subset(&may), "{held:?} {may:?}");
        // A delivered file with somebody who left since is marked, and is not made again.
        for (id, persons) in &self.delivered {
            let gone = persons
                .iter()
                .filter(|person| !self.allows.contains(person))
                .count() as u64;
            let state = self.store.export_delivery(*id).unwrap().state;
            assert!(gone == 0 || state == ExportState::Marked, "{state:?}");
            match self.store.may_rerun(*id, &now().at).unwrap() {
                Rerun::Allowed => assert_eq!(gone, 0),
                Rerun::Refused { withdrawn } => assert!(withdrawn >= gone),
                Rerun::Study(reason) => panic!("{reason}"),
            }
        }
    }
}

/// Goes through the orders of these seeds; each thing must have happened, and often.
fn check(seeds: std::ops::Range<u64>) {
    let orders = u32::try_from(seeds.end - seeds.start).unwrap();
    let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in seeds {
        let mut dice = Dice(seed);
        let mut world = World::new();
        for _ in 0..24 {
            world.step(&mut dice);
        }
        world.check();
        for (what, count) in world.counts {
            *counts.entry(what).or_default() += count;
        }
    }
    for what in [
        "left",
        "begun",
        "reads",
        "reads ended",
        "delivered",
        "aborted at the end",
        "queries",
        "learned",
        "not learned",
    ] {
        let count = counts.get(what).copied().unwrap_or(0);
        assert!(count >= orders / 10, "{what}: {counts:?}");
    }
}

// A thousand orders, in four parts that run side by side.

#[test]
fn in_random_orders_no_row_of_somebody_who_left_is_read_1() {
    check(0..250);
}

#[test]
fn in_random_orders_no_row_of_somebody_who_left_is_read_2() {
    check(250..500);
}

#[test]
fn in_random_orders_no_row_of_somebody_who_left_is_read_3() {
    check(500..750);
}

#[test]
fn in_random_orders_no_row_of_somebody_who_left_is_read_4() {
    check(750..1_000);
}
