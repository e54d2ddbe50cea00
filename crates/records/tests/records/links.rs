use crate::common::{event, note, patient, stamp};
use crate::received::{batch, person, receive, statement};
use tsumugi_clinical::ConceptId;
use tsumugi_records::{
    AccessKind, DuplicateReason, EventFilter, LinkState, Page, PatientId, Population, ReceivedPerson,
    ReceivedResource, ReceivedStatement, Store, StoreError,
};

fn of(issuer: &str, number: &str, key: &str) -> ReceivedStatement {
    let mut sent = statement(key, "1", vec![event("fever")]);
    sent.person = person(issuer, number);
    sent
}

fn shown(store: &Store, patient: PatientId) -> String {
    store.patient(patient).unwrap().details.number
}

fn events(store: &Store, patient: PatientId) -> usize {
    store.current_events(patient).unwrap().len()
}

#[test]
fn a_number_of_this_site_is_found_under_any_of_its_names() {
    let store = Store::open_in_memory().unwrap();
    let mut first = batch(vec![of("urn:site", "7", "a"), of("", "7", "b")]);
    first.facility = Some("urn:site".to_owned());
    store.receive(first).unwrap();
    let who = store.find_patient(Population::Real, "7").unwrap().unwrap();
    assert_eq!(events(&store, who), 2);
    assert_eq!(store.find_by_identifier(Population::Real, "", "7"), Ok(Some(who)));
    // Another issuer's 7 is another person, whatever the name says.
    let mut foreign = batch(vec![of("urn:elsewhere", "7", "c")]);
    foreign.facility = Some("urn:site".to_owned());
    store.receive(foreign).unwrap();
    let other = store
        .find_by_identifier(Population::Real, "urn:elsewhere", "7")
        .unwrap()
        .unwrap();
    assert_ne!(other, who);
    assert_eq!(
        (shown(&store, other).as_str(), events(&store, other)),
        ("7@urn:elsewhere", 1)
    );
    // It is listed, and not linked.
    let listed = store.duplicates(Population::Real, 10).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].other, listed[0].patient), (who, other));
    assert!(listed[0].score > 85 && listed[0].reasons.contains(&DuplicateReason::Kana));
    assert_eq!(store.read_under(other), Ok(other));
}

