//! Signed tokens of others (JWS compact, RFC 7515; JWT, RFC 7519), verified with their keys (JWK sets, RFC 7517).
//!
//! Nothing of a token is believed before its signature is verified. The algorithms are RS256, RS384, ES256 and ES384;
//! `none` and the HMACs are none of ours, so that a public key is never taken for a secret. The key says which algorithm
//! it is for; the token does not choose.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use thiserror::Error;

/// Longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 16 << 10;
/// Longest key set, in bytes.
const LONGEST_SET: usize = 256 << 10;
/// Most keys of a set.
const MOST_KEYS: usize = 64;

/// Why a key set is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// It is too long or has too many keys.
    #[error("the key set is longer than {LONGEST_SET} bytes or has more than {MOST_KEYS} keys")]
    TooLong,
    /// It is no JSON object with an array `keys`.
    #[error("the key set is no JSON object with an array \"keys\" (RFC 7517)")]
    Form,
    /// A private key is in it.
    #[error("key {0} of the set holds a private key: draw a new one and send the public part only")]
    Private(usize),
    /// No key of it can be used.
    #[error("no key of the set can verify RS256, RS384, ES256 or ES384")]
    Empty,
}

/// Why a signed token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwtError {
    /// It is no signed token, or too long.
    #[error("no signed token (JWT) of three parts")]
    Form,
    /// It is signed with an algorithm that is not taken, or not at all.
    #[error("the token is not signed with RS256, RS384, ES256 or ES384")]
    Algorithm,
    /// No key of the set has its name and algorithm.
    #[error("the token is signed with a key that is not known")]
    UnknownKey,
    /// The signature is not of this key, or the token was changed.
    #[error("the signature of the token is not right")]
    Signature,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Es256,
    Es384,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "RS384" => Some(Self::Rs384),
            "ES256" => Some(Self::Es256),
            "ES384" => Some(Self::Es384),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq)]
struct Key {
    name: Option<String>,
    /// The only algorithm that it is for, where it says one.
    only: Option<Algorithm>,
    material: Material,
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match self.material {
            Material::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Rs384),
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
        };
        fits && self.only.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                let parameters = if algorithm == Algorithm::Rs384 {
                    &RSA_PKCS1_2048_8192_SHA384
                } else {
                    &RSA_PKCS1_2048_8192_SHA256
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::P384(point) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

/// The public keys of an app or a provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeySet {
    text: String,
    keys: Vec<Key>,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.keys.len())
    }
}

impl From<KeySet> for String {
    fn from(set: KeySet) -> Self {
        set.text
    }
}

impl TryFrom<String> for KeySet {
    type Error = KeySetError;

    fn try_from(text: String) -> Result<Self, KeySetError> {
        Self::parse(&text)
    }
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds or for encryption are left out, as RFC 7517 (clause 5) wants.
    ///
    /// # Errors
    /// When it is too long, of another form, holds a private key, or no key that could verify.
    pub fn parse(text: &str) -> Result<Self, KeySetError> {
        if text.len() > LONGEST_SET {
            return Err(KeySetError::TooLong);
        }
        let value: Value = serde_json::from_str(text).map_err(|_| KeySetError::Form)?;
        let list = value
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Form)?;
        if list.len() > MOST_KEYS {
            return Err(KeySetError::TooLong);
        }
        if let Some(place) = list.iter().position(|key| key.get("d").is_some()) {
            return Err(KeySetError::Private(place + 1));
        }
        let keys: Vec<Key> = list.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Err(KeySetError::Empty);
        }
        Ok(Self {
            text: text.to_owned(),
            keys,
        })
    }

    /// Verifies a token; gives what it claims.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(&self, token: &str) -> Result<Claims, JwtError> {
        if token.len() > LONGEST_TOKEN {
            return Err(JwtError::Form);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwtError::Form);
        };
        let head = object(header).ok_or(JwtError::Form)?;
        // An extension that must be understood is one that we do not (RFC 7515, clause 4.1.11).
        if head.contains_key("crit") {
            return Err(JwtError::Form);
        }
        let algorithm = head.get("alg").and_then(Value::as_str).and_then(Algorithm::of);
        let algorithm = algorithm.ok_or(JwtError::Algorithm)?;
        let named = head.get("kid").and_then(Value::as_str);
        let fitting = self.keys.iter().filter(|key| {
            key.is_for(algorithm)
                && named.is_none_or(|name| key.name.as_deref().is_none_or(|own| own == name))
        });
        let fitting: Vec<&Key> = fitting.collect();
        if fitting.is_empty() {
            return Err(JwtError::UnknownKey);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtError::Form)?;
        let message = format!("{header}.{payload}");
        let is_right = fitting
            .iter()
            .any(|key| key.verifies(algorithm, message.as_bytes(), &signature));
        if !is_right {
            return Err(JwtError::Signature);
        }
        object(payload).map(Claims).ok_or(JwtError::Form)
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

fn key(value: &Value) -> Option<Key> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    let only = match text("alg") {
        Some(name) => Some(Algorithm::of(name)?),
        None => None,
    };
    let point = |length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        let is_whole = x.len() == length && y.len() == length;
        is_whole.then(|| [vec![4], x, y].concat())
    };
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => Material::Rsa {
            n: bytes("n")?,
            e: bytes("e")?,
        },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        _ => return None,
    };
    Some(Key {
        name: text("kid").map(str::to_owned),
        only,
        material,
    })
}

