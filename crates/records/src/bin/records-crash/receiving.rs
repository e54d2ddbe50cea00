//! Batches of statements that are killed in the middle, and what must be left of them.

use crate::{event, moment, signing};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, Write as _};
use tsumugi_clinical::Sex;
use tsumugi_records::{
    AuditSubtype, Evidence, ItemReceipt, NewDeadLetter, Population, ReceivedPerson, ReceivedPlace,
    ReceivedResource, ReceivedStatement, ReceivedText, Reception, ReceptionBatch, Stamp, Standing, Store,
    StoreError,
};

/// Statements of one batch; each batch has one dead letter too.
const BATCH: u64 = 20;
/// Persons whose statements they are.
const PERSONS: u64 = 7;
/// Every so many statements one has a text.
const TEXT_EVERY: u64 = 10;
/// Batches after which it ends by itself.
const MOST: u64 = 2000;

/// Keeps batch after batch from the first, and prints the numbers of each once it is acknowledged.
pub(crate) fn receive(path: &str) -> Result<bool, StoreError> {
    let store = Store::open(path)?;
    for batch in 0..MOST {
        let numbers = batch * BATCH + 1..=(batch + 1) * BATCH;
        let mut items = Vec::new();
        for number in numbers.clone() {
            items.push(Reception::Statement(Box::new(statement(number)?)));
        }
        items.push(Reception::Dead(letter(batch)));
        let mut entry = signing()?;
        entry.subtype = AuditSubtype::Create;
        let receipt = store.receive(ReceptionBatch {
            population: Population::Real,
            standard: "hl7".to_owned(),
            way: "command".to_owned(),
            facility: None,
            replay_of: None,
            stamp: stamp()?,
            entry: Some(entry),
            items,
        })?;
        if receipt
            .items
            .iter()
            .any(|item| matches!(item, ItemReceipt::Refused(..)))
        {
            return Ok(false);
        }
        for number in numbers {
            // One write a line, so that a killed process leaves whole lines; a closed pipe means nobody listens.
            let _ = io::stdout().lock().write_all(format!("{number}\n").as_bytes());
        }
        let _ = io::stdout().flush();
    }
    Ok(true)
}

/// Checks that every acknowledged statement is there once, and that whatever is there is whole.
pub(crate) fn check(path: &str) -> Result<bool, StoreError> {
    let lines = io::stdin().lock().lines().map_while(Result::ok);
    let acknowledged: BTreeSet<u64> = lines.filter_map(|line| line.parse().ok()).collect();
    let store = Store::open(path)?;
    let mut problems = store.doctor()?.problems;
    let mut found: BTreeMap<u64, u32> = BTreeMap::new();
    let mut half_kept = BTreeSet::new();
    for person in 0..PERSONS {
        let Some(patient) = store.find_patient(Population::Real, &person.to_string())? else {
            continue;
        };
        let export = store.export_patient(patient)?;
        let events = store.current_events(patient)?.len();
        let texts = export
            .received
            .iter()
            .filter(|(one, _)| !one.documents.is_empty())
            .count();
        if events != export.received.len() + texts || export.documents.len() != texts {
            problems.push(format!("person {person}: {events} events, {texts} texts"));
        }
        for (record, bytes) in &export.received {
            let number: u64 = record.key.parse().unwrap_or(0);
            *found.entry(number).or_default() += 1;
            let expected = statement(number)?;
            let has_text = !expected.texts.is_empty();
            let is_whole = *bytes == expected.bytes
                && record.counts
                && record.resources.len() == expected.resources.len()
                && has_text != record.documents.is_empty();
            if !is_whole {
                half_kept.insert(number);
            }
        }
    }
    let twice: Vec<&u64> = found
        .iter()
        .filter(|(_, times)| **times > 1)
        .map(|(number, _)| number)
        .collect();
    let lost: Vec<&u64> = acknowledged
        .iter()
        .filter(|number| !found.contains_key(number))
        .collect();
    let letters = store.dead_letters(None, true, u32::MAX)?.len() as u64;
    let batches = found.len() as u64 / BATCH;
    if !(found.len() as u64).is_multiple_of(BATCH) || letters != batches {
        problems.push(format!("{} statements, {letters} dead letters", found.len()));
    }
    let is_good = lost.is_empty() && twice.is_empty() && half_kept.is_empty() && problems.is_empty();
    let report = json!({
        "acknowledged": acknowledged.len(), "found": found.len(), "lost": lost, "twice": twice,
        "half_kept": half_kept, "problems": problems,
    });
    let _ = writeln!(io::stdout(), "{report}");
    Ok(is_good)
}

fn stamp() -> Result<Stamp, StoreError> {
    Ok(Stamp {
        author: "crash".to_owned(),
        at: moment()?,
    })
}

fn letter(batch: u64) -> NewDeadLetter {
    NewDeadLetter {
        place: ReceivedPlace {
            file: format!("batch {batch}"),
            line: None,
            field: None,
        },
        code: "truncated".to_owned(),
        problem: "{}".to_owned(),
        bytes: format!("MSH|{batch}").into_bytes(),
    }
}

/// A statement of a length that differs from one to the next, so that commits end anywhere in a page.
fn statement(number: u64) -> Result<ReceivedStatement, StoreError> {
    let repeated = usize::try_from(number % 61).unwrap_or(0);
    let json = format!(
        r#"{{"resourceType":"Observation","note":"{number} {}"}}"#,
        "x".repeat(17 * repeated)
    );
    let text = ReceivedText {
        kind: "report".to_owned(),
        author: "elsewhere".to_owned(),
        written_at: moment()?,
        text: format!("note {number}"),
        edition: "test".to_owned(),
        events: vec![event("39.3")],
        resources: Vec::new(),
    };
    Ok(ReceivedStatement {
        place: ReceivedPlace::default(),
        person: ReceivedPerson {
            number: (number % PERSONS).to_string(),
            sex: Some(Sex::Unknown),
            ..ReceivedPerson::default()
        },
        key: number.to_string(),
        sequence: "1".to_owned(),
        standing: Standing::Valid,
        evidence: Evidence::Care,
        observed_at: moment()?,
        bytes: json.clone().into_bytes(),
        charset: "utf-8".to_owned(),
        resources: vec![ReceivedResource {
            kind: "Observation".to_owned(),
            json: json.into_bytes(),
        }],
        events: vec![event("39.2")],
        edition: "test".to_owned(),
        texts: if number.is_multiple_of(TEXT_EVERY) {
            vec![text]
        } else {
            Vec::new()
        },
    })
}
