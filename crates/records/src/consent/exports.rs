//! What left: each export with its epoch and its persons, what a withdrawal does to it, and the feed "who used my data".

use crate::consent::basis::Form;
use crate::consent::judge::{self, Person, Reason, Use};
use crate::consent::kinds::DataKind;
use crate::consent::log;
use crate::consent::rows::{self, StudyRecord};
use crate::consent::set::{PermittedSet, SetEnded};
use crate::consent::state::Horizon;
use crate::consent::study::{Purpose, Recipient};
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::stamp::{Moment, Stamp, Word, word};
use crate::store::Store;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Persons of an export that are noted in one transaction.
const NOTED_AT_ONCE: usize = 5000;

/// An export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExportId(i64);

impl ExportId {
    /// Wraps a number that the store gave out earlier.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for ExportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromSql for ExportId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}

impl ToSql for ExportId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportState {
    /// It is being written.
    Running,
    /// It was handed over.
    Delivered,
    /// It was ended before that.
    Aborted,
    /// It was handed over, and a person in it has taken something back since.
    Marked,
}

/// An export that is to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExport {
    /// Hash of the query, as the exporter makes it.
    pub query: String,
    /// In which form.
    pub form: Form,
    /// Who exports, and when.
    pub stamp: Stamp,
}

/// Whether an export may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum ExportStart {
    /// It may; this is its number.
    Begun(ExportId),
    /// It may not.
    Refused(Reason),
    /// The set no longer holds; make a new one.
    Ended(SetEnded),
}

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum ExportEnd {
    /// It may be handed over.
    Delivered,
    /// It may not: the file must go.
    Aborted(SetEnded),
}

/// Whether the bytes of an earlier export may be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Rerun {
    /// Everybody in it still allows it.
    Allowed,
    /// So many persons in it no longer do: they withdrew, said no, or have to be asked again.
    Refused {
        /// How many.
        withdrawn: u64,
    },
    /// The study may do nothing any more.
    Study(Reason),
}

/// An export as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportDelivery {
    /// Number.
    pub id: ExportId,
    /// For which study.
    pub study: String,
    /// Hash of the query.
    pub query: String,
    /// Legal basis, as in the study then (JSON).
    pub basis: String,
    /// Form.
    pub form: Form,
    /// What for.
    pub purpose: Purpose,
    /// Who got it.
    pub recipient: Recipient,
    /// Epoch of the study.
    pub epoch: u64,
    /// How many persons are in it.
    pub persons: u64,
    /// How far it is.
    pub state: ExportState,
    /// The manifest that went with it (JSON).
    pub manifest: Option<String>,
    /// Who began it, and when.
    pub stamp: Stamp,
    /// When it ended.
    pub ended: Option<Moment>,
}

/// A use of a person's data, for the person to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataUse {
    /// The export.
    pub export: ExportDelivery,
    /// Title of the study.
    pub title: String,
    /// Which kinds of the person's data were in it.
    pub kinds: Vec<DataKind>,
}

const COLUMNS: &str =
    "d.id, d.study, d.query, d.basis, d.form, d.purpose, d.recipient, d.epoch, d.persons, d.state,
    d.manifest, d.author, d.at, d.ended FROM export_delivery d";

impl Store {
    /// Begins an export: the basis must allow recipient and form, and the set must still hold. Its persons are noted
    /// before a byte leaves.
    ///
    /// # Errors
    /// Only those of the file; refusals are values.
    pub fn begin_export(&self, set: &PermittedSet, export: NewExport) -> Result<ExportStart, StoreError> {
        let now = export.stamp.at.clone();
        if let Err(ended) = set.still_holds(self, &now)? {
            return Ok(ExportStart::Ended(ended));
        }
        let request = set.request().clone();
        let population = set.population();
        let epoch = set.epoch();
        let count = set.len() as u64;
        let started = self.write("begin export", move |conn| {
            let horizon = Horizon {
                at: &export.stamp.at,
                is_live: true,
            };
            let Some(record) = rows::study_at(conn, &request.study, population, horizon)? else {
                return Ok(Begun(ExportStart::Refused(Reason::StudyUnknown(
                    request.study.clone(),
                ))));
            };
            let Some(recipient) = record.study.recipient(&request.recipient) else {
                return Ok(Begun(ExportStart::Refused(Reason::OtherRecipient(
                    request.recipient.clone(),
                ))));
            };
            if let Err(refusal) = record
                .study
                .basis
                .allows(record.study.provider, recipient, export.form)
            {
                return Ok(Begun(ExportStart::Refused(refusal.into())));
            }
            let json = |value: serde_json::Result<String>| {
                value.map_err(|error| StoreError::damaged(error.to_string()))
            };
            conn.prepare_cached(
                "INSERT INTO export_delivery
                     (study, dummy, query, basis, form, purpose, recipient, epoch, persons, state, author, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'running', ?10, ?11)",
            )?
            .execute(params![
                request.study,
                population,
                export.query,
                json(serde_json::to_string(&record.study.basis))?,
                word(&export.form)?,
                word(&request.purpose)?,
                json(serde_json::to_string(recipient))?,
                epoch,
                count,
                export.stamp.author,
                export.stamp.at,
            ])?;
            Ok(Begun(ExportStart::Begun(ExportId(conn.last_insert_rowid()))))
        })?;
        // Who withdraws meanwhile is found by the first batch, and by `finish_export`.
        if let ExportStart::Begun(id) = started.0 {
            self.note_persons(id, set)?;
        }
        Ok(started.0)
    }

