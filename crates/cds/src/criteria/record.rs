//! What the record of a patient says, indexed for questions that go up and down the hierarchy of concepts.

use super::Truth;
use crate::patient::{Fact, Patient, Place};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use tsumugi_clinical::{Certainty, Interpretation, Phase, Polarity, Sex};
use tsumugi_knowledge::{How, Of};
use tsumugi_tables::TermKind;
use tsumugi_terminology::{Concept, Vocabulary};

/// A patient's record.
pub(super) struct Record<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    patient: &'a Patient,
    now: Said<'a>,
    suspected: Said<'a>,
    history: Said<'a>,
    ever: Said<'a>,
    family: Said<'a>,
    taken: Said<'a>,
    /// The last word on each level of a test that no finding means.
    levels: BTreeMap<&'a str, Entry<'a>>,
}

/// One statement: whether it affirms, how late it comes, where it stands.
#[derive(Clone, Copy)]
struct Entry<'a> {
    affirms: bool,
    order: usize,
    place: &'a Place,
}

/// The last word on each concept: what is affirmed, with everything broader, and what is denied.
#[derive(Default)]
struct Said<'a> {
    affirmed: FxHashMap<u32, Entry<'a>>,
    denied: FxHashMap<u32, Entry<'a>>,
}

impl<'a> Said<'a> {
    fn new(vocabulary: &Vocabulary, statements: impl Iterator<Item = (u32, Entry<'a>)>) -> Self {
        // A later statement on the same concept replaces the earlier one.
        let last: BTreeMap<u32, Entry<'a>> = statements.collect();
        let mut said = Self::default();
        for (key, entry) in last {
            if !entry.affirms {
                said.denied.insert(key, entry);
                continue;
            }
            for broader in vocabulary.ancestors(key) {
                let known = said.affirmed.entry(broader).or_insert(entry);
                if known.order < entry.order {
                    *known = entry;
                }
            }
        }
        said
    }

    /// Whether a concept holds. Within a note what is affirmed stands against a denial of something broader; between
    /// notes the later one stands.
    fn holds(&self, vocabulary: &Vocabulary, key: u32) -> Option<Entry<'a>> {
        let affirmed = self.affirmed.get(&key).copied();
        if self.denied.is_empty() {
            return affirmed;
        }
        let denials = vocabulary.ancestors(key);
        let denials = denials.iter().filter_map(|broader| self.denied.get(broader));
        let denied = denials.max_by_key(|entry| entry.order).copied();
        match (affirmed, denied) {
            (Some(yes), Some(no)) if no.order > yes.order && no.place.note != yes.place.note => Some(no),
            (Some(yes), _) => Some(yes),
            (None, denied) => denied,
        }
    }
}

