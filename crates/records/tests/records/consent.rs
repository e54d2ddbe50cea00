//! Studies, answers, guardians, decisions, receipts, exports.

use crate::common::{event, moment, note, patient, stamp, valued};
use jiff::civil::date;
use tsumugi_records::consent::provision::{ProvisionRequest, permits};
use tsumugi_records::consent::{
    Answer, AnswerSheet, Approval, Basis, By, DataKind, Decision, ExportEnd, ExportStart, ExportState, Form,
    Guardian, InstitutionKind, Item, KNOWLEDGE_STUDY, Learned, Lesson, NewExport, PermittedSet, Purpose,
    Reason, Recipient, Request, Rerun, Respondent, SetEnded, SetRequest, Study, StudyText, TextHash, Way,
};
use tsumugi_records::research::{self, ReadError};
use tsumugi_records::{
    Moment, NewAssertion, PatientDetails, PatientId, Population, Stamp, Store, StoreError,
};

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
fn refusal(store: &Store, request: &Request) -> Option<&'static str> {
    match store.decide_use(request).unwrap() {
        Decision::Allowed(permit) => {
            assert_eq!(
                (permit.patient(), permit.study()),
                (request.patient, "registry")
            );
            assert_eq!(permit.epoch(), store.consent_epoch("registry").unwrap());
            None
        }
        Decision::Refused(reason) => Some(reason.key()),
    }
}

fn with_study() -> (Store, PatientId) {
    let store = Store::open_in_memory().unwrap();
    store.save_study(study(), text(), 0, day(1)).unwrap();
    let who = patient(&store, Population::Real, "1");
    store
        .sign(note(who, "note", vec![event("fever"), valued("crp", "3", "mg/dL")]))
        .unwrap();
    (store, who)
}

fn begin(store: &Store, set: &PermittedSet, at: &Stamp) -> tsumugi_records::consent::ExportId {
    let export = NewExport {
        query: "q".to_owned(),
        form: Form::CodedFacts,
        stamp: at.clone(),
    };
    match store.begin_export(set, export).unwrap() {
        ExportStart::Begun(id) => id,
        other => panic!("{other:?}"),
    }
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
    store.answer(who, one(Item::Kind(DataKind::new("findings")), Answer::No), day(21)).unwrap();
    assert_eq!(asked(21), Some("refused"));
    let mut results = request(who, &day(21));
    results.kind = DataKind::new("results");
    assert_eq!(refusal(&store, &results), None);
    store.answer(who, yes(hash.clone()), day(22)).unwrap();
    assert_eq!(asked(22), None);
    store.withdraw(who, "registry", own(), day(23)).unwrap();
    assert_eq!(asked(23), Some("withdrawn"));
    store.answer(who, one(Item::Kind(DataKind::new("findings")), Answer::Yes), day(24)).unwrap();
    assert_eq!(asked(24), Some("withdrawn"), "the purpose was not answered since");
    store.answer(who, yes(hash), day(25)).unwrap();
    assert_eq!(asked(25), None);
}