    /// Notes who is in an export, in parts, so that a withdrawal does not have to wait.
    fn note_persons(&self, id: ExportId, set: &PermittedSet) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let part: Vec<(PatientId, u64)> = set.after(last, NOTED_AT_ONCE).to_vec();
            let Some((person, _)) = part.last() else {
                return Ok(());
            };
            last = Some(*person);
            let mut words: BTreeMap<u64, String> = BTreeMap::new();
            for (_, bits) in &part {
                let kinds = || {
                    set.kinds_in(*bits)
                        .iter()
                        .map(|kind| kind.as_str())
                        .collect::<Vec<_>>()
                };
                words.entry(*bits).or_insert_with(|| kinds().join("|"));
            }
            self.write_unaudited("begin export", move |conn| {
                let mut add = conn.prepare_cached("INSERT INTO export_person VALUES (?1, ?2, ?3)")?;
                for (person, bits) in &part {
                    add.execute(params![id, person, words.get(bits)])?;
                }
                Ok(())
            })?;
        }
    }

    /// Ends an export. It is delivered only where nobody in it has taken anything back meanwhile; the question and the
    /// answer are one transaction, so that a withdrawal comes before it or after it.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where it has ended already, other than by a withdrawal.
    pub fn finish_export(
        &self,
        id: ExportId,
        set: PermittedSet,
        manifest: String,
        now: Moment,
    ) -> Result<ExportEnd, StoreError> {
        let ended = self.write("finish export", move |conn| {
            let export = find(conn, id)?;
            if export.study != set.study() || export.epoch != set.epoch() {
                let detail = "was begun with another set of persons";
                return Err(StoreError::conflict(format!("export {id}"), detail));
            }
            match (export.state, set.holds_in(conn, &now)?) {
                (ExportState::Running, Ok(())) => {
                    end(conn, id, ExportState::Delivered, Some(&manifest), &now)?;
                    Ok(Ended(ExportEnd::Delivered))
                }
                (ExportState::Running, Err(why)) => {
                    end(conn, id, ExportState::Aborted, None, &now)?;
                    Ok(Ended(ExportEnd::Aborted(why)))
                }
                (ExportState::Aborted, Err(why)) => Ok(Ended(ExportEnd::Aborted(why))),
                // Who withdrew has joined again since; the file was written without asking, so it goes all the same.
                (ExportState::Aborted, Ok(())) => {
                    Ok(Ended(ExportEnd::Aborted(SetEnded::Withdrawn { persons: 1 })))
                }
                _ => Err(StoreError::conflict(format!("export {id}"), "has ended already")),
            }
        })?;
        Ok(ended.0)
    }

    /// Ends an export that will not be handed over. One that has ended so already stays so.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where it was delivered.
    pub fn abort_export(&self, id: ExportId, now: Moment) -> Result<(), StoreError> {
        self.write("abort export", move |conn| match find(conn, id)?.state {
            ExportState::Running => end(conn, id, ExportState::Aborted, None, &now),
            ExportState::Aborted => Ok(()),
            ExportState::Delivered | ExportState::Marked => Err(StoreError::conflict(
                format!("export {id}"),
                "was delivered already",
            )),
        })
    }

    /// Whether an earlier export may be made again: not where a person in it has taken anything back since.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn may_rerun(&self, id: ExportId, now: &Moment) -> Result<Rerun, StoreError> {
        self.read("may rerun", |conn| rerun(conn, id, now))
    }

    /// An export.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn export_delivery(&self, id: ExportId) -> Result<ExportDelivery, StoreError> {
        self.read("export delivery", |conn| find(conn, id))
    }

    /// The exports of a study, newest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn export_deliveries(&self, study: &str, limit: u32) -> Result<Vec<ExportDelivery>, StoreError> {
        self.read("export deliveries", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE d.study = ?1 ORDER BY d.id DESC LIMIT ?2"
            ))?;
            let rows = list.query_map(params![study, limit], read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Who used a person's data for what, newest first: what was delivered, and what was begun. (Who looked at the record
    /// is in the audit trail, [`Store::who_looked`].)
    ///
    /// # Errors
    /// Only those of the file.
    pub fn data_uses(&self, patient: PatientId, limit: u32) -> Result<Vec<DataUse>, StoreError> {
        self.read("data uses", |conn| {
            let person = crate::links::root(conn, patient)?;
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} JOIN export_person x ON x.delivery = d.id
                 WHERE x.patient IN (SELECT ?1 UNION ALL SELECT patient FROM patient_merged WHERE survivor = ?1)
                 GROUP BY d.id ORDER BY d.id DESC LIMIT ?2"
            ))?;
            let exports: Vec<ExportDelivery> = list
                .query_map(params![person, limit], read)?
                .collect::<Result<_, _>>()?;
            let mut uses = Vec::with_capacity(exports.len());
            for export in exports {
                let title = rows::newest(conn, &export.study)?.map(|record| record.study.title);
                uses.push(DataUse {
                    title: title.unwrap_or_default(),
                    kinds: kinds_in(conn, export.id, person)?,
                    export,
                });
            }
            Ok(uses)
        })
    }
}

