//! Lock-out: failed sign-ins make the next one wait longer and longer, and lock the name at the address they came from.
//!
//! Whoever reaches the sign-in page can type anybody's name, so failures at one address must not shut a person out at
//! another. Passwords are therefore counted twice. *Per name and address group* ten failures lock, until an administrator
//! helps. *Per name* failures only make strangers wait: an address group from which the person has signed in rightly
//! before is not held up by what others do. Wrong codes of a second factor lock the name everywhere: only who has the
//! password can give them.
//!
//! The bound on guessing one name's password, however many addresses are used: ten tries at each of the at most
//! `MOST_KNOWN` groups that are known, and elsewhere, with the usual rules, 106 on the first day and 96 on each after it.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Most address groups remembered of a name from which it signed in rightly; the longest unused are forgotten first.
const MOST_KNOWN: usize = 8;
/// Most others remembered of a name; what is forgotten is still held by the delay of the name.
const MOST_OTHERS: usize = 8;
/// How long after the last failure a name's delay is forgotten. Waiting that long gains fewer tries than going on.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Addresses that count as one place: an IPv4 address, or the /64 network of an IPv6 address, which one machine may have
/// whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressGroup(String);

impl AddressGroup {
    /// The group of an address; those without one (the command line, tests) are one group.
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(match address.map(|address| address.to_canonical()) {
            None => "-".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                format!("{}/64", Ipv6Addr::from(network))
            }
        })
    }
}

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
    /// Wrong passwords that lock a name at one address group, and wrong codes that lock it everywhere, until an
    /// administrator unlocks it.
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

/// Failures that are counted together, since the last that was right.
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
        self.begin_unlocked(rules, now)
    }

    /// The same where failures delay only.
    fn begin_unlocked(self, rules: &LockoutRules, now: Timestamp) -> Result<Self, Barred> {
        let until = self.last.map(|last| last.after(delay(rules, self.failures)));
        if let Some(until) = until
            && now < until
        {
            return Err(Barred::Until(until));
        }
        Ok(self.counted(now))
    }

    fn counted(self, now: Timestamp) -> Self {
        Self {
            failures: self.failures.saturating_add(1),
            last: Some(now),
        }
    }

    /// None where the last failure is long past.
    fn forgotten(self, now: Timestamp) -> Self {
        let is_past = self.last.is_some_and(|last| last.after(FORGOTTEN_AFTER) <= now);
        if is_past { Self::default() } else { self }
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

/// What is known of a name at one address group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Place {
    attempts: Attempts,
    /// When the name last signed in rightly from here.
    known: Option<Timestamp>,
}

/// The wrong passwords of one name: all of them, and by address group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Guesses {
    /// All of them.
    all: Attempts,
    places: BTreeMap<AddressGroup, Place>,
}

/// What stood before an attempt was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    all: Attempts,
    group: AddressGroup,
    place: Attempts,
}

impl Guesses {
    /// Wrong passwords, from wherever.
    pub(crate) fn failures(&self) -> u32 {
        self.all.failures()
    }

