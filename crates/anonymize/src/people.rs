//! Reads the permitted persons of a study for an export.

use crate::dataset::{LeftBehind, People, Period, Person, fact_of};
use crate::hierarchies::Hierarchies;
use serde_json::Value;
use tsumugi_records::consent::PermittedSet;
use tsumugi_records::research::{MOST_PERSONS, PersonRows, ReadError, rows};
use tsumugi_records::{EventOrigin, Moment, PatientId, Store, StoreError};

/// The coded facts of the period of everybody in a permitted set. `now` is asked before each batch: whoever withdrew by then
/// ends the reading.
///
/// # Errors
/// `Ended` when the set no longer holds; those of the store. Nothing that was read may then be used.
pub fn read_people(
    store: &Store,
    set: &PermittedSet,
    period: Period,
    hierarchies: &Hierarchies,
    now: &dyn Fn() -> Moment,
) -> Result<People, ReadError> {
    let mut people = People {
        period,
        persons: Vec::with_capacity(set.len()),
        left_behind: LeftBehind::default(),
    };
    let mut rows = rows(store, set, MOST_PERSONS);
    while let Some(batch) = rows.next_batch(&now())? {
        for person in batch {
            let read = person_of(store, &person, period, hierarchies, &mut people.left_behind)?;
            people.persons.push(read);
        }
    }
    Ok(people)
}

fn person_of(
    store: &Store,
    rows: &PersonRows,
    period: Period,
    hierarchies: &Hierarchies,
    left: &mut LeftBehind,
) -> Result<Person, StoreError> {
    // What no physician has confirmed is no fact.
    let unconfirmed = store.unconfirmed_of(rows.person)?;
    let mut facts = Vec::new();
    for stored in &rows.events {
        let waits = matches!(&stored.origin, EventOrigin::Document { document, .. } if unconfirmed.contains_key(document));
        if waits || stored.settled_by.is_some() {
            continue;
        }
        let mut behind = LeftBehind::default();
        let fact = fact_of(&stored.event, stored.at.date(), &mut behind);
        if let Some(fact) = fact.filter(|fact| period.holds(fact.day)) {
            facts.push(fact);
            behind.each().for_each(|(field, times)| left.add(field, times));
        }
    }
    Ok(Person {
        patient: rows.person,
        sex: rows.sex,
        birth: rows.birth_date,
        region: region(store, rows.person, hierarchies, left)?,
        facts,
    })
}

/// The prefecture of the newest address that other systems have sent; the address itself stays behind.
fn region(
    store: &Store,
    person: PatientId,
    hierarchies: &Hierarchies,
    left: &mut LeftBehind,
) -> Result<Option<String>, StoreError> {
    let mut region = None;
    for resource in store.received_resources(person, &["Patient"])? {
        let body: Value = serde_json::from_slice(&resource.json).unwrap_or_default();
        let addresses = body.get("address").and_then(Value::as_array);
        for address in addresses.into_iter().flatten() {
            let text = |field: &str| address.get(field).and_then(Value::as_str).unwrap_or_default();
            let is_work = text("use") == "work";
            let found = hierarchies
                .region_of(text("state"))
                .or_else(|| hierarchies.region_of(text("text")));
            left.add("address", 1);
            if let Some(found) = found.filter(|_| !is_work) {
                region = Some(found.to_owned());
            }
        }
    }
    Ok(region)
}
