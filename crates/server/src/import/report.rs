//! What an import tells at the end: numbers, and what could not be read, where and why.

use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use tsumugi_exchange::incoming::{Problem, Severity};

/// Most problems that are listed; beyond that they are counted, and dead letters are in the store all the same.
const MOST_TOLD: usize = 10_000;

/// A problem that is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// The problem, at the first place where it stood.
    #[serde(flatten)]
    pub(crate) problem: Problem,
    /// At how many places it stood. Errors are listed one by one: each is about bytes of its own.
    #[serde(skip_serializing_if = "is_one")]
    pub(crate) times: u64,
}

/// What an import tells.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    /// Files (or messages) that were read.
    pub(crate) files: u64,
    /// Statements that are in the store, those of before too.
    pub(crate) accepted: u64,
    /// What is no statement: dead letters, and files that could not be read.
    pub(crate) rejected: u64,
    /// Statements that were in the store already.
    pub(crate) repeated: u64,
    /// Statements that were written now.
    pub(crate) records: u64,
    /// FHIR resources of them.
    pub(crate) resources: u64,
    /// Events of them, those of their texts too.
    pub(crate) events: u64,
    /// Whether it was stopped before the end; run again, it goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) interrupted: bool,
    /// What could not be read, or not wholly. The same remark of many places is one, with their number.
    pub(crate) diagnostics: Vec<Told>,
    /// Problems beyond those that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) diagnostics_left_out: u64,
    /// Where a remark is listed, by its hash.
    #[serde(skip)]
    listed: HashMap<u64, usize>,
    #[serde(skip)]
    hasher: RandomState,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that the serializer calls"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that the serializer calls"
)]
fn is_one(number: &u64) -> bool {
    *number == 1
}

impl Report {
    /// Lists a problem, or counts it where the same remark is listed.
    pub(crate) fn tell(&mut self, problem: Problem) {
        if problem.severity < Severity::Error {
            let (field, message) = (&problem.place.field, &problem.message);
            let remark = self.hasher.hash_one((problem.code, field, message));
            let listed = self.listed.get(&remark);
            if let Some(told) = listed.and_then(|index| self.diagnostics.get_mut(*index)) {
                told.times += 1;
                return;
            }
            if self.diagnostics.len() < MOST_TOLD {
                self.listed.insert(remark, self.diagnostics.len());
            }
        }
        if self.diagnostics.len() < MOST_TOLD {
            self.diagnostics.push(Told { problem, times: 1 });
        } else {
            self.diagnostics_left_out += 1;
        }
    }

    /// The gravest problem.
    pub(crate) fn gravest(&self) -> Option<&Problem> {
        let mut problems = self.diagnostics.iter().map(|told| &told.problem);
        problems.find(|problem| problem.severity == Severity::Error)
    }

    /// The report for people: a line of numbers, then a line for each problem.
    pub(crate) fn for_people(&self) -> String {
        let mut text = format!(
            "{} files: {} statements in ({} new, {} known), {} rejected; {} resources, {} events",
            self.files,
            self.accepted,
            self.records,
            self.repeated,
            self.rejected,
            self.resources,
            self.events
        );
        for Told { problem, times } in &self.diagnostics {
            let severity = match problem.severity {
                Severity::Information => "information",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            // Writing to a string does not fail.
            let _ = write!(text, "\n{severity}: {problem}");
            if *times > 1 {
                let _ = write!(text, " ({times} times; this is the first)");
            }
        }
        if self.diagnostics_left_out > 0 {
            let _ = write!(text, "\nand {} more", self.diagnostics_left_out);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_exchange::incoming::Place;

    #[test]
    fn a_remark_of_many_places_is_one_and_errors_stay_apart() {
        let mut report = Report::default();
        let problem = |line, severity, message: &str| Problem {
            place: Place {
                file: "f".to_owned(),
                line: Some(line),
                field: None,
            },
            severity,
            code: "uncoded",
            message: message.to_owned(),
        };
        for line in 1..=20_000 {
            report.tell(problem(line, Severity::Warning, "a"));
        }
        report.tell(problem(1, Severity::Warning, "b"));
        report.tell(problem(2, Severity::Error, "a"));
        report.tell(problem(3, Severity::Error, "a"));
        let listed: Vec<_> = report
            .diagnostics
            .iter()
            .map(|told| (told.problem.place.line.unwrap(), told.times))
            .collect();
        assert_eq!(listed, [(1, 20_000), (1, 1), (2, 1), (3, 1)]);
        assert_eq!(report.diagnostics_left_out, 0);
        assert_eq!(report.gravest().unwrap().place.line, Some(2));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["diagnostics"][0]["times"], &json["diagnostics"][0]["line"]),
            (&20_000.into(), &1.into())
        );
        assert!(json["diagnostics"][1].get("times").is_none());
        assert!(report.for_people().contains("(20000 times; this is the first)"));
    }
}
