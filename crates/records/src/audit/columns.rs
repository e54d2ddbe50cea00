//! Out of the bytes again: the columns beside an entry, by which it is found, and the entry itself for people to read.

use crate::audit::codes;
use crate::audit::entry::{
    AuditAction, AuditAgent, AuditEntity, AuditEntry, AuditOutcome, AuditSource, AuditSubtype, Purpose,
    PurposeOfUse,
};
use crate::audit::fhir::{self, Agent, AuditEvent, Coding, Entity, Reference, Text};
use crate::audit::signed::Signing;
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::stamp::Moment;
use jiff::Timestamp;
use serde::Deserialize;

/// What a search over the log looks at. It is read out of the bytes, which alone count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Milliseconds since 1970 UTC.
    pub(crate) recorded: i64,
    /// The account.
    pub(crate) agent: String,
    /// Whose record.
    pub(crate) patient: Option<PatientId>,
    /// Code of the action.
    pub(crate) action: &'static str,
    /// Our word for the subtype.
    pub(crate) subtype: &'static str,
    /// Code of the outcome.
    pub(crate) outcome: i64,
    /// Types of the entities, each once, in order, with spaces between.
    pub(crate) kinds: String,
}

/// What the columns are read out of. A verification reads a million of these, so the rest is passed over.
#[derive(Deserialize)]
struct Essence<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    agent: Vec<Acting<'a>>,
    #[serde(default)]
    entity: Vec<Entity<'a>>,
    outcome: Text<'a>,
    recorded: Text<'a>,
    subtype: Vec<Coding<'a>>,
    #[serde(rename = "type")]
    kind: Coding<'a>,
}

#[derive(Deserialize)]
struct Acting<'a> {
    requestor: bool,
    #[serde(borrow)]
    who: Reference<'a>,
}

impl Columns {
    /// Those of an entry that is being written.
    pub(crate) fn of(entry: &AuditEntry, recorded: i64) -> Self {
        let kind = |entity: &AuditEntity| match entity {
            AuditEntity::Document { .. } => "DocumentReference".to_owned(),
            AuditEntity::Resource { kind, .. } => kind.clone(),
            AuditEntity::Query(_) => "Query".to_owned(),
        };
        Self {
            recorded,
            agent: entry.agent.who.clone(),
            patient: entry.patient,
            action: entry.action.code(),
            subtype: entry.subtype.code(),
            outcome: outcome_number(entry.outcome),
            kinds: joined(entry.entities.iter().map(kind).collect()),
        }
    }

    /// Those that bytes of the log must have, and what the entry signed; none when they are no entry of ours.
    pub(crate) fn read(json: &[u8]) -> Option<(Self, Vec<Signing>)> {
        let event: Essence<'_> = fhir::read(json).ok()?;
        let recorded: Timestamp = event.recorded.parse().ok()?;
        let kinds = event.entity.iter().filter(|entity| is_object(entity));
        let user = event.agent.iter().find(|agent| agent.requestor)?;
        let columns = Self {
            recorded: recorded.as_millisecond(),
            agent: identifier(&user.who)?.to_owned(),
            patient: patient(&event.entity),
            action: AuditAction::from_code(&event.action)?.code(),
            subtype: subtype(&event.kind, &event.subtype)?.code(),
            outcome: outcome_number(AuditOutcome::from_code(&event.outcome)?),
            kinds: joined(kinds.map(kind_of).collect::<Option<_>>()?),
        };
        let signings = columns.signings(&event.entity);
        Some((columns, signings))
    }

    /// The versions that this entry signed, when it did: those with a digest, and those that a signing entry names.
    fn signings(&self, entities: &[Entity<'_>]) -> Vec<Signing> {
        let is_signing = self.subtype == AuditSubtype::Sign.code();
        let removes = self.subtype == AuditSubtype::Delete.code();
        let signing = |entity: &Entity<'_>| match object(entity)? {
            AuditEntity::Document {
                document,
                version: Some(version),
                digest,
            } if is_signing || digest.is_some() => Some(Signing {
                document: document.get(),
                version,
                patient: self.patient,
                digest,
                removes,
            }),
            _ => None,
        };
        if self.outcome != outcome_number(AuditOutcome::Success) {
            return Vec::new();
        }
        let documents = entities
            .iter()
            .filter(|entity| is_signing || !entity.detail.is_empty());
        documents
            .filter(|entity| is_object(entity))
            .filter_map(signing)
            .collect()
    }
}

/// The entry that bytes of the log say.
///
/// # Errors
/// `Damaged` when they are no entry of ours.
pub(crate) fn read_entry(json: &[u8]) -> Result<AuditEntry, StoreError> {
    let event: AuditEvent<'_> = fhir::read(json).map_err(|error| StoreError::damaged(error.to_string()))?;
    let at = Moment::parse(&event.recorded)?;
    entry_of(&event, at).ok_or_else(|| StoreError::damaged("no audit entry of this program"))
}

