//! The append-only store: signed documents, FHIR resources, events and what is found by them, in one SQLite file.
//!
//! **What is kept.** Ground state is added to, never changed: `patient` and `encounter` with their `_version` tables,
//! `document` and `document_version` (the received bytes with their SHA-256, and the decoded text), `resource` (FHIR JSON
//! as signed), `observation` (what other systems state; with `received`, `received_resource` and `received_document` what
//! came, with `dead_letter` what could not be read), `patient_identifier` and `patient_link` (whose it is), `correction` and `settled_phrase` (what users taught),
//! `assertion` (the log of the medical knowledge) and `decision` (what people decided beside a note). Triggers
//! in the database refuse to change or remove these rows, except those of dummy patients. `audit_entry`, with `audit_node`
//! and `audit_head`, is the audit trail: FHIR AuditEvents in a Merkle tree, of which nothing is ever removed. `access_row`,
//! `access_change` and `access_fact` are who may do what. `confirmation` is what became of notes that were entered on behalf
//! of a physician. A document goes only by [`Store::remove_document`], when its time of keeping is over; `tombstone` stays. Derived state can be made
//! again: `event` (with the edition of the lexicon that read it; those of an observation stay), `event_index`,
//! `document_text`, `document_fts`, `topic_mark`, and the `fhir_` tables, which whoever follows changes keeps ([`Derived`]).
//! `consent_study`, `consent_text`, `consent_event` and `consent_receipt` are what people were asked and what they allow,
//! `export_delivery` and `export_person` what left ([`consent`]). `draft_revision` is what an editor saves while one types. The tables are described in `schema/1.sql` and the steps after it.
//!
//! **Versions.** Every version of a document holds the whole note as it then reads. Searches and the timeline show the
//! newest; the earlier ones stay readable and are exported.
//!
//! **Durability.** One thread writes ([`WriterCounts`]); a call returns when the commit that holds its work is on the
//! disk (write-ahead log, `synchronous = FULL`). Whoever waits at the same time shares a commit; what fails is undone
//! alone. Readers have connections of their own and see whole commits only.
//!
//! **Nothing from outside.** No clock, environment or randomness: times come in as [`Moment`], ids are counters of the
//! database and are never used again.
//!
//! **Real and dummy.** A patient is one or the other for good; every search is over one [`Population`].
#![expect(clippy::doc_markdown, reason = "names of standards and products are no code")]

mod access;
mod amendments;
mod as_of;
mod assertions;
mod audit;
mod backup;
mod budget;
mod care;
mod confirm;
pub mod consent;
mod deliveries;
mod derived;
mod doctor;
mod documents;
mod drafts;
mod duplicates;
mod encounters;
mod errors;
mod events;
mod export;
mod fold;
mod fulltext;
mod identity;
mod ids;
mod index;
mod letters;
mod links;
mod memory;
mod newest;
mod observations;
mod open;
mod patients;
mod rebuild;
mod received;
pub mod research;
mod resources;
mod retention;
mod schema;
mod search;
mod sign;
mod stamp;
mod statements;
mod store;
mod texts;
mod timeline;
mod topics;
mod writer;

pub use access::{AccessFacts, AccessKind, AccessNames, AccessWrite, DocumentHead};
pub use amendments::{
    AmendmentAnswer, AmendmentId, AmendmentOutcome, AmendmentRequest, LONGEST_AMENDMENT, MOST_WAITING,
};
pub use as_of::{DocumentAsOf, RecordAsOf};
pub use assertions::{AssertionRecord, Decision, NewAssertion};
pub use audit::finding::{AuditFinding, DocumentPart};
pub use audit::head::{AuditKey, PublicKey, TreeHead, key_id};
pub use audit::hex::Hex;
pub use audit::merkle::{TreeHash, leaf_hash, node_hash};
pub use audit::proof::{verify_consistency, verify_inclusion};
pub use audit::verify::{AuditReport, KeyTrust, MAX_AUDIT_FINDINGS};
pub use audit::{
    AuditAction, AuditAgent, AuditEntity, AuditEntry, AuditFilter, AuditOutcome, AuditPending, AuditRecord,
    AuditSource, AuditSubtype, DocumentDigest, MAX_AUDIT_PAGE, Purpose, PurposeOfUse,
};
pub use backup::CopyReport;
pub use budget::{PrivacyQuestion, PrivacyRow, PrivacySpent};
pub use care::{CareEntry, CareEntryId, CareTopic, LONGEST_CARE_ENTRY, NewCareEntry};
pub use confirm::{ConfirmationReceipt, ConfirmationRecord, ConfirmationStep, LONGEST_REASON, Unconfirmed};
pub use deliveries::{Delivered, DeliveryOutcome, DeliveryRecord, DueDelivery};
pub use derived::{Changed, Derived};
pub use doctor::{Counts, DoctorReport};
pub use documents::{Content, DocumentVersion, VersionReason};
pub use drafts::{DraftKey, DraftRevision, KEPT_REVISIONS};
pub use duplicates::{Duplicate, DuplicateReason};
pub use encounters::{EncounterDetails, EncounterRecord};
pub use errors::StoreError;
pub use events::{EventOrigin, StoredEvent};
pub use export::{DummiesRemoved, PatientExport};
pub use fold::fold_name;
pub use fulltext::{TextHit, TextHits, TextQuery};
pub use identity::PatientIdentifier;
pub use ids::{AuditId, DeadLetterId, DocumentId, EncounterId, EventId, ObservationId, PatientId, Revision};
pub use letters::DeadLetter;
pub use links::{LinkDecision, LinkState};
pub use memory::{Correction, Meaning, SettledPhrase};
pub use newest::NewestMoments;
pub use observations::{NewObservation, ObservationReceipt, ObservationRecord};
#[doc(hidden)]
pub use open::{Tuning, writer_pragmas};
pub use patients::{PatientDetails, PatientFilter, PatientRecord};
pub use received::PendingReceipt;
pub use received::{
    Evidence, ItemReceipt, MAX_BATCH_ITEMS, NewDeadLetter, Receipt, ReceivedPerson, ReceivedPlace,
    ReceivedResource, ReceivedStatement, ReceivedText, Reception, ReceptionBatch, Standing, StatementReceipt,
};
pub use resources::{NewResource, ResourceName, ResourceRecord};
pub use retention::{KeptDocument, Removal, RemovalApproval, RemovalReceipt, Tombstone};
pub use search::{EventFilter, EventHit, EventHits, Page, PatientHits, ValueRange};
pub use sign::{SignNote, SignReceipt, Target};
pub use stamp::{Moment, Population, Stamp};
pub use statements::{CountingResource, ReceivedRecord};
pub use store::{Audited, Store};
pub use timeline::{TimelineEntry, TimelineItem};
pub use topics::{
    Bucket, Lane, LaneQuery, NoteTime, Odds, Series, Topic, TopicConflict, TopicMark, TopicQuery, TopicRow,
};
pub use writer::WriterCounts;
