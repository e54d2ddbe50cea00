//! Thirty dummy patients for a new store, so that there is something to see and to try; they never mix with real ones.

use crate::chart::{self, Signing};
use anyhow::{Context as _, anyhow};
use jiff::civil::{Date, DateTime, Time};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tsumugi_clinical::{ClinicalTime, Precision, Sex, TimeFrame};
use tsumugi_coding::Coder;
use tsumugi_records::{
    NewObservation, PatientDetails, PatientFilter, PatientRecord, Population, Stamp, Store,
};

#[derive(RustEmbed)]
#[folder = "../../corpus/dummies"]
struct Dummies;

/// File beside the store that says how far seeding came: a store whose dummies were taken out gets none again.
const STATE: &str = "dummies.state";
const BEGUN: &str = "begun\n";
const DONE: &str = "done\n";

/// Patients that are written at once: whoever waits together shares a sync of the disk.
const WORKERS: usize = 8;

/// A dummy patient's file.
#[derive(Debug, Deserialize)]
struct Dummy {
    id: String,
    name: String,
    kana: String,
    sex: Sex,
    birth_date: Option<Date>,
    #[serde(default)]
    notes: Vec<DummyNote>,
    #[serde(default)]
    labs: Vec<Lab>,
    #[serde(default)]
    drugs: Vec<Drug>,
}

#[derive(Debug, Deserialize)]
struct DummyNote {
    at: DateTime,
    author: String,
    kind: String,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Lab {
    at: DateTime,
    test: String,
    value: String,
    #[serde(default)]
    unit: String,
}

#[derive(Debug, Deserialize)]
struct Drug {
    from: Date,
    to: Option<Date>,
    text: String,
}

/// Puts the dummies into an empty store and gives their number; a store that has patients, or had its dummies taken
/// out, is left alone (the latter not where they are asked for by `again`). What was interrupted is gone on with.
pub(crate) fn seed(store: &Store, coder: &Coder, folder: &Path, again: bool) -> anyhow::Result<usize> {
    let state = std::fs::read_to_string(folder.join(STATE)).unwrap_or_default();
    let is_empty = |population| -> anyhow::Result<bool> {
        Ok(store
            .list_patients(&PatientFilter {
                population,
                text: "",
                after: None,
                limit: 1,
            })?
            .is_empty())
    };
    let is_new = is_empty(Population::Real)? && is_empty(Population::Dummy)? && (again || state.is_empty());
    if !is_new && state != BEGUN {
        return Ok(0);
    }
    let mark = |word: &str| {
        let path = folder.join(STATE);
        std::fs::write(&path, word).with_context(|| format!("{}: cannot be written", path.display()))
    };
    mark(BEGUN)?;
    let dummies = read()?;
    write_all(store, coder, &dummies)?;
    mark(DONE)?;
    Ok(dummies.len())
}

fn read() -> anyhow::Result<Vec<Dummy>> {
    let mut names: Vec<Cow<'static, str>> = Dummies::iter().filter(|name| name.ends_with(".toml")).collect();
    names.sort();
    let parse = |name: &Cow<'static, str>| {
        let file = Dummies::get(name).ok_or_else(|| anyhow!("{name}: missing"))?;
        let text = std::str::from_utf8(&file.data).with_context(|| format!("corpus/dummies/{name}"))?;
        toml::from_str(text).with_context(|| format!("corpus/dummies/{name}"))
    };
    names.iter().map(parse).collect()
}

fn write_all(store: &Store, coder: &Coder, dummies: &[Dummy]) -> anyhow::Result<()> {
    // Patients get their ids in the order of the files; their notes are then written side by side.
    let records: Vec<PatientRecord> = dummies
        .iter()
        .map(|dummy| patient(store, dummy))
        .collect::<Result<_, _>>()?;
    let next = AtomicUsize::new(0);
    let work = || -> anyhow::Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(dummy), Some(record)) = (dummies.get(index), records.get(index)) else {
                return Ok(());
            };
            write(store, coder, dummy, record).with_context(|| dummy.id.clone())?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| anyhow!("a dummy patient broke the engine"))?
        })
    })
}

fn patient(store: &Store, dummy: &Dummy) -> anyhow::Result<PatientRecord> {
    let details = PatientDetails {
        number: dummy.id.clone(),
        name: dummy.name.clone(),
        kana: dummy.kana.clone(),
        sex: dummy.sex,
        birth_date: dummy.birth_date,
    };
    let stamp = Stamp {
        author: "tsumugi".to_owned(),
        at: chart::moment(chart::now()),
    };
    let id = match store.find_patient(Population::Dummy, &dummy.id)? {
        Some(id) => id,
        None => store.create_patient(Population::Dummy, details, stamp)?,
    };
    Ok(store.patient(id)?)
}

