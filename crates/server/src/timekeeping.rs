//! Whether the clock can be believed: records are dated by it, in the civil time of the place.

use crate::{chart, log};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use tsumugi_records::{NewestMoments, Store, StoreError};

/// How far a clock may stand before what was written last: clocks are set right by less than that.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(1);

/// Why the clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The time zone is missing or unknown, so that UTC is taken.
    NoZone,
    /// The clock stands before the newest entry of the audit trail.
    BeforeEntry {
        /// By so many seconds.
        seconds: i64,
    },
    /// The civil time stands before the newest signature.
    BeforeNote {
        /// By so many seconds.
        seconds: i64,
    },
}

impl Doubt {
    fn words(self) -> &'static str {
        match self {
            Self::NoZone => {
                "the time zone is missing or unknown, so that notes are dated in UTC: set TZ (Asia/Tokyo) and see that the \
                 time zone files (tzdata) are there"
            }
            Self::BeforeEntry { .. } => {
                "the clock stands before the newest entry of the audit trail: set it right before anything is signed"
            }
            Self::BeforeNote { .. } => {
                "the clock stands before the newest signed note: set it, or its time zone, right before anything is signed"
            }
        }
    }

    fn seconds(self) -> Option<i64> {
        match self {
            Self::NoZone => None,
            Self::BeforeEntry { seconds } | Self::BeforeNote { seconds } => Some(seconds),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())?;
        match self.seconds() {
            Some(seconds) => write!(f, " ({seconds} seconds)"),
            None => Ok(()),
        }
    }
}

/// What is to be doubted of this machine's clock, by what the store holds.
///
/// # Errors
/// Those of the file.
pub(crate) fn doubts(store: &Store) -> Result<Vec<Doubt>, StoreError> {
    let newest = store.newest_moments()?;
    Ok(found(&newest, has_zone(), Timestamp::now(), chart::now()))
}

/// Logs what is to be doubted.
pub(crate) fn tell(store: &Store) {
    match doubts(store) {
        Ok(doubts) => {
            for doubt in doubts {
                let seconds = doubt.seconds();
                let fields: Vec<log::Field<'_>> = seconds
                    .iter()
                    .map(|seconds| ("seconds", seconds as &dyn log::Loggable))
                    .collect();
                log::error(doubt.words(), &fields);
            }
        }
        Err(error) => log::error(
            "the clock was not checked",
            &[("cause", &log::Cause::of_store(&error))],
        ),
    }
}

/// Whether the system's time zone is known.
pub(crate) fn has_zone() -> bool {
    TimeZone::try_system().is_ok_and(|zone| !zone.is_unknown())
}

fn found(newest: &NewestMoments, has_zone: bool, now: Timestamp, civil: DateTime) -> Vec<Doubt> {
    let behind = |by: SignedDuration| (by > TOLERANCE).then_some(by.as_secs());
    let entry = newest
        .recorded
        .and_then(|recorded| Timestamp::from_millisecond(recorded).ok())
        .and_then(|recorded| behind(recorded.duration_since(now)));
    let signed = newest.signed.as_ref();
    let note = signed.and_then(|signed| behind(signed.civil().duration_since(civil)));
    let zone = (!has_zone).then_some(Doubt::NoZone);
    let entry = entry.map(|seconds| Doubt::BeforeEntry { seconds });
    let note = note.map(|seconds| Doubt::BeforeNote { seconds });
    [zone, entry, note].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::Moment;

    #[test]
    fn a_clock_is_doubted_by_what_was_written_last() {
        let now: Timestamp = "2026-11-22T01:00:00Z".parse().unwrap();
        let civil: DateTime = "2026-11-22T10:00:00".parse().unwrap();
        let newest = |entry: &str, signed: &str| NewestMoments {
            signed: Some(Moment::parse(signed).unwrap()),
            recorded: Some(entry.parse::<Timestamp>().unwrap().as_millisecond()),
        };
        let cases = [
            ("2026-11-22T00:59:00Z", "2026-11-22T09:59:00", vec![]),
            ("2026-11-22T01:01:00Z", "2026-11-22T10:01:00", vec![]),
            (
                "2026-11-22T01:01:01Z",
                "2026-11-22T10:00:00",
                vec![Doubt::BeforeEntry { seconds: 61 }],
            ),
            // The time zone was another: the entry is right, the civil time is not.
            (
                "2026-11-22T01:00:00Z",
                "2026-11-22T19:00:00",
                vec![Doubt::BeforeNote { seconds: 9 * 3600 }],
            ),
        ];
        for (entry, signed, expected) in cases {
            assert_eq!(
                found(&newest(entry, signed), true, now, civil),
                expected,
                "{entry} {signed}"
            );
        }
        let nothing = NewestMoments::default();
        assert_eq!(found(&nothing, true, now, civil), []);
        assert_eq!(found(&nothing, false, now, civil), [Doubt::NoZone]);
    }
}
