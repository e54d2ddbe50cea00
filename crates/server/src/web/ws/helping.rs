//! What the live line says while one types: what may come, which items are missing, the text of an answer.

use super::Live;
use crate::advice::{Kind, Switches};
use crate::assist::{MOST_SUGGESTED, Offer, Offers, Writing, names_of, spot};
use crate::web::error::WebError;
use crate::web::notes::today;
use crate::web::ui_text::{Language, Ui};
use crate::web::view::unit_text;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsumugi_cds::templates::{Answer, Answers, Asked, Contact, Item, ItemKind, NotAnswered};
use tsumugi_cds::{Findings, Patient, expected};
use tsumugi_clinical::{Event, EventKind, StructuredNote};
use tsumugi_coding::Record;
use tsumugi_prediction::{DrugLine, From, LineOf, Part, Snippet};
use tsumugi_tables::TermKind;

/// Concepts that the facts make likely, at most.
const EXPECTED: usize = 200;
/// How long the record is taken to be as it was: what arrives from the laboratory meanwhile shows after it.
const RECORD_LIVES: Duration = Duration::from_secs(20);

/// What helps in this note.
#[derive(Debug, Default)]
pub(super) struct Helped {
    /// The text as it was read last.
    pub(super) note: Option<StructuredNote>,
    /// The answers of this note; text says them, but what nobody knows stands here alone.
    answers: Answers,
    known: Option<Known>,
}

/// What follows from a state of the facts.
#[derive(Debug)]
struct Known {
    events: Vec<Event>,
    weighs: bool,
    at: Instant,
    likely: Vec<(Arc<str>, f64)>,
    lines: Vec<DrugLine>,
}

impl Live {
    /// The record as far as the writer may read it, and the state of the patient with this note.
    pub(super) fn state(&self, note: &StructuredNote) -> Result<(Record, Patient), WebError> {
        let app = &self.desk.app;
        let patient = &self.place.patient;
        let notes = &self.notes;
        let record = crate::chart::record_within(&app.store, patient, None, &|origin| notes.lets(origin))?;
        let mut state = app.advice.patient(&record, Some(note));
        state.age = crate::chart::engine_patient(patient)
            .age_at(Some(today()))
            .or(state.age);
        state.today = Some(today());
        Ok((record, state))
    }

    fn switches(&self) -> Result<Switches, WebError> {
        let store = &self.desk.app.store;
        Ok(Switches::of(
            store,
            self.desk.author()?,
            self.place.patient.population,
        )?)
    }

    /// What may come at the caret; where it is off, nothing is computed.
    pub(super) fn predict(&mut self, rev: u64, caret: usize) -> Result<Value, WebError> {
        let switches = self.switches()?;
        let nothing = json!({"type": "suggestions", "rev": rev, "caret": caret, "list": [], "snippets": [], "sure": false});
        if rev != self.rev || !switches.is_on(Kind::Prediction) {
            return Ok(nothing);
        }
        self.know(switches.is_on(Kind::Differential))?;
        let (Some(note), Some(known)) = (&self.helped.note, &self.helped.known) else {
            return Ok(nothing);
        };
        let spot = spot(&self.text, caret, &names_of(note));
        if spot.is_number {
            return Ok(nothing);
        }
        let app = &self.desk.app;
        let vocabulary = app.coder.vocabulary();
        let writing = Writing {
            population: self.place.patient.population,
            author: self.desk.author()?,
            likely: &known.likely,
            lines: &known.lines,
        };
        let is_key_alone = spot.trigger.is_some() && spot.typed.is_empty();
        let offers = if is_key_alone {
            Offers::default()
        } else {
            app.assist.offers(vocabulary, &spot, writing)
        };
        let snippets: Vec<Value> = match spot.trigger.as_ref().zip(app.assist.ready()) {
            Some((key, predictor)) => {
                let begun = predictor.snippets().beginning_with(key).take(MOST_SUGGESTED);
                begun.map(|snippet| snippet_json(snippet, spot.start)).collect()
            }
            None => Vec::new(),
        };
        let ui = self.desk.ui();
        let list: Vec<Value> = offers.list.iter().map(|offer| offer_json(&ui, offer)).collect();
        Ok(json!({
            "type": "suggestions", "rev": rev, "caret": caret, "list": list, "snippets": snippets, "sure": offers.is_sure,
        }))
    }

