//! Supplies in time: carried over, changed, stopped, doubled, with gaps.

use super::join::{Supply, days_between, join, later};
use super::{
    CARRIED_OVER, GAP_FROM, How, Line, NOTED_HOLDS, Overlap, Period, RouteGroup, SourceOf, Told, same_dose,
};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_clinical::{ConceptId, Phase};

/// The line of one ingredient and way of giving.
pub(super) fn line(route: RouteGroup, mut told: Vec<&Told>, today: Date) -> Line {
    told.sort_by(|a, b| {
        let key = |one: &Told| {
            (
                one.date,
                one.how,
                Arc::clone(&one.institution),
                Arc::clone(&one.origin),
            )
        };
        key(a).cmp(&key(b))
    });
    let mut stops: Vec<Date> = told
        .iter()
        .filter(|one| one.is_stop())
        .filter_map(|one| one.date)
        .collect();
    stops.sort_unstable();
    let supplies = join(&told);
    let as_needed = supplies.iter().any(|supply| supply.dosage.as_needed);
    let mut line = Line {
        drug: told
            .first()
            .map_or_else(|| ConceptId::new(""), |one| one.drug.clone()),
        name: told
            .first()
            .map_or_else(|| Arc::from(""), |one| Arc::clone(&one.name)),
        route,
        current: false,
        dosage: tsumugi_clinical::Dosage::default(),
        sources: told
            .iter()
            .map(|one| SourceOf {
                date: one.date,
                how: one.how,
                institution: Arc::clone(&one.institution),
                origin: Arc::clone(&one.origin),
            })
            .collect(),
        periods: Vec::new(),
        gaps: Vec::new(),
        overlaps: Vec::new(),
        changes: Vec::new(),
        stopped: stops.last().copied(),
        planned: told
            .iter()
            .any(|one| one.phase == Phase::Planned && !one.is_stop()),
        undated: told.iter().any(|one| one.date.is_none()),
    };
    lay_out(&mut line, supplies, &stops, as_needed);
    if !as_needed {
        line.gaps = gaps(&line.periods, &stops);
    }
    line.current = line.periods.iter().any(|period| covers(period, &stops, today));
    let of_now = line
        .periods
        .iter()
        .rev()
        .find(|period| covers(period, &stops, today));
    if let Some(period) = of_now.or_else(|| line.periods.last()) {
        line.dosage = period.dosage.clone();
    }
    line
}

/// The latest end of an institution's supplies, with its place.
#[derive(Clone)]
struct Latest {
    institution: Arc<str>,
    place: usize,
}

fn lay_out(line: &mut Line, supplies: Vec<Supply>, stops: &[Date], as_needed: bool) {
    let mut own: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    // The two institutions whose supplies end last: one of them is not the one that supplies now.
    let mut latest: Vec<Latest> = Vec::new();
    for supply in supplies {
        let mut period = period_of(&supply, stops);
        if !as_needed && supply.how != How::Given && supply.how != How::Stated {
            if let Some(before) = own.get(&period.institution).copied() {
                follow(line, before, &mut period, stops);
            }
            let other = latest
                .iter()
                .find(|other| other.institution != period.institution);
            if let Some(other) = other.and_then(|other| line.periods.get(other.place)) {
                line.overlaps.extend(overlap(other, &period));
            }
        } else if supply.how == How::Stated {
            note_taken(line, &period);
        }
        let place = line.periods.len();
        if supply.how == How::Prescribed || supply.how == How::Dispensed {
            own.insert(Arc::clone(&period.institution), place);
            let ends = |place: usize, line: &Line| line.periods.get(place).and_then(|period| period.to);
            latest.retain(|other| other.institution != period.institution);
            latest.push(Latest {
                institution: Arc::clone(&period.institution),
                place,
            });
            line.periods.push(period);
            latest.sort_by_key(|other| std::cmp::Reverse(ends(other.place, line).unwrap_or(Date::MAX)));
            latest.truncate(2);
        } else {
            line.periods.push(period);
        }
    }
}

