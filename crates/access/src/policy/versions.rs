//! The policy in force and its earlier versions. A new version replaces the old one only when it is whole.

use super::facts::{Action, Subject};
use super::{Decision, Policy, PolicyError, PolicyText, Request, Resource, schema};
use crate::ids::UserId;
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// A version of the policy, kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Number, from 1; 0 is what comes with the program.
    pub version: u32,
    /// Its texts.
    pub text: PolicyText,
    /// Who wrote it.
    pub author: Option<UserId>,
    /// When.
    pub at: Timestamp,
    /// Why, as typed.
    pub reason: String,
}

/// Why a new version was refused. The old one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyEditError {
    /// The policy in force does not let this user edit it.
    #[error("the policy does not allow you to edit it")]
    NotAllowed(Decision),
    /// Somebody else saved a version meanwhile.
    #[error("version {current} is the newest, not {expected}; compare the two and save again")]
    Stale {
        /// The version that the change was made from.
        expected: u32,
        /// The version in force.
        current: u32,
    },
    /// It has mistakes.
    #[error(transparent)]
    Mistakes(#[from] PolicyError),
    /// Under it, who saves it could no longer put it right.
    #[error("under this policy you could no longer {}; it stays as it was", .0.as_str())]
    LocksOut(Action),
    /// Roles of accounts, restrictions of records or kinds of note that its schema no longer has.
    #[error("in use, and not in this schema: {0}; change those accounts or records first")]
    InUse(String),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A stored policy that this program does not read. The server must not start with another: it could allow more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyLoadError {
    /// It has mistakes, as after an update of the program.
    #[error("version {version} of the policy is not read by this program:\n{error}")]
    Mistakes {
        /// Which version.
        version: u32,
        /// What is wrong.
        error: PolicyError,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The versions of the policy, and the one in force.
#[derive(Debug)]
pub struct Policies {
    shelf: Shelf<PolicyVersion>,
    newest: PolicyVersion,
    in_force: Arc<Policy>,
}

impl Policies {
    /// Reads the versions; where there is none, the one that comes with the program is in force.
    ///
    /// # Errors
    /// When the newest has mistakes, or the storage fails.
    pub fn load(storage: &dyn Storage) -> Result<Self, PolicyLoadError> {
        let shelf: Shelf<PolicyVersion> = Shelf::load(Kind::Policy, storage)?;
        let newest = shelf.iter().next_back().map(|(_, version)| version.clone());
        let mut newest = newest.unwrap_or_else(|| PolicyVersion {
            version: 0,
            text: PolicyText::default(),
            author: None,
            at: Timestamp::new(0),
            reason: String::new(),
        });
        let mut read = Policy::read(&newest.text);
        // What a site saved before the schema grew holds on: its rules allow nothing of what is new.
        if read.is_err()
            && let Some(schema) = schema::brought_up(&newest.text.schema)
        {
            newest.text.schema = schema;
            read = Policy::read(&newest.text);
        }
        let read = read.map_err(|error| PolicyLoadError::Mistakes {
            version: newest.version,
            error,
        })?;
        Ok(Self {
            shelf,
            newest,
            in_force: Arc::new(read),
        })
    }

    /// The policy in force. Keep it for one request: a later one may have another.
    pub fn in_force(&self) -> Arc<Policy> {
        Arc::clone(&self.in_force)
    }

    /// The newest version, which is in force.
    pub fn newest(&self) -> &PolicyVersion {
        &self.newest
    }

    /// All saved versions, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &PolicyVersion> {
        self.shelf.iter().map(|(_, version)| version)
    }

    /// Saves a new version, made from `expected`, and puts it in force; gives its number.
    ///
    /// # Errors
    /// Why it was refused; the old one then stays in force.
    pub fn replace(
        &mut self,
        storage: &dyn Storage,
        editor: &Subject,
        expected: u32,
        edit: (PolicyText, &str),
        now: Timestamp,
    ) -> Result<u32, PolicyEditError> {
        let (text, reason) = edit;
        let decision = on_system(&self.in_force, editor, Action::EditPolicy);
        if !decision.allowed {
            return Err(PolicyEditError::NotAllowed(decision));
        }
        let current = self.newest.version;
        if current != expected {
            return Err(PolicyEditError::Stale { expected, current });
        }
        let read = Policy::read(&text)?;
        for action in [Action::EditPolicy, Action::Administer] {
            let keeps = !on_system(&self.in_force, editor, action).allowed
                || on_system(&read, editor, action).allowed;
            if !keeps {
                return Err(PolicyEditError::LocksOut(action));
            }
        }
        let version = PolicyVersion {
            version: current + 1,
            text,
            author: Some(editor.user.id.clone()),
            at: now,
            reason: reason.to_owned(),
        };
        let key = format!("{:010}", version.version);
        self.shelf.put(storage, &key, version.clone())?;
        self.newest = version;
        self.in_force = Arc::new(read);
        Ok(current + 1)
    }
}

fn on_system(policy: &Policy, subject: &Subject, action: Action) -> Decision {
    let resource = Resource::System;
    policy.is_allowed(&Request {
        subject,
        action,
        resource,
    })
}
