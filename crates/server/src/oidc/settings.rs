//! The file that `serve --oidc` names (TOML): which provider, and who may come from there.
//!
//! ```toml
//! issuer = "https://id.hospital.example"
//! client_id = "tsumugi"
//! secret_file = "/etc/tsumugi/oidc.secret"   # without it the provider must take public clients
//! claim = "preferred_username"               # names the account here
//! ca_file = "/etc/ssl/certs/ca-certificates.crt"
//! trust_second_factor = true                 # two factors there (amr: mfa) count as two here
//! [newcomers]                                # without it a person needs an account first
//! role = "nurse"
//! department = "internal"
//! ```

use super::client::{Http, Url};
use super::provider::{Discovered, Keys};
use crate::access::Newcomers;
use crate::access::refuse_open;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tsumugi_access::Timestamp;

/// Longest secret, in bytes.
const LONGEST_SECRET: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are the words of the file")]
struct File {
    issuer: String,
    client_id: String,
    secret_file: Option<PathBuf>,
    #[serde(default = "usual_claim")]
    claim: String,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    trust_second_factor: bool,
    newcomers: Option<NewcomersFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewcomersFile {
    role: String,
    department: String,
}

fn usual_claim() -> String {
    "preferred_username".to_owned()
}

/// A sign-in that has begun.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// What the id token must say again.
    pub(super) nonce: String,
    /// What the token's address wants to know (RFC 7636).
    pub(super) verifier: String,
    /// Ties it to the browser.
    pub(super) browser: String,
    /// Where to go on.
    pub(super) next: String,
    /// When it began.
    pub(super) since: Timestamp,
}

/// The hospital's own sign-in.
pub(crate) struct Oidc {
    /// Who the provider is.
    pub(super) issuer: String,
    /// Who we are there.
    pub(super) client_id: String,
    /// What shows that.
    pub(super) secret: Option<String>,
    /// The claim that names the account.
    pub(super) claim: String,
    /// Whether two factors there count as two here.
    pub(super) trusts_second_factor: bool,
    /// What a person without an account becomes.
    pub(super) newcomers: Option<Newcomers>,
    /// Asks the provider.
    pub(super) http: Http,
    /// Its addresses, once they are known.
    pub(super) discovered: Mutex<Option<Discovered>>,
    /// Its keys, once they are known.
    pub(super) keys: Mutex<Option<Keys>>,
    /// Sign-ins that have begun, by state.
    pending: Mutex<BTreeMap<String, Pending>>,
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oidc({})", self.issuer)
    }
}

impl Oidc {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong in it, and what is wanted.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{place}: cannot be read"))?;
        let file: File =
            toml::from_str(&text).with_context(|| format!("{place}: not as docs/guides/smart.md says"))?;
        Self::of(file).with_context(|| format!("{place}"))
    }

    fn of(file: File) -> anyhow::Result<Self> {
        let issuer = Url::parse(&file.issuer)
            .context("issuer: https://... is wanted (http:// on this machine only)")?;
        ensure!(
            !file.client_id.is_empty(),
            "client_id: our id at the provider is wanted"
        );
        ensure!(
            !file.claim.is_empty(),
            "claim: the name of the claim that names the account is wanted"
        );
        let secret = match &file.secret_file {
            None => None,
            Some(path) => {
                let place = path.display();
                refuse_open(path)?;
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("{place}: cannot be read"))?;
                let text = text.trim();
                ensure!(
                    (1..=LONGEST_SECRET).contains(&text.len()),
                    "{place}: a secret of 1 to {LONGEST_SECRET} bytes is wanted"
                );
                Some(text.to_owned())
            }
        };
        let http = match (&file.ca_file, issuer.is_secure()) {
            (Some(path), _) => Http::with_roots(path)?,
            (None, false) => Http::plain(),
            (None, true) => bail!(
                "ca_file: name the file of certificates (PEM) that the provider's is held against, e.g. /etc/ssl/certs/ca-certificates.crt"
            ),
        };
        Ok(Self {
            issuer: file.issuer,
            client_id: file.client_id,
            secret,
            claim: file.claim,
            trusts_second_factor: file.trust_second_factor,
            newcomers: file.newcomers.map(|newcomers| Newcomers {
                role: newcomers.role,
                department: newcomers.department,
            }),
            http,
            discovered: Mutex::default(),
            keys: Mutex::default(),
            pending: Mutex::default(),
        })
    }

    /// The same from text, for tests.
    #[cfg(test)]
    pub(crate) fn of_text(text: &str) -> anyhow::Result<Self> {
        Self::of(toml::from_str(text)?)
    }

    /// Remembers a sign-in that begins; the oldest are forgotten when there are too many.
    pub(super) fn begin(&self, state: String, pending: Pending) {
        let now = pending.since;
        let mut all = lock(&self.pending);
        all.retain(|_, other| holds(other, now));
        while all.len() >= MOST_PENDING {
            let oldest = all
                .iter()
                .min_by_key(|(_, other)| other.since)
                .map(|(state, _)| state.clone());
            if oldest.and_then(|state| all.remove(&state)).is_none() {
                break;
            }
        }
        all.insert(state, pending);
    }

    /// Takes a sign-in that has begun, once.
    pub(super) fn take(&self, state: &str, now: Timestamp) -> Option<Pending> {
        lock(&self.pending)
            .remove(state)
            .filter(|pending| holds(pending, now))
    }
}

/// Most sign-ins that have begun and are remembered.
const MOST_PENDING: usize = 1000;
/// Seconds for which they are.
const PENDING_FOR: u64 = 600;

fn holds(pending: &Pending, now: Timestamp) -> bool {
    pending.since <= now && now.since(pending.since).as_secs() < PENDING_FOR
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
