//! FHIR resources as they were signed: bytes with version ids, never changed.

use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::links::FAMILY;
use crate::stamp::Stamp;
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// A resource to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewResource {
    /// Its type, e.g. `Condition`.
    pub kind: String,
    /// Its id, when it has one; else the store gives `<document>.<version>.<index>`.
    pub name: Option<String>,
    /// Its JSON; the server adds id and version when it hands it out.
    pub json: Vec<u8>,
}

/// How a kept resource is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceName {
    /// Type.
    pub kind: String,
    /// Id.
    pub name: String,
    /// Version, from 1.
    pub version: u32,
}

/// A kept resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRecord {
    /// What it is called.
    pub name: ResourceName,
    /// Whose.
    pub patient: PatientId,
    /// The document it was signed with.
    pub document: DocumentId,
    /// That document's version.
    pub document_version: u32,
    /// Who signed it, and when.
    pub stamp: Stamp,
    /// Its JSON as it came.
    pub json: Vec<u8>,
}

const COLUMNS: &str = "r.kind, r.name, r.version, r.patient, v.document, v.version, r.author, r.at, r.json
    FROM resource r JOIN document_version v ON v.id = r.document_version";

impl Store {
    /// A resource; its newest version where none is given.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn resource(
        &self,
        kind: &str,
        name: &str,
        version: Option<u32>,
    ) -> Result<ResourceRecord, StoreError> {
        self.read("resource", |conn| {
            let mut find = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} WHERE r.kind = ?1 AND r.name = ?2 AND r.version = coalesce(?3, r.version)
                 ORDER BY r.version DESC LIMIT 1"
            ))?;
            let found = find.query_row(params![kind, name, version], read).optional()?;
            found.ok_or_else(|| StoreError::not_found("resource", &format!("{kind}/{name}")))
        })
    }

    /// All versions of all resources of a patient, in the order of signing.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn resources(&self, patient: PatientId) -> Result<Vec<ResourceRecord>, StoreError> {
        self.read("resources", |conn| of_patient(conn, patient))
    }
}

/// All versions of all resources of a patient.
pub(crate) fn of_patient(conn: &Connection, patient: PatientId) -> Result<Vec<ResourceRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE r.patient {FAMILY} ORDER BY r.id"
    ))?;
    Ok(list.query_map([patient], read)?.collect::<Result<_, _>>()?)
}

/// Resources of the newest version of a document; none where it was removed.
pub(crate) fn of_newest(conn: &Connection, document: DocumentId) -> Result<Vec<ResourceRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} JOIN document d ON d.id = v.document AND d.version = v.version WHERE d.id = ?1 ORDER BY r.id"
    ))?;
    Ok(list.query_map([document], read)?.collect::<Result<_, _>>()?)
}

/// Names of the resources signed with a document version.
pub(crate) fn names(conn: &Connection, document_version: i64) -> Result<Vec<ResourceName>, StoreError> {
    let mut list = conn
        .prepare_cached("SELECT kind, name, version FROM resource WHERE document_version = ?1 ORDER BY id")?;
    Ok(list
        .query_map([document_version], read_name)?
        .collect::<Result<_, _>>()?)
}

/// Adds resources; one whose name is there becomes its next version.
pub(crate) fn insert(
    conn: &Connection,
    patient: PatientId,
    (document, document_version, row): (DocumentId, u32, i64),
    resources: &[NewResource],
    stamp: &Stamp,
) -> Result<Vec<ResourceName>, StoreError> {
    let mut names = Vec::with_capacity(resources.len());
    for (index, resource) in resources.iter().enumerate() {
        check_json(&resource.kind, &resource.json)?;
        let name = resource
            .name
            .clone()
            .unwrap_or_else(|| format!("{document}.{document_version}.{index}"));
        let kind = resource.kind.clone();
        let earlier: Option<(u32, PatientId)> = conn
            .prepare_cached(
                "SELECT version, patient FROM resource WHERE kind = ?1 AND name = ?2 ORDER BY version DESC LIMIT 1",
            )?
            .query_row(params![kind, name], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if earlier.is_some_and(|(_, owner)| owner != patient) {
            return Err(StoreError::conflict(
                format!("resource {kind}/{name}"),
                "is another patient's",
            ));
        }
        let version = earlier.map_or(1, |(version, _)| version + 1);
        conn.prepare_cached(
            "INSERT INTO resource (patient, document_version, kind, name, version, author, at, json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            patient,
            row,
            kind,
            name,
            version,
            stamp.author,
            stamp.at,
            resource.json
        ])?;
        names.push(ResourceName { kind, name, version });
    }
    Ok(names)
}

/// Refuses what is no JSON object of the type it is said to be.
pub(crate) fn check_json(kind: &str, json: &[u8]) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "resourceType")]
        kind: String,
    }
    let detail = match serde_json::from_slice::<Typed>(json) {
        Ok(typed) if typed.kind == kind => return Ok(()),
        Ok(typed) => format!("is {}, not {kind}", typed.kind),
        Err(error) => error.to_string(),
    };
    Err(StoreError::Invalid {
        what: "resource",
        detail,
    })
}

fn read_name(row: &Row<'_>) -> rusqlite::Result<ResourceName> {
    Ok(ResourceName {
        kind: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<ResourceRecord> {
    Ok(ResourceRecord {
        name: read_name(row)?,
        patient: row.get(3)?,
        document: row.get(4)?,
        document_version: row.get(5)?,
        stamp: Stamp {
            author: row.get(6)?,
            at: row.get(7)?,
        },
        json: row.get(8)?,
    })
}
