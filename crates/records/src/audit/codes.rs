//! The codes by which FHIR R4, IHE BALP 1.1.4, DICOM and ISO 21089 say what was done, and the profile that an entry fits.
//!
//! BALP (https://profiles.ihe.net/ITI/BALP) gives the two machines other roles in a read, a query, a write and a removal:
//! where a query flows, the client is the source, though the data flow back.

use crate::audit::entry::{AuditAction, AuditEntity, AuditEntry, AuditOutcome, AuditSubtype};

/// DICOM controlled terminology.
pub(crate) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// ISO 21089 lifecycle events of a record.
pub(crate) const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
/// FHIR RESTful interactions.
pub(crate) const REST: &str = "http://hl7.org/fhir/restful-interaction";
/// Types of audit events.
pub(crate) const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
/// HL7 v3 participations.
pub(crate) const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
/// Participations in provenance.
pub(crate) const PROVENANCE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
/// HL7 v3 reasons, among them the purposes of use.
pub(crate) const REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Types of entities.
pub(crate) const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
/// Roles of entities.
pub(crate) const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
/// Entities that BALP adds.
pub(crate) const BALP_ENTITY: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";
/// Types of what records.
pub(crate) const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";

/// Entity type of a person.
pub(crate) const PERSON: &str = "1";
/// Entity type of data.
pub(crate) const SYSTEM_OBJECT: &str = "2";
/// Role of the patient.
pub(crate) const PATIENT: &str = "1";
/// Role of a document.
pub(crate) const REPORT: &str = "3";
/// Role of any other resource.
pub(crate) const DOMAIN_RESOURCE: &str = "4";
/// Role of a search.
pub(crate) const QUERY: &str = "24";
/// Entity type of the request's id.
pub(crate) const REQUEST_ID: &str = "XrequestId";

/// The URL of a BALP profile.
macro_rules! balp {
    ($name:literal) => {
        concat!(
            "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.",
            $name
        )
    };
}

/// A system and its code.
pub(crate) type Code = (&'static str, &'static str);

/// AuditEvent.type of what was done.
pub(crate) const fn event_type(subtype: AuditSubtype) -> Code {
    match subtype {
        AuditSubtype::Read
        | AuditSubtype::VersionRead
        | AuditSubtype::Search
        | AuditSubtype::Create
        | AuditSubtype::Update
        | AuditSubtype::Delete
        | AuditSubtype::Sign => (EVENT_TYPE, "rest"),
        // User authentication.
        AuditSubtype::Login | AuditSubtype::Logout => (DCM, "110114"),
        // Security alert.
        AuditSubtype::BreakGlass
        | AuditSubtype::BreakGlassEnd
        | AuditSubtype::AccountChange
        | AuditSubtype::PolicyChange => (DCM, "110113"),
        // Export.
        AuditSubtype::Export | AuditSubtype::Backup => (DCM, "110106"),
        // Audit log used.
        AuditSubtype::AuditRead => (DCM, "110101"),
        // Application activity.
        AuditSubtype::Start | AuditSubtype::Stop => (DCM, "110100"),
    }
}

/// The AuditEvent.subtype by which an entry is known again.
pub(crate) const fn own_subtype(subtype: AuditSubtype) -> Code {
    match subtype {
        AuditSubtype::Read | AuditSubtype::AuditRead => (REST, "read"),
        AuditSubtype::VersionRead => (REST, "vread"),
        AuditSubtype::Search => (REST, "search"),
        AuditSubtype::Create => (REST, "create"),
        AuditSubtype::Update => (REST, "update"),
        AuditSubtype::Delete => (REST, "delete"),
        AuditSubtype::Sign => (LIFECYCLE, "attest"),
        AuditSubtype::Login => (DCM, "110122"),
        AuditSubtype::Logout => (DCM, "110123"),
        // Emergency override started, stopped.
        AuditSubtype::BreakGlass => (DCM, "110127"),
        AuditSubtype::BreakGlassEnd => (DCM, "110138"),
        AuditSubtype::Export => (LIFECYCLE, "disclose"),
        AuditSubtype::Backup => (LIFECYCLE, "archive"),
        // User security attributes changed; security configuration.
        AuditSubtype::AccountChange => (DCM, "110137"),
        AuditSubtype::PolicyChange => (DCM, "110129"),
        // Application start, stop.
        AuditSubtype::Start => (DCM, "110120"),
        AuditSubtype::Stop => (DCM, "110121"),
    }
}

