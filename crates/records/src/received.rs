//! What other systems send: statements with their bytes, FHIR resources, events and texts, in batches.
//!
//! A batch is one transaction. A statement that cannot be kept does not take its neighbours with it: its bytes become a
//! dead letter, with the reason. How versions of a statement follow each other is in `statements`, whose they are in
//! `identity`; what is read back, in `statements` too.

use crate::audit::Recorded as _;
use crate::audit::log::{self, Prepared};
use crate::audit::{AuditEntity, AuditEntry, AuditSubtype};
use crate::errors::StoreError;
use crate::ids::{DeadLetterId, ObservationId, PatientId};
use crate::letters;
use crate::resources::NewResource;
use crate::sign::SignReceipt;
use crate::stamp::{Moment, Population, Stamp};
use crate::statements;
use crate::store::Store;
use crate::writer::{Attempt, Pending};
use jiff::civil::Date;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use tsumugi_clinical::{Event, Sex};

/// Most items of one batch: a transaction holds up whoever signs meanwhile.
pub const MAX_BATCH_ITEMS: usize = 1000;

/// Most statements that one audit entry names.
const NAMED: usize = 200;

/// Whether a statement still holds in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It holds.
    Valid,
    /// A newer one replaced it.
    Superseded,
    /// It was taken back.
    Deleted,
}

/// What a statement is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Care.
    Care,
    /// What was billed.
    Claim,
    /// What a person or a device recorded outside.
    Personal,
}

/// A person as a source names one. What the source does not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceivedPerson {
    /// Who issued the number; empty is this site.
    pub issuer: String,
    /// The number as written.
    pub number: String,
    /// Name.
    pub name: Option<String>,
    /// Reading of the name.
    pub kana: Option<String>,
    /// Administrative sex.
    pub sex: Option<Sex>,
    /// Date of birth.
    pub birth_date: Option<Date>,
    /// Other numbers of the same person, with their issuers.
    pub other_numbers: Vec<(String, String)>,
    /// Those of the other numbers that the source has merged into `number`.
    pub replaces: Vec<(String, String)>,
}

/// A FHIR resource of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedResource {
    /// Its type.
    pub kind: String,
    /// Its JSON, byte for byte.
    pub json: Vec<u8>,
}

/// A text of a statement, structured, to be signed as a document.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedText {
    /// Kind of document.
    pub kind: String,
    /// Who wrote it, as the source names them.
    pub author: String,
    /// When it was written.
    pub written_at: Moment,
    /// The text.
    pub text: String,
    /// Edition of the lexicon that read it.
    pub edition: String,
    /// What it states.
    pub events: Vec<Event>,
    /// FHIR resources to keep with it.
    pub resources: Vec<NewResource>,
}

/// Where something stood in what was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReceivedPlace {
    /// File, or the peer of a connection.
    pub file: String,
    /// Line or segment, from 1.
    pub line: Option<u32>,
    /// Field, as the standard names it.
    pub field: Option<String>,
}

/// A statement to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedStatement {
    /// Where it stood.
    pub place: ReceivedPlace,
    /// Whose.
    pub person: ReceivedPerson,
    /// What makes it the same statement when it comes again: stable within standard, issuer and number.
    pub key: String,
    /// Orders the versions of a key: the greater (as text) wins. Empty: the later to come.
    pub sequence: String,
    /// Whether it still holds.
    pub standing: Standing,
    /// What it is evidence of.
    pub evidence: Evidence,
    /// When what it states was so.
    pub observed_at: Moment,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Their character set.
    pub charset: String,
    /// Its resources.
    pub resources: Vec<ReceivedResource>,
    /// What it states.
    pub events: Vec<Event>,
    /// Edition of the tables that made the events of the resources.
    pub edition: String,
    /// Its texts.
    pub texts: Vec<ReceivedText>,
}

/// Bytes that are no statement, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    /// Where they stood.
    pub place: ReceivedPlace,
    /// A stable word for what is wrong.
    pub code: String,
    /// The problem as JSON.
    pub problem: String,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
}

/// One item of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Reception {
    /// A statement.
    Statement(Box<ReceivedStatement>),
    /// Bytes that are none.
    Dead(NewDeadLetter),
}

/// Items that are kept in one transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceptionBatch {
    /// Of real patients or dummies.
    pub population: Population,
    /// The standard, in one word.
    pub standard: String,
    /// By which door it came: `command`, `watch`, `mllp`, `http`, `replay`.
    pub way: String,
    /// Issuer of this site's own numbers, where the site has named it.
    pub facility: Option<String>,
    /// Who takes it in, and when.
    pub stamp: Stamp,
    /// The dead letter that is read again, where it is one: what cannot be kept stays that letter.
    pub replay_of: Option<DeadLetterId>,
    /// What the audit trail says of who took it in; an entry for each patient and one for the batch are made from it.
    pub entry: Option<AuditEntry>,
    /// The items, in the order of the source.
    pub items: Vec<Reception>,
}

