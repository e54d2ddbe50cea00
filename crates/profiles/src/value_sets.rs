//! Value sets of packages, listed once when they are linked.

use crate::base::Coded;
use crate::package::{CodeSystem, Filter, Include, ValueSet};
use rustc_hash::{FxHashMap, FxHashSet};

/// Deepest chain of value sets that include others.
const DEEPEST: usize = 8;

/// Whether a value set has a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Membership {
    Yes,
    No,
    /// It depends on a code system that is not here.
    Open,
}

/// The codes of a value set.
#[derive(Debug, Default)]
pub(crate) struct Members {
    by_system: FxHashMap<Box<str>, FxHashSet<Box<str>>>,
    /// Systems whose codes it has in part or whole, and that are not here.
    open: FxHashSet<Box<str>>,
}

impl Members {
    /// Whether it has a code. A bare code is of any of its systems.
    pub(crate) fn has(&self, coded: &Coded<'_>) -> Membership {
        let is_there = match coded.system {
            Some(system) => self
                .by_system
                .get(system)
                .is_some_and(|codes| codes.contains(coded.code)),
            None => coded.is_plain && self.holds_plain(coded.code),
        };
        if is_there {
            return Membership::Yes;
        }
        let is_open = match coded.system {
            Some(system) => self.open.contains(system),
            None => coded.is_plain && !self.open.is_empty(),
        };
        if is_open { Membership::Open } else { Membership::No }
    }

    #[expect(
        clippy::iter_over_hash_type,
        reason = "whether any has it does not depend on the order"
    )]
    fn holds_plain(&self, code: &str) -> bool {
        for codes in self.by_system.values() {
            if codes.contains(code) {
                return true;
            }
        }
        false
    }

    /// Whether it has a code of any of the values of an element; the first that it has not, for a sentence.
    pub(crate) fn has_any(&self, codes: &[Coded<'_>]) -> Membership {
        let mut best = Membership::No;
        for coded in codes {
            match self.has(coded) {
                Membership::Yes => return Membership::Yes,
                Membership::Open => best = Membership::Open,
                Membership::No => {}
            }
        }
        best
    }
}

/// Code systems and value sets of all packages, the newest of each address last.
pub(crate) struct Terms<'p> {
    pub(crate) systems: FxHashMap<&'p str, &'p CodeSystem>,
    pub(crate) sets: FxHashMap<&'p str, &'p ValueSet>,
}

impl Terms<'_> {
    /// Lists a value set.
    pub(crate) fn list(&self, set: &ValueSet) -> Members {
        let mut members = Members::default();
        for part in &set.include {
            self.include(part, &mut members, 0);
        }
        for part in &set.exclude {
            let mut out = Members::default();
            self.include(part, &mut out, 0);
            #[expect(
                clippy::iter_over_hash_type,
                reason = "taking away does not depend on the order"
            )]
            for (system, codes) in &out.by_system {
                if let Some(own) = members.by_system.get_mut(system) {
                    own.retain(|code| !codes.contains(code));
                }
            }
        }
        members
    }

    fn include(&self, part: &Include, members: &mut Members, depth: usize) {
        for address in &part.sets {
            let plain = address
                .split_once('|')
                .map_or(address.as_str(), |(plain, _)| plain);
            match self.sets.get(plain).filter(|_| depth < DEEPEST) {
                Some(set) => {
                    for part in &set.include {
                        self.include(part, members, depth + 1);
                    }
                }
                // What it would have is not known, of whatever system.
                None => {
                    members.open.insert(part.system.as_str().into());
                }
            }
        }
        if part.system.is_empty() {
            return;
        }
        let system: Box<str> = part.system.as_str().into();
        if !part.codes.is_empty() {
            let codes = part.codes.iter().map(|code| code.as_str().into());
            members.by_system.entry(system).or_default().extend(codes);
            return;
        }
        let known = self
            .systems
            .get(part.system.as_str())
            .filter(|known| known.is_complete);
        let Some(known) = known else {
            members.open.insert(system);
            return;
        };
        let is_known = part
            .filter
            .iter()
            .all(|filter| matches!(filter, Filter::Below { .. }));
        if !is_known {
            members.open.insert(system);
            return;
        }
        let codes = (0..known.codes.len())
            .filter(|number| part.filter.iter().all(|filter| passes(known, *number, filter)));
        let codes = codes
            .filter_map(|number| known.codes.get(number))
            .map(|(code, _)| code.as_str().into());
        members.by_system.entry(system).or_default().extend(codes);
    }
}

/// Whether a concept is below another.
fn passes(system: &CodeSystem, number: usize, filter: &Filter) -> bool {
    let Filter::Below { code, with_itself } = filter else {
        return false;
    };
    let mut at = system.codes.get(number);
    let mut is_itself = true;
    while let Some((own, parent)) = at {
        if own == code && (*with_itself || !is_itself) {
            return true;
        }
        is_itself = false;
        at = parent.and_then(|parent| system.codes.get(parent as usize));
    }
    false
}
