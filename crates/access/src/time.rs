//! Time that never goes back: sessions, delays and links are measured with it.
//!
//! The server reads two clocks and passes both in: the wall clock, which people and time servers set, and the time since
//! its own start, which nobody can set. [`Clock`] takes the later of the wall clock and what must have passed since it
//! last looked. A wall clock that is set back therefore changes nothing while the program runs; one that was set back
//! while it did not run is noticed at the start ([`Clock::was_set_back`]), and then every session ends.

use crate::storage::{Kind, Storage, StorageError, Write};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted (Unix time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Wraps Unix time in seconds.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Gives Unix time in seconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The time `duration` later, in whole seconds.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)),
        )
    }

    /// How long ago `earlier` was; nothing when it is not past.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far the stored time may lag behind the present: it is written this often.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// The key under which the latest time is kept.
const LATEST: &str = "latest";

/// What two clocks say together; see the module.
#[derive(Debug)]
pub struct Clock {
    latest: Timestamp,
    /// Time since the program's start when `latest` was true.
    uptime: Duration,
    kept: Timestamp,
    set_back: bool,
}

impl Clock {
    /// Starts the clock. `uptime` is the time since the program's start, from a clock that nobody can set.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn start(storage: &dyn Storage, wall: Timestamp, uptime: Duration) -> Result<Self, StorageError> {
        let rows = storage.load(Kind::Clock)?;
        let stored = rows.iter().find(|(key, _)| key == LATEST);
        let stored = match stored {
            Some((key, value)) => Some(
                value
                    .parse()
                    .map(Timestamp)
                    .map_err(|_| StorageError::damaged(Kind::Clock, key))?,
            ),
            None => None,
        };
        let mut clock = Self {
            latest: wall,
            uptime,
            kept: wall,
            set_back: stored.is_some_and(|stored| stored > wall),
        };
        clock.keep(storage)?;
        Ok(clock)
    }

    /// Whether the wall clock stood before the last time of the earlier run when this one started. Then nobody knows how
    /// much time passed: end all sessions, links and emergency accesses.
    pub fn was_set_back(&self) -> bool {
        self.set_back
    }

    /// The present. Never before what it gave earlier, and never behind the time since the program's start.
    pub fn now(&mut self, wall: Timestamp, uptime: Duration) -> Timestamp {
        let passed = uptime.saturating_sub(self.uptime);
        let at_least = self.latest.after(passed);
        if wall >= at_least {
            self.latest = wall;
            self.uptime = uptime;
        } else if passed >= Duration::from_secs(1) {
            self.latest = at_least;
            // Parts of a second are carried on, so that many short calls do not lose time.
            self.uptime += Duration::from_secs(passed.as_secs());
        }
        self.latest
    }

    /// How far this clock is ahead of the wall clock, for a warning: a wall clock that was wrongly ahead and then set
    /// right leaves this one ahead until the program starts again.
    pub fn ahead(&self, wall: Timestamp) -> Duration {
        self.latest.since(wall)
    }

    /// Writes the latest time down when that was not done for a minute. Call it about once a minute.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn keep_if_due(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        if self.latest.since(self.kept) < KEPT_EVERY {
            return Ok(());
        }
        self.keep(storage)
    }

    fn keep(&mut self, storage: &dyn Storage) -> Result<(), StorageError> {
        storage.save(&[Write::put(Kind::Clock, LATEST, self.latest.to_string())])?;
        self.kept = self.latest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    fn at(clock: &mut Clock, wall: i64, uptime_ms: u64) -> i64 {
        clock
            .now(Timestamp::new(wall), Duration::from_millis(uptime_ms))
            .get()
    }

    #[test]
    fn set_back_an_hour_it_goes_on() {
        let storage = MemoryStorage::default();
        let mut clock = Clock::start(&storage, Timestamp::new(10_000), Duration::ZERO).unwrap();
        assert!(!clock.was_set_back());
        assert_eq!(at(&mut clock, 10_060, 60_000), 10_060);
        assert_eq!(at(&mut clock, 6_460, 60_000), 10_060);
        for step in 0..100 {
            at(&mut clock, 6_460, 60_000 + step * 100);
        }
        assert_eq!(at(&mut clock, 6_470, 70_000), 10_070);
        assert_eq!(clock.ahead(Timestamp::new(6_470)), Duration::from_secs(3_600));
        assert_eq!(at(&mut clock, 10_100, 100_000), 10_100);
    }

    #[test]
    fn set_back_while_it_did_not_run_is_noticed() {
        let storage = MemoryStorage::default();
        let start = |wall| Clock::start(&storage, Timestamp::new(wall), Duration::ZERO).unwrap();
        let mut clock = start(10_000);
        at(&mut clock, 10_059, 59_000);
        clock.keep_if_due(&storage).unwrap();
        assert!(!start(10_030).was_set_back(), "not yet written");
        let mut clock = start(10_030);
        at(&mut clock, 10_100, 70_000);
        clock.keep_if_due(&storage).unwrap();
        assert!(start(10_099).was_set_back());
        assert!(!start(10_099).was_set_back(), "told once");
    }
}
