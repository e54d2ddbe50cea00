//! What the policy is asked before something is written, at a real store.

use crate::access::{Origin, Rows, facts_of};
use crate::audit;
use crate::chart::{self, Signing};
use crate::web::app_for_tests;
use crate::web::error::WebError;
use crate::web::notes::NoteLink;
use crate::web::state::{App, Desk, Visit};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tsumugi_access::{Action, Activity, Resource, UserId};
use tsumugi_clinical::Sex;
use tsumugi_coding::Coder;
use tsumugi_records::{
    AccessKind, AuditSubtype, Moment, PatientDetails, PatientId, Population, Stamp, Store,
};

const PASSWORD: &str = "kiri-no-naka-7:bashi";
const NUMBER: &str = "4711";

fn stamp() -> Stamp {
    Stamp {
        author: "mori".to_owned(),
        at: Moment::parse("2026-11-28T10:00").unwrap(),
    }
}

/// A server with a patient of the department, a signed note, and accounts.
fn server() -> (Arc<App>, PatientId, i64) {
    let store = Store::open_in_memory().unwrap();
    let coder = Arc::new(Coder::without_tagger().unwrap());
    let details = PatientDetails {
        number: NUMBER.to_owned(),
        name: "Test".to_owned(),
        kana: String::new(),
        sex: Sex::Female,
        birth_date: None,
    };
    let id = store.create_patient(Population::Real, details, stamp()).unwrap();
    let signing = Signing {
        target: chart::new_note(id, None, "progress"),
        author: "mori".to_owned(),
        text: "HIV(+)".to_owned(),
        written_at: stamp().at.civil(),
        signed_at: stamp().at.civil(),
        key: None,
        draft: None,
        structured: None,
        name: None,
        entry: None,
    };
    let patient = store.patient(id).unwrap();
    let document = chart::sign(&coder, &store, &patient, signing)
        .unwrap()
        .document
        .get();
    let app = app_for_tests(store, coder, "127.0.0.1:8765".parse().unwrap());
    set(&app, id, AccessKind::Department, &["internal"]);
    (app, id, document)
}

fn set(app: &App, id: PatientId, kind: AccessKind, names: &[&str]) {
    let names: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    app.store
        .set_access_names(id, None, kind, names, stamp())
        .unwrap();
}

/// Where somebody signed in sits.
fn desk(app: &Arc<App>, name: &str, role: &str) -> Desk {
    let (gate, store) = (&app.gate, &app.store);
    if !gate.with(|inner, _| inner.accounts.user(&UserId::parse(name).unwrap()).is_some()) {
        let user = gate
            .user((name, name), (role, "internal"), BTreeSet::new())
            .unwrap();
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        let link = gate.add(store, user, entry).unwrap().reveal();
        gate.set_password_by_link(store, &link, PASSWORD).unwrap();
    }
    let token = gate
        .sign_in(store, (name, PASSWORD), "test")
        .unwrap()
        .token
        .reveal();
    let actor = gate
        .resolve(store, &token, Activity::Person, &Origin::default())
        .unwrap();
    let visit = Visit {
        actor: Some(actor),
        ..Visit::default()
    };
    Desk::new(Arc::clone(app), visit)
}

fn writes(desk: &Desk, addendum: Option<i64>) -> Result<(), WebError> {
    let link = NoteLink {
        patient: NUMBER.to_owned(),
        encounter: String::new(),
        addendum,
    };
    let place = desk.app.note_place(&link)?;
    desk.may_write(Action::Write, &place).map(drop)
}

#[test]
fn who_may_not_read_does_not_write() {
    let (app, id, document) = server();
    let sato = desk(&app, "sato", "physician");
    assert!(writes(&sato, None).is_ok() && writes(&sato, Some(document)).is_ok());
    // As the author of what he is about to write he would come to read the record that is closed to him.
    set(&app, id, AccessKind::Label, &["hiv"]);
    for addendum in [None, Some(document)] {
        assert!(
            matches!(writes(&sato, addendum), Err(WebError::Denied(_))),
            "{addendum:?}"
        );
    }
    set(&app, id, AccessKind::Attending, &["sato"]);
    assert!(writes(&sato, None).is_ok() && writes(&sato, Some(document)).is_ok());
}

#[test]
fn what_outlasts_an_emergency_access_is_not_changed_by_it() {
    let (app, id, _) = server();
    set(&app, id, AccessKind::Label, &["psychiatry"]);
    let before = desk(&app, "sato", "physician");
    let facts = app.store.access_facts(id).unwrap();
    let standing = facts_of(id, Population::Real, &facts);
    let rows = Rows::new(&app.store, None);
    app.gate
        .with(|inner, now| {
            let policy = inner.policies.in_force();
            inner.emergencies.open(
                &rows,
                &policy,
                before.actor().unwrap().subject(),
                &standing.patient,
                ("found unconscious in the ward", Duration::from_secs(900)),
                now,
            )
        })
        .unwrap();
    let sato = desk(&app, "sato", "physician");
    let actor = sato.actor().unwrap();
    let patient = Resource::Patient(&standing.patient);
    assert!(actor.ask(Action::Read, patient).allowed);
    assert!(!actor.ask_without_emergency(Action::Read, patient).allowed);
    assert!(!actor.ask_without_emergency(Action::Write, patient).allowed);
}

#[test]
fn who_administers_signs_in_by_no_link_of_another_system() {
    let (app, _, _) = server();
    desk(&app, "sato", "physician");
    desk(&app, "kanri", "administrator");
    let vouch = |name: &str| app.gate.vouch(&app.store, &UserId::parse(name).unwrap(), "test");
    assert!(vouch("sato").is_ok());
    assert!(vouch("kanri").is_err());
}
