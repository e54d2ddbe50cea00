//! The second factor: time-based one-time passwords (RFC 6238) and recovery codes for when the device is lost.
//!
//! Codes have 6 digits and last 30 seconds with HMAC-SHA-1, the form that every authenticator application reads. A code
//! of one step earlier or later is taken too (RFC 6238, clause 5.2), for clocks that differ by up to 30 seconds. A code,
//! or an earlier one, is never taken twice.

use crate::secret::{Entropy, EntropyError, SecretHash, base32, draw, hex, same, unhex};
use crate::time::Timestamp;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::fmt;
use std::fmt::Write as _;

/// Length of a step, in seconds.
const STEP_SECONDS: i64 = 30;

/// Steps that a device's clock may be off, each way.
const DRIFT: i64 = 1;

/// Digits of a code.
const DIGITS: usize = 6;

/// Recovery codes given at a time.
const RECOVERY_CODES: usize = 10;

/// The shared secret of an authenticator, and the last step whose code was taken.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Totp {
    /// 160 bits (RFC 4226, requirement R6), hexadecimal.
    secret: String,
    last_step: i64,
}

impl Totp {
    /// Draws a secret.
    pub(crate) fn draw(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let secret: [u8; 20] = draw(entropy)?;
        Ok(Self {
            secret: hex(&secret),
            last_step: i64::MIN,
        })
    }

    /// Takes a code at `wall`, the time of the wall clock. When it is right, gives the state to be kept.
    pub(crate) fn take(&self, code: &str, wall: Timestamp) -> Option<Self> {
        let secret = unhex(&self.secret)?;
        let now = wall.get().div_euclid(STEP_SECONDS);
        let mut taken = None;
        // All steps are computed, so that the time does not tell which one it was.
        for step in now.saturating_sub(DRIFT)..=now.saturating_add(DRIFT) {
            if same(&code_of(&secret, step), code) && step > self.last_step {
                taken = Some(step);
            }
        }
        Some(Self {
            secret: self.secret.clone(),
            last_step: taken?,
        })
    }

    /// What the person's device reads.
    pub(crate) fn enrolment(&self, issuer: &str, user: &str) -> Enrolment {
        let secret = base32(&unhex(&self.secret).unwrap_or_default());
        let (issuer, user) = (percent(issuer), percent(user));
        let digits = DIGITS;
        Enrolment {
            uri: format!(
                "otpauth://totp/{issuer}:{user}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={digits}&period={STEP_SECONDS}"
            ),
            secret,
        }
    }
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Totp(..)")
    }
}

/// A new secret for the person's device, shown once.
#[derive(Clone)]
pub struct Enrolment {
    /// The secret in base 32, for typing.
    pub secret: String,
    /// The `otpauth` address for a QR code (Key Uri Format of Google Authenticator).
    pub uri: String,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment(..)")
    }
}

/// HOTP (RFC 4226, clause 5.3) of a step, as digits.
fn code_of(secret: &[u8], step: i64) -> String {
    // HMAC takes keys of any length, so this never fails.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let offset = usize::from(digest.last().copied().unwrap_or(0) & 15);
    let number = digest
        .iter()
        .skip(offset)
        .take(4)
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// Percent-encodes what RFC 3986 does not leave unreserved.
fn percent(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Recovery codes, shown once: each opens one sign-in in place of the device.
pub struct RecoveryCodes(pub(crate) Vec<String>);

impl RecoveryCodes {
    /// Draws ten codes of 80 bits.
    pub(crate) fn draw(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let bytes: [u8; 10] = draw(entropy)?;
            let letters: Vec<char> = base32(&bytes).to_ascii_lowercase().chars().collect();
            let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
            codes.push(groups.join("-"));
        }
        Ok(Self(codes))
    }

    /// The codes as the person writes them down: four groups of four letters.
    pub fn reveal(&self) -> &[String] {
        &self.0
    }

    pub(crate) fn hashes(&self) -> Vec<SecretHash> {
        self.0.iter().map(|code| hash_of_recovery(code)).collect()
    }
}

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCodes(..)")
    }
}

