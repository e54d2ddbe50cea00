//! Signing in: a password, then the second factor where there is one.
//!
//! Verifying a password is slow by intention, so it is three steps: [`Accounts::begin`] (quick, counts the attempt),
//! [`PasswordCheck::run`] (slow, outside any lock), [`Accounts::finish`] (quick). The proofs that come out can be made
//! nowhere else, and sessions open for nothing less.
//!
//! Names that do not exist are treated like those that do: the same work, the same delays, the same lock-out. What is
//! wrong is never told.

use crate::account::{Account, Accounts};
use crate::attempts::{AddressGroup, Attempts, Barred, Before};
use crate::ids::UserId;
use crate::password::{Cost, Password, Salt, rehash, verify};
use crate::secret::same;
use crate::session::PendingSession;
use crate::storage::{Storage, StorageError};
use crate::time::Timestamp;
use crate::totp::take_recovery;
use thiserror::Error;

/// Most names without an account whose attempts are remembered; the oldest are forgotten first.
const MOST_UNKNOWN: usize = 10_000;

/// Why nobody was let in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Name, password or code is wrong, or the account is not active.
    #[error("the name, the password or the code is not right")]
    Wrong,
    /// Too many failures; nothing was tried.
    #[error("too many failures; try again at {until} (Unix time)")]
    Wait {
        /// From when on the next attempt is taken.
        until: Timestamp,
    },
    /// Too many failures (from there, or of the second factor); nothing was tried.
    #[error("too many failures; an administrator can unlock the account")]
    Locked,
    /// The storage failed; nobody was let in.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Barred> for SignInError {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Until(until) => Self::Wait { until },
            Barred::Locked => Self::Locked,
        }
    }
}

/// A password to be verified.
#[derive(Debug)]
pub struct PasswordCheck {
    user: Option<UserId>,
    phc: Option<String>,
    before: Before,
    group: AddressGroup,
}

/// What came of it. Only [`Accounts::finish`] can tell.
#[derive(Debug)]
pub struct PasswordOutcome {
    check: PasswordCheck,
    is_right: bool,
    rehashed: Option<String>,
}

impl PasswordCheck {
    /// Verifies the password: tens of milliseconds and the memory of `cost`. `salt` is for when it must be hashed anew
    /// because the cost was changed.
    pub fn run(self, cost: Cost, salt: &Salt, password: &Password) -> PasswordOutcome {
        let is_right = verify(password, cost, self.phc.as_deref());
        let kept = self.phc.as_deref().filter(|_| is_right);
        let rehashed = kept.and_then(|phc| rehash(password, cost, phc, salt));
        PasswordOutcome {
            check: self,
            is_right,
            rehashed,
        }
    }
}

/// Proof that somebody gave the password of `user` just now (or that the hospital's own sign-in vouches for them).
#[derive(Debug)]
pub struct FirstFactor {
    user: UserId,
    second_factor: SecondFactorState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecondFactorState {
    /// The account has none.
    None,
    /// It must be given before anything opens.
    Wanted,
    /// It was given elsewhere.
    Given,
}

impl FirstFactor {
    /// Who.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// Whether the second factor must be given before anything opens.
    pub fn needs_second_factor(&self) -> bool {
        self.second_factor == SecondFactorState::Wanted
    }

    pub(crate) fn second_factor(&self) -> SecondFactorState {
        self.second_factor
    }
}

/// Proof that somebody gave the second factor of `user` just now.
#[derive(Debug)]
pub struct SecondFactor {
    user: UserId,
    recovery_codes_left: Option<usize>,
}

impl SecondFactor {
    /// Who.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// When it was a recovery code: how many are left. Tell the person.
    pub fn recovery_codes_left(&self) -> Option<usize> {
        self.recovery_codes_left
    }
}

impl Accounts {
    /// Begins to verify a password that was typed at an address of `group`; counts the attempt as failed until it is known
    /// to be right.
    ///
    /// # Errors
    /// `Wait` and `Locked`, `Storage`.
    pub fn begin(
        &mut self,
        storage: &dyn Storage,
        (name, group): (&str, &AddressGroup),
        now: Timestamp,
    ) -> Result<PasswordCheck, SignInError> {
        let user = UserId::parse(name).ok();
        let account = user.as_ref().and_then(|user| self.shelf.get(user.as_str()));
        let Some(mut account) = account.cloned() else {
            let before = self.begin_unknown((name, group), now)?;
            return Ok(PasswordCheck {
                user: None,
                phc: None,
                before,
                group: group.clone(),
            });
        };
        let before = account.guesses.begin(group, &self.lockout, now)?;
        let phc = account.password.as_ref().filter(|_| account.user.active);
        let phc = phc.map(|password| password.phc.clone());
        let key = account.user.id.as_str().to_owned();
        self.shelf.put(storage, &key, account)?;
        Ok(PasswordCheck {
            user,
            phc,
            before,
            group: group.clone(),
        })
    }