#[test]
fn ask_each_time_is_asked_each_time() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let kind = Item::Kind(DataKind::new("findings"));
    store.answer(who, one(kind.clone(), Answer::AskEachTime), day(3)).unwrap();
    let of = |id: Option<&str>| Request {
        use_id: id.map(str::to_owned),
        ..request(who, &day(10))
    };
    assert_eq!(refusal(&store, &of(None)), Some("ask-each-time"));
    assert_eq!(refusal(&store, &of(Some("export-1"))), Some("ask-each-time"));
    store.answer(who, one(Item::Use("export-1".to_owned()), Answer::Yes), day(4)).unwrap();
    assert_eq!(refusal(&store, &of(Some("export-1"))), None);
    assert_eq!(refusal(&store, &of(Some("export-2"))), Some("ask-each-time"));
    assert_eq!(refusal(&store, &of(None)), Some("ask-each-time"));
    store.answer(who, one(Item::Use("export-1".to_owned()), Answer::No), day(5)).unwrap();
    assert_eq!(refusal(&store, &of(Some("export-1"))), Some("ask-each-time"));
    // Asked to be asked again: what was allowed before does not count.
    store.answer(who, one(Item::Use("export-1".to_owned()), Answer::Yes), day(6)).unwrap();
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
    let record = store.save_study(study(), changed.clone(), 1, day(3)).unwrap();
    assert_eq!((record.version, record.text_hash.clone()), (2, changed.hash()));
    assert_eq!(refusal(&store, &request(who, &day(4))), Some("text-changed"));
    // The answer stays bound to what was read, which can still be read.
    assert_eq!(store.study_text("registry", &old), Ok(text()));
    let states = store.consent_state(who, "registry", &day(4).at).unwrap();
    assert!(states[0].answers.values().all(|held| held.text == old));
    assert_eq!(store.was_allowed(&request(who, &day(2))).unwrap(), Ok(()));
    // A yes to the old text that arrives late is refused with the reason; a no is taken.
    let error = store.answer(who, yes(old.clone()), day(4)).unwrap_err().to_string();
    assert!(error.contains("the text was changed"), "{error}");
    store.answer(who, one(Item::Recontact, Answer::No), day(4)).unwrap();
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
    let error = store.answer(who, yes(text().hash()), late.clone()).unwrap_err().to_string();
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
    check(&|sheet| sheet.answers.push((Item::Results, Answer::No)), "answered twice");
    check(
        &|sheet| sheet.answers[0].0 = Item::Kind(DataKind::new("genome")),
        "not asked by study registry",
    );
    check(&|sheet| sheet.study = "no-such".to_owned(), "study no-such: not found");
    check(&|sheet| sheet.by = guardian("g-1"), "has no guardian `g-1`");
    check(&|sheet| sheet.key = Some(String::new()), "key of the sheet: is empty");
    let paper = |place: &str, signed| By {
        respondent: Respondent::Own,
        way: Way::Paper {
            staff: "nurse".to_owned(),
            place: place.to_owned(),
            signed,
        },
    };
    check(&|sheet| sheet.by = paper(" ", date(2026, 11, 1)), "place of the paper: is empty");
    check(&|sheet| sheet.by = paper("archive 3", date(2026, 11, 3)), "is in the future");
    assert_eq!(store.consent_log(who).unwrap(), [], "nothing was kept");
    let sheet = AnswerSheet {
        by: paper("archive 3", date(2026, 11, 1)),
        ..yes(text().hash())
    };
    store.answer(who, sheet, day(2)).unwrap();
    let receipt = &store.consent_receipts(who).unwrap()[0];
    assert_eq!(receipt.resource["sourceReference"]["display"], "archive 3");
    assert_eq!(receipt.resource["verification"][0]["verifiedWith"]["display"], "nurse");
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
    store.withdraw(elder, "registry", guardian("g-1"), day(5)).unwrap();
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
    store.answer(who, yes(text().hash()), sixteen.clone()).unwrap();
    assert_eq!(refusal(&store, &request(who, &sixteen)), None);
    assert_eq!(refusal(&store, &request(who, &at("2028-11-19T00:00"))), None);
    let eighteen = at("2028-11-20T00:00");
    assert_eq!(refusal(&store, &request(who, &eighteen)), Some("ask-again-at-age"));
    store.answer(who, yes(text().hash()), eighteen.clone()).unwrap();
    assert_eq!(refusal(&store, &request(who, &eighteen)), None);
    // A no stays, whatever the age.
    let young = child(&store, "3", "2015-01-01");
    store.answer(young, one(Item::Kind(DataKind::new("findings")), Answer::No), day(3)).unwrap();
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
    store.link_patients(other, one_record, "same person", day(4)).unwrap();
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

#[test]
fn dummies_and_real_patients_never_meet() {
    let (store, who) = with_study();
    let dummy = patient(&store, Population::Dummy, "1");
    assert_eq!(refusal(&store, &request(dummy, &day(2))), Some("other-population"));
    assert!(matches!(
        store.answer(dummy, yes(text().hash()), day(2)),
        Err(StoreError::Conflict { .. })
    ));
    let for_dummies = Study {
        id: "dummy-registry".to_owned(),
        population: Population::Dummy,
        ..study()
    };
    store.save_study(for_dummies.clone(), text(), 0, day(2)).unwrap();
    let now_real = Study {
        population: Population::Real,
        ..for_dummies
    };
    assert!(matches!(
        store.save_study(now_real, text(), 1, day(2)),
        Err(StoreError::Conflict { .. })
    ));
    let sheet = AnswerSheet {
        study: "dummy-registry".to_owned(),
        ..yes(text().hash())
    };
    store.answer(dummy, sheet.clone(), day(3)).unwrap();
    assert!(store.answer(who, sheet, day(3)).is_err());
    let of_dummies = SetRequest {
        study: "dummy-registry".to_owned(),
        ..set_request(&day(4))
    };
    let set = store.permit_set(of_dummies).unwrap().unwrap();
    assert_eq!(set.persons().collect::<Vec<_>>(), [dummy]);
    let id = begin(&store, &set, &day(4));
    assert_eq!(
        store.finish_export(id, set, "{}".to_owned(), day(4).at).unwrap(),
        ExportEnd::Delivered
    );
    store.remove_dummies().unwrap();
    assert_eq!(store.doctor().unwrap().problems, Vec::<String>::new());
    assert_eq!(store.studies(Population::Dummy).unwrap().len(), 1);
}

