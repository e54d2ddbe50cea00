//! What makes a statement the same when it comes again, and whether it is taken back.

use super::order::number as number_of_order;
use super::syntax::Segment;
use super::tables::TABLES;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Longest key that stands as it is.
const LONGEST_KEY: usize = 200;

/// Whether every order of the message is cancelled.
pub(super) fn is_cancelled(segments: &[&Segment<'_>]) -> bool {
    let mut orders = segments.iter().filter(|segment| segment.name == "ORC").peekable();
    orders.peek().is_some()
        && orders.all(|order| TABLES.code("order-control", &order.text(1, 1)) == Some("revoked"))
}

/// Whether every allergy (IAM-6) and problem (PRB-1) is taken back.
pub(super) fn is_taken_back(segments: &[&Segment<'_>]) -> bool {
    let mut actions = segments
        .iter()
        .filter_map(|segment| match segment.name {
            "IAM" => Some(segment.text(6, 1)),
            "PRB" => Some(segment.text(1, 1)),
            _ => None,
        })
        .peekable();
    actions.peek().is_some()
        && actions.all(|action| TABLES.code("problem-action", &action) == Some("deleted"))
}

/// Numbers that make the same statement the same when it comes again.
pub(super) fn numbers(kind: &str, segments: &[&Segment<'_>]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |number: String| {
        if !number.is_empty() {
            all.push(number);
        }
    };
    for segment in segments {
        match segment.name {
            "ORC" => add(number_of_order(segment)),
            "OBR" => {
                add(number_of_order(segment));
                if kind == "result" || kind == "laboratory-result" {
                    add(segment.text(4, 1));
                }
            }
            "TXA" => add(segment.text(12, 1)),
            "PRB" => add([segment.text(4, 1), segment.text(3, 1), segment.text(3, 2)]
                .into_iter()
                .find(|part| !part.is_empty())
                .unwrap_or_default()),
            "IAM" => add([segment.text(7, 1), segment.text(3, 1), segment.text(3, 2)]
                .into_iter()
                .find(|part| !part.is_empty())
                .unwrap_or_default()),
            "PV1" if all_is_stay(kind) => {
                let visit = segment.text(19, 1);
                add(if visit.is_empty() {
                    segment.text(44, 1).chars().take(8).collect()
                } else {
                    visit
                });
            }
            _ => {}
        }
    }
    all.sort();
    all.dedup();
    all
}

fn all_is_stay(kind: &str) -> bool {
    matches!(
        kind,
        "admission"
            | "transfer"
            | "discharge"
            | "visit"
            | "planned-admission"
            | "planned-transfer"
            | "planned-discharge"
            | "leave"
            | "return"
            | "attending"
    )
}

pub(super) fn shortened(key: String) -> String {
    if key.len() <= LONGEST_KEY {
        return key;
    }
    let kind = key.split('|').next().unwrap_or("").to_owned();
    let mut short = format!("{kind}|sha256:");
    for byte in Sha256::digest(key.as_bytes()) {
        // Writing into a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}
