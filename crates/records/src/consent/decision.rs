//! The decision about one person.

use crate::consent::basis::Basis;
use crate::consent::judge::{self, Person, Reason, Use};
use crate::consent::kinds::DataKind;
use crate::consent::log;
use crate::consent::rows::{self, StudyRecord};
use crate::consent::state::Horizon;
use crate::consent::study::Purpose;
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::patients::population;
use crate::stamp::Moment;
use crate::store::Store;
use rusqlite::Connection;

/// What is to be done with one person's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose.
    pub patient: PatientId,
    /// For which study.
    pub study: String,
    /// What for.
    pub purpose: Purpose,
    /// Which kind of data.
    pub kind: DataKind,
    /// Who gets them: the id of a recipient of the study.
    pub recipient: String,
    /// Id of this one use, where the person was asked for it by itself.
    pub use_id: Option<String>,
    /// Who asks.
    pub actor: String,
    /// When.
    pub at: Moment,
}

/// What was decided.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// It may be done.
    Allowed(Permit),
    /// It may not.
    Refused(Reason),
}

/// The proof that a use was allowed. Only [`Store::decide_use`] makes it; it cannot be copied or read from anywhere.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    patient: PatientId,
    study: String,
    purpose: Purpose,
    kind: DataKind,
    basis: Basis,
    recipient: String,
    actor: String,
    epoch: u64,
    at: Moment,
}

impl Permit {
    /// Whose data.
    pub fn patient(&self) -> PatientId {
        self.patient
    }

    /// For which study.
    pub fn study(&self) -> &str {
        &self.study
    }

    /// What for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Which kind of data.
    pub fn kind(&self) -> &DataKind {
        &self.kind
    }

    /// On which legal basis.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// Who gets them.
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Who asked.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The epoch of the study at which it was given.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// When it was given.
    pub fn at(&self) -> &Moment {
        &self.at
    }
}

impl Store {
    /// Decides whether a use of a person's data is allowed now. (The word of the plan is `decide`; that name is taken by
    /// the decisions of people, [`Store::decide`].)
    ///
    /// # Errors
    /// `NotFound` for the patient; those of the file. A refusal is no error.
    pub fn decide_use(&self, request: &Request) -> Result<Decision, StoreError> {
        self.read("decide use", |conn| {
            let horizon = Horizon {
                at: &request.at,
                is_live: true,
            };
            Ok(match judged(conn, request, horizon)? {
                Err(reason) => Decision::Refused(reason),
                Ok(record) => Decision::Allowed(Permit {
                    patient: request.patient,
                    study: request.study.clone(),
                    purpose: request.purpose,
                    kind: request.kind.clone(),
                    basis: record.study.basis,
                    recipient: request.recipient.clone(),
                    actor: request.actor.clone(),
                    epoch: log::epoch(conn, &request.study)?,
                    at: request.at.clone(),
                }),
            })
        })
    }

    /// Says what was allowed at `request.at`, by replay of what the log held then. It gives no permit.
    ///
    /// # Errors
    /// `NotFound` for the patient; those of the file.
    pub fn was_allowed(&self, request: &Request) -> Result<Result<(), Reason>, StoreError> {
        self.read("was allowed", |conn| {
            let horizon = Horizon {
                at: &request.at,
                is_live: false,
            };
            Ok(judged(conn, request, horizon)?.map(|_| ()))
        })
    }
}

/// Judges a use; gives the study where it is allowed.
pub(crate) fn judged(
    conn: &Connection,
    request: &Request,
    horizon: Horizon<'_>,
) -> Result<Result<StudyRecord, Reason>, StoreError> {
    let of = population(conn, request.patient)?;
    let Some(record) = rows::study_at(conn, &request.study, of, horizon)? else {
        return Ok(Err(Reason::StudyUnknown(request.study.clone())));
    };
    if record.study.population != of {
        return Ok(Err(Reason::OtherPopulation));
    }
    let asked = Use {
        study: &record.study,
        text: &record.text,
        hash: &record.text_hash,
        purpose: request.purpose,
        recipient: &request.recipient,
        once: request.use_id.as_deref(),
        today: request.at.civil().date(),
    };
    if let Err(reason) = judge::study_allows(&asked) {
        return Ok(Err(reason));
    }
    let (records, birth) = log::person(conn, request.patient, &request.study, horizon)?;
    let person = Person {
        records: &records,
        birth,
    };
    let verdict = judge::person_allows(&asked, &request.kind, person);
    Ok(verdict.map(|()| record))
}
