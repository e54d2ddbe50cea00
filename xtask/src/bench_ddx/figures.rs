//! How often the disease of a case stands at the top, with intervals, and how well the probabilities hold.

use super::measure::Answer;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tsumugi_cds::phenotypic::Asked;
use tsumugi_clinical::Sex;
use tsumugi_knowledge::State;

/// Ranks up to which a disease counts as found.
const RANKS: [usize; 3] = [1, 3, 10];

/// A published case.
pub(super) struct Case {
    id: String,
    /// All that is asked; nothing else of the case is.
    pub(super) asked: Asked,
    disease: String,
    publication: String,
}

/// Which diseases were learned, and the cases of each publication.
pub(super) struct Publications {
    learned: BTreeSet<String>,
    /// Numbers of the cases, by publication.
    cases: BTreeMap<String, Vec<usize>>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    obs: Vec<String>,
    exc: Vec<String>,
    sex: Option<String>,
    age: Option<f64>,
    onset: Option<String>,
    disease: String,
    pmid: Vec<String>,
}

/// Reads cases.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<Case>> {
    let lines: Vec<Line> = lines(file)?;
    let states = |list: Vec<String>| list.into_iter().map(State::new).collect();
    let cases = lines.into_iter().map(|line| Case {
        asked: Asked {
            observed: states(line.obs),
            excluded: states(line.exc),
            sex: match line.sex.as_deref() {
                Some("M") => Some(Sex::Male),
                Some("F") => Some(Sex::Female),
                _ => None,
            },
            age: line.age,
            onset: line.onset.map(State::new),
        },
        id: line.id,
        disease: line.disease,
        publication: line.pmid.join(" "),
    });
    Ok(cases.collect())
}

fn lines<T: for<'de> Deserialize<'de>>(file: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines = (1..).zip(text.lines()).map(|(number, line)| {
        serde_json::from_str(line).with_context(|| format!("{}:{number}", file.display()))
    });
    lines.collect()
}

/// The diseases of the training file, and the publications of the cases.
pub(super) fn publications(train: &Path, cases: &[Case]) -> anyhow::Result<Publications> {
    let mut publications: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        publications
            .entry(case.publication.clone())
            .or_default()
            .push(number);
    }
    Ok(Publications {
        learned: read(train)?.into_iter().map(|case| case.disease).collect(),
        cases: publications,
    })
}

/// The lines of a file again and again until there are `count`, each time as other cases of other publications.
pub(super) fn repeated(file: &Path, count: usize) -> anyhow::Result<String> {
    let lines: Vec<Map<String, Value>> = lines(file)?;
    let rounds = (0..).flat_map(|round| lines.iter().map(move |line| (round, line)));
    let named = |value: Option<&Value>, round: u32| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        json!(format!("{text}-{round}"))
    };
    let mut text = String::new();
    for (round, line) in rounds.take(count) {
        let mut line = line.clone();
        let id = named(line.get("id"), round);
        let publication = line.get("pmid").and_then(|list| list.get(0));
        let publication = json!([named(publication, round)]);
        line.insert("id".to_owned(), id);
        line.insert("pmid".to_owned(), publication);
        text += &json!(line).to_string();
        text.push('\n');
    }
    Ok(text)
}

/// The ranked lists as lines of JSON.
pub(super) fn predictions(cases: &[Case], answers: &[Answer]) -> String {
    let lines = cases.iter().zip(answers);
    lines
        .map(|(case, answer)| json!({"id": case.id, "ranked": answer.ranked}).to_string() + "\n")
        .collect()
}

/// Prints the figures for all cases, for those whose disease was learned, and the others.
pub(super) fn print(cases: &[Case], answers: &[Answer], publications: &Publications) {
    let ranks: Vec<Option<usize>> = cases
        .iter()
        .zip(answers)
        .map(|(case, answer)| rank(case, answer))
        .collect();
    let is_learned = |case: &Case| publications.learned.contains(&case.disease);
    let all: Vec<bool> = cases.iter().map(|_| true).collect();
    let learned: Vec<bool> = cases.iter().map(is_learned).collect();
    let others: Vec<bool> = learned.iter().map(|is_learned| !is_learned).collect();
    for (name, chosen) in [
        ("all", all),
        ("disease learned", learned),
        ("not learned", others),
    ] {
        println!("{}", line(name, &ranks, &chosen, publications));
    }
    let firsts = answers.iter().zip(&ranks);
    let firsts: Vec<(f64, bool)> = firsts
        .map(|(answer, rank)| (answer.probability, *rank == Some(1)))
        .collect();
    println!(
        "expected calibration error of the first disease's probability, ten bins: {:.3}",
        calibration_error(&firsts)
    );
}

