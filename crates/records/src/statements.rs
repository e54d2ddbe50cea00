//! Statements of other systems and their versions: a repeated one is kept once, a newer one replaces, an older one that
//! comes late is kept and does not win, one that was taken back leaves the index.

use crate::documents::{hash, hex};
use crate::errors::StoreError;
use crate::events::{self, Origin, OriginRow};
use crate::identity::{self, Site};
use crate::ids::{DocumentId, ObservationId, PatientId};
use crate::index;
use crate::links::FAMILY;
use crate::patients::population;
use crate::received::{Evidence, Opened, ReceivedPlace, ReceivedStatement, Standing, StatementReceipt};
use crate::resources::check_json;
use crate::stamp::{Civil, Moment, Stamp, Word, word};
use crate::store::Store;
use crate::texts;
use jiff::civil::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

/// One version of a statement as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceivedRecord {
    /// The version.
    pub observation: ObservationId,
    /// In whose record it is.
    pub patient: PatientId,
    /// The system: the standard, and the issuer of the number where it is not this site.
    pub source: String,
    /// The source's key.
    pub key: String,
    /// Version, from 1, in the order they came.
    pub version: u32,
    /// The source's order of versions.
    pub sequence: String,
    /// Whether it still holds in the source.
    pub standing: Standing,
    /// What it is evidence of.
    pub evidence: Evidence,
    /// Whether it is the version that counts.
    pub counts: bool,
    /// When what it states was so, local civil time.
    pub observed_at: DateTime,
    /// Where it stood.
    pub place: ReceivedPlace,
    /// Issuer of the number it came under.
    pub issuer: String,
    /// The number it came under.
    pub number: String,
    /// Character set of its bytes.
    pub charset: String,
    /// SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Who took it in, and when.
    pub stamp: Stamp,
    /// Its FHIR resources: type and JSON.
    pub resources: Vec<(String, Vec<u8>)>,
    /// The documents that its texts were signed as, with their versions.
    pub documents: Vec<(DocumentId, u32)>,
}

/// A resource of a statement that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountingResource {
    /// The version of the statement.
    pub observation: ObservationId,
    /// `resourceType`.
    pub kind: String,
    /// Issuer of the number it came under; empty is this site.
    pub issuer: String,
    /// The JSON.
    pub json: Vec<u8>,
}

const COLUMNS: &str =
    "x.observation, x.patient, o.source, o.key, o.version, x.sequence, x.standing, x.evidence, s.observation IS NOT NULL,
    o.civil, x.file, x.line, x.field, x.issuer, x.number, x.charset, x.sha256, o.author, o.at
    FROM received x JOIN observation o ON o.id = x.observation LEFT JOIN statement s ON s.observation = x.observation";

impl Store {
    /// All versions of what other systems sent about a person, in the order they came, with their resources.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn received(&self, patient: PatientId) -> Result<Vec<ReceivedRecord>, StoreError> {
        self.read("received", |conn| of_patient(conn, patient))
    }

    /// Resources of some types in the statements that count about a person, in the order they came; those of linked records
    /// too.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn received_resources(
        &self,
        patient: PatientId,
        kinds: &[&str],
    ) -> Result<Vec<CountingResource>, StoreError> {
        self.read("received resources", |conn| {
            let mut list = conn.prepare_cached(&format!(
                "SELECT r.observation, r.kind, x.issuer, coalesce(r.json, x.bytes) FROM received_resource r
                 JOIN received x ON x.observation = r.observation JOIN statement s ON s.observation = r.observation
                 WHERE r.patient {FAMILY} AND r.kind = ?2 AND x.standing = 'valid' ORDER BY r.observation, r.number"
            ))?;
            let mut found = Vec::new();
            for kind in kinds {
                let rows = list.query_map(params![patient, kind], |row| {
                    Ok(CountingResource {
                        observation: row.get(0)?,
                        kind: row.get(1)?,
                        issuer: row.get(2)?,
                        json: row.get(3)?,
                    })
                })?;
                for row in rows {
                    found.push(row?);
                }
            }
            found.sort_by_key(|one: &CountingResource| one.observation);
            Ok(found)
        })
    }

    /// A version of a statement as it is kept, with its resources; none where it was not kept with its bytes.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn received_statement(
        &self,
        observation: ObservationId,
    ) -> Result<Option<ReceivedRecord>, StoreError> {
        self.read("received statement", |conn| {
            let mut find = conn.prepare_cached(&format!("SELECT {COLUMNS} WHERE x.observation = ?1"))?;
            let Some(mut record) = find.query_row([observation], read).optional()? else {
                return Ok(None);
            };
            fill(conn, &mut record)?;
            Ok(Some(record))
        })
    }

    /// Where a version of a statement stood in what was sent; none where that is not kept.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn received_place(&self, observation: ObservationId) -> Result<Option<ReceivedPlace>, StoreError> {
        self.read("received place", |conn| {
            let mut find =
                conn.prepare_cached("SELECT file, line, field FROM received WHERE observation = ?1")?;
            let place = find.query_row([observation], |row| {
                Ok(ReceivedPlace {
                    file: row.get(0)?,
                    line: row.get(1)?,
                    field: row.get(2)?,
                })
            });
            Ok(place.optional()?)
        })
    }

    /// The bytes of a version of a statement exactly as they came, checked against their hash.
    ///
    /// # Errors
    /// `NotFound`; `Damaged` when they are no longer what came.
    pub fn received_bytes(&self, observation: ObservationId) -> Result<Vec<u8>, StoreError> {
        self.read("received bytes", |conn| bytes(conn, observation))
    }
}

