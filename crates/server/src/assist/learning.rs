//! What a signed note teaches, and the notes that were signed before the server started.

use super::Assist;
use crate::chart;
use crate::log;
use crate::web::App;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tsumugi_clinical::{Because, EventKind, StructuredNote};
use tsumugi_prediction::{Unit, units};
use tsumugi_records::{DocumentId, PatientId};
use tsumugi_tables::to_hiragana;
use tsumugi_terminology::Vocabulary;

/// Notes of those signed before that are learned at the start.
const NOTES: usize = 2_000;
/// Longest note that is learned, in bytes.
const LONGEST: usize = 64 << 10;

/// What a note teaches.
#[derive(Debug, Clone)]
pub(crate) struct Lesson {
    pub(crate) author: String,
    pub(crate) patient: PatientId,
    pub(crate) units: Vec<Unit>,
    /// Drugs with what stands behind their names.
    pub(crate) lines: Vec<(Arc<str>, String)>,
}

/// The names of a text: first character, the one behind the last, concept; in the order of the text.
pub(crate) fn names_of(note: &StructuredNote) -> Vec<(u32, u32, Arc<str>)> {
    let mut names = Vec::new();
    for event in &note.events {
        for reason in &event.because {
            let Because::Entity { entity } = reason else {
                continue;
            };
            if let Some(entity) = note.entities.get(*entity as usize) {
                let concept = event
                    .measured
                    .as_ref()
                    .map_or(&event.concept, |measured| &measured.concept);
                names.push((entity.span.start, entity.span.end, Arc::from(concept.as_str())));
            }
        }
    }
    names.sort();
    names.dedup_by_key(|(start, end, _)| (*start, *end));
    names
}

/// What a note teaches.
pub(super) fn lesson(
    vocabulary: &Vocabulary,
    author: &str,
    patient: PatientId,
    text: &str,
    note: &StructuredNote,
) -> Lesson {
    let mut units = if text.len() <= LONGEST {
        units(text, &names_of(note))
    } else {
        Vec::new()
    };
    for unit in &mut units {
        unit.reading = reading(vocabulary, unit);
    }
    let is_drug = |kind: EventKind| kind == EventKind::Medication;
    let drugs = note.events.iter().filter(|event| is_drug(event.kind));
    let line = |event: &tsumugi_clinical::Event| {
        let text = event.dosage.as_ref()?.text.trim().to_owned();
        (!text.is_empty() && !text.contains('\n')).then(|| (Arc::from(event.concept.as_str()), text))
    };
    let lines: BTreeSet<(Arc<str>, String)> = drugs.filter_map(line).collect();
    Lesson {
        author: author.to_owned(),
        patient,
        units,
        lines: lines.into_iter().collect(),
    }
}

/// The reading of a unit that begins with a name of its concept and goes on in kana; empty where it is not known.
fn reading(vocabulary: &Vocabulary, unit: &Unit) -> String {
    let Some(concept) = unit.concept.as_deref().and_then(|id| vocabulary.concept(id)) else {
        return String::new();
    };
    let synonyms = concept
        .synonyms
        .iter()
        .map(|(form, kana)| (form.as_ref(), kana.as_ref()));
    let own = (concept.name.as_ref(), concept.kana.as_ref());
    let forms = std::iter::once(own).chain(synonyms);
    let longest = forms
        .filter_map(|(form, kana): (&str, &str)| Some((kana, unit.surface.strip_prefix(form)?)))
        .filter(|(kana, _)| !kana.is_empty())
        .min_by_key(|(_, rest)| rest.len());
    let is_kana = |c: char| ('\u{3041}'..='\u{30FF}').contains(&c) || !c.is_alphanumeric();
    match longest {
        Some((kana, rest)) if rest.chars().all(is_kana) => {
            format!("{}{}", to_hiragana(kana), to_hiragana(rest))
        }
        _ => String::new(),
    }
}

impl Assist {
    /// Begins, once, to learn what was signed before, beside all other work.
    pub(crate) fn wake(app: &Arc<App>) {
        if app.assist.is_woken.swap(true, Ordering::Relaxed) {
            return;
        }
        let app = Arc::downgrade(app);
        let begun = std::thread::Builder::new()
            .name("habits".to_owned())
            .spawn(move || remember(&app));
        if let Err(error) = begun {
            let cause = log::Cause::of(&error.into());
            log::warn(
                "what was signed before is not learned for prediction",
                &[("cause", &cause)],
            );
        }
    }
}

/// Learns the newest notes, the older ones first. It works a third of the time, and ends with the server.
fn remember(app: &Weak<App>) {
    let started = Instant::now();
    let first = |app: Arc<App>| {
        // The names are indexed before the first key is pressed.
        app.assist.predictor(app.coder.vocabulary());
        newest(&app)
    };
    let Some(list) = app.upgrade().and_then(first) else {
        return;
    };
    let mut learned = 0_u64;
    for (id, for_site) in list {
        let Some(app) = app.upgrade() else { return };
        let began = Instant::now();
        if learn(&app, id, for_site).is_ok() {
            learned += 1;
        }
        drop(app);
        std::thread::sleep((began.elapsed() * 2).min(Duration::from_millis(200)));
    }
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    log::info(
        "learned what was signed before",
        &[("notes", &learned), ("ms", &ms)],
    );
}

/// The newest documents, oldest first, and whether each is the newest of its patient.
fn newest(app: &App) -> Option<Vec<(DocumentId, bool)>> {
    let ids = app.store.newest_documents().ok()?;
    let mut patients = BTreeSet::new();
    let mut list = Vec::new();
    for id in ids.into_iter().take(NOTES) {
        let Ok(version) = app.store.document(id) else {
            continue;
        };
        list.push((id, patients.insert(version.patient)));
    }
    list.reverse();
    Some(list)
}

fn learn(app: &App, id: DocumentId, for_site: bool) -> anyhow::Result<()> {
    let version = app.store.document(id)?;
    // What nobody has confirmed is no base for anything.
    if version.text.len() > LONGEST || app.store.unconfirmed_of(version.patient)?.contains_key(&id) {
        return Ok(());
    }
    let patient = app.store.patient(version.patient)?;
    let date = version.written_at.civil().date();
    let record = tsumugi_coding::Record {
        patient: chart::engine_patient(&patient),
        notes: Vec::new(),
    };
    let note = chart::structure(&app.coder, &record, &patient, date, &version.text);
    let vocabulary = app.coder.vocabulary();
    let lesson = lesson(vocabulary, &version.author, version.patient, &version.text, &note);
    app.assist
        .learn(vocabulary, patient.population, &lesson, for_site);
    Ok(())
}
