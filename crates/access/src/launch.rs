//! Launch links: the hospital's own system opens a patient here, `/open?patient=…&user=…&signature=…`.
//!
//! The two systems share a key. The signature is HMAC-SHA-256 (RFC 2104) over all fields, each with its length in front,
//! so that no two different links have the same text to sign. A link holds for ten minutes at most and opens once: its
//! nonce is kept for a week after it expired, so that not even a clock set back by less than a week, with a restart,
//! lets it in again.
//!
//! The text to sign, in UTF-8, is the line `tsumugi-open-1`, then for `patient`, `encounter`, `user`, `expires`, `nonce`
//! in this order a line `<name>=<bytes>:<value>`; every line ends with LF. A link without an encounter has `encounter=-`.
//! The signature is written as 64 lower-case hexadecimal digits.

use crate::secret::{Entropy, EntropyError, draw, hex, unhex};
use crate::storage::{Kind, Shelf, Storage, StorageError};
use crate::time::Timestamp;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Longest time for which a launch link may hold.
pub const LAUNCH_FOR_AT_MOST: Duration = Duration::from_secs(10 * 60);

/// How long a used nonce is remembered after its link expired.
const NONCE_KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Shortest key, in bytes: as long as the hash (RFC 2104, clause 3).
const SHORTEST_KEY: usize = 32;

/// Length of a nonce, in characters; 16 random bytes in hexadecimal digits are 32.
const NONCE: std::ops::RangeInclusive<usize> = 16..=128;

/// Longest value of a field, in bytes.
const LONGEST_FIELD: usize = 256;

/// The key that is shared with the hospital's system.
#[derive(Clone)]
pub struct LaunchKey(Vec<u8>);

impl LaunchKey {
    /// Takes a key of 32 bytes or more; nothing when it is shorter.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= SHORTEST_KEY).then(|| Self(bytes.to_vec()))
    }

    /// Draws a key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let bytes: [u8; SHORTEST_KEY] = draw(entropy)?;
        Ok(Self(bytes.to_vec()))
    }
}

impl fmt::Debug for LaunchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaunchKey(..)")
    }
}

/// What a launch link says. The fields are text as the other system wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The patient's number.
    pub patient: String,
    /// The encounter, where one is named.
    pub encounter: Option<String>,
    /// The user's name here.
    pub user: String,
    /// When it expires.
    pub expires: Timestamp,
    /// Random text that makes the link single.
    pub nonce: String,
}

/// Why a launch link opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A field is missing, too long or of the wrong form.
    #[error("the link has a field of the wrong form: {0}")]
    Malformed(&'static str),
    /// The signature is not of this key, or the link was changed.
    #[error("the signature of the link is not right")]
    Forged,
    /// Its time is over.
    #[error("the link expired; open the patient again")]
    Expired,
    /// It would hold for longer than ten minutes.
    #[error("the link would hold for too long; compare the clocks of the two systems")]
    TooFar,
    /// It was opened before.
    #[error("the link was opened before; open the patient again")]
    Replayed,
    /// The storage failed; nothing was opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Launch {
    /// Signs the link: 64 hexadecimal digits.
    pub fn sign(&self, key: &LaunchKey) -> String {
        self.mac(key)
            .map(|mac| hex(&mac.finalize().into_bytes()))
            .unwrap_or_default()
    }

    fn mac(&self, key: &LaunchKey) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length, so this is never none.
        let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).ok()?;
        let expires = self.expires.to_string();
        let fields = [
            ("patient", Some(self.patient.as_str())),
            ("encounter", self.encounter.as_deref()),
            ("user", Some(self.user.as_str())),
            ("expires", Some(expires.as_str())),
            ("nonce", Some(self.nonce.as_str())),
        ];
        mac.update(b"tsumugi-open-1\n");
        for (name, value) in fields {
            let line = match value {
                Some(value) => format!("{name}={}:{value}\n", value.len()),
                None => format!("{name}=-\n"),
            };
            mac.update(line.as_bytes());
        }
        Some(mac)
    }

    fn check_form(&self) -> Result<(), LaunchError> {
        let is_field = |text: &str| (1..=LONGEST_FIELD).contains(&text.len());
        let wrong = |name| Err(LaunchError::Malformed(name));
        if !is_field(&self.patient) {
            return wrong("patient");
        }
        if !self.encounter.as_deref().is_none_or(is_field) {
            return wrong("encounter");
        }
        if !is_field(&self.user) {
            return wrong("user");
        }
        let is_nonce = NONCE.contains(&self.nonce.len()) && self.nonce.bytes().all(|b| b.is_ascii_graphic());
        if !is_nonce {
            return wrong("nonce");
        }
        Ok(())
    }
}

/// The nonces of links that were opened.
#[derive(Debug)]
pub struct Launches {
    /// When the link of the nonce expires.
    used: Shelf<Timestamp>,
}

impl Launches {
    /// Reads the nonces.
    ///
    /// # Errors
    /// When the storage fails or holds what this program did not write.
    pub fn load(storage: &dyn Storage) -> Result<Self, StorageError> {
        Ok(Self {
            used: Shelf::load(Kind::Nonce, storage)?,
        })
    }

    /// Opens a launch link, once. `keys` are those that hold: the present one and, for a while, the one before it.
    /// Whether its user is signed in and may read the patient is asked elsewhere.
    ///
    /// # Errors
    /// Why it opens nothing. The signature is verified first, so that a forger learns nothing else.
    pub fn open(
        &mut self,
        storage: &dyn Storage,
        keys: &[LaunchKey],
        launch: &Launch,
        signature: &str,
        now: Timestamp,
    ) -> Result<(), LaunchError> {
        launch.check_form()?;
        let signature = unhex(signature).unwrap_or_default();
        // `verify_slice` compares in constant time. Every key is tried.
        let right = keys
            .iter()
            .filter_map(|key| launch.mac(key))
            .filter(|mac| mac.clone().verify_slice(&signature).is_ok())
            .count();
        if right == 0 {
            return Err(LaunchError::Forged);
        }
        if launch.expires <= now {
            return Err(LaunchError::Expired);
        }
        if launch.expires > now.after(LAUNCH_FOR_AT_MOST) {
            return Err(LaunchError::TooFar);
        }
        if self.used.get(&launch.nonce).is_some() {
            return Err(LaunchError::Replayed);
        }
        self.used
            .remove(storage, |_, expired| now.since(*expired) >= NONCE_KEPT_FOR)?;
        Ok(self.used.put(storage, &launch.nonce, launch.expires)?)
    }
}
