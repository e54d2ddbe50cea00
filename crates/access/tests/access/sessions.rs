//! Sessions, idle lock, one-time links.

use crate::accounts::{device, enrol};
use crate::support::{Fixed, GOOD, House, at, minutes, user_id};
use tsumugi_access::{
    Activity, Installation, Kind, LinkError, MemoryStorage, OneTimeLinks, SessionError, SessionRules,
    Sessions, Storage as _, Token,
};

const HOUR: i64 = 3600;

fn sessions(house: &House) -> Sessions {
    Sessions::load(&house.storage, SessionRules::default()).unwrap()
}

fn open(house: &mut House, sessions: &mut Sessions, now: i64) -> Token {
    let proof = house.try_password("sato", GOOD, at(now)).unwrap();
    sessions
        .open(&house.storage, &mut house.entropy, &proof, "Firefox", at(now))
        .unwrap()
}

fn go(house: &House, sessions: &mut Sessions, token: &Token, now: i64) -> Result<(), SessionError> {
    let active = sessions.resolve(&house.storage, &token.reveal(), Activity::Person, false, at(now))?;
    assert_eq!(active.user, user_id("sato"));
    Ok(())
}

fn locked() -> Result<(), SessionError> {
    let user = user_id("sato");
    Err(SessionError::Locked { user })
}

#[test]
fn a_session_ends_after_twelve_hours_of_work() {
    let mut house = House::with("sato", "nurse");
    let mut sessions = sessions(&house);
    let token = open(&mut house, &mut sessions, 0);
    for minute in 0..12 * 60 {
        assert_eq!(go(&house, &mut sessions, &token, minute * 60), Ok(()));
    }
    assert_eq!(
        go(&house, &mut sessions, &token, 12 * HOUR),
        Err(SessionError::None)
    );
    assert!(house.storage.load(Kind::Session).unwrap().is_empty());
}

#[test]
fn an_idle_session_locks_and_the_password_opens_it() {
    let mut house = House::with("sato", "nurse");
    house.add("mori", "nurse");
    let mut sessions = sessions(&house);
    let token = open(&mut house, &mut sessions, 0);
    assert_eq!(go(&house, &mut sessions, &token, 599), Ok(()));
    assert_eq!(go(&house, &mut sessions, &token, 599 + 600), locked());
    assert_eq!(go(&house, &mut sessions, &token, 599 + 601), locked());
    let other = house.try_password("mori", GOOD, at(1_300)).unwrap();
    let refused = sessions.unlock(&house.storage, &token.reveal(), &other, at(1_300));
    assert_eq!(refused, Err(SessionError::OtherUser));
    let proof = house.try_password("sato", GOOD, at(1_300)).unwrap();
    sessions
        .unlock(&house.storage, &token.reveal(), &proof, at(1_300))
        .unwrap();
    assert_eq!(go(&house, &mut sessions, &token, 1_301), Ok(()));
    sessions.lock(&house.storage, &token.reveal(), at(1_302)).unwrap();
    assert_eq!(go(&house, &mut sessions, &token, 1_303), locked());
    assert_eq!(
        go(&house, &mut sessions, &token, 1_301 + 2 * HOUR),
        Err(SessionError::None)
    );
}

#[test]
fn what_a_page_does_by_itself_is_no_use() {
    let mut house = House::with("sato", "nurse");
    let mut sessions = sessions(&house);
    let token = open(&mut house, &mut sessions, 0);
    for second in (0..600).step_by(10) {
        let polled = sessions.resolve(&house.storage, &token.reveal(), Activity::Page, false, at(second));
        assert!(polled.is_ok());
    }
    assert_eq!(go(&house, &mut sessions, &token, 600), locked());
}

#[test]
fn a_clock_set_back_never_lengthens_a_session() {
    let mut house = House::with("sato", "nurse");
    let mut all = sessions(&house);
    let token = open(&mut house, &mut all, 0);
    for minute in 0..60 {
        go(&house, &mut all, &token, minute * 60).unwrap();
    }
    // The last use is written down at the latest a minute after it was.
    let mut all = sessions(&house);
    assert_eq!(
        go(&house, &mut all, &token, 0),
        Err(SessionError::None),
        "used in the future"
    );
}

