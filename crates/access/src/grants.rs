//! What apps were granted: codes, access and refresh tokens, and the contexts of launches (RFC 6749, RFC 7636, SMART 2.2).
//!
//! A grant is what one person let one app do, or what an app may do under its own account. Tokens are random and kept as
//! their hashes. A code holds for a minute and opens once; a refresh token is replaced with each use. A code or refresh
//! token that comes a second time was stolen, from the app or from the thief: the whole grant ends.
//!
//! Times are those of [`crate::Clock`]. What was issued in the future opens nothing.

mod terms;

pub use terms::{Access, Challenge, Consent, Grant, GrantError, LaunchContext, Tokens};

use crate::apps::Client;
use crate::ids::{AppId, PatientId, UserId};
use crate::scopes::{Scopes, Special};
use crate::secret::{Entropy, SecretHash, Token};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use terms::{Issued, Sort, holds};

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// How long a code holds.
pub const CODE_FOR: Duration = minutes(1);
/// How long an access token of a person's grant holds.
pub const ACCESS_FOR: Duration = minutes(15);
/// How long an access token of an app's own account holds.
pub const BACKEND_FOR: Duration = minutes(5);
/// How long the context of a launch waits for its app.
pub const CONTEXT_FOR: Duration = minutes(5);
/// How long a refresh token that is not used holds.
const REFRESH_FOR: Duration = minutes(30 * 24 * 60);
/// How long one that is bound to the session holds; the session ends sooner.
const ONLINE_FOR: Duration = minutes(12 * 60);
/// After this time a person is asked again.
const GRANT_FOR: Duration = minutes(90 * 24 * 60);
/// How long a used refresh token is remembered.
const USED_FOR: Duration = minutes(24 * 60);
/// How long the id of an assertion is remembered after its end.
const ASSERTION_KEPT_FOR: Duration = minutes(7 * 24 * 60);
/// What has ended is removed this often.
const SWEPT_EVERY: Duration = minutes(1);
/// Most tokens, and most ids of assertions, that are kept.
const MOST: usize = 100_000;

/// All grants.
#[derive(Debug)]
pub struct Grants {
    agreed: Shelf<Grant>,
    tokens: Shelf<Issued>,
    launches: Shelf<LaunchContext>,
    /// When the assertion ends.
    assertions: Shelf<Timestamp>,
    swept: Option<Timestamp>,
}

