//! Who may do what, as the server holds it: the state machines of the crate `access` over the rows of the store.
//!
//! One lock holds all of them; a session is resolved under it for each request and each message of a live line, which is a
//! hash and a few look-ups. Hashing a password is slow by intention: it is done outside the lock, two at a time.
//!
//! | module | what |
//! |---|---|
//! | `rows` | the rows in the store; a change and its audit entry are one transaction |
//! | `standing` | what the policy can ask about a patient and a note |
//! | `actor` | who asks, and what the policy says to it |
//! | `keys` | the secrets that other systems share with this one |
//! | `apps` | the programs of others, and who stands behind their tokens |
//! | `federated` | who comes from the hospital's own sign-in |
//! | `in_use` | what an edit of the rules must not take away |
//! | `people` | signing in, passwords, second factors, accounts |

mod actor;
mod apps;
mod federated;
mod in_use;
mod keys;
mod people;
mod rows;
mod standing;
#[cfg(test)]
mod tests;

pub(crate) use actor::{Actor, Notes, Origin, kind_of_role, note_kind};
pub(crate) use apps::Bearer;
pub(crate) use federated::{Newcomers, Vouched};
pub(crate) use in_use::speaks_against;
#[cfg(test)]
pub(crate) use keys::SigningKey;
pub(crate) use keys::{Keys, refuse_open};
pub(crate) use people::PeopleError;
pub(crate) use rows::{Rows, SystemEntropy};
pub(crate) use standing::{Standing, facts_of};

use crate::audit;
use anyhow::Context as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tsumugi_access::{
    Accounts, Activity, Apps, Clock, Cost, Emergencies, Federation, Grants, Installation, Launches,
    LockoutRules, OneTimeLinks, PasswordRules, Policies, SessionError, SessionRules, Sessions, StorageError,
    Subject, Timestamp, Token, User, UserId,
};
use tsumugi_records::{AuditEntry, AuditSubtype, Store, StoreError};

/// Most passwords that are hashed at once: each takes 19 MiB and a processor.
const HASHED_AT_ONCE: usize = 2;
/// Most that wait for their turn: some seconds of hashing.
const WAITING_AT_MOST: usize = 32;

/// Passwords that are hashed, and that wait to be.
#[derive(Debug, Default)]
struct AtWork {
    running: usize,
    waiting: usize,
}

/// A turn; it ends however its work ends.
struct Turn<'g>(&'g (Mutex<AtWork>, Condvar));

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (hashing, change) = self.0;
        hashing.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        change.notify_one();
    }
}

/// How the server is reached and how long sessions last.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Whether it listens on the loopback interface only.
    pub(crate) loopback_only: bool,
    /// Whether it speaks TLS.
    pub(crate) secure: bool,
    /// When sessions end and lock.
    pub(crate) sessions: SessionRules,
    /// When to delay and when to lock.
    pub(crate) lockout: LockoutRules,
    /// What one hash of a password costs.
    pub(crate) cost: Cost,
    /// Addresses of the site's own reverse proxies, whose `X-Forwarded-For` is believed.
    pub(crate) proxies: Vec<std::net::IpAddr>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            loopback_only: true,
            secure: false,
            sessions: SessionRules::default(),
            lockout: LockoutRules::default(),
            cost: Cost::default(),
            proxies: Vec::new(),
        }
    }
}

/// All state machines, under the one lock.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) links: OneTimeLinks,
    pub(crate) launches: Launches,
    pub(crate) emergencies: Emergencies,
    pub(crate) policies: Policies,
    pub(crate) apps: Apps,
    pub(crate) grants: Grants,
    pub(crate) federation: Federation,
}

/// The gate: everybody comes through it.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Mutex<Inner>,
    started: Instant,
    /// How the server is reached.
    pub(crate) setting: Setting,
    /// What a new password must be.
    passwords: PasswordRules,
    hashing: (Mutex<AtWork>, Condvar),
}

