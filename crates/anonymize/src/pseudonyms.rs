//! The key table of pseudonyms: which person stands behind which pseudonym of which study. It is a file of its own, apart from
//! the store, encrypted (ChaCha20-Poly1305, RFC 8439) under a key that its keeper holds. Whoever looks a person up leaves a line
//! in the log inside it; the command and the pages leave an entry in the audit trail as well.
//!
//! A pseudonym is HMAC-SHA-256 over study and record under a secret of the table: the same person has the same one in all
//! exports of a study, and none that joins two studies. Without the table nothing leads back.

use crate::manifest::hexadecimal;
use crate::noise::keyed;
use hmac::Mac as _;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tsumugi_records::PatientId;

/// First bytes of the file; authenticated with what follows.
const MARK: &[u8; 8] = b"TSUMPSN1";
/// Bytes of a pseudonym; twice as many characters.
const PSEUDONYM: usize = 10;

/// The key that its keeper holds: 32 bytes.
pub struct KeeperKey(LessSafeKey);

/// Random bytes for one sealing, never used twice with a key.
pub type SealNonce = [u8; NONCE_LEN];

/// Who looked whom up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookUp {
    /// When, as the server says.
    pub at: String,
    /// Who.
    pub keeper: String,
    /// Why.
    pub reason: String,
    /// In which study.
    pub study: String,
    /// Which pseudonym.
    pub pseudonym: String,
    /// Whether it was there.
    pub is_found: bool,
}

/// The table, open.
#[derive(Serialize, Deserialize)]
pub struct KeyTable {
    secret: [u8; 32],
    /// For each study, from pseudonym to the number of the record.
    studies: BTreeMap<String, BTreeMap<String, i64>>,
    log: Vec<LookUp>,
}

/// Why a key table cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyTableError {
    /// Not written by this program.
    #[error("this is no key table of pseudonyms; name the file that `tsumugi pseudonyms make` wrote")]
    Strange,
    /// The key is another, or the file was changed.
    #[error(
        "the key does not open this table: it is another table's key, or the file was changed; restore a copy of it"
    )]
    Locked,
    /// The key is none.
    #[error("a key is 64 hexadecimal digits")]
    Key,
    /// It cannot be sealed.
    #[error("the table is too large to be sealed")]
    Seal,
    /// Two people would have one pseudonym.
    #[error("two records have the same pseudonym; nothing is written; report it")]
    Collision,
}

impl KeeperKey {
    /// From 64 hexadecimal digits, blanks around them apart.
    ///
    /// # Errors
    /// `Key`.
    pub fn parse(text: &str) -> Result<Self, KeyTableError> {
        let text = text.trim();
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8))
            .collect();
        let digits = digits
            .filter(|digits| digits.len() == 64)
            .ok_or(KeyTableError::Key)?;
        let pair = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        let bytes: Vec<u8> = digits.chunks(2).map(pair).collect();
        Self::new(&bytes)
    }

    /// From 32 bytes.
    ///
    /// # Errors
    /// `Key`.
    pub fn new(bytes: &[u8]) -> Result<Self, KeyTableError> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| KeyTableError::Key)?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

impl std::fmt::Debug for KeeperKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeeperKey")
    }
}

impl std::fmt::Debug for KeyTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyTable")
    }
}

