//! The secrets that other systems share with this one: files in the folder of the store that only its owner reads.

use super::SystemEntropy;
use anyhow::{Context as _, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsumugi_access::{Entropy as _, LaunchKey};

/// Signs launch links.
const LAUNCH: &str = "launch.key";
/// Admits the hospital's system to the services.
const SERVICES: &str = "services.token";
/// Signs id tokens of apps.
const SIGNING: &str = "signing.key";
/// Bytes of a secret.
const LENGTH: usize = 32;

/// The secrets of an installation.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Signs launch links.
    pub(crate) launch: LaunchKey,
    services: String,
    /// Signs id tokens of apps.
    pub(crate) signing: Arc<SigningKey>,
}

/// Signs with ES256 (RFC 7518, clause 3.4).
pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// Name of the key: the first digits of the SHA-256 of its point.
    name: String,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

impl SigningKey {
    /// Reads a key in PKCS #8 form.
    fn read(bytes: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random).ok()?;
        let digest = Sha256::digest(pair.public_key().as_ref());
        let name = hexadecimal(digest.get(..8)?);
        Some(Self { pair, random, name })
    }

    /// A key that is nowhere kept, for tests.
    #[cfg(test)]
    pub(crate) fn drawn() -> Self {
        Self::read(&bytes(&Self::draw().unwrap()).unwrap()).unwrap()
    }

    fn draw() -> anyhow::Result<String> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.map_err(|_| anyhow!("no randomness from the system"))?;
        Ok(hexadecimal(document.as_ref()))
    }

    /// The public part as a JWK set (RFC 7517).
    pub(crate) fn set(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let half =
            |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.name,
            "x": half(1..33), "y": half(33..65),
        }]})
    }

    /// Signs claims as a token (JWS compact, RFC 7515); nothing where there is no randomness.
    pub(crate) fn sign(&self, claims: &Value) -> Option<String> {
        let head = json!({"alg": "ES256", "kid": self.name, "typ": "JWT"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&head), part(claims));
        let signature = self.pair.sign(&self.random, text.as_bytes()).ok()?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
    }
}

impl Keys {
    /// Reads the secrets; makes those that are not there yet, with mode 0600.
    ///
    /// # Errors
    /// When a file cannot be read or made, holds something else, or others may read it.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let launch = secret(&folder.join(LAUNCH), draw)?;
        let launch = LaunchKey::new(launch.as_bytes()).context("the launch key is too short")?;
        let place = folder.join(SIGNING);
        let signing = secret(&place, SigningKey::draw)?;
        let signing = bytes(&signing).as_deref().and_then(SigningKey::read);
        let signing = signing.with_context(|| {
            format!(
                "{}: no key of this program; put the file of a backup there, or remove it and a new key is drawn",
                place.display()
            )
        })?;
        Ok(Self {
            launch,
            services: secret(&folder.join(SERVICES), draw)?,
            signing: Arc::new(signing),
        })
    }

    /// Secrets that are nowhere kept, for tests.
    #[cfg(test)]
    pub(crate) fn drawn() -> Self {
        let services = draw().unwrap();
        Self {
            launch: LaunchKey::new(draw().unwrap().as_bytes()).unwrap(),
            services,
            signing: Arc::new(SigningKey::drawn()),
        }
    }

    /// The token of the hospital's system, for tests.
    #[cfg(test)]
    pub(crate) fn services_token(&self) -> &str {
        &self.services
    }

    /// Where the secrets are.
    pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
        [folder.join(LAUNCH), folder.join(SERVICES)]
    }

    /// Whether a header `Authorization` is the hospital's system, compared in constant time.
    pub(crate) fn admits(&self, header: Option<&str>) -> bool {
        let given = header
            .and_then(|header| header.strip_prefix("Bearer "))
            .unwrap_or_default()
            .trim();
        let same_length = given.len() == self.services.len();
        let pairs = given.bytes().zip(self.services.bytes());
        let differing = pairs.fold(0_u8, |sum, (a, b)| sum | (a ^ b));
        same_length && std::hint::black_box(differing) == 0
    }
}

fn draw() -> anyhow::Result<String> {
    let mut bytes = [0; LENGTH];
    SystemEntropy.fill(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Reads hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn secret(path: &Path, draw: fn() -> anyhow::Result<String>) -> anyhow::Result<String> {
    let place = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            refuse_open(path)?;
            let text = text.trim();
            if text.len() < 2 * LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                bail!("{place}: at least {} hexadecimal digits are wanted", 2 * LENGTH);
            }
            Ok(text.to_owned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = draw()?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let written = options
                .open(path)
                .and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()));
            written.with_context(|| format!("{place}: cannot be written"))?;
            Ok(text)
        }
        Err(error) => Err(error).with_context(|| format!("{place}: cannot be read")),
    }
}

/// Refuses a secret that others may read.
pub(crate) fn refuse_open(path: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let place = path.display();
        let mode = std::fs::metadata(path)
            .with_context(|| format!("{place}: cannot be read"))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            bail!(
                "{place}: others may read it (mode {:03o}); chmod 600 it, and replace it if they did",
                mode & 0o777
            );
        }
    }
    Ok(())
}
