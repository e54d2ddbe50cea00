//! The statements of one patient's segments: an allergy, a problem, an order lives and ends each for itself, so that each is
//! a statement with its own key. What stands before the first of them goes with the first; who the patient is, and the stay,
//! with each.

use super::order::number as number_of_order;
use super::syntax::{Message, Segment};
use std::collections::HashMap;
use std::ops::Range;

/// Most statements that the segments of one patient are split into; more stay one.
const MOST_PARTS: usize = 1_000;
/// Longest beginning that is repeated for each of them, in bytes; behind a longer one they stay one.
const LONGEST_REPEATED: usize = 4_000;
/// What every part begins with.
const REPEATED: [&str; 5] = ["PID", "PD1", "PV1", "PV2", "EVN"];

/// The segments of one statement.
#[derive(Debug)]
pub(super) struct Part {
    /// Where they stand among the patient's, in the order in which they are read.
    pub(super) ranges: Vec<Range<usize>>,
    /// What numbers it, where it is a statement of its own; empty where the source gives it no number.
    pub(super) number: Option<String>,
    /// The line on which it begins.
    pub(super) line: u32,
}

impl Part {
    fn whole(segments: &[Segment<'_>]) -> Self {
        let all = 0..segments.len();
        Self {
            ranges: vec![all],
            number: None,
            line: segments.first().map_or(1, |pid| pid.line),
        }
    }

    /// Its segments.
    pub(super) fn of<'s, 't>(&self, segments: &'s [Segment<'t>]) -> Vec<&'s Segment<'t>> {
        let ranges = self.ranges.iter().cloned();
        ranges
            .flat_map(|range| segments.get(range).unwrap_or_default())
            .collect()
    }
}

/// The segments of each patient: from PID to the next PID.
pub(super) fn patients(message: &Message<'_>) -> Vec<Range<usize>> {
    let of_patient = message.segments.iter().enumerate();
    let starts: Vec<usize> = of_patient
        .filter(|(_, segment)| segment.name == "PID")
        .map(|(index, _)| index)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([message.segments.len()]);
    let starts = starts.iter().copied();
    starts.zip(ends).map(|(start, end)| start..end).collect()
}

/// The segment that begins a statement in messages of a kind; none where the message is one.
fn opener(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "allergies" => "IAM",
        "problems" => "PRB",
        "order" | "laboratory-order" | "prescription" | "diet" | "examination" => "ORC",
        _ => return None,
    })
}

/// What numbers an allergy (IAM-7), a problem (PRB-4), an order (ORC-2/3, OBR-2/3): its identifier, else its code or name.
fn number(group: &[Segment<'_>]) -> String {
    let Some(first) = group.first() else {
        return String::new();
    };
    let identifier = match first.name {
        "IAM" => 7,
        "PRB" => 4,
        _ => {
            let requests = group
                .iter()
                .filter(|segment| matches!(segment.name, "ORC" | "OBR"));
            let mut numbers = requests.map(number_of_order);
            return numbers.find(|number| !number.is_empty()).unwrap_or_default();
        }
    };
    let mut named = [first.text(identifier, 1), first.text(3, 1), first.text(3, 2)].into_iter();
    named.find(|part| !part.is_empty()).unwrap_or_default()
}

/// The statements of a patient's segments in a message of a kind. Groups of one number (the drugs of a prescription) are one
/// statement. `front` is how long the segments before the patient are, in bytes.
pub(super) fn parts(kind: &str, segments: &[Segment<'_>], front: usize) -> Vec<Part> {
    let whole = || vec![Part::whole(segments)];
    let Some(name) = opener(kind) else {
        return whole();
    };
    let starts: Vec<usize> = (0..segments.len())
        .filter(|index| segments.get(*index).is_some_and(|segment| segment.name == name))
        .collect();
    let Some(head) = starts.first().copied() else {
        return whole();
    };
    let repeated: Vec<usize> = (0..head)
        .filter(|index| {
            let segment = segments.get(*index);
            segment.is_some_and(|segment| REPEATED.contains(&segment.name))
        })
        .collect();
    // Laboratory orders stand behind their specimen.
    let mut specimens = specimens(segments, kind == "laboratory-order").peekable();
    let mut specimen = None;
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut parts: Vec<Part> = Vec::new();
    let ends = starts.iter().skip(1).copied().chain([segments.len()]);
    for (start, end) in starts.iter().copied().zip(ends) {
        let group = segments.get(start..end).unwrap_or_default();
        while let Some(next) = specimens.next_if(|next| *next < start) {
            specimen = Some(next);
        }
        let number = number(group);
        let at = *known.entry(number.clone()).or_insert_with(|| {
            let is_first = parts.is_empty();
            parts.push(Part {
                ranges: if is_first {
                    std::iter::once(0..head).collect()
                } else {
                    repeated.iter().map(|index| *index..index + 1).collect()
                },
                number: Some(number),
                line: group.first().map_or(1, |first| first.line),
            });
            parts.len() - 1
        });
        if let Some(part) = parts.get_mut(at) {
            let last = part.ranges.last();
            let of_specimen = specimen.filter(|specimen| last.is_none_or(|last| !last.contains(specimen)));
            part.ranges
                .extend(of_specimen.map(|specimen| specimen..specimen + 1));
            part.ranges.push(start..end);
        }
    }
    let length = front + length(segments, &repeated) + longest_specimen(segments, kind);
    if parts.len() > 1 && (parts.len() > MOST_PARTS || length > LONGEST_REPEATED) {
        return whole();
    }
    parts
}

fn specimens(segments: &[Segment<'_>], are_before: bool) -> impl Iterator<Item = usize> {
    let of_name = segments.iter().enumerate();
    of_name
        .filter(move |(_, segment)| are_before && segment.name == "SPM")
        .map(|(index, _)| index)
}

fn length(segments: &[Segment<'_>], which: &[usize]) -> usize {
    let which = which.iter().filter_map(|index| segments.get(*index));
    which.map(|segment| segment.raw.len()).sum()
}

fn longest_specimen(segments: &[Segment<'_>], kind: &str) -> usize {
    let specimens = specimens(segments, kind == "laboratory-order").filter_map(|index| segments.get(index));
    specimens.map(|segment| segment.raw.len()).max().unwrap_or(0)
}
