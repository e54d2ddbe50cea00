//! What hospitals bill, what pharmacies dispensed and what devices measured: files of the true layout, invented persons.
#![expect(
    clippy::non_ascii_literal,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests; claims, notebooks and exports are Japanese"
)]

mod device;
mod dpc;
mod malformed;
mod okusuri;
mod properties;
mod tables;
mod uke;

use serde_json::Value;
use std::path::PathBuf;
use tsumugi_exchange::feed::Summary;
use tsumugi_exchange::incoming::{Handed, Incoming, Problem};

/// What a reader handed out.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) statements: Vec<Incoming>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) dead: Vec<(Problem, Vec<u8>)>,
    pub(crate) summary: Summary,
}

impl Read {
    pub(crate) fn of(read: impl FnOnce(&mut tsumugi_exchange::incoming::Sink<'_>) -> Summary) -> Self {
        let mut all = Self::default();
        let summary = read(&mut |handed| {
            match handed {
                Handed::Statement(statement) => all.statements.push(*statement),
                Handed::Problem(problem) => all.problems.push(problem),
                Handed::Dead { problem, bytes } => all.dead.push((problem, bytes)),
            }
            true
        });
        all.summary = summary;
        all
    }

    /// Every byte is in a statement, a dead letter or counted as envelope, and the sums are true.
    #[track_caller]
    pub(crate) fn covers(&self, input: usize) {
        let stated: usize = self.statements.iter().map(|one| one.bytes.len()).sum();
        let dead: usize = self.dead.iter().map(|(_, bytes)| bytes.len()).sum();
        let summary = self.summary;
        assert_eq!(summary.bytes, input as u64, "all of the input is read");
        assert_eq!(summary.stated, stated as u64);
        assert_eq!(summary.dead_bytes, dead as u64);
        assert_eq!(
            summary.stated + summary.dead_bytes + summary.envelope,
            input as u64,
            "no byte is lost: {summary:?}"
        );
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let dead = self.dead.iter().map(|(problem, _)| problem);
        self.problems
            .iter()
            .chain(dead)
            .map(|problem| problem.code)
            .collect()
    }
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(folder().join("claims/files").join(name)).unwrap()
}

/// The resources of a statement, of one kind.
pub(crate) fn resources(statement: &Incoming, kind: &str) -> Vec<Value> {
    let all = statement.resources.iter().filter(|one| one.kind == kind);
    all.map(|one| serde_json::from_slice(&one.json).unwrap())
        .collect()
}
