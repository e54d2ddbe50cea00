//! Files of other systems, and importing them by the binary.

use crate::common::run_on;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A file or folder of the tests of `exchange`.
pub(crate) fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../exchange/tests")
        .join(name)
}

/// Copies a folder with all below it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Imports dummies into the store of a folder: exit code and report.
#[track_caller]
pub(crate) fn import(standard: &str, files: &Path, data: &Path, rest: &[&str]) -> (Option<i32>, Value) {
    let files = files.to_str().unwrap();
    let fixed = ["import", standard, files, "--dummy", "--report", "json"];
    let args: Vec<&str> = fixed.into_iter().chain(rest.iter().copied()).collect();
    let ran = run_on(data, &args, "");
    let report = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no report: {ran:?}"));
    (ran.code, report)
}