fn entry_of(event: &AuditEvent<'_>, at: Moment) -> Option<AuditEntry> {
    let action = AuditAction::from_code(&event.action)?;
    let types = codes::agent_types(action);
    let user = event.agent.iter().find(|agent| agent.requestor)?;
    let of_type = |kind: codes::Code| {
        event
            .agent
            .iter()
            .find(|agent| !agent.requestor && has_type(agent, kind))
    };
    let server = of_type(types.server)?;
    let is_request = |entity: &&Entity<'_>| entity.kind.pair() == (codes::BALP_ENTITY, codes::REQUEST_ID);
    let request = event.entity.iter().find(is_request);
    let purpose = user.purpose_of_use.first().and_then(|concept| {
        let code = PurposeOfUse::from_code(&concept.coding.first()?.code)?;
        Some(Purpose {
            code,
            reason: concept.text.as_deref().map(str::to_owned),
        })
    });
    Some(AuditEntry {
        at,
        agent: AuditAgent {
            who: identifier(&user.who)?.to_owned(),
            name: user.name.as_deref().map(str::to_owned),
            role: user
                .role
                .first()
                .and_then(|role| role.text.as_deref().map(str::to_owned)),
            on_behalf_of: of_type(codes::RESPONSIBLE)
                .and_then(|agent| identifier(&agent.who))
                .map(str::to_owned),
        },
        action,
        subtype: subtype(&event.kind, &event.subtype)?,
        patient: patient(&event.entity),
        entities: event
            .entity
            .iter()
            .filter(|entity| is_object(entity))
            .map(object)
            .collect::<Option<_>>()?,
        outcome: AuditOutcome::from_code(&event.outcome)?,
        outcome_text: event.outcome_desc.as_deref().map(str::to_owned),
        purpose,
        source: AuditSource {
            site: event.source.site.as_deref().map(str::to_owned),
            observer: event.source.observer.display.as_deref()?.to_owned(),
            address: address(server),
        },
        address: of_type(types.client).and_then(address),
        request: request
            .and_then(|entity| identifier(entity.what.as_ref()?))
            .map(str::to_owned),
    })
}

fn has_type(agent: &Agent<'_>, kind: codes::Code) -> bool {
    agent
        .kind
        .coding
        .first()
        .is_some_and(|coding| coding.pair() == kind)
}

fn address(agent: &Agent<'_>) -> Option<String> {
    agent.network.as_ref().map(|network| network.address.to_string())
}

fn identifier<'r>(reference: &'r Reference<'_>) -> Option<&'r str> {
    reference.identifier.as_ref().map(|identifier| &*identifier.value)
}

fn subtype(kind: &Coding<'_>, subtypes: &[Coding<'_>]) -> Option<AuditSubtype> {
    codes::subtype_of(kind.pair(), subtypes.iter().map(Coding::pair))
}

fn patient(entities: &[Entity<'_>]) -> Option<PatientId> {
    let is_patient = |entity: &&Entity<'_>| entity.kind.pair() == (codes::ENTITY_TYPE, codes::PERSON);
    let reference = entities.iter().find(is_patient)?.what.as_ref()?;
    let number = reference.url.as_deref()?.strip_prefix("Patient/")?;
    number.parse().ok().map(PatientId::new)
}

fn is_object(entity: &Entity<'_>) -> bool {
    entity.kind.pair() == (codes::ENTITY_TYPE, codes::SYSTEM_OBJECT)
}

fn kind_of(entity: &Entity<'_>) -> Option<String> {
    if entity.query.is_some() {
        return Some("Query".to_owned());
    }
    let (kind, _) = entity.what.as_ref()?.url.as_deref()?.split_once('/')?;
    Some(kind.to_owned())
}

fn object(entity: &Entity<'_>) -> Option<AuditEntity> {
    if let Some(query) = &entity.query {
        return fhir::query_text(query).map(AuditEntity::Query);
    }
    let mut parts = entity.what.as_ref()?.url.as_deref()?.split('/');
    let (kind, name) = (parts.next()?, parts.next()?);
    let version = match parts.next() {
        Some("_history") => Some(parts.next()?.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some(if kind == "DocumentReference" {
        AuditEntity::Document {
            document: DocumentId::new(name.parse().ok()?),
            version,
            digest: fhir::digest(&entity.detail),
        }
    } else {
        AuditEntity::Resource {
            kind: kind.to_owned(),
            name: name.to_owned(),
            version,
        }
    })
}

fn joined(mut kinds: Vec<String>) -> String {
    kinds.sort_unstable();
    kinds.dedup();
    kinds.join(" ")
}

fn outcome_number(outcome: AuditOutcome) -> i64 {
    match outcome {
        AuditOutcome::Success => 0,
        AuditOutcome::MinorFailure => 4,
        AuditOutcome::SeriousFailure => 8,
        AuditOutcome::MajorFailure => 12,
    }
}