impl<'a> Record<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary, patient: &'a Patient) -> Self {
        let facts = || told_facts(vocabulary, patient).filter(|(_, fact)| is_sure(fact));
        let of_kind = |affirms: fn(&Fact, Option<&Concept>) -> Option<bool>| {
            let told = told_facts(vocabulary, patient);
            let statements = told.filter_map(move |(order, fact)| {
                let key = vocabulary.key(fact.state.as_str())?;
                let affirms = affirms(fact, vocabulary.get(key))?;
                Some((key, entry(affirms, order, &fact.place)))
            });
            Said::new(vocabulary, statements)
        };
        let family = facts().filter_map(|(order, fact)| {
            let key = vocabulary.key(fact.state.as_str().strip_prefix("family:")?)?;
            Some((key, entry(is_affirmed(fact), order, &fact.place)))
        });
        let taken = patient.drugs.iter().enumerate().filter_map(|(order, usage)| {
            let affirms = match (usage.polarity, usage.phase) {
                (Polarity::Absent, _) | (_, Phase::Stopped) => false,
                (Polarity::Present, Phase::Current) => true,
                (Polarity::Present, Phase::Past | Phase::Planned) => return None,
            };
            Some((vocabulary.key(&usage.drug)?, entry(affirms, order, &usage.place)))
        });
        let levels = facts()
            .filter(|(_, fact)| fact.state.level().is_some() && is_now(fact))
            .map(|(order, fact)| (fact.state.as_str(), entry(is_affirmed(fact), order, &fact.place)));
        Self {
            vocabulary,
            patient,
            now: of_kind(says_now),
            history: of_kind(says_history),
            suspected: of_kind(says_suspected),
            ever: of_kind(|fact, _| is_sure(fact).then(|| is_affirmed(fact))),
            family: Said::new(vocabulary, family),
            taken: Said::new(vocabulary, taken),
            levels: levels.collect(),
        }
    }

    /// Age in years.
    pub(super) fn age(&self) -> Option<f64> {
        self.patient.age
    }

    /// Sex, where it is known.
    pub(super) fn sex(&self) -> Option<Sex> {
        self.patient.sex.filter(|sex| *sex != Sex::Unknown)
    }

    /// Whether a concept holds in a sense, and where it is said.
    pub(super) fn holds(&self, how: How, concept: &str) -> (Truth, Option<&'a Place>) {
        let Some(key) = self.vocabulary.key(concept) else {
            return (Truth::Unknown, None);
        };
        let said = match how {
            How::Now => &self.now,
            How::Suspected => &self.suspected,
            How::History => &self.history,
            How::Ever => &self.ever,
            How::Family => &self.family,
            How::Taking => &self.taken,
        };
        let entry = said.holds(self.vocabulary, key).or_else(|| {
            let asks_for_acts = matches!(how, How::Now | How::Suspected | How::Ever);
            asks_for_acts.then(|| self.ordered(key)).flatten()
        });
        truth_of(entry)
    }

    /// A treatment that was ordered or is given.
    fn ordered(&self, key: u32) -> Option<Entry<'a>> {
        let concept = self.vocabulary.get(key)?;
        if !matches!(concept.kind, TermKind::Procedure | TermKind::Exam) {
            return None;
        }
        let mut orders = self.patient.orders.iter().rev();
        let (_, place) = orders.find(|(act, _)| {
            self.vocabulary
                .key(act)
                .is_some_and(|act| self.vocabulary.is_a(act, key))
        })?;
        Some(entry(true, 0, place))
    }

    /// A number of a test, and where it stands; the limits of the reference interval stand nowhere.
    pub(super) fn number(&self, of: Of, test: &str) -> Option<(f64, Option<&'a Place>)> {
        if matches!(of, Of::Upper | Of::Lower) {
            let (lower, upper) = self.vocabulary.concept(test)?.interval.limits(self.sex());
            let limit = if of == Of::Upper { upper } else { lower };
            return limit.map(|limit| (limit, None));
        }
        let measured = self
            .patient
            .measures
            .get(test)
            .and_then(|values| values.split_last());
        if of == Of::Newest
            && let Some((value, place)) = self.grade(test)
            && measured.is_none_or(|(newest, _)| self.is_later(place, &newest.place))
        {
            return Some((value, Some(place)));
        }
        let (newest, before) = measured?;
        let measure = match of {
            Of::Newest => Some(newest),
            Of::Previous => before.last(),
            Of::Lowest => before.iter().min_by(|a, b| a.value.total_cmp(&b.value)),
            Of::Highest => before.iter().max_by(|a, b| a.value.total_cmp(&b.value)),
            Of::Upper | Of::Lower => None,
        };
        measure.map(|measure| (measure.value, Some(&measure.place)))
    }

    /// The newest result in words that stands for a number, for scales that are written in grades and parts.
    fn grade(&self, test: &str) -> Option<(f64, &'a Place)> {
        let (words, place) = self.patient.words.get(test)?.last()?;
        grade_of(words).map(|grade| (grade, place))
    }

    /// Whether one place comes after another: later in the note, or in a note of a later day. The note being written is
    /// the latest.
    fn is_later(&self, one: &Place, other: &Place) -> bool {
        if one.note == other.note {
            return one.event > other.event;
        }
        let day = |place: &Place| self.patient.notes.get(&place.note);
        match (one.note.is_empty(), other.note.is_empty()) {
            (true, _) => true,
            (_, true) => false,
            _ => day(one) > day(other),
        }
    }

    /// Whether a test's result is at a level: by the newest value against the reference interval, or by the facts where
    /// there is no value or a later note says it in words.
    pub(super) fn level(&self, test: &str, level: Interpretation, state: &str) -> (Truth, Option<&'a Place>) {
        let by_value = self.level_by_value(test, level);
        let by_fact = self.level_by_fact(state);
        match (by_value, by_fact) {
            (Some((_, of_value)), Some(fact))
                if fact.place.note != of_value.note && self.is_later(fact.place, of_value) =>
            {
                truth_of(Some(fact))
            }
            (Some((holds, place)), _) => (Truth::of(holds), Some(place)),
            (None, fact) => truth_of(fact),
        }
    }

    fn level_by_value(&self, test: &str, level: Interpretation) -> Option<(bool, &'a Place)> {
        let measure = self.patient.latest(test)?;
        let (low, high) = self.vocabulary.concept(test)?.interval.limits(self.sex());
        let is_high = high.map(|high| measure.value > high);
        let is_low = low.map(|low| measure.value < low);
        let holds = match level {
            Interpretation::High | Interpretation::Positive => is_high?,
            Interpretation::Low => is_low?,
            Interpretation::Negative => !is_high?,
            Interpretation::Normal => !is_high.or(is_low)? && !is_low.unwrap_or(false),
        };
        Some((holds, &measure.place))
    }

    fn level_by_fact(&self, state: &str) -> Option<Entry<'a>> {
        let own = self.levels.get(state).copied();
        own.or_else(|| self.now.holds(self.vocabulary, self.vocabulary.key(state)?))
    }
}

