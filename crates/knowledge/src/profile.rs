//! The rows of `knowledge/profiles`, `knowledge/findings` and `knowledge/treatments`.

use crate::evidence::{Evidence, Status};
use crate::state::{Levels, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tsumugi_tables::{Mistake, Row, Source, Table};

/// How a disease begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Onset {
    /// Within seconds or minutes.
    Sudden,
    /// Within hours or days.
    Acute,
    /// Within weeks.
    Subacute,
    /// Within months or years.
    Chronic,
    /// In attacks.
    Relapsing,
    /// From birth.
    Congenital,
}

/// What it costs to miss it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Danger {
    /// No more than delay.
    Plain,
    /// Harm.
    Serious,
    /// Death or lasting harm within hours or days.
    MustNotMiss,
}

/// Number of bands of age.
pub const AGE_BANDS: usize = 6;

/// The band of an age in years: <1, 1–14, 15–39, 40–64, 65–79, ≥ 80.
pub fn age_band(years: f64) -> usize {
    [1.0, 15.0, 40.0, 65.0, 80.0]
        .iter()
        .filter(|from| years >= **from)
        .count()
}

/// A disease: who gets it, how it begins, what confirms it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Concept of the disease.
    pub disease: Arc<str>,
    /// First presentations with it among 10,000 at a mixed general hospital.
    pub rate: f32,
    /// Share of its patients in each band of age; the sum is 1.
    pub ages: [f32; AGE_BANDS],
    /// Share of women among its patients.
    pub female: f32,
    /// How it begins.
    pub onset: Onset,
    /// What it costs to miss it.
    pub danger: Danger,
    /// One sentence for a reader who is no physician.
    pub definition: Arc<str>,
    /// States that ask for haste.
    pub red_flags: Vec<State>,
    /// Tests that confirm or exclude it, best first.
    pub key_tests: Vec<Arc<str>>,
    /// How far the row can be trusted.
    pub status: Status,
    /// Its source, where it has one.
    pub source: Arc<str>,
}

/// A line of treatment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Treatment {
    /// Concept of the disease.
    pub disease: Arc<str>,
    /// 1 for the first line.
    pub line: u8,
    /// Drugs, classes, procedures.
    pub what: Vec<Arc<str>>,
    /// What else to say.
    pub note: Arc<str>,
    /// How far the row can be trusted.
    pub status: Status,
}

/// A finding of a disease, as a row states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Concept of the disease.
    pub disease: Arc<str>,
    /// The finding.
    pub finding: State,
    /// How often it occurs.
    pub evidence: Evidence,
}

/// All rows of the tables on diseases.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    /// Diseases, in the order of files and rows.
    pub profiles: Vec<Profile>,
    /// Their findings.
    pub findings: Vec<FindingRow>,
    /// Their treatments.
    pub treatments: Vec<Treatment>,
}

impl Profiles {
    /// Reads the tables; what is wrong goes to `mistakes`, and the row is left out.
    pub fn new(sources: &[Source<'_>], levels: &Levels, mistakes: &mut Vec<Mistake>) -> Self {
        let mut all = Self::default();
        for source in sources {
            let Some(folder) = folder_of(source.path) else {
                continue;
            };
            let table = Table::parse(*source, mistakes);
            for row in table.rows() {
                let read = match folder {
                    "profiles" => profile(&row, levels).map(|row| all.profiles.push(row)),
                    "findings" => finding(&row, source.path, levels).map(|row| all.findings.push(row)),
                    _ => treatment(&row).map(|row| all.treatments.push(row)),
                };
                if let Err(message) = read {
                    mistakes.push(Mistake::new(source.path, row.line, message));
                }
            }
        }
        all
    }
}

fn folder_of(path: &str) -> Option<&'static str> {
    ["profiles", "findings", "treatments"].into_iter().find(|folder| {
        path.strip_prefix("knowledge/")
            .and_then(|rest| rest.strip_prefix(folder))
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

fn status(row: &Row<'_, '_>) -> Result<Status, String> {
    let word = row.get("status");
    Status::parse(word).ok_or_else(|| format!("unknown status \"{word}\""))
}

fn share(row: &Row<'_, '_>, column: &str) -> Result<f32, String> {
    match row.get(column).parse::<f32>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("{column} is no share between 0 and 1")),
    }
}

fn profile(row: &Row<'_, '_>, levels: &Levels) -> Result<Profile, String> {
    let rate = row.get("rate").parse::<f32>().ok().filter(|rate| *rate > 0.0);
    Ok(Profile {
        disease: row.get("disease").into(),
        rate: rate.ok_or("rate is no number above 0")?,
        ages: ages(row.get("ages"))?,
        female: share(row, "female")?,
        onset: match row.get("onset") {
            "sudden" => Onset::Sudden,
            "acute" => Onset::Acute,
            "subacute" => Onset::Subacute,
            "chronic" => Onset::Chronic,
            "relapsing" => Onset::Relapsing,
            "congenital" => Onset::Congenital,
            other => return Err(format!("unknown onset \"{other}\"")),
        },
        danger: match row.get("danger") {
            "must-not-miss" => Danger::MustNotMiss,
            "serious" => Danger::Serious,
            "plain" => Danger::Plain,
            other => return Err(format!("unknown danger \"{other}\"")),
        },
        definition: row.get("definition").into(),
        red_flags: row
            .list("red_flags")
            .map(|state| levels.canonical(State::new(state)))
            .collect(),
        key_tests: row.list("key_tests").map(Into::into).collect(),
        status: status(row)?,
        source: row.get("source").into(),
    })
}

fn ages(cell: &str) -> Result<[f32; AGE_BANDS], String> {
    let weights: Vec<f32> = cell.split(',').filter_map(|weight| weight.parse().ok()).collect();
    let sum: f32 = weights.iter().sum();
    let Ok(weights) = <[f32; AGE_BANDS]>::try_from(weights) else {
        return Err(format!("ages: {AGE_BANDS} weights joined by commas wanted"));
    };
    if sum <= 0.0 || weights.iter().any(|weight| *weight < 0.0) {
        return Err("ages: weights of 0 or more wanted, not all 0".to_owned());
    }
    Ok(weights.map(|weight| weight / sum))
}

fn finding(row: &Row<'_, '_>, path: &str, levels: &Levels) -> Result<FindingRow, String> {
    let count = |column: &str| match row.get(column) {
        "" => Ok(0),
        text => text
            .parse::<u32>()
            .map_err(|_| format!("{column} is no count of patients")),
    };
    let (with, of) = (count("k")?, count("n")?);
    if with > of {
        return Err("k is more than n".to_owned());
    }
    Ok(FindingRow {
        disease: row.get("disease").into(),
        finding: levels.canonical(State::new(row.get("finding"))),
        evidence: Evidence {
            source: path.into(),
            status: status(row)?,
            with,
            of,
            frequency: share(row, "frequency")?,
            note: row.get("source").into(),
        },
    })
}

fn treatment(row: &Row<'_, '_>) -> Result<Treatment, String> {
    Ok(Treatment {
        disease: row.get("disease").into(),
        line: row
            .get("line")
            .parse()
            .map_err(|_| "line is no number".to_owned())?,
        what: row.list("what").map(Into::into).collect(),
        note: row.get("note").into(),
        status: status(row)?,
    })
}
