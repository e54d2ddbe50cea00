//! `cargo xtask eval --shared DIR`: every figure of accuracy in one file, `eval/report.md`.
//!
//! Parts whose data is not there are skipped with a printed line. The errors shown are those of the dev split; errors of
//! the test split are never listed.

use super::{Measured, records};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use tsumugi_coding::Coder;
use tsumugi_evaluation::{Score, Split, errors, score, score_by_genre, table};

const MOST_ERRORS: usize = 50;

/// Measures everything and writes the report.
pub(crate) fn write(root: &Path, shared: &Path, measured: &Measured) -> anyhow::Result<()> {
    let mut out = String::from("# Accuracy, measured by `cargo xtask eval --shared DIR`\n\n");
    own(&mut out, measured);
    let rules = Coder::without_tagger()?;
    let whole = Coder::embedded()?;
    for split in [Split::Dev, Split::Test] {
        let _ = writeln!(out, "\n## Annotated records, split {}\n", split.name());
        let alone = records::read(root, &rules, split)?;
        let read = records::read(root, &whole, split)?;
        let alone = score(alone.corpus.records(), &alone.predictions);
        let total = score(read.corpus.records(), &read.predictions);
        let _ = writeln!(
            out,
            "{} records. Entity F1 {:.3} with the tagger, {:.3} by tables and rules alone; certainty given the span {:.3} and {:.3}.\n",
            total.records,
            total.entities.f1(),
            alone.entities.f1(),
            Score::accuracy(&total.certainty),
            Score::accuracy(&alone.certainty)
        );
        out.push_str("| genre | records | entity F1 |\n|---|---|---|\n");
        for (genre, score) in score_by_genre(read.corpus.records(), &read.predictions) {
            let _ = writeln!(
                out,
                "| {genre} | {} | {:.3} |",
                score.records,
                score.entities.f1()
            );
        }
        let _ = writeln!(out, "\n{}", table(&total));
        if split == Split::Dev {
            let _ = writeln!(
                out,
                "### The {MOST_ERRORS} most frequent errors on dev\n\n{}",
                errors(&total, MOST_ERRORS)
            );
        }
    }
    match notes(root, shared, &whole) {
        Ok(text) => {
            let _ = writeln!(out, "\n## Development notes of other corpora\n\n```\n{text}```");
        }
        Err(error) => println!("skipped: development notes of other corpora ({error:#})"),
    }
    let path = root.join("eval/report.md");
    std::fs::write(&path, out)?;
    println!("written: {}", path.display());
    Ok(())
}

fn own(out: &mut String, measured: &Measured) {
    let Measured {
        same,
        diabetes,
        cases,
    } = measured;
    let _ = writeln!(
        out,
        "| corpus | figure |\n|---|---|\n| same facts: {} groups, {} expressions, {} near misses | pairwise F1 {:.3} (P {:.3}, R {:.3}), near misses merged {} |",
        same.groups,
        same.expressions,
        same.near_misses,
        same.f1(),
        same.precision(),
        same.recall(),
        same.merged.len()
    );
    let _ = writeln!(
        out,
        "| diabetes: {} records | {} right, {} end in a question |",
        diabetes.records, diabetes.right, diabetes.questions
    );
    let _ = writeln!(
        out,
        "| the same case by several hands: {} cases, {} texts | mean pairwise F1 of the facts {:.3} |",
        cases.cases, cases.texts, cases.f1
    );
}

/// Structures the development notes and runs their own scorer.
fn notes(root: &Path, shared: &Path, coder: &Coder) -> anyhow::Result<String> {
    let gold = shared.join("data/ner/dev.jsonl");
    let text = std::fs::read_to_string(&gold).with_context(|| gold.display().to_string())?;
    let mut lines = String::new();
    for line in text.lines() {
        let note: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| note.get(name).and_then(serde_json::Value::as_str);
        let note = tsumugi_clinical::Note {
            id: field("id").unwrap_or_default().to_owned(),
            text: field("text").unwrap_or_default().to_owned(),
            ..tsumugi_clinical::Note::default()
        };
        lines.push_str(&serde_json::to_string(&coder.structure(&note))?);
        lines.push('\n');
    }
    let folder = root.join("target");
    std::fs::create_dir_all(&folder)?;
    let predictions = folder.join("ner-predictions.jsonl");
    std::fs::write(&predictions, lines)?;
    let output = Command::new("python3")
        .arg(shared.join("tools/score_ner.py"))
        .args([&gold, &predictions])
        .output()
        .context("python3")?;
    anyhow::ensure!(output.status.success(), "the scorer failed");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