/// The number of a grade: `E3V4M6` is the sum of its parts, `II-20` the number behind the Roman grade, `III` itself.
fn grade_of(words: &str) -> Option<f64> {
    let number = |text: &str| -> Option<f64> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain)
    };
    if let Some((grade, behind)) = words.split_once('-') {
        return roman(grade).and_then(|_| number(behind));
    }
    if let Some(grade) = roman(words) {
        return Some(f64::from(grade));
    }
    let mut parts = words.split_inclusive(|c: char| c.is_ascii_digit());
    let (first, second) = (parts.next()?, parts.next()?);
    let mut sum = 0.0;
    for part in [first, second].into_iter().chain(parts) {
        sum += number(part.strip_prefix(|c: char| c.is_ascii_uppercase())?).filter(|value| *value > 0.0)?;
    }
    Some(sum)
}

fn roman(grade: &str) -> Option<u8> {
    let grades = ["I", "II", "III", "IV", "V", "VI"];
    (1..)
        .zip(grades)
        .find(|(_, own)| *own == grade)
        .map(|(value, _)| value)
}

fn truth_of(entry: Option<Entry<'_>>) -> (Truth, Option<&Place>) {
    match entry {
        Some(entry) => (Truth::of(entry.affirms), Some(entry.place)),
        None => (Truth::Unknown, None),
    }
}

fn entry(affirms: bool, order: usize, place: &Place) -> Entry<'_> {
    Entry {
        affirms,
        order,
        place,
    }
}

/// The facts that tell something of the patient or a relative. Where a finding is denied at a site, the record denies
/// the finding without the site in the same breath: that wider denial does not count.
fn told_facts<'a>(
    vocabulary: &'a Vocabulary,
    patient: &'a Patient,
) -> impl Iterator<Item = (usize, &'a Fact)> {
    let behind = patient
        .facts
        .iter()
        .skip(1)
        .map(Some)
        .chain(std::iter::once(None));
    let pairs = patient.facts.iter().zip(behind).enumerate();
    pairs.filter_map(move |(order, (fact, next))| {
        let is_told = fact.certainty != Certainty::General && fact.phase != Phase::Planned;
        let is_wider = fact.polarity == Polarity::Absent
            && next.is_some_and(|next| next.place == fact.place && is_narrower(vocabulary, next, fact));
        (is_told && !is_wider).then_some((order, fact))
    })
}

fn is_narrower(vocabulary: &Vocabulary, one: &Fact, other: &Fact) -> bool {
    let key = |fact: &Fact| vocabulary.key(fact.state.as_str());
    key(one)
        .zip(key(other))
        .is_some_and(|(one, other)| one != other && vocabulary.is_a(one, other))
}

fn is_affirmed(fact: &Fact) -> bool {
    fact.polarity == Polarity::Present
}

fn is_sure(fact: &Fact) -> bool {
    fact.certainty == Certainty::Asserted
}

fn is_now(fact: &Fact) -> bool {
    fact.phase == Phase::Current
}

fn is_chronic(concept: Option<&Concept>) -> bool {
    concept.is_some_and(|concept| concept.has("chronic"))
}

/// A chronic disease of the history is there now; what ended is not.
fn says_now(fact: &Fact, concept: Option<&Concept>) -> Option<bool> {
    match fact.phase {
        _ if !is_sure(fact) => None,
        Phase::Current => Some(is_affirmed(fact)),
        Phase::Past if is_chronic(concept) => Some(is_affirmed(fact)),
        Phase::Stopped if is_affirmed(fact) => Some(false),
        Phase::Past | Phase::Stopped | Phase::Planned => None,
    }
}

/// What is suspected now counts as there; a denial has to be sure.
fn says_suspected(fact: &Fact, concept: Option<&Concept>) -> Option<bool> {
    let is_suspicion = fact.certainty == Certainty::Suspected && is_affirmed(fact) && is_now(fact);
    if is_suspicion {
        Some(true)
    } else {
        says_now(fact, concept)
    }
}

/// A chronic disease of now is in the history; of other findings the present says nothing about the past.
fn says_history(fact: &Fact, concept: Option<&Concept>) -> Option<bool> {
    match fact.phase {
        _ if !is_sure(fact) => None,
        Phase::Past | Phase::Stopped => Some(is_affirmed(fact)),
        Phase::Current if is_chronic(concept) => Some(is_affirmed(fact)),
        Phase::Current | Phase::Planned => None,
    }
}

#[cfg(test)]
mod tests {
    use super::grade_of;

    #[test]
    fn grades_in_words_stand_for_numbers() {
        for (words, grade) in [
            ("E4V5M6", Some(15.0)),
            ("E3V4M6", Some(13.0)),
            ("E1VTM4", None),
            ("II-20", Some(20.0)),
            ("III-100", Some(100.0)),
            ("IV", Some(4.0)),
            ("III", Some(3.0)),
            ("B", None),
            ("2+", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(grade_of(words), grade, "{words}");
        }
    }
}
