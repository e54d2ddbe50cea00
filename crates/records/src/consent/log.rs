//! The log of consent in the store: what is written to it, with what follows in the same transaction.

use crate::audit::Recorded;
use crate::audit::entry::{AuditEntity, AuditEntry};
use crate::consent::answer::{Answer, AnswerSheet, By, Guardian, Happening, Item, Respondent, Way};
use crate::consent::exports::{self, ExportId};
use crate::consent::learning::{self, TakenBack};
use crate::consent::receipt;
use crate::consent::rows::{self, StudyRecord};
use crate::consent::state::{Horizon, PersonState};
use crate::consent::study::Purpose;
use crate::errors::StoreError;
use crate::ids::PatientId;
use crate::links;
use crate::patients::population;
use crate::stamp::{Moment, Population, Stamp, Word};
use crate::store::Store;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::collections::BTreeSet;

/// Longest key of a sheet, id of a guardian, place of a paper, in bytes.
const LONGEST: usize = 256;

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentEvent {
    /// Its number.
    pub seq: u64,
    /// Whose; none for what concerns a study.
    pub patient: Option<PatientId>,
    /// Which study; empty for what concerns all.
    pub study: String,
    /// What it says.
    pub happening: Happening,
    /// Who entered it, and when.
    pub stamp: Stamp,
}

/// What an answer did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry of the log.
    pub seq: u64,
    /// Version of the person's receipt, [`Store::consent_receipts`].
    pub version: u32,
    /// Whether the same sheet was kept before.
    pub repeated: bool,
    /// What was ended or taken back by it.
    pub followed: Withdrawal,
}

/// What a withdrawal, or a refusal, ended and took back in its transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Withdrawal {
    /// Running exports that held the person: they are aborted.
    pub ended: Vec<ExportId>,
    /// Delivered exports that hold the person: they are marked.
    pub marked: Vec<ExportId>,
    /// Cases that were learned from the person.
    pub taken_back: Vec<TakenBack>,
}

impl Store {
    /// Notes that a person was asked, with the text as it now is.
    ///
    /// # Errors
    /// `NotFound` for the patient or the study; `Conflict` between populations.
    pub fn note_asked(&self, patient: PatientId, study: &str, stamp: Stamp) -> Result<(), StoreError> {
        let study = study.to_owned();
        self.write("note asked", move |conn| {
            let record = study_for(conn, patient, &study, &stamp)?;
            let asked = Happening::Asked {
                text: record.text_hash,
            };
            for_family(conn, patient, &study, &asked, None, &stamp).map(drop)
        })
    }

    /// Notes that a person was told of an opt-out; its wait begins.
    ///
    /// # Errors
    /// As `note_asked`.
    pub fn note_told(&self, patient: PatientId, study: &str, by: By, stamp: Stamp) -> Result<(), StoreError> {
        let study = study.to_owned();
        self.write("note told", move |conn| {
            study_for(conn, patient, &study, &stamp)?;
            let told = Happening::Told { by: by.clone() };
            for_family(conn, patient, &study, &told, None, &stamp).map(drop)
        })
    }

    /// Keeps answers. They hold from the commit on; a refusal among them ends running exports that hold the person. A yes
    /// is taken only to the text as it now is; a no to any text, also of a study that has ended.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the text was changed meanwhile, when the study has ended, when somebody answers who is
    /// no guardian of the person, or when a key comes again with other answers; `Invalid` for an item that the study does
    /// not ask.
    pub fn answer(
        &self,
        patient: PatientId,
        sheet: AnswerSheet,
        stamp: Stamp,
    ) -> Result<Receipt, StoreError> {
        self.write("answer", move |conn| answer(conn, patient, &sheet, &stamp))
    }

    /// Withdraws a person from a study, or refuses it as a whole. Everything of the study that was not answered since is
    /// refused.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when somebody withdraws for the person who is no guardian.
    pub fn withdraw(
        &self,
        patient: PatientId,
        study: &str,
        by: By,
        stamp: Stamp,
    ) -> Result<Receipt, StoreError> {
        let study = study.to_owned();
        self.write("withdraw", move |conn| {
            let record = study_for(conn, patient, &study, &stamp)?;
            check_by(conn, patient, &study, &by, &stamp)?;
            let withdrawn = Happening::Withdrawn { by: by.clone() };
            let seq = for_family(conn, patient, &study, &withdrawn, None, &stamp)?;
            let followed = follow(conn, patient, &record, &stamp)?;
            let version = receipt::keep(conn, patient, &record, seq, &by, &stamp)?;
            Ok(Receipt {
                seq,
                version,
                repeated: false,
                followed,
            })
        })
    }

