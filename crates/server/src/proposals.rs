//! Semi-automatic structuring of guideline texts, abstracts and package inserts: proposals with their place in the text,
//! for a person to accept or correct. Nothing is asserted by itself.
//!
//! Which heading opens what, and which words say how strongly, are tables (`knowledge/reading`). The names of drugs,
//! diseases and findings are those that the engine reads in any note.

mod parts;
mod standing;

pub(crate) use parts::{ReadingRules, guess, text_of};
pub(crate) use standing::{Standing, standing};

use crate::advice::{Advice, Living};
use crate::library::digest_of;
use parts::{PREFACE, folded, parts};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_clinical::{Because, Certainty, Event, EventKind, Note, Polarity, Span, StructuredNote};
use tsumugi_knowledge::{Accepted, Locator};

/// A statement that a text seems to make.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Proposal {
    /// Offsets of its sentence in the text, Unicode scalar values.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// What it would state.
    #[serde(flatten)]
    pub(crate) said: Accepted,
    /// Names of the concepts, for people.
    pub(crate) names: BTreeMap<Arc<str>, String>,
    /// How sure the reading is, 0 to 1: sorted so that people see the doubtful ones.
    pub(crate) sure: f64,
}

/// What kind of text it is where no heading says so.
pub(crate) const KINDS: [&str; 3] = ["guideline", "insert", "abstract"];

/// Reads a text; `subject` is the drug of an insert where the text does not name it.
pub(crate) fn propose(
    advice: &Advice,
    living: &Living,
    rules: &ReadingRules,
    kind: &str,
    subject: Option<&str>,
    text: &str,
) -> Vec<Proposal> {
    let mut subject: Option<Arc<str>> = subject.map(Into::into);
    let mut proposals = Vec::new();
    let (mut frequency, mut section) = (String::new(), String::new());
    let digest: Arc<str> = digest_of(text).into();
    for part in parts(rules, kind, text) {
        let note = Note {
            text: part.text.to_owned(),
            ..Note::default()
        };
        let structured = advice.coder.structure(&note);
        if part.kind == "subject" {
            subject = drugs(&structured).next().or(subject);
            continue;
        }
        // A drug that is named later is a partner, not the one that the insert is about.
        if part.kind == PREFACE {
            subject = subject.or_else(|| drugs(&structured).next());
            continue;
        }
        if section != part.section {
            frequency.clear();
            section.clone_from(&part.section);
        }
        for (start, sentence) in sentences(part.text) {
            let said = rules.says(sentence);
            let span = Span::new(start, start + sentence.chars().count() as u32);
            let inside = events_in(&structured, span, &part.kind);
            // The head of a table speaks of the lines below it, a frequency beside an effect of that line alone.
            let own = said.iter().copied().find(|word| is_frequency(word));
            if let Some(word) = own.filter(|_| inside.is_empty()) {
                word.clone_into(&mut frequency);
            }
            let stated = Stated {
                part: &part.kind,
                said: &said,
                rules,
                frequency: own.unwrap_or(&frequency),
                subject: subject.as_ref(),
                quote: sentence.trim(),
            };
            let (start, end) = (part.start + span.start, part.start + span.end);
            for (mut said, sure) in statements(living, &stated, &inside) {
                said.place = Locator {
                    section: part.section.as_str().into(),
                    digest: Arc::clone(&digest),
                    start,
                    end,
                    ..Locator::default()
                };
                population(advice, &mut said);
                proposals.push(Proposal {
                    start,
                    end,
                    names: names(advice, &said),
                    said,
                    sure,
                });
            }
        }
    }
    proposals
}

/// Says in words for whom a recommendation is: the names of what the patient must have.
pub(crate) fn population(advice: &Advice, said: &mut Accepted) {
    if said.kind.as_ref() != "recommendation" {
        return;
    }
    if let Some(names) = names(advice, said).remove("applies") {
        said.fields.insert("population".into(), names.into());
    }
}

fn is_frequency(word: &str) -> bool {
    matches!(word, "very-common" | "common" | "uncommon" | "rare" | "unknown")
}

/// A sentence with what its place and its words say.
struct Stated<'a> {
    part: &'a str,
    said: &'a [&'a str],
    rules: &'a ReadingRules,
    frequency: &'a str,
    subject: Option<&'a Arc<str>>,
    quote: &'a str,
}

type Fields<'a> = Vec<(&'a str, String)>;

