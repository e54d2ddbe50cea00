//! Sessions: what a signed-in browser shows with each request.
//!
//! A session ends after a fixed time (absolute), and when nobody used it for long (idle). Sooner than that it is locked:
//! it stays, with what was being written, but asks for the password again. Requests that a page makes by itself do not
//! count as use. Times are those of [`crate::Clock`], which no clock set back can lengthen; a session that was last used
//! in the future ends.

use crate::account::FIRST_RUN_USER;
use crate::ids::UserId;
use crate::links::FirstRun;
use crate::secret::{Entropy, EntropyError, SecretHash, Token};
use crate::sign_in::{FirstFactor, SecondFactor, SecondFactorState};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// Longest description of a browser, in characters.
const LONGEST_CLIENT: usize = 200;

/// How far the stored time of the last use may lag behind; a restart then finds the session idle for that much longer.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// When sessions end and lock. The numbers are our own; a site may set shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// Longest life.
    pub absolute: Duration,
    /// It ends when not used for this long.
    pub idle_end: Duration,
    /// It locks when not used for this long.
    pub idle_lock: Duration,
    /// The second factor must be given within this time.
    pub second_factor_within: Duration,
}

impl Default for SessionRules {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            absolute: minutes(12 * 60),
            idle_end: minutes(2 * 60),
            idle_lock: minutes(10),
            second_factor_within: minutes(5),
        }
    }
}

/// Why a session does not open anything.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is none: never was, ended, or revoked. Sign in.
    #[error("no session; sign in")]
    None,
    /// Locked. Ask for the password, then `unlock`.
    #[error("the session of {user} is locked; the password opens it")]
    Locked {
        /// Whose.
        user: UserId,
    },
    /// The second factor is wanted, then `complete`.
    #[error("the second factor of {user} is wanted")]
    SecondFactorWanted {
        /// Whose.
        user: UserId,
    },
    /// The proof is of another person.
    #[error("the session is of somebody else")]
    OtherUser,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A session that opens what the policy allows its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveSession {
    /// Whose.
    pub user: UserId,
    /// Handle, for lists and for revoking.
    pub handle: String,
    /// Whether two factors were given.
    pub second_factor: bool,
    /// Whether it is the visitor of the first run, who has no account.
    pub first_run: bool,
}

/// Proof that the password of a user was given and that the second factor is waited for.
#[derive(Debug)]
pub struct PendingSession {
    user: UserId,
}