#[test]
fn before_the_site_names_itself_the_same_person_under_two_issuers_is_proposed_and_never_linked_alone() {
    let store = Store::open_in_memory().unwrap();
    let first = receive(&store, of("urn:a", "7", "a"));
    assert_eq!(shown(&store, first.patient), "7");
    let second = receive(&store, of("urn:b", "7", "b"));
    assert_ne!(second.patient, first.patient);
    assert_eq!(store.read_under(second.patient), Ok(second.patient));
    assert_eq!(
        (events(&store, first.patient), events(&store, second.patient)),
        (1, 1)
    );
    let proposed = store.duplicates(Population::Real, 10).unwrap();
    assert_eq!(proposed.len(), 1);
    let mut two = [proposed[0].patient, proposed[0].other];
    two.sort();
    assert_eq!(two, [first.patient, second.patient]);
    store
        .link_patients(second.patient, first.patient, "looked at both", stamp())
        .unwrap();
    assert_eq!(store.read_under(second.patient), Ok(first.patient));
    assert_eq!(events(&store, first.patient), 2);
    store
        .unlink_patient(second.patient, "looked at both", stamp())
        .unwrap();
    assert_eq!(
        (events(&store, first.patient), events(&store, second.patient)),
        (1, 1)
    );
    // The decision holds: what comes later goes to its own record, and nothing links them again.
    receive(&store, of("urn:b", "7", "c"));
    assert_eq!(
        (events(&store, first.patient), events(&store, second.patient)),
        (1, 2)
    );
    // Another birth date is another person.
    let mut third = of("urn:c", "7", "d");
    third.person.birth_date = Some("1999-01-01".parse().unwrap());
    let third = receive(&store, third);
    assert_eq!(store.read_under(third.patient), Ok(third.patient));
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn linking_and_parting_lose_nothing() {
    let store = Store::open_in_memory().unwrap();
    let [a, b, c] = ["1", "2", "3"].map(|number| patient(&store, Population::Real, number));
    for (who, text) in [(a, "one"), (b, "two"), (c, "three")] {
        store.sign(note(who, text, vec![event("fever")])).unwrap();
    }
    let before = [a, b, c].map(|who| store.export_patient(who).unwrap());
    store.link_patients(a, b, "same", stamp()).unwrap();
    store.link_patients(b, c, "same", stamp()).unwrap();
    assert_eq!(store.linked_records(c).unwrap(), [c, a, b]);
    assert_eq!(store.find_patient(Population::Real, "1"), Ok(Some(c)));
    assert_eq!(events(&store, c), 3);
    assert_eq!(store.timeline(c, None, None).unwrap().len(), 6);
    assert_eq!(store.export_patient(c).unwrap().documents.len(), 3);
    assert_eq!(store.documents_of(c).unwrap().len(), 3);
    let page = Page {
        after: None,
        limit: 10,
    };
    let hits = store
        .search_events(
            Population::Real,
            &[ConceptId::new("fever")],
            &EventFilter::default(),
            page,
        )
        .unwrap();
    assert_eq!((hits.patients, hits.events), (1, 3));
    // A note of a linked record is found under the survivor.
    store.sign(note(a, "later", vec![event("cough")])).unwrap();
    assert_eq!(events(&store, c), 4);
    store.rebuild_indexes().unwrap();
    assert_eq!(events(&store, c), 4);
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    // b parts from c and takes a with it.
    store.unlink_patient(b, "not the same", stamp()).unwrap();
    assert_eq!(store.linked_records(b).unwrap(), [b, a]);
    assert_eq!((events(&store, b), events(&store, c)), (3, 1));
    store.unlink_patient(a, "not the same", stamp()).unwrap();
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
    let after = [b, c].map(|who| store.export_patient(who).unwrap());
    assert_eq!(after.as_slice(), &before[1..]);
    assert_eq!(store.export_patient(a).unwrap().documents.len(), 2);
    let states: Vec<_> = store
        .link_decisions(Some(a))
        .unwrap()
        .iter()
        .map(|one| one.state)
        .collect();
    assert_eq!(states, [LinkState::Linked, LinkState::Unlinked]);
}

#[test]
fn links_that_make_no_sense_are_refused() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let dummy = patient(&store, Population::Dummy, "1");
    let conflict =
        |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Conflict { .. })));
    conflict(store.link_patients(a, a, "x", stamp()));
    conflict(store.link_patients(a, dummy, "x", stamp()));
    conflict(store.unlink_patient(a, "x", stamp()));
    store.link_patients(a, b, "x", stamp()).unwrap();
    conflict(store.link_patients(a, b, "x", stamp()));
    conflict(store.link_patients(b, a, "x", stamp()));
    conflict(store.refuse_link(a, b, "x", stamp()));
}

#[test]
fn what_restricts_one_record_restricts_those_linked_with_it() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let label = |of: PatientId| {
        let facts = store.access_facts(of).unwrap();
        let in_list = store.all_access_facts(Population::Real).unwrap();
        assert_eq!(in_list.get(&of).cloned().unwrap_or_default(), facts);
        facts.patient.contains_key(&AccessKind::Label)
    };
    let names = ["psychiatry".to_owned()].into();
    store
        .set_access_names(a, None, AccessKind::Label, names, stamp())
        .unwrap();
    assert_eq!((label(a), label(b)), (true, false));
    store.link_patients(a, b, "same", stamp()).unwrap();
    assert_eq!((label(a), label(b)), (true, true));
    store.unlink_patient(a, "not", stamp()).unwrap();
    assert_eq!((label(a), label(b)), (true, false));
}