/// What happens to a patient, in the order of time: the later is read in the light of the earlier.
enum Happened<'a> {
    Drug(usize, &'a Drug),
    Labs(Vec<&'a Lab>),
    Note(usize, &'a DummyNote),
}

fn write(store: &Store, coder: &Coder, dummy: &Dummy, record: &PatientRecord) -> anyhow::Result<()> {
    let mut all: Vec<(DateTime, Happened<'_>)> = Vec::new();
    for (index, drug) in dummy.drugs.iter().enumerate() {
        all.push((
            drug.from.to_datetime(Time::midnight()),
            Happened::Drug(index, drug),
        ));
    }
    for lab in &dummy.labs {
        match all
            .iter_mut()
            .find(|(at, what)| *at == lab.at && matches!(what, Happened::Labs(_)))
        {
            Some((_, Happened::Labs(labs))) => labs.push(lab),
            _ => all.push((lab.at, Happened::Labs(vec![lab]))),
        }
    }
    all.extend(
        dummy
            .notes
            .iter()
            .enumerate()
            .map(|(index, note)| (note.at, Happened::Note(index, note))),
    );
    all.sort_by_key(|(at, _)| *at);
    for (at, what) in all {
        match what {
            Happened::Drug(index, drug) => order(store, coder, record, (index, drug))?,
            Happened::Labs(labs) => results(store, coder, record, at, &labs)?,
            Happened::Note(index, note) => {
                let signing = Signing {
                    target: chart::new_note(record.id, None, &note.kind),
                    author: note.author.clone(),
                    text: note.text.trim_end().to_owned(),
                    written_at: note.at,
                    signed_at: note.at,
                    key: Some(format!("{}/{}", dummy.id, index + 1)),
                    draft: None,
                    structured: None,
                    name: None,
                    entry: None,
                    on_behalf_of: None,
                };
                chart::sign(coder, store, record, signing)?;
            }
        }
    }
    Ok(())
}

/// The results of one drawing of blood, as a laboratory system sends them.
fn results(
    store: &Store,
    coder: &Coder,
    record: &PatientRecord,
    at: DateTime,
    labs: &[&Lab],
) -> anyhow::Result<()> {
    let text: Vec<String> = labs
        .iter()
        .map(|lab| {
            format!("{} {} {}", lab.test, lab.value, lab.unit)
                .trim_end()
                .to_owned()
        })
        .collect();
    let time = ClinicalTime {
        from: Some(at),
        to: Some(at),
        precision: Precision::Minute,
        frame: TimeFrame::Within,
        text: String::new(),
    };
    state(
        store,
        coder,
        record,
        ("laboratory", &format!("{at}"), at),
        &text.join("\n"),
        &time,
    )
}

/// An order of a drug, as an ordering system sends it.
fn order(
    store: &Store,
    coder: &Coder,
    record: &PatientRecord,
    (index, drug): (usize, &Drug),
) -> anyhow::Result<()> {
    let from = drug.from.to_datetime(Time::midnight());
    let to = drug.to.map(|to| to.at(23, 59, 59, 0));
    let time = ClinicalTime {
        from: Some(from),
        to,
        precision: Precision::Day,
        frame: TimeFrame::Since,
        text: String::new(),
    };
    state(
        store,
        coder,
        record,
        ("order", &format!("{}", index + 1), from),
        &drug.text,
        &time,
    )
}

/// Keeps what another system states, read by the engine from its words, at the time that system gives.
fn state(
    store: &Store,
    coder: &Coder,
    record: &PatientRecord,
    (source, key, at): (&str, &str, DateTime),
    text: &str,
    time: &ClinicalTime,
) -> anyhow::Result<()> {
    let structured = chart::structure(coder, &tsumugi_coding::Record::default(), record, at.date(), text);
    let events = structured.events.into_iter().map(|mut event| {
        event.time = Some(time.clone());
        event
    });
    store.record_observation(NewObservation {
        patient: record.id,
        source: source.to_owned(),
        key: key.to_owned(),
        observed_at: chart::moment(at),
        events: events.collect(),
        stamp: Stamp {
            author: source.to_owned(),
            at: chart::moment(at),
        },
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dummy_file_is_read() {
        let dummies = read().unwrap();
        assert_eq!(dummies.len(), 30);
        assert!(dummies.iter().all(|dummy| !dummy.notes.is_empty()));
    }

    #[test]
    fn removed_dummies_do_not_come_back_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_in_memory().unwrap();
        let coder = Coder::embedded().unwrap();
        assert_eq!(seed(&store, &coder, folder.path(), false).unwrap(), 30);
        assert_eq!(seed(&store, &coder, folder.path(), false).unwrap(), 0);
        store.remove_dummies().unwrap();
        assert_eq!(seed(&store, &coder, folder.path(), false).unwrap(), 0);
        assert_eq!(seed(&store, &coder, folder.path(), true).unwrap(), 30);
    }
}
