//! The gate over a store: what is kept, what is refused, and what is told of it.

use super::{Gate, Keys, Origin, PeopleError, Rows, Setting, wall};
use crate::audit;
use std::collections::BTreeSet;
use std::time::Duration;
use tsumugi_access::{
    AccountError, Accounts, Action, Activity, AddressGroup, Cost, LinkError, LockoutRules, PolicyEditError,
    PolicyText, Resource, SessionError, SignInError, Subject, UserId,
};
use tsumugi_records::{AuditFilter, AuditOutcome, AuditSubtype, Store, StoreError, Tuning};

const PASSWORD: &str = "kiri-no-naka-7:bashi";

fn setting() -> Setting {
    Setting {
        cost: Cost {
            memory_kib: 8,
            passes: 1,
        },
        lockout: LockoutRules {
            first_delay: Duration::ZERO,
            locked_at: 5,
            ..LockoutRules::default()
        },
        ..Setting::default()
    }
}

fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// A gate with one person who has a password.
fn gate_of(store: &Store, name: &str, role: &str) -> Gate {
    let gate = Gate::open(store, setting()).unwrap();
    add(&gate, store, name, role);
    gate
}

fn add(gate: &Gate, store: &Store, name: &str, role: &str) {
    let user = gate
        .user((name, name), (role, "internal"), BTreeSet::new())
        .unwrap();
    let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
    let link = gate.add(store, user, entry).unwrap().reveal();
    gate.set_password_by_link(store, &link, PASSWORD).unwrap();
}

fn signed(gate: &Gate, store: &Store, name: &str) -> String {
    gate.sign_in(store, (name, PASSWORD), ("test", &AddressGroup::of(None)))
        .unwrap()
        .token
        .reveal()
}

fn resolve(gate: &Gate, store: &Store, token: &str) -> Result<super::Actor, SessionError> {
    gate.resolve(store, token, Activity::Person, &Origin::default())
}

fn outcomes(store: &Store, agent: &str) -> Vec<(AuditSubtype, AuditOutcome)> {
    let filter = AuditFilter {
        agent: Some(agent),
        limit: 100,
        ..AuditFilter::default()
    };
    let entries = store.audit_entries(&filter).unwrap().into_iter();
    entries
        .map(|record| (record.entry.subtype, record.entry.outcome))
        .collect()
}

#[test]
fn forged_and_ended_tokens_open_nothing() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let token = signed(&gate, &store, "sato");
    assert_eq!(resolve(&gate, &store, &token).unwrap().user().id, id("sato"));
    for forged in [
        "",
        "0",
        &"0".repeat(64),
        &token.to_uppercase(),
        &format!("{token} "),
    ] {
        assert!(
            matches!(resolve(&gate, &store, forged), Err(SessionError::None)),
            "{forged:?}"
        );
    }
    let entry = audit::of_name("sato", AuditSubtype::Logout).unwrap();
    gate.sign_out(&store, &token, entry).unwrap();
    assert!(
        matches!(resolve(&gate, &store, &token), Err(SessionError::None)),
        "replayed"
    );
}

#[test]
fn sessions_outlive_the_program_and_secrets_are_not_in_the_store() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let token = signed(&gate, &store, "sato");
    drop(gate);
    let gate = Gate::open(&store, setting()).unwrap();
    assert!(resolve(&gate, &store, &token).is_ok());
    for kind in ["account", "session", "link"] {
        for (key, value) in store.access_rows(kind).unwrap() {
            assert!(
                !value.contains(&token) && !value.contains(PASSWORD),
                "{kind} {key}"
            );
        }
    }
}

