//! The programs of others that may ask for access (SMART App Launch 2.2): registered by an administrator, disabled, never
//! removed, so that an app's name is never given to another.

use crate::ids::{AppId, UserId};
use crate::jose::{Claims, JwtError, KeySet, KeySetError};
use crate::scopes::{Level, Scopes};
use crate::secret::{Entropy, EntropyError, SecretHash, Token};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most apps of an installation, disabled ones counted.
const MOST_APPS: usize = 1000;
/// Most addresses of an app.
const MOST_REDIRECTS: usize = 20;
/// Longest address, in bytes.
const LONGEST_ADDRESS: usize = 500;
/// Longest name, in characters.
const LONGEST_NAME: usize = 100;

/// How an app shows that it is itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Authentication {
    /// It cannot: it runs where everybody reads it. PKCE alone protects it.
    Public,
    /// With a secret that it shares with us.
    Secret(SecretHash),
    /// With a signed assertion (`private_key_jwt`).
    Keys(KeySet),
}

/// How an app shall show that it is itself.
#[derive(Debug, Clone)]
pub enum NewAuthentication {
    /// It cannot.
    Public,
    /// A secret is drawn for it.
    Secret,
    /// With the keys of this JWK set.
    Keys(String),
}

/// An app to be registered.
#[derive(Debug, Clone)]
pub struct NewApp {
    /// Its id (`client_id`).
    pub id: AppId,
    /// Its name, as people are shown it.
    pub name: String,
    /// Where codes may be sent, compared letter by letter.
    pub redirects: Vec<String>,
    /// Where it is started from a patient's page.
    pub launch: Option<String>,
    /// The most that it may be granted.
    pub scopes: Scopes,
    /// How it shows that it is itself.
    pub authentication: NewAuthentication,
    /// The account under whose rights it works when nobody is there (`system/` scopes).
    pub account: Option<UserId>,
}

/// A registered app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct App {
    /// Its id (`client_id`).
    pub id: AppId,
    /// Its name.
    pub name: String,
    /// Where codes may be sent.
    pub redirects: Vec<String>,
    /// Where it is started from a patient's page.
    pub launch: Option<String>,
    /// The most that it may be granted.
    pub scopes: Scopes,
    authentication: Authentication,
    /// The account under whose rights it works when nobody is there.
    pub account: Option<UserId>,
    /// Whether it may do anything.
    pub active: bool,
    /// When it was registered.
    pub registered: Timestamp,
}

