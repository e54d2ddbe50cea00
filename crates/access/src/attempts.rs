//! Lock-out: failed sign-ins make the next one wait longer and longer, and in the end only an administrator helps.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When to delay and when to lock. The numbers are our own; the guideline asks for a limit without naming one (as we
/// remember it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutRules {
    /// Failures without any delay.
    pub free: u32,
    /// Delay after the first failure that is not free; every further failure doubles it.
    pub first_delay: Duration,
    /// Longest delay.
    pub longest_delay: Duration,
    /// Failures that lock the account until an administrator unlocks it.
    pub locked_at: u32,
}

impl Default for LockoutRules {
    fn default() -> Self {
        Self {
            free: 3,
            first_delay: Duration::from_secs(5),
            longest_delay: Duration::from_secs(15 * 60),
            locked_at: 10,
        }
    }
}

/// The failures of one name since its last right sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Attempts {
    failures: u32,
    last: Option<Timestamp>,
}

/// Why nothing may be tried now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Barred {
    Until(Timestamp),
    Locked,
}

impl Attempts {
    pub(crate) fn failures(self) -> u32 {
        self.failures
    }

    pub(crate) fn last(self) -> Option<Timestamp> {
        self.last
    }

    pub(crate) fn is_locked(self, rules: &LockoutRules) -> bool {
        self.failures >= rules.locked_at
    }

    pub(crate) fn is_after(self, now: Timestamp) -> bool {
        self.last > Some(now)
    }

    pub(crate) fn bring_back(&mut self, now: Timestamp) {
        self.last = self.last.min(Some(now));
    }

    /// Counts an attempt as failed, before it is known whether it is; so many at once are no way around the delays.
    pub(crate) fn begin(self, rules: &LockoutRules, now: Timestamp) -> Result<Self, Barred> {
        if self.is_locked(rules) {
            return Err(Barred::Locked);
        }
        let until = self.last.map(|last| last.after(delay(rules, self.failures)));
        if let Some(until) = until
            && now < until
        {
            return Err(Barred::Until(until));
        }
        Ok(Self {
            failures: self.failures.saturating_add(1),
            last: Some(now),
        })
    }

    /// Takes back the attempt that `before` began, which was right in itself; earlier failures stay counted.
    pub(crate) fn take_back(self, before: Self) -> Self {
        if self.failures == before.failures.saturating_add(1) {
            return before;
        }
        Self {
            failures: self.failures.saturating_sub(1),
            last: self.last,
        }
    }
}

fn delay(rules: &LockoutRules, failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(rules.free + 1) else {
        return Duration::ZERO;
    };
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    rules.first_delay.saturating_mul(factor).min(rules.longest_delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_then_it_locks() {
        let rules = LockoutRules::default();
        let mut attempts = Attempts::default();
        let mut now = Timestamp::new(0);
        let mut waits = Vec::new();
        loop {
            match attempts.begin(&rules, now) {
                Ok(next) => attempts = next,
                Err(Barred::Until(until)) => {
                    waits.push(until.since(now).as_secs());
                    now = until;
                }
                Err(Barred::Locked) => break,
            }
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160]);
        assert_eq!(attempts.failures(), 10);
        assert_eq!(delay(&rules, 40), rules.longest_delay);
        assert_eq!(delay(&rules, u32::MAX), rules.longest_delay);
    }

    #[test]
    fn a_right_password_does_not_forget_wrong_codes() {
        let rules = LockoutRules::default();
        let at = Timestamp::new;
        let mut attempts = Attempts::default();
        for second in 0..4 {
            attempts = attempts.begin(&rules, at(second)).unwrap();
        }
        let during = attempts.begin(&rules, at(10)).unwrap();
        assert_eq!(during.take_back(attempts), attempts);
        let another = during.begin(&rules, at(20)).unwrap();
        assert_eq!(another.take_back(attempts).failures(), 5);
        assert_eq!(another.take_back(attempts).last(), Some(at(20)));
    }
}