#[test]
fn too_many_failures_lock_out_and_an_administrator_unlocks() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    for _ in 0..5 {
        let error = gate
            .sign_in(&store, ("sato", "wrong"), ("test", &AddressGroup::of(None)))
            .unwrap_err();
        assert!(
            matches!(error, PeopleError::SignIn(SignInError::Wrong)),
            "{error}"
        );
    }
    let error = gate
        .sign_in(&store, ("sato", PASSWORD), ("test", &AddressGroup::of(None)))
        .unwrap_err();
    assert!(
        matches!(error, PeopleError::SignIn(SignInError::Locked)),
        "{error}"
    );
    let refused = outcomes(&store, "sato");
    let is_refused =
        |one: &&(AuditSubtype, AuditOutcome)| **one == (AuditSubtype::Login, AuditOutcome::MinorFailure);
    assert_eq!(refused.iter().filter(is_refused).count(), 6, "each is told");
    let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
    gate.unlock(&store, &id("sato"), entry).unwrap();
    signed(&gate, &store, "sato");
}

#[test]
fn a_name_that_is_none_stays_out_of_the_trail() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let error = gate
        .sign_in(&store, (PASSWORD, "sato"), ("test", &AddressGroup::of(None)))
        .unwrap_err();
    assert!(
        matches!(error, PeopleError::SignIn(SignInError::Wrong)),
        "{error}"
    );
    assert_eq!(
        outcomes(&store, "unknown"),
        [(AuditSubtype::Login, AuditOutcome::MinorFailure)]
    );
    let filter = AuditFilter {
        limit: 100,
        ..AuditFilter::default()
    };
    for record in store.audit_entries(&filter).unwrap() {
        assert!(!String::from_utf8_lossy(&record.json).contains(PASSWORD));
    }
}

#[test]
fn a_link_for_a_password_works_once_and_weak_passwords_do_not_use_it_up() {
    let store = Store::open_in_memory().unwrap();
    let gate = Gate::open(&store, setting()).unwrap();
    let user = gate
        .user(("mori", "Mori"), ("nurse", "internal"), BTreeSet::new())
        .unwrap();
    let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
    let link = gate.add(&store, user, entry).unwrap().reveal();
    for weak in ["short1!", "aaaaaaaaaaaaaaaaa", "password-123456"] {
        let error = gate.set_password_by_link(&store, &link, weak).unwrap_err();
        assert!(matches!(error, PeopleError::Password(_)), "{weak}: {error}");
    }
    gate.set_password_by_link(&store, &link, PASSWORD).unwrap();
    let again = gate.set_password_by_link(&store, &link, PASSWORD).unwrap_err();
    assert!(matches!(again, PeopleError::Link(LinkError::None)), "{again}");
    let forged = gate
        .set_password_by_link(&store, &"0".repeat(64), PASSWORD)
        .unwrap_err();
    assert!(matches!(forged, PeopleError::Link(LinkError::None)), "{forged}");
}

#[test]
fn the_first_run_ends_with_the_first_account() {
    let store = Store::open_in_memory().unwrap();
    let gate = Gate::open(&store, setting()).unwrap();
    let link = gate.first_run_link(&store).unwrap().unwrap().reveal();
    let session = gate
        .redeem_first_run(&store, &link, "test")
        .unwrap()
        .unwrap()
        .reveal();
    assert!(
        gate.redeem_first_run(&store, &link, "test").unwrap().is_none(),
        "replayed"
    );
    let actor = resolve(&gate, &store, &session).unwrap();
    assert!(actor.session.first_run && actor.may(Action::Administer));
    let unused = gate.first_run_link(&store).unwrap().unwrap().reveal();
    add(&gate, &store, "sato", "physician");
    assert!(matches!(
        resolve(&gate, &store, &session),
        Err(SessionError::None)
    ));
    assert!(gate.redeem_first_run(&store, &unused, "test").unwrap().is_none());
    assert!(gate.first_run_link(&store).unwrap().is_none());
}