#[test]
fn an_opt_out_waits_thirty_days_after_the_person_was_told() {
    let (store, who) = with_study();
    let opt_out = Study {
        recipients: vec![Recipient {
            id: "university".to_owned(),
            name: "Certified maker".to_owned(),
            kind: InstitutionKind::CertifiedMaker,
        }],
        basis: Basis::OptOut {
            notice_at: date(2026, 11, 3),
            maker: "university".to_owned(),
        },
        ..study()
    };
    store.save_study(opt_out, text(), 1, day(2)).unwrap();
    let at = |text: &str| Stamp {
        at: moment(text),
        ..day(1)
    };
    assert_eq!(refusal(&store, &request(who, &at("2027-06-01T00:00"))), Some("not-told"));
    store.note_told(who, "registry", own(), day(2)).unwrap();
    assert_eq!(
        refusal(&store, &request(who, &at("2027-06-01T00:00"))),
        Some("not-told"),
        "told before the notice"
    );
    store.note_told(who, "registry", own(), day(5)).unwrap();
    assert_eq!(refusal(&store, &request(who, &at("2026-12-04T23:59"))), Some("waiting"));
    assert_eq!(refusal(&store, &request(who, &at("2026-12-05T00:00"))), None);
    let set = set(&store, &at("2026-12-05T00:00"));
    assert_eq!(set.len(), 1);
    let start = |form: Form| {
        let stamp = at("2026-12-05T00:00");
        store
            .begin_export(&set, NewExport { query: "q".to_owned(), form, stamp })
            .unwrap()
    };
    assert!(matches!(start(Form::AnonymisedTable), ExportStart::Refused(Reason::Basis(_))));
    assert!(matches!(start(Form::Personal), ExportStart::Begun(_)));
    store.withdraw(who, "registry", own(), at("2026-12-06T00:00")).unwrap();
    assert_eq!(refusal(&store, &request(who, &at("2027-06-01T00:00"))), Some("withdrawn"));
}

#[test]
fn the_log_answers_what_was_allowed_on_a_day() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(5)).unwrap();
    store.answer(who, one(Item::Kind(DataKind::new("findings")), Answer::No), day(10)).unwrap();
    store.answer(who, yes(text().hash()), day(12)).unwrap();
    store.withdraw(who, "registry", own(), day(20)).unwrap();
    let then = |number: u8| {
        let verdict = store.was_allowed(&request(who, &day(number))).unwrap();
        verdict.err().map(|reason| reason.key())
    };
    for number in 1..=28 {
        let wanted = match number {
            0..5 => Some("not-answered"),
            5..10 | 12..20 => None,
            10..12 => Some("refused"),
            _ => Some("withdrawn"),
        };
        assert_eq!(then(number), wanted, "{number} November");
    }
    // A decision of today is none of yesterday: it gives no permit for a day that is over.
    assert_eq!(refusal(&store, &request(who, &day(13))), Some("withdrawn"));
    let before = Request {
        at: moment("2026-10-01T00:00"),
        ..request(who, &day(1))
    };
    assert_eq!(
        store.was_allowed(&before).unwrap(),
        Err(Reason::StudyUnknown("registry".to_owned()))
    );
}

#[test]
fn a_refusal_dated_in_the_future_counts_at_once() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    store.withdraw(who, "registry", own(), day(28)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(3))), Some("withdrawn"));
    assert!(set(&store, &day(3)).is_empty());
    store.answer(who, yes(text().hash()), day(29)).unwrap();
    assert_eq!(refusal(&store, &request(who, &day(3))), Some("withdrawn"), "a yes of the future does not");
}

