//! Who may do what, as it is kept: rows of the crate `access`, and how each record stands to the people of the hospital.
//!
//! What the rows mean is the crate `access`'s to say. A write that is audited and its entry are one transaction, so that
//! no account, policy or restriction changes without a trace.

use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::links::{self, FAMILY};
use crate::patients::population;
use crate::stamp::{Population, Stamp};
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One change of a row that the crate `access` keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessWrite {
    /// Writes the row, also over an earlier one.
    Put {
        /// Kind.
        kind: String,
        /// Key, unique within the kind.
        key: String,
        /// What it holds.
        value: String,
    },
    /// Removes the row, where there is one.
    Remove {
        /// Kind.
        kind: String,
        /// Key.
        key: String,
    },
}

/// In what way a name stands to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessKind {
    /// A department that treats the patient.
    Department,
    /// A care team of the patient.
    CareTeam,
    /// A user in whose charge the patient is.
    Attending,
    /// The patient's own account, where the patient works here.
    OwnAccount,
    /// A restriction.
    Label,
}

impl AccessKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Department,
        Self::CareTeam,
        Self::Attending,
        Self::OwnAccount,
        Self::Label,
    ];

    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Department => "department",
            Self::CareTeam => "care-team",
            Self::Attending => "attending",
            Self::OwnAccount => "own-account",
            Self::Label => "label",
        }
    }
}

/// What holds of a record now: names of each kind.
pub type AccessNames = BTreeMap<AccessKind, BTreeSet<String>>;

/// How a patient's record and its notes stand to the people of the hospital.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccessFacts {
    /// Of the patient.
    pub patient: AccessNames,
    /// Of single notes: their restrictions.
    pub documents: BTreeMap<DocumentId, AccessNames>,
}

/// A note without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentHead {
    /// Which.
    pub document: DocumentId,
    /// Whose.
    pub patient: PatientId,
    /// Kind of note, as the caller named it.
    pub kind: String,
    /// Who signed, or entered, its first version: the note is that person's, whoever adds to it.
    pub author: String,
    /// The physician who answers for it, where another entered it.
    pub physician: Option<String>,
    /// Whether that physician, or who stands in, has still to confirm it.
    pub is_unconfirmed: bool,
}

impl Store {
    /// All rows of a kind, in the order of their keys.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn access_rows(&self, kind: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.read_unaudited("access rows", |conn| {
            let mut list =
                conn.prepare_cached("SELECT key, value FROM access_row WHERE kind = ?1 ORDER BY key")?;
            let rows = list.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Carries out all of `writes` or none; returns when that is durable.
    ///
    /// # Errors
    /// `Full`, `Io`, `ReadOnly`; `Conflict` for what is never changed or removed. Then nothing was written.
    pub fn save_access(&self, writes: Vec<AccessWrite>) -> Result<(), StoreError> {
        self.write("save access", move |conn| {
            writes.iter().try_for_each(|write| carry_out(conn, write))
        })
    }