/// What a verified token claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A claim that is a time in seconds (NumericDate, RFC 7519 clause 2; parts of a second are dropped).
    pub fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.0.get(name)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is no time becomes the nearest there is"
        )]
        let rounded = || value.as_f64().map(|seconds| seconds as i64);
        value.as_i64().or_else(rounded)
    }

    /// A claim that is a text or a list of texts, such as `aud` and `amr`.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.3: a token signed with ES256, and its key.
    const RFC_KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    const RFC_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    #[test]
    fn the_token_of_rfc_7515_is_verified() {
        let claims = KeySet::parse(RFC_KEY).unwrap().verify(RFC_TOKEN).unwrap();
        assert_eq!(claims.text("iss"), Some("joe"));
        assert_eq!(claims.seconds("exp"), Some(1_300_819_380));
    }

    /// The same claims signed with RS256, by a key that `openssl genrsa` made for this test.
    #[test]
    fn the_token_of_an_rsa_key_is_verified() {
        let key = r#"{"keys":[{"kty":"RSA","e":"AQAB","n":"yUP8RGJcx3kUmmcyerKB462vKF73MgKBzEAB8DlA1BkpDZHKd66Q9pULkjumHnoAE0NatoduLo9U9CPytYn4sLANL8UMVWR3iFl6G_RzmjZH51ikVPmg1lzYA3AGEgFDIlGRT0Zb_RjblQ1SSAcT2ceuXjxBui2m24fBHUBTY0t6oTgTqvAl9GoVPiuH7TlIzkT3ZHuaxzpUdpCQZFZNvRV_TV8zZxBIuScfLGFi1G6cDnvBE6mx7HDte3yfyIuaSoUKRGxghiGmayX7lNmo7RjelfkTqE0CNTrcTF4CvBPejejnE-EsfDEDwqgpPwSfhVPcDFKnkmAodMoxuA97fw"}]}"#;
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DgY_AWWD8ybQHNOyR9OAteezqyHJXvIDPROxvQ1dEnqcjpN823uaswP-BNqJm0JOcCVL6lwYSREHG1UDCvlRuA5h_e1G9Kqkwsp75WI3pduB4gYdCHOeet0zbWq_R7aif8OnurTWYLAvK70ylsL3XB1TVeXXdypaBmh2dG2d9CqqPHjB1X9VVlcn1boHIv8vTHyNB7ZA7wzXhIos7yOk5_MjxHUiqfy-F1bWh9gBstS_301g1t_o5LbWIHJcL7_nkL7CqRayYdjW1iffUVbLOTV-vK1Knub_bGmsw9cBQMre0t7UIec7ZrOM51noiKHShmjD3VN7RgY2OvIDkXWcOA";
        let set = KeySet::parse(key).unwrap();
        assert_eq!(set.verify(token).unwrap().text("iss"), Some("joe"));
        let changed = token.replacen(".eyJpc3MiOiJqb2Ui", ".eyJpc3MiOiJqb2Yi", 1);
        assert_eq!(set.verify(&changed), Err(JwtError::Signature));
    }

    #[test]
    fn what_is_not_signed_with_the_key_is_not_believed() {
        let set = KeySet::parse(RFC_KEY).unwrap();
        let (head, rest) = RFC_TOKEN.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let check = |token: String, wanted: JwtError| assert_eq!(set.verify(&token), Err(wanted), "{token}");
        check(
            format!("{}.{payload}.", part(r#"{"alg":"none"}"#)),
            JwtError::Algorithm,
        );
        check(
            format!("{}.{payload}.{signature}", part(r#"{"alg":"HS256"}"#)),
            JwtError::Algorithm,
        );
        check(
            format!("{}.{payload}.{signature}", part(r#"{"alg":"RS256"}"#)),
            JwtError::UnknownKey,
        );
        check(
            format!(
                "{}.{payload}.{signature}",
                part(r#"{"alg":"ES256","crit":["b64"]}"#)
            ),
            JwtError::Form,
        );
        check(
            format!("{head}.{}.{signature}", part(r#"{"iss":"eve"}"#)),
            JwtError::Signature,
        );
        check(format!("{head}.{payload}.AAAA"), JwtError::Signature);
        check(format!("{head}.{payload}"), JwtError::Form);
        check(format!("{RFC_TOKEN}.x"), JwtError::Form);
        check("a".repeat(LONGEST_TOKEN + 1), JwtError::Form);
    }

    #[test]
    fn a_key_set_is_public_and_of_use() {
        let check = |text: &str, wanted: KeySetError| assert_eq!(KeySet::parse(text), Err(wanted), "{text}");
        check("[]", KeySetError::Form);
        check(r#"{"keys":[]}"#, KeySetError::Empty);
        check(r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, KeySetError::Empty);
        check(
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
            KeySetError::Empty,
        );
        check(
            r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}]}"#,
            KeySetError::Private(1),
        );
        let kept = serde_json::to_string(&KeySet::parse(RFC_KEY).unwrap()).unwrap();
        assert_eq!(
            serde_json::from_str::<KeySet>(&kept).unwrap(),
            KeySet::parse(RFC_KEY).unwrap()
        );
    }
}
