//! One-time codes: a person opens the consent page on a phone with a code given out inside the visit.
//!
//! A code has two forms: 128 random bits in the link of a QR code, and eight characters (40 bits) to be typed. Both are
//! kept hashed, hold for fifteen minutes, open one session, and are tied to the patient, the visit, who answers and who
//! gave it out. Guessing is slowed by counting failures. A session holds for an hour, so that answers that were given
//! without a connection may still come.

use crate::audit::Recorded;
use crate::audit::entry::AuditEntry;
use crate::consent::answer::Respondent;
use crate::consent::log;
use crate::consent::rows;
use crate::consent::state::Horizon;
use crate::documents::hex;
use crate::errors::StoreError;
use crate::ids::{EncounterId, PatientId};
use crate::patients::population;
use crate::stamp::{Moment, Stamp};
use crate::store::Store;
use jiff::civil::{DateTime, date};
use jiff::{SignedDuration, ToSpan as _};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;

/// Minutes for which a code holds.
pub const CODE_MINUTES: i64 = 15;
/// Minutes for which the session holds that a code opens.
pub const SESSION_MINUTES: i64 = 60;
/// Failures of one source within [`CODE_MINUTES`] after which it is refused.
pub const MAX_FAILURES: u32 = 10;
/// Failures of all sources together after which typed codes are refused; links, which nobody guesses, are not.
const MAX_FAILURES_OF_ALL: u32 = 200;

/// Digits of a typed code: Crockford's base 32, without I, L, O and U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a typed code.
const TYPED: usize = 8;
/// Hexadecimal digits of a link.
const LINK: usize = 32;

/// Random bytes for a code, from the caller's source of randomness. They are never shown by `Debug`.
#[derive(Clone, Copy)]
pub struct CodeBytes {
    /// For the link.
    pub link: [u8; 16],
    /// For the typed form.
    pub typed: [u8; 5],
}

impl std::fmt::Debug for CodeBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeBytes(..)")
    }
}

/// For whom a code is given out. Who gives it is in the stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRequest {
    /// Whose choices.
    pub patient: PatientId,
    /// During which visit.
    pub encounter: Option<EncounterId>,
    /// Who will answer.
    pub respondent: Respondent,
}

/// A code that was given out. This is the only time it can be read.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// For the link: 32 hexadecimal digits.
    pub link: String,
    /// To be typed: eight characters, with `-` in the middle.
    pub typed: String,
    /// When it ends, local civil time.
    pub ends: DateTime,
}

impl std::fmt::Debug for IssuedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedCode")
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

/// Who is in a session that a code opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentSession {
    /// Whose choices.
    pub patient: PatientId,
    /// During which visit.
    pub encounter: Option<EncounterId>,
    /// Who answers.
    pub respondent: Respondent,
    /// Who gave the code out.
    pub given_by: String,
    /// When the session ends, local civil time.
    pub ends: DateTime,
}

/// Why a code opens nothing. Its [`key`](CodeRefusal::key) is the key of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeRefusal {
    /// There is no such code.
    #[error("there is no such code; look at it again, or ask for a new one")]
    Unknown,
    /// It was used.
    #[error("the code was used at {0}; ask for a new one")]
    Used(DateTime),
    /// Its time is over.
    #[error("the code ended at {0}; ask for a new one")]
    Expired(DateTime),
    /// Too many wrong codes came from there.
    #[error("too many wrong codes; wait until {0}, or ask the staff")]
    TooManyTries(DateTime),
}

impl CodeRefusal {
    /// All keys, in their order.
    pub const KEYS: &'static [&'static str] = &["expired", "too-many-tries", "unknown", "used"];

    /// The name under which its text stands in `data/ui` (`code-refusal.<key>`).
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Used(_) => "used",
            Self::Expired(_) => "expired",
            Self::TooManyTries(_) => "too-many-tries",
        }
    }
}

/// What a code opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Redeemed {
    /// A session.
    Opened(ConsentSession),
    /// Nothing.
    Refused(CodeRefusal),
}

