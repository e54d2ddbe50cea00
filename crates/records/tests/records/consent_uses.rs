//! Uses of data: exports and readers, the log of the past, receipts, learning.

use crate::common::{event, moment, note, patient};
use crate::consent::{day, one, own, refusal, request, set, set_request, study, text, with_study, yes};
use jiff::civil::date;
use tsumugi_records::consent::provision::{ProvisionRequest, permits};
use tsumugi_records::consent::{
    Answer, AnswerSheet, Basis, DataKind, ExportEnd, ExportStart, ExportState, Form, InstitutionKind, Item,
    KNOWLEDGE_STUDY, Learned, Lesson, NewExport, PermittedSet, Purpose, Reason, Recipient, Request, Rerun,
    SetEnded, SetRequest, Study,
};
use tsumugi_records::research::{self, ReadError};
use tsumugi_records::{Moment, NewAssertion, PatientId, Population, Stamp, Store, StoreError};

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
fn dummies_and_real_patients_never_meet() {
    let (store, who) = with_study();
    let dummy = patient(&store, Population::Dummy, "1");
    assert_eq!(
        refusal(&store, &request(dummy, &day(2))),
        Some("other-population")
    );
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
    assert_eq!(
        refusal(&store, &request(who, &at("2027-06-01T00:00"))),
        Some("not-told")
    );
    store.note_told(who, "registry", own(), day(2)).unwrap();
    assert_eq!(
        refusal(&store, &request(who, &at("2027-06-01T00:00"))),
        Some("not-told"),
        "told before the notice"
    );
    store.note_told(who, "registry", own(), day(5)).unwrap();
    assert_eq!(
        refusal(&store, &request(who, &at("2026-12-04T23:59"))),
        Some("waiting")
    );
    assert_eq!(refusal(&store, &request(who, &at("2026-12-05T00:00"))), None);
    let set = set(&store, &at("2026-12-05T00:00"));
    assert_eq!(set.len(), 1);
    let start = |form: Form| {
        let stamp = at("2026-12-05T00:00");
        store
            .begin_export(
                &set,
                NewExport {
                    query: "q".to_owned(),
                    form,
                    stamp,
                },
            )
            .unwrap()
    };
    assert!(matches!(
        start(Form::AnonymisedTable),
        ExportStart::Refused(Reason::Basis(_))
    ));
    assert!(matches!(start(Form::Personal), ExportStart::Begun(_)));
    store
        .withdraw(who, "registry", own(), at("2026-12-06T00:00"))
        .unwrap();
    assert_eq!(
        refusal(&store, &request(who, &at("2027-06-01T00:00"))),
        Some("withdrawn")
    );
}

#[test]
fn the_log_answers_what_was_allowed_on_a_day() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(5)).unwrap();
    store
        .answer(
            who,
            one(Item::Kind(DataKind::new("findings")), Answer::No),
            day(10),
        )
        .unwrap();
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
    assert_eq!(
        refusal(&store, &request(who, &day(3))),
        Some("withdrawn"),
        "a yes of the future does not"
    );
}

#[test]
fn the_receipt_permits_what_the_decision_allows() {
    let (store, who) = with_study();
    let mut version = 0;
    let mut check = |at: u8| {
        version += 1;
        let receipts = store.consent_receipts(who).unwrap();
        let newest = receipts.last().unwrap();
        assert_eq!(
            (newest.version, receipts.len()),
            (version, usize::try_from(version).unwrap())
        );
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
            let word = if purpose == Purpose::Research {
                "research"
            } else {
                "commercial"
            };
            let asked = ProvisionRequest {
                purpose: word,
                actor: recipient,
                kind,
                at: date(2026, 11, i8::try_from(at).unwrap()),
            };
            assert_eq!(
                permits(&newest.resource, &asked),
                wanted,
                "{asked:?} {:#}",
                newest.resource
            );
        }
        newest.resource["status"].as_str().unwrap().to_owned()
    };
    store
        .answer(
            who,
            one(Item::Kind(DataKind::new("findings")), Answer::Yes),
            day(2),
        )
        .unwrap();
    assert_eq!(check(2), "rejected");
    store.answer(who, yes(text().hash()), day(3)).unwrap();
    assert_eq!(check(3), "active");
    store
        .answer(who, one(Item::Kind(DataKind::new("results")), Answer::No), day(4))
        .unwrap();
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
    store
        .answer(who, one(Item::Kind(DataKind::new("results")), Answer::No), day(2))
        .unwrap();
    let set = set(&store, &day(3));
    assert_eq!(set.refused().get("not-answered"), Some(&1));
    let kinds: Vec<&str> = set.kinds_of(who).map(DataKind::as_str).collect();
    assert_eq!(kinds, ["findings"]);
    let id = begin(&store, &set, &day(3));
    let mut rows = research::rows(&store, &set, 10);
    let batch = rows.next_batch(&day(3).at).unwrap().unwrap();
    let concepts: Vec<&str> = batch[0]
        .events
        .iter()
        .map(|event| event.event.concept.as_str())
        .collect();
    assert_eq!(concepts, ["fever"], "results were refused");
    assert_eq!(rows.next_batch(&day(3).at).unwrap(), None);
    let epoch = set.epoch();
    assert_eq!(
        store
            .finish_export(id, set, "{\"rows\":1}".to_owned(), day(3).at)
            .unwrap(),
        ExportEnd::Delivered
    );
    let uses = store.data_uses(who, 10).unwrap();
    assert_eq!((uses.len(), uses[0].title.as_str()), (1, "A registry"));
    assert_eq!(uses[0].kinds, [DataKind::new("findings")]);
    assert_eq!(
        (uses[0].export.epoch, uses[0].export.state),
        (epoch, ExportState::Delivered)
    );
    assert_eq!(uses[0].export.recipient.name, "University");
    assert_eq!(store.data_uses(other, 10).unwrap(), []);
    // Made again within the epoch; after a withdrawal it is marked, and refused with the count.
    assert_eq!(store.may_rerun(id, &day(4).at).unwrap(), Rerun::Allowed);
    let receipt = store.withdraw(who, "registry", own(), day(5)).unwrap();
    assert_eq!(receipt.followed.marked, [id]);
    assert_eq!(
        store.may_rerun(id, &day(6).at).unwrap(),
        Rerun::Refused { withdrawn: 1 }
    );
    assert_eq!(store.export_delivery(id).unwrap().state, ExportState::Marked);
    assert_eq!(
        store.export_delivery(id).unwrap().manifest.as_deref(),
        Some("{\"rows\":1}")
    );
}