/// What became of a statement that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementReceipt {
    /// Whose record it is in.
    pub patient: PatientId,
    /// The version that holds it.
    pub observation: ObservationId,
    /// Its number, from 1.
    pub version: u32,
    /// Whether the same was there already, and nothing was written now.
    pub repeated: bool,
    /// Whether it is the version that counts.
    pub counts: bool,
    /// Events that were written, those of its texts included.
    pub events: u64,
    /// Documents that were signed.
    pub documents: Vec<(crate::ids::DocumentId, u32)>,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemReceipt {
    /// It is kept.
    Kept(StatementReceipt),
    /// It was a dead letter; whether it was there already.
    Dead(DeadLetterId, bool),
    /// The store could not keep it as a statement: its bytes are a dead letter now, and this is why.
    Refused(DeadLetterId, String),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Receipt {
    /// One for each item, in their order.
    pub items: Vec<ItemReceipt>,
}

impl Receipt {
    fn kept(&self) -> impl Iterator<Item = &StatementReceipt> {
        self.items.iter().filter_map(|item| match item {
            ItemReceipt::Kept(kept) => Some(kept),
            _ => None,
        })
    }
}

impl Store {
    /// Keeps a batch of what other systems sent; returns when all of it is durable. Statements that came before are kept
    /// once, so that a batch may be sent again after an interruption.
    ///
    /// # Errors
    /// `Invalid` for more than [`MAX_BATCH_ITEMS`] items; `Full`, `Io`, `ReadOnly`, `Closed`. Then nothing of it is kept.
    pub fn receive(&self, batch: ReceptionBatch) -> Result<Receipt, StoreError> {
        self.receive_later(batch)?.wait()
    }

    /// Sends a batch on its way: the next can be made ready while this one is written. It is kept, as by
    /// [`Store::receive`], once [`PendingReceipt::wait`] has returned.
    ///
    /// # Errors
    /// `Invalid` for more than [`MAX_BATCH_ITEMS`] items; `ReadOnly`, `Closed`.
    pub fn receive_later(&self, batch: ReceptionBatch) -> Result<PendingReceipt, StoreError> {
        if batch.items.len() > MAX_BATCH_ITEMS {
            let detail = format!("{} items; at most {MAX_BATCH_ITEMS}", batch.items.len());
            return Err(StoreError::Invalid {
                what: "batch",
                detail,
            });
        }
        // A savepoint for each statement is slow (see the writer): they are tried without, and only a batch of which one
        // cannot be kept is done again, each by itself.
        self.send_twice("receive", is_its_own, move |conn, attempt| {
            let keep: Keep = match attempt {
                Attempt::First => together,
                Attempt::Second => alone,
            };
            receive(conn, &batch, keep)
        })
        .map(PendingReceipt)
    }
}

/// A batch on its way.
#[derive(Debug)]
#[must_use = "a batch is kept for sure only after `wait`"]
pub struct PendingReceipt(Pending<Receipt>);

impl PendingReceipt {
    /// Waits until the batch is durable.
    ///
    /// # Errors
    /// `Full`, `Io`, `Closed`. Then nothing of it is kept.
    pub fn wait(self) -> Result<Receipt, StoreError> {
        self.0.wait()
    }
}

/// The batch's row, made when the first item needs it: what was all there already leaves none.
pub(crate) struct Opened<'b> {
    pub(crate) batch: &'b ReceptionBatch,
    row: Option<i64>,
    /// Receipts of what was signed, for their entries in the audit trail.
    pub(crate) signed: Vec<(PatientId, SignReceipt)>,
}

impl Opened<'_> {
    pub(crate) fn row(&mut self, conn: &Connection) -> Result<i64, StoreError> {
        if let Some(row) = self.row {
            return Ok(row);
        }
        let batch = self.batch;
        conn.prepare_cached(
            "INSERT INTO reception (dummy, standard, way, author, at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            batch.population,
            batch.standard,
            batch.way,
            batch.stamp.author,
            batch.stamp.at
        ])?;
        Ok(*self.row.insert(conn.last_insert_rowid()))
    }
}

/// How a statement is kept.
type Keep = for<'b> fn(&Connection, &mut Opened<'b>, &ReceivedStatement) -> Result<ItemReceipt, StoreError>;

