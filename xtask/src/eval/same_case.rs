//! The same case written by several hands (`corpus/same_case`): different wordings must give the same facts.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tsumugi_clinical::Note;
use tsumugi_coding::Coder;

/// Agreement of the hands.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) cases: usize,
    pub(crate) texts: usize,
    /// Mean over cases and pairs of hands of 2 × shared facts / facts of both.
    pub(crate) f1: f64,
    /// Facts that one hand of a case gives and most others do not.
    pub(crate) odd: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    hand: String,
    text: String,
}

/// Structures every text and compares the hands of each case.
pub(crate) fn score(root: &Path, coder: &Coder) -> anyhow::Result<Score> {
    let mut cases: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let mut files: Vec<_> = std::fs::read_dir(root.join("corpus/same_case"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name != "cases.jsonl"))
        .collect();
    files.sort();
    let mut score = Score::default();
    for file in files {
        for line in std::fs::read_to_string(&file)?.lines() {
            let line: Line = serde_json::from_str(line)?;
            let note = Note {
                id: line.id.clone(),
                text: line.text,
                date: Some(jiff::civil::date(2026, 11, 28)),
                patient: None,
            };
            let structured = coder.structure(&note);
            let facts = structured
                .events
                .iter()
                .map(|event| event.fact.as_str().to_owned());
            cases
                .entry(line.id)
                .or_default()
                .insert(line.hand, facts.collect());
            score.texts += 1;
        }
    }
    let (mut sum, mut pairs) = (0.0, 0);
    for (id, hands) in &cases {
        let sets: Vec<(&String, &BTreeSet<String>)> = hands.iter().collect();
        for (index, (_, left)) in sets.iter().enumerate() {
            for (_, right) in sets.iter().skip(index + 1) {
                let shared = left.intersection(right).count();
                sum += 2.0 * shared as f64 / (left.len() + right.len()).max(1) as f64;
                pairs += 1;
            }
        }
        for (hand, facts) in &sets {
            for fact in *facts {
                let others = sets.iter().filter(|(_, set)| set.contains(fact)).count();
                if others == 1 {
                    score.odd.push(format!("{id} {hand}: only here {fact}"));
                }
            }
        }
    }
    score.cases = cases.len();
    score.f1 = sum / f64::from(pairs.max(1));
    Ok(score)
}