#[test]
fn a_merge_of_one_issuer_is_done_and_one_across_issuers_is_proposed() {
    let store = Store::open_in_memory().unwrap();
    let old = receive(&store, of("", "10", "a")).patient;
    let foreign = receive(&store, of("urn:x", "99", "b")).patient;
    let mut merge = of("", "11", "m");
    merge.person.other_numbers = vec![
        (String::new(), "10".to_owned()),
        ("urn:x".to_owned(), "99".to_owned()),
    ];
    merge.person.replaces = merge.person.other_numbers.clone();
    let new = receive(&store, merge).patient;
    assert_ne!(new, old);
    assert_eq!(
        (store.read_under(old), store.read_under(foreign)),
        (Ok(new), Ok(foreign))
    );
    assert_eq!(events(&store, new), 2);
    let proposed = store.duplicates(Population::Real, 10).unwrap();
    assert!(
        proposed
            .iter()
            .any(|one| one.reasons.contains(&DuplicateReason::Source)),
        "{proposed:?}"
    );
    store
        .refuse_link(foreign, new, "another person", stamp())
        .unwrap();
    assert_eq!(store.duplicates(Population::Real, 10).unwrap(), []);
    // The merge is undone, and the same message does not do it again.
    store.unlink_patient(old, "wrong merge", stamp()).unwrap();
    let mut again = of("", "11", "m2");
    again.person.other_numbers = vec![(String::new(), "10".to_owned())];
    again.person.replaces = again.person.other_numbers.clone();
    receive(&store, again);
    assert_eq!(store.read_under(old), Ok(old));
    assert_eq!(store.doctor().unwrap().problems, [""; 0]);
}

#[test]
fn an_insurance_number_of_a_family_does_not_mix_its_members() {
    let store = Store::open_in_memory().unwrap();
    let mut father = of("", "1", "a");
    father.person.other_numbers = vec![("urn:insurer".to_owned(), "555".to_owned())];
    let father = receive(&store, father).patient;
    let mut child = of("", "2", "b");
    child.person.birth_date = Some("2015-01-01".parse().unwrap());
    child.person.other_numbers = vec![("urn:insurer".to_owned(), "555".to_owned())];
    let child = receive(&store, child).patient;
    assert_ne!(father, child);
    assert_eq!(store.read_under(child), Ok(child));
    // The same person under a second number: the source says so, and birth date and sex agree.
    let mut same = of("urn:clinic", "77", "c");
    same.person.other_numbers = vec![("urn:insurer".to_owned(), "555".to_owned())];
    assert_eq!(receive(&store, same).patient, father);
    assert_eq!(store.patient_identifiers(father).unwrap().len(), 3);
}

#[test]
fn what_is_not_known_of_a_person_is_filled_in_and_a_patient_resource_renews_it() {
    let store = Store::open_in_memory().unwrap();
    let mut first = statement("a", "", vec![]);
    first.person = ReceivedPerson {
        number: "5".to_owned(),
        ..ReceivedPerson::default()
    };
    let who = receive(&store, first).patient;
    assert_eq!(store.patient(who).unwrap().details.name, "5");
    receive(&store, of("", "5", "b"));
    let details = store.patient(who).unwrap().details;
    assert_eq!(
        (details.name.as_str(), details.birth_date.is_some()),
        ("Test Taro", true)
    );
    let renamed = |key: &str, sequence: &str, name: &str, kind: &str| {
        let mut sent = of("", "5", key);
        sent.sequence = sequence.to_owned();
        sent.person.name = Some(name.to_owned());
        sent.resources = vec![ReceivedResource {
            kind: kind.to_owned(),
            json: format!(r#"{{"resourceType":"{kind}"}}"#).into_bytes(),
        }];
        receive(&store, sent);
        store.patient(who).unwrap().details.name
    };
    assert_eq!(renamed("c", "20260101", "Other", "Observation"), "Test Taro");
    assert_eq!(renamed("d", "20260102", "Married", "Patient"), "Married");
    assert_eq!(renamed("e", "20260101", "Late", "Patient"), "Married");
    assert_eq!(store.patient_history(who).unwrap().len(), 3);
}

#[test]
fn records_with_the_same_words_are_listed_once_for_each_pair() {
    let store = Store::open_in_memory().unwrap();
    let add = |number: &str, name: &str, kana: &str, birth: &str| {
        let mut sent = of("", number, number);
        sent.person.name = Some(name.to_owned());
        sent.person.kana = Some(kana.to_owned());
        sent.person.birth_date = Some(birth.parse().unwrap());
        receive(&store, sent).patient
    };
    let first = add("1", "A B", "yama hana", "1980-01-01");
    let same = add("2", "AB", "YAMA  HANA", "1980-01-01");
    let married = add("3", "C D", "kawa hana", "1980-01-01");
    add("4", "A B", "yama hana", "1980-01-02");
    let found: Vec<_> = store
        .duplicates(Population::Real, 10)
        .unwrap()
        .into_iter()
        .map(|one| (one.other, one.patient, one.score))
        .collect();
    assert_eq!(found, [(first, same, 90), (first, married, 50)]);
    store.link_patients(same, first, "checked", stamp()).unwrap();
    assert_eq!(store.duplicates(Population::Real, 10).unwrap().len(), 1);
}

/// A person with a name of one's own, and the family's number of insurance.
fn of_family(number: &str, name: &str) -> ReceivedStatement {
    let mut one = of("urn:site", number, number);
    one.person.name = Some(name.to_owned());
    one.person.kana = Some(name.to_owned());
    one.person.other_numbers = vec![("urn:insurer".to_owned(), "77-1".to_owned())];
    one
}

#[test]
fn twins_on_one_insurance_number_stay_two() {
    let store = Store::open_in_memory().unwrap();
    let first = receive(&store, of_family("1", "Test Ichiro"));
    let second = receive(&store, of_family("2", "Test Jiro"));
    assert_ne!(first.patient, second.patient);
    assert_eq!(store.read_under(second.patient), Ok(second.patient));
    // Somebody may look: the source gives both the number.
    assert_eq!(store.duplicates(Population::Real, 10).unwrap().len(), 1);
    let of = |number| store.find_by_identifier(Population::Real, "urn:site", number);
    assert_eq!(
        (of("1"), of("2")),
        (Ok(Some(first.patient)), Ok(Some(second.patient)))
    );
}

#[test]
fn what_somebody_decided_about_a_record_holds_when_it_is_linked_to_a_third() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| receive(&store, of("urn:site", number, number)).patient);
    store.refuse_link(a, b, "twins", stamp()).unwrap();
    let c = patient(&store, Population::Real, "3");
    store.link_patients(b, c, "checked the card", stamp()).unwrap();
    // A message that merges the two numbers overturns nothing.
    let mut merge = of("urn:site", "2", "merge");
    merge.person.other_numbers = vec![("urn:site".to_owned(), "1".to_owned())];
    merge.person.replaces = merge.person.other_numbers.clone();
    receive(&store, merge);
    assert_eq!(store.read_under(a), Ok(a));
    assert_eq!(store.read_under(b), Ok(c));
}

