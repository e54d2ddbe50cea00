//! One-time codes for the phone.

use crate::common::{moment, patient};
use crate::consent::day;
use tsumugi_records::consent::{
    CodeBytes, CodeRefusal, CodeRequest, Guardian, IssuedCode, MAX_FAILURES, Redeemed, Respondent,
};
use tsumugi_records::{EncounterDetails, PatientId, Population, Stamp, Store, StoreError};

const SESSION: [u8; 16] = [9; 16];

fn at(text: &str) -> Stamp {
    Stamp {
        at: moment(text),
        ..day(1)
    }
}

fn bytes(number: u8) -> CodeBytes {
    CodeBytes {
        link: [number; 16],
        typed: [number, 1, 2, 3, number],
    }
}

fn for_own(patient: PatientId) -> CodeRequest {
    CodeRequest {
        patient,
        encounter: None,
        respondent: Respondent::Own,
    }
}

fn issue(store: &Store, patient: PatientId, number: u8) -> IssuedCode {
    store
        .issue_code(for_own(patient), bytes(number), at("2026-11-22T10:00:00"))
        .unwrap()
}

fn redeem(store: &Store, code: &str, session: u8, when: &str) -> Redeemed {
    store
        .redeem_code(code, "192.0.2.1", [session; 16], moment(when))
        .unwrap()
}

fn key(redeemed: Redeemed) -> &'static str {
    match redeemed {
        Redeemed::Opened(_) => "opened",
        Redeemed::Refused(refusal) => refusal.key(),
    }
}

#[test]
fn a_code_opens_once_and_for_its_patient() {
    let store = Store::open_in_memory().unwrap();
    let [one, other] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let code = issue(&store, one, 1);
    assert_eq!((code.link.len(), code.typed.len()), (32, 9));
    let Redeemed::Opened(session) = redeem(&store, &code.link, 9, "2026-11-22T10:14:59") else {
        panic!("not opened");
    };
    assert_eq!((session.patient, session.given_by.as_str()), (one, "dr. a"));
    assert_eq!(session.ends.to_string(), "2026-11-22T11:14:59");
    // Used: by its other form too, and for anybody.
    for form in [&code.link, &code.typed] {
        assert_eq!(
            redeem(&store, form, 8, "2026-11-22T10:15:00"),
            Redeemed::Refused(CodeRefusal::Used("2026-11-22T10:14:59".parse().unwrap()))
        );
    }
    let found = |when: &str| store.consent_session(SESSION, &moment(when)).unwrap();
    assert_eq!(found("2026-11-22T11:14:00").map(|one| one.patient), Some(one));
    assert_eq!(found("2026-11-22T11:14:59"), None);
    assert_eq!(
        store
            .consent_session([7; 16], &moment("2026-11-22T10:20"))
            .unwrap(),
        None
    );
    let second = issue(&store, other, 2);
    assert!(matches!(
        redeem(&store, &second.typed, 3, "2026-11-22T10:01:00"),
        Redeemed::Opened(session) if session.patient == other
    ));
}

#[test]
fn typed_by_hand_it_is_read_kindly() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    // 0x08 0x42 0x10 0x84 0x21: each digit of base 32 is 1, the letter that looks like l.
    let ones = CodeBytes {
        link: [1; 16],
        typed: [0x08, 0x42, 0x10, 0x84, 0x21],
    };
    let code = store
        .issue_code(for_own(who), ones, at("2026-11-22T10:00"))
        .unwrap();
    assert_eq!(code.typed, "1111-1111");
    assert_eq!(
        key(redeem(
            &store,
            " lIl1 \u{ff11}\u{ff11}\u{ff11}\u{ff11} ",
            1,
            "2026-11-22T10:01"
        )),
        "opened"
    );
}

#[test]
fn an_expired_code_and_no_code_are_refused_with_the_reason() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let code = issue(&store, who, 1);
    assert_eq!(
        redeem(&store, &code.typed, 1, "2026-11-22T10:15:00"),
        Redeemed::Refused(CodeRefusal::Expired("2026-11-22T10:15:00".parse().unwrap()))
    );
    let long = "x".repeat(100_000);
    let cut: String = code.link.chars().take(31).collect();
    for wrong in ["", "ABCD-EFGH", "0", "' OR 1=1 --", long.as_str(), cut.as_str()] {
        assert_eq!(
            key(redeem(&store, wrong, 1, "2026-11-22T10:16:00")),
            "unknown",
            "{wrong:.20}"
        );
    }
}