impl Store {
    /// Gives out a code; `stamp` says who gives it, and when.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` when the visit is another patient's, when the guardian is none of the patient's, or when the
    /// typed form is in use (draw other bytes).
    pub fn issue_code(
        &self,
        request: CodeRequest,
        bytes: CodeBytes,
        stamp: Stamp,
    ) -> Result<IssuedCode, StoreError> {
        let (link, typed) = (hex(&bytes.link), typed_of(bytes.typed));
        let (link_hash, typed_hash) = (digest(&link), digest(&typed));
        let made = seconds(&stamp.at);
        let ends = made.saturating_add(CODE_MINUTES * 60);
        self.write("issue code", move |conn| {
            population(conn, request.patient)?;
            check_place(conn, &request, &stamp)?;
            let mut same = conn.prepare_cached("SELECT 1 FROM consent_code WHERE typed = ?1 AND ends > ?2")?;
            if same.exists(params![typed_hash, made])? {
                let detail = "is in use; draw other bytes";
                return Err(StoreError::conflict("code", detail));
            }
            conn.prepare_cached(
                "INSERT INTO consent_code (patient, encounter, respondent, link, typed, made, ends, author, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                request.patient,
                request.encounter,
                rows::json(&request.respondent)?,
                link_hash,
                typed_hash,
                made,
                ends,
                stamp.author,
                stamp.at
            ])?;
            Ok(())
        })?;
        let (first, second) = typed.split_at_checked(TYPED / 2).unwrap_or((&typed, ""));
        Ok(IssuedCode {
            typed: format!("{first}-{second}"),
            link,
            ends: civil(ends),
        })
    }

    /// Opens a session by a code, in either form; the code is used from then on. `session` are 16 fresh random bytes, by
    /// which the session is found later; `source` is from where it was tried, e.g. an address.
    ///
    /// # Errors
    /// Only those of the file. A refusal is no error; it is counted.
    pub fn redeem_code(
        &self,
        code: &str,
        source: &str,
        session: [u8; 16],
        now: Moment,
    ) -> Result<Redeemed, StoreError> {
        let code = normalised(code);
        let source: String = source.chars().take(100).collect();
        self.write("redeem code", move |conn| {
            redeem(conn, &code, &source, session, seconds(&now))
        })
    }

    /// The session of these bytes, while it holds.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn consent_session(
        &self,
        session: [u8; 16],
        now: &Moment,
    ) -> Result<Option<ConsentSession>, StoreError> {
        let now = seconds(now);
        self.read_unaudited("consent session", |conn| {
            let found = find(conn, "session", &digest(&hex(&session)))?;
            Ok(found
                .filter(|(_, row)| row.used.is_some_and(|used| now < session_ends(used)))
                .map(|(_, row)| row.into_session()))
        })
    }
}

struct CodeRow {
    patient: PatientId,
    encounter: Option<EncounterId>,
    respondent: Respondent,
    ends: i64,
    used: Option<i64>,
    author: String,
}

impl CodeRow {
    fn into_session(self) -> ConsentSession {
        ConsentSession {
            patient: self.patient,
            encounter: self.encounter,
            respondent: self.respondent,
            given_by: self.author,
            ends: civil(session_ends(self.used.unwrap_or(self.ends))),
        }
    }
}

fn session_ends(used: i64) -> i64 {
    used.saturating_add(SESSION_MINUTES * 60)
}

