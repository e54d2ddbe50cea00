//! Within a note, the same fact at the same time is one event with all its reasons.

use rustc_hash::FxHashMap;
use tsumugi_clinical::{Because, ClinicalTime, Event, FactKey};

/// Merges events in order; the first one stays in its place.
pub(crate) fn merge(events: Vec<Event>) -> Vec<Event> {
    let mut merged: Vec<Event> = Vec::with_capacity(events.len());
    // Events of one fact, by their place: a long note repeats few facts often.
    let mut places: FxHashMap<FactKey, Vec<usize>> = FxHashMap::default();
    for event in events {
        let same_fact = places.entry(event.fact.clone()).or_default();
        let known = same_fact.iter().rev().take(MOST_COMPARED).copied().find(|place| {
            merged
                .get(*place)
                .is_some_and(|known| says_the_same(known, &event))
        });
        if let Some(known) = known.and_then(|place| merged.get_mut(place)) {
            absorb(known, event);
        } else {
            same_fact.push(merged.len());
            merged.push(event);
        }
    }
    for event in &mut merged {
        order_reasons(&mut event.because);
    }
    merged
}

/// Events of one fact that a further one is compared with, the latest first: values differ in a long list of results.
const MOST_COMPARED: usize = 64;

/// Entities in the order of the text, then rules, then earlier notes; each once.
fn order_reasons(because: &mut Vec<Because>) {
    because.sort_by_key(|reason| match reason {
        Because::Entity { entity } => (0, *entity),
        Because::Rule { .. } => (1, 0),
        Because::Earlier { .. } => (2, 0),
    });
    because.dedup();
}

fn says_the_same(known: &Event, event: &Event) -> bool {
    known.fact == event.fact
        && known.kind == event.kind
        && (known.value.is_none() || event.value.is_none() || known.value == event.value)
        && (known.dosage.is_none() || event.dosage.is_none() || known.dosage == event.dosage)
        && may_be_same_time(known.time.as_ref(), event.time.as_ref())
}

/// A time that is not written is the time of the note, and may be any.
fn may_be_same_time(known: Option<&ClinicalTime>, event: Option<&ClinicalTime>) -> bool {
    known
        .zip(event)
        .is_none_or(|(known, event)| known.may_overlap(event))
}

fn absorb(known: &mut Event, event: Event) {
    let Event {
        value,
        dosage,
        time,
        measured,
        because,
        resolved,
        ..
    } = event;
    known.value = known.value.take().or(value);
    known.dosage = known.dosage.take().or(dosage);
    known.time = known.time.take().or(time);
    known.measured = known.measured.take().or(measured);
    known.resolved |= resolved;
    known.because.extend(because);
}
