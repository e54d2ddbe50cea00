//! What an import says of its files: how much was read, and what is wrong, where, and what to do.

use serde::{Deserialize, Serialize};

/// Most diagnostics that are listed; the rest is counted.
const MOST_LISTED: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file or the row is not in.
    Error,
    /// It is in, and somebody should look.
    Warning,
}

/// Something wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column, by its heading in the layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Stable word for programs: `layout`, `charset`, `cell`, `duplicate-key` …
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// A file that was read, for the manifest of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFile {
    /// Its name, without the folder.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub bytes: u64,
    /// Rows that were taken.
    pub rows: u64,
}

/// Why a file is refused: what is wrong at which place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: Option<u32>,
    pub(crate) field: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn at(line: u32, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            field: None,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn of_field(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }
}

/// The report of an import, in the form of the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files given.
    pub files: u64,
    /// Files that were read to the end.
    pub accepted: u64,
    /// Files refused, and rows left out.
    pub rejected: u64,
    /// Rows taken.
    pub records: u64,
    /// What is wrong, in the order in which it was found.
    pub diagnostics: Vec<Finding>,
    /// Diagnostics that were not listed because there were too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: u64,
    /// Files that could not be used: nothing is written then.
    #[serde(skip)]
    pub refused: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// Refuses a file.
    pub(crate) fn refuse(&mut self, file: &str, fault: Fault) {
        self.rejected += 1;
        self.refused += 1;
        self.list(file, fault, Severity::Error);
    }

    /// Leaves a row out.
    pub(crate) fn reject(&mut self, file: &str, fault: Fault) {
        self.rejected += 1;
        self.list(file, fault, Severity::Error);
    }

    /// Takes a row that somebody should look at.
    pub(crate) fn warn(&mut self, file: &str, fault: Fault) {
        self.list(file, fault, Severity::Warning);
    }

    fn list(&mut self, file: &str, fault: Fault, severity: Severity) {
        if self.diagnostics.len() >= MOST_LISTED {
            self.unlisted += 1;
            return;
        }
        self.diagnostics.push(Finding {
            file: file.to_owned(),
            line: fault.line,
            field: fault.field,
            severity,
            code: fault.code,
            message: fault.message,
        });
    }
}