impl Gate {
    /// Reads everything from the store. Where the wall clock was set back since the last run, all sessions, links,
    /// emergency accesses and grants of apps end: nobody knows how much time passed.
    ///
    /// # Errors
    /// When the store fails, or holds a policy that this program does not read.
    pub(crate) fn open(store: &Store, setting: Setting) -> anyhow::Result<Self> {
        let rows = Rows::new(store, None);
        let started = Instant::now();
        let mut clock = Clock::start(&rows, wall(), Duration::ZERO)?;
        let now = clock.now(wall(), Duration::ZERO);
        let mut inner = Inner {
            clock,
            accounts: Accounts::load(&rows, setting.lockout, now)?,
            sessions: Sessions::load(&rows, setting.sessions)?,
            links: OneTimeLinks::load(&rows)?,
            launches: Launches::load(&rows)?,
            emergencies: Emergencies::load(&rows)?,
            apps: Apps::load(&rows)?,
            grants: Grants::load(&rows)?,
            federation: Federation::load(&rows)?,
            policies: Policies::load(&rows)
                .context("the rules of access in the store are not read by this program, and no others may stand in for them: mend them with the program that wrote them, or restore a backup")?,
        };
        if inner.clock.was_set_back() {
            crate::log::warn(
                "the clock was set back since the last run: everybody signs in again",
                &[],
            );
            inner.sessions.end_all(&rows)?;
            inner.links.withdraw_all(&rows)?;
            inner.emergencies.end_all(&rows, now)?;
            inner.grants.end_all(&rows)?;
        }
        inner.sessions.sweep(&rows, now)?;
        Ok(Self {
            inner: Mutex::new(inner),
            started,
            setting,
            passwords: PasswordRules::default(),
            hashing: (Mutex::default(), Condvar::new()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the state machines at the present time.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Inner, Timestamp) -> T) -> T {
        let mut inner = self.lock();
        let now = inner.clock.now(wall(), self.started.elapsed());
        work(&mut inner, now)
    }

    /// Runs `slow` when fewer than the most are running; refuses when too many wait already, since every one that waits
    /// holds a thread that others need.
    fn hash<T>(&self, slow: impl FnOnce() -> T) -> Result<T, PeopleError> {
        let (hashing, change) = &self.hashing;
        let mut at_work = hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if at_work.waiting >= WAITING_AT_MOST {
            return Err(PeopleError::Busy);
        }
        at_work.waiting += 1;
        while at_work.running >= HASHED_AT_ONCE {
            at_work = change.wait(at_work).unwrap_or_else(PoisonError::into_inner);
        }
        at_work.waiting -= 1;
        at_work.running += 1;
        drop(at_work);
        let _turn = Turn(&self.hashing);
        Ok(slow())
    }

    /// What the installation is like now.
    pub(crate) fn installation(&self, store: &Store) -> Result<Installation, StoreError> {
        // Whether there are any is all that counts, and patients count only where there are none.
        let accounts = usize::from(!self.lock().accounts.is_empty());
        Ok(Installation {
            loopback_only: self.setting.loopback_only,
            accounts,
            real_patients: if accounts == 0 { store.real_patients()? } else { 0 },
        })
    }

    /// The one-time link of the first run, where it is one.
    pub(crate) fn first_run_link(&self, store: &Store) -> anyhow::Result<Option<Token>> {
        let installation = self.installation(store)?;
        let rows = Rows::new(store, None);
        self.with(|inner, now| {
            inner
                .links
                .offer_first_run(&rows, &mut SystemEntropy, installation, now)
        })
        .map_err(Into::into)
    }

    /// Redeems the link of the first run; gives the token of the session.
    pub(crate) fn redeem_first_run(
        &self,
        store: &Store,
        token: &str,
        client: &str,
    ) -> Result<Option<Token>, PeopleError> {
        let installation = self.installation(store)?;
        let rows = Rows::new(store, None);
        let opened = self.with(|inner, now| {
            let Ok(proof) = inner.links.redeem_first_run(&rows, token, installation, now) else {
                return Ok(None);
            };
            let session = inner
                .sessions
                .open_first_run(&rows, &mut SystemEntropy, &proof, client, now);
            session.map(Some).map_err(PeopleError::from)
        })?;
        if opened.is_some() {
            store.audit_read(&audit::of_name("setup", AuditSubtype::Login)?)?;
        }
        Ok(opened)
    }

    /// Who stands behind a token.
    ///
    /// # Errors
    /// Why the session opens nothing.
    pub(crate) fn resolve(
        &self,
        store: &Store,
        token: &str,
        activity: Activity,
        origin: &Origin,
    ) -> Result<Actor, SessionError> {
        let rows = Rows::new(store, None);
        let installation = self
            .installation(store)
            .map_err(|error| rows::storage_error(&error))?;
        self.with(|inner, now| {
            let is_first_run = installation.is_first_run();
            let session = inner
                .sessions
                .resolve(&rows, token, activity, is_first_run, now)?;
            let user = user_of(&inner.accounts, &session.user, session.first_run);
            let user = user.filter(|user| user.active).ok_or(SessionError::None)?;
            let subject = Subject {
                emergencies: inner.emergencies.open_for(&user.id, now),
                user,
                second_factor: session.second_factor,
            };
            // A minute's lag is enough for noticing a clock that was set back; a full disk is told by what follows.
            let _ = inner.clock.keep_if_due(&rows);
            Ok(Actor::new(
                subject,
                inner.policies.in_force(),
                session,
                origin.clone(),
            ))
        })
    }

    /// The name of a person as written; the account's name where there is no such person (any more).
    pub(crate) fn person(&self, account: &str) -> Option<String> {
        let id = UserId::parse(account).ok()?;
        let inner = self.lock();
        inner.accounts.user(&id).map(|user| user.name.clone())
    }

    /// Ends the session of a token.
    pub(crate) fn sign_out(&self, store: &Store, token: &str, entry: AuditEntry) -> Result<(), StorageError> {
        let rows = Rows::new(store, Some(entry));
        self.with(|inner, _| inner.sessions.end(&rows, token))
    }

    /// Checks that a policy edited elsewhere would be read, without keeping it.
    pub(crate) fn policy_in_force(&self) -> Arc<tsumugi_access::Policy> {
        self.lock().policies.in_force()
    }
}

fn user_of(accounts: &Accounts, id: &UserId, first_run: bool) -> Option<User> {
    if first_run {
        Accounts::first_run_user()
    } else {
        accounts.user(id).cloned()
    }
}

/// The wall clock, which people and time servers set.
pub(crate) fn wall() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the server has the clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp::new(i64::try_from(seconds).unwrap_or(i64::MAX))
}
