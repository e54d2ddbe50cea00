//! Accounts, sign-in and lock-out.

use crate::support::{CHEAP, Fixed, GOOD, House, at, user, user_id};
use tsumugi_access::{
    AccountError, AddressGroup, Kind, Password, PasswordRules, Salt, Sessions, SignInError, Storage as _,
    Timestamp,
};

/// The code that a device with this secret (base 32) shows.
pub(crate) fn device(secret: &str, wall: Timestamp) -> String {
    use hmac::{Hmac, Mac as _};
    let (mut bytes, mut rest, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in secret.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            _ => letter - b'2' + 26,
        };
        rest = (rest << 5 | u32::from(value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((rest >> bits & 0xff) as u8);
        }
    }
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&bytes).unwrap();
    mac.update(&(wall.get() / 30).to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Enrols a device; gives its secret and a recovery code.
pub(crate) fn enrol(house: &mut House, name: &str, wall: Timestamp) -> (String, String) {
    let id = user_id(name);
    let House {
        storage,
        accounts,
        entropy,
    } = house;
    let enrolment = accounts
        .enrol_second_factor(storage, entropy, &id, "Hospital")
        .unwrap();
    let wrong = accounts.confirm_second_factor(storage, entropy, &id, "000000", wall);
    assert_eq!(wrong.unwrap_err(), AccountError::CodeWrong(id.clone()));
    let code = device(&enrolment.secret, wall);
    let codes = accounts
        .confirm_second_factor(storage, entropy, &id, &code, wall)
        .unwrap();
    (enrolment.secret, codes.reveal()[0].clone())
}

#[test]
fn a_new_account_has_no_password_and_lets_nobody_in() {
    let mut house = House::new();
    assert!(house.accounts.is_empty());
    house
        .accounts
        .create(&house.storage, user("sato", "nurse"), at(0))
        .unwrap();
    for typed in ["", "password", GOOD] {
        assert_eq!(
            house.try_password("sato", typed, at(0)).unwrap_err(),
            SignInError::Wrong
        );
    }
}

#[test]
fn names_are_given_once_and_setup_never() {
    let mut house = House::with("sato", "nurse");
    for name in ["sato", "setup"] {
        let taken = house
            .accounts
            .create(&house.storage, user(name, "physician"), at(0));
        assert_eq!(taken, Err(AccountError::Taken(user_id(name))));
    }
}

#[test]
fn the_right_password_signs_in_also_after_a_restart() {
    let mut house = House::with("sato", "nurse");
    house.reload(at(5));
    let proof = house.try_password("SATO", GOOD, at(10)).unwrap();
    assert_eq!(proof.user(), &user_id("sato"));
    assert!(!proof.needs_second_factor());
}

#[test]
fn no_secret_is_stored_in_clear() {
    let mut house = House::with("sato", "nurse");
    let (secret, recovery) = enrol(&mut house, "sato", at(0));
    let rows = house.storage.load(Kind::Account).unwrap();
    for secret in [GOOD, &recovery, &recovery.replace('-', ""), &secret] {
        assert!(rows.iter().all(|(_, value)| !value.contains(secret)));
    }
}

#[test]
fn failures_delay_then_lock_until_an_administrator_unlocks() {
    for name in ["sato", "nobody", "not a name"] {
        let mut house = House::with("sato", "nurse");
        let mut now = 0;
        let mut waits = Vec::new();
        let last = loop {
            match house.try_password(name, "wrong", at(now)).unwrap_err() {
                SignInError::Wrong => {}
                SignInError::Wait { until } => {
                    waits.push(until.since(at(now)).as_secs());
                    now += i64::try_from(until.since(at(now)).as_secs()).unwrap();
                }
                other => break other,
            }
        };
        assert_eq!(waits, [5, 10, 20, 40, 80, 160], "{name}");
        assert_eq!(last, SignInError::Locked);
        let much_later = at(now + 1_000_000);
        assert_eq!(
            house.try_password(name, GOOD, much_later).unwrap_err(),
            SignInError::Locked
        );
        if name == "sato" {
            house.reload(much_later);
            let view = house.accounts.view_of(&user_id(name)).unwrap();
            assert!(view.locked);
            house.accounts.unlock(&house.storage, &user_id(name)).unwrap();
            assert!(house.try_password(name, GOOD, much_later).is_ok());
        }
    }
}

#[test]
fn who_is_known_at_an_address_is_not_locked_out_by_others() {
    let mut house = House::with("sato", "nurse");
    assert!(house.try_password("sato", GOOD, at(0)).is_ok());
    let stranger = AddressGroup::of(Some([192, 0, 2, 7].into()));
    let mut now = 1;
    loop {
        match house.accounts.begin(&house.storage, ("sato", &stranger), at(now)) {
            Err(SignInError::Locked) => break,
            _ => now += 1,
        }
    }
    assert!(house.accounts.view_of(&user_id("sato")).unwrap().locked);
    house.reload(at(now));
    assert!(house.try_password("sato", GOOD, at(now)).is_ok());
    let again = house
        .accounts
        .begin(&house.storage, ("sato", &stranger), at(now + 1_000_000));
    assert_eq!(again.unwrap_err(), SignInError::Locked);
}

#[test]
fn many_guesses_at_once_are_counted_before_they_are_verified() {
    let mut house = House::with("sato", "nurse");
    let here = AddressGroup::of(None);
    let begun = (0..20).filter(|_| {
        house
            .accounts
            .begin(&house.storage, ("sato", &here), at(0))
            .is_ok()
    });
    assert_eq!(
        begun.count(),
        4,
        "three free ones and the one that begins the delay"
    );
}

#[test]
fn a_failure_of_the_future_makes_nobody_wait_after_a_restart() {
    let mut house = House::with("sato", "nurse");
    for second in 0..4 {
        house
            .try_password("sato", "wrong", at(3600 + second))
            .unwrap_err();
    }
    house.reload(at(0));
    assert!(house.try_password("sato", GOOD, at(5)).is_ok());
}

#[test]
fn a_password_changed_meanwhile_is_not_let_in() {
    let mut house = House::with("sato", "nurse");
    let here = AddressGroup::of(None);
    let check = house
        .accounts
        .begin(&house.storage, ("sato", &here), at(0))
        .unwrap();
    let salt = Salt::draw(&mut Fixed(3)).unwrap();
    let outcome = check.run(CHEAP, &salt, &Password::new(GOOD));
    house.set_password("sato", "another-7T!xQw2e");
    assert_eq!(
        house.accounts.finish(&house.storage, outcome, at(0)).unwrap_err(),
        SignInError::Wrong
    );
}

#[test]
fn who_is_no_longer_active_is_not_let_in() {
    let mut house = House::with("sato", "nurse");
    let gone = tsumugi_access::User {
        active: false,
        ..user("sato", "nurse")
    };
    house
        .accounts
        .change(&house.storage, 1, gone, &|_| false)
        .unwrap();
    assert_eq!(
        house.try_password("sato", GOOD, at(0)).unwrap_err(),
        SignInError::Wrong
    );
    assert!(house.accounts.vouched(&user_id("sato"), true).is_err());
}

#[test]
fn two_administrators_edit_an_account_at_once() {
    let mut house = House::with("sato", "nurse");
    let change = |house: &mut House, expected, role| {
        house
            .accounts
            .change(&house.storage, expected, user("sato", role), &|_| false)
    };
    assert_eq!(change(&mut house, 1, "physician"), Ok(2));
    let stale = change(&mut house, 1, "clerk").unwrap_err();
    assert_eq!(
        stale.to_string(),
        "user sato: version 2 is the newest, not 1; read it and change that"
    );
    assert_eq!(
        house.accounts.user(&user_id("sato")).unwrap().role.as_str(),
        "physician"
    );
}

#[test]
fn the_last_administrator_stays() {
    let mut house = House::with("aoki", "administrator");
    let administers = |user: &tsumugi_access::User| user.role.as_str() == "administrator";
    let gone = tsumugi_access::User {
        active: false,
        ..user("aoki", "administrator")
    };
    for user in [gone.clone(), user("aoki", "nurse")] {
        let refused = house.accounts.change(&house.storage, 1, user, &administers);
        assert_eq!(refused, Err(AccountError::LastAdministrator(user_id("aoki"))));
    }
    house.add("baba", "administrator");
    assert_eq!(
        house.accounts.change(&house.storage, 1, gone, &administers),
        Ok(2)
    );
}

#[test]
fn a_second_factor_is_wanted_and_its_codes_hold_once() {
    let mut house = House::with("sato", "nurse");
    let (secret, _) = enrol(&mut house, "sato", at(0));
    let mut sessions = Sessions::load(&house.storage, tsumugi_access::SessionRules::default()).unwrap();
    let mut sign_in = |house: &mut House, code: &str, now: Timestamp| {
        let proof = house.try_password("sato", GOOD, now).unwrap();
        assert!(proof.needs_second_factor());
        let token = sessions
            .open(&house.storage, &mut house.entropy, &proof, "test", now)
            .unwrap();
        let pending = sessions.pending(&house.storage, &token.reveal(), now).unwrap();
        house.accounts.second_factor(
            &house.storage,
            &pending,
            (code, &AddressGroup::of(None)),
            (now, now),
        )
    };
    let used_for_enrolling = device(&secret, at(0));
    assert_eq!(
        sign_in(&mut house, &used_for_enrolling, at(1)).unwrap_err(),
        SignInError::Wrong
    );
    let code = device(&secret, at(60));
    assert!(sign_in(&mut house, &code, at(60)).is_ok());
    assert_eq!(
        sign_in(&mut house, &code, at(61)).unwrap_err(),
        SignInError::Wrong,
        "replayed"
    );
    house.reload(at(62));
    assert_eq!(
        sign_in(&mut house, &code, at(62)).unwrap_err(),
        SignInError::Wrong,
        "replayed after a restart"
    );
}

#[test]
fn guessing_codes_with_the_right_password_locks_too() {
    let mut house = House::with("sato", "nurse");
    enrol(&mut house, "sato", at(0));
    let mut sessions = Sessions::load(&house.storage, tsumugi_access::SessionRules::default()).unwrap();
    let (mut now, mut guesses) = (100, 0);
    loop {
        let proof = house.try_password("sato", GOOD, at(now)).unwrap();
        let token = sessions
            .open(&house.storage, &mut house.entropy, &proof, "test", at(now))
            .unwrap();
        let pending = sessions
            .pending(&house.storage, &token.reveal(), at(now))
            .unwrap();
        let guess = house.accounts.second_factor(
            &house.storage,
            &pending,
            ("123456", &AddressGroup::of(None)),
            (at(now), at(now)),
        );
        match guess.unwrap_err() {
            SignInError::Wrong => guesses += 1,
            SignInError::Wait { .. } => now += 1,
            other => {
                assert_eq!(other, SignInError::Locked);
                break;
            }
        }
    }
    assert_eq!(guesses, 10);
    assert!(house.accounts.view_of(&user_id("sato")).unwrap().locked);
}

#[test]
fn a_lost_device_is_replaced_by_a_recovery_code_or_an_administrator() {
    let mut house = House::with("sato", "nurse");
    let (_, recovery) = enrol(&mut house, "sato", at(0));
    let mut sessions = Sessions::load(&house.storage, tsumugi_access::SessionRules::default()).unwrap();
    let mut recover = |house: &mut House| {
        let proof = house.try_password("sato", GOOD, at(10)).unwrap();
        let token = sessions
            .open(&house.storage, &mut house.entropy, &proof, "test", at(10))
            .unwrap();
        let pending = sessions.pending(&house.storage, &token.reveal(), at(10)).unwrap();
        house.accounts.second_factor(
            &house.storage,
            &pending,
            (&recovery, &AddressGroup::of(None)),
            (at(10), at(10)),
        )
    };
    assert_eq!(recover(&mut house).unwrap().recovery_codes_left(), Some(9));
    assert_eq!(recover(&mut house).unwrap_err(), SignInError::Wrong);
    // The password is long enough to stand alone: it stays.
    let sato = user_id("sato");
    assert_eq!(
        house.accounts.reset_second_factor(&house.storage, &sato),
        Ok(false)
    );
    assert!(
        !house
            .try_password("sato", GOOD, at(20))
            .unwrap()
            .needs_second_factor()
    );
    // A short one goes with the second factor.
    enrol(&mut house, "sato", at(30));
    house.set_password("sato", "kX7#mRv2");
    assert_eq!(
        house.accounts.reset_second_factor(&house.storage, &sato),
        Ok(true)
    );
    assert_eq!(
        house.try_password("sato", "kX7#mRv2", at(40)).unwrap_err(),
        SignInError::Wrong
    );
}

#[test]
fn a_short_password_is_not_kept_when_the_second_factor_went_meanwhile() {
    let mut house = House::with("sato", "nurse");
    enrol(&mut house, "sato", at(0));
    let accepted = PasswordRules::default()
        .check(&[], true, Password::new("kX7#mRv2"))
        .unwrap();
    let hashed = accepted
        .hash(CHEAP, &Salt::draw(&mut house.entropy).unwrap())
        .unwrap();
    let sato = user_id("sato");
    house.accounts.reset_second_factor(&house.storage, &sato).unwrap();
    let refused = house.accounts.set_password(&house.storage, &sato, hashed, at(0));
    assert_eq!(refused, Err(AccountError::PasswordTooShort(sato)));
}
