//! A structured note as the screens show it: facts with their places, phrases to settle, questions.

use crate::web::reading::{entities_of, words};
use crate::web::rules::RuleSources;
use crate::web::summary::name;
use crate::web::ui_text::Ui;
use serde::Serialize;
use tsumugi_clinical::{
    Because, Certainty, Comparator, Event, EventKind, Experiencer, Interpretation, Laterality, Phase,
    Polarity, Quantity, Span, StructuredNote,
};
use tsumugi_coding::Coder;
use tsumugi_intake::{Feedback, UnreadPhrase};

/// What is needed to show a note.
#[derive(Clone, Copy)]
pub(crate) struct Lens<'a> {
    /// Texts of the screen.
    pub(crate) ui: Ui<'a>,
    /// The engine, for names.
    pub(crate) coder: &'a Coder,
    /// Sources of rules.
    pub(crate) rules: &'a RuleSources,
}

/// A code with the name of its system.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CodeView {
    /// Name of its system.
    pub(crate) system: String,
    /// The code.
    pub(crate) code: String,
}

/// A stretch of the text with its words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PlaceView {
    /// First character.
    pub(crate) start: u32,
    /// One past the last.
    pub(crate) end: u32,
    /// The words.
    pub(crate) text: String,
}

/// A rule that made a fact, with its source.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RuleView {
    /// Id of the rule.
    pub(crate) rule: String,
    /// What it rests on.
    pub(crate) source: String,
}

/// A fact as it is listed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FactView {
    /// Which of the four shapes its words are underlined with: `problem`, `test`, `care`, `person`.
    pub(crate) shape: &'static str,
    /// Word of its kind.
    pub(crate) kind: String,
    /// Name with site and side.
    pub(crate) name: String,
    /// Whether it is denied.
    pub(crate) absent: bool,
    /// Whether it is suspected.
    pub(crate) suspected: bool,
    /// Suspected, past, planned, whose … as words.
    pub(crate) remarks: Vec<String>,
    /// Value with unit, dose or stages; empty where there is none.
    pub(crate) value: String,
    /// Time as written, empty where there is none.
    pub(crate) time: String,
    /// The code shown beside it.
    pub(crate) code: String,
    /// All codes.
    pub(crate) codes: Vec<CodeView>,
    /// Concept id.
    pub(crate) concept: String,
    /// The words a correction is remembered for.
    pub(crate) surface: String,
    /// Where it stands.
    pub(crate) places: Vec<PlaceView>,
    /// Rules that made it.
    pub(crate) rules: Vec<RuleView>,
    /// Whether an earlier note is among its reasons.
    pub(crate) earlier: bool,
}

/// A stretch of the text that is marked; marks do not overlap.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MarkView {
    /// First character.
    pub(crate) start: u32,
    /// One past the last.
    pub(crate) end: u32,
    /// Classes of the mark.
    pub(crate) class: String,
    /// The fact it belongs to, if any.
    pub(crate) fact: Option<usize>,
}

/// What the side list asks.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QuestionView {
    rule: String,
    ask: String,
    options: Vec<String>,
}

/// The answer to a key press, ready to be shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NoteView {
    /// Revision it answers.
    pub(crate) rev: u64,
    /// Marks in the text.
    pub(crate) marks: Vec<MarkView>,
    /// Facts.
    pub(crate) facts: Vec<FactView>,
    /// Unread phrases.
    pub(crate) phrases: Vec<UnreadPhrase>,
    /// Questions.
    pub(crate) questions: Vec<QuestionView>,
    /// Remarks on the input.
    pub(crate) remarks: Vec<String>,
}

/// Shows the feedback of a session.
pub(crate) fn feedback_view(lens: Lens<'_>, text: &str, feedback: Feedback) -> NoteView {
    let Feedback {
        rev, note, phrases, ..
    } = feedback;
    let facts = facts(lens, text, &note);
    let marks = marks(&note, &facts, &phrases);
    let questions = note.questions.iter().map(|question| QuestionView {
        rule: question.rule.to_string(),
        ask: question.ask.clone(),
        options: question.options.clone(),
    });
    let remarks = note
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {}", diagnostic.text, lens.ui.of("doubt", &diagnostic.code)));
    NoteView {
        rev,
        questions: questions.collect(),
        remarks: remarks.collect(),
        marks,
        facts,
        phrases,
    }
}