#[test]
fn a_restart_never_lengthens_a_session() {
    let mut house = House::with("sato", "nurse");
    let mut all = sessions(&house);
    let token = open(&mut house, &mut all, 0);
    go(&house, &mut all, &token, 59).unwrap();
    let mut all = sessions(&house);
    assert_eq!(go(&house, &mut all, &token, 599), Ok(()));
    let mut all = sessions(&house);
    assert_eq!(go(&house, &mut all, &token, 599 + 600), locked());
    assert_eq!(
        go(&house, &mut sessions(&house), &token, 599 + 601),
        locked(),
        "also after a restart"
    );
}

#[test]
fn forged_tokens_open_nothing() {
    let mut house = House::with("sato", "nurse");
    let mut sessions = sessions(&house);
    let token = open(&mut house, &mut sessions, 0).reveal();
    let mut other = token.clone();
    other.replace_range(63.., if token.ends_with('0') { "1" } else { "0" });
    let shorter: String = token.chars().take(63).collect();
    let handle = sessions.list(None, at(0))[0].handle.clone();
    for forged in ["", "0", &handle, &shorter, &token.to_uppercase(), &other] {
        let refused = sessions.resolve(&house.storage, forged, Activity::Person, false, at(1));
        assert_eq!(refused, Err(SessionError::None), "{forged}");
    }
    let rows = house.storage.load(Kind::Session).unwrap();
    assert!(
        rows.iter()
            .all(|(key, value)| !value.contains(&token) && !token.contains(key.as_str()))
    );
}

#[test]
fn sessions_are_listed_and_revoked() {
    let mut house = House::with("sato", "nurse");
    let mut sessions = sessions(&house);
    let first = open(&mut house, &mut sessions, 0);
    let second = open(&mut house, &mut sessions, 10);
    let third = open(&mut house, &mut sessions, 20);
    let sato = user_id("sato");
    let list = sessions.list(Some(&sato), at(30));
    assert_eq!(
        list.iter()
            .map(|session| (session.opened, session.client.as_str()))
            .collect::<Vec<_>>(),
        [(at(0), "Firefox"), (at(10), "Firefox"), (at(20), "Firefox")]
    );
    assert_eq!(
        sessions.revoke(&house.storage, &user_id("mori"), &list[0].handle),
        Ok(false)
    );
    assert_eq!(sessions.revoke(&house.storage, &sato, &list[0].handle), Ok(true));
    assert_eq!(go(&house, &mut sessions, &first, 30), Err(SessionError::None));
    assert_eq!(
        sessions.revoke_user(&house.storage, &sato, Some(&list[2].handle)),
        Ok(1)
    );
    assert_eq!(go(&house, &mut sessions, &second, 30), Err(SessionError::None));
    assert_eq!(go(&house, &mut sessions, &third, 30), Ok(()));
    sessions.end(&house.storage, &third.reveal()).unwrap();
    assert_eq!(go(&house, &mut sessions, &third, 30), Err(SessionError::None));
    open(&mut house, &mut sessions, 40);
    assert_eq!(sessions.sweep(&house.storage, at(40)), Ok(0));
    assert_eq!(sessions.sweep(&house.storage, at(40 + 2 * HOUR)), Ok(1));
}

#[test]
fn the_second_factor_completes_a_session_with_a_new_token() {
    let mut house = House::with("sato", "nurse");
    let (secret, _) = enrol(&mut house, "sato", at(0));
    let mut sessions = sessions(&house);
    let first = open(&mut house, &mut sessions, 60);
    let user = user_id("sato");
    assert_eq!(
        go(&house, &mut sessions, &first, 60),
        Err(SessionError::SecondFactorWanted { user })
    );
    let pending = sessions.pending(&house.storage, &first.reveal(), at(60)).unwrap();
    let code = device(&secret, at(60));
    let proof = house
        .accounts
        .second_factor(
            &house.storage,
            &pending,
            (&code, &tsumugi_access::AddressGroup::of(None)),
            (at(60), at(60)),
        )
        .unwrap();
    let late = sessions.complete(
        &house.storage,
        &mut house.entropy,
        &first.reveal(),
        &proof,
        at(60 + 300),
    );
    assert_eq!(late.unwrap_err(), SessionError::None);
    let first = open(&mut house, &mut sessions, 400);
    let second = sessions
        .complete(
            &house.storage,
            &mut house.entropy,
            &first.reveal(),
            &proof,
            at(401),
        )
        .unwrap();
    assert_eq!(go(&house, &mut sessions, &first, 402), Err(SessionError::None));
    let active = sessions
        .resolve(&house.storage, &second.reveal(), Activity::Person, false, at(402))
        .unwrap();
    assert!(active.second_factor);
    assert!(
        sessions
            .pending(&house.storage, &second.reveal(), at(402))
            .is_err()
    );
}

