//! What an entry of the audit trail says: who did what to whose record, when, why, from where, and how it ended.
//!
//! The words are those of FHIR R4 AuditEvent. `audit::fhir` writes them as the resource that is kept.

use crate::audit::hex::Hex;
use crate::errors::StoreError;
use crate::ids::{DocumentId, PatientId};
use crate::stamp::{Moment, Population};
use serde::{Deserialize, Serialize};

/// Most characters of one text of an entry.
pub(crate) const MAX_TEXT: usize = 16_384;
/// Most entities of an entry.
pub(crate) const MAX_ENTITIES: usize = 256;

/// One entry, before it is written as a FHIR AuditEvent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it happened, to the nanosecond at most; needs an offset from UTC.
    pub at: Moment,
    /// Who did it.
    pub agent: AuditAgent,
    /// What sort of action it was.
    pub action: AuditAction,
    /// What was done.
    pub subtype: AuditSubtype,
    /// Whose record; none when it was nobody's in particular. What concerns many patients is one entry for each (BALP).
    pub patient: Option<PatientId>,
    /// What was read, written or asked.
    pub entities: Vec<AuditEntity>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// More about how it ended, e.g. the error.
    pub outcome_text: Option<String>,
    /// For what purpose.
    pub purpose: Option<Purpose>,
    /// Which system recorded it.
    pub source: AuditSource,
    /// Network address of the client: an IP address, a host's name, or a URI.
    pub address: Option<String>,
    /// Id of the request that it belongs to (`X-Request-Id`).
    pub request: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditAgent {
    /// The account, as the server names it; a job of the server itself has a name too.
    pub who: String,
    /// Name of the person, for people.
    pub name: Option<String>,
    /// In which role, e.g. `physician`.
    pub role: Option<String>,
    /// The account that is responsible, where one acts for another.
    pub on_behalf_of: Option<String>,
}

/// Which system recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSource {
    /// Where it stands, e.g. the hospital.
    pub site: Option<String>,
    /// Name of the system.
    pub observer: String,
    /// Its own network address.
    pub address: Option<String>,
}

/// What was read, written or asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuditEntity {
    /// A signed note; one version of it where one is given.
    Document {
        /// The document.
        document: DocumentId,
        /// Its version.
        version: Option<u32>,
        /// What the version is, in the entry that signs it; none in entries of before there were digests.
        #[serde(default)]
        digest: Option<DocumentDigest>,
    },
    /// A FHIR resource: `Patient` and its number for the patient's own record.
    Resource {
        /// Its type, e.g. `Condition`.
        kind: String,
        /// Its id.
        name: String,
        /// Its version.
        version: Option<u32>,
    },
    /// The text of a search, as it was sent.
    Query(String),
}

/// What a signed version is: digests (SHA-256) that the entry which signs it keeps, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentDigest {
    /// Of the note's bytes as they came.
    pub bytes: Hex<32>,
    /// Of its text in UTF-8.
    pub text: Hex<32>,
    /// Of everything else that was signed: whose, by whom, when, of which kind, and the FHIR resources.
    pub frame: Hex<32>,
    /// Of a real patient or of a dummy, whose versions may be taken out.
    pub population: Population,
}

/// Why the record was used: HL7 v3 PurposeOfUse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The coded purpose.
    pub code: PurposeOfUse,
    /// What the user typed, e.g. when breaking the glass.
    pub reason: Option<String>,
}

/// Declares an enum of codes: its variants, and the code of each.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $code)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Sort of action: AuditEvent.action.
    AuditAction {
        /// Something came into being.
        Create = "C",
        /// Something was read.
        Read = "R",
        /// Something was changed.
        Update = "U",
        /// Something was removed.
        Delete = "D",
        /// A search, a log-in and all else.
        Execute = "E",
    }
}

codes! {
    /// What was done; the word is ours, the codes of FHIR, DICOM and ISO 21089 are in `audit::codes`.
    AuditSubtype {
        /// A resource or page was read.
        Read = "read",
        /// A certain version was read.
        VersionRead = "version-read",
        /// A search.
        Search = "search",
        /// Something was created.
        Create = "create",
        /// Something was changed.
        Update = "update",
        /// Something was removed.
        Delete = "delete",
        /// A note was signed.
        Sign = "sign",
        /// Somebody signed in.
        Login = "login",
        /// Somebody signed out.
        Logout = "logout",
        /// Somebody looked at a restricted record in an emergency.
        BreakGlass = "break-glass",
        /// The emergency ended.
        BreakGlassEnd = "break-glass-end",
        /// Records left the system.
        Export = "export",
        /// A copy of the store was made.
        Backup = "backup",
        /// The audit trail itself was read.
        AuditRead = "audit-read",
        /// An account was changed.
        AccountChange = "account-change",
        /// Who may do what was changed.
        PolicyChange = "policy-change",
        /// The system started.
        Start = "start",
        /// The system stopped.
        Stop = "stop",
    }
}

