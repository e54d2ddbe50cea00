//! Consent as the screens ask for it: which studies a person is asked, what stands, and one way to answer.

use crate::log;
use crate::web::{App, clock};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tsumugi_records::consent::{
    Answer, AnswerSheet, By, ConsentEvent, Guardian, Happening, Held, Item, KNOWLEDGE_STUDY, PersonState,
    Receipt, StudyRecord,
};
use tsumugi_records::{AuditEntry, PatientId, PatientRecord, Stamp, Store, StoreError};

/// Whoever answers looks at what stands and writes in one go: two answers at once come one after the other.
static ANSWERING: Mutex<()> = Mutex::new(());

/// What stands of a person for one study, over all records that are read as one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// The answers that hold; of several records the one that allows least.
    pub(crate) answers: BTreeMap<Item, Held>,
    /// Whether the person withdrew, and answered nothing since.
    pub(crate) withdrawn: bool,
    /// The newest entry of the log in which the person said something; 0 where there is none.
    pub(crate) seen: u64,
    /// Guardians.
    pub(crate) guardians: BTreeMap<String, Guardian>,
    /// Day on which the person was first told of an opt-out.
    pub(crate) told: Option<Date>,
}

/// In one word how a study stands to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// Nothing was said.
    Open,
    /// Withdrawn, or refused as a whole.
    Withdrawn,
    /// Every answer is a no.
    Refused,
    /// Answered, and the text was changed since.
    Changed,
    /// Answered in part.
    Partly,
    /// Everything is answered.
    Answered,
}

impl Stands {
    /// The name under which its text stands (`stands.<word>`).
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
            Self::Changed => "changed",
            Self::Partly => "partly",
            Self::Answered => "answered",
        }
    }
}

impl Standing {
    /// How the study stands.
    pub(crate) fn stands(&self, record: &StudyRecord) -> Stands {
        let items = record.study.items();
        let held: Vec<&Held> = items.iter().filter_map(|item| self.answers.get(item)).collect();
        if held.is_empty() {
            return if self.withdrawn {
                Stands::Withdrawn
            } else {
                Stands::Open
            };
        }
        if held.iter().all(|held| held.answer == Answer::No) {
            return Stands::Refused;
        }
        let is_old = |held: &&Held| held.answer == Answer::Yes && held.text != record.text_hash;
        if held.iter().any(is_old) {
            return Stands::Changed;
        }
        if held.len() < items.len() {
            Stands::Partly
        } else {
            Stands::Answered
        }
    }
}

/// The studies that a person is asked, in order; those that have ended only where the person has said something.
pub(crate) fn studies_for(store: &Store, patient: &PatientRecord) -> Result<Vec<StudyRecord>, StoreError> {
    let today = clock::today();
    let mut studies = store.studies(patient.population)?;
    if !studies.iter().any(|record| record.study.id == KNOWLEDGE_STUDY) {
        studies.push(store.study(KNOWLEDGE_STUDY)?);
    }
    let mut shown = Vec::new();
    for record in studies {
        let has_ended = record.study.ends_at.is_some_and(|ends| ends < today);
        if !has_ended || standing(store, patient.id, &record.study.id)?.seen > 0 {
            shown.push(record);
        }
    }
    Ok(shown)
}

/// A study that a person may be asked.
///
/// # Errors
/// `NotFound`, also for one of the other population.
pub(crate) fn study_for(store: &Store, patient: &PatientRecord, id: &str) -> Result<StudyRecord, StoreError> {
    let record = store.study(id)?;
    if record.study.population != patient.population && id != KNOWLEDGE_STUDY {
        return Err(StoreError::NotFound {
            what: "study",
            id: id.to_owned(),
        });
    }
    Ok(record)
}