    /// Tells what came of a verification.
    ///
    /// # Errors
    /// `Wrong`, also when the account was changed meanwhile; `Storage`.
    pub fn finish(
        &mut self,
        storage: &dyn Storage,
        outcome: PasswordOutcome,
        now: Timestamp,
    ) -> Result<FirstFactor, SignInError> {
        let PasswordOutcome {
            check,
            is_right,
            rehashed,
        } = outcome;
        let (true, Some(user), Some(phc)) = (is_right, check.user, check.phc) else {
            return Err(SignInError::Wrong);
        };
        let found = self.shelf.get(user.as_str()).cloned();
        let mut account = found.ok_or(SignInError::Wrong)?;
        let has_second = account.totp.is_some();
        let active = account.user.active;
        let password = account.password.as_mut();
        let password = password.filter(|password| active && same(&password.phc, &phc));
        let password = password.ok_or(SignInError::Wrong)?;
        if !password.alone && !has_second {
            return Err(SignInError::Wrong);
        }
        if let Some(rehashed) = rehashed {
            password.phc = rehashed;
        }
        if has_second {
            account.guesses.take_back(&check.before);
        } else {
            account.guesses.succeed(&check.group, now);
        }
        self.shelf.put(storage, user.as_str(), account)?;
        let second_factor = if has_second {
            SecondFactorState::Wanted
        } else {
            SecondFactorState::None
        };
        Ok(FirstFactor { user, second_factor })
    }

    /// Takes the second factor of a session that waits for it, typed at an address of `group`: a code of the device (six
    /// digits) or a recovery code. `wall` is the time of the wall clock, which is what the device goes by; `now` is the clock
    /// that never goes back.
    ///
    /// # Errors
    /// `Wrong`, `Wait`, `Locked`, `Storage`.
    pub fn second_factor(
        &mut self,
        storage: &dyn Storage,
        pending: &PendingSession,
        (typed, group): (&str, &AddressGroup),
        (wall, now): (Timestamp, Timestamp),
    ) -> Result<SecondFactor, SignInError> {
        let user = pending.user();
        let found = self.shelf.get(user.as_str()).cloned();
        let account = found.filter(|account| account.user.active);
        let account = account.ok_or(SignInError::Wrong)?;
        let mut account = self.count(storage, account, now)?;
        let typed = typed.trim();
        let totp = account.totp.as_ref().ok_or(SignInError::Wrong)?;
        let mut recovery_codes_left = None;
        if let Some(taken) = totp.take(typed, wall) {
            account.totp = Some(taken);
        } else if let Some(left) = take_recovery(&account.recovery, typed) {
            recovery_codes_left = Some(left.len());
            account.recovery = left;
        } else {
            return Err(SignInError::Wrong);
        }
        account.attempts = Attempts::default();
        account.guesses.succeed(group, now);
        self.shelf.put(storage, user.as_str(), account)?;
        Ok(SecondFactor {
            user: user.clone(),
            recovery_codes_left,
        })
    }

    /// Takes the word of the hospital's own sign-in (OpenID Connect), which the server has verified, for an account that
    /// exists here. `two_factors` says whether that sign-in used two.
    ///
    /// # Errors
    /// `Wrong` when there is no such account or it is not active.
    pub fn vouched(&self, user: &UserId, two_factors: bool) -> Result<FirstFactor, SignInError> {
        let account = self.shelf.get(user.as_str());
        let account = account.filter(|account| account.user.active);
        let account = account.ok_or(SignInError::Wrong)?;
        let second_factor = match (two_factors, account.totp.is_some()) {
            (true, _) => SecondFactorState::Given,
            (false, true) => SecondFactorState::Wanted,
            (false, false) => SecondFactorState::None,
        };
        Ok(FirstFactor {
            user: user.clone(),
            second_factor,
        })
    }

    /// Counts a code as wrong until it is known to be right.
    fn count(
        &mut self,
        storage: &dyn Storage,
        mut account: Account,
        now: Timestamp,
    ) -> Result<Account, SignInError> {
        account.attempts = account.attempts.begin(&self.lockout, now)?;
        let key = account.user.id.as_str().to_owned();
        self.shelf.put(storage, &key, account.clone())?;
        Ok(account)
    }

    /// Counts an attempt on a name that does not exist, in memory only: writing is not for strangers to cause.
    fn begin_unknown(
        &mut self,
        (name, group): (&str, &AddressGroup),
        now: Timestamp,
    ) -> Result<Before, SignInError> {
        let name: String = name.chars().take(64).collect::<String>().to_lowercase();
        let mut guesses = self.unknown.get(&name).cloned().unwrap_or_default();
        let before = guesses.begin(group, &self.lockout, now)?;
        if self.unknown.len() >= MOST_UNKNOWN && !self.unknown.contains_key(&name) {
            let oldest = self.unknown.iter().min_by_key(|(_, guesses)| guesses.last());
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.unknown.remove(&oldest);
            }
        }
        self.unknown.insert(name, guesses);
        Ok(before)
    }
}
