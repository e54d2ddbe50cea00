//! Which person of the hospital's own sign-in (OpenID Connect) an account belongs to.
//!
//! The claim that names the account may be given to another person there one day; the subject (`sub`) may not. The first
//! sign-in therefore binds the account to the subject, and another subject with the same name is refused.

use crate::ids::UserId;
use crate::storage::{Kind, Shelf, Storage, StorageError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest subject, in bytes (OpenID Connect Core, clause 2).
const LONGEST_SUBJECT: usize = 255;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Subject {
    issuer: String,
    subject: String,
}

/// Why a person of the hospital's sign-in is not taken for an account's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FederationError {
    /// The account belongs to another person there.
    #[error("the account belongs to another person of the hospital's sign-in; make a new account")]
    OtherPerson,
    /// The subject is missing or too long.
    #[error("the hospital's sign-in names no subject")]
    Subject,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// All bindings.
#[derive(Debug)]
pub struct Federation {
    shelf: Shelf<Subject>,
}

impl Federation {
    /// Reads the bindings.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            shelf: Shelf::load(Kind::Federation, storage)?,
        })
    }

    /// Holds a person against the binding of an account, if there is one; binds nothing.
    ///
    /// # Errors
    /// `OtherPerson`.
    pub fn check(&self, user: &UserId, (issuer, subject): (&str, &str)) -> Result<(), FederationError> {
        match self.shelf.get(user.as_str()) {
            Some(bound) if bound.issuer != issuer || bound.subject != subject => {
                Err(FederationError::OtherPerson)
            }
            _ => Ok(()),
        }
    }

    /// Holds a person against the binding of an account; binds it where it is not yet.
    ///
    /// # Errors
    /// `OtherPerson`, `Subject`, `Storage`.
    pub fn bind(
        &mut self,
        storage: &dyn Storage,
        user: &UserId,
        (issuer, subject): (&str, &str),
    ) -> Result<(), FederationError> {
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
            return Err(FederationError::Subject);
        }
        let given = Subject {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        self.check(user, (issuer, subject))?;
        if self.shelf.get(user.as_str()).is_none() {
            self.shelf.put(storage, user.as_str(), given)?;
        }
        Ok(())
    }

    /// Takes a binding away; gives whether there was one.
    ///
    /// # Errors
    /// `Storage`.
    pub fn unbind(&mut self, storage: &dyn Storage, user: &UserId) -> Result<bool, StorageError> {
        Ok(self.shelf.remove(storage, |key, _| key == user.as_str())? > 0)
    }
}