#[test]
fn who_is_disabled_is_signed_out_and_the_last_administrator_stays() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    add(&gate, &store, "root", "administrator");
    let token = signed(&gate, &store, "sato");
    let disable = |name: &str| {
        let view = gate.with(|inner, _| inner.accounts.view_of(&id(name))).unwrap();
        let user = tsumugi_access::User {
            active: false,
            ..view.user
        };
        let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
        gate.change(&store, view.version, user, entry)
    };
    disable("sato").unwrap();
    assert!(matches!(resolve(&gate, &store, &token), Err(SessionError::None)));
    let error = gate
        .sign_in(&store, ("sato", PASSWORD), ("test", &AddressGroup::of(None)))
        .unwrap_err();
    assert!(
        matches!(error, PeopleError::SignIn(SignInError::Wrong)),
        "{error}"
    );
    let error = disable("root").unwrap_err();
    assert!(
        matches!(error, PeopleError::Account(AccountError::LastAdministrator(_))),
        "{error}"
    );
}

#[test]
fn two_administrators_at_once() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "root", "administrator");
    let entry = || audit::of_name("root", AuditSubtype::AccountChange).unwrap();
    let view = gate.with(|inner, _| inner.accounts.view_of(&id("root"))).unwrap();
    gate.change(&store, view.version, view.user.clone(), entry())
        .unwrap();
    let error = gate
        .change(&store, view.version, view.user.clone(), entry())
        .unwrap_err();
    assert!(
        matches!(error, PeopleError::Account(AccountError::Stale { .. })),
        "{error}"
    );

    let editor = Subject {
        user: view.user,
        second_factor: true,
        emergencies: BTreeSet::new(),
    };
    let replace = |expected: u32, rules: &str| {
        let text = PolicyText {
            rules: rules.to_owned(),
            ..PolicyText::default()
        };
        let rows = Rows::new(&store, None);
        gate.with(|inner, now| {
            inner
                .policies
                .replace(&rows, &editor, expected, (text, "test"), now)
        })
    };
    let rules = PolicyText::default().rules;
    assert_eq!(replace(0, &rules), Ok(1));
    let error = replace(0, &rules).unwrap_err();
    assert!(matches!(error, PolicyEditError::Stale { .. }), "{error}");
    let mistaken = format!("{rules}\npermit (principal, action, resource when;\n");
    let before = gate.policy_in_force().rule_names().len();
    let error = replace(1, &mistaken).unwrap_err().to_string();
    let line = mistaken.lines().count();
    assert!(
        error.contains(&line.to_string()),
        "the line {line} is told: {error}"
    );
    assert_eq!(
        gate.policy_in_force().rule_names().len(),
        before,
        "the old one stays"
    );
}

#[test]
fn a_clock_that_was_set_back_ends_everything() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let token = signed(&gate, &store, "sato");
    drop(gate);
    // The program ran an hour ahead of what the clock says now.
    let ahead = wall().after(Duration::from_secs(3600));
    store
        .save_access(vec![tsumugi_records::AccessWrite::Put {
            kind: "clock".to_owned(),
            key: "latest".to_owned(),
            value: ahead.to_string(),
        }])
        .unwrap();
    let gate = Gate::open(&store, setting()).unwrap();
    assert!(matches!(resolve(&gate, &store, &token), Err(SessionError::None)));
    signed(&gate, &store, "sato");
}

#[test]
fn a_lost_second_factor() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "root", "administrator");
    let nowhere = AddressGroup::of(None);
    let wrong = gate.enrol(&store, (&id("root"), "not it"), ("Tsumugi", &nowhere));
    assert!(wrong.is_err(), "a second factor is set with the password only");
    gate.enrol(&store, (&id("root"), PASSWORD), ("Tsumugi", &nowhere))
        .unwrap();
    let wrong = gate.confirm(&store, &id("root"), "000000x").unwrap_err();
    assert!(
        matches!(wrong, PeopleError::Account(AccountError::CodeWrong(_))),
        "{wrong}"
    );
    let token = signed(&gate, &store, "root");
    let actor = resolve(&gate, &store, &token).unwrap();
    assert!(!actor.may(Action::Administer), "administration needs two factors");
    let entry = audit::of_name("test", AuditSubtype::AccountChange).unwrap();
    assert!(!gate.reset_second_factor(&store, &id("root"), entry).unwrap());
    assert!(
        matches!(resolve(&gate, &store, &token), Err(SessionError::None)),
        "signed out"
    );
}