#[test]
fn the_receipt_permits_what_the_decision_allows() {
    let (store, who) = with_study();
    let mut version = 0;
    let mut check = |at: u8| {
        version += 1;
        let receipts = store.consent_receipts(who).unwrap();
        let newest = receipts.last().unwrap();
        assert_eq!((newest.version, receipts.len()), (version, usize::try_from(version).unwrap()));
        for (kind, recipient, purpose) in [
            ("findings", "university", Purpose::Research),
            ("results", "university", Purpose::Research),
            ("genome", "university", Purpose::Research),
            ("findings", "maker", Purpose::Research),
            ("findings", "university", Purpose::Commercial),
        ] {
            let asked = Request {
                kind: DataKind::new(kind),
                recipient: recipient.to_owned(),
                purpose,
                ..request(who, &day(at))
            };
            let wanted = refusal(&store, &asked).is_none();
            let word = if purpose == Purpose::Research { "research" } else { "commercial" };
            let asked = ProvisionRequest {
                purpose: word,
                actor: recipient,
                kind,
                at: date(2026, 11, i8::try_from(at).unwrap()),
            };
            assert_eq!(permits(&newest.resource, &asked), wanted, "{asked:?} {:#}", newest.resource);
        }
        newest.resource["status"].as_str().unwrap().to_owned()
    };
    store.answer(who, one(Item::Kind(DataKind::new("findings")), Answer::Yes), day(2)).unwrap();
    assert_eq!(check(2), "rejected");
    store.answer(who, yes(text().hash()), day(3)).unwrap();
    assert_eq!(check(3), "active");
    store.answer(who, one(Item::Kind(DataKind::new("results")), Answer::No), day(4)).unwrap();
    assert_eq!(check(4), "active");
    store.withdraw(who, "registry", own(), day(5)).unwrap();
    assert_eq!(check(5), "inactive");
    let export = store.export_patient(who).unwrap();
    assert_eq!(export.consents.len(), 4);
    assert_eq!(export.consents[0].resource["resourceType"], "Consent");
}

#[test]
fn an_export_is_noted_and_the_feed_tells_the_person() {
    let (store, who) = with_study();
    let other = patient(&store, Population::Real, "2");
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    store.answer(who, one(Item::Kind(DataKind::new("results")), Answer::No), day(2)).unwrap();
    let set = set(&store, &day(3));
    assert_eq!(set.refused().get("not-answered"), Some(&1));
    let kinds: Vec<&str> = set.kinds_of(who).map(DataKind::as_str).collect();
    assert_eq!(kinds, ["findings"]);
    let id = begin(&store, &set, &day(3));
    let mut rows = research::rows(&store, &set, 10);
    let batch = rows.next_batch(&day(3).at).unwrap().unwrap();
    let concepts: Vec<&str> = batch[0].events.iter().map(|event| event.event.concept.as_str()).collect();
    assert_eq!(concepts, ["fever"], "results were refused");
    assert_eq!(rows.next_batch(&day(3).at).unwrap(), None);
    let epoch = set.epoch();
    assert_eq!(
        store.finish_export(id, set, "{\"rows\":1}".to_owned(), day(3).at).unwrap(),
        ExportEnd::Delivered
    );
    let uses = store.data_uses(who, 10).unwrap();
    assert_eq!((uses.len(), uses[0].title.as_str()), (1, "A registry"));
    assert_eq!(uses[0].kinds, [DataKind::new("findings")]);
    assert_eq!((uses[0].export.epoch, uses[0].export.state), (epoch, ExportState::Delivered));
    assert_eq!(uses[0].export.recipient.name, "University");
    assert_eq!(store.data_uses(other, 10).unwrap(), []);
    // Made again within the epoch; after a withdrawal it is marked, and refused with the count.
    assert_eq!(store.may_rerun(id, &day(4).at).unwrap(), Rerun::Allowed);
    let receipt = store.withdraw(who, "registry", own(), day(5)).unwrap();
    assert_eq!(receipt.followed.marked, [id]);
    assert_eq!(store.may_rerun(id, &day(6).at).unwrap(), Rerun::Refused { withdrawn: 1 });
    assert_eq!(store.export_delivery(id).unwrap().state, ExportState::Marked);
    assert_eq!(store.export_delivery(id).unwrap().manifest.as_deref(), Some("{\"rows\":1}"));
}

