//! The bytes that are kept: a FHIR R4 AuditEvent in the canonical form of RFC 8785 (keys in order, no spaces).
//!
//! The structs below have their fields in the order of the keys, so that writing them gives that form at once; a test
//! holds it. Displays of codes are left out: they say nothing that the code does not.

use crate::audit::codes::{self, Code};
use crate::audit::entry::{AuditEntity, AuditEntry, AuditSubtype, DocumentDigest, invalid};
use crate::audit::hex::Hex;
use crate::errors::StoreError;
use crate::stamp::{Moment, Population};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;

/// A text. Where it has no escapes it is read without a copy, also in an option or a list.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

/// A FHIR R4 AuditEvent, as far as we write it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditEvent<'a> {
    #[serde(borrow)]
    pub(crate) action: Text<'a>,
    pub(crate) agent: Vec<Agent<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) entity: Vec<Entity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<Meta<'a>>,
    pub(crate) outcome: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome_desc: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) purpose_of_event: Vec<Concept<'a>>,
    pub(crate) recorded: Text<'a>,
    pub(crate) resource_type: Text<'a>,
    pub(crate) source: Source<'a>,
    pub(crate) subtype: Vec<Coding<'a>>,
    #[serde(rename = "type")]
    pub(crate) kind: Coding<'a>,
}

/// AuditEvent.agent.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agent<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<Network<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) purpose_of_use: Vec<Concept<'a>>,
    pub(crate) requestor: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) role: Vec<Concept<'a>>,
    #[serde(rename = "type")]
    pub(crate) kind: Concept<'a>,
    pub(crate) who: Reference<'a>,
}

/// AuditEvent.agent.network.
#[derive(Serialize, Deserialize)]
pub(crate) struct Network<'a> {
    #[serde(borrow)]
    pub(crate) address: Text<'a>,
    #[serde(rename = "type")]
    pub(crate) kind: Text<'a>,
}

/// AuditEvent.entity.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entity<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) detail: Vec<Detail<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Coding<'a>>,
    #[serde(rename = "type")]
    pub(crate) kind: Coding<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<Reference<'a>>,
}

/// AuditEvent.entity.detail.
#[derive(Serialize, Deserialize)]
pub(crate) struct Detail<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Text<'a>,
    #[serde(rename = "valueString")]
    pub(crate) value: Text<'a>,
}

/// AuditEvent.source.
#[derive(Serialize, Deserialize)]
pub(crate) struct Source<'a> {
    #[serde(borrow)]
    pub(crate) observer: Reference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<Text<'a>>,
    #[serde(rename = "type")]
    pub(crate) kind: Vec<Coding<'a>>,
}

/// Resource.meta.
#[derive(Serialize, Deserialize)]
pub(crate) struct Meta<'a> {
    #[serde(borrow)]
    pub(crate) profile: Vec<Text<'a>>,
}

/// CodeableConcept.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Concept<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) coding: Vec<Coding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<Text<'a>>,
}

/// Coding.
#[derive(Serialize, Deserialize)]
pub(crate) struct Coding<'a> {
    #[serde(borrow)]
    pub(crate) code: Text<'a>,
    #[serde(borrow)]
    pub(crate) system: Text<'a>,
}

/// Reference.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Reference<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) display: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identifier: Option<Identifier<'a>>,
    #[serde(rename = "reference", skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<Text<'a>>,
}

/// Identifier.
#[derive(Serialize, Deserialize)]
pub(crate) struct Identifier<'a> {
    #[serde(borrow)]
    pub(crate) value: Text<'a>,
}

impl Coding<'_> {
    /// System and code.
    pub(crate) fn pair(&self) -> (&str, &str) {
        (&self.system, &self.code)
    }
}