/// A second AuditEvent.subtype: what a signing is as an interaction.
pub(crate) const fn interaction(subtype: AuditSubtype, action: AuditAction) -> Option<Code> {
    match (subtype, action) {
        (AuditSubtype::Sign, AuditAction::Create) => Some((REST, "create")),
        (AuditSubtype::Sign, AuditAction::Update) => Some((REST, "update")),
        _ => None,
    }
}

/// The subtype that is known by its type and one of its subtypes.
pub(crate) fn subtype_of<'c>(
    kind: (&str, &str),
    codes: impl DoubleEndedIterator<Item = (&'c str, &'c str)>,
) -> Option<AuditSubtype> {
    // A signing has the code of a creation or change too; its own comes last.
    let own = codes.into_iter().next_back()?;
    let is_it = |subtype: &AuditSubtype| own_subtype(*subtype) == own && event_type(*subtype) == kind;
    AuditSubtype::ALL.iter().copied().find(is_it)
}

/// The types of the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentTypes {
    /// The person.
    pub(crate) user: Code,
    /// The person's machine.
    pub(crate) client: Code,
    /// Ours.
    pub(crate) server: Code,
}

/// For whom a person acts: responsible party.
pub(crate) const RESPONSIBLE: Code = (PARTICIPATION, "RESP");

/// The types of the agents in an action, after BALP.
pub(crate) const fn agent_types(action: AuditAction) -> AgentTypes {
    let (source, destination) = ((DCM, "110153"), (DCM, "110152"));
    let (recipient, author) = ((PARTICIPATION, "IRCP"), (PARTICIPATION, "AUT"));
    match action {
        AuditAction::Read => AgentTypes {
            user: recipient,
            client: destination,
            server: source,
        },
        AuditAction::Execute => AgentTypes {
            user: recipient,
            client: source,
            server: destination,
        },
        AuditAction::Create | AuditAction::Update => AgentTypes {
            user: author,
            client: source,
            server: destination,
        },
        AuditAction::Delete => AgentTypes {
            user: author,
            client: (DCM, "110150"),
            server: (PROVENANCE, "custodian"),
        },
    }
}

/// The BALP profile that an entry fits, where there is one. They are about successes between two known machines, with one
/// object (a disclosure: one or more).
pub(crate) fn profile(entry: &AuditEntry) -> Option<&'static str> {
    let is_between_machines = entry.address.is_some() && entry.source.address.is_some();
    let is_usual = entry.action == entry.subtype.usual_action()
        || (entry.subtype == AuditSubtype::Sign && entry.action == AuditAction::Update);
    if entry.outcome != AuditOutcome::Success || !is_between_machines || !is_usual {
        return None;
    }
    let (is_query, objects) = match entry.entities.as_slice() {
        [AuditEntity::Query(_)] => (true, 1),
        entities => (false, entities.len()),
    };
    let is_patients = entry.patient.is_some();
    match (entry.subtype, entry.action) {
        (AuditSubtype::Search, _) if is_query => {
            Some(pick(is_patients, [balp!("Query"), balp!("PatientQuery")]))
        }
        (AuditSubtype::Export, _) if is_patients && objects >= 1 => Some(balp!("PrivacyDisclosure.Source")),
        _ if is_query || objects != 1 => None,
        (AuditSubtype::Read | AuditSubtype::VersionRead, _) => {
            Some(pick(is_patients, [balp!("Read"), balp!("PatientRead")]))
        }
        (AuditSubtype::Create | AuditSubtype::Sign, AuditAction::Create) => {
            Some(pick(is_patients, [balp!("Create"), balp!("PatientCreate")]))
        }
        (AuditSubtype::Update | AuditSubtype::Sign, AuditAction::Update) => {
            Some(pick(is_patients, [balp!("Update"), balp!("PatientUpdate")]))
        }
        (AuditSubtype::Delete, _) => Some(pick(is_patients, [balp!("Delete"), balp!("PatientDelete")])),
        _ => None,
    }
}

fn pick(is_patients: bool, [without, with]: [&'static str; 2]) -> &'static str {
    if is_patients { with } else { without }
}
