//! Launch links: expired, replayed and forged ones open nothing.

use crate::support::{Fixed, at};
use tsumugi_access::{Launch, LaunchError, LaunchKey, Launches, MemoryStorage};

fn launch() -> Launch {
    Launch {
        patient: "0012345".to_owned(),
        encounter: Some("E-7".to_owned()),
        user: "sato".to_owned(),
        expires: at(300),
        nonce: "9f8e7d6c5b4a39281706f5e4d3c2b1a0".to_owned(),
    }
}

fn key() -> LaunchKey {
    LaunchKey::new(b"0123456789abcdef0123456789abcdef").unwrap()
}

fn try_open(launch: &Launch, signature: &str, now: i64) -> Result<(), LaunchError> {
    let storage = MemoryStorage::default();
    let mut launches = Launches::load(&storage).unwrap();
    launches.open(&storage, &[key()], launch, signature, at(now))
}

/// Computed apart from this code, with Python's `hmac`.
#[test]
fn the_signature_is_hmac_over_the_fields_with_their_lengths() {
    assert_eq!(
        launch().sign(&key()),
        include_str!("../golden/launch.txt").trim_end()
    );
}

#[test]
fn a_signed_link_opens_once() {
    let storage = MemoryStorage::default();
    let mut launches = Launches::load(&storage).unwrap();
    let signature = launch().sign(&key());
    let mut open = |now| launches.open(&storage, &[key()], &launch(), &signature, at(now));
    assert_eq!(open(0), Ok(()));
    assert_eq!(open(1), Err(LaunchError::Replayed));
    let mut launches = Launches::load(&storage).unwrap();
    let mut open = |now| launches.open(&storage, &[key()], &launch(), &signature, at(now));
    assert_eq!(open(2), Err(LaunchError::Replayed), "after a restart");
    assert_eq!(open(300), Err(LaunchError::Expired));
}

#[test]
fn a_clock_set_back_an_hour_lets_no_link_in_again() {
    let storage = MemoryStorage::default();
    let mut launches = Launches::load(&storage).unwrap();
    launches
        .open(&storage, &[key()], &launch(), &launch().sign(&key()), at(0))
        .unwrap();
    // An hour later another link is opened, which is when old nonces are forgotten.
    let later = Launch {
        expires: at(3_900),
        nonce: "another-nonce-of-some-length".to_owned(),
        ..launch()
    };
    launches
        .open(&storage, &[key()], &later, &later.sign(&key()), at(3_600))
        .unwrap();
    let mut launches = Launches::load(&storage).unwrap();
    let again = launches.open(&storage, &[key()], &launch(), &launch().sign(&key()), at(0));
    assert_eq!(again, Err(LaunchError::Replayed));
}

#[test]
fn times_are_bounded() {
    let signature = launch().sign(&key());
    assert_eq!(try_open(&launch(), &signature, 299), Ok(()));
    assert_eq!(try_open(&launch(), &signature, 300), Err(LaunchError::Expired));
    assert_eq!(try_open(&launch(), &signature, -300), Ok(()));
    assert_eq!(try_open(&launch(), &signature, -301), Err(LaunchError::TooFar));
}

#[test]
fn forged_links_open_nothing() {
    let signature = launch().sign(&key());
    let changed = [
        Launch {
            patient: "0012346".to_owned(),
            ..launch()
        },
        Launch {
            encounter: None,
            ..launch()
        },
        Launch {
            encounter: Some("E-".to_owned()),
            ..launch()
        },
        Launch {
            user: "mori".to_owned(),
            ..launch()
        },
        Launch {
            expires: at(301),
            ..launch()
        },
        Launch {
            nonce: "00000000000000000000000000000000".to_owned(),
            ..launch()
        },
        // The same characters, cut elsewhere.
        Launch {
            patient: "0012345\nencounter=3:E-7".to_owned(),
            encounter: None,
            ..launch()
        },
    ];
    for forged in &changed {
        assert_eq!(
            try_open(forged, &signature, 0),
            Err(LaunchError::Forged),
            "{forged:?}"
        );
    }
    let other_key = LaunchKey::draw(&mut Fixed(1)).unwrap();
    let shorter = signature.strip_suffix("2e").unwrap();
    for signature in ["", "00", shorter, &launch().sign(&other_key), "zz"] {
        assert_eq!(
            try_open(&launch(), signature, 0),
            Err(LaunchError::Forged),
            "{signature}"
        );
    }
    assert!(LaunchKey::new(b"short").is_none());
}

#[test]
fn the_key_before_holds_while_it_is_given() {
    let storage = MemoryStorage::default();
    let mut launches = Launches::load(&storage).unwrap();
    let new = LaunchKey::draw(&mut Fixed(2)).unwrap();
    let signature = launch().sign(&key());
    let only_new = launches.open(&storage, std::slice::from_ref(&new), &launch(), &signature, at(0));
    assert_eq!(only_new, Err(LaunchError::Forged));
    let both = launches.open(&storage, &[new, key()], &launch(), &signature, at(0));
    assert_eq!(both, Ok(()));
}

#[test]
fn fields_have_a_form() {
    let check = |launch: Launch, field| {
        let signature = launch.sign(&key());
        assert_eq!(
            try_open(&launch, &signature, 0),
            Err(LaunchError::Malformed(field))
        );
    };
    check(
        Launch {
            patient: String::new(),
            ..launch()
        },
        "patient",
    );
    check(
        Launch {
            encounter: Some("x".repeat(257)),
            ..launch()
        },
        "encounter",
    );
    check(
        Launch {
            user: String::new(),
            ..launch()
        },
        "user",
    );
    check(
        Launch {
            nonce: "short".to_owned(),
            ..launch()
        },
        "nonce",
    );
    check(
        Launch {
            nonce: "a nonce with blanks".to_owned(),
            ..launch()
        },
        "nonce",
    );
}