/// All versions of all statements about a person.
pub(crate) fn of_patient(conn: &Connection, patient: PatientId) -> Result<Vec<ReceivedRecord>, StoreError> {
    let mut list = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} WHERE x.patient {FAMILY} ORDER BY x.observation"
    ))?;
    let mut records: Vec<ReceivedRecord> = list.query_map([patient], read)?.collect::<Result<_, _>>()?;
    for record in &mut records {
        fill(conn, record)?;
    }
    Ok(records)
}

/// Adds resources and documents to a record.
fn fill(conn: &Connection, record: &mut ReceivedRecord) -> Result<(), StoreError> {
    let mut resources = conn.prepare_cached(
        "SELECT r.kind, coalesce(r.json, x.bytes) FROM received_resource r
         JOIN received x ON x.observation = r.observation WHERE r.observation = ?1 ORDER BY r.number",
    )?;
    let rows = resources.query_map([record.observation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    record.resources = rows.collect::<Result<_, _>>()?;
    let mut documents = conn.prepare_cached(
        "SELECT document, version FROM received_document WHERE observation = ?1 ORDER BY number",
    )?;
    let rows = documents.query_map([record.observation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    record.documents = rows.collect::<Result<_, _>>()?;
    Ok(())
}

/// The same, each with its bytes, checked.
pub(crate) fn with_bytes(
    conn: &Connection,
    patient: PatientId,
) -> Result<Vec<(ReceivedRecord, Vec<u8>)>, StoreError> {
    let records = of_patient(conn, patient)?;
    let pair = |record: ReceivedRecord| {
        let bytes = bytes(conn, record.observation)?;
        Ok((record, bytes))
    };
    records.into_iter().map(pair).collect()
}

fn bytes(conn: &Connection, observation: ObservationId) -> Result<Vec<u8>, StoreError> {
    let mut find = conn.prepare_cached("SELECT bytes, sha256 FROM received WHERE observation = ?1")?;
    let found = find
        .query_row([observation], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (bytes, kept): (Vec<u8>, Vec<u8>) =
        found.ok_or_else(|| StoreError::not_found("received statement", &observation))?;
    if hash(&bytes).as_slice() == kept {
        Ok(bytes)
    } else {
        Err(StoreError::damaged(format!(
            "received statement {observation} is not what came"
        )))
    }
}

/// The version that counts until now.
struct Head {
    observation: ObservationId,
    sequence: String,
    digest: Vec<u8>,
    version: u32,
}

/// Which statement a version is of.
pub(crate) struct Which<'s> {
    pub(crate) patient: PatientId,
    pub(crate) source: String,
    pub(crate) key: &'s str,
}

/// Keeps one version of a statement.
pub(crate) fn keep(
    conn: &Connection,
    opened: &mut Opened<'_>,
    statement: &ReceivedStatement,
) -> Result<StatementReceipt, StoreError> {
    if statement.key.is_empty() {
        return Err(StoreError::Invalid {
            what: "statement",
            detail: "its key is empty; it could not be told from others".to_owned(),
        });
    }
    let batch = opened.batch;
    let site = Site {
        population: batch.population,
        facility: batch.facility.as_deref(),
        stamp: &batch.stamp,
    };
    let patient = identity::resolve(conn, site, &statement.person)?;
    let issuer = site.own(&statement.person.issuer);
    let standard = &batch.standard;
    let source = if issuer.is_empty() {
        standard.clone()
    } else {
        format!("{standard}|{issuer}")
    };
    identity::complete(conn, site, (statement, &source), patient)?;
    let key = Which {
        patient,
        source,
        key: &statement.key,
    };
    let sha256 = hash(&statement.bytes);
    let digest = digest(statement, &sha256)?;
    let head = head(conn, &key)?;
    if let Some((observation, version)) = repeated(conn, &key, head.as_ref(), statement, &digest)? {
        let counts = head.is_some_and(|head| head.observation == observation);
        return Ok(StatementReceipt {
            patient,
            observation,
            version,
            repeated: true,
            counts,
            events: 0,
            documents: Vec::new(),
        });
    }
    let reception = opened.row(conn)?;
    let (observation, version) = insert(
        conn,
        &key,
        reception,
        issuer,
        (statement, &digest, &sha256),
        &batch.stamp,
    )?;
    let counts = head.as_ref().is_none_or(|head| {
        statement.sequence.is_empty() || head.sequence.is_empty() || statement.sequence >= head.sequence
    });
    let mut receipt = StatementReceipt {
        patient,
        observation,
        version,
        repeated: false,
        counts,
        events: statement.events.len() as u64,
        documents: Vec::new(),
    };
    state(conn, &key, head.as_ref(), statement, &receipt)?;
    // What has no text now and had no version before has no document either.
    if counts && (head.is_some() || !statement.texts.is_empty()) {
        texts::sign(conn, opened, &key, statement, &mut receipt)?;
    }
    Ok(receipt)
}

/// What tells a repetition from another version. The time is none of it: it follows from the bytes and resources, or is
/// that at which a statement without a time came.
fn digest(statement: &ReceivedStatement, sha256: &[u8; 32]) -> Result<[u8; 32], StoreError> {
    let mut parts = format!(
        "{}\n{}\n{}\n{}\n",
        statement.sequence,
        word(&statement.standing)?,
        word(&statement.evidence)?,
        hex(sha256),
    );
    for resource in &statement.resources {
        if resource.json == statement.bytes {
            parts.push_str(&hex(sha256));
        } else {
            parts.push_str(&hex(&hash(&resource.json)));
        }
        parts.push('\n');
    }
    Ok(hash(parts.as_bytes()))
}

fn head(conn: &Connection, key: &Which<'_>) -> Result<Option<Head>, StoreError> {
    let mut find = conn.prepare_cached(
        "SELECT s.observation, s.sequence, o.digest, o.version FROM statement s
         JOIN observation o ON o.id = s.observation WHERE s.patient = ?1 AND s.source = ?2 AND s.key = ?3",
    )?;
    let found = find.query_row(params![key.patient, key.source, key.key], |row| {
        Ok(Head {
            observation: row.get(0)?,
            sequence: row.get(1)?,
            digest: row.get(2)?,
            version: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// The version that says the same: the one that counts, or an earlier one of the same sequence. Without a sequence a
/// statement that comes back after another is news.
fn repeated(
    conn: &Connection,
    key: &Which<'_>,
    head: Option<&Head>,
    statement: &ReceivedStatement,
    digest: &[u8; 32],
) -> Result<Option<(ObservationId, u32)>, StoreError> {
    let Some(head) = head else { return Ok(None) };
    if head.digest == digest {
        return Ok(Some((head.observation, head.version)));
    }
    if statement.sequence.is_empty() {
        return Ok(None);
    }
    let mut find = conn.prepare_cached(
        "SELECT id, version FROM observation WHERE patient = ?1 AND source = ?2 AND key = ?3 AND digest = ?4 LIMIT 1",
    )?;
    let found = find.query_row(
        params![key.patient, key.source, key.key, digest.as_slice()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    Ok(found.optional()?)
}

fn insert(
    conn: &Connection,
    key: &Which<'_>,
    reception: i64,
    issuer: &str,
    (statement, digest, sha256): (&ReceivedStatement, &[u8; 32], &[u8; 32]),
    stamp: &Stamp,
) -> Result<(ObservationId, u32), StoreError> {
    let version: u32 = conn
        .prepare_cached(
            "SELECT coalesce(max(version), 0) + 1 FROM observation WHERE patient = ?1 AND source = ?2 AND key = ?3",
        )?
        .query_row(params![key.patient, key.source, key.key], |row| row.get(0))?;
    let civil = statement.observed_at.civil().to_string();
    conn.prepare_cached(
        "INSERT INTO observation (patient, source, key, version, civil, author, at, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        key.patient,
        key.source,
        key.key,
        version,
        civil,
        stamp.author,
        stamp.at,
        digest.as_slice()
    ])?;
    let observation = ObservationId::new(conn.last_insert_rowid());
    conn.prepare_cached(
        "INSERT INTO received (observation, reception, patient, issuer, number, file, line, field, sequence, standing,
             evidence, charset, sha256, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?
    .execute(params![
        observation,
        reception,
        key.patient,
        issuer,
        statement.person.number,
        statement.place.file,
        statement.place.line,
        statement.place.field,
        statement.sequence,
        word(&statement.standing)?,
        word(&statement.evidence)?,
        statement.charset,
        sha256.as_slice(),
        statement.bytes
    ])?;
    let mut add = conn.prepare_cached(
        "INSERT INTO received_resource (observation, number, patient, kind, json) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (number, resource) in (0_u32..).zip(&statement.resources) {
        check_json(&resource.kind, &resource.json)?;
        let json = (resource.json != statement.bytes).then_some(&resource.json);
        add.execute(params![observation, number, key.patient, resource.kind, json])?;
    }
    Ok((observation, version))
}

/// Stores the events, and lets those be found that count.
fn state(
    conn: &Connection,
    key: &Which<'_>,
    head: Option<&Head>,
    statement: &ReceivedStatement,
    receipt: &StatementReceipt,
) -> Result<(), StoreError> {
    if receipt.counts {
        if let Some(head) = head {
            index::remove(conn, "observation", head.observation.get())?;
        }
        conn.prepare_cached(
            "INSERT INTO statement (patient, source, key, observation, sequence) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (patient, source, key)
             DO UPDATE SET observation = excluded.observation, sequence = excluded.sequence",
        )?
        .execute(params![
            key.patient,
            key.source,
            key.key,
            receipt.observation,
            statement.sequence
        ])?;
    }
    let origin = Origin {
        patient: key.patient,
        population: population(conn, key.patient)?,
        at: statement.observed_at.civil(),
        source: OriginRow::Observation(receipt.observation),
    };
    events::insert(conn, &origin, &statement.edition, &statement.events)?;
    if !receipt.counts || statement.standing != Standing::Valid {
        index::remove(conn, "observation", receipt.observation.get())?;
    }
    // Events of statements settle nothing and are settled by nothing: both are the affair of notes.
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<ReceivedRecord> {
    Ok(ReceivedRecord {
        observation: row.get(0)?,
        patient: row.get(1)?,
        source: row.get(2)?,
        key: row.get(3)?,
        version: row.get(4)?,
        sequence: row.get(5)?,
        standing: row.get::<_, Word<Standing>>(6)?.0,
        evidence: row.get::<_, Word<Evidence>>(7)?.0,
        counts: row.get(8)?,
        observed_at: row.get::<_, Civil>(9)?.0,
        place: ReceivedPlace {
            file: row.get(10)?,
            line: row.get(11)?,
            field: row.get(12)?,
        },
        issuer: row.get(13)?,
        number: row.get(14)?,
        charset: row.get(15)?,
        sha256: hex(&row.get::<_, Vec<u8>>(16)?),
        stamp: Stamp {
            author: row.get(17)?,
            at: row.get::<_, Moment>(18)?,
        },
        resources: Vec::new(),
        documents: Vec::new(),
    })
}
