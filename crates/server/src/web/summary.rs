//! What must not be overlooked about a patient, from the events that count now: the head of every screen of theirs.

use crate::care::wishes;
use crate::web::ui_text::{Language, Ui};
use jiff::civil::Date;
use std::collections::BTreeMap;
use tsumugi_clinical::{Certainty, Event, EventKind, Experiencer, Phase, Polarity};
use tsumugi_coding::Coder;
use tsumugi_records::{CareEntry, StoredEvent};

/// The head of a patient's screens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Allergies and intolerances, or the statement that there are none.
    pub(crate) allergies: Vec<String>,
    /// Whether one is known.
    pub(crate) has_allergy: bool,
    /// Wishes and directives (DNAR …).
    pub(crate) wishes: Vec<String>,
    /// Active problems, those stated most recently first.
    pub(crate) problems: Vec<String>,
    /// Drugs that are being taken.
    pub(crate) drugs: Vec<String>,
}

/// The name of an event in the language of the screen.
pub(crate) fn name(ui: &Ui<'_>, coder: &Coder, event: &Event) -> String {
    let english = || {
        coder
            .vocabulary()
            .concept(event.concept.as_str())
            .map(|concept| concept.english.to_string())
    };
    match ui.language {
        Language::Japanese => event.name.to_string(),
        Language::English => english()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| event.name.to_string()),
    }
}

/// Draws the head from the events that count now, and from what was entered about wishes.
pub(crate) fn summary(
    ui: &Ui<'_>,
    coder: &Coder,
    (events, entries): (&[StoredEvent], &[CareEntry]),
    today: Date,
) -> Summary {
    let latest = latest(events);
    let mut summary = Summary {
        wishes: wishes_of(ui, coder, (events, entries)),
        ..Summary::default()
    };
    for stored in latest {
        let event = &stored.event;
        let name = name(ui, coder, event);
        let is_present = event.polarity == Polarity::Present && event.certainty == Certainty::Asserted;
        match event.kind {
            EventKind::Allergy if is_present => {
                summary.has_allergy = true;
                summary.allergies.push(name);
            }
            EventKind::Preference if is_present && !wishes::is_known(event.concept.as_str()) => {
                summary.wishes.push(name);
            }
            EventKind::Condition if is_present && is_active(event) => summary.problems.push(name),
            EventKind::Medication if is_present && is_taken(event, today) => {
                let strength = event.dosage.as_ref().and_then(|dosage| dosage.strength.as_ref());
                let number = strength.and_then(|strength| strength.number.clone());
                let unit = strength
                    .and_then(|strength| strength.unit.clone())
                    .unwrap_or_default();
                summary
                    .drugs
                    .push(number.map_or(name.clone(), |number| format!("{name} {number}{unit}")));
            }
            _ => {}
        }
    }
    if !summary.has_allergy && denies_allergies(events) {
        summary.allergies.push(ui.t("patient.no-allergies").to_owned());
    }
    summary
}

/// The wishes of care that hold now; what only texts say is marked.
fn wishes_of(ui: &Ui<'_>, coder: &Coder, (events, entries): (&[StoredEvent], &[CareEntry])) -> Vec<String> {
    let said = wishes::statements(entries, events);
    let named = |wish: &tsumugi_cds::WishNow| {
        let name = wishes::name(ui.language, coder, &wish.row.concept);
        if wish.is_confirmed {
            name
        } else {
            ui.fill("wishes.bar-unconfirmed", &[("wish", &name)])
        }
    };
    wishes::now(&said).iter().map(named).collect()
}

/// Of each concept of the patient's own, the event that was stated last; the newest first.
fn latest(events: &[StoredEvent]) -> Vec<&StoredEvent> {
    let mut latest: BTreeMap<(EventKind, &str), &StoredEvent> = BTreeMap::new();
    let own = events.iter().filter(|stored| {
        stored.settled_by.is_none()
            && !stored.event.is_claimed_state()
            && stored.event.experiencer == Experiencer::Patient
            && stored.event.phase != Phase::Planned
    });
    for stored in own {
        let slot = latest
            .entry((stored.event.kind, stored.event.concept.as_str()))
            .or_insert(stored);
        if (stored.at, stored.id) >= (slot.at, slot.id) {
            *slot = stored;
        }
    }
    let mut list: Vec<&StoredEvent> = latest.into_values().collect();
    list.sort_by(|a, b| (b.at, a.event.name.as_ref()).cmp(&(a.at, b.event.name.as_ref())));
    list
}

fn is_active(event: &Event) -> bool {
    event.phase == Phase::Current && !event.resolved
}

fn is_taken(event: &Event, today: Date) -> bool {
    let end = event.time.as_ref().and_then(|time| time.to);
    event.phase == Phase::Current && end.is_none_or(|end| end.date() >= today)
}

/// Whether a note says that no allergy is known.
fn denies_allergies(events: &[StoredEvent]) -> bool {
    events
        .iter()
        .any(|stored| stored.event.kind == EventKind::Allergy && stored.event.polarity == Polarity::Absent)
}
