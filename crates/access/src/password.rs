//! Passwords: which are accepted, and how they are kept.
//!
//! **Length and signs.** 医療情報システムの安全管理に関するガイドライン 第6.0版 (MHLW, May 2023), Q&A シQ-54 to システム運用編
//! chapter 14 item 6, as read in an automatic transcript of the Q&A and not in the original, names three examples:
//! (a) 13 characters or more of letters, digits and signs mixed, hard to guess; (b) 8 or more, changed every two months at
//! most; (c) 8 or more where there are two factors. This module takes (a) and (c); it never asks for a periodic change.
//! The same answer names the person's own name and words of a dictionary as easily guessed: see [`CommonPasswords`].
//! The upper limit, and that half of the wanted length must be left after crossing out, are our own.
//!
//! **Keeping.** Argon2id (RFC 9106) with a salt of 16 bytes. The default cost (19 MiB, 2 passes, 1 lane) is the first
//! of OWASP's Password Storage Cheat Sheet, from memory. A password kept at another cost is hashed again at the next
//! sign-in. Hashing takes tens of milliseconds and 19 MiB: the caller does it outside any lock and limits how many run
//! at once.

use crate::common::CommonPasswords;
use crate::secret::{Entropy, EntropyError, draw};
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// A password as typed. `Debug` does not show it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes a password as typed, in NFKC form, so that full-width letters of an input method are the same password.
    pub fn new(typed: &str) -> Self {
        // More than the longest is cut, so that a huge text costs nothing; `PasswordRules` refuses it all the same.
        Self(typed.chars().take(LONGEST + 1).nfkc().collect())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Most characters of a password.
const LONGEST: usize = 128;

/// What a new password must be.
#[derive(Debug, Clone)]
pub struct PasswordRules {
    /// Fewest characters where the password is the only factor.
    pub shortest_alone: usize,
    /// Fewest characters beside a second factor.
    pub shortest_with_second_factor: usize,
    /// Whether letters, digits and signs must all be there.
    pub mixed: bool,
    /// Patterns that count for nothing.
    pub common: CommonPasswords,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self {
            shortest_alone: 13,
            shortest_with_second_factor: 8,
            mixed: true,
            common: CommonPasswords::embedded(),
        }
    }
}

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// Too short.
    #[error("the password has {found} characters; at least {wanted} are wanted")]
    TooShort {
        /// Characters found.
        found: usize,
        /// Characters wanted.
        wanted: usize,
    },
    /// Too long.
    #[error("the password has more than {LONGEST} characters")]
    TooLong,
    /// Not mixed.
    #[error("the password needs letters, digits and signs")]
    NotMixed,
    /// Common words, runs or the person's own names, and too little besides.
    #[error(
        "the password is easily guessed: of common words, runs, years and own names, {left} characters are left"
    )]
    Common {
        /// Characters that are left.
        left: usize,
    },
}

/// A new password that the rules accept for one account.
#[derive(Debug)]
pub struct AcceptedPassword {
    password: Password,
    alone: bool,
}

impl PasswordRules {
    /// Accepts or refuses a new password. `own` are the person's names; `two_factors` says whether the account has a
    /// confirmed second factor.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check(
        &self,
        own: &[&str],
        two_factors: bool,
        password: Password,
    ) -> Result<AcceptedPassword, PasswordRefused> {
        let found = password.0.chars().count();
        let wanted = if two_factors {
            self.shortest_with_second_factor
        } else {
            self.shortest_alone
        };
        if found > LONGEST {
            return Err(PasswordRefused::TooLong);
        }
        if found < wanted {
            return Err(PasswordRefused::TooShort { found, wanted });
        }
        if self.mixed && !is_mixed(&password.0) {
            return Err(PasswordRefused::NotMixed);
        }
        let left = self.common.what_is_left(&password.0, own);
        if left < wanted.div_ceil(2) {
            return Err(PasswordRefused::Common { left });
        }
        let alone = found >= self.shortest_alone && left >= self.shortest_alone.div_ceil(2);
        Ok(AcceptedPassword { password, alone })
    }
}

fn is_mixed(text: &str) -> bool {
    let is_sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
    text.chars().any(char::is_alphabetic) && text.chars().any(char::is_numeric) && text.chars().any(is_sign)
}

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB (8 or more).
    pub memory_kib: u32,
    /// Passes over it (1 or more).
    pub passes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}

/// Hashing failed: a cost outside the limits of Argon2, or no randomness.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HashError {
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Argon2 refused.
    #[error("the password could not be hashed: {0}")]
    Argon2(String),
}

impl From<argon2::Error> for HashError {
    fn from(error: argon2::Error) -> Self {
        Self::Argon2(error.to_string())
    }
}

impl From<argon2::password_hash::Error> for HashError {
    fn from(error: argon2::password_hash::Error) -> Self {
        Self::Argon2(error.to_string())
    }
}

/// The salt of a new password.
#[derive(Debug)]
pub struct Salt([u8; 16]);

impl Salt {
    /// Draws a salt.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn draw(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        draw(entropy).map(Self)
    }
}

/// A password's hash, ready to be kept.
#[derive(Debug, Clone)]
pub struct HashedPassword {
    /// In the PHC string format.
    pub(crate) phc: String,
    /// Whether it may stand without a second factor.
    pub(crate) alone: bool,
}

