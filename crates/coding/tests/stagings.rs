//! Stages, grades, classes and types as modifiers of their disease, as cases of a table.

use std::sync::LazyLock;
use tsumugi_clinical::{Modifier, Note, StructuredNote};
use tsumugi_coding::Coder;

#[expect(clippy::expect_used, reason = "without an engine there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::embedded().expect("the tables of data/ make an engine"));

const CASES: &str = include_str!("golden/stagings.txt");

fn structure(text: &str) -> StructuredNote {
    CODER.structure(&Note {
        text: text.replace("\\n", "\n"),
        date: "2026-11-22".parse().ok(),
        ..Note::default()
    })
}

fn values(modifiers: &[Modifier]) -> String {
    let values: Vec<String> = modifiers
        .iter()
        .map(|modifier| format!("{}={}", modifier.system, modifier.value))
        .collect();
    values.join(" ")
}

/// Every event with modifiers, in order, then what is attached to none; `-` when there is neither.
fn read(text: &str) -> String {
    let structured = structure(text);
    let staged = structured
        .events
        .iter()
        .filter(|event| !event.modifiers.is_empty());
    let mut all: Vec<String> = staged
        .map(|event| format!("{}: {}", event.concept.as_str(), values(&event.modifiers)))
        .collect();
    if !structured.unattached.is_empty() {
        all.push(format!("?: {}", values(&structured.unattached)));
    }
    if all.is_empty() {
        "-".to_owned()
    } else {
        all.join("; ")
    }
}

fn cases() -> Vec<(&'static str, &'static str)> {
    let lines = CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(" => ")).collect()
}

#[test]
fn stagings_are_modifiers_of_their_disease() {
    let cases = cases();
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, wanted)| (text, wanted, read(text)))
        .filter(|(_, wanted, got)| *wanted != got)
        .map(|(text, wanted, got)| format!("{text}\n  wanted {wanted}\n  got    {got}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} are wrong\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn there_are_enough_cases_of_both_kinds() {
    let (none, some): (Vec<_>, Vec<_>) = cases().into_iter().partition(|(_, wanted)| *wanted == "-");
    assert!(
        some.len() >= 120 && none.len() >= 40,
        "{} and {}",
        some.len(),
        none.len()
    );
}

#[test]
fn a_modifier_points_to_where_it_is_written() {
    for (text, _) in cases() {
        let structured = structure(text);
        let text = text.replace("\\n", "\n");
        let length = text.chars().count();
        let of_events = structured.events.iter().flat_map(|event| &event.modifiers);
        for modifier in of_events.chain(&structured.unattached) {
            let (start, end) = (modifier.span.start as usize, modifier.span.end as usize);
            assert!(start < end && end <= length, "{text}: {modifier:?}");
        }
    }
}

/// The facts of a note that name a stage or the disease itself.
fn fact(text: &str) -> Vec<String> {
    let mut facts: Vec<String> = structure(text)
        .events
        .iter()
        .filter(|event| event.kind == tsumugi_clinical::EventKind::Condition)
        .map(|event| event.fact.to_string())
        .collect();
    facts.sort();
    facts
}

#[test]
fn one_stage_written_in_many_ways_is_one_fact_and_another_stage_is_another() {
    let groups = include_str!("golden/staging_facts.txt");
    let mut seen: Vec<(Vec<String>, &str)> = Vec::new();
    for group in groups
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut ways = group.split(" = ");
        let first = ways.next().unwrap_or_default();
        let facts = fact(first);
        assert!(!facts.is_empty(), "{first} states nothing");
        for way in ways {
            assert_eq!(fact(way), facts, "{way} and {first}");
        }
        for (others, other) in &seen {
            assert_ne!(others, &facts, "{first} and {other}");
        }
        seen.push((facts, first));
    }
    assert!(seen.len() >= 20);
}

#[test]
fn a_code_follows_from_the_stage_where_it_depends_on_it() {
    for line in include_str!("golden/staging_codes.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let (text, wanted) = line.split_once(" => ").unwrap_or_default();
        let structured = structure(text);
        let codes: Vec<&str> = structured
            .events
            .iter()
            .flat_map(|event| event.codes.iter())
            .filter(|code| code.system.contains("ICD10"))
            .map(|code| code.code.as_ref())
            .collect();
        assert_eq!(codes, [wanted], "{text}");
    }
}