impl Grants {
    /// Reads the grants.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            agreed: Shelf::load(Kind::Grant, storage)?,
            tokens: Shelf::load(Kind::GrantToken, storage)?,
            launches: Shelf::load(Kind::LaunchContext, storage)?,
            assertions: Shelf::load(Kind::Assertion, storage)?,
            swept: None,
        })
    }

    /// Keeps what a person agreed to; gives the code.
    ///
    /// # Errors
    /// `Full`, `Entropy`, `Storage`.
    pub fn authorize(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        consent: Consent,
        now: Timestamp,
    ) -> Result<Token, GrantError> {
        let grant = Grant {
            app: consent.app,
            user: consent.user,
            personal: true,
            second_factor: consent.second_factor,
            session: consent.session,
            scopes: consent.scopes,
            patient: consent.patient,
            encounter: consent.encounter,
            nonce: consent.nonce,
            since: now,
            redirect: consent.redirect,
            challenge: Some(consent.challenge),
        };
        let id = self.begin(storage, entropy, grant, now)?;
        self.issue(storage, entropy, (&id, Sort::Code, None), CODE_FOR, now)
    }

    /// Redeems a code, once.
    ///
    /// # Errors
    /// `Invalid`, `Reused`, `Redirect`, `Verifier`, `Full`, `Entropy`, `Storage`. A code that was tried with a wrong
    /// address or verifier is used up.
    pub fn redeem(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        client: &Client,
        (code, redirect, verifier): (&str, &str, &str),
        now: Timestamp,
    ) -> Result<Tokens, GrantError> {
        let (key, issued, grant) = self.find(code, now).ok_or(GrantError::Invalid)?;
        if issued.sort != Sort::Code || grant.app != client.app.id {
            return Err(GrantError::Invalid);
        }
        let id = issued.grant.clone();
        self.use_up(storage, &key, issued, now)?;
        let fails = if grant.redirect != redirect {
            Some(GrantError::Redirect)
        } else if !grant
            .challenge
            .as_ref()
            .is_some_and(|challenge| challenge.fits(verifier))
        {
            Some(GrantError::Verifier)
        } else {
            None
        };
        if let Some(error) = fails {
            self.end(storage, |key, _| key == id)?;
            return Err(error);
        }
        self.hand_out(storage, entropy, (&id, grant, None), now)
    }

    /// Takes a refresh token and gives new tokens. `is_online` says whether a session is still there.
    ///
    /// # Errors
    /// `Invalid`, `Reused`, `Scope`, `Full`, `Entropy`, `Storage`.
    pub fn refresh(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        client: &Client,
        (token, fewer): (&str, Option<&Scopes>),
        is_online: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Tokens, GrantError> {
        let (key, issued, grant) = self.find(token, now).ok_or(GrantError::Invalid)?;
        if issued.sort != Sort::Refresh || grant.app != client.app.id {
            return Err(GrantError::Invalid);
        }
        if fewer.is_some_and(|fewer| fewer.and(&grant.scopes) != *fewer) {
            return Err(GrantError::Scope);
        }
        let id = issued.grant.clone();
        self.use_up(storage, &key, issued, now)?;
        let is_offline = grant.scopes.has(Special::OfflineAccess);
        let is_late = now.since(grant.since) >= GRANT_FOR;
        if is_late || (!is_offline && !is_online(&grant.session)) {
            self.end(storage, |key, _| key == id)?;
            return Err(GrantError::Invalid);
        }
        self.hand_out(storage, entropy, (&id, grant, fewer.cloned()), now)
    }

    /// Gives a token to an app that works under its own account.
    ///
    /// # Errors
    /// `Scope` when the app has no account or nothing is left of its scopes; `Full`, `Entropy`, `Storage`.
    pub fn for_backend(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        client: &Client,
        scopes: Scopes,
        now: Timestamp,
    ) -> Result<Tokens, GrantError> {
        let user = client.app.account.clone().ok_or(GrantError::Scope)?;
        if scopes.is_empty() || !client.confidential {
            return Err(GrantError::Scope);
        }
        let grant = Grant {
            app: client.app.id.clone(),
            user,
            personal: false,
            second_factor: false,
            session: String::new(),
            scopes: scopes.clone(),
            patient: None,
            encounter: None,
            nonce: None,
            since: now,
            redirect: String::new(),
            challenge: None,
        };
        let id = self.begin(storage, entropy, grant.clone(), now)?;
        let access = self.issue(storage, entropy, (&id, Sort::Access, None), BACKEND_FOR, now)?;
        Ok(Tokens {
            access,
            holds: BACKEND_FOR,
            refresh: None,
            scopes,
            grant,
        })
    }

    /// Takes the assertion that an app showed itself with, once. Call it before anything is granted for it.
    ///
    /// # Errors
    /// `Replayed`, `Full`, `Storage`.
    pub fn accept_assertion(
        &mut self,
        storage: &dyn Storage,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), GrantError> {
        let Some((jti, expires)) = &client.assertion else {
            return Ok(());
        };
        self.sweep(storage, now)?;
        let key = String::from(SecretHash::of(format!("{}\n{jti}", client.app.id).as_bytes()));
        if self.assertions.get(&key).is_some() {
            return Err(GrantError::Replayed);
        }
        if self.assertions.len() >= MOST {
            return Err(GrantError::Full);
        }
        Ok(self.assertions.put(storage, &key, *expires)?)
    }

    /// What a token opens; nothing when it is none, over, used, or a code.
    pub fn look(&self, token: &str, now: Timestamp) -> Option<Access> {
        let (_, issued, grant) = self.find(token, now)?;
        (!issued.used && issued.sort != Sort::Code).then(|| Access {
            scopes: issued.scopes.unwrap_or_else(|| grant.scopes.clone()),
            grant,
            expires: issued.expires,
            is_access: issued.sort == Sort::Access,
        })
    }

    /// Takes a token back, as its app asks (RFC 7009); with a refresh token the whole grant ends. Gives what it was.
    ///
    /// # Errors
    /// `Storage`; a token of another app is none.
    pub fn revoke(
        &mut self,
        storage: &dyn Storage,
        app: &AppId,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Grant>, GrantError> {
        let found = self.find(token, now);
        let Some((key, issued, grant)) = found.filter(|(_, _, grant)| grant.app == *app) else {
            return Ok(None);
        };
        if issued.sort == Sort::Access {
            self.tokens.remove(storage, |own, _| own == key)?;
        } else {
            self.end(storage, |own, _| own == issued.grant)?;
        }
        Ok(Some(grant))
    }

    /// What a person lets apps do now, with the handle of each.
    pub fn of_person(&self, user: &UserId, now: Timestamp) -> Vec<(String, Grant)> {
        let live: BTreeSet<&str> = self
            .tokens
            .iter()
            .filter(|(_, issued)| !issued.used && holds(issued, now))
            .map(|(_, issued)| issued.grant.as_str())
            .collect();
        let own = self
            .agreed
            .iter()
            .filter(|(_, grant)| grant.personal && grant.user == *user);
        own.filter(|(id, _)| live.contains(id))
            .map(|(id, grant)| (id.to_owned(), grant.clone()))
            .collect()
    }

    /// Ends one grant of a person; gives whether there was one.
    ///
    /// # Errors
    /// `Storage`.
    pub fn withdraw(&mut self, storage: &dyn Storage, user: &UserId, id: &str) -> Result<bool, GrantError> {
        Ok(self.end(storage, |key, grant| key == id && grant.user == *user)? > 0)
    }

    /// Ends what a person granted, and what apps do under that account.
    ///
    /// # Errors
    /// `Storage`.
    pub fn end_user(&mut self, storage: &dyn Storage, user: &UserId) -> Result<usize, StorageError> {
        self.end(storage, |_, grant| grant.user == *user)
    }

    /// Ends what an app was granted.
    ///
    /// # Errors
    /// `Storage`.
    pub fn end_app(&mut self, storage: &dyn Storage, app: &AppId) -> Result<usize, StorageError> {
        self.launches.remove(storage, |_, launch| launch.app == *app)?;
        self.end(storage, |_, grant| grant.app == *app)
    }

    /// Ends all grants: a clock was set back while the program did not run.
    ///
    /// # Errors
    /// `Storage`.
    pub fn end_all(&mut self, storage: &dyn Storage) -> Result<usize, StorageError> {
        self.launches.remove(storage, |_, _| true)?;
        self.end(storage, |_, _| true)
    }

    /// Keeps the context of a launch; gives the text by which the app names it.
    ///
    /// # Errors
    /// `Full`, `Entropy`, `Storage`.
    pub fn offer_launch(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        (app, user): (&AppId, &UserId),
        (patient, encounter): (PatientId, Option<&str>),
        now: Timestamp,
    ) -> Result<Token, GrantError> {
        self.sweep(storage, now)?;
        if self.launches.len() >= MOST {
            return Err(GrantError::Full);
        }
        let token = Token::draw(entropy)?;
        let launch = LaunchContext {
            app: app.clone(),
            user: user.clone(),
            patient,
            encounter: encounter.map(str::to_owned),
            hash: token.hash(),
            since: now,
        };
        self.launches.put(storage, &token.hash().handle(), launch)?;
        Ok(token)
    }

    /// The context that an app names, for the person who started it.
    pub fn launch(&self, token: &str, app: &AppId, user: &UserId, now: Timestamp) -> Option<&LaunchContext> {
        let hash = SecretHash::of(token.as_bytes());
        self.launches.get(&hash.handle()).filter(|launch| {
            let is_it = launch.hash.matches(&hash) && launch.app == *app && launch.user == *user;
            is_it && launch.since <= now && now.since(launch.since) < CONTEXT_FOR
        })
    }

    /// Uses a context up.
    ///
    /// # Errors
    /// `Invalid` when it is not there any more, `Storage`.
    pub fn take_launch(
        &mut self,
        storage: &dyn Storage,
        token: &str,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), GrantError> {
        let is_there = self.launch(token, app, user, now).is_some();
        let handle = SecretHash::of(token.as_bytes()).handle();
        is_there.then_some(()).ok_or(GrantError::Invalid)?;
        self.launches.remove(storage, |key, _| key == handle)?;
        Ok(())
    }

    fn find(&self, token: &str, now: Timestamp) -> Option<(String, Issued, Grant)> {
        let hash = SecretHash::of(token.as_bytes());
        let key = hash.handle();
        let issued = self
            .tokens
            .get(&key)
            .filter(|issued| issued.hash.matches(&hash))?;
        let grant = self.agreed.get(&issued.grant)?;
        holds(issued, now).then(|| (key, issued.clone(), grant.clone()))
    }

    /// Marks a code or refresh token as used; where it was already, the grant ends.
    fn use_up(
        &mut self,
        storage: &dyn Storage,
        key: &str,
        mut issued: Issued,
        now: Timestamp,
    ) -> Result<(), GrantError> {
        if issued.used {
            let id = issued.grant;
            self.end(storage, |key, _| key == id)?;
            return Err(GrantError::Reused);
        }
        issued.used = true;
        if issued.sort == Sort::Code {
            // Remembered as long as what was given for it holds, so that its second use ends that.
            issued.expires = now.after(ACCESS_FOR);
        } else {
            issued.expires = issued.expires.min(now.after(USED_FOR));
        }
        Ok(self.tokens.put(storage, key, issued)?)
    }

    fn hand_out(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        (id, grant, fewer): (&str, Grant, Option<Scopes>),
        now: Timestamp,
    ) -> Result<Tokens, GrantError> {
        let access = self.issue(
            storage,
            entropy,
            (id, Sort::Access, fewer.clone()),
            ACCESS_FOR,
            now,
        )?;
        let span = if grant.scopes.has(Special::OfflineAccess) {
            Some(REFRESH_FOR)
        } else {
            grant.scopes.has(Special::OnlineAccess).then_some(ONLINE_FOR)
        };
        let refresh = match span {
            Some(span) => Some(self.issue(storage, entropy, (id, Sort::Refresh, None), span, now)?),
            None => None,
        };
        Ok(Tokens {
            access,
            holds: ACCESS_FOR,
            refresh,
            scopes: fewer.unwrap_or_else(|| grant.scopes.clone()),
            grant,
        })
    }

    fn begin(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        grant: Grant,
        now: Timestamp,
    ) -> Result<String, GrantError> {
        self.sweep(storage, now)?;
        let id = Token::draw(entropy)?.hash().handle();
        self.agreed.put(storage, &id, grant)?;
        Ok(id)
    }

    fn issue(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        (grant, sort, scopes): (&str, Sort, Option<Scopes>),
        span: Duration,
        now: Timestamp,
    ) -> Result<Token, GrantError> {
        self.sweep(storage, now)?;
        if self.tokens.len() >= MOST {
            return Err(GrantError::Full);
        }
        let token = Token::draw(entropy)?;
        let issued = Issued {
            hash: token.hash(),
            grant: grant.to_owned(),
            sort,
            since: now,
            expires: now.after(span),
            used: false,
            scopes,
        };
        self.tokens.put(storage, &issued.hash.handle(), issued)?;
        Ok(token)
    }

    fn end(
        &mut self,
        storage: &dyn Storage,
        is_over: impl Fn(&str, &Grant) -> bool,
    ) -> Result<usize, StorageError> {
        let over: BTreeSet<String> = self
            .agreed
            .iter()
            .filter(|(key, grant)| is_over(key, grant))
            .map(|(key, _)| key.to_owned())
            .collect();
        // The grant first: without it its tokens open nothing.
        let count = self.agreed.remove(storage, |key, _| over.contains(key))?;
        self.tokens
            .remove(storage, |_, issued| over.contains(&issued.grant))?;
        Ok(count)
    }

    /// Removes what has ended, now and then.
    fn sweep(&mut self, storage: &dyn Storage, now: Timestamp) -> Result<(), StorageError> {
        if self.swept.is_some_and(|swept| now.since(swept) < SWEPT_EVERY) {
            return Ok(());
        }
        self.swept = Some(now);
        self.tokens.remove(storage, |_, issued| !holds(issued, now))?;
        let live: BTreeSet<String> = self
            .tokens
            .iter()
            .map(|(_, issued)| issued.grant.clone())
            .collect();
        self.agreed.remove(storage, |key, _| !live.contains(key))?;
        self.launches
            .remove(storage, |_, launch| now.since(launch.since) >= CONTEXT_FOR)?;
        self.assertions
            .remove(storage, |_, expires| now.since(*expires) >= ASSERTION_KEPT_FOR)?;
        Ok(())
    }
}
