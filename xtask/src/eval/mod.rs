//! Measures the engine on the corpora of the tree: same facts, refinement of 糖尿病; `cargo test` holds the floors of
//! `eval/baseline.toml`.

mod diabetes;
pub(crate) mod records;
mod report;
mod same_case;
mod same_fact;

use anyhow::Context as _;
use serde::Deserialize;
use std::path::Path;
use tsumugi_coding::Coder;
#[cfg(test)]
use tsumugi_evaluation::Score;
use tsumugi_evaluation::{Split, score, score_by_genre, table};

/// Floors that a change may raise and never lower.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// Pairwise F1 of `corpus/same_fact.tsv`.
    pub(crate) same_fact_f1: f64,
    /// Near misses that share a fact with the group they look like; a ceiling.
    pub(crate) near_misses_merged: usize,
    /// Records of `corpus/diabetes.jsonl` that come out right.
    pub(crate) diabetes_right: usize,
    /// Mean pairwise F1 of the facts of `corpus/same_case`.
    pub(crate) same_case_f1: f64,
    /// F1 of all entities on the dev split of the annotated records.
    pub(crate) dev_entity_f1: f64,
    /// Certainty on the dev split, given the span.
    pub(crate) dev_certainty: f64,
    /// F1 of all entities on the test split.
    pub(crate) test_entity_f1: f64,
    /// F1 of drugs on the test split.
    pub(crate) test_drug_f1: f64,
    /// F1 of doses on the test split.
    pub(crate) test_dose_f1: f64,
    /// Certainty on the test split, given the span.
    pub(crate) test_certainty: f64,
    /// Codes on the test split, given the span.
    pub(crate) test_codes: f64,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) same: same_fact::Score,
    pub(crate) diabetes: diabetes::Score,
    pub(crate) cases: same_case::Score,
}

/// Runs all corpora.
pub(crate) fn measure(root: &Path) -> anyhow::Result<Measured> {
    let coder = Coder::embedded().context("the tables of data/ do not make an engine")?;
    let read =
        |name: &str| std::fs::read_to_string(root.join("corpus").join(name)).with_context(|| name.to_owned());
    Ok(Measured {
        same: same_fact::score(&coder, &read("same_fact.tsv")?),
        diabetes: diabetes::score(&coder, &read("diabetes.jsonl")?)?,
        cases: same_case::score(root, &coder)?,
    })
}

/// Reads the floors.
pub(crate) fn baseline(root: &Path) -> anyhow::Result<Baseline> {
    Ok(toml::from_str(&std::fs::read_to_string(
        root.join("eval/baseline.toml"),
    )?)?)
}

/// Prints everything; with `errors`, every pair and record that is wrong.
pub(crate) fn run(root: &Path, errors: bool, shared: Option<&Path>) -> anyhow::Result<()> {
    let measured = measure(root)?;
    let Measured {
        same,
        diabetes,
        cases,
    } = &measured;
    println!(
        "same facts: {} groups, {} expressions, {} near misses | pairwise P {:.3} R {:.3} F1 {:.3} | near misses merged {}",
        same.groups,
        same.expressions,
        same.near_misses,
        same.precision(),
        same.recall(),
        same.f1(),
        same.merged.len()
    );
    println!(
        "diabetes: {} of {} records right, {} end in a question",
        diabetes.right, diabetes.records, diabetes.questions
    );
    println!(
        "same case: {} cases, {} texts, mean pairwise F1 of the facts {:.3}",
        cases.cases, cases.texts, cases.f1
    );
    let floor = baseline(root)?;
    println!(
        "floors: same facts {}, near misses at most {}, diabetes {}, same case {}; dev {} (certainty {}); test {}, drugs {}, doses {}, certainty {}, codes {}",
        floor.same_fact_f1,
        floor.near_misses_merged,
        floor.diabetes_right,
        floor.same_case_f1,
        floor.dev_entity_f1,
        floor.dev_certainty,
        floor.test_entity_f1,
        floor.test_drug_f1,
        floor.test_dose_f1,
        floor.test_certainty,
        floor.test_codes
    );
    if errors {
        let lists = same.odd.iter().chain(&same.merged).chain(&diabetes.wrong);
        for line in lists.chain(&cases.odd) {
            println!("  {line}");
        }
    }
    match shared {
        Some(shared) => report::write(root, shared, &measured),
        None => Ok(()),
    }
}

/// Scores the engine on a split of the annotated records and prints every figure.
pub(crate) fn run_records(root: &Path, split: &str, errors: usize) -> anyhow::Result<()> {
    let split = Split::parse(split).with_context(|| format!("no split {split}: train, dev or test"))?;
    anyhow::ensure!(
        split != Split::Test || errors == 0,
        "errors of the test split are not shown: whoever looks at them can no longer measure on it"
    );
    let coder = Coder::embedded().context("the tables of data/ do not make an engine")?;
    let read = records::read(root, &coder, split)?;
    for (genre, score) in score_by_genre(read.corpus.records(), &read.predictions) {
        println!(
            "{genre}: entity F1 {:.3} over {} records",
            score.entities.f1(),
            score.records
        );
    }
    let score = score(read.corpus.records(), &read.predictions);
    println!("{}", table(&score));
    if errors > 0 {
        println!("{}", tsumugi_evaluation::errors(&score, errors));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn holds(what: &str, value: f64, floor: f64) {
        assert!(value >= floor, "{what}: {value:.4} below the floor {floor}");
    }

    #[test]
    fn corpora_hold_their_floors() {
        let root = crate::root();
        let (floor, measured) = (baseline(&root).unwrap(), measure(&root).unwrap());
        let (same, diabetes) = (&measured.same, &measured.diabetes);
        assert!(
            same.f1() >= floor.same_fact_f1,
            "same facts: F1 {:.4} below {}\n{}",
            same.f1(),
            floor.same_fact_f1,
            same.odd.join("\n")
        );
        assert!(
            same.merged.len() <= floor.near_misses_merged,
            "near misses merged:\n{}",
            same.merged.join("\n")
        );
        assert!(
            diabetes.right >= floor.diabetes_right,
            "diabetes:\n{}",
            diabetes.wrong.join("\n")
        );
        holds("same case", measured.cases.f1, floor.same_case_f1);
        assert!(
            same.expressions >= 2000 && same.groups >= 600 && measured.cases.cases >= 40,
            "a corpus has shrunk"
        );
    }

    #[test]
    fn annotated_records_hold_their_floors() {
        let root = crate::root();
        let floor = baseline(&root).unwrap();
        let coder = Coder::embedded().unwrap();
        let of = |split| {
            let read = records::read(&root, &coder, split).unwrap();
            score(read.corpus.records(), &read.predictions)
        };
        let (dev, test) = (of(Split::Dev), of(Split::Test));
        let tag = |name: &str| test.tags.get(name).map_or(0.0, tsumugi_evaluation::Counts::f1);
        holds("dev entities", dev.entities.f1(), floor.dev_entity_f1);
        holds(
            "dev certainty",
            Score::accuracy(&dev.certainty),
            floor.dev_certainty,
        );
        holds("test entities", test.entities.f1(), floor.test_entity_f1);
        holds("test drugs", tag("m-key"), floor.test_drug_f1);
        holds("test doses", tag("m-val"), floor.test_dose_f1);
        holds(
            "test certainty",
            Score::accuracy(&test.certainty),
            floor.test_certainty,
        );
        holds("test codes", test.codes.recall(), floor.test_codes);
        assert!(
            dev.records >= 80 && test.records >= 100,
            "the records have become fewer"
        );
    }
}
