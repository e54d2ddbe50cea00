//! The permission matrix: every role, action and class of records, as the policy in force decides it.
//!
//! It is what a hospital's committee reads and signs, and what the test compares when a rule changes.

use super::Policy;
use super::facts::{Action, DocumentFacts, PatientFacts, Subject};
use super::{Request, Resource};
use crate::account::User;
use crate::ids::{CareTeamId, DepartmentId, DocumentId, Label, NameError, NoteKind, PatientId, Role, UserId};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How the user stands to the record. Each column of the matrix is one of these and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing connects them.
    None,
    /// The user's department treats the patient.
    Department,
    /// The user's care team treats the patient.
    CareTeam,
    /// The patient is in the user's charge.
    Attending,
    /// The user wrote the note.
    Author,
    /// Another entered the note on the user's behalf.
    Responsible,
    /// An emergency access is open.
    Emergency,
    /// The user is the patient.
    Own,
}

impl Standing {
    /// All, in the order of the columns.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Department,
        Self::CareTeam,
        Self::Attending,
        Self::Author,
        Self::Responsible,
        Self::Emergency,
        Self::Own,
    ];

    /// A word for the head of the column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Department => "department",
            Self::CareTeam => "team",
            Self::Attending => "attending",
            Self::Author => "author",
            Self::Responsible => "responsible",
            Self::Emergency => "emergency",
            Self::Own => "own",
        }
    }
}

/// One row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// Role.
    pub role: Role,
    /// Action.
    pub action: Action,
    /// Class of records, e.g. `patient`, `patient+hiv`, `nursing`, `progress+hiv`, `dummy`, `system`.
    pub record: String,
    /// Where it is allowed, in the order of [`Standing::ALL`]. For the system only [`Standing::None`].
    pub allowed: Vec<(Standing, bool)>,
}

/// A class of records of the matrix.
struct Class {
    name: String,
    kind: Option<NoteKind>,
    label: Option<Label>,
    dummy: bool,
}

/// The matrix of a policy, for active users who gave two factors.
///
/// # Errors
/// Never in practice: names of the program that are none.
pub fn permission_matrix(policy: &Policy) -> Result<Vec<MatrixRow>, NameError> {
    let classes = classes(policy);
    let mut rows = Vec::new();
    for role in policy.roles() {
        for action in Action::ALL {
            if action.is_on_system() {
                rows.push(system_row(policy, role, action)?);
                continue;
            }
            for class in &classes {
                let is_there = if class.kind.is_some() {
                    action.is_on_documents()
                } else {
                    action.is_on_patients()
                };
                if is_there {
                    rows.push(record_row(policy, role, action, class)?);
                }
            }
        }
    }
    Ok(rows)
}

/// The matrix as a tab-separated table; `yes` where it is allowed, `-` where not, empty where there is no such thing.
pub fn matrix_text(rows: &[MatrixRow]) -> String {
    let mut text = "role\taction\trecord".to_owned();
    for standing in Standing::ALL {
        let _ = write!(text, "\t{}", standing.as_str());
    }
    for row in rows {
        let _ = write!(text, "\n{}\t{}\t{}", row.role, row.action.as_str(), row.record);
        for standing in Standing::ALL {
            let found = row.allowed.iter().find(|(column, _)| *column == standing);
            let word = match found {
                Some((_, true)) => "yes",
                Some((_, false)) => "-",
                None => "",
            };
            let _ = write!(text, "\t{word}");
        }
    }
    text.push('\n');
    text
}

fn classes(policy: &Policy) -> Vec<Class> {
    let class = |name: String, kind: Option<&NoteKind>, label: Option<&Label>| Class {
        name,
        kind: kind.cloned(),
        label: label.cloned(),
        dummy: false,
    };
    let mut classes = vec![class("patient".to_owned(), None, None)];
    for label in policy.labels() {
        classes.push(class(format!("patient+{label}"), None, Some(label)));
    }
    for kind in policy.note_kinds() {
        classes.push(class(kind.to_string(), Some(kind), None));
        for label in policy.labels() {
            classes.push(class(format!("{kind}+{label}"), Some(kind), Some(label)));
        }
    }
    let dummy = |name: &str, kind: Option<&NoteKind>| Class {
        dummy: true,
        ..class(name.to_owned(), kind, None)
    };
    classes.push(dummy("dummy", None));
    classes.push(dummy("note of a dummy", policy.note_kinds().first()));
    classes
}

fn subject(role: &Role) -> Result<Subject, NameError> {
    Ok(Subject {
        user: User {
            id: UserId::parse("user")?,
            name: "user".to_owned(),
            role: role.clone(),
            department: DepartmentId::parse("own")?,
            care_teams: BTreeSet::from([CareTeamId::parse("own")?]),
            active: true,
        },
        second_factor: true,
        emergencies: BTreeSet::new(),
    })
}

fn system_row(policy: &Policy, role: &Role, action: Action) -> Result<MatrixRow, NameError> {
    let subject = subject(role)?;
    let request = Request {
        subject: &subject,
        action,
        resource: Resource::System,
    };
    let allowed = policy.is_allowed(&request).allowed;
    Ok(MatrixRow {
        role: role.clone(),
        action,
        record: "system".to_owned(),
        allowed: vec![(Standing::None, allowed)],
    })
}

fn record_row(policy: &Policy, role: &Role, action: Action, class: &Class) -> Result<MatrixRow, NameError> {
    let mut allowed = Vec::new();
    for standing in Standing::ALL {
        if matches!(standing, Standing::Author | Standing::Responsible) && class.kind.is_none() {
            continue;
        }
        let mut subject = subject(role)?;
        let document = document(&mut subject, class, standing)?;
        let resource = match &class.kind {
            Some(_) => Resource::Document(&document),
            None => Resource::Patient(&document.patient),
        };
        let request = Request {
            subject: &subject,
            action,
            resource,
        };
        allowed.push((standing, policy.is_allowed(&request).allowed));
    }
    Ok(MatrixRow {
        role: role.clone(),
        action,
        record: class.name.clone(),
        allowed,
    })
}

fn document(subject: &mut Subject, class: &Class, standing: Standing) -> Result<DocumentFacts, NameError> {
    let user = &subject.user;
    let id = PatientId::new(1);
    let mut patient = PatientFacts {
        id,
        departments: BTreeSet::from([DepartmentId::parse("other")?]),
        care_teams: BTreeSet::from([CareTeamId::parse("other")?]),
        attending: BTreeSet::new(),
        own_account: None,
        labels: class.label.iter().cloned().collect(),
        dummy: class.dummy,
    };
    let mut author = UserId::parse("other")?;
    let mut responsible = None;
    match standing {
        Standing::None => {}
        Standing::Department => patient.departments = BTreeSet::from([user.department.clone()]),
        Standing::CareTeam => patient.care_teams.clone_from(&user.care_teams),
        Standing::Attending => patient.attending = BTreeSet::from([user.id.clone()]),
        Standing::Author => author = user.id.clone(),
        Standing::Responsible => responsible = Some(user.id.clone()),
        Standing::Emergency => subject.emergencies = BTreeSet::from([id]),
        Standing::Own => patient.own_account = Some(user.id.clone()),
    }
    Ok(DocumentFacts {
        id: Some(DocumentId::new(1)),
        patient,
        labels: BTreeSet::new(),
        kind: class.kind.clone().map_or_else(|| NoteKind::parse("none"), Ok)?,
        author,
        signed: false,
        responsible,
    })
}