#[test]
fn unlocking_wants_a_second_factor_that_was_enrolled_meanwhile() {
    let mut house = House::with("sato", "nurse");
    let mut sessions = sessions(&house);
    let token = open(&mut house, &mut sessions, 0);
    enrol(&mut house, "sato", at(0));
    sessions.lock(&house.storage, &token.reveal(), at(1)).unwrap();
    let proof = house.try_password("sato", GOOD, at(2)).unwrap();
    let user = user_id("sato");
    assert_eq!(
        sessions.unlock(&house.storage, &token.reveal(), &proof, at(2)),
        Err(SessionError::SecondFactorWanted { user })
    );
}

const NEW: Installation = Installation {
    loopback_only: true,
    accounts: 0,
    real_patients: 0,
};

#[test]
fn the_first_run_has_one_link_and_ends_with_the_first_account_or_patient() {
    let (storage, mut entropy) = (MemoryStorage::default(), Fixed(7));
    let mut links = OneTimeLinks::load(&storage).unwrap();
    let mut sessions = Sessions::load(&storage, SessionRules::default()).unwrap();
    let over = [
        Installation { accounts: 1, ..NEW },
        Installation {
            real_patients: 1,
            ..NEW
        },
        Installation {
            loopback_only: false,
            ..NEW
        },
    ];
    for installation in over {
        let none = links.offer_first_run(&storage, &mut entropy, installation, at(0));
        assert!(none.unwrap().is_none());
    }
    let earlier = links
        .offer_first_run(&storage, &mut entropy, NEW, at(0))
        .unwrap()
        .unwrap();
    let token = links
        .offer_first_run(&storage, &mut entropy, NEW, at(1))
        .unwrap()
        .unwrap();
    let refused = |links: &mut OneTimeLinks, token: &Token, installation, now| {
        let error = links
            .redeem_first_run(&storage, &token.reveal(), installation, at(now))
            .unwrap_err();
        assert_eq!(error, LinkError::None);
    };
    refused(&mut links, &earlier, NEW, 2);
    refused(&mut links, &token, NEW, 1 + HOUR);
    refused(&mut links, &token, NEW, -1);
    for installation in over {
        refused(&mut links, &token, installation, 2);
    }
    assert!(
        links
            .redeem_set_password(&storage, &token.reveal(), at(2))
            .is_err()
    );
    let proof = links
        .redeem_first_run(&storage, &token.reveal(), NEW, at(2))
        .unwrap();
    refused(&mut links, &token, NEW, 3);
    let session = sessions
        .open_first_run(&storage, &mut entropy, &proof, "test", at(3))
        .unwrap()
        .reveal();
    let active = sessions
        .resolve(&storage, &session, Activity::Person, true, at(4))
        .unwrap();
    assert!(active.first_run);
    let hour = 60 * 60;
    assert!(
        sessions
            .resolve(&storage, &session, Activity::Page, true, at(hour))
            .is_ok(),
        "without a password it does not lock"
    );
    assert_eq!(active.user, user_id("setup"));
    for is_first_run in [false, true] {
        let ended = sessions.resolve(&storage, &session, Activity::Person, is_first_run, at(5));
        assert_eq!(ended, Err(SessionError::None));
    }
}

#[test]
fn a_link_sets_one_password_once() {
    let (storage, mut entropy) = (MemoryStorage::default(), Fixed(8));
    let mut links = OneTimeLinks::load(&storage).unwrap();
    let sato = user_id("sato");
    let earlier = links
        .offer_set_password(&storage, &mut entropy, &sato, at(0))
        .unwrap()
        .reveal();
    let token = links
        .offer_set_password(&storage, &mut entropy, &sato, at(0))
        .unwrap()
        .reveal();
    let mut links = OneTimeLinks::load(&storage).unwrap();
    assert_eq!(links.sets_password_of(&earlier, at(1)), None);
    assert_eq!(links.sets_password_of(&token, at(1)), Some(sato.clone()));
    assert_eq!(links.sets_password_of(&token, at(24 * HOUR)), None);
    assert!(links.redeem_first_run(&storage, &token, NEW, at(1)).is_err());
    assert_eq!(links.redeem_set_password(&storage, &token, at(1)), Ok(sato));
    assert_eq!(
        links.redeem_set_password(&storage, &token, at(2)),
        Err(LinkError::None)
    );
    assert_eq!(minutes(60), tsumugi_access::FIRST_RUN_FOR);
}