impl PendingSession {
    /// Whose second factor.
    pub fn user(&self) -> &UserId {
        &self.user
    }
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Handle; it opens nothing.
    pub handle: String,
    /// Whose.
    pub user: UserId,
    /// The browser, as the server described it.
    pub client: String,
    /// When it began.
    pub opened: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// Whether it is locked.
    pub locked: bool,
}

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Something a person did: it keeps the session from idling.
    Person,
    /// Something a page did by itself: polling, saving a draft, an open web socket.
    Page,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stage {
    SecondFactorWanted,
    Open,
    Locked,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Session {
    hash: SecretHash,
    user: UserId,
    stage: Stage,
    second_factor: bool,
    first_run: bool,
    client: String,
    opened: Timestamp,
    seen: Timestamp,
    /// When `seen` was last written.
    #[serde(skip)]
    kept: Option<Timestamp>,
}

/// All sessions.
#[derive(Debug)]
pub struct Sessions {
    shelf: Shelf<Session>,
    rules: SessionRules,
}

impl Sessions {
    /// Reads the sessions.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage, rules: SessionRules) -> Result<Self, StorageError> {
        Ok(Self {
            shelf: Shelf::load(Kind::Session, storage)?,
            rules,
        })
    }

    /// Opens a session for who gave the password; where a second factor is wanted it opens nothing yet. Gives the token for
    /// the cookie (`Secure`, `HttpOnly`, `SameSite=Strict`).
    ///
    /// # Errors
    /// `Entropy`, `Storage`.
    pub fn open(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        proof: &FirstFactor,
        client: &str,
        now: Timestamp,
    ) -> Result<Token, SessionError> {
        let stage = if proof.needs_second_factor() {
            Stage::SecondFactorWanted
        } else {
            Stage::Open
        };
        let second_factor = proof.second_factor() == SecondFactorState::Given;
        let session = Session {
            stage,
            second_factor,
            ..blank(proof.user().clone(), client, now)
        };
        self.begin(storage, entropy, session)
    }

    /// Opens a session for the visitor of the first run.
    ///
    /// # Errors
    /// `Entropy`, `Storage`.
    pub fn open_first_run(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        proof: &FirstRun,
        client: &str,
        now: Timestamp,
    ) -> Result<Token, SessionError> {
        let FirstRun(()) = proof;
        let user = UserId::parse(FIRST_RUN_USER).map_err(|_| SessionError::None)?;
        let session = Session {
            first_run: true,
            ..blank(user, client, now)
        };
        self.begin(storage, entropy, session)
    }

    /// The session of a token when it waits for the second factor.
    ///
    /// # Errors
    /// `None` when it does not or took too long, `Storage`.
    pub fn pending(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        now: Timestamp,
    ) -> Result<PendingSession, SessionError> {
        let (_, session) = self.find(storage, token, now)?;
        let user = session.user;
        (session.stage == Stage::SecondFactorWanted)
            .then_some(PendingSession { user })
            .ok_or(SessionError::None)
    }

    /// Completes a session with the second factor. The token changes; the old one opens nothing.
    ///
    /// # Errors
    /// `None` when it took too long or does not wait for one, `OtherUser`, `Entropy`, `Storage`.
    pub fn complete(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        token: &str,
        proof: &SecondFactor,
        now: Timestamp,
    ) -> Result<Token, SessionError> {
        let (handle, session) = self.find(storage, token, now)?;
        if session.stage != Stage::SecondFactorWanted {
            return Err(SessionError::None);
        }
        if session.user != *proof.user() {
            return Err(SessionError::OtherUser);
        }
        self.remove(storage, |key, _| key == handle)?;
        let session = Session {
            second_factor: true,
            ..blank(session.user, &session.client, now)
        };
        self.begin(storage, entropy, session)
    }

    /// What a request may go by. `is_first_run` says whether the conditions of the first run still hold; when not, its
    /// session ends.
    ///
    /// # Errors
    /// `None`, `Locked`, `SecondFactorWanted`, `Storage`.
    pub fn resolve(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        activity: Activity,
        is_first_run: bool,
        now: Timestamp,
    ) -> Result<ActiveSession, SessionError> {
        let (handle, mut session) = self.find(storage, token, now)?;
        if session.first_run && !is_first_run {
            self.remove(storage, |key, _| key == handle)?;
            return Err(SessionError::None);
        }
        let user = session.user.clone();
        match session.stage {
            Stage::SecondFactorWanted => return Err(SessionError::SecondFactorWanted { user }),
            Stage::Locked => return Err(SessionError::Locked { user }),
            Stage::Open => {}
        }
        // The visitor of the first run has no password to open it with, and only dummies to hide.
        if !session.first_run && now.since(session.seen) >= self.rules.idle_lock {
            session.stage = Stage::Locked;
            self.shelf.put(storage, &handle, session)?;
            return Err(SessionError::Locked { user });
        }
        let active = ActiveSession {
            user,
            handle: handle.clone(),
            second_factor: session.second_factor,
            first_run: session.first_run,
        };
        if activity == Activity::Person {
            self.see(storage, &handle, session, now)?;
        }
        Ok(active)
    }

    /// Locks a session, as the person asks.
    ///
    /// # Errors
    /// `None`, `Storage`.
    pub fn lock(&mut self, storage: &dyn Storage, token: &str, now: Timestamp) -> Result<(), SessionError> {
        let (handle, mut session) = self.find(storage, token, now)?;
        if session.stage == Stage::Open {
            session.stage = Stage::Locked;
            self.shelf.put(storage, &handle, session)?;
        }
        Ok(())
    }

    /// Unlocks a session with the password of its user. Neither its longest life nor its factors change.
    ///
    /// # Errors
    /// `None` when it has ended meanwhile, `OtherUser`, `SecondFactorWanted`, `Storage`.
    pub fn unlock(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        proof: &FirstFactor,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let (handle, mut session) = self.find(storage, token, now)?;
        let user = session.user.clone();
        if user != *proof.user() {
            return Err(SessionError::OtherUser);
        }
        // A second factor enrolled since the session began is wanted from it too.
        if session.stage == Stage::SecondFactorWanted
            || (proof.needs_second_factor() && !session.second_factor)
        {
            session.stage = Stage::SecondFactorWanted;
            session.opened = now;
            self.shelf.put(storage, &handle, session)?;
            return Err(SessionError::SecondFactorWanted { user });
        }
        session.stage = Stage::Open;
        session.seen = now;
        session.kept = Some(now);
        Ok(self.shelf.put(storage, &handle, session)?)
    }

    /// The sessions of a user that have not ended, oldest first; of all users without one.
    pub fn list(&self, user: Option<&UserId>, now: Timestamp) -> Vec<SessionView> {
        let sessions = self.shelf.iter().filter(|(_, session)| {
            user.is_none_or(|user| session.user == *user) && !is_over(&self.rules, session, now)
        });
        let mut views: Vec<SessionView> = sessions
            .map(|(handle, session)| SessionView {
                handle: handle.to_owned(),
                user: session.user.clone(),
                client: session.client.clone(),
                opened: session.opened,
                seen: session.seen,
                locked: session.stage == Stage::Locked
                    || (!session.first_run && now.since(session.seen) >= self.rules.idle_lock),
            })
            .collect();
        views.sort_by(|a, b| (a.opened, &a.handle).cmp(&(b.opened, &b.handle)));
        views
    }

    /// Whether the session of a handle is there and not over; a locked one is.
    pub fn is_there(&self, handle: &str, now: Timestamp) -> bool {
        let session = self.shelf.get(handle);
        session.is_some_and(|session| !is_over(&self.rules, session, now))
    }

    /// Ends the session of a token: signing out.
    ///
    /// # Errors
    /// `Storage`; a token of no session is none.
    pub fn end(&mut self, storage: &dyn Storage, token: &str) -> Result<(), StorageError> {
        let hash = SecretHash::of(token.as_bytes());
        self.remove(storage, |_, session| session.hash.matches(&hash))
            .map(drop)
    }

    /// Ends one session of a user by its handle; gives whether there was one.
    ///
    /// # Errors
    /// `Storage`.
    pub fn revoke(
        &mut self,
        storage: &dyn Storage,
        user: &UserId,
        handle: &str,
    ) -> Result<bool, StorageError> {
        let is_it = |key: &str, session: &Session| key == handle && session.user == *user;
        Ok(self.remove(storage, is_it)? > 0)
    }

    /// Ends the sessions of a user, but for the one with the handle `except`; gives how many. For a changed password, a
    /// second factor taken away, a person who is no longer active.
    ///
    /// # Errors
    /// `Storage`.
    pub fn revoke_user(
        &mut self,
        storage: &dyn Storage,
        user: &UserId,
        except: Option<&str>,
    ) -> Result<usize, StorageError> {
        self.remove(storage, |key, session| {
            session.user == *user && Some(key) != except
        })
    }

    /// Ends all sessions: a clock was set back while the program did not run.
    ///
    /// # Errors
    /// `Storage`.
    pub fn end_all(&mut self, storage: &dyn Storage) -> Result<usize, StorageError> {
        self.remove(storage, |_, _| true)
    }

    /// Removes what has ended. Call it now and then.
    ///
    /// # Errors
    /// `Storage`.
    pub fn sweep(&mut self, storage: &dyn Storage, now: Timestamp) -> Result<usize, StorageError> {
        let rules = self.rules;
        self.remove(storage, |_, session| is_over(&rules, session, now))
    }

    fn begin(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        mut session: Session,
    ) -> Result<Token, SessionError> {
        let token = Token::draw(entropy)?;
        session.hash = token.hash();
        self.shelf.put(storage, &session.hash.handle(), session)?;
        Ok(token)
    }

    fn find(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        now: Timestamp,
    ) -> Result<(String, Session), SessionError> {
        let hash = SecretHash::of(token.as_bytes());
        let handle = hash.handle();
        let found = self
            .shelf
            .get(&handle)
            .filter(|session| session.hash.matches(&hash));
        let session = found.cloned().ok_or(SessionError::None)?;
        if is_over(&self.rules, &session, now) {
            self.remove(storage, |key, _| key == handle)?;
            return Err(SessionError::None);
        }
        Ok((handle, session))
    }

    fn see(
        &mut self,
        storage: &dyn Storage,
        handle: &str,
        mut session: Session,
        now: Timestamp,
    ) -> Result<(), StorageError> {
        session.seen = now;
        let is_due = session.kept.is_none_or(|kept| now.since(kept) >= SEEN_EVERY);
        if !is_due {
            self.shelf.touch(handle, session);
            return Ok(());
        }
        session.kept = Some(now);
        self.shelf.put(storage, handle, session)
    }

    fn remove(
        &mut self,
        storage: &dyn Storage,
        is_over: impl Fn(&str, &Session) -> bool,
    ) -> Result<usize, StorageError> {
        self.shelf.remove(storage, is_over)
    }
}

fn blank(user: UserId, client: &str, now: Timestamp) -> Session {
    Session {
        hash: SecretHash::of(b""),
        user,
        stage: Stage::Open,
        second_factor: false,
        first_run: false,
        client: client.chars().take(LONGEST_CLIENT).collect(),
        opened: now,
        seen: now,
        kept: Some(now),
    }
}

fn is_over(rules: &SessionRules, session: &Session, now: Timestamp) -> bool {
    let age = now.since(session.opened);
    let is_late = session.stage == Stage::SecondFactorWanted && age >= rules.second_factor_within;
    let is_of_the_future = session.seen > now || session.opened > now;
    is_late || is_of_the_future || age >= rules.absolute || now.since(session.seen) >= rules.idle_end
}
