//! What connects the engine with the store: opening it, the record of a patient, signing, and search by words.

use anyhow::{Context as _, anyhow, bail};
use jiff::civil::{Date, DateTime};
use std::path::{Path, PathBuf};
use tsumugi_clinical::{Certainty, Note, Patient, StructuredNote};
use tsumugi_coding::{Coder, Record, RecordNote};
use tsumugi_records::{
    AuditEntry, AuditSubtype, Content, DraftKey, EncounterId, EventFilter, EventOrigin, Moment, NewCareEntry,
    PatientId, PatientRecord, Population, Revision, SignNote, SignReceipt, Stamp, Store, StoreError, Target,
};

/// Name of the store's file in its folder.
const STORE_FILE: &str = "tsumugi.sqlite3";

/// Largest store that is examined whole each time it is opened, in bytes: it takes about a second.
const EXAMINED_BYTES: u64 = 64 << 20;

/// The folder of the store: as given, else the platform's folder for data.
pub(crate) fn data_folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local").join("share")))
        .or_else(|| variable("APPDATA"));
    base.map(|base| base.join("tsumugi")).ok_or_else(|| {
        anyhow!("no home directory is known here; name a folder for the store with --data DIR")
    })
}

/// Opens the store of a folder, making both where they are not there yet.
pub(crate) fn open_store(folder: &Path) -> anyhow::Result<Store> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    open_sound(&folder.join(STORE_FILE))
}

/// Opens a store that is there and refuses it when it is damaged anywhere, before anything is written to it. One larger
/// than `EXAMINED_BYTES` is examined by `doctor` and with each backup only, because it takes reading all of it.
pub(crate) fn open_sound(file: &Path) -> anyhow::Result<Store> {
    outlive_size_limit();
    let store = Store::open(file)?;
    let is_examined = std::fs::metadata(file).is_ok_and(|found| found.len() <= EXAMINED_BYTES);
    if is_examined && let Some(detail) = store.find_damage()? {
        return Err(StoreError::Damaged {
            place: file.display().to_string(),
            detail,
        }
        .into());
    }
    Ok(store)
}

/// Lets a write beyond the system's limit on the size of a file fail, as on a full disk, rather than end the process.
pub(crate) fn outlive_size_limit() {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        /// SIGXFSZ.
        const FILE_SIZE_EXCEEDED: i32 = 25;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let _context = runtime.enter();
            // The handler stays when this value and the runtime are gone; without it only the message is worse.
            let _ =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED));
        }
    }
}

/// The file of a folder's store.
pub(crate) fn store_file(folder: &Path) -> PathBuf {
    folder.join(STORE_FILE)
}

/// Now, in local civil time.
pub(crate) fn now() -> DateTime {
    jiff::Zoned::now().datetime()
}

/// A moment of the record.
pub(crate) fn moment(at: DateTime) -> Moment {
    Moment::from(at)
}

/// The patient as the engine knows one.
pub(crate) fn engine_patient(patient: &PatientRecord) -> Patient {
    Patient {
        id: Some(patient.id.get().to_string()),
        sex: Some(patient.details.sex),
        birth_date: patient.details.birth_date,
        age: None,
    }
}

/// Name of a document in reasons that point to an earlier note.
pub(crate) fn note_id(document: tsumugi_records::DocumentId) -> String {
    document.get().to_string()
}

/// What the record of a patient has said so far, for the engine; a note that is being amended is left out.
pub(crate) fn record_of(
    store: &Store,
    patient: &PatientRecord,
    without: Option<tsumugi_records::DocumentId>,
) -> Result<Record, StoreError> {
    record_within(store, patient, without, &|_| true)
}

/// The same of those origins only that `lets` lets through: what somebody may not read is not hinted at either.
pub(crate) fn record_within(
    store: &Store,
    patient: &PatientRecord,
    without: Option<tsumugi_records::DocumentId>,
    lets: &dyn Fn(&EventOrigin) -> bool,
) -> Result<Record, StoreError> {
    let mut record = Record {
        patient: engine_patient(patient),
        notes: Vec::new(),
    };
    // What nobody has confirmed is no base for anything.
    let unconfirmed = store.unconfirmed_of(patient.id)?;
    for stored in store.current_events(patient.id)? {
        let id = match &stored.origin {
            origin if !lets(origin) => continue,
            EventOrigin::Document { document, .. }
                if Some(*document) == without || unconfirmed.contains_key(document) =>
            {
                continue;
            }
            EventOrigin::Document { document, .. } => note_id(*document),
            EventOrigin::Observation { source, observation } => format!("{source}-{}", observation.get()),
        };
        match record
            .notes
            .last_mut()
            .filter(|note: &&mut RecordNote| note.id == id)
        {
            Some(note) => note.events.push(stored.event),
            None => record.notes.push(RecordNote {
                id,
                date: Some(stored.at.date()),
                events: vec![stored.event],
            }),
        }
    }
    Ok(record)
}

/// A note to be signed.
pub(crate) struct Signing {
    pub(crate) target: Target,
    pub(crate) author: String,
    pub(crate) text: String,
    pub(crate) written_at: DateTime,
    pub(crate) signed_at: DateTime,
    pub(crate) key: Option<String>,
    pub(crate) draft: Option<(DraftKey, Option<Revision>)>,
    /// The structured note as the writer saw it, with corrections; made anew when there is none.
    pub(crate) structured: Option<StructuredNote>,
    /// The writer's name as it stands in what is exchanged; the account where there is none.
    pub(crate) name: Option<String>,
    /// The physician on whose behalf it is entered; it then waits to be confirmed.
    pub(crate) on_behalf_of: Option<String>,
    /// The entry that the signing leaves in the audit trail; one under the author's name where there is none.
    pub(crate) entry: Option<AuditEntry>,
}