/// Writes an entry that was checked; gives its bytes and its time in milliseconds since 1970 UTC.
pub(crate) fn write(entry: &AuditEntry) -> Result<(Vec<u8>, i64), StoreError> {
    let (recorded, milliseconds) = instant(&entry.at)?;
    let for_event = match entry.subtype {
        AuditSubtype::Export | AuditSubtype::BreakGlass => purposes(entry),
        _ => Vec::new(),
    };
    let own = codes::own_subtype(entry.subtype);
    let event = AuditEvent {
        action: entry.action.code().into(),
        agent: agents(entry),
        entity: entities(entry),
        meta: codes::profile(entry).map(|profile| Meta {
            profile: vec![profile.into()],
        }),
        outcome: entry.outcome.code().into(),
        outcome_desc: entry.outcome_text.as_deref().map(Text::from),
        purpose_of_event: for_event,
        recorded: recorded.into(),
        resource_type: "AuditEvent".into(),
        source: Source {
            observer: named(&entry.source.observer),
            site: entry.source.site.as_deref().map(Text::from),
            // Application server.
            kind: vec![coding((codes::SOURCE_TYPE, "4"))],
        },
        subtype: codes::interaction(entry.subtype, entry.action)
            .into_iter()
            .chain([own])
            .map(coding)
            .collect(),
        kind: coding(codes::event_type(entry.subtype)),
    };
    let bytes = serde_json::to_vec(&event).map_err(|error| invalid(error.to_string()))?;
    Ok((bytes, milliseconds))
}

/// Reads what `write` wrote: an [`AuditEvent`], or a part of one.
pub(crate) fn read<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, StoreError> {
    let text = std::str::from_utf8(json).map_err(|error| invalid(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| invalid(error.to_string()))
}

/// `Patient/12`, `DocumentReference/5/_history/2`; none for a search.
pub(crate) fn reference(entity: &AuditEntity) -> Option<String> {
    let (kind, name, version) = match entity {
        AuditEntity::Document {
            document, version, ..
        } => ("DocumentReference", document.to_string(), version),
        AuditEntity::Resource { kind, name, version } => (kind.as_str(), name.clone(), version),
        AuditEntity::Query(_) => return None,
    };
    Some(match version {
        Some(version) => format!("{kind}/{name}/_history/{version}"),
        None => format!("{kind}/{name}"),
    })
}

/// The bytes of a search's text, out of `entity.query`.
pub(crate) fn query_text(base64: &str) -> Option<String> {
    let bytes = BASE64.decode(base64).ok()?;
    String::from_utf8(bytes).ok()
}

/// The time as a FHIR instant, and in milliseconds since 1970 UTC.
pub(crate) fn instant(at: &Moment) -> Result<(String, i64), StoreError> {
    let pieces = Pieces::parse(at.as_str()).map_err(|error| invalid(error.to_string()))?;
    let no_offset = || invalid(format!("{}: no offset from UTC", at.as_str()));
    let offset = pieces.offset().ok_or_else(no_offset)?;
    let numeric = offset.to_numeric_offset();
    let timestamp = numeric
        .to_timestamp(at.civil())
        .map_err(|error| invalid(error.to_string()))?;
    let seconds = numeric.seconds();
    if seconds % 60 != 0 {
        return Err(invalid(format!("{}: an offset of part of a minute", at.as_str())));
    }
    let written = if offset == PiecesOffset::Zulu {
        "Z".to_owned()
    } else {
        let minutes = seconds.unsigned_abs() / 60;
        let sign = if seconds < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    };
    Ok((format!("{}{written}", at.civil()), timestamp.as_millisecond()))
}

fn agents(entry: &AuditEntry) -> Vec<Agent<'_>> {
    let types = codes::agent_types(entry.action);
    let agent = &entry.agent;
    let user = Agent {
        name: agent.name.as_deref().map(Text::from),
        purpose_of_use: purposes(entry),
        requestor: true,
        role: agent.role.as_deref().map(in_words).into_iter().collect(),
        ..passive(types.user, identified(&agent.who))
    };
    let responsible = agent
        .on_behalf_of
        .as_deref()
        .map(|who| passive(codes::RESPONSIBLE, identified(who)));
    let client = entry.address.as_deref().map(|address| Agent {
        network: Some(network(address)),
        ..passive(types.client, named(address))
    });
    let server = Agent {
        network: entry.source.address.as_deref().map(network),
        ..passive(types.server, named(&entry.source.observer))
    };
    [Some(user), responsible, client, Some(server)]
        .into_iter()
        .flatten()
        .collect()
}

