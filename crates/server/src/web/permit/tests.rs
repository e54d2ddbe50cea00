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
use tsumugi_access::{Action, Activity, AddressGroup, Resource, UserId};
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
pub(crate) fn server() -> (Arc<App>, PatientId, i64) {
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
        on_behalf_of: None,
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
pub(crate) fn desk(app: &Arc<App>, name: &str, role: &str) -> Desk {
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
        .sign_in(store, (name, PASSWORD), ("test", &AddressGroup::of(None)))
        .unwrap()
        .token
        .reveal();
    let actor = gate
        .resolve(store, &token, Activity::Person, &Origin::default())
        .unwrap();
    let visit = Visit {
        actor: Some(actor),
        token: Some(token),
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

/// Enters a note of the patient; gives its document.
fn entered(desk: &Desk, text: &str, physician: &str) -> Result<tsumugi_records::DocumentId, WebError> {
    let place = desk.app.note_place(&NoteLink {
        patient: NUMBER.to_owned(),
        ..NoteLink::default()
    })?;
    let given = crate::web::notes::ToSign {
        text,
        base: None,
        answers: &[],
        physician,
        reasons: &std::collections::BTreeMap::new(),
    };
    let address = desk.app.sign_note(desk, &place, &given)?;
    let number = address.rsplit('=').next().and_then(|number| number.parse().ok());
    Ok(tsumugi_records::DocumentId::new(number.unwrap()))
}

#[test]
fn what_a_scribe_enters_is_no_base_for_anything_until_it_is_confirmed() {
    let (app, id, _) = server();
    let (sato, mori) = (desk(&app, "sato", "physician"), desk(&app, "mori", "physician"));
    let hata = desk(&app, "hata", "scribe");
    let patient = app.store.patient(id).unwrap();
    for nobody in ["", "hata", "nobody"] {
        assert!(matches!(
            entered(&hata, "HIV(-)", nobody),
            Err(WebError::Bad("error.physician"))
        ));
    }
    let document = entered(&hata, "CRP 12.5", "sato").unwrap();
    let facts = |desk: &Desk| {
        let standing = crate::access::Standing::of(&app.store, &patient).unwrap();
        let (events, notes) = desk.events(&standing).unwrap();
        (events.len(), notes)
    };
    let (before, notes) = facts(&sato);
    assert!(notes.documents.contains(&document) && notes.unconfirmed.contains(&document));
    let record = chart::record_of(&app.store, &patient, None).unwrap();
    assert_eq!(record.notes.len(), 1, "support reads what is signed only");
    assert_eq!(app.store.assertion_head(), Ok(0), "nothing is learned");
    let may = |desk: &Desk| desk.may_confirm(&patient, document).unwrap();
    assert!(may(&sato) && !may(&mori) && !may(&hata));
    set(&app, id, AccessKind::Attending, &["mori", "hata"]);
    assert!(may(&mori), "who is in charge stands in");
    assert!(!may(&hata), "nobody confirms what they wrote");
    app.confirm_note(&sato, &patient, document, 1).unwrap();
    let (after, notes) = facts(&sato);
    assert!(after > before && notes.unconfirmed.is_empty());
    assert!(!may(&sato), "once");
    let entries = app.store.who_looked(id, None, 100).unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|one| (one.entry.agent.who.as_str(), one.entry.subtype))
        .collect();
    assert!(told.contains(&("hata", AuditSubtype::Create)) && told.contains(&("sato", AuditSubtype::Sign)));
    let by_hata = entries
        .iter()
        .find(|one| one.entry.agent.on_behalf_of.is_some())
        .unwrap();
    assert_eq!(by_hata.entry.agent.on_behalf_of.as_deref(), Some("sato"));
    let report = app
        .store
        .verify_audit(&[], tsumugi_records::KeyTrust::AsCarried)
        .unwrap();
    assert!(report.is_whole(), "{:?}", report.findings);
}

#[test]
fn who_signs_names_nobody() {
    let (app, _, _) = server();
    let sato = desk(&app, "sato", "physician");
    entered(&sato, "CRP 0.1", "mori").unwrap();
    assert!(app.store.unconfirmed(None).unwrap().is_empty());
}

#[test]
fn drafts_and_changes_of_accounts_leave_entries_that_say_what() {
    let (app, id, _) = server();
    let sato = desk(&app, "sato", "physician");
    let place = app
        .note_place(&NoteLink {
            patient: NUMBER.to_owned(),
            ..NoteLink::default()
        })
        .unwrap();
    let stamp = sato.stamp().unwrap();
    let base = sato.save_draft(&place, &stamp, None, "a").unwrap();
    let base = sato.save_draft(&place, &stamp, Some(base), "ab").unwrap();
    sato.discard_draft(&place, base).unwrap();
    let entries = app.store.who_looked(id, None, 100).unwrap();
    let of = |subtype| {
        let found = entries
            .iter()
            .filter(|one| one.entry.subtype == subtype && one.entry.agent.who == "sato");
        found.count()
    };
    assert_eq!((of(AuditSubtype::Create), of(AuditSubtype::Delete)), (1, 1));
    let all = app.store.audit_entries(&tsumugi_records::AuditFilter {
        limit: 100,
        ..Default::default()
    });
    let texts: Vec<String> = all
        .unwrap()
        .iter()
        .map(|one| format!("{:?}", one.entry.entities))
        .collect();
    let says = "now: sato role=physician department=internal teams= active=true";
    assert!(texts.iter().any(|text| text.contains(says)), "{texts:?}");
}

#[test]
fn an_edit_of_the_rules_takes_no_word_away_that_is_in_use() {
    let (app, id, _) = server();
    desk(&app, "hata", "scribe");
    desk(&app, "suzuki", "clerk");
    set(&app, id, AccessKind::Label, &["psychiatry"]);
    let against = |schema: &str| {
        let text = tsumugi_access::PolicyText {
            schema: schema.to_owned(),
            rules: "@id(\"x\")\npermit (principal, action == Action::\"read\", resource);".to_owned(),
        };
        assert!(tsumugi_access::Policy::read(&text).is_ok(), "{schema}");
        let error = crate::access::speaks_against(&app.store, &app.gate, &text).unwrap();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let schema = tsumugi_access::PolicyText::default().schema;
    assert_eq!(against(&schema), "");
    let without = |words: &[&str]| {
        let lines = schema.lines().filter(|line| {
            let word = line.split('"').nth(1).unwrap_or_default();
            !words.contains(&word)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(against(&without(&["nutrition"])), "");
    let told = against(&without(&["scribe", "psychiatry", "progress"]));
    assert!(
        ["role scribe", "restriction psychiatry", "kind of note progress"]
            .iter()
            .all(|word| told.contains(word)),
        "{told}"
    );
    // What nobody uses may go.
    assert_eq!(against(&without(&["dietitian", "vip"])), "");
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
