//! Studies, answers, guardians, decisions, receipts, exports.

use crate::common::{event, moment, note, patient, stamp, valued};
use jiff::civil::date;
use tsumugi_records::consent::{
    Answer, AnswerSheet, Approval, Basis, By, DataKind, Decision, Guardian, InstitutionKind, Item,
    PermittedSet, Purpose, Reason, Recipient, Request, Respondent, SetEnded, SetRequest, Study, StudyText,
    TextHash, Way,
};
use tsumugi_records::{PatientDetails, PatientId, Population, Stamp, Store, StoreError};

pub(crate) fn study() -> Study {
    Study {
        id: "registry".to_owned(),
        population: Population::Real,
        title: "A registry".to_owned(),
        institution: "University".to_owned(),
        kind_of_institution: InstitutionKind::Academic,
        provider: InstitutionKind::Medical,
        duo: Vec::new(),
        disease: None,
        purpose: Purpose::Research,
        kinds: vec![DataKind::new("findings"), DataKind::new("results")],
        recipients: vec![Recipient {
            id: "university".to_owned(),
            name: "University".to_owned(),
            kind: InstitutionKind::Academic,
        }],
        basis: Basis::Consent,
        approval: Some(Approval {
            committee: "Committee".to_owned(),
            number: "2026-1".to_owned(),
            until: date(2029, 3, 31),
        }),
        ends_at: Some(date(2028, 12, 31)),
    }
}

pub(crate) fn text() -> StudyText {
    StudyText {
        one_line: "One line".to_owned(),
        one_page: "One page".to_owned(),
        full: "In full".to_owned(),
        duo: Vec::new(),
    }
}

/// A day of November 2026.
pub(crate) fn day(day: u8) -> Stamp {
    Stamp {
        author: "dr. a".to_owned(),
        at: moment(&format!("2026-11-{day:02}T10:00:00+09:00")),
    }
}

pub(crate) fn own() -> By {
    By {
        respondent: Respondent::Own,
        way: Way::Phone,
    }
}

fn guardian(id: &str) -> By {
    By {
        respondent: Respondent::Guardian(id.to_owned()),
        way: Way::Phone,
    }
}

/// Yes to everything that is a use.
pub(crate) fn yes(text: TextHash) -> AnswerSheet {
    let items = study().items().into_iter();
    AnswerSheet {
        study: "registry".to_owned(),
        text,
        answers: items.map(|item| (item, Answer::Yes)).collect(),
        by: own(),
        key: None,
    }
}

pub(crate) fn one(item: Item, answer: Answer) -> AnswerSheet {
    AnswerSheet {
        answers: vec![(item, answer)],
        ..yes(text().hash())
    }
}

pub(crate) fn request(patient: PatientId, at: &Stamp) -> Request {
    Request {
        patient,
        study: "registry".to_owned(),
        purpose: Purpose::Research,
        kind: DataKind::new("findings"),
        recipient: "university".to_owned(),
        use_id: None,
        actor: "dr. b".to_owned(),
        at: at.at.clone(),
    }
}

pub(crate) fn set_request(at: &Stamp) -> SetRequest {
    SetRequest {
        study: "registry".to_owned(),
        purpose: Purpose::Research,
        kinds: study().kinds,
        recipient: "university".to_owned(),
        actor: "dr. b".to_owned(),
        at: at.at.clone(),
    }
}

pub(crate) fn set(store: &Store, at: &Stamp) -> PermittedSet {
    store.permit_set(set_request(at)).unwrap().unwrap()
}

/// The key of the refusal; none where it is allowed.
pub(crate) fn refusal(store: &Store, request: &Request) -> Option<&'static str> {
    match store.decide_use(request).unwrap() {
        Decision::Allowed(permit) => {
            assert_eq!((permit.patient(), permit.study()), (request.patient, "registry"));
            assert_eq!(permit.epoch(), store.consent_epoch("registry").unwrap());
            None
        }
        Decision::Refused(reason) => Some(reason.key()),
    }
}