fn redeem(
    conn: &Connection,
    code: &str,
    source: &str,
    session: [u8; 16],
    now: i64,
) -> Result<Redeemed, StoreError> {
    let since = now.saturating_sub(CODE_MINUTES * 60);
    conn.prepare_cached("DELETE FROM consent_failure WHERE made <= ?1")?
        .execute([since])?;
    let is_typed = code.len() == TYPED;
    let (of_source, of_all, oldest): (u32, u32, Option<i64>) = conn
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE source = ?1), count(*), min(made) FROM consent_failure WHERE made <= ?2",
        )?
        .query_row(params![source, now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    if of_source >= MAX_FAILURES || (is_typed && of_all >= MAX_FAILURES_OF_ALL) {
        let until = oldest.unwrap_or(now).saturating_add(CODE_MINUTES * 60);
        return Ok(Redeemed::Refused(CodeRefusal::TooManyTries(civil(until))));
    }
    let found = match code.len() {
        TYPED => find(conn, "typed", &digest(code))?,
        LINK => find(conn, "link", &digest(&code.to_ascii_lowercase()))?,
        _ => None,
    };
    let refusal = match &found {
        None => Some(CodeRefusal::Unknown),
        Some((_, row)) => match row.used {
            Some(used) => Some(CodeRefusal::Used(civil(used))),
            None if now >= row.ends => Some(CodeRefusal::Expired(civil(row.ends))),
            None => None,
        },
    };
    let (Some((id, mut row)), None) = (found, &refusal) else {
        conn.prepare_cached("INSERT INTO consent_failure (source, made) VALUES (?1, ?2)")?
            .execute(params![source, now])?;
        return Ok(Redeemed::Refused(refusal.unwrap_or(CodeRefusal::Unknown)));
    };
    conn.prepare_cached("UPDATE consent_code SET used = ?2, session = ?3 WHERE id = ?1")?
        .execute(params![id, now, digest(&hex(&session))])?;
    row.used = Some(now);
    Ok(Redeemed::Opened(row.into_session()))
}

/// The newest code with this hash in a column.
fn find(conn: &Connection, column: &str, hash: &[u8]) -> Result<Option<(i64, CodeRow)>, StoreError> {
    let mut find = conn.prepare_cached(&format!(
        "SELECT id, patient, encounter, respondent, ends, used, author FROM consent_code
         WHERE {column} = ?1 ORDER BY id DESC LIMIT 1"
    ))?;
    let found = find.query_row([hash], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get::<_, String>(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
        ))
    });
    let Some((id, patient, encounter, respondent, ends, used, author)) = found.optional()? else {
        return Ok(None);
    };
    let row = CodeRow {
        patient,
        encounter,
        respondent: rows::parse(&respondent)?,
        ends,
        used,
        author,
    };
    Ok(Some((id, row)))
}

/// Refuses a visit of another patient, and who is no guardian.
fn check_place(conn: &Connection, request: &CodeRequest, stamp: &Stamp) -> Result<(), StoreError> {
    let patient = request.patient;
    if let Some(encounter) = request.encounter {
        let mut owner = conn.prepare_cached("SELECT patient FROM encounter WHERE id = ?1")?;
        let owner: Option<PatientId> = owner.query_row([encounter], |row| row.get(0)).optional()?;
        let owner = owner.ok_or_else(|| StoreError::not_found("encounter", &encounter))?;
        if crate::links::root(conn, owner)? != crate::links::root(conn, patient)? {
            let detail = format!("is not a visit of patient {patient}");
            return Err(StoreError::conflict(format!("encounter {encounter}"), detail));
        }
    }
    if let Respondent::Guardian(id) = &request.respondent {
        let horizon = Horizon {
            at: &stamp.at,
            is_live: true,
        };
        let (states, _) = log::person(conn, patient, "", horizon)?;
        if !states.iter().any(|state| state.guardians.contains_key(id)) {
            let detail = format!("has no guardian `{id}`; note the guardian for this person first");
            return Err(StoreError::conflict(format!("patient {patient}"), detail));
        }
    }
    Ok(())
}

/// Eight digits of base 32 for forty bits.
fn typed_of(bytes: [u8; 5]) -> String {
    let number = bytes
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let digit = |place: u64| {
        let index = usize::try_from(number >> (5 * place) & 31).unwrap_or(0);
        char::from(*DIGITS.get(index).unwrap_or(&b'0'))
    };
    (0..TYPED as u64).rev().map(digit).collect()
}

/// As it was given out: without blanks and hyphens, full-width forms folded, the letters that look like digits read as such
/// where the length is that of a typed code.
fn normalised(code: &str) -> String {
    let plain: String = code
        .chars()
        .take(200)
        .nfkc()
        .filter(char::is_ascii_alphanumeric)
        .take(LINK + 1)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    if plain.len() != TYPED {
        return plain;
    }
    let digit = |letter: char| match letter {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    plain.chars().map(digit).collect()
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// Seconds of civil time after 1970.
fn seconds(moment: &Moment) -> i64 {
    moment.civil().duration_since(EPOCH).as_secs()
}

fn civil(seconds: i64) -> DateTime {
    EPOCH
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or_else(|_| EPOCH.saturating_add(0.seconds()))
}

impl Recorded for Redeemed {
    fn add_to(&self, entry: &mut AuditEntry, _: &Connection) -> Result<(), StoreError> {
        match self {
            Self::Opened(session) => entry.patient = Some(session.patient),
            Self::Refused(_) => entry.outcome = crate::AuditOutcome::MinorFailure,
        }
        Ok(())
    }
}
