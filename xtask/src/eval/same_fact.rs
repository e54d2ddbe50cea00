//! Expressions that state the same must share their facts, near misses must not.
//!
//! An expression's key is the set of facts of its events. Over all pairs of expressions: a pair is predicted to be the
//! same when the two keys are equal and not empty; it is the same when the groups are equal.

use std::collections::BTreeMap;
use tsumugi_clinical::Note;
use tsumugi_coding::Coder;

/// The score of a corpus.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) groups: usize,
    pub(crate) expressions: usize,
    pub(crate) near_misses: usize,
    hits: u64,
    predicted: u64,
    wanted: u64,
    /// Near misses that share a fact with the group they look like.
    pub(crate) merged: Vec<String>,
    /// Expressions whose key is not that of most of their group.
    pub(crate) odd: Vec<String>,
}

impl Score {
    pub(crate) fn precision(&self) -> f64 {
        ratio(self.hits, self.predicted)
    }

    pub(crate) fn recall(&self) -> f64 {
        ratio(self.hits, self.wanted)
    }

    pub(crate) fn f1(&self) -> f64 {
        let (p, r) = (self.precision(), self.recall());
        if p + r == 0.0 { 0.0 } else { 2.0 * p * r / (p + r) }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

struct Row<'a> {
    group: &'a str,
    expression: &'a str,
    near: &'a str,
    facts: Vec<String>,
}

/// Scores the table.
pub(crate) fn score(coder: &Coder, table: &str) -> Score {
    let rows: Vec<Row<'_>> = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .skip(1)
        .map(|line| {
            let mut cells = line.split('\t');
            let mut next = || cells.next().unwrap_or("");
            let (group, expression, near) = (next(), next(), next());
            Row {
                group,
                expression,
                near,
                facts: facts(coder, expression),
            }
        })
        .collect();
    let by_group = collect(&rows, |row| row.group);
    let mut score = Score {
        groups: by_group.len(),
        expressions: rows.len(),
        near_misses: rows.iter().filter(|row| !row.near.is_empty()).count(),
        wanted: by_group.values().map(|members| pairs(members.len())).sum(),
        ..Score::default()
    };
    let by_key = collect(&rows, |row| row.facts.as_slice());
    for (_, members) in by_key.iter().filter(|(key, _)| !key.is_empty()) {
        score.predicted += pairs(members.len());
        let mut same: BTreeMap<&str, usize> = BTreeMap::new();
        for row in members {
            *same.entry(row.group).or_default() += 1;
        }
        score.hits += same.values().map(|count| pairs(*count)).sum::<u64>();
    }
    for row in rows.iter().filter(|row| !row.near.is_empty()) {
        let looks_like = by_group.get(row.near).and_then(|members| usual(members));
        let shares = looks_like.is_some_and(|key| key.iter().any(|fact| row.facts.contains(fact)));
        if shares {
            score.merged.push(format!(
                "near miss merged: {} ({}) ~ {}: {:?}",
                row.expression, row.group, row.near, row.facts
            ));
        }
    }
    for members in by_group.values() {
        let Some(key) = usual(members) else { continue };
        for row in members.iter().filter(|row| row.facts != key) {
            score.odd.push(format!(
                "{}: {} -> {:?}, the group has {:?}",
                row.group, row.expression, row.facts, key
            ));
        }
    }
    score
}

fn facts(coder: &Coder, expression: &str) -> Vec<String> {
    let note = Note {
        text: expression.to_owned(),
        ..Note::default()
    };
    let events = coder.structure(&note).events;
    let mut facts: Vec<String> = events.iter().map(|event| event.fact.to_string()).collect();
    facts.sort();
    facts.dedup();
    facts
}

fn collect<'r, 'a, K: Ord>(
    rows: &'r [Row<'a>],
    key: impl Fn(&'r Row<'a>) -> K,
) -> BTreeMap<K, Vec<&'r Row<'a>>> {
    let mut map: BTreeMap<K, Vec<&Row<'a>>> = BTreeMap::new();
    for row in rows {
        map.entry(key(row)).or_default().push(row);
    }
    map
}

/// The key that most members have.
fn usual(members: &[&Row<'_>]) -> Option<Vec<String>> {
    let mut counts: BTreeMap<&[String], usize> = BTreeMap::new();
    for row in members {
        *counts.entry(row.facts.as_slice()).or_default() += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(key, _)| key.to_vec())
}

fn pairs(count: usize) -> u64 {
    (count as u64) * (count as u64).saturating_sub(1) / 2
}