impl KeyTable {
    /// An empty table with a secret of its own.
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            studies: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Opens the bytes of a table.
    ///
    /// # Errors
    /// `Strange`, `Locked`.
    pub fn open(bytes: &[u8], key: &KeeperKey) -> Result<Self, KeyTableError> {
        let rest = bytes.strip_prefix(MARK).ok_or(KeyTableError::Strange)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or(KeyTableError::Strange)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyTableError::Strange)?;
        let mut sealed = sealed.to_vec();
        let plain = key
            .0
            .open_in_place(nonce, Aad::from(MARK), &mut sealed)
            .map_err(|_| KeyTableError::Locked)?;
        serde_json::from_slice(plain).map_err(|_| KeyTableError::Strange)
    }

    /// The bytes of the table under a key.
    ///
    /// # Errors
    /// `Seal`.
    pub fn seal(&self, key: &KeeperKey, nonce: SealNonce) -> Result<Vec<u8>, KeyTableError> {
        let mut sealed = serde_json::to_vec(self).map_err(|_| KeyTableError::Seal)?;
        key.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(MARK), &mut sealed)
            .map_err(|_| KeyTableError::Seal)?;
        Ok([&MARK[..], &nonce[..], &sealed].concat())
    }

    /// The pseudonym of a person in a study; it is noted where it is new.
    ///
    /// # Errors
    /// `Collision`.
    pub fn pseudonym(&mut self, study: &str, patient: PatientId) -> Result<String, KeyTableError> {
        let mut mac = keyed(&self.secret);
        mac.update(&(study.len() as u64).to_be_bytes());
        mac.update(study.as_bytes());
        mac.update(&patient.get().to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let name = hexadecimal(digest.get(..PSEUDONYM).unwrap_or_default());
        let known = self.studies.entry(study.to_owned()).or_default();
        if *known.entry(name.clone()).or_insert(patient.get()) != patient.get() {
            return Err(KeyTableError::Collision);
        }
        Ok(name)
    }

    /// Whose a pseudonym is. The look-up stands in the log of the table from then on, found or not: the table must be sealed
    /// and kept before the answer is given out.
    pub fn look_up(&mut self, mut by: LookUp) -> Option<PatientId> {
        let found = self
            .studies
            .get(&by.study)
            .and_then(|known| known.get(&by.pseudonym))
            .copied();
        by.is_found = found.is_some();
        self.log.push(by);
        found.map(PatientId::new)
    }

    /// Who looked whom up, the earliest first.
    pub fn log(&self) -> &[LookUp] {
        &self.log
    }

    /// For each study, how many pseudonyms are in it.
    pub fn sizes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.studies
            .iter()
            .map(|(study, known)| (study.as_str(), known.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(study: &str, pseudonym: &str) -> LookUp {
        LookUp {
            at: "2026-11-29T12:00".to_owned(),
            keeper: "keeper".to_owned(),
            reason: "an incidental finding".to_owned(),
            study: study.to_owned(),
            pseudonym: pseudonym.to_owned(),
            is_found: false,
        }
    }

    #[test]
    fn a_table_opens_with_its_key_only_and_keeps_who_looked() {
        let key = KeeperKey::new(&[1; 32]).unwrap();
        let mut table = KeyTable::new([9; 32]);
        let one = table.pseudonym("s", PatientId::new(1)).unwrap();
        assert_eq!(table.pseudonym("s", PatientId::new(1)).unwrap(), one);
        assert_eq!(one.len(), 2 * PSEUDONYM);
        assert_ne!(table.pseudonym("s", PatientId::new(2)).unwrap(), one);
        assert_ne!(table.pseudonym("t", PatientId::new(1)).unwrap(), one);
        assert_eq!(table.look_up(by("s", &one)), Some(PatientId::new(1)));
        assert_eq!(table.look_up(by("t", &one)), None);
        let sealed = table.seal(&key, [4; 12]).unwrap();
        assert!(!sealed.windows(one.len()).any(|window| window == one.as_bytes()));
        let mut read = KeyTable::open(&sealed, &key).unwrap();
        assert_eq!(
            read.log().iter().map(|line| line.is_found).collect::<Vec<_>>(),
            [true, false]
        );
        assert_eq!(read.pseudonym("s", PatientId::new(1)).unwrap(), one);
        assert_eq!(read.sizes().collect::<Vec<_>>(), [("s", 2), ("t", 1)]);
        let other = KeeperKey::new(&[2; 32]).unwrap();
        assert_eq!(
            KeyTable::open(&sealed, &other).unwrap_err(),
            KeyTableError::Locked
        );
        for at in [0, 9, 25, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(KeyTable::open(&changed, &key).is_err(), "{at}");
        }
        for cut in [0, 7, 8, 19, 20, sealed.len() - 1] {
            assert!(KeyTable::open(&sealed[..cut], &key).is_err(), "{cut}");
        }
    }

    #[test]
    fn keys_are_64_hexadecimal_digits() {
        assert!(KeeperKey::parse(&format!(" {}\n", "0f".repeat(32))).is_ok());
        for text in ["", "0f", &"0g".repeat(32), &"0f".repeat(33)] {
            assert_eq!(KeeperKey::parse(text).unwrap_err(), KeyTableError::Key, "{text}");
        }
        let key = KeeperKey::parse(&"01".repeat(32)).unwrap();
        let sealed = KeyTable::new([0; 32]).seal(&key, [0; 12]).unwrap();
        assert!(KeyTable::open(&sealed, &KeeperKey::new(&[1; 32]).unwrap()).is_ok());
    }
}