#[test]
fn a_withdrawal_ends_a_running_export() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let set = set(&store, &day(3));
    let id = begin(&store, &set, &day(3));
    // What does not concern the data ends nothing; nor does a yes of somebody else.
    store.answer(who, one(Item::Recontact, Answer::No), day(3)).unwrap();
    let other = patient(&store, Population::Real, "2");
    store.answer(other, yes(text().hash()), day(3)).unwrap();
    assert_eq!(set.still_holds(&store, &day(3).at).unwrap(), Ok(()));
    let receipt = store.withdraw(who, "registry", own(), day(4)).unwrap();
    assert_eq!(receipt.followed.ended, [id]);
    assert_eq!(store.export_delivery(id).unwrap().state, ExportState::Aborted);
    let ended = SetEnded::Withdrawn { persons: 1 };
    let mut rows = research::rows(&store, &set, 10);
    assert_eq!(rows.next_batch(&day(4).at), Err(ReadError::Ended(ended.clone())));
    assert_eq!(
        store.begin_export(&set, NewExport { query: "q".to_owned(), form: Form::CodedFacts, stamp: day(4) }),
        Ok(ExportStart::Ended(ended.clone()))
    );
    assert_eq!(
        store.finish_export(id, set, "{}".to_owned(), day(4).at).unwrap(),
        ExportEnd::Aborted(ended)
    );
    assert_eq!(store.export_delivery(id).unwrap().manifest, None);
}

fn lesson(name: &str) -> Lesson {
    let assertion = |kind: &str, subject: &str| NewAssertion {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        source: "site".to_owned(),
        body: "{}".to_owned(),
    };
    Lesson {
        source: "site".to_owned(),
        name: name.to_owned(),
        assertions: vec![assertion("case", "influenza")],
        undo: Some(assertion("retraction", name)),
    }
}

#[test]
fn learning_is_refused_and_taken_back_after_a_withdrawal() {
    let store = Store::open_in_memory().unwrap();
    let who = patient(&store, Population::Real, "1");
    let other = patient(&store, Population::Real, "2");
    assert_eq!(store.learning_allowed(who, &day(1).at).unwrap(), Ok(()), "on public notice");
    assert_eq!(store.learn(who, lesson("note-1"), day(1)), Ok(Learned::Kept { head: 1 }));
    assert_eq!(store.learn(other, lesson("note-2"), day(1)), Ok(Learned::Kept { head: 2 }));
    let receipt = store.withdraw(who, KNOWLEDGE_STUDY, own(), day(2)).unwrap();
    let names: Vec<&str> = receipt.followed.taken_back.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["note-1"]);
    let log = store.assertions(2).unwrap();
    assert_eq!((log[0].kind.as_str(), log[0].subject.as_str()), ("retraction", "note-1"));
    assert_eq!(store.learning_allowed(who, &day(3).at).unwrap(), Err(Reason::Withdrawn));
    assert!(matches!(
        store.learn(who, lesson("note-1"), day(3)),
        Ok(Learned::Refused { reason: Reason::Withdrawn, head: 3, .. })
    ));
    // A site may ask for consent instead.
    let own_study = store.study(KNOWLEDGE_STUDY).unwrap();
    assert_eq!((own_study.version, own_study.stamp), (0, None));
    let asked = Study {
        basis: Basis::Consent,
        ..own_study.study
    };
    store.save_study(asked, own_study.text, 0, day(4)).unwrap();
    assert!(matches!(
        store.learning_allowed(other, &day(4).at).unwrap(),
        Err(Reason::NotAnswered(_))
    ));
}

#[test]
fn a_running_reader_sees_a_withdrawal_within_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("s.db")).unwrap();
    store.save_study(study(), text(), 0, day(1)).unwrap();
    let persons: Vec<PatientId> = (0..200)
        .map(|number| {
            let who = patient(&store, Population::Real, &number.to_string());
            store.sign(note(who, "note", vec![event("fever")])).unwrap();
            store.answer(who, yes(text().hash()), day(2)).unwrap();
            who
        })
        .collect();
    let set = set(&store, &day(3));
    assert_eq!(set.len(), 200);
    let now: Moment = day(4).at;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            // Over and over, so that the withdrawal comes while it reads.
            loop {
                let mut rows = research::rows(&store, &set, 20);
                loop {
                    match rows.next_batch(&now) {
                        Ok(Some(_)) => drop(sender.send(())),
                        Ok(None) => break,
                        Err(ReadError::Ended(ended)) => return (std::time::Instant::now(), ended),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        });
        for _ in 0..15 {
            receiver.recv().unwrap();
        }
        let begun = std::time::Instant::now();
        store.withdraw(persons[150], "registry", own(), day(3)).unwrap();
        let (seen, ended) = reader.join().unwrap();
        assert_eq!(ended, SetEnded::Withdrawn { persons: 1 });
        let waited = seen.saturating_duration_since(begun);
        assert!(waited.as_millis() < 1000, "{waited:?}");
    });
}