/// Hashes a recovery code as typed: capitals, blanks and dashes do not matter.
fn hash_of_recovery(typed: &str) -> SecretHash {
    let letters: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    SecretHash::of(letters.to_ascii_lowercase().as_bytes())
}

/// Takes a recovery code; gives the codes that are left, or nothing when it is none of them.
pub(crate) fn take_recovery(codes: &[SecretHash], typed: &str) -> Option<Vec<SecretHash>> {
    let typed = hash_of_recovery(typed);
    let left: Vec<SecretHash> = codes
        .iter()
        .filter(|code| !code.matches(&typed))
        .cloned()
        .collect();
    (left.len() < codes.len()).then_some(left)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "the name of a hospital")]
    use super::*;

    struct Counter(u8);

    impl Entropy for Counter {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            for byte in bytes {
                *byte = self.0;
                self.0 = self.0.wrapping_add(1);
            }
            Ok(())
        }
    }

    /// Appendix B of RFC 6238 (SHA-1), the last six of its eight digits.
    #[test]
    fn codes_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_of(b"12345678901234567890", seconds / STEP_SECONDS), code);
        }
    }

    #[test]
    fn a_step_is_never_taken_twice() {
        let totp = Totp {
            secret: hex(b"12345678901234567890"),
            last_step: i64::MIN,
        };
        let at = Timestamp::new;
        assert!(totp.take("287082", at(29 - 30)).is_none(), "two steps early");
        assert!(totp.take("287082", at(0)).is_some(), "one step early");
        assert!(totp.take("287082", at(89)).is_some(), "one step late");
        assert!(totp.take("287082", at(90)).is_none(), "two steps late");
        let used = totp.take("287082", at(59)).unwrap();
        assert!(used.take("287082", at(59)).is_none(), "again");
        assert!(used.take("287082", at(60)).is_none(), "again in the next step");
        let earlier = code_of(b"12345678901234567890", 0);
        assert!(used.take(&earlier, at(59)).is_none(), "an earlier one");
        assert!(used.take(&code_of(b"12345678901234567890", 2), at(59)).is_some());
        for code in ["", "28708", "2870820", "abcdef", "２８７０８２"] {
            assert!(totp.take(code, at(59)).is_none(), "{code}");
        }
    }

    #[test]
    fn a_clock_set_back_takes_no_old_code() {
        let secret = b"12345678901234567890";
        let totp = Totp {
            secret: hex(secret),
            last_step: i64::MIN,
        };
        let used = totp.take(&code_of(secret, 200), Timestamp::new(6_000)).unwrap();
        assert!(used.take(&code_of(secret, 80), Timestamp::new(2_400)).is_none());
        assert!(used.take(&code_of(secret, 201), Timestamp::new(6_030)).is_some());
    }

    #[test]
    fn the_address_for_the_device() {
        let totp = Totp::draw(&mut Counter(0)).unwrap();
        let enrolment = totp.enrolment("病院", "sato");
        assert_eq!(enrolment.secret, "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT");
        assert_eq!(
            enrolment.uri,
            "otpauth://totp/%E7%97%85%E9%99%A2:sato?secret=AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT&issuer=%E7%97%85%E9%99%A2&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn each_recovery_code_once() {
        let codes = RecoveryCodes::draw(&mut Counter(9)).unwrap();
        assert_eq!(codes.reveal().len(), 10);
        let first = codes.reveal()[0].clone();
        assert_eq!(first.len(), 19);
        let kept = codes.hashes();
        let left = take_recovery(&kept, &format!(" {} ", first.to_uppercase())).unwrap();
        assert_eq!(left.len(), 9);
        assert!(take_recovery(&left, &first).is_none());
        assert!(take_recovery(&left, "").is_none());
        assert!(take_recovery(&left, &codes.reveal()[9].replace('-', "")).is_some());
    }
}
