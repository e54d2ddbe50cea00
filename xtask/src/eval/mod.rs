//! Measures the engine on the corpora of the tree: same facts, refinement of 糖尿病; `cargo test` holds the floors of
//! `eval/baseline.toml`.

mod diabetes;
pub(crate) mod records;
mod same_fact;

use anyhow::Context as _;
use serde::Deserialize;
use std::path::Path;
use tsumugi_coding::Coder;
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
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) same: same_fact::Score,
    pub(crate) diabetes: diabetes::Score,
}

/// Runs all corpora.
pub(crate) fn measure(root: &Path) -> anyhow::Result<Measured> {
    let coder = Coder::embedded().context("the tables of data/ do not make an engine")?;
    let read =
        |name: &str| std::fs::read_to_string(root.join("corpus").join(name)).with_context(|| name.to_owned());
    Ok(Measured {
        same: same_fact::score(&coder, &read("same_fact.tsv")?),
        diabetes: diabetes::score(&coder, &read("diabetes.jsonl")?)?,
    })
}

/// Reads the floors.
pub(crate) fn baseline(root: &Path) -> anyhow::Result<Baseline> {
    Ok(toml::from_str(&std::fs::read_to_string(
        root.join("eval/baseline.toml"),
    )?)?)
}

/// Prints everything; with `errors`, every pair and record that is wrong.
pub(crate) fn run(root: &Path, errors: bool) -> anyhow::Result<()> {
    let measured = measure(root)?;
    let Measured { same, diabetes } = &measured;
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
    let floor = baseline(root)?;
    println!(
        "floors: F1 {}, near misses merged at most {}, diabetes {}",
        floor.same_fact_f1, floor.near_misses_merged, floor.diabetes_right
    );
    if errors {
        for line in same.odd.iter().chain(&same.merged).chain(&diabetes.wrong) {
            println!("  {line}");
        }
    }
    Ok(())
}

/// Scores the engine on a split of the annotated records and prints every figure.
pub(crate) fn run_records(root: &Path, split: &str, errors: usize) -> anyhow::Result<()> {
    let split = Split::parse(split).with_context(|| format!("no split {split}: train, dev or test"))?;
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
        assert!(
            same.expressions >= 600 && same.groups >= 150,
            "the corpus has shrunk"
        );
    }
}
