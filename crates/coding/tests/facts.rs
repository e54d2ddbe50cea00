//! Notes and the facts they state, as cases of a table.

use std::sync::LazyLock;
use tsumugi_clinical::{Dosage, Note, Quantity, Tag};
use tsumugi_coding::Coder;

#[expect(clippy::expect_used, reason = "without an engine there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::embedded().expect("the tables of data/ make an engine"));

struct Case<'a> {
    name: &'a str,
    note: String,
    facts: Vec<&'a str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("--- ") {
            cases.push(Case {
                name: name.trim_end_matches(" ---"),
                note: String::new(),
                facts: Vec::new(),
            });
        } else if let Some(case) = cases.last_mut() {
            match line.strip_prefix("=> ") {
                Some(fact) => case.facts.push(fact),
                None => case.note.push_str(&line.replace("\\n", "\n")),
            }
        }
    }
    cases
}

fn note(text: &str) -> Note {
    Note {
        text: text.to_owned(),
        date: "2026-11-22".parse().ok(),
        ..Note::default()
    }
}

#[test]
fn notes_state_their_facts() {
    let mut wrong = Vec::new();
    let cases = cases(include_str!("golden/facts.txt"));
    for case in &cases {
        let structured = CODER.structure(&note(&case.note));
        let mut got: Vec<String> = structured
            .events
            .iter()
            .map(|event| event.fact.to_string())
            .collect();
        let mut wanted = case.facts.clone();
        got.sort();
        wanted.sort_unstable();
        if got != wanted {
            wrong.push(format!(
                "--- {} ---\n  got    {got:#?}\n  wanted {wanted:#?}",
                case.name
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases are wrong\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// The parts of a dosage, in the order of the cases.
fn parts_of(dosage: &Dosage) -> String {
    let quantity = |quantity: &Option<Quantity>| {
        let quantity = quantity.as_ref()?;
        let unit = quantity.unit.as_deref().unwrap_or("-");
        Some(format!("{} {unit}", quantity.number.as_deref()?))
    };
    let parts = [
        quantity(&dosage.strength),
        quantity(&dosage.amount),
        dosage.times_per_day.map(|times| format!("x{times}")),
        dosage.timing.clone(),
        dosage.days.map(|days| format!("{days} days")),
        dosage.route.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[test]
fn doses_are_read_as_they_are_written() {
    let mut wrong = Vec::new();
    let mut lines = include_str!("golden/doses.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    while let Some(text) = lines.next() {
        let mut wanted = Vec::new();
        while let Some(line) = lines.peek() {
            let Some(dose) = line.strip_prefix("-> ").or_else(|| line.strip_prefix("=> ")) else {
                break;
            };
            wanted.push(dose.to_owned());
            lines.next();
        }
        let structured = CODER.structure(&note(text));
        let doses = (0u32..)
            .zip(&structured.entities)
            .filter(|(_, entity)| entity.tag == Tag::DrugValue);
        let drug_of = |dose: u32| {
            let link = structured.relations.iter().find(|link| link.to == dose);
            let drug = link.and_then(|link| structured.entities.get(link.from as usize));
            drug.map_or("-", |drug| drug.text.as_str())
        };
        let mut got: Vec<String> = doses
            .map(|(place, dose)| format!("{}: {}", drug_of(place), dose.text))
            .collect();
        if wanted.len() > got.len() {
            let dosage = structured.events.iter().find_map(|event| event.dosage.as_deref());
            got.extend(dosage.map(parts_of));
        }
        if got != wanted {
            wrong.push(format!("{text}\n  got    {got:?}\n  wanted {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_offset_slices_to_its_text() {
    for case in cases(include_str!("golden/facts.txt")) {
        let structured = CODER.structure(&note(&case.note));
        let chars: Vec<char> = case.note.chars().collect();
        let mut last = 0;
        for entity in &structured.entities {
            let text: String = chars[entity.span.start as usize..entity.span.end as usize]
                .iter()
                .collect();
            assert_eq!(text, entity.text, "{}", case.name);
            assert!(
                entity.span.start >= last,
                "{}: entities overlap at {}",
                case.name,
                entity.text
            );
            last = entity.span.end;
        }
    }
}

#[test]
fn a_record_settles_what_an_earlier_note_left_open() {
    let mut record = tsumugi_coding::Record::default();
    let first = CODER.structure_in(&mut record, &note("\u{7CD6}\u{5C3F}\u{75C5}"));
    assert_eq!(first.events.len(), 1);
    assert_eq!(first.questions.len(), 1);
    let second = CODER.structure_in(&mut record, &note("\u{6297}GAD\u{6297}\u{4F53}(+)"));
    let settled = second
        .events
        .iter()
        .find(|event| event.supersedes.is_some())
        .expect("a settled event");
    assert_eq!(settled.concept.as_str(), "type-1-diabetes");
}
