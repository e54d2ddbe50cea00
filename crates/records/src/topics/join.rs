//! What several sources tell alike is one mark; what they tell differently is a conflict; what cannot be drawn is thinned.

use super::marks::{
    ABSENT, CLAIM, Mark, PAST, PERSONAL, PLANNED, STOPPED, SUSPECTED, civil, interpretation, seconds,
};
use super::{Odds, TopicConflict, TopicMark, TopicQuery};
use std::collections::HashMap;
use tsumugi_clinical::{Evidence, Phase};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Seconds within which two times are the same.
const MINUTE: i64 = 60;
/// By how much of a value two may differ that were rounded differently.
const ROUNDING: f64 = 1e-6;
/// Most marks of a day with one value that are looked through for one that tells the same.
const MOST_ALIKE: usize = 64;
/// Most conflicts of a row that are told.
const MOST_CONFLICTS: usize = 100;

/// What must be alike, beside the value, for two marks to tell the same.
const ALIKE: i64 = CLAIM | PERSONAL | ABSENT | SUSPECTED | PAST | PLANNED | STOPPED;

/// Joins marks that tell the same: at the same minute, or on the same day where one of them stands in a note.
pub(super) fn joined(marks: Vec<Mark>) -> Vec<Mark> {
    let mut joined: Vec<Mark> = Vec::with_capacity(marks.len());
    let mut day = i64::MIN;
    // Where the marks of the day stand that have this value, and say the same otherwise.
    let mut known: HashMap<(Option<u64>, i64), Vec<usize>> = HashMap::new();
    for mark in marks {
        if mark.at.div_euclid(DAY) != day {
            day = mark.at.div_euclid(DAY);
            known.clear();
        }
        let alike = known
            .entry((mark.value.map(f64::to_bits), mark.flags & ALIKE))
            .or_default();
        let twin = alike.iter().copied().find(|place| {
            let other = joined.get(*place);
            other.is_some_and(|other| is_same(other, &mark))
        });
        if let Some(other) = twin.and_then(|place| joined.get_mut(place)) {
            absorb(other, &mark);
            continue;
        }
        // A day of a sensor has many; only the newest can be at the same minute, and notes are few.
        if alike.len() < MOST_ALIKE {
            alike.push(joined.len());
        } else if let Some(last) = alike.last_mut() {
            *last = joined.len();
        }
        joined.push(mark);
    }
    // What a note told of a day has taken the time of its source.
    joined.sort_by_key(|mark| mark.at);
    joined
}

/// Takes a mark that tells the same. A source knows the time better than the note that repeats it.
fn absorb(into: &mut Mark, mark: &Mark) {
    into.until = into.until.max(mark.until);
    if into.document.is_some() && mark.document.is_none() {
        into.also.push(into.event);
        (into.at, into.event, into.document) = (mark.at, mark.event, None);
    } else {
        into.also.push(mark.event);
    }
}

fn is_same(one: &Mark, other: &Mark) -> bool {
    let is_note = |mark: &Mark| mark.document.is_some();
    (one.at - other.at).abs() < MINUTE || is_note(one) || is_note(other)
}

/// Values that differ at the same minute, and what is there and not there on one day.
pub(super) fn conflicts(marks: &[Mark]) -> Vec<TopicConflict> {
    let mut conflicts = Vec::new();
    for (number, mark) in marks.iter().enumerate() {
        if conflicts.len() >= MOST_CONFLICTS {
            break;
        }
        let before = marks.get(..number).unwrap_or_default();
        let near = before
            .iter()
            .rev()
            .take_while(|other| {
                mark.at - other.at < DAY && mark.at.div_euclid(DAY) == other.at.div_euclid(DAY)
            })
            .take(MOST_ALIKE);
        for other in near {
            let Some(about) = odds(other, mark) else { continue };
            conflicts.push(TopicConflict {
                at: civil(mark.at),
                about,
                events: [other, mark]
                    .into_iter()
                    .flat_map(|one| std::iter::once(one.event).chain(one.also.iter().copied()))
                    .collect(),
            });
            break;
        }
    }
    conflicts
}