/// The place of the case's disease among those of OMIM, from 1.
fn rank(case: &Case, answer: &Answer) -> Option<usize> {
    let omim = answer
        .ranked
        .iter()
        .filter(|disease| disease.starts_with("OMIM:"));
    let place = omim.into_iter().position(|disease| *disease == case.disease)?;
    Some(place + 1)
}

fn line(name: &str, ranks: &[Option<usize>], chosen: &[bool], publications: &Publications) -> String {
    let count = chosen.iter().filter(|chosen| **chosen).count();
    let figures = RANKS.map(|most| {
        let hits: Vec<(bool, bool)> = ranks
            .iter()
            .zip(chosen)
            .map(|(rank, chosen)| (*chosen, rank.is_some_and(|rank| rank <= most)))
            .collect();
        let (share, error) = binomial(&hits);
        let (low, high) = bootstrap(&hits, publications);
        format!("top-{most} {share:.1} (+/- {error:.1}; over publications {low:.1} to {high:.1})")
    });
    format!("{name:<16} n={count:<4} {}", figures.join("  "))
}

/// Share of hits in percent, with half the width of its 95 % interval (normal approximation).
fn binomial(hits: &[(bool, bool)]) -> (f64, f64) {
    let count = hits.iter().filter(|(chosen, _)| *chosen).count().max(1) as f64;
    let share = hits.iter().filter(|(chosen, hit)| *chosen && *hit).count() as f64 / count;
    (share * 100.0, 196.0 * (share * (1.0 - share) / count).sqrt())
}

/// 95 % interval in percent when the publications are drawn anew: the cases of one are alike.
fn bootstrap(hits: &[(bool, bool)], publications: &Publications) -> (f64, f64) {
    const ROUNDS: usize = 2000;
    let sums: Vec<(f64, f64)> = publications
        .cases
        .values()
        .map(|cases| {
            let chosen = cases
                .iter()
                .filter_map(|case| hits.get(*case))
                .filter(|(chosen, _)| *chosen);
            let hit = chosen.clone().filter(|(_, hit)| *hit).count();
            (hit as f64, chosen.count() as f64)
        })
        .collect();
    let mut random = Random(7);
    let mut shares: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let drawn = (0..sums.len()).filter_map(|_| sums.get(random.below(sums.len())));
            let (hits, count) = drawn.fold((0.0, 0.0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
            100.0 * hits / f64::max(count, 1.0)
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |place: usize| shares.get(place).copied().unwrap_or(0.0);
    (at(ROUNDS / 40), at(ROUNDS - 1 - ROUNDS / 40))
}

/// `SplitMix64`: the same draws in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed % count.max(1) as u64) as usize
    }
}

/// How far stated probabilities are from the share of hits, in bins of equal width, weighted by their size.
fn calibration_error(said: &[(f64, bool)]) -> f64 {
    let mut bins: BTreeMap<usize, f64> = BTreeMap::new();
    for (probability, is_hit) in said {
        let bin = (1..10u8)
            .filter(|bin| *probability >= f64::from(*bin) / 10.0)
            .count();
        *bins.entry(bin).or_default() += probability - f64::from(u8::from(*is_hit));
    }
    bins.values().map(|gap| gap.abs()).sum::<f64>() / said.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_that_hold_have_no_error() {
        let said = [(0.5, true), (0.5, false), (1.0, true), (0.0, false)];
        assert!(calibration_error(&said).abs() < 1e-12);
        let sure = [(1.0, false), (1.0, true)];
        assert!((calibration_error(&sure) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn only_chosen_cases_count() {
        let hits = [(true, true), (true, false), (false, true)];
        assert!((binomial(&hits).0 - 50.0).abs() < 1e-12);
        let publications = Publications {
            learned: BTreeSet::new(),
            cases: [("a".to_owned(), vec![0, 2]), ("b".to_owned(), vec![1])].into(),
        };
        let (low, high) = bootstrap(&hits, &publications);
        assert!(low <= 50.0 && (50.0..=100.0).contains(&high), "{low} {high}");
    }
}