/// Why an app is not registered or changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AppError {
    /// No such app.
    #[error("app {0}: no such app is registered")]
    NotFound(AppId),
    /// The id is taken.
    #[error("app {0}: the id is taken; choose another")]
    Taken(AppId),
    /// There are too many.
    #[error("there are {MOST_APPS} apps already")]
    TooMany,
    /// Its name.
    #[error("a name of 1 to {LONGEST_NAME} characters is wanted")]
    Name,
    /// An address.
    #[error(
        "address {0}: wanted is https://..., http://127.0.0.1... for an app on the same machine, or an app's own scheme such as com.example.app:/done; without # and blanks"
    )]
    Address(String),
    /// No address, or too many.
    #[error("1 to {MOST_REDIRECTS} addresses for codes are wanted; none for an app with system/ scopes only")]
    Redirects,
    /// Scopes that are none of ours.
    #[error("scopes {0}: not known here")]
    Scopes(String),
    /// `system/` scopes need keys and an account.
    #[error("system/ scopes need the app's public keys (JWK set) and an account under whose rights it reads")]
    System,
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeySetError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What an app gives to show that it is itself.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// Nothing but its id.
    Nothing,
    /// A secret.
    Secret(&'a str),
    /// A signed assertion.
    Assertion(&'a str),
}

/// Why an app is not believed to be itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no such app, or it is disabled.
    #[error("no such app is registered, or it is disabled")]
    Unknown,
    /// It gave nothing, or another thing than it was registered with.
    #[error("the app must show that it is itself in the way it was registered with")]
    Method,
    /// The secret is wrong.
    #[error("the secret of the app is not right")]
    Secret,
    /// The assertion is wrong.
    #[error("client_assertion: {0}")]
    Assertion(#[from] JwtError),
    /// A claim of the assertion is wrong or missing.
    #[error("client_assertion: the claim {0} is missing or not right")]
    Claim(&'static str),
}

/// Proof that an app is itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// The app.
    pub app: App,
    /// Whether it showed more than its id.
    pub confidential: bool,
    /// Id and end of the assertion, which is to be taken once (`Grants::accept_assertion`).
    pub(crate) assertion: Option<(String, Timestamp)>,
}

/// Longest time ahead for which an assertion may hold (SMART App Launch 2.2, backend services).
const ASSERTION_AHEAD: i64 = 300;
/// How far the clocks of two systems may be apart, in seconds.
const APART: i64 = 30;

impl App {
    /// The word for how it shows that it is itself, as OAuth has it.
    pub fn method(&self) -> &'static str {
        match self.authentication {
            Authentication::Public => "none",
            Authentication::Secret(_) => "client_secret_basic",
            Authentication::Keys(_) => "private_key_jwt",
        }
    }

    /// Checks what it gives. `audiences` are the addresses under which the token's address may be named.
    fn shows(&self, given: Given<'_>, audiences: &[String], now: Timestamp) -> Result<Client, ClientError> {
        let client = |confidential, assertion| Client {
            app: self.clone(),
            confidential,
            assertion,
        };
        match (&self.authentication, given) {
            (Authentication::Public, Given::Nothing) => Ok(client(false, None)),
            (Authentication::Secret(hash), Given::Secret(secret)) => {
                let is_right = hash.matches(&SecretHash::of(secret.as_bytes()));
                is_right.then(|| client(true, None)).ok_or(ClientError::Secret)
            }
            (Authentication::Keys(keys), Given::Assertion(assertion)) => {
                let claims = keys.verify(assertion)?;
                let once = self.asserted(&claims, audiences, now)?;
                Ok(client(true, Some(once)))
            }
            _ => Err(ClientError::Method),
        }
    }

    /// RFC 7523, clause 3, and SMART's backend services: iss, sub, aud, exp in five minutes at most, jti.
    fn asserted(
        &self,
        claims: &Claims,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<(String, Timestamp), ClientError> {
        let holds = |is: bool, name| is.then_some(()).ok_or(ClientError::Claim(name));
        for name in ["iss", "sub"] {
            holds(claims.text(name) == Some(self.id.as_str()), name)?;
        }
        let aud = claims.texts("aud");
        holds(
            aud.iter().any(|one| audiences.iter().any(|own| own == one)),
            "aud",
        )?;
        let exp = claims.seconds("exp").ok_or(ClientError::Claim("exp"))?;
        holds(
            exp > now.get() && exp <= now.get().saturating_add(ASSERTION_AHEAD + APART),
            "exp",
        )?;
        for name in ["iat", "nbf"] {
            let latest = now.get().saturating_add(APART);
            holds(claims.seconds(name).is_none_or(|at| at <= latest), name)?;
        }
        let jti = claims.text("jti").ok_or(ClientError::Claim("jti"))?;
        holds((1..=255).contains(&jti.len()), "jti")?;
        Ok((jti.to_owned(), Timestamp::new(exp)))
    }
}

/// Reads who a signed assertion says it is, so that its keys are found; nothing of it is believed yet.
pub fn assertion_of(assertion: &str) -> Option<AppId> {
    use base64::Engine as _;
    let payload = assertion.split('.').nth(1).filter(|part| part.len() <= 8192)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    AppId::parse(value.get("sub")?.as_str()?).ok()
}

/// All registered apps.
#[derive(Debug)]
pub struct Apps {
    shelf: Shelf<App>,
}

impl Apps {
    /// Reads the apps.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            shelf: Shelf::load(Kind::App, storage)?,
        })
    }

    /// Registers an app; gives its secret, shown once, where it has one.
    ///
    /// # Errors
    /// What is wrong with it; `Entropy`, `Storage`.
    pub fn register(
        &mut self,
        storage: &dyn Storage,
        entropy: &mut dyn Entropy,
        new: NewApp,
        now: Timestamp,
    ) -> Result<Option<Token>, AppError> {
        if self.shelf.get(new.id.as_str()).is_some() {
            return Err(AppError::Taken(new.id));
        }
        if self.shelf.len() >= MOST_APPS {
            return Err(AppError::TooMany);
        }
        check(&new)?;
        let (authentication, secret) = match new.authentication {
            NewAuthentication::Public => (Authentication::Public, None),
            NewAuthentication::Secret => {
                let token = Token::draw(entropy)?;
                (Authentication::Secret(token.hash()), Some(token))
            }
            NewAuthentication::Keys(text) => (Authentication::Keys(KeySet::parse(&text)?), None),
        };
        let key = new.id.as_str().to_owned();
        let app = App {
            id: new.id,
            name: new.name.trim().to_owned(),
            redirects: new.redirects,
            launch: new.launch,
            scopes: new.scopes,
            authentication,
            account: new.account,
            active: true,
            registered: now,
        };
        self.shelf.put(storage, &key, app)?;
        Ok(secret)
    }

    /// Lets an app in again or shuts it out. Its grants are to be ended then (`Grants::end_app`).
    ///
    /// # Errors
    /// `NotFound`, `Storage`.
    pub fn switch(&mut self, storage: &dyn Storage, id: &AppId, active: bool) -> Result<(), AppError> {
        let found = self.shelf.get(id.as_str()).cloned();
        let mut app = found.ok_or_else(|| AppError::NotFound(id.clone()))?;
        app.active = active;
        Ok(self.shelf.put(storage, id.as_str(), app)?)
    }

    /// An app that is not disabled.
    pub fn active(&self, id: &AppId) -> Option<&App> {
        self.shelf.get(id.as_str()).filter(|app| app.active)
    }

    /// All apps, in the order of their ids.
    pub fn list(&self) -> impl Iterator<Item = &App> {
        self.shelf.iter().map(|(_, app)| app)
    }

    /// Checks that an app is itself. An assertion is not used up yet: `Grants::accept_assertion` does that.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn authenticate(
        &self,
        id: &AppId,
        given: Given<'_>,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Client, ClientError> {
        let app = self.active(id).ok_or(ClientError::Unknown)?;
        app.shows(given, audiences, now)
    }
}

