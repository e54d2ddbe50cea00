//! Emergency access (break the glass): a patient's record that the policy would not open, opened for at most an hour with a
//! typed reason, notified and reviewed.
//!
//! An access is of one user to one patient. It becomes the fact `context.emergency` of the policy for that patient and for
//! nothing else; actions on the system have no such fact in the schema, so no rule can make it open administration.

use crate::ids::{PatientId, UserId};
use crate::policy::{Action, Decision, PatientFacts, Policy, Request, Resource, Subject};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;
use thiserror::Error;

/// Longest emergency access.
pub const EMERGENCY_FOR_AT_MOST: Duration = Duration::from_secs(60 * 60);

/// Length of a reason, in characters without blanks at its ends.
const REASON: std::ops::RangeInclusive<usize> = 10..=500;

/// Fewest different characters of a reason: it is typed, not held down.
const DIFFERENT: usize = 4;

/// Number of an emergency access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmergencyId(u32);

impl EmergencyId {
    /// Wraps a number that was given out earlier.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Gives the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// An emergency access. It is kept for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyAccess {
    /// Number.
    pub id: EmergencyId,
    /// Who opened it.
    pub user: UserId,
    /// Whose record.
    pub patient: PatientId,
    /// Why, as typed.
    pub reason: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// When it was closed before that.
    pub closed: Option<Timestamp>,
    /// What came of its review, once there was one.
    pub review: Option<Review>,
}

/// What a review found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who reviewed it.
    pub reviewer: UserId,
    /// When.
    pub at: Timestamp,
    /// Whether it was justified.
    pub justified: bool,
    /// What the reviewer wrote.
    pub note: String,
}

/// Why no emergency access was opened, closed or reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmergencyError {
    /// The policy does not let this user open one here.
    #[error("the policy does not allow an emergency access here")]
    NotAllowed(Decision),
    /// The reason is too short, too long or no text.
    #[error("a reason in words is wanted, of {} to {} characters", REASON.start(), REASON.end())]
    Reason,
    /// Longer than an hour, or no time at all.
    #[error("an emergency access lasts from one second to an hour")]
    TooLong,
    /// There is none of this number.
    #[error("there is no such emergency access")]
    NotFound,
    /// Reviewed before.
    #[error("it was reviewed before")]
    Reviewed,
    /// Nobody reviews their own.
    #[error("somebody else must review it")]
    OwnReview,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// All emergency accesses.
#[derive(Debug)]
pub struct Emergencies {
    shelf: Shelf<EmergencyAccess>,
}

impl Emergencies {
    /// Reads the accesses.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            shelf: Shelf::load(Kind::Emergency, storage)?,
        })
    }

    /// Opens an access for `lasts`. Notify those who review of what it gives.
    ///
    /// # Errors
    /// `NotAllowed`, `Reason`, `TooLong`, `Storage`.
    pub fn open(
        &mut self,
        storage: &dyn Storage,
        policy: &Policy,
        subject: &Subject,
        patient: &PatientFacts,
        wish: (&str, Duration),
        now: Timestamp,
    ) -> Result<EmergencyAccess, EmergencyError> {
        let (reason, lasts) = wish;
        let decision = policy.is_allowed(&Request {
            subject,
            action: Action::BreakGlass,
            resource: Resource::Patient(patient),
        });
        if !decision.allowed {
            return Err(EmergencyError::NotAllowed(decision));
        }
        let reason = reason.trim();
        let different: BTreeSet<char> = reason.chars().filter(|c| c.is_alphanumeric()).collect();
        if !REASON.contains(&reason.chars().count()) || different.len() < DIFFERENT {
            return Err(EmergencyError::Reason);
        }
        if lasts > EMERGENCY_FOR_AT_MOST || lasts.as_secs() == 0 {
            return Err(EmergencyError::TooLong);
        }
        let last = self.shelf.iter().next_back().map(|(_, access)| access.id.get());
        let access = EmergencyAccess {
            id: EmergencyId(last.unwrap_or(0) + 1),
            user: subject.user.id.clone(),
            patient: patient.id,
            reason: reason.to_owned(),
            opened: now,
            ends: now.after(lasts),
            closed: None,
            review: None,
        };
        self.shelf.put(storage, &key(access.id), access.clone())?;
        Ok(access)
    }

    /// The patients whose records an open access of `user` opens now: for [`Subject::emergencies`].
    pub fn open_for(&self, user: &UserId, now: Timestamp) -> BTreeSet<PatientId> {
        let open = self.shelf.iter().map(|(_, access)| access);
        open.filter(|access| access.user == *user && is_open(access, now))
            .map(|access| access.patient)
            .collect()
    }

    /// Ends an access of the user before its time; gives whether it was open.
    ///
    /// # Errors
    /// `NotFound`, also for somebody else's; `Storage`.
    pub fn close(
        &mut self,
        storage: &dyn Storage,
        user: &UserId,
        id: EmergencyId,
        now: Timestamp,
    ) -> Result<bool, EmergencyError> {
        let found = self.shelf.get(&key(id)).filter(|access| access.user == *user);
        let mut access = found.cloned().ok_or(EmergencyError::NotFound)?;
        if !is_open(&access, now) {
            return Ok(false);
        }
        access.closed = Some(now);
        self.shelf.put(storage, &key(id), access)?;
        Ok(true)
    }

    /// Ends all open accesses: a clock was set back while the program did not run.
    ///
    /// # Errors
    /// `Storage`.
    pub fn end_all(&mut self, storage: &dyn Storage, now: Timestamp) -> Result<(), StorageError> {
        let may_open = |access: &EmergencyAccess| access.closed.is_none() && now < access.ends;
        for mut access in self.list().into_iter().filter(may_open) {
            access.closed = Some(now);
            self.shelf.put(storage, &key(access.id), access)?;
        }
        Ok(())
    }

    /// The accesses that nobody has reviewed, oldest first.
    pub fn to_review(&self) -> Vec<EmergencyAccess> {
        let all = self.shelf.iter().map(|(_, access)| access);
        all.filter(|access| access.review.is_none()).cloned().collect()
    }

    /// All accesses, oldest first.
    pub fn list(&self) -> Vec<EmergencyAccess> {
        self.shelf.iter().map(|(_, access)| access.clone()).collect()
    }

    /// Keeps what a review found. Whether the reviewer may (`Action::ReviewAccess`) is for the caller to ask.
    ///
    /// # Errors
    /// `NotFound`, `Reviewed`, `OwnReview`, `Storage`.
    pub fn review(
        &mut self,
        storage: &dyn Storage,
        id: EmergencyId,
        review: Review,
    ) -> Result<(), EmergencyError> {
        let found = self.shelf.get(&key(id)).cloned();
        let mut access = found.ok_or(EmergencyError::NotFound)?;
        if access.review.is_some() {
            return Err(EmergencyError::Reviewed);
        }
        if access.user == review.reviewer {
            return Err(EmergencyError::OwnReview);
        }
        access.review = Some(review);
        Ok(self.shelf.put(storage, &key(id), access)?)
    }
}

fn is_open(access: &EmergencyAccess, now: Timestamp) -> bool {
    access.closed.is_none() && access.opened <= now && now < access.ends
}

/// Numbers as keys that sort as numbers do.
fn key(id: EmergencyId) -> String {
    format!("{:010}", id.get())
}
