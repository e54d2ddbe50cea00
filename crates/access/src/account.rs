//! Accounts: who may sign in, with which factors. An account is never removed; it stops being active.

use crate::attempts::{Attempts, Guesses};
use crate::ids::{CareTeamId, DepartmentId, Role, UserId};
use crate::password::HashedPassword;
use crate::secret::{Entropy, EntropyError, SecretHash};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use crate::totp::{Enrolment, RecoveryCodes, Totp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// The name of the visitor of the first run; no account can have it.
pub(crate) const FIRST_RUN_USER: &str = "setup";
/// Names that stand for no person in the audit trail and in old notes.
const RESERVED: [&str; 7] = [
    FIRST_RUN_USER,
    "-",
    "cds-hooks",
    "command-line",
    "server",
    "service",
    "unknown",
];

/// Longest name of a person, in characters.
const LONGEST_PERSON: usize = 200;

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name with which the person signs in.
    pub id: UserId,
    /// The person's name as written.
    pub name: String,
    /// Role, one of the schema of the policy.
    pub role: Role,
    /// Department.
    pub department: DepartmentId,
    /// Care teams.
    pub care_teams: BTreeSet<CareTeamId>,
    /// Whether the person may sign in and do anything.
    pub active: bool,
}

/// An account as administrators see it: no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The person.
    pub user: User,
    /// Version of the person's data, from 1; a change names the one it was made from.
    pub version: u32,
    /// Whether a password is set.
    pub has_password: bool,
    /// Whether a second factor is confirmed.
    pub has_second_factor: bool,
    /// Recovery codes not used yet.
    pub recovery_codes: usize,
    /// Failed sign-ins since the last right one.
    pub failures: u32,
    /// Whether only an administrator can let the person in again: everywhere (wrong codes), or from an address group.
    pub locked: bool,
}

/// What can go wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// No such account.
    #[error("user {0}: no such account")]
    NotFound(UserId),
    /// There is one of this name already, or the name is kept for the program.
    #[error("user {0}: the name is taken; choose another")]
    Taken(UserId),
    /// Somebody else changed it meanwhile.
    #[error("user {user}: version {current} is the newest, not {expected}; read it and change that")]
    Stale {
        /// Who.
        user: UserId,
        /// The version that the change was made from.
        expected: u32,
        /// The version there is.
        current: u32,
    },
    /// A person's name that is empty or too long.
    #[error("user {0}: a name of 1 to {LONGEST_PERSON} characters is wanted")]
    Name(UserId),
    /// Nobody could administer the system any more.
    #[error("user {0}: the last one who can administer; give that to somebody else first")]
    LastAdministrator(UserId),
    /// The password would stand alone and is too short for that.
    #[error("user {0}: the password is too short without a second factor; choose a longer one first")]
    PasswordTooShort(UserId),
    /// No enrolment was begun, or the code is not of it.
    #[error("user {0}: the code is not right; try the next one")]
    CodeWrong(UserId),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredPassword {
    pub(crate) phc: String,
    /// Whether it may stand without a second factor.
    pub(crate) alone: bool,
    pub(crate) set: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) version: u32,
    pub(crate) created: Timestamp,
    pub(crate) password: Option<StoredPassword>,
    pub(crate) totp: Option<Totp>,
    /// A second factor whose first code was not yet given.
    pub(crate) enrolling: Option<Totp>,
    pub(crate) recovery: Vec<SecretHash>,
    /// Wrong codes of the second factor. Before there were `guesses`, wrong passwords were counted here too.
    pub(crate) attempts: Attempts,
    /// Wrong passwords.
    #[serde(default)]
    pub(crate) guesses: Guesses,
}

/// All accounts. What is written goes to the storage first.
#[derive(Debug)]
pub struct Accounts {
    pub(crate) shelf: Shelf<Account>,
    /// Attempts on names that do not exist; see `sign_in`.
    pub(crate) unknown: BTreeMap<String, Guesses>,
    pub(crate) lockout: crate::attempts::LockoutRules,
}