fn statements(living: &Living, stated: &Stated<'_>, events: &[&Event]) -> Vec<(Accepted, f64)> {
    let of = |kinds: &[EventKind]| -> Vec<&Event> {
        let wanted = events.iter().filter(|event| kinds.contains(&event.kind));
        wanted.copied().collect()
    };
    let conditions = of(&[EventKind::Condition, EventKind::Finding]);
    match (stated.part, stated.subject) {
        ("recommendation", _) => recommendation(stated, events, &conditions).into_iter().collect(),
        ("result", _) => shares(living, stated, &conditions),
        (_, Some(drug)) => of_drug(stated, drug, &conditions, &of(&[EventKind::Medication])),
        (_, None) => Vec::new(),
    }
}

/// What an insert states of its drug.
fn of_drug(
    stated: &Stated<'_>,
    drug: &Arc<str>,
    conditions: &[&Event],
    medicines: &[&Event],
) -> Vec<(Accepted, f64)> {
    let drug = drug.as_ref();
    let excludes = stated.said.contains(&"exclude");
    let about = |kind: &str, mut fields: Fields<'_>, sure: f64| {
        fields.push(("drug", drug.to_owned()));
        (
            accepted(kind, fields, stated.quote),
            if excludes { 0.3 } else { sure },
        )
    };
    // What the text denies (肝障害のない患者, 発疹はみられなかった) it does not state.
    let stands = |event: &&&Event| event.polarity == Polarity::Present;
    let conditions: Vec<&Event> = conditions.iter().filter(stands).copied().collect();
    let each =
        |state: &dyn Fn(&Event) -> (Accepted, f64)| conditions.iter().map(|event| state(event)).collect();
    match stated.part {
        "contraindication" => each(&|event| {
            let severity = ("severity", "contraindicated".to_owned());
            about("contraindication", vec![("condition", id(event)), severity], 0.8)
        }),
        "indication" => each(&|event| about("indication", vec![("condition", id(event))], 0.8)),
        "adverse-effect" | "serious-adverse-effect" => each(&|event| {
            let is_plain = stated.part == "adverse-effect";
            let gravity = if is_plain { "plain" } else { "serious" };
            let frequency = Some(stated.frequency).filter(|word| !word.is_empty());
            let fields = vec![
                ("effect", id(event)),
                ("frequency", frequency.unwrap_or("unknown").to_owned()),
                ("gravity", gravity.to_owned()),
            ];
            about("adverse-effect", fields, 0.75)
        }),
        "pregnancy" | "lactation" => {
            let level = stated.said.iter().find_map(|word| match *word {
                "prohibit" => Some("contraindicated"),
                word => word.strip_prefix("level-"),
            });
            let statement = level.map(|level| {
                let situation = ("situation", stated.part.to_owned());
                about("reproduction", vec![situation, ("level", level.to_owned())], 0.6)
            });
            statement.into_iter().collect()
        }
        "contraindicated-combination" | "combination" => {
            let is_caution = stated.part == "combination";
            let severity = if is_caution { "moderate" } else { "contraindicated" };
            let partners = medicines.iter().filter(|event| drug != event.concept.as_str());
            let partners = partners.map(|event| {
                let fields = vec![("partner", id(event)), ("severity", severity.to_owned())];
                about("interaction", fields, 0.8)
            });
            partners.collect()
        }
        _ => Vec::new(),
    }
}

/// A sentence that recommends something: for the conditions it names, the rest is what is done.
fn recommendation(stated: &Stated<'_>, events: &[&Event], conditions: &[&Event]) -> Option<(Accepted, f64)> {
    let grade = stated
        .said
        .iter()
        .find(|word| word.starts_with("recommend") || word.starts_with("against"))?;
    let (direction, strength) = match grade.split_once('-') {
        Some((direction, strength)) => (direction, strength),
        None => (*grade, "none"),
    };
    let certainty = stated
        .said
        .iter()
        .find_map(|word| word.strip_prefix("certainty-"))
        .unwrap_or("unknown");
    let join = |events: &mut dyn Iterator<Item = &&Event>| {
        let ids: Vec<String> = events.map(|event| id(event)).collect();
        ids.join("|")
    };
    let applies = join(&mut conditions.iter());
    let what = join(&mut events.iter().filter(|event| {
        matches!(
            event.kind,
            EventKind::Medication | EventKind::Procedure | EventKind::Examination | EventKind::Immunization
        )
    }));
    let sure = match (applies.is_empty(), what.is_empty()) {
        (false, false) => 0.8,
        (true, true) => 0.3,
        _ => 0.5,
    };
    let fields = vec![
        ("applies", applies),
        ("certainty", certainty.to_owned()),
        (
            "direction",
            if direction == "against" { "against" } else { "for" }.to_owned(),
        ),
        ("strength", strength.to_owned()),
        ("what", what),
    ];
    Some((accepted("recommendation", fields, stated.quote), sure))
}