    /// The text as it was read last, taken out.
    fn note(&mut self) -> StructuredNote {
        let read = self.helped.note.take();
        read.unwrap_or_else(|| self.session.edit(self.rev, &self.text).note)
    }

    /// Brings what follows from the facts up to date, where they have changed.
    fn know(&mut self, weighs: bool) -> Result<(), WebError> {
        let note = self.note();
        let is_known = self.helped.known.as_ref().is_some_and(|known| {
            known.weighs == weighs && known.at.elapsed() < RECORD_LIVES && known.events == note.events
        });
        let known = if is_known {
            Ok(None)
        } else {
            self.known(&note, weighs).map(Some)
        };
        self.helped.note = Some(note);
        if let Some(known) = known? {
            self.helped.known = Some(known);
        }
        Ok(())
    }

    fn known(&self, note: &StructuredNote, weighs: bool) -> Result<Known, WebError> {
        let (record, state) = self.state(note)?;
        let advice = &self.desk.app.advice;
        let likely = if weighs {
            let living = advice.living(self.place.patient.population);
            let findings = Findings::of(&state);
            let vocabulary = advice.coder.vocabulary();
            expected(&living.differential, &living.own, vocabulary, &findings, EXPECTED)
        } else {
            Vec::new()
        };
        Ok(Known {
            events: note.events.clone(),
            weighs,
            at: Instant::now(),
            likely,
            lines: lines_of(&record),
        })
    }

    /// The missing items; where they are off, nothing is computed.
    pub(super) fn ask(&mut self, rev: u64) -> Result<Value, WebError> {
        let switches = self.switches()?;
        if rev != self.rev || !switches.is_on(Kind::Templates) {
            return Ok(json!({"type": "asked", "rev": rev, "rows": []}));
        }
        let note = self.note();
        let state = self.state(&note);
        self.helped.note = Some(note);
        let (_, state) = state?;
        let app = &self.desk.app;
        let living = app.advice.living(self.place.patient.population);
        let asking = app
            .assist
            .asking(&app.advice, &living, switches.is_on(Kind::Next));
        let ui = self.desk.ui();
        let contact = Contact {
            patient: &state,
            reasons: &[],
            answers: &self.helped.answers,
        };
        let row = |row: &Vec<Asked<'_>>| row.iter().map(|asked| item_json(&ui, asked)).collect();
        let rows: Vec<Value> = asking.next(&contact).iter().map(row).collect();
        Ok(json!({"type": "asked", "rev": rev, "rows": rows}))
    }

    /// Takes an answer: the text for the note, and the item is closed.
    pub(super) fn answered(&mut self, key: &str, answer: Answer, again: bool) -> Result<Value, WebError> {
        let app = Arc::clone(&self.desk.app);
        let Some((_, item)) = app.assist.templates().item(key) else {
            return Err(WebError::Bad("error.invalid"));
        };
        let made = match item.answer(&answer) {
            Ok(made) => made,
            Err(error) => {
                let message = refusal(&self.desk.ui(), &error);
                return Ok(json!({"type": "refused", "item": key, "message": message}));
            }
        };
        self.helped.answers.give(Arc::from(key), answer);
        let text = if again { "" } else { made.text.as_str() };
        let section = self.section_of(item);
        Ok(json!({"type": "answered", "item": key, "text": text, "section": section}))
    }

    /// Where the answer to an item stands: what was measured or examined under O, what was told under S.
    fn section_of(&self, item: &Item) -> &'static str {
        let vocabulary = self.desk.app.coder.vocabulary();
        let is_examined = |id: &Arc<str>| {
            let kind = vocabulary.concept(id).map(|concept| concept.kind);
            matches!(kind, Some(TermKind::Test | TermKind::Exam))
        };
        if item.concepts().any(is_examined) {
            "O"
        } else {
            "S"
        }
    }
}