    /// When something was tried last.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.all.last
    }

    /// Whether the name is locked at any address group.
    pub(crate) fn is_locked(&self, rules: &LockoutRules) -> bool {
        self.places.values().any(|place| place.attempts.is_locked(rules))
    }

    /// Whether a failure is of a time that has not come.
    pub(crate) fn is_after(&self, now: Timestamp) -> bool {
        self.all.is_after(now) || self.places.values().any(|place| place.attempts.is_after(now))
    }

    /// Brings such failures back to now.
    pub(crate) fn bring_back(&mut self, now: Timestamp) {
        self.all.bring_back(now);
        for place in self.places.values_mut() {
            place.attempts.bring_back(now);
        }
    }

    /// Counts an attempt from a group as failed, before it is known whether it is.
    pub(crate) fn begin(
        &mut self,
        group: &AddressGroup,
        rules: &LockoutRules,
        now: Timestamp,
    ) -> Result<Before, Barred> {
        let place = self.places.get(group).copied().unwrap_or_default();
        let before = Before {
            all: self.all.forgotten(now),
            group: group.clone(),
            place: place.attempts,
        };
        let here = place.attempts.begin(rules, now)?;
        self.all = match place.known {
            // What strangers do does not hold up who comes from where the name has come from before.
            Some(_) => before.all.counted(now),
            None => before.all.begin_unlocked(rules, now)?,
        };
        self.put(
            group,
            Place {
                attempts: here,
                ..place
            },
        );
        Ok(before)
    }

    /// Takes back an attempt whose password was right, where the second factor is still to come.
    pub(crate) fn take_back(&mut self, before: &Before) {
        self.all = self.all.take_back(before.all);
        if let Some(place) = self.places.get_mut(&before.group) {
            place.attempts = place.attempts.take_back(before.place);
        }
    }

    /// Somebody signed in rightly from a group: its own failures are forgotten, those of others stay counted.
    pub(crate) fn succeed(&mut self, group: &AddressGroup, now: Timestamp) {
        let own = self.places.get(group).map_or(0, |place| place.attempts.failures);
        self.all.failures = self.all.failures.saturating_sub(own);
        let (attempts, known) = (Attempts::default(), Some(now));
        self.put(group, Place { attempts, known });
    }

    /// Lets everybody try again; from where the name has signed in stays known.
    pub(crate) fn forgive(&mut self) {
        self.all = Attempts::default();
        self.places.retain(|_, place| place.known.is_some());
        for place in self.places.values_mut() {
            place.attempts = Attempts::default();
        }
    }

    fn put(&mut self, group: &AddressGroup, place: Place) {
        let is_known = place.known.is_some();
        self.places.insert(group.clone(), place);
        let of_its_kind = self
            .places
            .iter()
            .filter(|(_, other)| other.known.is_some() == is_known);
        let most = if is_known { MOST_KNOWN } else { MOST_OTHERS };
        if of_its_kind.clone().count() <= most {
            return;
        }
        let oldest = of_its_kind
            .filter(|(other, _)| *other != group)
            .min_by_key(|(_, other)| (other.known, other.attempts.last));
        if let Some(oldest) = oldest.map(|(oldest, _)| oldest.clone()) {
            self.places.remove(&oldest);
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
        assert_eq!(another.take_back(attempts).last, Some(at(20)));
    }

    fn group(last: u8) -> AddressGroup {
        AddressGroup::of(Some(IpAddr::from([10, 0, 0, last])))
    }

    #[test]
    fn nobody_is_locked_out_by_what_is_typed_elsewhere() {
        let rules = LockoutRules::default();
        let mut guesses = Guesses::default();
        guesses.begin(&group(1), &rules, Timestamp::new(0)).unwrap();
        guesses.succeed(&group(1), Timestamp::new(0));
        let mut now = 10;
        for turn in 0..200_u8 {
            // A hundred addresses, each as often as it likes.
            now += 901;
            let tried = guesses.begin(&group(2 + turn % 100), &rules, Timestamp::new(now));
            assert!(!matches!(tried, Err(Barred::Until(_))), "{turn}");
            assert!(
                guesses
                    .clone()
                    .begin(&group(1), &rules, Timestamp::new(now))
                    .is_ok()
            );
        }
        assert!(
            guesses.places.len() <= MOST_KNOWN + MOST_OTHERS,
            "{}",
            guesses.places.len()
        );
    }

    #[test]
    fn guessing_from_ever_new_addresses_stays_bounded() {
        let rules = LockoutRules::default();
        let mut guesses = Guesses::default();
        let (mut tried, day) = (0, 24 * 60 * 60_i64);
        for second in 0..day {
            let address = IpAddr::from(Ipv6Addr::from(u128::from(second.unsigned_abs()) << 64));
            let group = AddressGroup::of(Some(address));
            // The person signs in now and then, which gives the guesser nothing.
            if second % 3600 == 0 {
                guesses.succeed(&self::group(1), Timestamp::new(second));
            }
            tried += u32::from(guesses.begin(&group, &rules, Timestamp::new(second)).is_ok());
        }
        assert!((96..=106).contains(&tried), "{tried}");
    }

    #[test]
    fn ten_failures_lock_one_group_until_it_is_forgiven() {
        let rules = LockoutRules::default();
        let mut guesses = Guesses::default();
        for turn in 0..10 {
            guesses
                .begin(&group(1), &rules, Timestamp::new(turn * 1000))
                .unwrap();
        }
        let later = Timestamp::new(100_000);
        assert!(matches!(
            guesses.begin(&group(1), &rules, later),
            Err(Barred::Locked)
        ));
        assert!(guesses.is_locked(&rules) && guesses.begin(&group(2), &rules, later).is_ok());
        guesses.forgive();
        assert!(!guesses.is_locked(&rules) && guesses.begin(&group(1), &rules, later).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_place() {
        let of = |text: &str| AddressGroup::of(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