    /// How a patient's record stands to the people of the hospital. Linked records stand alike: what restricts one of them
    /// restricts all.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn access_facts(&self, patient: PatientId) -> Result<AccessFacts, StoreError> {
        self.read_unaudited("access facts", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT document, kind, name FROM access_fact WHERE patient {FAMILY} ORDER BY document, kind, name"
            ))?;
            let mut rows = list.query([links::root(conn, patient)?])?;
            let mut facts = AccessFacts::default();
            while let Some(row) = rows.next()? {
                add(&mut facts, row.get(0)?, &row.get::<_, String>(1)?, row.get(2)?);
            }
            Ok(facts)
        })
    }

    /// The same for all patients of a population who have any, for lists.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn all_access_facts(
        &self,
        population: Population,
    ) -> Result<BTreeMap<PatientId, AccessFacts>, StoreError> {
        self.read_unaudited("all access facts", |conn| {
            let mut list = conn.prepare_cached(
                "SELECT coalesce(m.survivor, f.patient), f.document, f.kind, f.name FROM access_fact f
                 JOIN patient p ON p.id = f.patient LEFT JOIN patient_merged m ON m.patient = f.patient
                 WHERE p.dummy = ?1
                 UNION ALL
                 SELECT g.patient, f.document, f.kind, f.name FROM access_fact f
                 JOIN patient p ON p.id = f.patient LEFT JOIN patient_merged m ON m.patient = f.patient
                 JOIN patient_merged g ON g.survivor = coalesce(m.survivor, f.patient)
                 WHERE p.dummy = ?1",
            )?;
            let mut rows = list.query([population])?;
            let mut all: BTreeMap<PatientId, AccessFacts> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let facts = all.entry(row.get(0)?).or_default();
                add(facts, row.get(1)?, &row.get::<_, String>(2)?, row.get(3)?);
            }
            Ok(all)
        })
    }

    /// Makes `names` the names of a kind for a patient's record, or for one of its notes; others of that kind no longer
    /// hold. What changes is kept in a log.
    ///
    /// # Errors
    /// `NotFound` for the patient, or for a note that is not the patient's.
    pub fn set_access_names(
        &self,
        patient: PatientId,
        document: Option<DocumentId>,
        kind: AccessKind,
        names: BTreeSet<String>,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.write("set access names", move |conn| {
            population(conn, patient)?;
            if let Some(document) = document
                && head(conn, document)?.is_none_or(|head| head.patient != patient)
            {
                return Err(StoreError::not_found("document", &document));
            }
            let of = document.map_or(0, DocumentId::get);
            set(conn, (patient, of, kind), &names, &stamp)
        })
    }

    /// The number of the last change of how a patient's record stands; 0 where there was none.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn access_version(&self, patient: PatientId) -> Result<u64, StoreError> {
        self.read_unaudited("access version", |conn| version(conn, patient))
    }

    /// Changes names of several kinds of a patient's record at once, as made from change number `expected`.
    ///
    /// # Errors
    /// `Conflict` when something was changed after it; `NotFound`. Then nothing is changed.
    pub fn change_access(
        &self,
        patient: PatientId,
        expected: u64,
        wanted: Vec<(AccessKind, BTreeSet<String>)>,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        self.write("change access", move |conn| {
            population(conn, patient)?;
            let found = version(conn, patient)?;
            if found != expected {
                let detail = "somebody changed it meanwhile; look at it and change that";
                return Err(StoreError::conflict(
                    format!("who may see patient {patient}"),
                    detail,
                ));
            }
            wanted
                .iter()
                .try_for_each(|(kind, names)| set(conn, (patient, 0, *kind), names, &stamp))
        })
    }

    /// All notes of a patient.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn documents_of(&self, patient: PatientId) -> Result<BTreeSet<DocumentId>, StoreError> {
        self.read_unaudited("documents of", |conn| {
            let mut list = conn.prepare_cached(&format!("SELECT id FROM document WHERE patient {FAMILY}"))?;
            let rows = list.query_map([patient], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Kind and author of notes, without their texts; notes that are not there are left out.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn document_heads(
        &self,
        documents: &BTreeSet<DocumentId>,
    ) -> Result<BTreeMap<DocumentId, DocumentHead>, StoreError> {
        self.read_unaudited("document heads", |conn| {
            let mut heads = BTreeMap::new();
            for document in documents {
                if let Some(found) = head(conn, *document)? {
                    heads.insert(*document, found);
                }
            }
            Ok(heads)
        })
    }
}

fn head(conn: &Connection, document: DocumentId) -> Result<Option<DocumentHead>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT d.patient, d.kind, v.author,
             (SELECT physician FROM confirmation c WHERE c.document = d.id ORDER BY c.id DESC LIMIT 1),
             EXISTS (SELECT 1 FROM unconfirmed u WHERE u.document = d.id)
         FROM document d JOIN document_version v ON v.document = d.id AND v.version = 1 WHERE d.id = ?1",
    )?;
    let found = find.query_row([document], |row| {
        Ok(DocumentHead {
            document,
            patient: row.get(0)?,
            kind: row.get(1)?,
            author: row.get(2)?,
            physician: row.get(3)?,
            is_unconfirmed: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

fn add(facts: &mut AccessFacts, document: i64, kind: &str, name: String) {
    let Some(kind) = AccessKind::ALL.into_iter().find(|known| known.as_str() == kind) else {
        return;
    };
    let names = if document == 0 {
        &mut facts.patient
    } else {
        facts.documents.entry(DocumentId::new(document)).or_default()
    };
    names.entry(kind).or_default().insert(name);
}

fn carry_out(conn: &Connection, write: &AccessWrite) -> Result<(), StoreError> {
    match write {
        AccessWrite::Put { kind, key, value } => conn
            .prepare_cached(
                "INSERT INTO access_row (kind, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
            )?
            .execute([kind, key, value])?,
        AccessWrite::Remove { kind, key } => conn
            .prepare_cached("DELETE FROM access_row WHERE kind = ?1 AND key = ?2")?
            .execute([kind, key])?,
    };
    Ok(())
}

fn version(conn: &Connection, patient: PatientId) -> Result<u64, StoreError> {
    let mut last =
        conn.prepare_cached("SELECT coalesce(max(id), 0) FROM access_change WHERE patient = ?1")?;
    Ok(last.query_row([patient], |row| row.get(0))?)
}

/// Makes `names` the names of a kind; what changes is kept in the log.
fn set(
    conn: &Connection,
    (patient, of, kind): (PatientId, i64, AccessKind),
    names: &BTreeSet<String>,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let mut list = conn
        .prepare_cached("SELECT name FROM access_fact WHERE patient = ?1 AND document = ?2 AND kind = ?3")?;
    let before: BTreeSet<String> = list
        .query_map(params![patient, of, kind.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in before.symmetric_difference(names) {
        let holds = names.contains(name);
        change(conn, (patient, of, kind, name), holds, stamp)?;
    }
    Ok(())
}

fn change(
    conn: &Connection,
    (patient, document, kind, name): (PatientId, i64, AccessKind, &str),
    holds: bool,
    stamp: &Stamp,
) -> Result<(), StoreError> {
    let kind = kind.as_str();
    conn.prepare_cached(
        "INSERT INTO access_change (patient, document, kind, name, holds, author, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        patient,
        document,
        kind,
        name,
        holds,
        stamp.author,
        stamp.at
    ])?;
    let sql = if holds {
        "INSERT INTO access_fact (patient, document, kind, name) VALUES (?1, ?2, ?3, ?4)"
    } else {
        "DELETE FROM access_fact WHERE patient = ?1 AND document = ?2 AND kind = ?3 AND name = ?4"
    };
    conn.prepare_cached(sql)?
        .execute(params![patient, document, kind, name])?;
    Ok(())
}
