//! The dose against the usual ones: too much, far too little, and the slip of a decimal point.
//!
//! The limits are the widest of all rows that may be meant (routes, indications), and a dosage exceeds them only where
//! every reading of its words does: an alert that stops the order is then about the amount and not about its wording.

use super::amount::{Reading, Schedule, Unread, factor, readings, route};
use super::kidney::latest;
use super::subject::{Finding, Outcome, Subject, running_before};
use super::{Grade, Kind, Missing};
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_clinical::Dosage;
use tsumugi_knowledge::drug::{Aspect, Basis, DoseWord, Population, Role, UsualDose};

/// Age in years from which doses are those of adults.
const ADULT: f64 = 15.0;
/// So many times the greatest amount is an overdose that interrupts (estimate).
pub(super) const OVERDOSE: f64 = 2.0;
/// So many times the usual upper dose is taken for a slip.
const SLIP: f64 = 5.0;
/// A dose below this share of the usual lower one is told.
const TOO_LITTLE: f64 = 0.1;
/// A drug for one day a week, supplied for so many days, is written for every day.
const WRITTEN_DAILY: u32 = 7;

/// The widest limits of the rows that may be meant, in one unit.
struct Limits<'b> {
    usual_low: f64,
    usual_high: f64,
    max_day: f64,
    max_single: Option<f64>,
    unit_name: &'b str,
    basis: &'b Basis,
    readings: Vec<Reading>,
    /// They are those of adults, for a child.
    is_of_others: bool,
}

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::unless_covered(Kind::Dose, subject, Aspect::Dose);
    outcome.kinds.push(Kind::Tenfold);
    let book = subject.checks.book;
    // The amounts of a fixed combination are not those of its ingredients.
    let is_combined = !book.ingredients(&subject.order.drug).is_empty();
    let reach = if is_combined { 1 } else { usize::MAX };
    let mut own = subject.lineage.iter().take(reach).map(|id| book.usual_doses(id));
    let Some(rows) = own.find(|rows| !rows.is_empty()) else {
        return outcome;
    };
    outcome.missing.clear();
    outcome.findings.extend(against_running(subject, rows));
    let words = book.dose_words(&written(subject));
    let rows = of_route_and_age(subject, rows, &words, &mut outcome.missing);
    if rows.is_empty() {
        outcome.missing.push(Missing::UsualDose);
        return outcome;
    }
    let schedule = Schedule::of(&subject.order.dosage, &words);
    let (weekly, daily): (Vec<&UsualDose>, Vec<&UsualDose>) = rows.iter().partition(|row| row.is_weekly);
    let meant = match schedule {
        Schedule::Spaced if !weekly.is_empty() => &weekly,
        Schedule::Daily if !daily.is_empty() => &daily,
        _ => &rows,
    };
    let read = |rows: &[&'_ UsualDose], missing: &mut Vec<Missing>| {
        limits(subject, rows, &words, missing).map(|limits| exceeded(subject, &limits))
    };
    let found = read(meant, &mut outcome.missing).flatten();
    let found = match (schedule, limits(subject, &weekly, &words, &mut Vec::new())) {
        (Schedule::Daily, Some(of_week)) => for_every_day(subject, &of_week, daily.is_empty(), &words, found),
        _ => found,
    };
    outcome.findings.extend(found);
    outcome
}

/// The least amount of a day that a dosage can mean, in a unit; that of a dose where nobody wrote how often.
pub(super) fn least_of_day(subject: &Subject<'_>, dosage: &Dosage, unit: &str) -> Option<f64> {
    let timing = dosage.timing.as_deref().unwrap_or("");
    let words = subject
        .checks
        .book
        .dose_words(&format!("{} {timing}", dosage.text));
    let weight = latest(subject, Role::TestWeight).map(|measure| measure.value);
    let readings = readings(dosage, &words, unit, weight).ok()?;
    let days = readings
        .iter()
        .map(|reading| reading.day.unwrap_or(reading.least));
    days.reduce(f64::min)
}

/// The order against the dose that runs: many times as much is a slip, unless the usual doses allow it.
fn against_running(subject: &Subject<'_>, rows: &[UsualDose]) -> Option<Finding> {
    let usage = running_before(subject.patient, &subject.order.drug)?;
    let row = rows.first()?;
    let (unit, unit_name) = (row.unit.as_ref(), row.unit_name.as_ref());
    let running = least_of_day(subject, usage.dosage.as_ref()?, unit)?;
    let ordered = least_of_day(subject, &subject.order.dosage, unit)?;
    let times = ordered / running;
    if !times.is_finite() || times < SLIP {
        return None;
    }
    let usual = rows
        .iter()
        .filter(|row| row.unit.as_ref() == unit && !row.per_kilogram);
    let is_usual = usual
        .map(|row| row.usual_high)
        .reduce(f64::max)
        .is_some_and(|most| ordered <= most);
    let grade = loud(subject, !is_usual);
    let (value, limit) = (
        format!("{} {unit_name}", number(ordered)),
        format!("{} {unit_name}", number(running)),
    );
    let fills = [
        ("value", value.as_str()),
        ("limit", limit.as_str()),
        ("times", &number(times)),
    ];
    let mechanism = subject.say("dose-above-running", &fills);
    let finding = subject.finding(Kind::Tenfold, "dose".to_owned(), grade, 1, mechanism);
    Some(finding.because([usage.place.clone()]))
}