/// The facts of a note in the order of the text.
pub(crate) fn facts(lens: Lens<'_>, text: &str, note: &StructuredNote) -> Vec<FactView> {
    note.events
        .iter()
        .map(|event| fact(lens, text, note, event))
        .collect()
}

/// The marks of a note: each entity once, with the first fact that rests on it.
pub(crate) fn marks(note: &StructuredNote, facts: &[FactView], phrases: &[UnreadPhrase]) -> Vec<MarkView> {
    let mut marks: Vec<MarkView> = phrases
        .iter()
        .map(|phrase| mark(phrase.span, "unread", None))
        .collect();
    for (index, (event, fact)) in note.events.iter().zip(facts).enumerate() {
        for entity in entities_of(note, event) {
            let is_free = marks
                .iter()
                .all(|mark| !Span::new(mark.start, mark.end).overlaps(entity.span));
            if is_free {
                marks.push(mark(entity.span, &class_of(fact), Some(index)));
            }
        }
    }
    marks.sort_by_key(|mark| mark.start);
    marks
}

fn mark(span: Span, class: &str, fact: Option<usize>) -> MarkView {
    MarkView {
        start: span.start,
        end: span.end,
        class: format!("m {class}"),
        fact,
    }
}

fn class_of(fact: &FactView) -> String {
    let mut class = fact.shape.to_owned();
    if fact.absent {
        class.push_str(" absent");
    }
    if fact.suspected {
        class.push_str(" suspected");
    }
    class
}

fn fact(lens: Lens<'_>, text: &str, note: &StructuredNote, event: &Event) -> FactView {
    let entities = entities_of(note, event);
    let places = words(text, &entities).into_iter();
    let code = |code: &tsumugi_clinical::Code| CodeView {
        system: system_name(&lens, &code.system),
        code: code.code.to_string(),
    };
    let rules = event.because.iter().filter_map(|reason| match reason {
        Because::Rule { rule } => Some(RuleView {
            rule: rule.to_string(),
            source: lens.rules.of(rule).to_owned(),
        }),
        _ => None,
    });
    // Corrections are remembered for the words of the event's first entity: the session looks them up so.
    let surface = event.because.iter().find_map(|reason| match reason {
        Because::Entity { entity } => note
            .entities
            .get(*entity as usize)
            .map(|entity| entity.text.clone()),
        _ => None,
    });
    FactView {
        shape: shape(event.kind),
        kind: lens.ui.of("kind", kind_word(event.kind)),
        name: full_name(&lens, event),
        absent: event.polarity == Polarity::Absent,
        suspected: event.certainty == Certainty::Suspected,
        remarks: remarks(&lens, event),
        value: said_of(&lens, event),
        time: time_text(event),
        code: event
            .codes
            .get(1)
            .map(|code| code.code.to_string())
            .unwrap_or_default(),
        codes: event.codes.iter().map(code).collect(),
        concept: event.concept.to_string(),
        surface: surface.unwrap_or_default(),
        places: places
            .map(|(span, text)| PlaceView {
                start: span.start,
                end: span.end,
                text,
            })
            .collect(),
        rules: rules.collect(),
        earlier: event
            .because
            .iter()
            .any(|reason| matches!(reason, Because::Earlier { .. })),
    }
}

/// The value, else the dose as it is written, else the stages.
fn said_of(lens: &Lens<'_>, event: &Event) -> String {
    match (&event.value, &event.dosage) {
        (Some(value), _) => value_text(lens, value),
        (None, Some(dosage)) => dosage.text.clone(),
        (None, None) => {
            let stages = event.modifiers.iter().map(|stage| {
                // What has parts (cT2aN1M0) says itself what it is.
                let name = if stage.parts.is_empty() { &stage.name } else { "" };
                format!("{name} {}", stage.value).trim().to_owned()
            });
            stages.collect::<Vec<_>>().join(" ")
        }
    }
}

/// Word of a kind, as the contract writes it.
pub(crate) fn kind_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Condition => "condition",
        EventKind::Finding => "finding",
        EventKind::Measurement => "measurement",
        EventKind::Medication => "medication",
        EventKind::Procedure => "procedure",
        EventKind::Examination => "examination",
        EventKind::Allergy => "allergy",
        EventKind::Lifestyle => "lifestyle",
        EventKind::Preference => "preference",
        EventKind::Immunization => "immunization",
    }
}