fn passive(kind: Code, who: Reference<'_>) -> Agent<'_> {
    Agent {
        name: None,
        network: None,
        purpose_of_use: Vec::new(),
        requestor: false,
        role: Vec::new(),
        kind: Concept {
            coding: vec![coding(kind)],
            text: None,
        },
        who,
    }
}

fn entities(entry: &AuditEntry) -> Vec<Entity<'_>> {
    let patient = entry.patient.map(|patient| Entity {
        detail: Vec::new(),
        query: None,
        role: Some(coding((codes::OBJECT_ROLE, codes::PATIENT))),
        kind: coding((codes::ENTITY_TYPE, codes::PERSON)),
        what: Some(referred(format!("Patient/{patient}"))),
    });
    let request = entry.request.as_deref().map(|request| Entity {
        detail: Vec::new(),
        query: None,
        role: None,
        kind: coding((codes::BALP_ENTITY, codes::REQUEST_ID)),
        what: Some(identified(request)),
    });
    let objects = entry.entities.iter().map(object);
    patient.into_iter().chain(objects).chain(request).collect()
}

fn object(entity: &AuditEntity) -> Entity<'_> {
    let (role, query) = match entity {
        AuditEntity::Document { .. } => (codes::REPORT, None),
        AuditEntity::Resource { .. } => (codes::DOMAIN_RESOURCE, None),
        AuditEntity::Query(text) => (codes::QUERY, Some(BASE64.encode(text).into())),
    };
    let digest = match entity {
        AuditEntity::Document { digest, .. } => digest.as_ref(),
        _ => None,
    };
    Entity {
        detail: digest.map(details).unwrap_or_default(),
        query,
        role: Some(coding((codes::OBJECT_ROLE, role))),
        kind: coding((codes::ENTITY_TYPE, codes::SYSTEM_OBJECT)),
        what: reference(entity).map(referred),
    }
}

/// Names of the details of a signed version: SHA-256 in lower-case hexadecimal digits, and `real` or `dummy`.
const BYTES: &str = "sha256-bytes";
const TEXT: &str = "sha256-text";
const FRAME: &str = "sha256-frame";
const POPULATION: &str = "population";

fn details(digest: &DocumentDigest) -> Vec<Detail<'_>> {
    let population = match digest.population {
        Population::Real => "real",
        Population::Dummy => "dummy",
    };
    let hash = |kind: &'static str, hash: Hex<32>| Detail {
        kind: kind.into(),
        value: hash.to_string().into(),
    };
    vec![
        hash(BYTES, digest.bytes),
        hash(TEXT, digest.text),
        hash(FRAME, digest.frame),
        Detail {
            kind: POPULATION.into(),
            value: population.into(),
        },
    ]
}

/// The digest that details say; none when one is missing.
pub(crate) fn digest(details: &[Detail<'_>]) -> Option<DocumentDigest> {
    let value = |kind: &str| {
        let found = details.iter().find(|detail| &*detail.kind == kind)?;
        Some(&*found.value)
    };
    Some(DocumentDigest {
        bytes: Hex::parse(value(BYTES)?).ok()?,
        text: Hex::parse(value(TEXT)?).ok()?,
        frame: Hex::parse(value(FRAME)?).ok()?,
        population: match value(POPULATION)? {
            "dummy" => Population::Dummy,
            "real" => Population::Real,
            _ => return None,
        },
    })
}

fn purposes(entry: &AuditEntry) -> Vec<Concept<'_>> {
    let purpose = entry.purpose.as_ref().map(|purpose| Concept {
        coding: vec![coding((codes::REASON, purpose.code.code()))],
        text: purpose.reason.as_deref().map(Text::from),
    });
    purpose.into_iter().collect()
}

fn coding<'a>((system, code): (&'a str, &'a str)) -> Coding<'a> {
    Coding {
        code: code.into(),
        system: system.into(),
    }
}

fn in_words(text: &str) -> Concept<'_> {
    Concept {
        coding: Vec::new(),
        text: Some(text.into()),
    }
}

fn named(display: &str) -> Reference<'_> {
    Reference {
        display: Some(display.into()),
        ..Reference::default()
    }
}

fn identified(value: &str) -> Reference<'_> {
    Reference {
        identifier: Some(Identifier { value: value.into() }),
        ..Reference::default()
    }
}

fn referred<'a>(url: String) -> Reference<'a> {
    Reference {
        url: Some(url.into()),
        ..Reference::default()
    }
}

/// Network-type: 1 a machine's name, 2 an IP address, 5 a URI.
fn network(address: &str) -> Network<'_> {
    let kind = if address.parse::<IpAddr>().is_ok() {
        "2"
    } else if address.contains("://") {
        "5"
    } else {
        "1"
    };
    Network {
        address: address.into(),
        kind: kind.into(),
    }
}