    /// Notes that somebody is a person's guardian, for all studies.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for an empty id or name.
    pub fn note_guardian(
        &self,
        patient: PatientId,
        guardian: Guardian,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        check_short("guardian", &guardian.id)?;
        check_short("guardian", &guardian.name)?;
        self.write("note guardian", move |conn| {
            population(conn, patient)?;
            let noted = Happening::GuardianNoted {
                guardian: guardian.clone(),
            };
            for_family(conn, patient, "", &noted, None, &stamp).map(drop)
        })
    }

    /// Notes that somebody is no longer a person's guardian. What was answered stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn end_guardian(&self, patient: PatientId, guardian: &str, stamp: Stamp) -> Result<(), StoreError> {
        let guardian = guardian.to_owned();
        self.write("end guardian", move |conn| {
            population(conn, patient)?;
            let ended = Happening::GuardianEnded {
                guardian: guardian.clone(),
            };
            for_family(conn, patient, "", &ended, None, &stamp).map(drop)
        })
    }

    /// The log of a person, over all linked records, in order.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn consent_log(&self, patient: PatientId) -> Result<Vec<ConsentEvent>, StoreError> {
        self.read("consent log", |conn| {
            let mut all = Vec::new();
            for member in links::members(conn, links::root(conn, patient)?)? {
                let mut list = conn.prepare_cached(
                    "SELECT seq, study, json, author, at FROM consent_event WHERE patient = ?1 ORDER BY seq",
                )?;
                let mut found = list.query([member])?;
                while let Some(row) = found.next()? {
                    all.push(ConsentEvent {
                        seq: row.get(0)?,
                        patient: Some(member),
                        study: row.get(1)?,
                        happening: rows::parse(&row.get::<_, String>(2)?)?,
                        stamp: Stamp {
                            author: row.get(3)?,
                            at: row.get(4)?,
                        },
                    });
                }
            }
            all.sort_by_key(|event| event.seq);
            Ok(all)
        })
    }

    /// What a person has said about a study by a time, one state for each linked record.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn consent_state(
        &self,
        patient: PatientId,
        study: &str,
        at: &Moment,
    ) -> Result<Vec<PersonState>, StoreError> {
        self.read("consent state", |conn| {
            population(conn, patient)?;
            let horizon = Horizon { at, is_live: false };
            Ok(person(conn, patient, study, horizon)?.0)
        })
    }

    /// The number of the newest entry that touches a study; 0 where there is none.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn consent_epoch(&self, study: &str) -> Result<u64, StoreError> {
        self.read("consent epoch", |conn| epoch(conn, study))
    }
}

/// The number of the newest entry that touches a study.
pub(crate) fn epoch(conn: &Connection, study: &str) -> Result<u64, StoreError> {
    let mut newest = conn.prepare_cached(
        "SELECT max((SELECT coalesce(max(seq), 0) FROM consent_event WHERE study = ?1),
             (SELECT coalesce(max(seq), 0) FROM consent_event WHERE study = ''))",
    )?;
    Ok(newest.query_row([study], |row| row.get(0))?)
}

/// What a person has said about a study, for each record that is read as one; and the date of birth.
pub(crate) fn person(
    conn: &Connection,
    patient: PatientId,
    study: &str,
    horizon: Horizon<'_>,
) -> Result<(Vec<PersonState>, Option<Date>), StoreError> {
    let mut states = Vec::new();
    let mut birth = None;
    for member in links::members(conn, links::root(conn, patient)?)? {
        let mut state = PersonState::default();
        let mut list = conn.prepare_cached(
            "SELECT seq, at, json FROM consent_event WHERE patient = ?1 AND study IN (?2, '') ORDER BY seq",
        )?;
        let mut found = list.query(params![member, study])?;
        while let Some(row) = found.next()? {
            let happening: Happening = rows::parse(&row.get::<_, String>(2)?)?;
            state.apply(horizon, row.get(0)?, &row.get(1)?, &happening);
        }
        states.push(state);
        birth = birth.or(birth_of(conn, member)?);
    }
    Ok((states, birth))
}

fn birth_of(conn: &Connection, patient: PatientId) -> Result<Option<Date>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT v.birth_date FROM patient p
         JOIN patient_version v ON v.patient = p.id AND v.version = p.version WHERE p.id = ?1",
    )?;
    let found = find.query_row([patient], |row| row.get::<_, Option<Word<Date>>>(0));
    Ok(found.optional()?.flatten().map(|day| day.0))
}