/// 「80%」, 「(30/45例)」 in tables of results: the share of patients with a finding. Several shares belong to as many
/// findings in their order; where the numbers differ, nobody can tell.
fn shares(living: &Living, stated: &Stated<'_>, conditions: &[&Event]) -> Vec<(Accepted, f64)> {
    let disease = conditions.iter().find(|event| {
        let index = living.differential.index_of(event.concept.as_str());
        event.kind == EventKind::Condition && index.is_some()
    });
    let Some(disease) = disease else {
        return Vec::new();
    };
    let findings: Vec<&&Event> = conditions
        .iter()
        .filter(|event| event.concept != disease.concept && event.polarity == Polarity::Present)
        .collect();
    let shares = match shares_in(&folded(stated.quote), stated.rules) {
        shares if shares.len() == findings.len() => shares,
        shares if shares.len() == 1 => shares.into_iter().cycle().take(findings.len()).collect(),
        _ => return Vec::new(),
    };
    let state = |(event, share): (&&Event, String)| {
        let fields = vec![("disease", id(disease)), ("finding", id(event)), ("share", share)];
        (accepted("finding", fields, stated.quote), 0.5)
    };
    findings.into_iter().zip(shares).map(state).collect()
}

/// Percentages and counts of patients (`30/45` before a word for patients) in folded text, in order.
fn shares_in(text: &str, rules: &ReadingRules) -> Vec<String> {
    let mut shares = Vec::new();
    for (at, sign) in text.char_indices().filter(|(_, c)| matches!(c, '%' | '/')) {
        let before = text.get(..at).unwrap_or_default();
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let with = before.get(before.trim_end_matches(is_number).len()..);
        let Some(with) = with.filter(|digits| !digits.is_empty()) else {
            continue;
        };
        if sign == '%' {
            shares.push(format!("{with}%"));
            continue;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let of = rest.get(..rest.len() - behind.len()).unwrap_or_default();
        if !of.is_empty() && rules.counts_patients(behind) {
            shares.push(format!("{with}/{of}"));
        }
    }
    shares
}

fn accepted(kind: &str, fields: Fields<'_>, quote: &str) -> Accepted {
    Accepted {
        kind: kind.into(),
        fields: fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        quote: quote.into(),
        place: Locator::default(),
    }
}

pub(crate) fn names(advice: &Advice, said: &Accepted) -> BTreeMap<Arc<str>, String> {
    let vocabulary = advice.coder.vocabulary();
    let name = |id: &str| {
        let (concept, level) = match id.split_once('=') {
            Some((concept, level)) => (concept, Some(level)),
            None => (id, None),
        };
        let name = vocabulary.concept(concept)?.name.to_string();
        Some(level.map_or(name.clone(), |level| format!("{name} {level}")))
    };
    said.fields
        .iter()
        .filter_map(|(field, value)| {
            let all: Vec<String> = value.split('|').filter_map(name).collect();
            (!all.is_empty()).then(|| (Arc::clone(field), all.join("\u{30fb}")))
        })
        .collect()
}

fn id(event: &Event) -> String {
    event.concept.as_str().to_owned()
}

fn drugs(note: &StructuredNote) -> impl Iterator<Item = Arc<str>> {
    let drugs = note
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Medication);
    drugs.map(|event| event.concept.as_str().into())
}

/// Sentences with their offsets in characters.
fn sentences(text: &str) -> Vec<(u32, &str)> {
    let mut at = 0;
    text.split_inclusive(['\u{3002}', '\n'])
        .map(|sentence| {
            let start = at;
            at += sentence.chars().count() as u32;
            (start, sentence)
        })
        .filter(|(_, sentence)| !sentence.trim().is_empty())
        .collect()
}

/// Events whose words stand in a stretch.
fn events_in<'n>(note: &'n StructuredNote, span: Span, part: &str) -> Vec<&'n Event> {
    let is_inside = |event: &&Event| {
        event.because.iter().any(|reason| match reason {
            Because::Entity { entity } => note
                .entities
                .get(*entity as usize)
                .is_some_and(|entity| span.contains(entity.span)),
            _ => false,
        })
    };
    let stated = note.events.iter().filter(is_inside);
    // Who may be pregnant, or may have it, must not get the drug either.
    let counts_when_suspected = part == "contraindication";
    let mut stated: Vec<&Event> = stated
        .filter(|event| {
            event.certainty != Certainty::Suspected
                || event.kind == EventKind::Medication
                || counts_when_suspected
        })
        .collect();
    let mut seen = BTreeSet::new();
    stated.retain(|event| seen.insert((event.kind, event.concept.clone())));
    stated
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "texts are Japanese")]
mod tests;