#[test]
fn guessing_is_slowed_and_another_phone_is_not() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let code = issue(&store, who, 1);
    for _ in 0..MAX_FAILURES {
        assert_eq!(
            key(redeem(&store, "AAAA-AAAA", 1, "2026-11-22T10:01:00")),
            "unknown"
        );
    }
    assert_eq!(
        redeem(&store, &code.typed, 1, "2026-11-22T10:02:00"),
        Redeemed::Refused(CodeRefusal::TooManyTries("2026-11-22T10:16:00".parse().unwrap()))
    );
    let elsewhere = store
        .redeem_code(&code.typed, "192.0.2.2", [1; 16], moment("2026-11-22T10:03:00"))
        .unwrap();
    assert_eq!(key(elsewhere), "opened");
    // Later it is let in again.
    let next = store
        .issue_code(for_own(who), bytes(2), at("2026-11-22T10:16:00"))
        .unwrap();
    assert_eq!(
        key(redeem(&store, &next.typed, 2, "2026-11-22T10:16:01")),
        "opened"
    );
}

#[test]
fn a_code_is_for_a_visit_and_a_guardian_of_the_patient() {
    let store = Store::open_in_memory().unwrap();
    let [child, other] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let visit = EncounterDetails {
        kind: "AMB".to_owned(),
        start: moment("2026-11-22T09:00"),
        end: None,
    };
    let visit = store.create_encounter(other, None, visit, day(22)).unwrap();
    let wrong = CodeRequest {
        encounter: Some(visit),
        ..for_own(child)
    };
    let error = store
        .issue_code(wrong, bytes(1), day(22))
        .unwrap_err()
        .to_string();
    assert!(error.contains("is not a visit of patient"), "{error}");
    let by_guardian = CodeRequest {
        respondent: Respondent::Guardian("g-1".to_owned()),
        ..for_own(child)
    };
    assert!(matches!(
        store.issue_code(by_guardian.clone(), bytes(1), day(22)),
        Err(StoreError::Conflict { .. })
    ));
    let guardian = Guardian {
        id: "g-1".to_owned(),
        name: "Mother".to_owned(),
        relation: "mother".to_owned(),
    };
    store.note_guardian(child, guardian, day(21)).unwrap();
    let code = store
        .issue_code(by_guardian, bytes(1), at("2026-11-22T10:00"))
        .unwrap();
    let Redeemed::Opened(session) = redeem(&store, &code.link, 1, "2026-11-22T10:01") else {
        panic!("not opened");
    };
    assert_eq!(session.respondent, Respondent::Guardian("g-1".to_owned()));
    // The same bytes drawn again while the code holds.
    let same = store.issue_code(for_own(other), bytes(1), at("2026-11-22T10:05"));
    assert!(same.is_err());
}

#[test]
fn neither_codes_nor_sessions_are_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s.db");
    let store = Store::open(&path).unwrap();
    let who = patient(&store, Population::Real, "1");
    let secret = CodeBytes {
        link: *b"0123456789abcdef",
        typed: *b"vwxyz",
    };
    let code = store
        .issue_code(for_own(who), secret, at("2026-11-22T10:00"))
        .unwrap();
    let session = *b"ghijklmnopqrstuv";
    let opened = store
        .redeem_code(&code.link, "192.0.2.1", session, moment("2026-11-22T10:01"))
        .unwrap();
    assert_eq!(key(opened), "opened");
    assert!(!format!("{code:?} {secret:?}").contains(&code.link));
    let typed = code.typed.replace('-', "");
    drop(store);
    let file = std::fs::read(&path).unwrap();
    for hidden in [code.link.as_bytes(), typed.as_bytes(), &secret.link, &session] {
        assert!(!file.windows(hidden.len()).any(|window| window == hidden));
    }
}