pub(crate) fn with_study() -> (Store, PatientId) {
    let store = Store::open_in_memory().unwrap();
    store.save_study(study(), text(), 0, day(1)).unwrap();
    let who = patient(&store, Population::Real, "1");
    store
        .sign(note(
            who,
            "note",
            vec![event("fever"), valued("crp", "3", "mg/dL")],
        ))
        .unwrap();
    (store, who)
}

#[test]
fn nothing_said_allows_nothing_and_each_item_is_asked() {
    let (store, who) = with_study();
    let hash = text().hash();
    let asked = |at: u8| refusal(&store, &request(who, &day(at)));
    assert_eq!(asked(2), Some("not-answered"));
    store.note_asked(who, "registry", day(2)).unwrap();
    assert_eq!(asked(2), Some("not-answered"), "asking is no answer");
    for (number, item) in study().items().into_iter().enumerate() {
        let at = 3 + u8::try_from(number).unwrap();
        let sheet = AnswerSheet {
            answers: vec![(item, Answer::Yes)],
            ..yes(hash.clone())
        };
        store.answer(who, sheet, day(at)).unwrap();
    }
    assert_eq!(asked(20), None);
    // Another kind, another recipient, another purpose.
    let mut other = request(who, &day(20));
    other.kind = DataKind::new("genome");
    assert_eq!(refusal(&store, &other), Some("other-kind"));
    other = request(who, &day(20));
    other.recipient = "company".to_owned();
    assert_eq!(refusal(&store, &other), Some("other-recipient"));
    other = request(who, &day(20));
    other.purpose = Purpose::Commercial;
    assert_eq!(refusal(&store, &other), Some("other-purpose"));
    other = request(who, &day(20));
    other.study = "no-such".to_owned();
    assert_eq!(refusal(&store, &other), Some("study-unknown"));
    // A no, then a change of mind; then out.
    store
        .answer(
            who,
            one(Item::Kind(DataKind::new("findings")), Answer::No),
            day(21),
        )
        .unwrap();
    assert_eq!(asked(21), Some("refused"));
    let mut results = request(who, &day(21));
    results.kind = DataKind::new("results");
    assert_eq!(refusal(&store, &results), None);
    store.answer(who, yes(hash.clone()), day(22)).unwrap();
    assert_eq!(asked(22), None);
    store.withdraw(who, "registry", own(), day(23)).unwrap();
    assert_eq!(asked(23), Some("withdrawn"));
    store
        .answer(
            who,
            one(Item::Kind(DataKind::new("findings")), Answer::Yes),
            day(24),
        )
        .unwrap();
    assert_eq!(asked(24), Some("withdrawn"), "the purpose was not answered since");
    store.answer(who, yes(hash), day(25)).unwrap();
    assert_eq!(asked(25), None);
}

#[test]
fn ask_each_time_is_asked_each_time() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let kind = Item::Kind(DataKind::new("findings"));
    store
        .answer(who, one(kind.clone(), Answer::AskEachTime), day(3))
        .unwrap();
    let of = |id: Option<&str>| Request {
        use_id: id.map(str::to_owned),
        ..request(who, &day(10))
    };
    assert_eq!(refusal(&store, &of(None)), Some("ask-each-time"));
    assert_eq!(refusal(&store, &of(Some("export-1"))), Some("ask-each-time"));
    store
        .answer(who, one(Item::Use("export-1".to_owned()), Answer::Yes), day(4))
        .unwrap();
    assert_eq!(refusal(&store, &of(Some("export-1"))), None);
    assert_eq!(refusal(&store, &of(Some("export-2"))), Some("ask-each-time"));
    assert_eq!(refusal(&store, &of(None)), Some("ask-each-time"));
    store
        .answer(who, one(Item::Use("export-1".to_owned()), Answer::No), day(5))
        .unwrap();
    assert_eq!(refusal(&store, &of(Some("export-1"))), Some("ask-each-time"));
    // Asked to be asked again: what was allowed before does not count.
    store
        .answer(who, one(Item::Use("export-1".to_owned()), Answer::Yes), day(6))
        .unwrap();
    store.answer(who, one(kind, Answer::AskEachTime), day(7)).unwrap();
    assert_eq!(refusal(&store, &of(Some("export-1"))), Some("ask-each-time"));
}