/// What a withdrawal ended and marked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Stopped {
    pub(crate) ended: Vec<ExportId>,
    pub(crate) marked: Vec<ExportId>,
}

/// Ends the running exports of a study that hold a person who no longer allows what they take, and marks the delivered
/// ones.
pub(crate) fn stop(
    conn: &Connection,
    record: &StudyRecord,
    records: &[PatientId],
    now: &Moment,
) -> Result<Stopped, StoreError> {
    let horizon = Horizon {
        at: now,
        is_live: true,
    };
    let mut stopped = Stopped::default();
    for patient in records {
        let mut list = conn.prepare_cached(&format!(
            "SELECT {COLUMNS} JOIN export_person x ON x.delivery = d.id
             WHERE x.patient = ?1 AND d.study = ?2 AND d.state IN ('running', 'delivered') ORDER BY d.id"
        ))?;
        let found: Vec<ExportDelivery> = list
            .query_map(params![patient, record.study.id], read)?
            .collect::<Result<_, _>>()?;
        for export in found {
            let asked = Use {
                study: &record.study,
                text: &record.text,
                hash: &record.text_hash,
                purpose: export.purpose,
                recipient: &export.recipient.id,
                once: None,
                today: now.civil().date(),
            };
            let mut kinds =
                conn.prepare_cached("SELECT kinds FROM export_person WHERE delivery = ?1 AND patient = ?2")?;
            let kinds: String = kinds.query_row(params![export.id, patient], |row| row.get(0))?;
            if still_allows(conn, &asked, *patient, &kinds, horizon)? {
                continue;
            }
            if export.state == ExportState::Running {
                end(conn, export.id, ExportState::Aborted, None, now)?;
                stopped.ended.push(export.id);
            } else {
                conn.prepare_cached("UPDATE export_delivery SET state = 'marked' WHERE id = ?1")?
                    .execute([export.id])?;
                stopped.marked.push(export.id);
            }
        }
    }
    Ok(stopped)
}

/// Removes what was asked of dummies, and exports of theirs. Studies stay.
pub(crate) fn remove_dummies(conn: &Connection) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM export_person WHERE patient IN (SELECT id FROM patient WHERE dummy = 1)",
        "DELETE FROM export_delivery WHERE dummy = 1",
        "DELETE FROM learned WHERE patient IN (SELECT id FROM patient WHERE dummy = 1)",
        "DELETE FROM consent_code WHERE patient IN (SELECT id FROM patient WHERE dummy = 1)",
        "DELETE FROM consent_receipt WHERE patient IN (SELECT id FROM patient WHERE dummy = 1)",
        "DELETE FROM consent_event WHERE patient IN (SELECT id FROM patient WHERE dummy = 1)",
    ] {
        conn.execute(sql, [])?;
    }
    Ok(())
}

struct Begun(ExportStart);
struct Ended(ExportEnd);

impl crate::audit::Recorded for Begun {
    fn add_to(&self, entry: &mut crate::AuditEntry, _: &Connection) -> Result<(), StoreError> {
        if !matches!(self.0, ExportStart::Begun(_)) {
            entry.outcome = crate::AuditOutcome::MinorFailure;
        }
        Ok(())
    }
}