/// Goes through everybody of a population, person by person, with what each has said. One person is held at a time.
pub(crate) fn everybody(
    conn: &Connection,
    study: &str,
    population: Population,
    horizon: Horizon<'_>,
    mut each: impl FnMut(PatientId, &[PersonState], Option<Date>),
) -> Result<(), StoreError> {
    let mut list = conn.prepare_cached(
        "SELECT coalesce(m.survivor, p.id) AS person, p.id, v.birth_date, e.seq, e.at, e.json
         FROM patient p JOIN patient_version v ON v.patient = p.id AND v.version = p.version
         LEFT JOIN patient_merged m ON m.patient = p.id
         LEFT JOIN consent_event e ON e.patient = p.id AND e.study IN (?1, '')
         WHERE p.dummy = ?2 ORDER BY person, p.id <> person, p.id, e.seq",
    )?;
    let mut found = list.query(params![study, population])?;
    let mut now: Option<(PatientId, PatientId)> = None;
    let (mut states, mut birth): (Vec<PersonState>, Option<Date>) = (Vec::new(), None);
    while let Some(row) = found.next()? {
        let (person, record): (PatientId, PatientId) = (row.get(0)?, row.get(1)?);
        if now != Some((person, record)) {
            if let Some((before, _)) = now.filter(|(before, _)| *before != person) {
                each(before, &states, birth);
                states.clear();
                birth = None;
            }
            now = Some((person, record));
            states.push(PersonState::default());
            birth = birth.or(row.get::<_, Option<Word<Date>>>(2)?.map(|day| day.0));
        }
        let Some(json) = row.get::<_, Option<String>>(5)? else {
            continue;
        };
        let happening: Happening = rows::parse(&json)?;
        if let Some(state) = states.last_mut() {
            state.apply(horizon, row.get(3)?, &row.get(4)?, &happening);
        }
    }
    if let Some((last, _)) = now {
        each(last, &states, birth);
    }
    Ok(())
}

/// Adds an entry; gives its number.
pub(crate) fn insert(
    conn: &Connection,
    patient: Option<PatientId>,
    study: &str,
    happening: &Happening,
    key: Option<&str>,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    conn.prepare_cached(
        "INSERT INTO consent_event (patient, study, what, key, json, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        patient,
        study,
        happening.word(),
        key,
        rows::json(happening)?,
        stamp.author,
        stamp.at
    ])?;
    Ok(u64::try_from(conn.last_insert_rowid()).unwrap_or(0))
}

/// Adds an entry for each record that is read as one person, so that each keeps it when they are no longer linked.
fn for_family(
    conn: &Connection,
    patient: PatientId,
    study: &str,
    happening: &Happening,
    key: Option<&str>,
    stamp: &Stamp,
) -> Result<u64, StoreError> {
    let mut last = 0;
    for member in links::members(conn, links::root(conn, patient)?)? {
        last = insert(conn, Some(member), study, happening, key, stamp)?;
    }
    Ok(last)
}

fn study_for(
    conn: &Connection,
    patient: PatientId,
    study: &str,
    stamp: &Stamp,
) -> Result<StudyRecord, StoreError> {
    let of = population(conn, patient)?;
    let horizon = Horizon {
        at: &stamp.at,
        is_live: true,
    };
    let record = rows::study_at(conn, study, of, horizon)?;
    let record = record.ok_or_else(|| StoreError::not_found("study", &study))?;
    if record.study.population != of {
        let detail = "is for the other population; real patients and dummies never meet";
        return Err(StoreError::conflict(format!("study {study}"), detail));
    }
    Ok(record)
}

fn answer(
    conn: &Connection,
    patient: PatientId,
    sheet: &AnswerSheet,
    stamp: &Stamp,
) -> Result<Receipt, StoreError> {
    let record = study_for(conn, patient, &sheet.study, stamp)?;
    check_sheet(conn, &record, sheet, stamp)?;
    check_by(conn, patient, &sheet.study, &sheet.by, stamp)?;
    let answered = Happening::Answered {
        text: sheet.text.clone(),
        answers: sheet.answers.clone(),
        by: sheet.by.clone(),
    };
    if let Some(repeated) = kept_before(conn, patient, sheet, &answered)? {
        return Ok(repeated);
    }
    let seq = for_family(
        conn,
        patient,
        &sheet.study,
        &answered,
        sheet.key.as_deref(),
        stamp,
    )?;
    let restricts = |(item, answer): &(Item, Answer)| {
        *answer != Answer::Yes && !matches!(item, Item::Recontact | Item::Results)
    };
    let followed = if sheet.answers.iter().any(restricts) {
        follow(conn, patient, &record, stamp)?
    } else {
        Withdrawal::default()
    };
    let version = receipt::keep(conn, patient, &record, seq, &sheet.by, stamp)?;
    Ok(Receipt {
        seq,
        version,
        repeated: false,
        followed,
    })
}

