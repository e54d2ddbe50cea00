//! The words of grants: what was agreed to, what is issued, why nothing is granted.

use crate::ids::{AppId, PatientId, UserId};
use crate::scopes::Scopes;
use crate::secret::{EntropyError, SecretHash, Token, same};
use crate::storage::StorageError;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use thiserror::Error;

/// Why nothing is granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GrantError {
    /// The code or token is none, of another app, or over.
    #[error("the code or token is not known, over, or of another app; ask the person again")]
    Invalid,
    /// It was used before. The grant has ended.
    #[error(
        "the code or token was used before; all that was granted with it has ended, ask the person again"
    )]
    Reused,
    /// The address is not the one that the code was sent to.
    #[error("redirect_uri is not the one that the code was asked for with")]
    Redirect,
    /// The verifier does not fit.
    #[error("code_verifier does not fit the code_challenge (RFC 7636)")]
    Verifier,
    /// More is asked for than was granted.
    #[error("more scopes are asked for than were granted")]
    Scope,
    /// The assertion was used before.
    #[error("client_assertion: its jti was used before; sign a new one")]
    Replayed,
    /// Too many tokens hold.
    #[error("too many tokens hold at once; try again later")]
    Full,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The storage failed; nothing was granted.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The hash of a verifier that only the app knows (RFC 7636, S256).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge(String);

impl Challenge {
    /// Reads a challenge: 43 letters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// Whether a verifier of 43 to 128 characters fits.
    pub(super) fn fits(&self, verifier: &str) -> bool {
        let is_sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let is_verifier = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_sign);
        is_verifier
            && same(
                &URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
                &self.0,
            )
    }
}

/// What a person agreed to.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The app.
    pub app: AppId,
    /// Who agreed.
    pub user: UserId,
    /// Whether that person gave two factors.
    pub second_factor: bool,
    /// The session in which that was.
    pub session: String,
    /// What is granted.
    pub scopes: Scopes,
    /// The patient of the launch.
    pub patient: Option<PatientId>,
    /// The hospital's own id of the visit.
    pub encounter: Option<String>,
    /// Where the code is sent.
    pub redirect: String,
    /// What the app must know to redeem it.
    pub challenge: Challenge,
    /// What the app wants to see again in the id token.
    pub nonce: Option<String>,
}

/// What was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// To which app.
    pub app: AppId,
    /// Under whose rights.
    pub user: UserId,
    /// Whether that person granted it; else it is the app's own account.
    pub personal: bool,
    /// Whether that person gave two factors then.
    pub second_factor: bool,
    /// The session in which it was granted.
    pub session: String,
    /// What.
    pub scopes: Scopes,
    /// The patient of the launch.
    pub patient: Option<PatientId>,
    /// The hospital's own id of the visit.
    pub encounter: Option<String>,
    /// What the app wants to see again in the id token.
    pub nonce: Option<String>,
    /// When.
    pub since: Timestamp,
    pub(super) redirect: String,
    pub(super) challenge: Option<Challenge>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sort {
    Code,
    Access,
    Refresh,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) hash: SecretHash,
    pub(super) grant: String,
    pub(super) sort: Sort,
    pub(super) since: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) used: bool,
    /// Fewer scopes than the grant's, where the app asked for fewer.
    pub(super) scopes: Option<Scopes>,
}

/// The context of a launch from a patient's page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LaunchContext {
    /// For which app.
    pub app: AppId,
    /// Who started it.
    pub user: UserId,
    /// With which patient.
    pub patient: PatientId,
    /// In which visit.
    pub encounter: Option<String>,
    pub(super) hash: SecretHash,
    pub(super) since: Timestamp,
}

/// Tokens for an app.
#[derive(Debug)]
pub struct Tokens {
    /// Opens what was granted.
    pub access: Token,
    /// For how long.
    pub holds: Duration,
    /// Fetches the next tokens.
    pub refresh: Option<Token>,
    /// What it opens.
    pub scopes: Scopes,
    /// The grant.
    pub grant: Grant,
}

/// What a token opens.
#[derive(Debug, Clone)]
pub struct Access {
    /// The grant.
    pub grant: Grant,
    /// What may be done with this token.
    pub scopes: Scopes,
    /// Until when.
    pub expires: Timestamp,
    /// Whether it opens something itself; a refresh token only fetches others.
    pub is_access: bool,
}

/// Whether it holds now: neither over nor of the future.
pub(super) fn holds(issued: &Issued, now: Timestamp) -> bool {
    issued.since <= now && now < issued.expires
}