/// Signs a note: the document, its FHIR resources and its events, in one transaction.
pub(crate) fn sign(
    coder: &Coder,
    store: &Store,
    patient: &PatientRecord,
    signing: Signing,
) -> anyhow::Result<SignReceipt> {
    sign_with(coder, store, patient, signing, Vec::new())
}

/// The same with what its writer stated beside it.
pub(crate) fn sign_with(
    coder: &Coder,
    store: &Store,
    patient: &PatientRecord,
    signing: Signing,
    beside: Vec<NewCareEntry>,
) -> anyhow::Result<SignReceipt> {
    let without = match &signing.target {
        Target::Version { document, .. } => Some(*document),
        Target::New { .. } => None,
    };
    let structured = if let Some(structured) = signing.structured {
        structured
    } else {
        let record = record_of(store, patient, without)?;
        structure(coder, &record, patient, signing.written_at.date(), &signing.text)
    };
    let resources = crate::fhir::resources(
        coder,
        patient,
        (
            &signing.text,
            signing.written_at,
            signing.name.as_deref().unwrap_or(&signing.author),
        ),
        signing.on_behalf_of.is_some(),
        &structured,
    );
    let author = signing.author.clone();
    let mut events = structured.events;
    if signing.on_behalf_of.is_some() {
        // Nothing of the record is settled by what nobody has confirmed.
        for event in &mut events {
            event.supersedes = None;
        }
    }
    let note = SignNote {
        target: signing.target,
        key: signing.key,
        content: Content {
            bytes: signing.text.clone().into_bytes(),
            media_type: "text/plain".to_owned(),
            encoding: "utf-8".to_owned(),
            text: signing.text,
        },
        signed: Stamp {
            author: signing.author,
            at: moment(signing.signed_at),
        },
        written_at: moment(signing.written_at),
        edition: coder.edition().to_owned(),
        events,
        resources,
        draft: signing.draft,
        on_behalf_of: signing.on_behalf_of,
    };
    let entry = match signing.entry {
        Some(entry) => entry,
        None => crate::audit::entry(AuditSubtype::Sign, &author, patient.id)?,
    };
    Ok(store.audited(entry).sign_with(note, beside)?)
}

/// Structures a text against a record.
pub(crate) fn structure(
    coder: &Coder,
    record: &Record,
    patient: &PatientRecord,
    date: Date,
    text: &str,
) -> StructuredNote {
    let note = Note {
        id: String::new(),
        text: text.to_owned(),
        date: Some(date),
        patient: Some(engine_patient(patient)),
    };
    let mut record = record.clone();
    coder.structure_in(&mut record, &note)
}

/// A question in words (「発熱がある患者」): the concepts it names with everything below them, and what it says of them.
pub(crate) struct Question {
    pub(crate) concepts: Vec<tsumugi_clinical::ConceptId>,
    pub(crate) names: Vec<String>,
    pub(crate) filter: EventFilter,
}

/// Reads a question: the engine structures it as it does a note. Without a predicate it asks for what is present.
pub(crate) fn question(coder: &Coder, words: &str) -> anyhow::Result<Question> {
    let vocabulary = coder.vocabulary();
    let named = vocabulary.key(words.trim()).or_else(|| {
        coder
            .reader()
            .concepts_named(words.trim())
            .first()
            .map(|(_, key)| *key)
    });
    if let Some(key) = named {
        return Ok(Question {
            concepts: below(coder, key),
            names: vocabulary
                .get(key)
                .map(|concept| concept.name.to_string())
                .into_iter()
                .collect(),
            filter: EventFilter::default(),
        });
    }
    let structured = coder.structure(&Note {
        text: words.to_owned(),
        ..Note::default()
    });
    let Some(event) = structured.events.first() else {
        bail!("no known concept in \"{words}\"; name a symptom, disease, drug or test");
    };
    let Some(key) = vocabulary.key(event.concept.as_str()) else {
        bail!("no concept {}", event.concept)
    };
    let filter = EventFilter {
        polarity: Some(event.polarity),
        certainty: (event.certainty != Certainty::Asserted).then_some(event.certainty),
        experiencer: Some(event.experiencer),
        ..EventFilter::default()
    };
    Ok(Question {
        concepts: below(coder, key),
        names: vec![event.name.to_string()],
        filter,
    })
}

fn below(coder: &Coder, key: u32) -> Vec<tsumugi_clinical::ConceptId> {
    let vocabulary = coder.vocabulary();
    let mut ids: Vec<_> = vocabulary
        .descendants(key)
        .into_iter()
        .filter_map(|key| vocabulary.get(key))
        .map(|concept| concept.id.clone())
        .collect();
    ids.sort();
    ids
}

/// Real patients, where there are any; dummies otherwise.
pub(crate) fn population(store: &Store) -> Result<Population, StoreError> {
    let filter = tsumugi_records::PatientFilter {
        population: Population::Real,
        text: "",
        after: None,
        limit: 1,
    };
    Ok(if store.list_patients(&filter)?.is_empty() {
        Population::Dummy
    } else {
        Population::Real
    })
}

/// A new note of a patient.
pub(crate) fn new_note(patient: PatientId, encounter: Option<EncounterId>, kind: &str) -> Target {
    Target::New {
        patient,
        encounter,
        kind: kind.to_owned(),
    }
}