fn check(new: &NewApp) -> Result<(), AppError> {
    let length = new.name.trim().chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || new.name.chars().any(char::is_control) {
        return Err(AppError::Name);
    }
    let addresses = new.redirects.iter().chain(&new.launch);
    if let Some(wrong) = addresses.into_iter().find(|address| !is_address(address)) {
        return Err(AppError::Address(wrong.chars().take(80).collect()));
    }
    if new
        .launch
        .as_deref()
        .is_some_and(|launch| !launch.starts_with("http"))
    {
        return Err(AppError::Address(new.launch.clone().unwrap_or_default()));
    }
    let system = new.scopes.has_level(Level::System);
    let has_keys = matches!(new.authentication, NewAuthentication::Keys(_));
    if system && !(has_keys && new.account.is_some()) {
        return Err(AppError::System);
    }
    let only_system = system && new.scopes.without_level(Level::System).is_empty();
    let wanted = usize::from(!only_system)..=MOST_REDIRECTS;
    if !wanted.contains(&new.redirects.len()) {
        return Err(AppError::Redirects);
    }
    if new.scopes.is_empty() {
        return Err(AppError::Scopes("-".to_owned()));
    }
    Ok(())
}

/// Whether a code may be sent there: by TLS, to the same machine (RFC 8252, clause 7.3), or to a scheme of the app's own
/// (clause 7.1). `javascript:` and the like have no dot, and are none.
fn is_address(address: &str) -> bool {
    let is_plain = address.bytes().all(|b| {
        b.is_ascii_graphic() && !matches!(b, b'#' | b'"' | b'<' | b'>' | b'\\' | b'\'' | b';' | b',')
    });
    let Some((scheme, rest)) = address.split_once(':') else {
        return false;
    };
    let host = rest
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let is_there = match scheme {
        "https" => host.is_some_and(|host| !host.is_empty() && !host.contains('@')),
        "http" => host.is_some_and(|host| {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            matches!(name, "localhost" | "127.0.0.1" | "[::1]") || host == "[::1]"
        }),
        scheme => {
            scheme.contains('.')
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        }
    };
    is_plain && is_there && address.len() <= LONGEST_ADDRESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_to_safe_addresses_only() {
        for (address, wanted) in [
            ("https://app.example/done", true),
            ("https://app.example:8443/done?x=1", true),
            ("http://127.0.0.1:9000/done", true),
            ("http://localhost/done", true),
            ("http://[::1]:9000/", true),
            ("com.example.app:/done", true),
            ("http://app.example/done", false),
            ("http://127.0.0.1.evil.example/", false),
            ("https://app.example/done#x", false),
            ("https://user@app.example/", false),
            ("https:///done", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("https://app.example/a b", false),
            ("/done", false),
            ("", false),
        ] {
            assert_eq!(is_address(address), wanted, "{address}");
        }
    }
}