/// How the patient was given drugs, as the record says it.
fn lines_of(record: &Record) -> Vec<DrugLine> {
    let events = record.notes.iter().flat_map(|note| &note.events);
    let drugs = events.filter(|event| event.kind == EventKind::Medication);
    let line = |event: &Event| {
        let text = event.dosage.as_ref()?.text.trim().to_owned();
        (!text.is_empty() && !text.contains('\n')).then(|| DrugLine {
            drug: Arc::from(event.concept.as_str()),
            text,
            of: LineOf::Patient,
            count: 1,
        })
    };
    drugs.filter_map(line).collect()
}

fn offer_json(ui: &Ui<'_>, offer: &Offer) -> Value {
    let suggestion = &offer.suggestion;
    let why: Vec<&str> = suggestion.from.iter().map(|from| why(ui, *from)).collect();
    json!({
        "start": offer.start, "text": suggestion.text, "reading": suggestion.reading, "why": why.join(" / "),
    })
}

/// Why something is offered.
fn why<'a>(ui: &Ui<'a>, from: From) -> &'a str {
    match from {
        From::Personal => ui.t("input.from-personal"),
        From::Site => ui.t("input.from-site"),
        From::Context => ui.t("input.from-context"),
        From::Name => ui.t("input.from-name"),
        From::Continuation => ui.t("input.from-continuation"),
        From::DrugLine => ui.t("input.from-drug-line"),
    }
}

fn snippet_json(snippet: &Snippet, start: usize) -> Value {
    let part = |part: &Part| match part {
        Part::Text(text) => json!({"text": text}),
        Part::Slot(choices) => json!({"slot": choices}),
    };
    let parts: Vec<Value> = snippet.parts.iter().map(part).collect();
    json!({"start": start, "key": snippet.key, "name": snippet.name, "parts": parts})
}

fn item_json(ui: &Ui<'_>, asked: &Asked<'_>) -> Value {
    let item = asked.item;
    let is_english = ui.language == Language::English;
    let of_language = |own: &Arc<str>, english: &Arc<str>| {
        let is_english = is_english && !english.is_empty();
        Arc::clone(if is_english { english } else { own })
    };
    let yes_no = |word: &str, key| json!({"label": ui.t(key), "answer": {"is": word}});
    let (kind, answers, unit) = match &item.kind {
        ItemKind::Boolean { .. } => {
            let answers = vec![yes_no("yes", "input.yes"), yes_no("no", "input.no")];
            ("choice", answers, String::new())
        }
        ItemKind::Choice(choices) => {
            let choices = choices.iter().map(|choice| {
                json!({"label": of_language(&choice.name, &choice.english), "answer": {"is": "choice", "value": choice.id}})
            });
            ("choice", choices.collect(), String::new())
        }
        ItemKind::Quantity { unit, .. } => ("quantity", Vec::new(), unit_text(ui, unit)),
        ItemKind::Date { .. } => ("date", Vec::new(), String::new()),
        ItemKind::Text { .. } => ("text", Vec::new(), String::new()),
    };
    json!({
        "key": asked.key, "label": of_language(&item.ask, &item.english), "kind": kind, "answers": answers, "unit": unit,
        "reason": item.reason, "template": of_language(&asked.template.name, &asked.template.english),
    })
}

/// What is wrong with an answer.
fn refusal(ui: &Ui<'_>, error: &NotAnswered) -> String {
    match error {
        NotAnswered::Range { unit, low, high, .. } => {
            let bound = |value: &f64| {
                if value.abs() < 1e300 {
                    value.to_string()
                } else {
                    String::new()
                }
            };
            let unit = unit_text(ui, unit);
            ui.fill(
                "input.refused-range",
                &[("low", &bound(low)), ("high", &bound(high)), ("unit", &unit)],
            )
        }
        NotAnswered::Text => ui.t("input.refused-text").to_owned(),
        NotAnswered::Kind(_) | NotAnswered::Choice { .. } => ui.t("input.refused-kind").to_owned(),
    }
}
