//! Secrets: random tokens, their hashes, and the letters they are written in.
//!
//! Randomness comes in through [`Entropy`], because nothing below the server draws any. A token leaves the program once,
//! towards the person; the store holds its SHA-256 only. A token has 256 random bits, so a fast hash is enough: there is
//! nothing to guess. Two hashes are compared in constant time.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

/// The system gave no randomness.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no randomness from the system: {0}")]
pub struct EntropyError(pub String);

/// A source of random bytes, fit for keys (`getrandom(2)` or the like).
pub trait Entropy {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the system gives none; the bytes are then not to be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// Draws `N` random bytes.
pub(crate) fn draw<const N: usize>(entropy: &mut dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// A secret of 256 random bits. It is shown once, to the person it is for; neither `Debug` nor a log shows it.
pub struct Token([u8; 32]);

impl Token {
    /// Draws a token.
    pub(crate) fn draw(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        draw(entropy).map(Self)
    }

    /// Writes the token for a cookie or link: 64 hexadecimal digits.
    pub fn reveal(&self) -> String {
        hex(&self.0)
    }

    /// What the store keeps of it.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(self.reveal().as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The SHA-256 of a random secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    /// Hashes a secret as it was written.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The first 16 digits: a public handle under which the thing is listed. It says nothing about the secret.
    pub(crate) fn handle(&self) -> String {
        hex(self.0.get(..8).unwrap_or_default())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

impl From<SecretHash> for String {
    fn from(hash: SecretHash) -> Self {
        hex(&hash.0)
    }
}

impl TryFrom<String> for SecretHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = unhex(&text).ok_or("not hexadecimal")?;
        bytes.try_into().map(Self).map_err(|_| "not 32 bytes")
    }
}

/// Compares two strings in constant time; their lengths are no secret.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// The letters of base 32 (RFC 4648, clause 6): no 0, 1, 8 that could be taken for O, I, B.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Writes bytes in base 32 without padding.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut rest, mut bits) = (0_u32, 0);
    let mut push = |value: u32| {
        let letter = BASE32.get((value & 31) as usize).copied().unwrap_or(b'A');
        text.push(char::from(letter));
    };
    for byte in bytes {
        rest = (rest << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(rest >> bits);
        }
    }
    if bits > 0 {
        push(rest << (5 - bits));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn hexadecimal_there_and_back() {
        assert_eq!(hex(&[0, 0x9f, 0xff]), "009fff");
        assert_eq!(unhex("009fFF"), Some(vec![0, 0x9f, 0xff]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("0g"), None);
        assert_eq!(unhex("\u{e9}"), None);
    }

    #[test]
    fn a_token_shows_itself_to_nobody_by_accident() {
        let token = Token([7; 32]);
        assert_eq!(
            format!("{token:?} {:?}", token.hash()),
            "Token(..) SecretHash(..)"
        );
        assert!(token.hash().matches(&SecretHash::of(token.reveal().as_bytes())));
        assert!(!token.hash().matches(&SecretHash::of(b"")));
    }
}