impl AcceptedPassword {
    /// Hashes the password. Slow: call it outside any lock.
    ///
    /// # Errors
    /// When the cost is outside the limits of Argon2.
    pub fn hash(self, cost: Cost, salt: &Salt) -> Result<HashedPassword, HashError> {
        let phc = hash(&self.password, cost, salt)?;
        Ok(HashedPassword {
            phc,
            alone: self.alone,
        })
    }
}

fn hasher(cost: Cost) -> Result<Argon2<'static>, HashError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Password, cost: Cost, salt: &Salt) -> Result<String, HashError> {
    let salt = SaltString::encode_b64(&salt.0)?;
    Ok(hasher(cost)?
        .hash_password(password.0.as_bytes(), &salt)?
        .to_string())
}

/// Verifies a password against a hash, in constant time. Where there is no hash the same work is done in vain, so that the
/// time does not tell whether there is such a user. Gives false for a hash that cannot be read.
pub(crate) fn verify(password: &Password, cost: Cost, phc: Option<&str>) -> bool {
    let stored = phc.and_then(|phc| PasswordHash::new(phc).ok());
    let Some(stored) = stored else {
        let _ = hash(password, cost, &Salt([0; 16]));
        return false;
    };
    // The cost stands in the hash; `Argon2::default` only supplies the code.
    Argon2::default()
        .verify_password(password.0.as_bytes(), &stored)
        .is_ok()
}

/// Hashes a password anew when it was kept at another cost; nothing when it need not be.
pub(crate) fn rehash(password: &Password, cost: Cost, phc: &str, salt: &Salt) -> Option<String> {
    let stored = PasswordHash::new(phc).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let is_current = params.m_cost() == cost.memory_kib && params.t_cost() == cost.passes;
    if is_current {
        return None;
    }
    hash(password, cost, salt).ok()
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::non_ascii_literal,
        reason = "full-width letters and kana of an input method"
    )]
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
    };

    #[test]
    fn rules_of_the_guideline() {
        let rules = PasswordRules::default();
        let check = |two_factors: bool, typed: &str, wanted: Result<bool, PasswordRefused>| {
            let accepted = rules.check(&["sato", "佐藤 花子"], two_factors, Password::new(typed));
            assert_eq!(accepted.map(|accepted| accepted.alone), wanted, "{typed}");
        };
        let short = |found, wanted| Err(PasswordRefused::TooShort { found, wanted });
        check(false, "kX7#mRv2!pLq", short(12, 13));
        check(false, "kX7#mRv2!pLq9", Ok(true));
        check(true, "kX7#mRv", short(7, 8));
        check(true, "kX7#mRv2", Ok(false));
        check(true, "kX7#mRv2!pLq9", Ok(true));
        check(false, "kXqmRvwdpLqzt", Err(PasswordRefused::NotMixed));
        check(false, "k7X9m2R4v6p8L", Err(PasswordRefused::NotMixed));
        check(false, "みどりのやまに3びきの#りす", Ok(true));
        check(true, "P@ssw0rd1!", Err(PasswordRefused::Common { left: 2 }));
        check(false, "Password-2026!", Err(PasswordRefused::Common { left: 2 }));
        check(false, &"kX7#".repeat(33), Err(PasswordRefused::TooLong));
        // Full-width signs count as what they are; a ligature counts as its letters.
        check(false, "ｋＸ７＃ｍＲｖ２！ｐＬｑ９", Ok(true));
    }

    #[test]
    fn kept_with_argon2id_and_verified() {
        let rules = PasswordRules::default();
        let accepted = rules
            .check(&[], false, Password::new("ｋＸ７＃mRv2!pLq9"))
            .unwrap();
        let kept = accepted.hash(CHEAP, &Salt([3; 16])).unwrap();
        assert!(
            kept.phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
            "{}",
            kept.phc
        );
        let verify = |typed: &str, phc| verify(&Password::new(typed), CHEAP, phc);
        assert!(verify("kX7#mRv2!pLq9", Some(&kept.phc)));
        assert!(!verify("kX7#mRv2!pLq8", Some(&kept.phc)));
        assert!(!verify("", Some(&kept.phc)));
        assert!(!verify("kX7#mRv2!pLq9", Some("$argon2id$broken")));
        assert!(!verify("kX7#mRv2!pLq9", None));
    }

    #[test]
    fn another_cost_hashes_again() {
        let password = Password::new("kX7#mRv2!pLq9");
        let phc = hash(&password, CHEAP, &Salt([1; 16])).unwrap();
        assert_eq!(rehash(&password, CHEAP, &phc, &Salt([2; 16])), None);
        let dearer = Cost {
            memory_kib: 16,
            passes: 1,
        };
        let again = rehash(&password, dearer, &phc, &Salt([2; 16])).unwrap();
        assert!(verify(&password, dearer, Some(&again)));
        assert!(
            hash(
                &password,
                Cost {
                    memory_kib: 1,
                    passes: 1
                },
                &Salt([0; 16])
            )
            .is_err()
        );
    }

    #[test]
    fn neither_debug_nor_errors_show_it() {
        let text = format!("{:?}", Password::new("kX7#mRv2!pLq9"));
        assert_eq!(text, "Password(..)");
    }
}
