//! Records that speak of 糖尿病: what must be asserted, suspected, asked and superseded after the last note.

use serde::Deserialize;
use tsumugi_clinical::{Certainty, Event, Experiencer, Note, Phase, Polarity, StructuredNote};
use tsumugi_coding::{Coder, Record};

/// The score of the records.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) records: usize,
    pub(crate) right: usize,
    pub(crate) questions: usize,
    pub(crate) wrong: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    notes: Vec<Note>,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
struct Expect {
    concept: String,
    suspected: Option<String>,
    question: bool,
    supersedes: Option<String>,
}

const TYPES: [&str; 15] = [
    "diabetes-mellitus",
    "type-1-diabetes",
    "fulminant-type-1-diabetes",
    "spidddm",
    "type-2-diabetes",
    "secondary-diabetes",
    "pancreatic-diabetes",
    "steroid-diabetes",
    "gestational-diabetes",
    "overt-diabetes-in-pregnancy",
    "mody",
    "mitochondrial-diabetes",
    "drug-induced-diabetes",
    "hepatogenic-diabetes",
    "diabetes-in-pregnancy",
];

/// Scores the records.
pub(crate) fn score(coder: &Coder, lines: &str) -> anyhow::Result<Score> {
    let mut score = Score::default();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line)?;
        let mut record = Record::default();
        let structured: Vec<StructuredNote> = line
            .notes
            .iter()
            .map(|note| coder.structure_in(&mut record, note))
            .collect();
        score.records += 1;
        score.questions += usize::from(line.expect.question);
        let got = outcome(&structured);
        let wanted = (
            line.expect.concept.as_str(),
            line.expect.suspected.as_deref(),
            line.expect.question,
            line.expect.supersedes.as_deref(),
        );
        if (got.0.as_str(), got.1.as_deref(), got.2, got.3.as_deref()) == wanted {
            score.right += 1;
        } else {
            score
                .wrong
                .push(format!("{}: got {got:?}, wanted {:?}", line.id, line.expect));
        }
    }
    Ok(score)
}

/// Asserted concept, suspected type, question, note that was superseded.
fn outcome(notes: &[StructuredNote]) -> (String, Option<String>, bool, Option<String>) {
    let of_patient = |event: &&Event| {
        event.experiencer == Experiencer::Patient
            && event.polarity == Polarity::Present
            && event.phase != Phase::Planned
            && TYPES.contains(&event.concept.as_str())
    };
    let events: Vec<&Event> = notes
        .iter()
        .flat_map(|note| &note.events)
        .filter(of_patient)
        .collect();
    let last = |certainty: Certainty| events.iter().rev().find(|event| event.certainty == certainty);
    let typed = events.iter().rev().find(|event| {
        event.certainty == Certainty::Asserted && event.concept.as_str() != "diabetes-mellitus"
    });
    let asserted = typed
        .or(last(Certainty::Asserted))
        .map_or("none".to_owned(), |event| event.concept.to_string());
    let settled = asserted != "diabetes-mellitus";
    let suspected = last(Certainty::Suspected)
        .filter(|_| !settled)
        .map(|event| event.concept.to_string());
    let question = !settled
        && notes
            .iter()
            .rev()
            .find(|note| {
                note.events
                    .iter()
                    .any(|event| TYPES.contains(&event.concept.as_str()))
            })
            .is_some_and(|note| !note.questions.is_empty());
    let superseded = events
        .iter()
        .rev()
        .find_map(|event| event.supersedes.as_ref().map(|earlier| earlier.id.clone()));
    (asserted, suspected, question, superseded)
}
