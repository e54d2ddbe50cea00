//! Writes numbered notes until it is killed, and checks afterwards what is there: the durability tests run it.
//!
//! `records-crash write STORE [--threads N] [--from N] [--count N] [--checkpoint PAGES] [--max-pages N] [--no-sync]`
//! prints the number of each note once its signing is acknowledged. `records-crash check STORE` reads such numbers and
//! prints one JSON line: whether each is there, and everything that is there is whole, with one entry
//! in the audit trail for each note. `--no-sync` exists to show that
//! the tests notice when acknowledged notes are lost.
//!
//! `records-crash receive STORE` keeps batches of numbered statements, always from the first, as an import that is run again
//! after an interruption does, and `records-crash check-received STORE` looks for each of them, once.

mod receiving;

use serde_json::json;
use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tsumugi_clinical::{
    Certainty, ConceptId, Event, EventKind, Experiencer, FactKey, Phase, Polarity, Quantity,
};
use tsumugi_records::{
    AuditAgent, AuditEntity, AuditEntry, AuditSource, AuditSubtype, Content, DocumentId, DraftKey,
    EventFilter, MAX_AUDIT_PAGE, Moment, NewResource, Page, PatientDetails, PatientId, Population, SignNote,
    Stamp, Store, StoreError, Target, Tuning,
};

const CONCEPT: &str = "fever";

struct Options {
    threads: u64,
    from: u64,
    count: u64,
    tuning: Tuning,
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(command), Some(path)) = (args.next(), args.next()) else {
        return fail("usage: records-crash write|check|receive|check-received STORE");
    };
    let outcome = match command.as_str() {
        "write" => {
            options(args).and_then(|options| write(&path, &options).map_err(|error| error.to_string()))
        }
        "check" => check(&path).map_err(|error| error.to_string()),
        "receive" => receiving::receive(&path).map_err(|error| error.to_string()),
        "check-received" => receiving::check(&path).map_err(|error| error.to_string()),
        other => Err(format!("unknown command {other}")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error),
    }
}

fn fail(message: &str) -> ExitCode {
    // Without a place to complain to, the exit code has to do.
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::from(2)
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        threads: 3,
        from: 1,
        count: u64::MAX,
        tuning: Tuning::default(),
    };
    while let Some(name) = args.next() {
        if name == "--no-sync" {
            options.tuning.sync = false;
            continue;
        }
        let value: u64 = args
            .next()
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| format!("{name}: no number"))?;
        let pages = || u32::try_from(value).map_err(|error| format!("{name}: {error}"));
        match name.as_str() {
            "--threads" => options.threads = value,
            "--from" => options.from = value,
            "--count" => options.count = value,
            "--checkpoint" => options.tuning.checkpoint_pages = pages()?,
            "--max-pages" => options.tuning.max_pages = Some(pages()?),
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

/// Signs notes until it is killed, has written them all, or the disk is full; then shows that it still reads.
fn write(path: &str, options: &Options) -> Result<bool, StoreError> {
    let store = Store::open_with(path, options.tuning)?;
    let patient = patient(&store)?;
    let next = AtomicU64::new(options.from);
    let end = options.from.saturating_add(options.count);
    let results: Vec<Result<(), StoreError>> = thread::scope(|scope| {
        let one = || -> Result<(), StoreError> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(());
                }
                let key = draft_key(patient, number);
                let revision = store.save_draft(&key, None, &text(number), &moment()?)?;
                let mut note = note(patient, number)?;
                note.draft = Some((key, Some(revision)));
                store.audited(signing()?).sign(note)?;
                acknowledge(number);
            }
        };
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let full = results
        .iter()
        .filter(|result| matches!(result, Err(StoreError::Full { .. })))
        .count();
    if full > 0 {
        let problems = store.doctor()?.problems;
        let _ = writeln!(io::stderr(), "full; problems: {problems:?}");
        return Ok(problems.is_empty());
    }
    results.into_iter().collect::<Result<Vec<()>, _>>().map(|_| true)
}

fn acknowledge(number: u64) {
    // One write a line, so that a killed process leaves whole lines; a closed pipe means nobody listens.
    let _ = io::stdout().lock().write_all(format!("{number}\n").as_bytes());
    let _ = io::stdout().flush();
}