impl Accounts {
    /// Reads the accounts.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(
        storage: &dyn Storage,
        lockout: crate::attempts::LockoutRules,
        now: Timestamp,
    ) -> Result<Self, StorageError> {
        let mut shelf: Shelf<Account> = Shelf::load(Kind::Account, storage)?;
        // After a clock was set back, a failure of the future must not make anybody wait for it.
        let of_the_future = shelf
            .iter()
            .filter(|(_, account)| account.attempts.is_after(now) || account.guesses.is_after(now));
        let of_the_future: Vec<(String, Account)> = of_the_future
            .map(|(key, account)| (key.to_owned(), account.clone()))
            .collect();
        for (key, mut account) in of_the_future {
            account.attempts.bring_back(now);
            account.guesses.bring_back(now);
            shelf.touch(&key, account);
        }
        Ok(Self {
            shelf,
            unknown: BTreeMap::new(),
            lockout,
        })
    }

    /// Whether there is no account yet.
    pub fn is_empty(&self) -> bool {
        self.shelf.len() == 0
    }

    /// The person of an account.
    pub fn user(&self, id: &UserId) -> Option<&User> {
        self.shelf.get(id.as_str()).map(|account| &account.user)
    }

    /// The visitor of the first run: role `setup`, known to the policy, without an account.
    pub fn first_run_user() -> Option<User> {
        Some(User {
            id: UserId::parse(FIRST_RUN_USER).ok()?,
            name: FIRST_RUN_USER.to_owned(),
            role: Role::parse(FIRST_RUN_USER).ok()?,
            department: DepartmentId::parse(FIRST_RUN_USER).ok()?,
            care_teams: BTreeSet::new(),
            active: true,
        })
    }

    /// All accounts, in the order of their names.
    pub fn list(&self) -> Vec<AccountView> {
        self.shelf.iter().map(|(_, account)| self.view(account)).collect()
    }

    /// One account.
    pub fn view_of(&self, id: &UserId) -> Option<AccountView> {
        self.shelf.get(id.as_str()).map(|account| self.view(account))
    }

    fn view(&self, account: &Account) -> AccountView {
        AccountView {
            user: account.user.clone(),
            version: account.version,
            has_password: account.password.is_some(),
            has_second_factor: account.totp.is_some(),
            recovery_codes: account.recovery.len(),
            failures: account
                .attempts
                .failures()
                .saturating_add(account.guesses.failures()),
            locked: account.attempts.is_locked(&self.lockout) || account.guesses.is_locked(&self.lockout),
        }
    }

    /// Creates an account without a password: the person sets one through a link (`OneTimeLinks::offer_set_password`).
    ///
    /// # Errors
    /// `Taken`, `Name`, `Storage`.
    pub fn create(&mut self, storage: &dyn Storage, user: User, now: Timestamp) -> Result<(), AccountError> {
        if RESERVED.contains(&user.id.as_str()) || self.shelf.get(user.id.as_str()).is_some() {
            return Err(AccountError::Taken(user.id));
        }
        check_name(&user)?;
        let key = user.id.as_str().to_owned();
        let account = Account {
            user,
            version: 1,
            created: now,
            password: None,
            totp: None,
            enrolling: None,
            recovery: Vec::new(),
            attempts: Attempts::default(),
            guesses: Guesses::default(),
        };
        Ok(self.shelf.put(storage, &key, account)?)
    }

    /// Changes the person's data; gives the new version. `administers` says, by the policy in force, who can administer;
    /// the last of them can neither lose that nor stop being active. End the sessions of who is no longer active.
    ///
    /// # Errors
    /// `NotFound`, `Stale` when two administrators edit at once, `Name`, `LastAdministrator`, `Storage`.
    pub fn change(
        &mut self,
        storage: &dyn Storage,
        expected: u32,
        user: User,
        administers: &dyn Fn(&User) -> bool,
    ) -> Result<u32, AccountError> {
        let mut account = self.account(&user.id)?;
        check_name(&user)?;
        if account.version != expected {
            return Err(AccountError::Stale {
                user: user.id,
                expected,
                current: account.version,
            });
        }
        let could = account.user.active && administers(&account.user);
        let can = user.active && administers(&user);
        let others = self.shelf.iter().map(|(_, other)| &other.user);
        let is_other_there = others
            .filter(|other| other.id != user.id)
            .any(|other| other.active && administers(other));
        if could && !can && !is_other_there {
            return Err(AccountError::LastAdministrator(user.id));
        }
        account.user = user;
        account.version += 1;
        let version = account.version;
        self.keep(storage, account)?;
        Ok(version)
    }

    /// Lets a locked person try again.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub fn unlock(&mut self, storage: &dyn Storage, id: &UserId) -> Result<(), AccountError> {
        let mut account = self.account(id)?;
        account.attempts = Attempts::default();
        account.guesses.forgive();
        self.keep(storage, account)
    }

    /// Sets a password. End the person's other sessions then.
    ///
    /// # Errors
    /// `NotFound`; `PasswordTooShort` when the second factor it was accepted for is gone meanwhile; `Storage`.
    pub fn set_password(
        &mut self,
        storage: &dyn Storage,
        id: &UserId,
        password: HashedPassword,
        now: Timestamp,
    ) -> Result<(), AccountError> {
        let mut account = self.account(id)?;
        if !password.alone && account.totp.is_none() {
            return Err(AccountError::PasswordTooShort(id.clone()));
        }
        account.password = Some(StoredPassword {
            phc: password.phc,
            alone: password.alone,
            set: now,
        });
        self.keep(storage, account)
    }

    /// Begins to enrol a device as the second factor; an earlier one stays until the first code of this one is given.
    ///
    /// # Errors
    /// `NotFound`, `Entropy`, `Storage`.
    pub fn enrol_second_factor(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        id: &UserId,
        issuer: &str,
    ) -> Result<Enrolment, AccountError> {
        let mut account = self.account(id)?;
        let totp = Totp::draw(entropy)?;
        let enrolment = totp.enrolment(issuer, id.as_str());
        account.enrolling = Some(totp);
        self.keep(storage, account)?;
        Ok(enrolment)
    }

    /// Confirms the device with its first code; gives recovery codes, and no earlier ones hold any more. `wall` is the
    /// time of the wall clock, which is what the device goes by.
    ///
    /// # Errors
    /// `NotFound`, `CodeWrong`, `Entropy`, `Storage`.
    pub fn confirm_second_factor(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        id: &UserId,
        code: &str,
        wall: Timestamp,
    ) -> Result<RecoveryCodes, AccountError> {
        let mut account = self.account(id)?;
        let taken = account
            .enrolling
            .as_ref()
            .and_then(|totp| totp.take(code.trim(), wall));
        let Some(totp) = taken else {
            return Err(AccountError::CodeWrong(id.clone()));
        };
        let codes = RecoveryCodes::draw(entropy)?;
        account.totp = Some(totp);
        account.enrolling = None;
        account.recovery = codes.hashes();
        self.keep(storage, account)?;
        Ok(codes)
    }

    /// Takes a lost second factor away (an administrator does, who knows the person). A password that is too short to
    /// stand alone goes with it: then the person needs a link to set one. Gives whether that is so. End the person's
    /// sessions then.
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub fn reset_second_factor(&mut self, storage: &dyn Storage, id: &UserId) -> Result<bool, AccountError> {
        let mut account = self.account(id)?;
        account.totp = None;
        account.enrolling = None;
        account.recovery = Vec::new();
        account.password = account.password.filter(|password| password.alone);
        let needs_password = account.password.is_none();
        self.keep(storage, account)?;
        Ok(needs_password)
    }

    fn account(&self, id: &UserId) -> Result<Account, AccountError> {
        let found = self.shelf.get(id.as_str()).cloned();
        found.ok_or_else(|| AccountError::NotFound(id.clone()))
    }

    fn keep(&mut self, storage: &dyn Storage, account: Account) -> Result<(), AccountError> {
        let key = account.user.id.as_str().to_owned();
        Ok(self.shelf.put(storage, &key, account)?)
    }
}

fn check_name(user: &User) -> Result<(), AccountError> {
    let is_named = !user.name.trim().is_empty() && user.name.chars().count() <= LONGEST_PERSON;
    is_named
        .then_some(())
        .ok_or_else(|| AccountError::Name(user.id.clone()))
}
