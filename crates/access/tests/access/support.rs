//! People, patients and a source of "randomness" that always gives the same.

use std::collections::BTreeSet;
use std::time::Duration;
use tsumugi_access::{
    Accounts, AddressGroup, CareTeamId, Cost, DepartmentId, Entropy, EntropyError, FirstFactor, LockoutRules,
    MemoryStorage, NoteKind, Password, PasswordRules, PatientFacts, PatientId, Role, Salt, SignInError,
    Subject, Timestamp, User, UserId,
};

pub(crate) const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

pub(crate) const GOOD: &str = "kX7#mRv2!pLq9";

/// A generator (`SplitMix64`) that always gives the same.
pub(crate) struct Fixed(pub(crate) u64);

impl Fixed {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    /// A number of a record.
    pub(crate) fn number(&mut self) -> i64 {
        i64::try_from(self.below(20)).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

impl Entropy for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            *byte = self.next().to_le_bytes()[0];
        }
        Ok(())
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds)
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

pub(crate) fn user_id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn user(name: &str, role: &str) -> User {
    User {
        id: user_id(name),
        name: name.to_owned(),
        role: Role::parse(role).unwrap(),
        department: DepartmentId::parse("surgery").unwrap(),
        care_teams: BTreeSet::from([CareTeamId::parse("palliative").unwrap()]),
        active: true,
    }
}

pub(crate) fn subject(name: &str, role: &str) -> Subject {
    Subject {
        user: user(name, role),
        second_factor: true,
        emergencies: BTreeSet::new(),
    }
}

pub(crate) fn patient(number: i64, department: &str) -> PatientFacts {
    PatientFacts {
        id: PatientId::new(number),
        departments: BTreeSet::from([DepartmentId::parse(department).unwrap()]),
        care_teams: BTreeSet::new(),
        attending: BTreeSet::new(),
        own_account: None,
        labels: BTreeSet::new(),
        dummy: false,
    }
}

pub(crate) fn kind(name: &str) -> NoteKind {
    NoteKind::parse(name).unwrap()
}

/// Accounts on a storage of their own.
pub(crate) struct House {
    pub(crate) storage: MemoryStorage,
    pub(crate) accounts: Accounts,
    pub(crate) entropy: Fixed,
}

impl House {
    pub(crate) fn new() -> Self {
        let storage = MemoryStorage::default();
        let accounts = Accounts::load(&storage, LockoutRules::default(), at(0)).unwrap();
        let entropy = Fixed(1);
        Self {
            storage,
            accounts,
            entropy,
        }
    }

    /// A house with one account that has a password.
    pub(crate) fn with(name: &str, role: &str) -> Self {
        let mut house = Self::new();
        house.add(name, role);
        house
    }

    pub(crate) fn add(&mut self, name: &str, role: &str) {
        self.accounts
            .create(&self.storage, user(name, role), at(0))
            .unwrap();
        self.set_password(name, GOOD);
    }

    pub(crate) fn set_password(&mut self, name: &str, typed: &str) {
        let id = user_id(name);
        let two = self.accounts.view_of(&id).unwrap().has_second_factor;
        let accepted = PasswordRules::default()
            .check(&[name], two, Password::new(typed))
            .unwrap();
        let salt = Salt::draw(&mut self.entropy).unwrap();
        let hashed = accepted.hash(CHEAP, &salt).unwrap();
        self.accounts
            .set_password(&self.storage, &id, hashed, at(0))
            .unwrap();
    }

    pub(crate) fn try_password(
        &mut self,
        name: &str,
        typed: &str,
        now: Timestamp,
    ) -> Result<FirstFactor, SignInError> {
        let salt = Salt::draw(&mut self.entropy).unwrap();
        let here = AddressGroup::of(None);
        let check = self.accounts.begin(&self.storage, (name, &here), now)?;
        let outcome = check.run(CHEAP, &salt, &Password::new(typed));
        self.accounts.finish(&self.storage, outcome, now)
    }

    pub(crate) fn reload(&mut self, now: Timestamp) {
        self.accounts = Accounts::load(&self.storage, LockoutRules::default(), now).unwrap();
    }
}