#[test]
fn a_text_changed_after_signature_asks_again() {
    let (store, who) = with_study();
    let old = text().hash();
    store.answer(who, yes(old.clone()), day(2)).unwrap();
    let changed = StudyText {
        full: "In full, with a company".to_owned(),
        ..text()
    };
    let before = set(&store, &day(2));
    let record = store.save_study(study(), changed.clone(), 1, day(3)).unwrap();
    assert_eq!(
        before.still_holds(&store, &day(3).at).unwrap(),
        Err(SetEnded::Study(Reason::StudyChanged))
    );
    assert_eq!((record.version, record.text_hash.clone()), (2, changed.hash()));
    assert_eq!(refusal(&store, &request(who, &day(4))), Some("text-changed"));
    // The answer stays bound to what was read, which can still be read.
    assert_eq!(store.study_text("registry", &old), Ok(text()));
    let states = store.consent_state(who, "registry", &day(4).at).unwrap();
    assert!(states[0].answers.values().all(|held| held.text == old));
    assert_eq!(store.was_allowed(&request(who, &day(2))).unwrap(), Ok(()));
    // A yes to the old text that arrives late is refused with the reason; a no is taken.
    let error = store
        .answer(who, yes(old.clone()), day(4))
        .unwrap_err()
        .to_string();
    assert!(error.contains("the text was changed"), "{error}");
    store
        .answer(who, one(Item::Recontact, Answer::No), day(4))
        .unwrap();
    store.answer(who, yes(changed.hash()), day(5)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(5))), None);
    // A text nobody was ever shown.
    let unseen = StudyText {
        full: "unseen".to_owned(),
        ..text()
    };
    assert!(matches!(
        store.answer(who, yes(unseen.hash()), day(5)),
        Err(StoreError::NotFound { .. })
    ));
    // Saved without a change of the text, the answers stand.
    store.save_study(study(), changed, 2, day(6)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(6))), None);
    assert!(matches!(
        store.save_study(study(), text(), 2, day(6)),
        Err(StoreError::Conflict { .. })
    ));
}

#[test]
fn a_study_past_its_end_or_without_approval_provides_nothing() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let late = Stamp {
        at: moment("2029-01-01T09:00"),
        ..day(1)
    };
    assert_eq!(refusal(&store, &request(who, &late)), Some("study-ended"));
    assert!(matches!(
        store.permit_set(set_request(&late)).unwrap(),
        Err(Reason::StudyEnded(_))
    ));
    let before = set(&store, &day(3));
    let unapproved = Study {
        approval: None,
        ..study()
    };
    store.save_study(unapproved, text(), 1, day(3)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(4))), Some("no-approval"));
    assert_eq!(
        before.still_holds(&store, &day(4).at).unwrap(),
        Err(SetEnded::Study(Reason::NoApproval))
    );
    // Nobody joins a study that is over; anybody may leave it.
    let error = store
        .answer(who, yes(text().hash()), late.clone())
        .unwrap_err()
        .to_string();
    assert!(error.contains("ended on 2028-12-31"), "{error}");
    store.withdraw(who, "registry", own(), late).unwrap();
}