#[test]
fn a_withdrawal_ends_a_running_export() {
    let (store, who) = with_study();
    store.answer(who, yes(text().hash()), day(2)).unwrap();
    let set = set(&store, &day(3));
    let id = begin(&store, &set, &day(3));
    // What does not concern the data ends nothing; nor does a yes of somebody else.
    store
        .answer(who, one(Item::Recontact, Answer::No), day(3))
        .unwrap();
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
        store.begin_export(
            &set,
            NewExport {
                query: "q".to_owned(),
                form: Form::CodedFacts,
                stamp: day(4)
            }
        ),
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
    assert_eq!(
        store.learning_allowed(who, &day(1).at).unwrap(),
        Ok(()),
        "on public notice"
    );
    assert_eq!(
        store.learn(who, lesson("note-1"), day(1)),
        Ok(Learned::Kept { head: 1 })
    );
    assert_eq!(
        store.learn(other, lesson("note-2"), day(1)),
        Ok(Learned::Kept { head: 2 })
    );
    let receipt = store.withdraw(who, KNOWLEDGE_STUDY, own(), day(2)).unwrap();
    let names: Vec<&str> = receipt
        .followed
        .taken_back
        .iter()
        .map(|case| case.name.as_str())
        .collect();
    assert_eq!(names, ["note-1"]);
    let log = store.assertions(2).unwrap();
    assert_eq!(
        (log[0].kind.as_str(), log[0].subject.as_str()),
        ("retraction", "note-1")
    );
    assert_eq!(
        store.learning_allowed(who, &day(3).at).unwrap(),
        Err(Reason::Withdrawn)
    );
    assert!(matches!(
        store.learn(who, lesson("note-1"), day(3)),
        Ok(Learned::Refused {
            reason: Reason::Withdrawn,
            head: 3,
            ..
        })
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

/// `cargo nextest run -p tsumugi-records --run-ignored only -E 'test(twenty_thousand_persons)' --no-capture`.
#[test]
#[ignore = "a measurement"]
fn a_set_of_twenty_thousand_persons() {
    let store = Store::open_in_memory().unwrap();
    store.save_study(study(), text(), 0, day(1)).unwrap();
    for number in 0..20_000 {
        let who = patient(&store, Population::Real, &number.to_string());
        store.answer(who, yes(text().hash()), day(2)).unwrap();
    }
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let begun = std::time::Instant::now();
        work();
        println!("{what}: {:?}", begun.elapsed());
    };
    let mut made = None;
    timed("permit_set", &mut || made = Some(set(&store, &day(3))));
    let set = made.unwrap();
    assert_eq!(set.len(), 20_000);
    timed("still_holds", &mut || {
        assert_eq!(set.still_holds(&store, &day(3).at).unwrap(), Ok(()));
    });
    let mut id = None;
    timed("begin_export", &mut || id = Some(begin(&store, &set, &day(3))));
    let id = id.unwrap();
    timed("may_rerun", &mut || {
        assert_eq!(store.may_rerun(id, &day(3).at).unwrap(), Rerun::Allowed);
    });
    let one = set.persons().next().unwrap();
    timed("withdraw", &mut || {
        drop(store.withdraw(one, "registry", own(), day(4)).unwrap());
    });
    timed("still_holds after it", &mut || {
        let ended = SetEnded::Withdrawn { persons: 1 };
        assert_eq!(set.still_holds(&store, &day(4).at).unwrap(), Err(ended));
    });
}
