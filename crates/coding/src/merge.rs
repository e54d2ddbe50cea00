//! Within a note, the same fact at the same time is one event with all its reasons.

use crate::staging::order;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::collections::{BTreeMap, BTreeSet};
use tsumugi_clinical::{Because, ClinicalTime, Event, FactKey};

/// Events as they come, merged; the first one of a fact stays in its place.
#[derive(Default)]
pub(crate) struct Events {
    list: Vec<Event>,
    /// The latest event of every fact, and for every event the one of its fact before it: a long note repeats few facts
    /// often.
    latest: FxHashMap<FactKey, usize>,
    before: Vec<Option<usize>>,
    /// Facts with a stage, by what they would be without.
    staged: BTreeMap<FactKey, BTreeSet<FactKey>>,
}

impl Events {
    /// Room for this many.
    pub(crate) fn with_capacity(most: usize) -> Self {
        Self {
            list: Vec::with_capacity(most),
            latest: FxHashMap::with_capacity_and_hasher(most, FxBuildHasher),
            before: Vec::with_capacity(most),
            staged: BTreeMap::new(),
        }
    }

    /// Adds an event with stages; `plain` is the fact it would be without them.
    pub(crate) fn push_staged(&mut self, event: Event, plain: FactKey) {
        if event.fact != plain {
            self.staged.entry(plain).or_default().insert(event.fact.clone());
        }
        self.push(event);
    }

    /// Adds an event, or its reasons to the one that says the same.
    pub(crate) fn push(&mut self, event: Event) {
        let last = self.latest.get(&event.fact).copied();
        let of_same_fact = std::iter::successors(last, |place| self.before.get(*place).copied().flatten());
        let known = of_same_fact.take(MOST_COMPARED).find(|place| {
            let known = self.list.get(*place);
            known.is_some_and(|known| says_the_same(known, &event))
        });
        if let Some(known) = known.and_then(|place| self.list.get_mut(place)) {
            absorb(known, event);
        } else {
            self.latest.insert(event.fact.clone(), self.list.len());
            self.before.push(last);
            self.list.push(event);
        }
    }

    /// The events in order.
    pub(crate) fn finish(mut self) -> Vec<Event> {
        let staged = std::mem::take(&mut self.staged);
        for (plain, facts) in &staged {
            if let (Some(fact), 1) = (facts.first(), facts.len()) {
                self.join_plain(plain, fact);
            }
        }
        for event in &mut self.list {
            order_reasons(&mut event.because);
        }
        self.list
    }
}

impl Events {
    /// A disease that a note tells once with its stage and again without is one: the stage is that of both. It stands
    /// where it was told first.
    fn join_plain(&mut self, plain: &FactKey, staged: &FactKey) {
        let mut list: Vec<Option<Event>> = std::mem::take(&mut self.list).into_iter().map(Some).collect();
        for place in 0..list.len() {
            let Some(event) = list
                .get_mut(place)
                .and_then(|slot| slot.take_if(|event| event.fact == *plain))
            else {
                continue;
            };
            let is_same = |known: &Event| {
                known.fact == *staged && may_be_same_time(known.time.as_ref(), event.time.as_ref())
            };
            let same = list.iter().position(|slot| slot.as_ref().is_some_and(is_same));
            let known = same.and_then(|same| list.get_mut(same)).and_then(Option::take);
            let (joined, into) = match (known, same) {
                (Some(mut known), Some(same)) => {
                    absorb(&mut known, event);
                    (known, same.min(place))
                }
                _ => (event, place),
            };
            if let Some(slot) = list.get_mut(into) {
                *slot = Some(joined);
            }
        }
        self.list = list.into_iter().flatten().collect();
    }
}

/// Events of one fact that a further one is compared with, the latest first: values differ in a long list of results.
const MOST_COMPARED: usize = 64;

/// Entities in the order of the text, then rules, then earlier notes; each once.
fn order_reasons(because: &mut Vec<Because>) {
    if because.len() < 2 {
        return;
    }
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
        modifiers,
        ..
    } = event;
    known.modifiers.extend(modifiers);
    order(&mut known.modifiers);
    known.value = known.value.take().or(value);
    known.dosage = known.dosage.take().or(dosage);
    known.time = known.time.take().or(time);
    known.measured = known.measured.take().or(measured);
    known.resolved |= resolved;
    known.because.extend(because);
}
