//! The outgoing formats on hand-made notes: whole bundles, one rule each, and what every bundle must hold.
#![expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "json!(…) without & reads better in a table of cases"
)]

#[cfg(test)]
mod golden;
#[cfg(test)]
mod medtxt;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod stages;
#[cfg(test)]
mod structure;