codes! {
    /// How it ended: AuditEvent.outcome.
    AuditOutcome {
        /// As it should.
        Success = "0",
        /// The action failed or was refused; it may be tried again otherwise.
        MinorFailure = "4",
        /// The action was stopped.
        SeriousFailure = "8",
        /// The system can no longer do it.
        MajorFailure = "12",
    }
}

codes! {
    /// Why a record was used: codes of HL7 v3 ActReason.
    PurposeOfUse {
        /// Care.
        Treatment = "TREAT",
        /// Care in an emergency.
        EmergencyTreatment = "ETREAT",
        /// Breaking the glass.
        BreakTheGlass = "BTG",
        /// Running the hospital.
        Operations = "HOPERAT",
        /// Claims and payment.
        Payment = "HPAYMT",
        /// Research.
        Research = "HRESCH",
        /// Public health.
        PublicHealth = "PUBHLTH",
        /// The patient asked for it.
        PatientRequest = "PATRQT",
        /// Running the system.
        SystemAdministration = "HSYSADMIN",
    }
}

impl AuditEntity {
    /// A note, or one version of it, without a digest.
    pub fn document(document: DocumentId, version: Option<u32>) -> Self {
        Self::Document {
            document,
            version,
            digest: None,
        }
    }

    /// The patient's own record.
    pub fn patient(patient: PatientId) -> Self {
        Self::Resource {
            kind: "Patient".to_owned(),
            name: patient.to_string(),
            version: None,
        }
    }
}

impl AuditEntry {
    /// An entry about a success, with the usual action of its subtype and nothing optional.
    pub fn new(at: Moment, agent: AuditAgent, subtype: AuditSubtype, source: AuditSource) -> Self {
        Self {
            at,
            agent,
            action: subtype.usual_action(),
            subtype,
            patient: None,
            entities: Vec::new(),
            outcome: AuditOutcome::Success,
            outcome_text: None,
            purpose: None,
            source,
            address: None,
            request: None,
        }
    }

    /// Refuses what FHIR cannot say or what is too large.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let (agent, source) = (&self.agent, &self.source);
        let optional = [
            &agent.name,
            &agent.role,
            &agent.on_behalf_of,
            &self.outcome_text,
            &source.site,
            &source.address,
            &self.address,
            &self.request,
        ];
        let reason = self.purpose.as_ref().and_then(|purpose| purpose.reason.as_ref());
        let texts = [&agent.who, &source.observer].into_iter().chain(reason);
        for text in texts.chain(optional.into_iter().flatten()) {
            check_text(text)?;
        }
        if self.entities.len() > MAX_ENTITIES {
            let detail = format!("{} entities; at most {MAX_ENTITIES}", self.entities.len());
            return Err(invalid(detail));
        }
        self.entities.iter().try_for_each(check_entity)
    }
}

impl AuditSubtype {
    /// The action that FHIR and BALP give it. A note is signed for the first time (C) or as a new version (U).
    pub const fn usual_action(self) -> AuditAction {
        match self {
            Self::Read | Self::VersionRead | Self::Export | Self::Backup | Self::AuditRead => {
                AuditAction::Read
            }
            Self::Create | Self::Sign => AuditAction::Create,
            Self::Update | Self::AccountChange | Self::PolicyChange => AuditAction::Update,
            Self::Delete => AuditAction::Delete,
            Self::Search
            | Self::Login
            | Self::Logout
            | Self::BreakGlass
            | Self::BreakGlassEnd
            | Self::Start
            | Self::Stop => AuditAction::Execute,
        }
    }
}

fn check_entity(entity: &AuditEntity) -> Result<(), StoreError> {
    match entity {
        AuditEntity::Document { .. } => Ok(()),
        AuditEntity::Query(text) => check_text(text),
        AuditEntity::Resource { kind, name, .. } => {
            check_text(name)?;
            if kind.is_empty() || !kind.chars().all(|letter| letter.is_ascii_alphabetic()) {
                return Err(invalid(format!("{kind}: no type of a resource")));
            }
            // A document is named by its number, so that the two do not mean the same.
            if kind == "DocumentReference" || name.contains('/') {
                return Err(invalid(format!("{kind}/{name}: no name of a resource")));
            }
            Ok(())
        }
    }
}

/// FHIR has no empty text.
fn check_text(text: &str) -> Result<(), StoreError> {
    if text.is_empty() {
        return Err(invalid("a text is empty".to_owned()));
    }
    // Bytes are never fewer than characters, and quicker to count.
    if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT {
        return Err(invalid(format!("a text is longer than {MAX_TEXT} characters")));
    }
    Ok(())
}

pub(crate) fn invalid(detail: String) -> StoreError {
    StoreError::Invalid {
        what: "audit entry",
        detail,
    }
}