#[test]
fn what_is_no_answer_is_refused() {
    let (store, who) = with_study();
    let check = |change: &dyn Fn(&mut AnswerSheet), message: &str| {
        let mut sheet = yes(text().hash());
        change(&mut sheet);
        let error = store.answer(who, sheet, day(2)).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
    };
    check(&|sheet| sheet.answers.clear(), "none is given");
    check(
        &|sheet| sheet.answers.push((Item::Results, Answer::No)),
        "answered twice",
    );
    check(
        &|sheet| sheet.answers[0].0 = Item::Kind(DataKind::new("genome")),
        "not asked by study registry",
    );
    check(
        &|sheet| sheet.study = "no-such".to_owned(),
        "study no-such: not found",
    );
    check(&|sheet| sheet.by = guardian("g-1"), "has no guardian `g-1`");
    check(
        &|sheet| sheet.key = Some(String::new()),
        "key of the sheet: is empty",
    );
    let paper = |place: &str, signed| By {
        respondent: Respondent::Own,
        way: Way::Paper {
            staff: "nurse".to_owned(),
            place: place.to_owned(),
            signed,
        },
    };
    check(
        &|sheet| sheet.by = paper(" ", date(2026, 11, 1)),
        "place of the paper: is empty",
    );
    check(
        &|sheet| sheet.by = paper("archive 3", date(2026, 11, 3)),
        "is in the future",
    );
    assert_eq!(store.consent_log(who).unwrap(), [], "nothing was kept");
    let sheet = AnswerSheet {
        by: paper("archive 3", date(2026, 11, 1)),
        ..yes(text().hash())
    };
    store.answer(who, sheet, day(2)).unwrap();
    let receipt = &store.consent_receipts(who).unwrap()[0];
    assert_eq!(receipt.resource["sourceReference"]["display"], "archive 3");
    assert_eq!(
        receipt.resource["verification"][0]["verifiedWith"]["display"],
        "nurse"
    );
}

#[test]
fn the_same_sheet_sent_again_is_kept_once() {
    let (store, who) = with_study();
    let sheet = AnswerSheet {
        key: Some("phone-1".to_owned()),
        ..yes(text().hash())
    };
    let first = store.answer(who, sheet.clone(), day(2)).unwrap();
    let again = store.answer(who, sheet.clone(), day(3)).unwrap();
    assert!(!first.repeated && again.repeated);
    assert_eq!((first.seq, first.version), (again.seq, again.version));
    assert_eq!(store.consent_log(who).unwrap().len(), 1);
    let other = AnswerSheet {
        answers: vec![(Item::Results, Answer::No)],
        ..sheet
    };
    let error = store.answer(who, other, day(3)).unwrap_err().to_string();
    assert!(error.contains("other answers"), "{error}");
}

fn child(store: &Store, number: &str, birth: &str) -> PatientId {
    let details = PatientDetails {
        birth_date: Some(birth.parse().unwrap()),
        ..crate::common::details(number, "child", "kana")
    };
    store.create_patient(Population::Real, details, stamp()).unwrap()
}

#[test]
fn a_guardian_of_two_children_answers_for_each_alone() {
    let (store, _) = with_study();
    let (elder, younger) = (child(&store, "2", "2010-12-01"), child(&store, "3", "2018-01-01"));
    let mother = Guardian {
        id: "g-1".to_owned(),
        name: "Mother".to_owned(),
        relation: "mother".to_owned(),
    };
    for who in [elder, younger] {
        store.note_guardian(who, mother.clone(), day(2)).unwrap();
    }
    let sheet = AnswerSheet {
        by: guardian("g-1"),
        ..yes(text().hash())
    };
    store.answer(elder, sheet.clone(), day(3)).unwrap();
    assert_eq!(refusal(&store, &request(elder, &day(3))), None);
    assert_eq!(refusal(&store, &request(younger, &day(3))), Some("not-answered"));
    store.answer(younger, sheet.clone(), day(4)).unwrap();
    store
        .withdraw(elder, "registry", guardian("g-1"), day(5))
        .unwrap();
    assert_eq!(refusal(&store, &request(elder, &day(5))), Some("withdrawn"));
    assert_eq!(refusal(&store, &request(younger, &day(5))), None);
    // No longer the guardian of one, still of the other.
    store.end_guardian(elder, "g-1", day(6)).unwrap();
    assert!(store.answer(elder, sheet.clone(), day(7)).is_err());
    store.answer(younger, sheet, day(7)).unwrap();
    let receipts = store.consent_receipts(younger).unwrap();
    assert_eq!(receipts[0].resource["performer"][0]["display"], "Mother");
}