#[test]
fn an_own_number_without_a_birth_date_does_not_join_what_another_issuer_made() {
    let store = Store::open_in_memory().unwrap();
    let theirs = receive(&store, of("urn:a", "7", "a"));
    let mut ours = of("", "7", "b");
    ours.person.birth_date = None;
    ours.person.name = None;
    ours.person.kana = None;
    let ours = receive(&store, ours);
    assert_ne!(ours.patient, theirs.patient);
}

#[test]
fn a_note_that_waits_counts_as_waiting_under_the_other_record_too() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let mut entered = note(a, "entered", vec![event("fever")]);
    entered.on_behalf_of = Some("sato".to_owned());
    let document = store.sign(entered).unwrap().document;
    store.link_patients(a, b, "same", stamp()).unwrap();
    assert!(store.unconfirmed_of(b).unwrap().contains_key(&document));
    let query = tsumugi_records::TextQuery {
        population: Population::Real,
        patient: Some(b),
        text: "entered",
        limit: 10,
    };
    assert_eq!(store.search_text(&query).unwrap().documents, 1);
}

#[test]
fn a_hold_or_an_open_course_of_one_record_keeps_the_documents_of_all_that_are_read_with_it() {
    let store = Store::open_in_memory().unwrap();
    let [a, b] = ["1", "2"].map(|number| patient(&store, Population::Real, number));
    let document = store.sign(note(a, "old", vec![event("fever")])).unwrap().document;
    let end: jiff::civil::Date = "2020-01-31".parse().unwrap();
    store.set_course_end(a, Some(end), "discharged", stamp()).unwrap();
    let kept = || {
        let all = store.kept_documents().unwrap();
        all.into_iter().find(|one| one.document == document).unwrap()
    };
    assert_eq!((kept().course_end, kept().is_held), (Some(end), false));
    store.link_patients(a, b, "same", stamp()).unwrap();
    assert_eq!(
        kept().course_end,
        None,
        "the course goes on under the other record"
    );
    let later: jiff::civil::Date = "2022-01-31".parse().unwrap();
    store
        .set_course_end(b, Some(later), "discharged", stamp())
        .unwrap();
    assert_eq!(kept().course_end, Some(later));
    store.set_hold(b, true, "a lawsuit", stamp()).unwrap();
    assert!(kept().is_held);
}