/// All words of the dosage.
fn written(subject: &Subject<'_>) -> String {
    let dosage = &subject.order.dosage;
    let timing = dosage.timing.as_deref().unwrap_or("");
    format!("{} {timing}", dosage.text)
}

/// The rows for the route and the age. A child without rows of its own is held against those of adults, for what is
/// too much for an adult is too much for a child.
fn of_route_and_age<'b>(
    subject: &Subject<'_>,
    rows: &'b [UsualDose],
    words: &BTreeSet<DoseWord>,
    missing: &mut Vec<Missing>,
) -> Vec<&'b UsualDose> {
    let route = route(&subject.order.dosage, words);
    let is_of_route = |row: &&UsualDose| {
        let own = row.route.as_ref();
        let by_mouth = |route: &str| matches!(route, "oral" | "tube");
        route.is_none_or(|route| own == "any" || own == route || (by_mouth(own) && by_mouth(route)))
    };
    let population = match subject.patient.age {
        Some(age) if age < ADULT => Population::Child,
        _ => Population::Adult,
    };
    let of_route: Vec<&UsualDose> = rows.iter().filter(is_of_route).collect();
    let own: Vec<&UsualDose> = of_route
        .iter()
        .copied()
        .filter(|row| row.population == population)
        .collect();
    if own.is_empty() && population == Population::Child && !of_route.is_empty() {
        missing.push(Missing::UsualDose);
        return of_route;
    }
    own
}

/// The widest limits among the rows in whose unit the dosage can be read.
fn limits<'b>(
    subject: &Subject<'_>,
    rows: &[&'b UsualDose],
    words: &BTreeSet<DoseWord>,
    missing: &mut Vec<Missing>,
) -> Option<Limits<'b>> {
    let weight = latest(subject, Role::TestWeight).map(|measure| measure.value);
    let mut unread = None;
    let mut widest: Option<(Limits<'b>, Arc<str>)> = None;
    for row in rows {
        let scale = match (row.per_kilogram, weight) {
            (false, _) => 1.0,
            (true, Some(weight)) => weight,
            (true, None) => {
                unread = unread.or(Some(Unread::Weight));
                continue;
            }
        };
        match readings(&subject.order.dosage, words, &row.unit, weight) {
            Err(why) => unread = unread.or(Some(why)),
            Ok(readings) => widen(&mut widest, row, scale, readings),
        }
    }
    if widest.is_none() {
        missing.extend(unread.map(|why| match why {
            Unread::Amount => Missing::Amount,
            Unread::Weight => Missing::Weight,
        }));
    }
    let is_child = subject.patient.age.is_some_and(|age| age < ADULT);
    widest.map(|(limits, _)| Limits {
        is_of_others: is_child && rows.iter().all(|row| row.population == Population::Adult),
        ..limits
    })
}

fn widen<'b>(
    widest: &mut Option<(Limits<'b>, Arc<str>)>,
    row: &'b UsualDose,
    scale: f64,
    readings: Vec<Reading>,
) {
    let Some((limits, unit)) = widest else {
        let own = Limits {
            usual_low: row.usual_low * scale,
            usual_high: row.usual_high * scale,
            max_day: row.max_day * scale,
            max_single: row.max_single.map(|single| single * scale),
            unit_name: &row.unit_name,
            basis: &row.basis,
            readings,
            is_of_others: false,
        };
        *widest = Some((own, Arc::clone(&row.unit)));
        return;
    };
    let Some(factor) = factor(&row.unit, unit) else {
        return;
    };
    let scale = scale * factor;
    limits.usual_low = limits.usual_low.min(row.usual_low * scale);
    limits.usual_high = limits.usual_high.max(row.usual_high * scale);
    if row.max_day * scale > limits.max_day {
        limits.max_day = row.max_day * scale;
        limits.basis = &row.basis;
    }
    let singles = limits.max_single.zip(row.max_single);
    limits.max_single = singles.map(|(known, single)| known.max(single * scale));
}