fn odds(one: &Mark, other: &Mark) -> Option<Odds> {
    // What one note says twice is its own affair, and so is what it plans or denies of another time.
    if one.document.is_some() && one.document == other.document {
        return None;
    }
    let is_of_now = |mark: &Mark| mark.flags & (PAST | PLANNED | STOPPED | SUSPECTED) == 0;
    if !is_of_now(one) || !is_of_now(other) {
        return None;
    }
    if let (Some(a), Some(b)) = (one.value, other.value) {
        let is_at_once = (one.at - other.at).abs() < MINUTE;
        let differs = (a - b).abs() > ROUNDING * a.abs().max(b.abs());
        return (is_at_once && differs).then_some(Odds::Value);
    }
    ((one.flags ^ other.flags) & ABSENT != 0).then_some(Odds::Presence)
}

/// At most four marks of each stretch: the first, the lowest, the highest, the last.
pub(super) fn thinned(marks: Vec<Mark>, query: &TopicQuery) -> Vec<TopicMark> {
    let (Some(first), Some(last)) = (marks.first(), marks.last()) else {
        return Vec::new();
    };
    let stretches = i64::from(query.stretches.max(1));
    let most = usize::try_from(stretches.saturating_mul(4)).unwrap_or(usize::MAX);
    if marks.len() <= most {
        return marks.into_iter().map(told).collect();
    }
    let from = query.from.map_or(first.at, seconds);
    let whole = (query.to.map_or(last.at, seconds) - from).max(1);
    let stretch =
        |mark: &Mark| (i128::from(mark.at - from) * i128::from(stretches) / i128::from(whole)).max(0);
    let mut kept = vec![false; marks.len()];
    let mut keep = |place: usize| {
        if let Some(kept) = kept.get_mut(place) {
            *kept = true;
        }
    };
    let mut open: Option<Stretch> = None;
    for (place, mark) in marks.iter().enumerate() {
        let number = stretch(mark);
        match &mut open {
            Some(now) if now.number == number => now.take(place, mark),
            _ => {
                if let Some(done) = open.take() {
                    done.places().into_iter().for_each(&mut keep);
                }
                open = Some(Stretch::new(number, place, mark));
            }
        }
    }
    if let Some(done) = open {
        done.places().into_iter().for_each(&mut keep);
    }
    let all = marks.into_iter().zip(kept);
    all.filter_map(|(mark, is_kept)| is_kept.then(|| told(mark)))
        .collect()
}

/// What is kept of a stretch.
struct Stretch {
    number: i128,
    first: usize,
    last: usize,
    low: (f64, usize),
    high: (f64, usize),
}

impl Stretch {
    fn new(number: i128, place: usize, mark: &Mark) -> Self {
        let value = mark.value.unwrap_or_default();
        Self {
            number,
            first: place,
            last: place,
            low: (value, place),
            high: (value, place),
        }
    }

    fn take(&mut self, place: usize, mark: &Mark) {
        self.last = place;
        if let Some(value) = mark.value {
            if value < self.low.0 {
                self.low = (value, place);
            }
            if value > self.high.0 {
                self.high = (value, place);
            }
        }
    }

    fn places(&self) -> [usize; 4] {
        [self.first, self.low.1, self.high.1, self.last]
    }
}

/// A mark as it is given out.
pub(super) fn told(mark: Mark) -> TopicMark {
    let has = |bit: i64| mark.flags & bit != 0;
    TopicMark {
        at: civil(mark.at),
        until: mark.until.map(civil),
        value: mark.value,
        interpretation: interpretation(mark.flags),
        evidence: match mark.flags & (CLAIM | PERSONAL) {
            CLAIM => Some(Evidence::Claim),
            PERSONAL => Some(Evidence::Personal),
            _ => None,
        },
        absent: has(ABSENT),
        suspected: has(SUSPECTED),
        phase: if has(PAST) {
            Phase::Past
        } else if has(PLANNED) {
            Phase::Planned
        } else if has(STOPPED) {
            Phase::Stopped
        } else {
            Phase::Current
        },
        event: mark.event,
        also: mark.also,
    }
}
