//! What a rule can ask about: the user, the record, and how the one stands to the other.

use crate::account::User;
use crate::ids::{CareTeamId, DepartmentId, DocumentId, Label, NoteKind, PatientId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a user wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Read a record.
    Read,
    /// See it in lists and search results.
    Search,
    /// Write a note, change a patient's particulars.
    Write,
    /// Sign a note of one's own.
    Sign,
    /// Confirm a note that another entered on one's behalf, or send it back.
    Confirm,
    /// Take the record of one patient out.
    Export,
    /// Set and lift restrictions.
    Restrict,
    /// Ask a patient for consent, answer together, enter a paper form.
    Consent,
    /// Open an emergency access.
    BreakGlass,
    /// Register a new patient.
    Register,
    /// Look after notes that nobody confirms, and after records that are past their time.
    Oversee,
    /// Change the medical knowledge.
    Curate,
    /// Enter studies, and change what patients are asked.
    ManageStudies,
    /// Take the data of a study out.
    ExportStudy,
    /// Change accounts and settings.
    Administer,
    /// Change the policy.
    EditPolicy,
    /// Read the audit log and review emergency accesses.
    ReviewAccess,
}

impl Action {
    /// All actions; those on records first.
    pub const ALL: [Self; 17] = [
        Self::Read,
        Self::Search,
        Self::Write,
        Self::Sign,
        Self::Confirm,
        Self::Export,
        Self::Restrict,
        Self::Consent,
        Self::BreakGlass,
        Self::Register,
        Self::Oversee,
        Self::Curate,
        Self::ManageStudies,
        Self::ExportStudy,
        Self::Administer,
        Self::EditPolicy,
        Self::ReviewAccess,
    ];

    /// The name in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Write => "write",
            Self::Sign => "sign",
            Self::Confirm => "confirm",
            Self::Export => "export",
            Self::Restrict => "restrict",
            Self::Consent => "consent",
            Self::BreakGlass => "breakGlass",
            Self::Register => "register",
            Self::Oversee => "oversee",
            Self::Curate => "curate",
            Self::ManageStudies => "manageStudies",
            Self::ExportStudy => "exportStudy",
            Self::Administer => "administer",
            Self::EditPolicy => "editPolicy",
            Self::ReviewAccess => "reviewAccess",
        }
    }

    /// Whether it is done to a patient's particulars.
    pub const fn is_on_patients(self) -> bool {
        !self.is_on_system() && !matches!(self, Self::Sign | Self::Confirm)
    }

    /// Whether it is done to a note.
    pub const fn is_on_documents(self) -> bool {
        !self.is_on_system() && !matches!(self, Self::BreakGlass | Self::Consent)
    }

    /// Whether it is done to the system as a whole.
    pub const fn is_on_system(self) -> bool {
        matches!(
            self,
            Self::Register
                | Self::Oversee
                | Self::Curate
                | Self::ManageStudies
                | Self::ExportStudy
                | Self::Administer
                | Self::EditPolicy
                | Self::ReviewAccess
        )
    }
}

/// Who asks, under which circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The person.
    pub user: User,
    /// Whether two factors were given ([`crate::ActiveSession::second_factor`]).
    pub second_factor: bool,
    /// The patients with an open emergency access of this user ([`crate::Emergencies::open_for`]).
    pub emergencies: BTreeSet<PatientId>,
}

/// What the policy can ask about a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientFacts {
    /// Number.
    pub id: PatientId,
    /// Departments that treat the patient now.
    pub departments: BTreeSet<DepartmentId>,
    /// Care teams that treat the patient now.
    pub care_teams: BTreeSet<CareTeamId>,
    /// Users in whose charge the patient is now.
    pub attending: BTreeSet<UserId>,
    /// The patient's own account, where the patient works here.
    pub own_account: Option<UserId>,
    /// Restrictions.
    pub labels: BTreeSet<Label>,
    /// Whether the patient is a dummy.
    pub dummy: bool,
}

/// What the policy can ask about a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFacts {
    /// Number; none for a note that is about to be written.
    pub id: Option<DocumentId>,
    /// Whose note.
    pub patient: PatientFacts,
    /// Restrictions of this note, besides those of the patient.
    pub labels: BTreeSet<Label>,
    /// Kind.
    pub kind: NoteKind,
    /// Who wrote it or is about to.
    pub author: UserId,
    /// Whether it is signed, or confirmed where another than its author answers for it.
    pub signed: bool,
    /// Who answers for it, where another entered it on that person's behalf.
    pub responsible: Option<UserId>,
}
