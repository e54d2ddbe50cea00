//! What several sources tell of one supply is one supply.

use super::{How, PRESCRIPTION_VALID, Told, same_dose};
use jiff::civil::Date;
use std::sync::Arc;
use tsumugi_clinical::Dosage;

/// A supply with everyone who tells it.
#[derive(Debug, Clone)]
pub(super) struct Supply {
    pub(super) from: Date,
    pub(super) days: Option<u32>,
    pub(super) dosage: Dosage,
    pub(super) institution: Arc<str>,
    pub(super) sources: Vec<usize>,
    pub(super) how: How,
    /// Somebody has handed out what was prescribed.
    is_dispensed: bool,
}

/// How many supplies before are looked at for the same one: more on the few days in question is no list of one drug.
const LOOKED_BACK: usize = 16;

/// Joins what is told, in the order of its days; indexes into `told` are the sources.
pub(super) fn join(told: &[&Told]) -> Vec<Supply> {
    let mut supplies: Vec<Supply> = Vec::new();
    for (index, one) in told.iter().enumerate() {
        let Some(date) = one
            .date
            .filter(|_| !one.is_stop() && one.phase != tsumugi_clinical::Phase::Planned)
        else {
            continue;
        };
        let recent = supplies.len().saturating_sub(LOOKED_BACK);
        let known = supplies
            .get_mut(recent..)
            .unwrap_or_default()
            .iter_mut()
            .rev()
            .find(|supply| is_same(supply, one, date));
        match known {
            Some(supply) => supply.absorb(index, one, date),
            None => supplies.push(Supply {
                from: date,
                days: if one.how == How::Given { Some(1) } else { one.days },
                dosage: one.dosage.clone(),
                institution: Arc::clone(&one.institution),
                sources: vec![index],
                how: one.how,
                is_dispensed: one.how == How::Dispensed,
            }),
        }
    }
    supplies
}

fn is_same(supply: &Supply, one: &Told, date: Date) -> bool {
    let after = days_between(supply.from, date);
    let agrees = same_dose(&supply.dosage, &one.dosage)
        && supply
            .days
            .zip(one.days)
            .is_none_or(|(known, told)| known == told);
    let is_one_place =
        supply.institution == one.institution || supply.institution.is_empty() || one.institution.is_empty();
    match (supply.how, one.how) {
        // What was handed out is told again on its day (the pharmacy's own record, the booklet of the patient).
        (How::Prescribed, How::Dispensed) if supply.is_dispensed => agrees && after == 0,
        (How::Prescribed, How::Dispensed) => agrees && (0..=PRESCRIPTION_VALID).contains(&after),
        (How::Prescribed, How::Prescribed) | (How::Dispensed, How::Dispensed) => {
            agrees && after == 0 && is_one_place
        }
        // A booklet's entry and a later import of the prescription behind it.
        (How::Dispensed, How::Prescribed) => agrees && after == 0,
        (How::Given, How::Given) => agrees && after == 0 && is_one_place,
        // A note that tells what is supplied that day.
        (How::Prescribed | How::Dispensed, How::Stated) => {
            let last = supply.days.map_or(0, |days| i64::from(days) - 1);
            same_dose(&supply.dosage, &one.dosage) && after >= 0 && i64::from(after) <= last.max(0)
        }
        (How::Stated, How::Stated) => agrees && is_one_place && (0..=super::NOTED_HOLDS).contains(&after),
        _ => false,
    }
}

impl Supply {
    fn absorb(&mut self, index: usize, one: &Told, date: Date) {
        self.sources.push(index);
        let is_handed_out = self.how == How::Prescribed && one.how == How::Dispensed;
        if is_handed_out {
            self.from = date;
            self.is_dispensed = true;
        }
        if self.how == How::Dispensed && one.how == How::Prescribed && !one.institution.is_empty() {
            self.institution = Arc::clone(&one.institution);
        }
        if self.institution.is_empty() {
            self.institution = Arc::clone(&one.institution);
        }
        self.days = self.days.or(one.days.filter(|_| one.how != How::Stated));
        fill(&mut self.dosage, &one.dosage);
    }
}

fn fill(known: &mut Dosage, more: &Dosage) {
    known.strength = known.strength.take().or_else(|| more.strength.clone());
    known.amount = known.amount.take().or_else(|| more.amount.clone());
    known.times_per_day = known.times_per_day.or(more.times_per_day);
    known.timing = known.timing.take().or_else(|| more.timing.clone());
    known.as_needed |= more.as_needed;
    if known.text.is_empty() {
        known.text.clone_from(&more.text);
    }
}

/// Days from one day to another, negative where it is before.
pub(super) fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// A day so many days later; the same day where no calendar holds it.
pub(super) fn later(day: Date, days: i32) -> Date {
    let span = jiff::Span::new().try_days(days).ok();
    span.and_then(|span| day.checked_add(span).ok()).unwrap_or(day)
}
