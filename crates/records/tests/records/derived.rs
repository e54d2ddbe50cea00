//! What follows changes sees each of them in its transaction, once, and can undo it.

use crate::common::{details, event, note, resource, stamp};
use crate::received::{batch, statement};
use rusqlite::Connection;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tsumugi_records::{Changed, Derived, Population, Standing, Store, StoreError};

#[derive(Debug, Default)]
struct Notes {
    seen: Mutex<Vec<String>>,
    refuses: AtomicBool,
}

impl Derived for Notes {
    fn open(&self, _: &Connection) -> Result<(), StoreError> {
        Ok(())
    }

    fn follow(&self, _: &Connection, changed: &Changed) -> Result<(), StoreError> {
        if self.refuses.load(Ordering::Relaxed) {
            return Err(StoreError::Invalid {
                what: "derived",
                detail: "refused".to_owned(),
            });
        }
        let said = match changed {
            Changed::Patient(record) => format!("patient {}", record.details.name),
            Changed::Document { resources, .. } => format!("document with {}", resources.len()),
            Changed::Statement { resources, .. } => format!("statement with {}", resources.len()),
            Changed::StatementGone { .. } => "statement gone".to_owned(),
        };
        self.seen.lock().unwrap().push(said);
        Ok(())
    }
}

impl Notes {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[test]
fn every_change_is_followed_in_its_transaction() {
    let store = Store::open_in_memory().unwrap();
    let who = store
        .create_patient(Population::Dummy, details("1", "before", "k"), stamp())
        .unwrap();
    let notes = Arc::new(Notes::default());
    store.follow(Arc::clone(&notes) as Arc<dyn Derived>).unwrap();
    assert_eq!(notes.taken(), ["patient before"]);
    let mut signed = note(who, "fever", vec![event("fever")]);
    signed.resources = vec![resource("Condition", Some("c-1"), "fever")];
    store.sign(signed).unwrap();
    assert_eq!(notes.taken(), ["document with 1"]);
    store
        .change_patient(who, 1, details("1", "after", "k"), stamp())
        .unwrap();
    assert_eq!(notes.taken(), ["patient after"]);
    let mut sent = batch(vec![statement("k-1", "1", Vec::new())]);
    sent.population = Population::Dummy;
    store.receive(sent.clone()).unwrap();
    let seen = notes.taken();
    assert_eq!(
        seen.last().map(String::as_str),
        Some("statement with 1"),
        "{seen:?}"
    );
    store.receive(sent).unwrap();
    assert_eq!(notes.taken(), [""; 0], "the same again is no change");
    let mut taken_back = statement("k-1", "2", Vec::new());
    taken_back.standing = Standing::Deleted;
    let mut sent = batch(vec![taken_back]);
    sent.population = Population::Dummy;
    store.receive(sent).unwrap();
    assert!(notes.taken().contains(&"statement gone".to_owned()));
    store.remove_dummies().unwrap();
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn what_cannot_be_followed_is_not_kept() {
    let store = Store::open_in_memory().unwrap();
    let notes = Arc::new(Notes::default());
    store.follow(Arc::clone(&notes) as Arc<dyn Derived>).unwrap();
    notes.refuses.store(true, Ordering::Relaxed);
    let failed = store.create_patient(Population::Dummy, details("1", "n", "k"), stamp());
    assert!(failed.unwrap_err().to_string().contains("refused"));
    notes.refuses.store(false, Ordering::Relaxed);
    assert_eq!(store.find_patient(Population::Dummy, "1").unwrap(), None);
    store
        .create_patient(Population::Dummy, details("1", "n", "k"), stamp())
        .unwrap();
    assert_eq!(notes.taken(), ["patient n"]);
}

#[test]
fn a_large_import_is_followed_bit_by_bit_and_stops_nobody() {
    const MANY: usize = 120;
    let store = Store::open_in_memory().unwrap();
    let who = store
        .create_patient(Population::Dummy, details("1", "before", "k"), stamp())
        .unwrap();
    let notes = Arc::new(Notes::default());
    let derived = Arc::clone(&notes) as Arc<dyn Derived>;
    store.follow(Arc::clone(&derived)).unwrap();
    notes.taken();
    let statements = (0..MANY).map(|number| statement(&format!("k-{number}"), "1", Vec::new()));
    let mut sent = batch(statements.collect());
    sent.population = Population::Dummy;
    store.receive(sent).unwrap();
    assert_eq!(notes.taken(), [""; 0], "nobody waits for it");
    // What cannot be followed now undoes no note.
    notes.refuses.store(true, Ordering::Relaxed);
    store.sign(note(who, "fever", vec![event("fever")])).unwrap();
    assert!(store.catch_up(&derived).is_err());
    notes.refuses.store(false, Ordering::Relaxed);
    let mut rounds = 0;
    while store.catch_up(&derived).unwrap() {
        rounds += 1;
    }
    let seen = notes.taken();
    let of = |word: &str| seen.iter().filter(|said| said.starts_with(word)).count();
    assert_eq!((of("statement"), of("document")), (MANY, 1));
    assert!(rounds > 1, "in bits");
    store.sign(note(who, "cough", vec![event("cough")])).unwrap();
    assert_eq!(notes.taken().len(), 1, "what is small is followed at once again");
}