#[test]
fn at_sixteen_and_eighteen_a_person_is_asked_again() {
    let (store, _) = with_study();
    let who = child(&store, "2", "2010-11-20");
    let mother = Guardian {
        id: "g-1".to_owned(),
        name: "Mother".to_owned(),
        relation: "mother".to_owned(),
    };
    store.note_guardian(who, mother, day(2)).unwrap();
    // Alone, a child of fifteen can say no and no more.
    store.answer(who, yes(text().hash()), day(3)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(3))), Some("too-young"));
    let sheet = AnswerSheet {
        by: guardian("g-1"),
        ..yes(text().hash())
    };
    store.answer(who, sheet.clone(), day(4)).unwrap();
    let at = |text: &str| Stamp {
        at: moment(text),
        ..day(1)
    };
    assert_eq!(refusal(&store, &request(who, &at("2026-11-19T23:00"))), None);
    let holding = set(&store, &at("2026-11-19T23:00"));
    let sixteen = at("2026-11-20T00:00");
    assert_eq!(refusal(&store, &request(who, &sixteen)), Some("ask-again-at-age"));
    assert_eq!(holding.len(), 1);
    let still = |at: &Stamp| holding.still_holds(&store, &at.at).unwrap();
    assert_eq!(still(&at("2026-11-19T23:59")), Ok(()));
    assert_eq!(
        still(&sixteen),
        Err(SetEnded::Study(Reason::OfAge(date(2026, 11, 20))))
    );
    store.answer(who, yes(text().hash()), sixteen.clone()).unwrap();
    assert_eq!(refusal(&store, &request(who, &sixteen)), None);
    assert_eq!(refusal(&store, &request(who, &at("2028-11-19T00:00"))), None);
    let eighteen = at("2028-11-20T00:00");
    assert_eq!(
        refusal(&store, &request(who, &eighteen)),
        Some("ask-again-at-age")
    );
    store.answer(who, yes(text().hash()), eighteen.clone()).unwrap();
    assert_eq!(refusal(&store, &request(who, &eighteen)), None);
    // A no stays, whatever the age.
    let young = child(&store, "3", "2015-01-01");
    store
        .answer(
            young,
            one(Item::Kind(DataKind::new("findings")), Answer::No),
            day(3),
        )
        .unwrap();
    assert_eq!(refusal(&store, &request(young, &eighteen)), Some("refused"));
}

#[test]
fn a_person_with_two_records_answers_once_and_a_refusal_wins() {
    let (store, one_record) = with_study();
    let other = patient(&store, Population::Real, "2");
    store.answer(one_record, yes(text().hash()), day(2)).unwrap();
    store.withdraw(other, "registry", own(), day(3)).unwrap();
    let before = set(&store, &day(4));
    assert_eq!(before.persons().collect::<Vec<_>>(), [one_record]);
    store
        .link_patients(other, one_record, "same person", day(4))
        .unwrap();
    for who in [one_record, other] {
        assert_eq!(refusal(&store, &request(who, &day(5))), Some("withdrawn"));
    }
    assert!(set(&store, &day(5)).is_empty());
    assert_eq!(
        before.still_holds(&store, &day(5).at).unwrap(),
        Err(SetEnded::Withdrawn { persons: 1 })
    );
    // Answered by either, it holds over both; and stays with each when they are no longer linked.
    store.answer(other, yes(text().hash()), day(6)).unwrap();
    for who in [one_record, other] {
        assert_eq!(refusal(&store, &request(who, &day(6))), None);
    }
    let both = set(&store, &day(6));
    assert_eq!(both.persons().collect::<Vec<_>>(), [one_record]);
    store.unlink_patient(other, "not the same", day(7)).unwrap();
    for who in [one_record, other] {
        assert_eq!(refusal(&store, &request(who, &day(7))), None);
    }
}
