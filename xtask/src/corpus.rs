//! The annotated records: their texts beside the gold, and what must hold of them.
//!
//! The XML of a hand is the source; `cargo xtask corpus` writes its texts as JSON lines that `tsumugi structure --input
//! jsonl` reads. The check says when the two differ, when two records are too alike, and when the frozen test split has
//! changed.

use anyhow::Context as _;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tsumugi_evaluation::{Hand, Split, read_corpus};

/// Two records may not share more of their runs of five characters.
const MOST_ALIKE: f64 = 0.3;
const RUN: usize = 5;

fn folder(root: &Path) -> PathBuf {
    root.join("corpus/records")
}

/// Writes the texts of every hand.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    let corpus = read_corpus(&folder(root), None)?;
    for hand in &corpus.hands {
        let path = folder(root).join(format!("{}.jsonl", hand.id));
        std::fs::write(&path, texts(hand)).with_context(|| path.display().to_string())?;
    }
    let characters: usize = corpus.records().map(|record| record.text.chars().count()).sum();
    println!(
        "{} hands, {} records, {characters} characters",
        corpus.hands.len(),
        corpus.records().count()
    );
    Ok(())
}

fn texts(hand: &Hand) -> String {
    let mut out = String::new();
    for record in &hand.records {
        let sex = if record.sex == "M" { "male" } else { "female" };
        let line = json!({
            "id": record.id,
            "text": record.text,
            "date": record.date,
            "patient": {"sex": sex, "age": record.age},
        });
        out.push_str(&line.to_string());
        out.push('\n');
    }
    out
}

/// Everything that is wrong with the records.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let corpus = match read_corpus(&folder(root), None) {
        Ok(corpus) => corpus,
        Err(error) => return vec![error.to_string()],
    };
    let mut mistakes = Vec::new();
    let mut runs: Vec<(String, BTreeSet<[char; RUN]>)> = Vec::new();
    for hand in &corpus.hands {
        let name = format!("corpus/records/{}.jsonl", hand.id);
        if std::fs::read_to_string(root.join(&name)).ok().as_deref() != Some(texts(hand).as_str()) {
            mistakes.push(format!(
                "{name}: not the texts of the XML; run cargo xtask corpus"
            ));
        }
        for record in &hand.records {
            let text: Vec<char> = record.text.chars().filter(|c| !c.is_whitespace()).collect();
            runs.push((
                record.id.clone(),
                text.windows(RUN)
                    .filter_map(|window| window.try_into().ok())
                    .collect(),
            ));
        }
    }
    for (index, (one, left)) in runs.iter().enumerate() {
        for (other, right) in runs.iter().skip(index + 1) {
            // Sets of very different size cannot be alike.
            let (small, large) = (left.len().min(right.len()), left.len().max(right.len()));
            if (small as f64) < MOST_ALIKE * large as f64 {
                continue;
            }
            let shared = left.intersection(right).count();
            let alike = shared as f64 / (left.len() + right.len() - shared).max(1) as f64;
            if alike >= MOST_ALIKE {
                mistakes.push(format!(
                    "{one} and {other} share {alike:.2} of their runs of {RUN} characters"
                ));
            }
        }
    }
    mistakes.extend(frozen(root));
    mistakes
}

/// The test split is the one that was frozen before any figure was taken on it.
fn frozen(root: &Path) -> Vec<String> {
    let Ok(wanted) = std::fs::read_to_string(root.join("corpus/test.sha256")) else {
        return vec!["corpus/test.sha256 is missing".to_owned()];
    };
    match digest(root) {
        Ok(now) if now == wanted.trim() => Vec::new(),
        Ok(now) => vec![format!(
            "the test split has changed since it was frozen: {now}, not {}",
            wanted.trim()
        )],
        Err(error) => vec![error.to_string()],
    }
}

/// SHA-256 over the XML of the test hands, in their order.
pub(crate) fn digest(root: &Path) -> anyhow::Result<String> {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    for hand in read_corpus(&folder(root), Some(Split::Test))?.hands {
        hash.update(std::fs::read(folder(root).join(format!("{}.xml", hand.id)))?);
    }
    let mut digits = String::new();
    for byte in hash.finalize() {
        // Writing into a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(digits)
}
