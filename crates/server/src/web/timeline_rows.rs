//! The rows of a patient's timeline: what is drawn, before it is known where.

use crate::web::summary::name;
use crate::web::view::{Lens, value_text};
use jiff::civil::DateTime;
use std::collections::BTreeMap;
use tsumugi_clinical::{
    Certainty, EventKind, Evidence, Experiencer, Interpretation, Phase, Polarity, Quantity,
};
use tsumugi_records::{EventOrigin, StoredEvent, TimelineEntry, TimelineItem};

/// A band of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Signed notes.
    Document,
    /// Diagnoses.
    Problem,
    /// Drugs.
    Drug,
    /// Measured values.
    Test,
    /// Symptoms and signs.
    Finding,
    /// Procedures and examinations.
    Care,
    /// Allergies, wishes, life.
    Background,
}

impl Lane {
    /// Word of the lane in the texts of the screens.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Problem => "problem",
            Self::Drug => "drug",
            Self::Test => "test",
            Self::Finding => "finding",
            Self::Care => "care",
            Self::Background => "background",
        }
    }

    /// Most rows of the lane; what is stated more rarely shares one more row.
    fn most_rows(self) -> usize {
        match self {
            Self::Document => 1,
            Self::Problem | Self::Drug | Self::Test => 8,
            Self::Finding => 6,
            Self::Care | Self::Background => 4,
        }
    }
}

/// Something at a time, or over a time.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// When it begins.
    pub(crate) from: DateTime,
    /// When it ends; open where it goes on.
    pub(crate) to: Option<DateTime>,
    /// Whether it lasts, as a bar, rather than being stated at a moment.
    pub(crate) lasts: bool,
    /// What it says.
    pub(crate) title: String,
    /// Where it is written.
    pub(crate) link: Option<String>,
    /// Whether it is only suspected.
    pub(crate) suspected: bool,
    /// Its value.
    pub(crate) number: Option<f64>,
    /// High, low or neither.
    pub(crate) flag: Option<Interpretation>,
}

/// A row: one concept, or the rest of a lane.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its lane.
    pub(crate) lane: Lane,
    /// Its name.
    pub(crate) label: String,
    /// What stands on it, by time.
    pub(crate) marks: Vec<Mark>,
    /// Whether it goes on after what is stated last.
    pub(crate) goes_on: bool,
    /// Whether it holds what has no row of its own.
    pub(crate) is_rest: bool,
}

/// Orders a timeline into rows.
pub(crate) fn rows(lens: Lens<'_>, entries: &[TimelineEntry]) -> Vec<Row> {
    let mut named: BTreeMap<(Lane, String), Row> = BTreeMap::new();
    for entry in entries {
        let (lane, label, mark, goes_on) = match &entry.item {
            TimelineItem::Document(document) => {
                let kind = lens.ui.of("note", &document.kind);
                let title = format!(
                    "{} {kind} {}",
                    entry.at.strftime("%Y-%m-%d %H:%M"),
                    document.author
                );
                let link = Some(format!("/documents/{}", document.document));
                let label = lens.ui.t("lane.notes").to_owned();
                (Lane::Document, label, point(entry.at, title, link), false)
            }
            TimelineItem::Event(stored) => {
                if let Some(measured) = measured(lens, entry.at, stored) {
                    put(&mut named, measured);
                }
                let Some(drawn) = drawn(lens, entry.at, stored) else {
                    continue;
                };
                drawn
            }
            TimelineItem::Encounter(_) => continue,
        };
        put(&mut named, (lane, label, mark, goes_on));
    }
    fold(named.into_values().collect(), lens.ui.t("lane.rest"))
}

type Drawn = (Lane, String, Mark, bool);

fn put(named: &mut BTreeMap<(Lane, String), Row>, (lane, label, mark, goes_on): Drawn) {
    let row = named.entry((lane, label.clone())).or_insert_with(|| Row {
        lane,
        label,
        marks: Vec::new(),
        goes_on,
        is_rest: false,
    });
    row.goes_on = goes_on;
    let is_twin = row
        .marks
        .iter()
        .any(|other| other.from == mark.from && other.number == mark.number && other.to == mark.to);
    if !is_twin || lane == Lane::Document {
        row.marks.push(mark);
    }
}

fn point(at: DateTime, title: String, link: Option<String>) -> Mark {
    Mark {
        from: at,
        to: None,
        lasts: false,
        title,
        link,
        suspected: false,
        number: None,
        flag: None,
    }
}

