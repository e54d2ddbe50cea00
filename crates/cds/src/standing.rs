//! What of a record still holds on the day of the contact. A chronic disease told years ago does; a fever does not.
//!
//! Every kind of support asks here, so that a recommendation, an alert and a differential agree on what is of now.

use crate::patient::{Fact, Patient, Place};
use jiff::civil::Date;
use tsumugi_clinical::{Certainty, Phase, Polarity};
use tsumugi_tables::TermKind;
use tsumugi_terminology::Vocabulary;

/// A disease that is not chronic counts as of now for this many days after it was told (estimate).
pub const DISEASE_STAYS: i32 = 90;
/// A sign, a symptom or a value counts as of now for this many days after it was told (estimate).
pub const FINDING_STAYS: i32 = 7;

impl Patient {
    /// The facts of now: what was said last of each state, if it is there, stated, and still holds.
    pub fn standing(&self, vocabulary: &Vocabulary) -> Vec<&Fact> {
        let mut last: Vec<&Fact> = Vec::new();
        for fact in self.facts.iter().rev() {
            if fact.certainty == Certainty::Asserted && !last.iter().any(|known| known.state == fact.state) {
                last.push(fact);
            }
        }
        last.reverse();
        last.retain(|fact| fact.polarity == Polarity::Present && self.still_holds(vocabulary, fact));
        last
    }

    /// Whether a fact that was stated is of now.
    pub fn still_holds(&self, vocabulary: &Vocabulary, fact: &Fact) -> bool {
        match fact.phase {
            Phase::Stopped | Phase::Planned => false,
            Phase::Past => lasts(vocabulary, fact),
            Phase::Current => lasts(vocabulary, fact) || !self.is_old(vocabulary, fact),
        }
    }

    /// Whether so many days have gone since a fact was told that it says nothing of now.
    pub fn is_old(&self, vocabulary: &Vocabulary, fact: &Fact) -> bool {
        let concept = vocabulary.concept(fact.state.concept());
        let stays = match concept.map(|own| own.kind) {
            Some(TermKind::Circumstance) => return false,
            Some(TermKind::Finding | TermKind::Normal | TermKind::Test) => FINDING_STAYS,
            _ => DISEASE_STAYS,
        };
        self.days_since(&fact.place).is_some_and(|days| days > stays)
    }

    /// Days from the note that says something to the contact; none where a day is not known, as in the note of now.
    pub fn days_since(&self, place: &Place) -> Option<i32> {
        let told = self.notes.get(&place.note)?;
        days_between(*told, self.today?)
    }

    /// The same without values that are too old to be of now: what is judged by them is judged by today's.
    #[must_use]
    pub fn with_fresh_values(&self) -> Self {
        let mut fresh = self.clone();
        for measures in fresh.measures.values_mut() {
            measures.retain(|measure| {
                self.days_since(&measure.place)
                    .is_none_or(|days| days <= FINDING_STAYS)
            });
        }
        fresh.measures.retain(|_, measures| !measures.is_empty());
        fresh
    }
}

/// Whether a state stays for good: a chronic or congenital disease, a procedure that was done. A value is of its day,
/// however chronic what it measures.
pub fn lasts(vocabulary: &Vocabulary, fact: &Fact) -> bool {
    let concept = vocabulary.concept(fact.state.concept());
    fact.state.level().is_none()
        && concept
            .is_some_and(|own| own.has("chronic") || own.has("congenital") || own.kind == TermKind::Procedure)
}

/// Days from one day to a later one; below 0 where it is an earlier one.
pub fn days_between(from: Date, to: Date) -> Option<i32> {
    Some(from.until(to).ok()?.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use tsumugi_knowledge::State;
    use tsumugi_terminology::{embedded_files, sources_of};

    fn check(state: &str, phase: Phase, days_ago: i8, wanted: bool) {
        let files = embedded_files();
        let vocabulary = Vocabulary::new(&sources_of(&files)).unwrap();
        let mut patient = Patient {
            today: Some(date(2026, 11, 28)),
            ..Patient::default()
        };
        let told = date(2026, 11, 28)
            .checked_sub(jiff::Span::new().days(days_ago))
            .unwrap();
        patient.notes.insert("1".into(), told);
        patient.facts.push(Fact {
            state: State::new(state),
            polarity: Polarity::Present,
            certainty: Certainty::Asserted,
            phase,
            time: None,
            is_lasting: false,
            place: Place {
                note: "1".into(),
                event: 0,
            },
        });
        let stands = patient.standing(&vocabulary).len() == 1;
        assert_eq!(stands, wanted, "{state} {phase:?} {days_ago} days ago");
    }

    #[test]
    fn what_still_holds_depends_on_what_it_is() {
        check("fever", Phase::Current, 3, true);
        check("fever", Phase::Current, 30, false);
        check("acute-cholecystitis", Phase::Current, 30, true);
        check("acute-cholecystitis", Phase::Current, 120, false);
        check("acute-cholecystitis", Phase::Past, 3, false);
        check("chronic-kidney-disease", Phase::Current, 120, true);
        check("chronic-kidney-disease", Phase::Past, 120, true);
        check("life.smoking", Phase::Current, 120, true);
    }
}