fn receive(conn: &Connection, batch: &ReceptionBatch, keep: Keep) -> Result<Receipt, StoreError> {
    let mut opened = Opened {
        batch,
        row: None,
        signed: Vec::new(),
    };
    let mut receipt = Receipt::default();
    for item in &batch.items {
        let outcome = match item {
            Reception::Dead(letter) => {
                let (id, repeated) = letters::insert(conn, &mut opened, letter)?;
                ItemReceipt::Dead(id, repeated)
            }
            Reception::Statement(statement) => keep(conn, &mut opened, statement)?,
        };
        receipt.items.push(outcome);
    }
    if let Some(entry) = &batch.entry {
        leave_entries(conn, entry, &opened, &receipt)?;
    }
    Ok(receipt)
}

/// Keeps a statement in the transaction of its batch.
fn together(
    conn: &Connection,
    opened: &mut Opened<'_>,
    statement: &ReceivedStatement,
) -> Result<ItemReceipt, StoreError> {
    statements::keep(conn, opened, statement).map(ItemReceipt::Kept)
}

/// Keeps a statement in a savepoint of its own; what it cannot be kept for makes it a dead letter.
fn alone(
    conn: &Connection,
    opened: &mut Opened<'_>,
    statement: &ReceivedStatement,
) -> Result<ItemReceipt, StoreError> {
    let signed = opened.signed.len();
    // The row of the batch must outlive the statement's savepoint.
    let had_row = opened.row;
    conn.prepare_cached("SAVEPOINT statement")?.execute([])?;
    match statements::keep(conn, opened, statement) {
        Ok(kept) => {
            conn.prepare_cached("RELEASE statement")?.execute([])?;
            Ok(ItemReceipt::Kept(kept))
        }
        Err(error) if is_its_own(&error) => {
            conn.execute_batch("ROLLBACK TO statement; RELEASE statement")?;
            opened.signed.truncate(signed);
            opened.row = had_row;
            let id = match opened.batch.replay_of {
                Some(letter) => letter,
                None => letters::insert(conn, opened, &refused(statement, &error))?.0,
            };
            Ok(ItemReceipt::Refused(id, error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// Whether an error is about the statement, not about the store.
fn is_its_own(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Invalid { .. } | StoreError::Conflict { .. } | StoreError::NotFound { .. }
    )
}

fn refused(statement: &ReceivedStatement, error: &StoreError) -> NewDeadLetter {
    let place = &statement.place;
    let problem = json!({
        "file": place.file, "line": place.line, "field": place.field,
        "severity": "error", "code": "not-kept", "message": error.to_string(),
    });
    NewDeadLetter {
        place: place.clone(),
        code: "not-kept".to_owned(),
        problem: problem.to_string(),
        bytes: statement.bytes.clone(),
    }
}

/// One entry for each patient whose record changed, one for each note that was signed, and one for the batch.
fn leave_entries(
    conn: &Connection,
    template: &AuditEntry,
    opened: &Opened<'_>,
    receipt: &Receipt,
) -> Result<(), StoreError> {
    let mut by_patient: BTreeMap<PatientId, Vec<&StatementReceipt>> = BTreeMap::new();
    for kept in receipt.kept().filter(|kept| !kept.repeated) {
        by_patient.entry(kept.patient).or_default().push(kept);
    }
    for (patient, statements) in by_patient {
        for some in statements.chunks(NAMED) {
            let mut entry = template.clone();
            entry.patient = Some(patient);
            entry.entities.push(AuditEntity::patient(patient));
            entry
                .entities
                .extend(some.iter().map(|kept| AuditEntity::Resource {
                    kind: "Bundle".to_owned(),
                    name: format!("received-{}", kept.observation),
                    version: Some(kept.version),
                }));
            log::append(conn, &Prepared::new(&entry)?)?;
        }
    }
    for (patient, signed) in &opened.signed {
        let mut entry = template.clone();
        entry.subtype = AuditSubtype::Sign;
        entry.action = entry.subtype.usual_action();
        entry.entities.push(AuditEntity::patient(*patient));
        signed.add_to(&mut entry, conn)?;
        log::append(conn, &Prepared::new(&entry)?)?;
    }
    let mut entry = template.clone();
    entry.outcome_text = Some(told(opened.batch, receipt));
    log::append(conn, &Prepared::new(&entry)?)?;
    Ok(())
}

/// The batch in numbers.
fn told(batch: &ReceptionBatch, receipt: &Receipt) -> String {
    let repeated = receipt.kept().filter(|kept| kept.repeated).count();
    let kept = receipt.kept().count() - repeated;
    let dead = receipt.items.len() - kept - repeated;
    let (standard, way) = (&batch.standard, &batch.way);
    format!("{standard} by {way}: {kept} statements kept, {repeated} repeated, {dead} dead letters")
}
