//! What an import tells at the end: numbers, and what could not be read, where and why.

use serde::Serialize;
use std::fmt::Write as _;
use tsumugi_exchange::incoming::{Problem, Severity};

/// Most problems that are listed; beyond that they are counted, and dead letters are in the store all the same.
const MOST_TOLD: usize = 10_000;

/// What an import tells.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
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
    /// What could not be read, or not wholly.
    pub(crate) diagnostics: Vec<Problem>,
    /// Problems beyond those that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) diagnostics_left_out: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that the serializer calls"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Report {
    /// Lists a problem.
    pub(crate) fn tell(&mut self, problem: Problem) {
        if self.diagnostics.len() < MOST_TOLD {
            self.diagnostics.push(problem);
        } else {
            self.diagnostics_left_out += 1;
        }
    }

    /// The gravest problem.
    pub(crate) fn gravest(&self) -> Option<&Problem> {
        let errors = |problem: &&Problem| problem.severity == Severity::Error;
        self.diagnostics.iter().find(errors)
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
        for problem in &self.diagnostics {
            let severity = match problem.severity {
                Severity::Information => "information",
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            // Writing to a string does not fail.
            let _ = write!(text, "\n{severity}: {problem}");
        }
        if self.diagnostics_left_out > 0 {
            let _ = write!(text, "\nand {} more", self.diagnostics_left_out);
        }
        text
    }
}