impl crate::audit::Recorded for Ended {
    fn add_to(&self, entry: &mut crate::AuditEntry, _: &Connection) -> Result<(), StoreError> {
        if self.0 != ExportEnd::Delivered {
            entry.outcome = crate::AuditOutcome::MinorFailure;
        }
        Ok(())
    }
}

fn end(
    conn: &Connection,
    id: ExportId,
    state: ExportState,
    manifest: Option<&str>,
    now: &Moment,
) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE export_delivery SET state = ?2, manifest = ?3, ended = ?4 WHERE id = ?1")?
        .execute(params![id, word(&state)?, manifest, now])?;
    Ok(())
}

fn rerun(conn: &Connection, id: ExportId, now: &Moment) -> Result<Rerun, StoreError> {
    let export = find(conn, id)?;
    let horizon = Horizon {
        at: now,
        is_live: true,
    };
    let population = rows::population_of(conn, &export.study)?;
    let Some(record) = rows::study_at(conn, &export.study, population, horizon)? else {
        return Ok(Rerun::Study(Reason::StudyUnknown(export.study)));
    };
    let asked = Use {
        study: &record.study,
        text: &record.text,
        hash: &record.text_hash,
        purpose: export.purpose,
        recipient: &export.recipient.id,
        once: None,
        today: now.civil().date(),
    };
    if let Err(reason) = judge::study_allows(&asked) {
        return Ok(Rerun::Study(reason));
    }
    let mut list = conn.prepare_cached("SELECT patient, kinds FROM export_person WHERE delivery = ?1")?;
    let mut found = list.query([id])?;
    let mut withdrawn = 0;
    while let Some(row) = found.next()? {
        let (patient, kinds): (PatientId, String) = (row.get(0)?, row.get(1)?);
        withdrawn += u64::from(!still_allows(conn, &asked, patient, &kinds, horizon)?);
    }
    Ok(if withdrawn == 0 {
        Rerun::Allowed
    } else {
        Rerun::Refused { withdrawn }
    })
}

/// Whether a person still allows all kinds that were taken.
fn still_allows(
    conn: &Connection,
    asked: &Use<'_>,
    patient: PatientId,
    kinds: &str,
    horizon: Horizon<'_>,
) -> Result<bool, StoreError> {
    let (states, birth) = log::person(conn, patient, &asked.study.id, horizon)?;
    let person = Person {
        records: &states,
        birth,
    };
    let mut kinds = kinds
        .split('|')
        .filter(|kind| !kind.is_empty())
        .map(DataKind::new);
    Ok(kinds.all(|kind| judge::person_allows(asked, &kind, person).is_ok()))
}

fn find(conn: &Connection, id: ExportId) -> Result<ExportDelivery, StoreError> {
    let mut find = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE d.id = ?1"))?;
    let found = find.query_row([id], read).optional()?;
    found.ok_or_else(|| StoreError::not_found("export", &id))
}

fn kinds_in(conn: &Connection, id: ExportId, person: PatientId) -> Result<Vec<DataKind>, StoreError> {
    let mut list = conn.prepare_cached(
        "SELECT kinds FROM export_person WHERE delivery = ?1
         AND patient IN (SELECT ?2 UNION ALL SELECT patient FROM patient_merged WHERE survivor = ?2)",
    )?;
    let rows: Vec<String> = list
        .query_map(params![id, person], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut kinds: Vec<DataKind> = rows
        .iter()
        .flat_map(|row| row.split('|'))
        .filter(|kind| !kind.is_empty())
        .map(DataKind::new)
        .collect();
    kinds.sort();
    kinds.dedup();
    Ok(kinds)
}

fn read(row: &Row<'_>) -> rusqlite::Result<ExportDelivery> {
    let recipient: String = row.get(6)?;
    let recipient = serde_json::from_str(&recipient).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(ExportDelivery {
        id: row.get(0)?,
        study: row.get(1)?,
        query: row.get(2)?,
        basis: row.get(3)?,
        form: row.get::<_, Word<Form>>(4)?.0,
        purpose: row.get::<_, Word<Purpose>>(5)?.0,
        recipient,
        epoch: row.get(7)?,
        persons: row.get(8)?,
        state: row.get::<_, Word<ExportState>>(9)?.0,
        manifest: row.get(10)?,
        stamp: Stamp {
            author: row.get(11)?,
            at: row.get(12)?,
        },
        ended: row.get(13)?,
    })
}
