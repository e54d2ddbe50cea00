//! Records that may be one person's: the same birth date and sex, and the same name or reading. They are listed, never
//! linked by themselves.

use crate::errors::StoreError;
use crate::fold::fold_name;
use crate::identity::squeezed;
use crate::ids::PatientId;
use crate::stamp::Population;
use crate::store::Store;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Why two records may be one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicateReason {
    /// A source says so.
    Source,
    /// The same birth date, sex and reading of the name.
    Kana,
    /// The same birth date, sex and name.
    Name,
    /// The same birth date, sex and given name; the family name differs, as after a marriage.
    GivenName,
}

impl DuplicateReason {
    /// How strongly it speaks for one person, in percent; set by hand, no measurement.
    const fn score(self) -> u8 {
        match self {
            Self::Source => 90,
            Self::Kana => 85,
            Self::Name => 80,
            Self::GivenName => 50,
        }
    }
}

/// Two records that may be one person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// The later record.
    pub patient: PatientId,
    /// The earlier one.
    pub other: PatientId,
    /// How strongly it looks so, in percent, at most 95.
    pub score: u8,
    /// Why.
    pub reasons: BTreeSet<DuplicateReason>,
}

type Pairs = BTreeMap<(PatientId, PatientId), BTreeSet<DuplicateReason>>;

impl Store {
    /// Records that may be one person's, the likeliest first, at most `limit`; those about which was decided are left out.
    ///
    /// # Errors
    /// Only those of the file.
    pub fn duplicates(&self, population: Population, limit: usize) -> Result<Vec<Duplicate>, StoreError> {
        self.read("duplicates", |conn| {
            let mut pairs = Pairs::new();
            look_through(conn, population, &mut pairs)?;
            let decided = decisions(conn, population, &mut pairs)?;
            let mut found: Vec<Duplicate> = pairs
                .into_iter()
                .filter(|(pair, _)| !decided.contains(pair))
                .map(|((other, patient), reasons)| Duplicate {
                    patient,
                    other,
                    score: score(&reasons),
                    reasons,
                })
                .collect();
            found.sort_by_key(|one| (std::cmp::Reverse(one.score), one.other, one.patient));
            found.truncate(limit);
            Ok(found)
        })
    }
}

fn score(reasons: &BTreeSet<DuplicateReason>) -> u8 {
    let best = reasons.iter().map(|reason| reason.score()).max().unwrap_or(0);
    let more = u8::try_from(reasons.len().saturating_sub(1)).unwrap_or(2).min(2);
    (best + 5 * more).min(95)
}

/// Goes through the records by birth date and sex; in each group the same words lead to each other.
fn look_through(conn: &Connection, population: Population, pairs: &mut Pairs) -> Result<(), StoreError> {
    let mut list = conn.prepare(
        "SELECT v.birth_date, v.sex, p.id, v.name, v.kana FROM patient p
         JOIN patient_version v ON v.patient = p.id AND v.version = p.version
         WHERE p.dummy = ?1 AND v.birth_date IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM patient_merged m WHERE m.patient = p.id)
         ORDER BY v.birth_date, v.sex, p.id",
    )?;
    let mut rows = list.query(params![population])?;
    let mut group: Option<(String, String)> = None;
    let mut first: BTreeMap<(DuplicateReason, String), PatientId> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let key: (String, String) = (row.get(0)?, row.get(1)?);
        if group.as_ref() != Some(&key) {
            first.clear();
            group = Some(key);
        }
        let patient: PatientId = row.get(2)?;
        let (name, kana): (String, String) = (row.get(3)?, row.get(4)?);
        for (reason, word) in [
            (DuplicateReason::Kana, squeezed(&kana)),
            (DuplicateReason::Name, squeezed(&name)),
            (DuplicateReason::GivenName, given_name(&kana)),
        ] {
            if word.is_empty() {
                continue;
            }
            let earlier = *first.entry((reason, word)).or_insert(patient);
            if earlier != patient {
                pairs.entry((earlier, patient)).or_default().insert(reason);
            }
        }
    }
    // Who has the whole reading in common has the given name too.
    for reasons in pairs.values_mut() {
        if reasons.contains(&DuplicateReason::Kana) {
            reasons.remove(&DuplicateReason::GivenName);
        }
    }
    Ok(())
}

/// The given name of a reading that is written in two parts.
fn given_name(kana: &str) -> String {
    let folded = fold_name(kana);
    let mut parts = folded.split_whitespace().skip(1);
    parts.next().unwrap_or_default().to_owned()
}

/// Adds what sources propose; gives the pairs about which was decided.
fn decisions(
    conn: &Connection,
    population: Population,
    pairs: &mut Pairs,
) -> Result<BTreeSet<(PatientId, PatientId)>, StoreError> {
    let mut list = conn.prepare(
        "SELECT l.patient, l.survivor, l.state FROM patient_link l JOIN patient p ON p.id = l.patient
         WHERE p.dummy = ?1 ORDER BY l.id",
    )?;
    let mut rows = list.query(params![population])?;
    let mut newest: BTreeMap<(PatientId, PatientId), bool> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (one, other): (PatientId, PatientId) = (row.get(0)?, row.get(1)?);
        let state: String = row.get(2)?;
        newest.insert((one.min(other), one.max(other)), state == "proposed");
    }
    let mut decided = BTreeSet::new();
    for (pair, is_proposed) in newest {
        if is_proposed {
            pairs.entry(pair).or_default().insert(DuplicateReason::Source);
        } else {
            decided.insert(pair);
        }
    }
    Ok(decided)
}