/// What stands of a person for a study.
pub(crate) fn standing(store: &Store, patient: PatientId, study: &str) -> Result<Standing, StoreError> {
    let states = store.consent_state(patient, study, &clock::now())?;
    let mut standing = Standing {
        withdrawn: states.iter().any(|state| state.withdrawn.is_some()),
        ..Standing::default()
    };
    for PersonState {
        answers,
        withdrawn,
        told,
        guardians,
        ..
    } in states
    {
        let said = answers.values().map(|held| held.seq);
        let said = said.chain(withdrawn.map(|(seq, _)| seq)).max().unwrap_or(0);
        standing.seen = standing.seen.max(said);
        standing.guardians.extend(guardians);
        standing.told = standing.told.into_iter().chain(told).min();
        for (item, held) in answers {
            let slot = standing.answers.entry(item).or_insert_with(|| held.clone());
            if weight(held.answer) > weight(slot.answer) {
                *slot = held;
            }
        }
    }
    Ok(standing)
}

/// A refusal wins over every other answer.
fn weight(answer: Answer) -> u8 {
    match answer {
        Answer::Yes => 0,
        Answer::AskEachTime => 1,
        Answer::No => 2,
    }
}

/// What somebody says about a study.
#[derive(Debug, Clone)]
pub(crate) enum Saying {
    /// Answers.
    Answers(AnswerSheet),
    /// A withdrawal, or a refusal of the whole study: the study, and who says it.
    Withdrawal(String, By),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Said {
    /// It holds.
    Kept(Receipt),
    /// It held already: the same was sent before.
    Before(u64),
    /// Something was said later than what the sender had seen; that stands.
    Overtaken,
}

/// Takes what somebody says, unless the person has said something since `seen`.
///
/// # Errors
/// Those of the store; `Conflict` where the text was changed.
pub(crate) fn say(
    store: &Store,
    patient: PatientId,
    (seen, saying): (Option<u64>, Saying),
    stamp: Stamp,
    entry: AuditEntry,
) -> Result<Said, StoreError> {
    let _alone = ANSWERING.lock().unwrap_or_else(PoisonError::into_inner);
    let study = match &saying {
        Saying::Answers(sheet) => &sheet.study,
        Saying::Withdrawal(study, _) => study,
    };
    let log = store.consent_log(patient)?;
    let newest = log
        .iter()
        .rev()
        .find(|event| event.study == *study && is_said(event));
    if let Some(newest) = newest {
        if is_the_same(&newest.happening, &saying) {
            store.audit_read(&entry)?;
            return Ok(Said::Before(newest.seq));
        }
        if seen.is_some_and(|seen| newest.seq > seen) {
            store.audit_read(&crate::audit::refused(entry, "overtaken by a later answer"))?;
            return Ok(Said::Overtaken);
        }
    }
    let store = store.audited(entry);
    let receipt = match saying {
        Saying::Answers(sheet) => store.answer(patient, sheet, stamp)?,
        Saying::Withdrawal(study, by) => store.withdraw(patient, &study, by, stamp)?,
    };
    Ok(Said::Kept(receipt))
}

/// Makes the answers of decision support anew, beside the request, where a withdrawal has taken learned cases back: the log
/// holds it already, the knowledge in memory follows within the second.
pub(crate) fn forget(app: &Arc<App>, said: &Said) {
    let took_back = matches!(said, Said::Kept(receipt) if !receipt.followed.taken_back.is_empty());
    if !took_back {
        return;
    }
    let app = Arc::clone(app);
    std::thread::spawn(move || {
        if let Err(error) = app.advice.forget(&app.store) {
            log::error(
                "what was taken back is still in the knowledge in memory; start again",
                &[("cause", &log::Cause::of(&error))],
            );
        }
    });
}

fn is_said(event: &ConsentEvent) -> bool {
    matches!(
        event.happening,
        Happening::Answered { .. } | Happening::Withdrawn { .. }
    )
}

/// Whether the newest that was said is the same: a request whose answer was lost on the way comes again.
fn is_the_same(newest: &Happening, saying: &Saying) -> bool {
    match (newest, saying) {
        (Happening::Answered { text, answers, by }, Saying::Answers(sheet)) => {
            *text == sheet.text && *answers == sheet.answers && *by == sheet.by
        }
        (Happening::Withdrawn { by }, Saying::Withdrawal(_, other)) => by == other,
        _ => false,
    }
}