/// The four shapes: more would not be told apart without colour.
pub(crate) fn shape(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Condition | EventKind::Finding => "problem",
        EventKind::Measurement | EventKind::Examination => "test",
        EventKind::Medication | EventKind::Procedure => "care",
        EventKind::Allergy | EventKind::Lifestyle | EventKind::Preference | EventKind::Immunization => {
            "person"
        }
    }
}

fn full_name(lens: &Lens<'_>, event: &Event) -> String {
    let mut text = name(&lens.ui, lens.coder, event);
    let side = event.laterality.map(|side| match side {
        Laterality::Left => "left",
        Laterality::Right => "right",
        Laterality::Both => "both",
    });
    let site = event.site.as_ref().map(|site| site.name.as_ref());
    let where_ = [side.map(|side| lens.ui.of("side", side)), site.map(str::to_owned)];
    let where_ = where_.into_iter().flatten().collect::<Vec<_>>().join(" ");
    if !where_.is_empty() {
        text = lens.ui.fill("fact.at", &[("name", &text), ("where", &where_)]);
    }
    text
}

fn remarks(lens: &Lens<'_>, event: &Event) -> Vec<String> {
    let certainty = match event.certainty {
        Certainty::Asserted => None,
        Certainty::Suspected => Some("suspected"),
        Certainty::General => Some("general"),
    };
    let phase = match event.phase {
        Phase::Current => None,
        Phase::Past => Some("past"),
        Phase::Planned => Some("planned"),
        Phase::Stopped => Some("stopped"),
    };
    let whose = match event.experiencer {
        Experiencer::Patient => None,
        Experiencer::Family => Some(event.relative.as_deref().map_or_else(
            || lens.ui.of("experiencer", "family"),
            |relative| lens.ui.of("relative", relative),
        )),
        Experiencer::Other => Some(lens.ui.of("experiencer", "other")),
    };
    let mut list: Vec<String> = whose.into_iter().collect();
    list.extend(certainty.map(|word| lens.ui.of("certainty", word)));
    list.extend(phase.map(|word| lens.ui.of("phase", word)));
    if event.resolved {
        list.push(lens.ui.t("fact.resolved").to_owned());
    }
    list
}

/// A value as people write it.
pub(crate) fn value_text(lens: &Lens<'_>, value: &Quantity) -> String {
    let comparator = match value.comparator {
        Some(Comparator::Less) => "<",
        Some(Comparator::AtMost) => "\u{2264}",
        Some(Comparator::AtLeast) => "\u{2265}",
        Some(Comparator::More) => ">",
        None => "",
    };
    let high = value
        .high
        .as_deref()
        .map(|high| format!("\u{2013}{high}"))
        .unwrap_or_default();
    let number = value.number.as_deref().or(value.text.as_deref()).unwrap_or("");
    let unit = value
        .unit
        .as_deref()
        .map(|unit| format!(" {}", unit_text(&lens.ui, unit)))
        .unwrap_or_default();
    let flag = match value.interpretation {
        Some(Interpretation::High) => format!(" {}", lens.ui.t("flag.high")),
        Some(Interpretation::Low) => format!(" {}", lens.ui.t("flag.low")),
        _ => String::new(),
    };
    format!("{comparator}{number}{high}{unit}{flag}")
}

/// A UCUM unit as people write it; the unit itself where the table has no other form.
pub(crate) fn unit_text(ui: &Ui<'_>, unit: &str) -> String {
    if unit.starts_with('{') {
        return ui.get(&format!("unit.{unit}")).unwrap_or("").to_owned();
    }
    ui.of("unit", unit)
}

fn time_text(event: &Event) -> String {
    let Some(time) = &event.time else {
        return String::new();
    };
    if !time.text.is_empty() {
        return time.text.clone();
    }
    let show = |at: Option<jiff::civil::DateTime>| at.map(|at| at.date().to_string()).unwrap_or_default();
    if time.from == time.to {
        show(time.from)
    } else {
        format!("{}\u{2013}{}", show(time.from), show(time.to))
    }
}

fn system_name(lens: &Lens<'_>, uri: &str) -> String {
    lens.ui.of("system", uri)
}
