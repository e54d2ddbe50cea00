//! What people state about a patient beside notes: wishes, reasons, judgements of adverse events, answers of the patient.
//!
//! Entries are only added. A later entry on the same subject tells how it now stands; what a topic's entries mean is the
//! server's to say, and the store keeps them in order and whole.

use crate::audit::Recorded;
use crate::audit::entry::{AuditEntity, AuditEntry};
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::links::FAMILY;
use crate::stamp::{Population, Stamp, Word, word};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest body of an entry, in bytes.
pub const LONGEST_CARE_ENTRY: usize = 64 << 10;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CareTopic {
    /// What the patient wishes of care (ACP, DNAR).
    Wish,
    /// Why a test, a drug or a diagnosis was chosen.
    Reason,
    /// Whether a drug has done harm.
    Harm,
    /// Which questions the patient is asked, and how often.
    Schedule,
    /// What the patient answered.
    Report,
    /// A result about genes.
    Genome,
}

/// An entry that is to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCareEntry {
    /// About whom.
    pub patient: PatientId,
    /// What it is about in general.
    pub topic: CareTopic,
    /// What it is about in particular, e.g. a concept.
    pub subject: String,
    /// A mark by which the same entry, sent again, is known.
    pub key: Option<String>,
    /// What is stated.
    pub body: Value,
    /// Who states it, and when.
    pub stamp: Stamp,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CareEntry {
    /// Its number, in the order of all entries.
    pub id: i64,
    /// About whom; of a linked record where it was entered there.
    pub patient: PatientId,
    /// What it is about in general.
    pub topic: CareTopic,
    /// What it is about in particular.
    pub subject: String,
    /// What is stated.
    pub body: Value,
    /// Who stated it, and when.
    pub stamp: Stamp,
}

/// The number of an entry that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareEntryId(pub i64);

const COLUMNS: &str = "e.id, e.patient, e.topic, e.subject, e.json, e.author, e.at FROM care_entry e";

impl Store {
    /// Adds entries, all or none, and gives the number of the last one. The same `key` again is the same entry.
    ///
    /// # Errors
    /// `Invalid` for none, without a subject, or for a body that is too long; `NotFound` for the patient.
    pub fn add_care(&self, entries: Vec<NewCareEntry>) -> Result<CareEntryId, StoreError> {
        check(&entries)?;
        self.write("add care entries", move |conn| {
            let mut last = 0;
            for new in &entries {
                last = add(conn, new)?;
            }
            Ok(CareEntryId(last))
        })
    }

    /// The entries of a record, and of those linked with it, on a topic, oldest first.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn care_of(&self, patient: PatientId, topic: CareTopic) -> Result<Vec<CareEntry>, StoreError> {
        self.read("care entries", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE e.patient {FAMILY} AND e.topic = ?2 ORDER BY e.id"
            ))?;
            Ok(list
                .query_map(params![patient, word(&topic)?], read)?
                .collect::<Result<_, _>>()?)
        })
    }

    /// The newest entries of all patients of a population on a topic, newest first; at most `limit`.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn care_on(
        &self,
        population: Population,
        topic: CareTopic,
        limit: u32,
    ) -> Result<Vec<CareEntry>, StoreError> {
        self.read("care entries of all", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} JOIN patient p ON p.id = e.patient
                 WHERE e.topic = ?1 AND p.dummy = ?2 ORDER BY e.id DESC LIMIT ?3"
            ))?;
            let is_dummy = population == Population::Dummy;
            Ok(list
                .query_map(params![word(&topic)?, is_dummy, limit], read)?
                .collect::<Result<_, _>>()?)
        })
    }
}

/// All entries of a record and of those linked with it, oldest first.
pub(crate) fn of_patient(conn: &Connection, patient: PatientId) -> Result<Vec<CareEntry>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE e.patient {FAMILY} ORDER BY e.id"
    ))?;
    Ok(list.query_map([patient], read)?.collect::<Result<_, _>>()?)
}

impl Recorded for CareEntryId {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        entry.entities.push(AuditEntity::Resource {
            kind: "Basic".to_owned(),
            name: self.0.to_string(),
            version: None,
        });
        Ok(())
    }
}

impl NewCareEntry {
    /// The entry, whose body says which version of a document it was signed with.
    pub(crate) fn of_document(&self, document: DocumentId, version: u32) -> Self {
        let mut own = self.clone();
        if let Some(fields) = own.body.as_object_mut() {
            fields.insert("document".to_owned(), document.get().into());
            fields.insert("version".to_owned(), version.into());
        }
        own
    }
}

/// Refuses what is no entry.
pub(crate) fn check(entries: &[NewCareEntry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Err(invalid("is none"));
    }
    for new in entries {
        if new.subject.trim().is_empty() {
            return Err(invalid("has no subject"));
        }
        if new.body.to_string().len() > LONGEST_CARE_ENTRY {
            return Err(invalid("is too long"));
        }
    }
    Ok(())
}