/// A note in which the drug is taken otherwise than before tells a change; an open note ends where a supply begins.
fn note_taken(line: &mut Line, period: &Period) {
    let Some(before) = line.periods.last_mut() else {
        return;
    };
    let is_open = before.to.is_none_or(|to| to >= period.from);
    if is_open && before.from < period.from && !same_dose(&before.dosage, &period.dosage) {
        before.to = Some(later(period.from, -1));
        line.changes.push(period.from);
    }
}

fn period_of(supply: &Supply, stops: &[Date]) -> Period {
    let days = supply.days.filter(|days| *days > 0);
    let to = days.map(|days| later(supply.from, i32::try_from(days - 1).unwrap_or(i32::MAX)));
    let period = Period {
        from: supply.from,
        to,
        dosage: supply.dosage.clone(),
        institution: Arc::clone(&supply.institution),
        sources: supply.sources.clone(),
    };
    until_stopped(period, stops)
}

/// A period ends the day before somebody stops the drug; one that begins on that day is a new start.
fn until_stopped(mut period: Period, stops: &[Date]) -> Period {
    let next = stops.partition_point(|stop| *stop <= period.from);
    if let Some(stop) = stops.get(next)
        && period.to.is_none_or(|to| to >= *stop)
    {
        period.to = Some(later(*stop, -1));
    }
    period
}

/// How a supply follows the one before of the same institution: carried over, changed, or much too early.
fn follow(line: &mut Line, before: usize, period: &mut Period, stops: &[Date]) {
    let Some(earlier) = line.periods.get_mut(before) else {
        return;
    };
    let is_running = earlier.to.is_none_or(|to| to >= period.from);
    if !same_dose(&earlier.dosage, &period.dosage) {
        // What is taken another way is changed, whether the former supply has run out or not.
        line.changes.push(period.from);
        if is_running && earlier.from < period.from {
            earlier.to = Some(later(period.from, -1));
        }
        return;
    }
    let Some(to) = earlier.to.filter(|_| is_running) else {
        if is_running && earlier.from < period.from {
            earlier.to = Some(later(period.from, -1));
        }
        return;
    };
    let early = days_between(period.from, to) + 1;
    if early <= CARRIED_OVER {
        let last = period.to.map(|last| later(last, early));
        let carried = Period {
            from: later(to, 1),
            to: last,
            ..period.clone()
        };
        *period = until_stopped(carried, stops);
    } else {
        line.overlaps.extend(overlap(earlier, period));
    }
}

fn overlap(one: &Period, other: &Period) -> Option<Overlap> {
    let from = one.from.max(other.from);
    let to = match (one.to, other.to) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    to.is_none_or(|to| to >= from).then(|| Overlap {
        from,
        to,
        institutions: [Arc::clone(&one.institution), Arc::clone(&other.institution)],
    })
}

/// Stretches between supplies that are longer than is tolerated; none where somebody stopped the drug.
fn gaps(periods: &[Period], stops: &[Date]) -> Vec<(Date, Date)> {
    let mut order: Vec<(Date, Option<Date>)> =
        periods.iter().map(|period| (period.from, period.to)).collect();
    order.sort_unstable();
    let mut gaps = Vec::new();
    let mut covered: Option<Date> = None;
    for (from, to) in order {
        if let Some(end) = covered {
            let missing = days_between(end, from) - 1;
            let was_stopped = is_stopped(stops, end, from);
            if missing > GAP_FROM && !was_stopped {
                gaps.push((later(end, 1), later(from, -1)));
            }
        }
        // What does not say how long it lasts covers until it is told otherwise, for as long as a note holds.
        let end = to.unwrap_or_else(|| later(from, NOTED_HOLDS));
        covered = Some(covered.map_or(end, |covered| covered.max(end)));
    }
    gaps
}

fn covers(period: &Period, stops: &[Date], today: Date) -> bool {
    let last = period.to.unwrap_or_else(|| later(period.from, NOTED_HOLDS));
    period.from <= today && today <= last && !is_stopped(stops, period.from, today)
}

/// Whether somebody stopped the drug after one day, until another.
fn is_stopped(stops: &[Date], after: Date, until: Date) -> bool {
    let next = stops.partition_point(|stop| *stop <= after);
    stops.get(next).is_some_and(|stop| *stop <= until)
}
