//! One-time links: the first sign-in on a new installation, and setting a password.
//!
//! There is no default password anywhere. On a new installation the server prints a link that signs in whoever opens it
//! on the same machine; it exists only while there is no account and no real patient, and is asked about that again when it
//! is opened. An account is created without a password; the administrator hands over a link with which the person sets one.
//!
//! A page that shows a form must not redeem the link (programs that preview links would use it up): show the form, and
//! redeem what the form sends.

use crate::ids::UserId;
use crate::secret::{Entropy, EntropyError, SecretHash, Token};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// How long the link of the first run holds.
pub const FIRST_RUN_FOR: Duration = Duration::from_secs(60 * 60);

/// How long a link for setting a password holds.
pub const SET_PASSWORD_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What an installation is like now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    /// Whether the server listens on the loopback interface only.
    pub loopback_only: bool,
    /// Accounts.
    pub accounts: usize,
    /// Patients that are no dummies.
    pub real_patients: u64,
}

impl Installation {
    /// Whether the first run may still be offered.
    pub fn is_first_run(&self) -> bool {
        self.loopback_only && self.accounts == 0 && self.real_patients == 0
    }
}

/// Why a link opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Never was, expired, used, replaced by a later one, or its conditions no longer hold. Which one is not told.
    #[error("the link does not hold any more")]
    None,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Proof that somebody opened the link of the first run. Only this module makes it.
#[derive(Debug)]
pub struct FirstRun(pub(crate) ());

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Purpose {
    FirstRun,
    SetPassword(UserId),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Link {
    hash: SecretHash,
    purpose: Purpose,
    issued: Timestamp,
    expires: Timestamp,
}

/// All one-time links.
#[derive(Debug)]
pub struct OneTimeLinks {
    shelf: Shelf<Link>,
}

impl OneTimeLinks {
    /// Reads the links.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            shelf: Shelf::load(Kind::Link, storage)?,
        })
    }

    /// Offers the link of the first run, for an hour; an earlier one holds no more. Nothing where it is no first run.
    ///
    /// # Errors
    /// `Entropy`, `Storage`.
    pub fn offer_first_run(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        installation: Installation,
        now: Timestamp,
    ) -> Result<Option<Token>, LinkError> {
        self.shelf
            .remove(storage, |_, link| link.purpose == Purpose::FirstRun)?;
        if !installation.is_first_run() {
            return Ok(None);
        }
        self.offer(storage, entropy, Purpose::FirstRun, FIRST_RUN_FOR, now)
            .map(Some)
    }

    /// Redeems the link of the first run.
    ///
    /// # Errors
    /// `None`, also when an account or a real patient came meanwhile; `Storage`.
    pub fn redeem_first_run(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        installation: Installation,
        now: Timestamp,
    ) -> Result<FirstRun, LinkError> {
        let found = self.find(token, now).ok_or(LinkError::None)?;
        if found.purpose != Purpose::FirstRun || !installation.is_first_run() {
            return Err(LinkError::None);
        }
        self.use_up(storage, &found)?;
        Ok(FirstRun(()))
    }

    /// Offers a link with which a person sets a password, for a day; an earlier one holds no more.
    ///
    /// # Errors
    /// `Entropy`, `Storage`.
    pub fn offer_set_password(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Token, LinkError> {
        let purpose = Purpose::SetPassword(user.clone());
        self.shelf.remove(storage, |_, link| link.purpose == purpose)?;
        self.offer(storage, entropy, purpose, SET_PASSWORD_FOR, now)
    }

    /// Whose password a link sets, for showing the form and for checking the new password. Does not redeem it.
    pub fn sets_password_of(&self, token: &str, now: Timestamp) -> Option<UserId> {
        match self.find(token, now)?.purpose {
            Purpose::SetPassword(user) => Some(user),
            Purpose::FirstRun => None,
        }
    }

    /// Redeems a link for setting a password; gives whose.
    ///
    /// # Errors
    /// `None`, `Storage`.
    pub fn redeem_set_password(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        now: Timestamp,
    ) -> Result<UserId, LinkError> {
        let found = self.find(token, now).ok_or(LinkError::None)?;
        let Purpose::SetPassword(user) = found.purpose.clone() else {
            return Err(LinkError::None);
        };
        self.use_up(storage, &found)?;
        Ok(user)
    }

    /// Withdraws all links: a clock was set back while the program did not run.
    ///
    /// # Errors
    /// `Storage`.
    pub fn withdraw_all(&mut self, storage: &dyn Storage) -> Result<usize, StorageError> {
        self.shelf.remove(storage, |_, _| true)
    }

    /// Removes what has expired. Call it now and then.
    ///
    /// # Errors
    /// `Storage`.
    pub fn sweep(&mut self, storage: &dyn Storage, now: Timestamp) -> Result<usize, StorageError> {
        self.shelf.remove(storage, |_, link| !holds(link, now))
    }

    fn offer(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        purpose: Purpose,
        holds_for: Duration,
        now: Timestamp,
    ) -> Result<Token, LinkError> {
        let token = Token::draw(entropy)?;
        let link = Link {
            hash: token.hash(),
            purpose,
            issued: now,
            expires: now.after(holds_for),
        };
        self.shelf.put(storage, &link.hash.handle(), link)?;
        Ok(token)
    }

    fn find(&self, token: &str, now: Timestamp) -> Option<Link> {
        let hash = SecretHash::of(token.as_bytes());
        let link = self.shelf.get(&hash.handle())?;
        (link.hash.matches(&hash) && holds(link, now)).then(|| link.clone())
    }

    fn use_up(&mut self, storage: &dyn Storage, link: &Link) -> Result<(), StorageError> {
        let handle = link.hash.handle();
        self.shelf.remove(storage, |key, _| key == handle).map(drop)
    }
}

fn holds(link: &Link, now: Timestamp) -> bool {
    link.issued <= now && now < link.expires
}