/// Adds an entry within a transaction.
pub(crate) fn add(conn: &Connection, new: &NewCareEntry) -> Result<i64, StoreError> {
    crate::patients::population(conn, new.patient)?;
    let topic = word(&new.topic)?;
    if let Some(key) = &new.key {
        let mut known =
            conn.prepare_cached("SELECT id FROM care_entry WHERE patient = ?1 AND topic = ?2 AND key = ?3")?;
        let known = known.query_row(params![new.patient, topic, key], |row| row.get(0));
        if let Some(id) = known.optional()? {
            return Ok(id);
        }
    }
    conn.prepare_cached(
        "INSERT INTO care_entry (patient, topic, subject, key, json, author, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        new.patient,
        topic,
        new.subject,
        new.key,
        new.body.to_string(),
        new.stamp.author,
        new.stamp.at
    ])?;
    Ok(conn.last_insert_rowid())
}

fn invalid(detail: &str) -> StoreError {
    StoreError::Invalid {
        what: "care entry",
        detail: detail.to_owned(),
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<CareEntry> {
    let body: String = row.get(4)?;
    let body = serde_json::from_str(&body).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(CareEntry {
        id: row.get(0)?,
        patient: row.get(1)?,
        topic: row.get::<_, Word<CareTopic>>(2)?.0,
        subject: row.get(3)?,
        body,
        stamp: Stamp {
            author: row.get(5)?,
            at: row.get(6)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patients::PatientDetails;
    use crate::stamp::Moment;
    use serde_json::json;
    use tsumugi_clinical::Sex;

    fn store_with(numbers: &[(&str, Population)]) -> (Store, Vec<PatientId>) {
        let store = Store::open_in_memory().unwrap();
        let new = |(number, population): &(&str, Population)| {
            let details = PatientDetails {
                number: (*number).to_owned(),
                name: (*number).to_owned(),
                kana: String::new(),
                sex: Sex::Female,
                birth_date: None,
            };
            store.create_patient(*population, details, stamp()).unwrap()
        };
        let patients = numbers.iter().map(new).collect();
        (store, patients)
    }

    fn stamp() -> Stamp {
        Stamp {
            author: "sato".to_owned(),
            at: Moment::parse("2026-11-29T10:00").unwrap(),
        }
    }

    fn wish(patient: PatientId, subject: &str, key: Option<&str>) -> NewCareEntry {
        NewCareEntry {
            patient,
            topic: CareTopic::Wish,
            subject: subject.to_owned(),
            key: key.map(str::to_owned),
            body: json!({"holds": true}),
            stamp: stamp(),
        }
    }

    #[test]
    fn entries_are_kept_in_order_once_and_never_changed() {
        let (store, patients) = store_with(&[("1", Population::Real), ("2", Population::Real)]);
        let first = store
            .add_care(vec![wish(patients[0], "wish.dnar", Some("k"))])
            .unwrap();
        let again = store
            .add_care(vec![wish(patients[0], "wish.dnar", Some("k"))])
            .unwrap();
        assert_eq!(first, again, "sent twice, kept once");
        // The key of another patient is another entry.
        store
            .add_care(vec![wish(patients[1], "wish.dnar", Some("k"))])
            .unwrap();
        let mut later = wish(patients[0], "wish.dnar", None);
        later.body = json!({"holds": false});
        store.add_care(vec![later]).unwrap();
        let kept = store.care_of(patients[0], CareTopic::Wish).unwrap();
        let said: Vec<&Value> = kept.iter().map(|entry| &entry.body["holds"]).collect();
        assert_eq!(said, [&json!(true), &json!(false)]);
        assert!(store.care_of(patients[0], CareTopic::Reason).unwrap().is_empty());
        for change in ["DELETE FROM care_entry", "UPDATE care_entry SET subject = 'x'"] {
            let changed = store.write("test", move |conn| {
                conn.execute(change, [])?;
                Ok(())
            });
            assert!(
                changed.unwrap_err().to_string().contains("append-only"),
                "{change}"
            );
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_and_nothing_of_its_batch_is_kept() {
        let (store, patients) = store_with(&[("1", Population::Real)]);
        let mut long = wish(patients[0], "wish.dnar", None);
        long.body = json!("a".repeat(LONGEST_CARE_ENTRY));
        let nobody = wish(PatientId::new(99), "wish.dnar", None);
        for (wrong, what) in [
            (vec![], "is none"),
            (vec![wish(patients[0], " ", None)], "no subject"),
            (vec![long], "too long"),
            (vec![wish(patients[0], "wish.dnar", None), nobody], "99"),
        ] {
            let error = store.add_care(wrong).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        assert!(store.care_of(patients[0], CareTopic::Wish).unwrap().is_empty());
    }

    #[test]
    fn the_entries_of_all_are_of_one_population_and_dummies_go() {
        let (store, patients) = store_with(&[("1", Population::Real), ("d", Population::Dummy)]);
        for patient in &patients {
            store.add_care(vec![wish(*patient, "wish.dnar", None)]).unwrap();
        }
        let of = |population| store.care_on(population, CareTopic::Wish, 10).unwrap();
        assert_eq!(of(Population::Real)[0].patient, patients[0]);
        assert_eq!(of(Population::Dummy)[0].patient, patients[1]);
        store.remove_dummies().unwrap();
        assert!(of(Population::Dummy).is_empty());
        assert_eq!(of(Population::Real).len(), 1);
    }
}