/// What is out of the limits; the gravest.
fn exceeded(subject: &Subject<'_>, limits: &Limits<'_>) -> Option<Finding> {
    let lowest = |part: fn(&Reading) -> Option<f64>| {
        let numbers = limits.readings.iter().map(part);
        numbers.reduce(|a, b| Some(a?.min(b?))).flatten()
    };
    let day = lowest(|reading| Some(reading.day.unwrap_or(reading.least)));
    let single = lowest(|reading| reading.single);
    let of_day = day.and_then(|day| {
        let over = || over(subject, limits, "dose-over-day", (day, limits.max_day));
        slip(subject, limits, day).or_else(over)
    });
    let of_single = single
        .zip(limits.max_single)
        .and_then(|(single, most)| over(subject, limits, "dose-over-single", (single, most)));
    let worst = of_day.into_iter().chain(of_single);
    if let Some(worst) = worst.reduce(|a, b| if b.alert.grade > a.alert.grade { b } else { a }) {
        return Some(worst);
    }
    let days = limits.readings.iter().map(|reading| reading.day);
    let highest = days.reduce(|a, b| Some(a?.max(b?))).flatten()?;
    let is_little = !limits.is_of_others && highest < limits.usual_low * TOO_LITTLE;
    is_little.then(|| {
        told(
            subject,
            limits,
            "dose-under",
            Grade::Passive,
            (highest, limits.usual_low),
        )
    })
}

/// An amount over the greatest one.
fn over(
    subject: &Subject<'_>,
    limits: &Limits<'_>,
    word: &str,
    (value, most): (f64, f64),
) -> Option<Finding> {
    let grade = loud(subject, value >= OVERDOSE * most);
    (value > most).then(|| told(subject, limits, word, grade, (value, most)))
}

/// An amount that only a slip of the decimal point explains.
fn slip(subject: &Subject<'_>, limits: &Limits<'_>, day: f64) -> Option<Finding> {
    let times = day / limits.usual_high;
    let is_far_above = times >= SLIP;
    let shifted = day / 10.0;
    let is_right_shifted = limits.usual_low <= shifted
        && shifted <= limits.usual_high
        && times >= OVERDOSE
        && day > limits.max_day;
    if !is_far_above && !is_right_shifted {
        return None;
    }
    let unit = limits.unit_name;
    let (value, limit) = (number(day), number(limits.usual_high));
    let range = format!("{}-{limit} {unit}", number(limits.usual_low));
    let word = if is_right_shifted {
        "dose-shifted"
    } else {
        "dose-tenfold"
    };
    let mechanism = subject.say(
        word,
        &[
            ("value", &format!("{value} {unit}")),
            ("limit", &format!("{limit} {unit}")),
            ("times", &number(times)),
            ("range", &range),
        ],
    );
    let grade = loud(subject, day > limits.max_day);
    let mut finding = subject
        .finding(Kind::Tenfold, "dose".to_owned(), grade, 1, mechanism)
        .on(limits.basis);
    if day > limits.max_day {
        finding.kinds.push(Kind::Dose);
    }
    Some(finding)
}

/// A drug for one day a week, written for every day.
fn for_every_day(
    subject: &Subject<'_>,
    of_week: &Limits<'_>,
    is_only_weekly: bool,
    words: &BTreeSet<DoseWord>,
    found: Option<Finding>,
) -> Option<Finding> {
    let days = of_week.readings.iter().map(|reading| reading.day);
    let day = days.reduce(|a, b| Some(a?.min(b?))).flatten()?;
    let fits_a_week = day <= of_week.max_day && day >= of_week.usual_low * TOO_LITTLE;
    let is_too_much = is_only_weekly || found.is_some();
    if !fits_a_week || !is_too_much {
        return found;
    }
    let supplied = subject.order.dosage.days;
    let is_daily = words.contains(&DoseWord::Daily) || supplied.is_some_and(|days| days >= WRITTEN_DAILY);
    let word = if is_daily {
        "dose-daily-for-spaced"
    } else {
        "dose-maybe-daily"
    };
    let value = format!("{} {}", number(day), of_week.unit_name);
    let grade = loud(subject, is_daily);
    let mechanism = subject.say(word, &[("value", &value)]);
    Some(
        subject
            .finding(Kind::Dose, "dose".to_owned(), grade, 1, mechanism)
            .on(of_week.basis),
    )
}

fn told(
    subject: &Subject<'_>,
    limits: &Limits<'_>,
    word: &str,
    grade: Grade,
    (value, limit): (f64, f64),
) -> Finding {
    let unit = limits.unit_name;
    let value = format!("{} {unit}", number(value));
    let limit = format!("{} {unit}", number(limit));
    let mechanism = subject.say(word, &[("value", &value), ("limit", &limit)]);
    subject
        .finding(Kind::Dose, "dose".to_owned(), grade, 1, mechanism)
        .on(limits.basis)
}

/// Interruptive where it threatens life: not on the skin, the eye, the ear or the nose.
pub(super) fn loud(subject: &Subject<'_>, threatens: bool) -> Grade {
    let is_local = matches!(
        subject.order.dosage.route.as_deref(),
        Some("topical" | "eye" | "ear" | "nasal" | "vaginal")
    );
    if threatens && !is_local {
        Grade::Interruptive
    } else {
        Grade::Passive
    }
}

/// A number as it is written: at most three decimals, none that is zero.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