/// What follows from a refusal, in its transaction.
fn follow(
    conn: &Connection,
    patient: PatientId,
    record: &StudyRecord,
    stamp: &Stamp,
) -> Result<Withdrawal, StoreError> {
    let family = links::members(conn, links::root(conn, patient)?)?;
    let stopped = exports::stop(conn, record, &family, &stamp.at)?;
    let taken_back = if record.study.purpose == Purpose::Knowledge
        && learning::allowed(conn, patient, &stamp.at)?.is_err()
    {
        learning::take_back(conn, &family, stamp)?
    } else {
        Vec::new()
    };
    Ok(Withdrawal {
        ended: stopped.ended,
        marked: stopped.marked,
        taken_back,
    })
}

fn check_sheet(
    conn: &Connection,
    record: &StudyRecord,
    sheet: &AnswerSheet,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let invalid = |detail: String| StoreError::Invalid {
        what: "answers",
        detail,
    };
    if sheet.answers.is_empty() {
        return Err(invalid("none is given".to_owned()));
    }
    let asked: BTreeSet<Item> = record.study.items().into_iter().collect();
    let mut seen = BTreeSet::new();
    for (item, _) in &sheet.answers {
        match item {
            Item::Use(id) => check_short("id of a use", id)?,
            item if !asked.contains(item) => {
                return Err(invalid(format!("{item:?} is not asked by study {}", sheet.study)));
            }
            _ => {}
        }
        if !seen.insert(item) {
            return Err(invalid(format!("{item:?} is answered twice")));
        }
    }
    if let Some(key) = &sheet.key {
        check_short("key of the sheet", key)?;
    }
    let what = || format!("study {}", sheet.study);
    if rows::text_of(conn, &sheet.study, &sheet.text)?.is_none() {
        return Err(StoreError::not_found("text of the study", &sheet.text));
    }
    let has_yes = sheet.answers.iter().any(|(_, answer)| *answer == Answer::Yes);
    if has_yes && sheet.text != record.text_hash {
        let detail = "the text was changed while it was read; show the new one and ask again";
        return Err(StoreError::conflict(what(), detail));
    }
    let today = stamp.at.civil().date();
    if let Some(ends) = record.study.ends_at.filter(|ends| has_yes && *ends < today) {
        return Err(StoreError::conflict(
            what(),
            format!("ended on {ends}; nobody can join it"),
        ));
    }
    Ok(())
}

/// Refuses who may not answer for the person, and a paper that nobody could find.
fn check_by(
    conn: &Connection,
    patient: PatientId,
    study: &str,
    by: &By,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    if let Way::Paper { place, signed, .. } = &by.way {
        check_short("place of the paper", place)?;
        if *signed > stamp.at.civil().date() {
            return Err(StoreError::Invalid {
                what: "day of the signature",
                detail: format!("{signed} is in the future"),
            });
        }
    }
    let Respondent::Guardian(id) = &by.respondent else {
        return Ok(());
    };
    let horizon = Horizon {
        at: &stamp.at,
        is_live: true,
    };
    let (states, _) = person(conn, patient, study, horizon)?;
    if states.iter().any(|state| state.guardians.contains_key(id)) {
        return Ok(());
    }
    let detail = format!("has no guardian `{id}`; note the guardian for this person first");
    Err(StoreError::conflict(format!("patient {patient}"), detail))
}

fn kept_before(
    conn: &Connection,
    patient: PatientId,
    sheet: &AnswerSheet,
    answered: &Happening,
) -> Result<Option<Receipt>, StoreError> {
    let Some(key) = &sheet.key else { return Ok(None) };
    let mut find = conn.prepare_cached(
        "SELECT seq, json FROM consent_event WHERE patient = ?1 AND study = ?2 AND key = ?3",
    )?;
    let found: Option<(u64, String)> = find
        .query_row(params![patient, sheet.study, key], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((seq, json)) = found else { return Ok(None) };
    if rows::parse::<Happening>(&json)? != *answered {
        let detail = "came before with other answers; send new answers under a new key";
        return Err(StoreError::conflict(format!("sheet {key}"), detail));
    }
    Ok(Some(Receipt {
        seq,
        version: receipt::newest(conn, patient, &sheet.study)?,
        repeated: true,
        followed: Withdrawal::default(),
    }))
}

fn check_short(what: &'static str, text: &str) -> Result<(), StoreError> {
    let detail = if text.trim().is_empty() {
        "is empty".to_owned()
    } else if text.len() > LONGEST {
        format!("is longer than {LONGEST} bytes")
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid { what, detail })
}

impl Recorded for Receipt {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.entities.push(AuditEntity::Resource {
            kind: "Consent".to_owned(),
            name: self.seq.to_string(),
            version: None,
        });
        Ok(())
    }
}