/// Checks that what was acknowledged is there, and that whatever is there is whole.
fn check(path: &str) -> Result<bool, StoreError> {
    let mut acknowledged = BTreeSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        acknowledged.extend(line.parse::<u64>().ok());
    }
    let store = Store::open(path)?;
    let mut problems = store.doctor()?.problems;
    let mut found = BTreeSet::new();
    let mut half_written = BTreeSet::new();
    if let Some(patient) = store.find_patient(Population::Real, "1")? {
        let export = store.export_patient(patient)?;
        let page = Page {
            after: None,
            limit: 1,
        };
        let concepts = [ConceptId::new(CONCEPT)];
        let hits = store.search_events(Population::Real, &concepts, &EventFilter::default(), page)?;
        if hits.events != 2 * export.documents.len() as u64 {
            problems.push(format!(
                "{} events of {} documents",
                hits.events,
                export.documents.len()
            ));
        }
        let documents: BTreeSet<_> = export
            .documents
            .iter()
            .map(|(version, _)| version.document)
            .collect();
        if audited(&store, patient)? != documents {
            problems.push("documents and their entries in the audit trail are not the same".to_owned());
        }
        for (version, bytes) in &export.documents {
            let number = version
                .key
                .as_deref()
                .and_then(|key| key.parse().ok())
                .unwrap_or(0);
            let id = version.document;
            let is_whole = *bytes == text(number).into_bytes()
                && version.text == text(number)
                && store.document_events(id, 1)?.len() == 2
                && export
                    .resources
                    .iter()
                    .filter(|resource| resource.document == id)
                    .count()
                    == 1
                && store.draft_log(&draft_key(patient, number))?.is_empty();
            found.insert(number);
            if !is_whole {
                half_written.insert(number);
            }
        }
    }
    let lost: Vec<&u64> = acknowledged.difference(&found).collect();
    let is_good = lost.is_empty() && half_written.is_empty() && problems.is_empty();
    let report = json!({
        "acknowledged": acknowledged.len(), "found": found.len(),
        "lost": lost, "half_written": half_written, "problems": problems,
    });
    let _ = writeln!(io::stdout(), "{report}");
    Ok(is_good)
}

/// The documents whose signing is in the audit trail.
fn audited(store: &Store, patient: PatientId) -> Result<BTreeSet<DocumentId>, StoreError> {
    let (mut documents, mut before) = (BTreeSet::new(), None);
    loop {
        let records = store.who_looked(patient, before, MAX_AUDIT_PAGE)?;
        let Some(last) = records.last() else {
            return Ok(documents);
        };
        before = Some(last.id);
        for entry in records.iter().flat_map(|record| &record.entry.entities) {
            if let AuditEntity::Document { document, .. } = entry {
                documents.insert(*document);
            }
        }
    }
}

fn signing() -> Result<AuditEntry, StoreError> {
    let agent = AuditAgent {
        who: "crash".to_owned(),
        name: None,
        role: None,
        on_behalf_of: None,
    };
    let source = AuditSource {
        site: None,
        observer: "records-crash".to_owned(),
        address: None,
    };
    Ok(AuditEntry::new(moment()?, agent, AuditSubtype::Sign, source))
}

fn patient(store: &Store) -> Result<PatientId, StoreError> {
    if let Some(patient) = store.find_patient(Population::Real, "1")? {
        return Ok(patient);
    }
    let details = PatientDetails {
        number: "1".to_owned(),
        name: "crash".to_owned(),
        kana: String::new(),
        sex: tsumugi_clinical::Sex::Unknown,
        birth_date: None,
    };
    store.create_patient(
        Population::Real,
        details,
        Stamp {
            author: "crash".to_owned(),
            at: moment()?,
        },
    )
}

fn moment() -> Result<Moment, StoreError> {
    Moment::parse("2026-11-22T10:00:00+09:00")
}

fn draft_key(patient: PatientId, number: u64) -> DraftKey {
    DraftKey {
        patient,
        encounter: None,
        author: format!("author {number}"),
    }
}

/// Text of a length that differs from note to note, so that commits end anywhere in a page.
fn text(number: u64) -> String {
    let repeated = usize::try_from(number % 61).unwrap_or(0);
    format!(
        "note {number}: BT 39.2, \u{767a}\u{71b1}. {}",
        "cough, headache. ".repeat(repeated)
    )
}

fn note(patient: PatientId, number: u64) -> Result<SignNote, StoreError> {
    let text = text(number);
    Ok(SignNote {
        target: Target::New {
            patient,
            encounter: None,
            kind: "progress".to_owned(),
        },
        key: Some(number.to_string()),
        content: Content {
            bytes: text.clone().into_bytes(),
            media_type: "text/plain".to_owned(),
            encoding: "utf-8".to_owned(),
            text,
        },
        signed: Stamp {
            author: "crash".to_owned(),
            at: moment()?,
        },
        written_at: moment()?,
        edition: "test".to_owned(),
        events: vec![event("39.2"), event("39.3")],
        resources: vec![NewResource {
            kind: "Observation".to_owned(),
            name: None,
            json: br#"{"resourceType":"Observation"}"#.to_vec(),
        }],
        draft: None,
        on_behalf_of: None,
    })
}

fn event(number: &str) -> Event {
    Event {
        fact: FactKey::new("fever;present;asserted;patient;current"),
        concept: ConceptId::new(CONCEPT),
        name: CONCEPT.into(),
        kind: EventKind::Finding,
        codes: Vec::new().into(),
        polarity: Polarity::Present,
        certainty: Certainty::Asserted,
        experiencer: Experiencer::Patient,
        relative: None,
        phase: Phase::Current,
        resolved: false,
        site: None,
        modifiers: Vec::new(),
        laterality: None,
        value: Some(Quantity {
            number: Some(number.to_owned()),
            unit: Some("Cel".into()),
            ..Quantity::default()
        }),
        dosage: None,
        time: None,
        measured: None,
        item: None,
        evidence: None,
        because: Vec::new(),
        supersedes: None,
    }
}