#[test]
fn nothing_opens_when_the_log_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::open(&path).unwrap();
    drop(gate_of(&store, "sato", "physician"));
    drop(store);
    let pages = std::fs::metadata(&path).unwrap().len() / 4096;
    let full = Tuning {
        max_pages: Some(u32::try_from(pages).unwrap()),
        ..Tuning::default()
    };
    let store = Store::open_with(&path, full).unwrap();
    let gate = Gate::open(&store, setting()).unwrap();
    // The few free bytes of the file's last pages are used up first.
    let entry = audit::of_name("filler", AuditSubtype::Start).unwrap();
    while store.audit_read(&entry).is_ok() {}
    let refused = gate.sign_in(&store, ("sato", PASSWORD), ("test", &AddressGroup::of(None)));
    assert!(refused.is_err(), "nobody is let in without a trace");
    let sessions = gate.with(|inner, now| inner.sessions.list(None, now));
    assert!(sessions.is_empty(), "{sessions:?}");
    let read = audit::entry(AuditSubtype::Read, "sato", tsumugi_records::PatientId::new(1)).unwrap();
    assert!(matches!(store.audit_read(&read), Err(StoreError::Full { .. })));
}

#[test]
fn secrets_of_other_systems_are_private_files() {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::open(folder.path()).unwrap();
    let [_, services] = Keys::files(folder.path());
    let token = std::fs::read_to_string(&services).unwrap();
    assert!(keys.admits(Some(&format!("Bearer {}", token.trim()))));
    for header in [
        None,
        Some(""),
        Some("Bearer "),
        Some("Bearer 0"),
        Some(token.trim()),
    ] {
        assert!(!keys.admits(header), "{header:?}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&services).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&services, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Keys::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("644"), "{error}");
    }
}

#[test]
fn a_restriction_closes_a_record_to_the_department() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let token = signed(&gate, &store, "sato");
    let actor = resolve(&gate, &store, &token).unwrap();
    let mut facts = tsumugi_records::AccessFacts::default();
    let one = |name: &str| BTreeSet::from([name.to_owned()]);
    facts
        .patient
        .insert(tsumugi_records::AccessKind::Department, one("internal"));
    let reads = |facts: &tsumugi_records::AccessFacts| {
        let population = tsumugi_records::Population::Real;
        let standing = super::facts_of(tsumugi_records::PatientId::new(1), population, facts);
        let patient = actor
            .ask(Action::Read, Resource::Patient(&standing.patient))
            .allowed;
        let note = standing.new_note("progress", "mori").unwrap();
        (
            patient,
            actor.ask(Action::Read, Resource::Document(&note)).allowed,
        )
    };
    assert_eq!(reads(&facts), (true, true));
    facts
        .patient
        .insert(tsumugi_records::AccessKind::Label, one("psychiatry"));
    assert_eq!(reads(&facts), (false, false));
    facts
        .patient
        .insert(tsumugi_records::AccessKind::Attending, one("sato"));
    assert_eq!(reads(&facts), (true, true));
    facts
        .patient
        .insert(tsumugi_records::AccessKind::OwnAccount, one("sato"));
    assert_eq!(reads(&facts), (false, false), "one's own record");
}

#[test]
fn what_is_read_is_what_was_written() {
    let store = Store::open_in_memory().unwrap();
    let gate = gate_of(&store, "sato", "physician");
    let rows = Rows::new(&store, None);
    let again = Accounts::load(&rows, setting().lockout, wall()).unwrap();
    assert_eq!(again.list(), gate.accounts());
}