fn drawn(lens: Lens<'_>, at: DateTime, stored: &StoredEvent) -> Option<Drawn> {
    let event = &stored.event;
    let lane = match event.kind {
        EventKind::Condition => Lane::Problem,
        EventKind::Medication => Lane::Drug,
        EventKind::Measurement => Lane::Test,
        EventKind::Finding => Lane::Finding,
        EventKind::Procedure | EventKind::Examination => Lane::Care,
        EventKind::Allergy | EventKind::Lifestyle | EventKind::Preference | EventKind::Immunization => {
            Lane::Background
        }
    };
    let is_own = event.experiencer == Experiencer::Patient && event.certainty != Certainty::General;
    if !is_own || event.polarity == Polarity::Absent || event.phase == Phase::Planned {
        return None;
    }
    let number = event.value.as_ref().and_then(Quantity::as_f64);
    if lane == Lane::Test && number.is_none() && event.value.is_none() {
        return None;
    }
    let label = name(&lens.ui, lens.coder, event);
    let from_order = matches!(stored.origin, EventOrigin::Observation { .. }) && lane == Lane::Drug;
    let mut mark = point(at, title(lens, at, stored, &label), link(stored));
    mark.to = event
        .time
        .as_ref()
        .and_then(|time| time.to)
        .filter(|_| from_order);
    mark.lasts = from_order;
    mark.suspected = event.certainty == Certainty::Suspected;
    mark.number = number.filter(|_| lane == Lane::Test);
    mark.flag = event.value.as_ref().and_then(|value| value.interpretation);
    let goes_on = !event.is_claimed_state()
        && lane == Lane::Problem
        && event.phase == Phase::Current
        && !event.resolved
        && !mark.suspected;
    Some((lane, label, mark, goes_on))
}

/// The value a state was derived from, on the row of what was measured.
fn measured(lens: Lens<'_>, at: DateTime, stored: &StoredEvent) -> Option<Drawn> {
    let measured = stored.event.measured.as_ref()?;
    if stored.event.experiencer != Experiencer::Patient {
        return None;
    }
    let number = stored.event.value.as_ref().and_then(Quantity::as_f64)?;
    let label = match lens.ui.language {
        crate::web::ui_text::Language::Japanese => measured.name.to_string(),
        crate::web::ui_text::Language::English => {
            let concept = lens.coder.vocabulary().concept(measured.concept.as_str());
            concept.map_or_else(
                || measured.name.to_string(),
                |concept| concept.english.to_string(),
            )
        }
    };
    let mut mark = point(at, title(lens, at, stored, &label), link(stored));
    mark.number = Some(number);
    mark.flag = stored.event.value.as_ref().and_then(|value| value.interpretation);
    Some((Lane::Test, label, mark, false))
}

fn title(lens: Lens<'_>, at: DateTime, stored: &StoredEvent, label: &str) -> String {
    let value = stored
        .event
        .value
        .as_ref()
        .map(|value| format!(" {}", value_text(&lens, value)))
        .unwrap_or_default();
    let dosage = stored
        .event
        .dosage
        .as_ref()
        .map(|dosage| format!(" {}", dosage.text))
        .unwrap_or_default();
    let evidence = match stored.event.evidence {
        Some(Evidence::Claim) => format!(" ({})", lens.ui.t("evidence.claim")),
        Some(Evidence::Personal) => format!(" ({})", lens.ui.t("evidence.personal")),
        None => String::new(),
    };
    format!("{} {label}{value}{dosage}{evidence}", at.date())
}

fn link(stored: &StoredEvent) -> Option<String> {
    match stored.origin {
        EventOrigin::Document { document, .. } => {
            Some(format!("/documents/{document}?fact={}#lit", stored.number))
        }
        EventOrigin::Observation { .. } => None,
    }
}

/// Keeps the rows of a lane that say most, and puts the others on one row.
fn fold(mut rows: Vec<Row>, rest: &str) -> Vec<Row> {
    rows.sort_by(|a, b| (a.lane, b.marks.len(), &a.label).cmp(&(b.lane, a.marks.len(), &b.label)));
    let mut kept: Vec<Row> = Vec::new();
    for mut row in rows {
        row.marks.sort_by_key(|mark| mark.from);
        let count = kept.iter().filter(|other| other.lane == row.lane).count();
        if count < row.lane.most_rows() {
            kept.push(row);
        } else if let Some(last) = kept
            .last_mut()
            .filter(|last| last.lane == row.lane && count > row.lane.most_rows())
        {
            last.marks.extend(row.marks);
        } else {
            let marks = row
                .marks
                .into_iter()
                .map(|mark| Mark { number: None, ..mark })
                .collect();
            kept.push(Row {
                label: rest.to_owned(),
                marks,
                goes_on: false,
                is_rest: true,
                ..row
            });
        }
    }
    for row in &mut kept {
        row.marks.sort_by_key(|mark| mark.from);
    }
    kept
}
