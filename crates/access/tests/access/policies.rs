//! The policy: the default in full, mistakes with their lines, versions.
#![expect(clippy::non_ascii_literal, reason = "comments of a policy")]

use crate::support::{at, kind, patient, subject, user_id};
use expect_test::{expect, expect_file};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tsumugi_access::{
    Action, Decision, DepartmentId, DocumentFacts, Kind, Label, MemoryStorage, Policies, Policy,
    PolicyEditError, PolicyText, PolicyVersion, Request, Resource, Role, Storage as _, Subject, Write,
    matrix_text, permission_matrix,
};

fn default() -> Policy {
    Policy::read(&PolicyText::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn ask(policy: &Policy, subject: &Subject, action: Action, resource: Resource<'_>) -> Decision {
    policy.is_allowed(&Request {
        subject,
        action,
        resource,
    })
}

#[test]
fn the_permission_matrix_of_the_default_policy() {
    let rows = permission_matrix(&default()).unwrap();
    expect_file!["../golden/matrix.tsv"].assert_eq(&matrix_text(&rows));
}

#[test]
fn a_decision_names_its_rules() {
    let policy = default();
    let mut facts = patient(1, "surgery");
    let sato = subject("sato", "physician");
    let allowed = ask(&policy, &sato, Action::Read, Resource::Patient(&facts));
    assert_eq!(
        (allowed.allowed, allowed.rules),
        (true, vec!["physicians".to_owned()])
    );
    facts.labels.insert(Label::parse("hiv").unwrap());
    let denied = ask(&policy, &sato, Action::Read, Resource::Patient(&facts));
    assert_eq!(
        (denied.allowed, denied.rules),
        (false, vec!["restricted-to-the-team".to_owned()])
    );
    let clerk = subject("kato", "clerk");
    let nothing = ask(&policy, &clerk, Action::Export, Resource::Patient(&facts));
    assert_eq!(
        nothing,
        Decision {
            allowed: false,
            rules: vec!["restricted-to-the-team".to_owned()],
            mistakes: vec![]
        }
    );
}

#[test]
fn a_restricted_note_of_an_open_patient_is_restricted() {
    let policy = default();
    let sato = subject("sato", "physician");
    let mut note = DocumentFacts {
        id: None,
        patient: patient(1, "surgery"),
        labels: BTreeSet::new(),
        kind: kind("progress"),
        author: user_id("mori"),
        signed: true,
        responsible: None,
    };
    assert!(ask(&policy, &sato, Action::Read, Resource::Document(&note)).allowed);
    note.labels.insert(Label::parse("psychiatry").unwrap());
    assert!(!ask(&policy, &sato, Action::Read, Resource::Document(&note)).allowed);
    assert!(ask(&policy, &sato, Action::Read, Resource::Patient(&note.patient)).allowed);
    note.labels.clear();
    note.patient.labels.insert(Label::parse("vip").unwrap());
    assert!(!ask(&policy, &sato, Action::Read, Resource::Document(&note)).allowed);
}

#[test]
fn what_the_schema_does_not_know_is_denied() {
    let policy = default();
    let mut facts = patient(1, "surgery");
    facts.labels.insert(Label::parse("unheard-of").unwrap());
    let sato = subject("sato", "physician");
    let denied = ask(&policy, &sato, Action::Read, Resource::Patient(&facts));
    assert!(!denied.allowed && denied.mistakes.len() == 1, "{denied:?}");
    let stranger = subject("sato", "astronaut");
    let denied = ask(
        &policy,
        &stranger,
        Action::Read,
        Resource::Patient(&patient(1, "surgery")),
    );
    assert!(!denied.allowed && denied.mistakes.len() == 1, "{denied:?}");
    // An action on what it is not for.
    let denied = ask(
        &policy,
        &sato,
        Action::Sign,
        Resource::Patient(&patient(1, "surgery")),
    );
    assert!(!denied.allowed && denied.mistakes.len() == 1, "{denied:?}");
    let denied = ask(
        &policy,
        &subject("aoki", "administrator"),
        Action::Administer,
        Resource::Patient(&facts),
    );
    assert!(!denied.allowed, "{denied:?}");
}

#[test]
fn nobody_does_anything_once_not_active_and_administration_wants_two_factors() {
    let policy = default();
    for role in policy.roles() {
        let mut gone = subject("sato", role.as_str());
        gone.user.active = false;
        let mut facts = patient(1, "surgery");
        facts.dummy = true;
        for action in Action::ALL {
            let resource = if action.is_on_system() {
                Resource::System
            } else {
                Resource::Patient(&facts)
            };
            assert!(
                !ask(&policy, &gone, action, resource).allowed,
                "{role} {action:?}"
            );
        }
    }
    let mut aoki = subject("aoki", "administrator");
    assert!(ask(&policy, &aoki, Action::Administer, Resource::System).allowed);
    aoki.second_factor = false;
    assert!(!ask(&policy, &aoki, Action::Administer, Resource::System).allowed);
    let mut visitor = subject("setup", "setup");
    visitor.second_factor = false;
    assert!(ask(&policy, &visitor, Action::Administer, Resource::System).allowed);
}

/// Adds a rule to the default rules; gives what is said about it.
fn refused(rule: &str) -> String {
    let text = PolicyText::default();
    let lines = text.rules.lines().count();
    let rules = format!("{}{rule}\n", text.rules);
    let error = Policy::read(&PolicyText { rules, ..text }).expect_err(rule);
    let mut said = String::new();
    for mistake in &error.mistakes {
        let place = mistake.position.map_or_else(
            || "nowhere".to_owned(),
            |place| {
                format!(
                    "+{}:{}",
                    i64::from(place.line) - i64::try_from(lines).unwrap(),
                    place.column
                )
            },
        );
        let rule = mistake.rule.as_deref().unwrap_or("-");
        let _ = writeln!(said, "{place} {rule}: {}", mistake.message);
    }
    said
}

#[test]
fn mistakes_are_refused_with_their_line() {
    let mut said = String::new();
    for rule in [
        "// 句点忘れ\n@id(\"x\")\npermit (principal, action, resource)",
        "@id(\"x\")\npermit (principal, action == Action::\"raed\", resource);",
        "@id(\"x\")\npermit (principal in Role::\"physican\", action, resource);",
        "@id(\"x\")\nforbid (principal, action == Action::\"read\", resource)\nwhen {\n    resource.labels.contains(Label::\"psychiatri\")\n};",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource)\nwhen { resource.lables.isEmpty() };",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource) when { context.emergancy };",
        "@id(\"x\")\npermit (principal, action, resource)\nwhen { context.emergency };",
        "@id(\"x\")\npermit (principal, action == Action::\"administer\", resource)\nwhen { context.emergency };",
        "@id(\"x\")\npermit (principal, action == Action::\"administer\", resource is Patient);",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource) when { 1 == 2 };",
        "permit (principal, action == Action::\"read\", resource);",
        "@id(\"physicians\")\npermit (principal, action == Action::\"read\", resource);",
        "@id(\"x\")\npermit (principal == ?principal, action == Action::\"read\", resource);",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource == Patient::\"Sato\");",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource in Department::\"外科\");",
        "@id(\"x\")\npermit (principal, action == Action::\"read\", resource is Nothing);",
    ] {
        let _ = writeln!(said, "{rule}\n{}", refused(rule));
    }
    expect_file!["../golden/mistakes.txt"].assert_eq(&said);
}

fn refused_schema(from: &str, to: &str) -> String {
    let text = PolicyText::default();
    assert!(text.schema.contains(from), "{from}");
    let schema = text.schema.replacen(from, to, 1);
    Policy::read(&PolicyText { schema, ..text })
        .expect_err(to)
        .to_string()
}

#[test]
fn the_shape_of_the_schema_is_held() {
    let check = |from, to, wanted: expect_test::Expect| wanted.assert_eq(&refused_schema(from, to));
    check(
        "\"dummy\": Bool, // ",
        "\"dummy\": Bool, \"ward\": String, // ",
        expect![
            "schema: /entityTypes/Patient/shape/attributes/ward is not known to this program; take it out"
        ],
    );
    check(
        "type Terms = {",
        "type Terms = {\n \"emergency\": Bool,",
        expect!["schema: /commonTypes/Terms/attributes/emergency is not known to this program; take it out"],
    );
    check(
        "action \"curate\"",
        "action \"curate\" in [\"records\"]",
        expect!["schema: /actions/curate/memberOf is not known to this program; take it out"],
    );
    check(
        "entity CareTeam;",
        "",
        expect!["schema: /entityTypes/CareTeam is missing; this program needs it"],
    );
    check(
        "entity System;",
        "entity System",
        expect![
            "schema:81:1: error parsing schema: unexpected token `type`; expected `,`, `;`, `=`, `{`, `enum`, `in`, or `tags`"
        ],
    );
    check(
        "\"setup\"  ",
        "\"visitor\"  ",
        expect!["schema: the role setup is missing; the first run needs it"],
    );
    check(
        "\"vip\", ",
        "\"VIP\", ",
        expect![[r#"schema:31:5: "VIP": small letters are wanted"#]],
    );
}

#[test]
fn a_site_adds_a_role_a_label_and_rules_for_them() {
    let text = PolicyText::default();
    let schema = text
        .schema
        .replacen("\"clerk\",", "\"clerk\", \"midwife\",", 1)
        .replacen("\"vip\",", "\"vip\", \"adoption\",", 1);
    let rules = format!(
        "{}@id(\"midwives\")\npermit (principal in Role::\"midwife\", action == Action::\"read\", resource in Department::\"obstetrics\")\nunless {{ resource.labels.contains(Label::\"adoption\") }};\n",
        text.rules
    );
    let policy = Policy::read(&PolicyText { schema, rules }).unwrap();
    assert!(policy.roles().contains(&Role::parse("midwife").unwrap()));
    let ito = subject("ito", "midwife");
    let mut facts = patient(1, "obstetrics");
    assert!(ask(&policy, &ito, Action::Read, Resource::Patient(&facts)).allowed);
    facts.labels.insert(Label::parse("adoption").unwrap());
    assert!(!ask(&policy, &ito, Action::Read, Resource::Patient(&facts)).allowed);
    facts.departments = BTreeSet::from([DepartmentId::parse("surgery").unwrap()]);
    assert!(!ask(&policy, &ito, Action::Read, Resource::Patient(&facts)).allowed);
}

fn with(rule: &str) -> PolicyText {
    let text = PolicyText::default();
    PolicyText {
        rules: format!("{}{rule}\n", text.rules),
        ..text
    }
}

const WIDER: &str =
    "@id(\"wider\") permit (principal in Role::\"clerk\", action == Action::\"export\", resource);";

#[test]
fn a_refused_policy_leaves_the_old_one_in_force() {
    let storage = MemoryStorage::default();
    let mut policies = Policies::load(&storage).unwrap();
    let aoki = subject("aoki", "administrator");
    let error = policies
        .replace(
            &storage,
            &aoki,
            0,
            (with("permit (principal, action, resource"), "test"),
            at(0),
        )
        .unwrap_err();
    assert!(matches!(error, PolicyEditError::Mistakes(_)));
    assert_eq!(policies.newest().version, 0);
    let clerk = subject("kato", "clerk");
    let exports = |policies: &Policies| {
        ask(
            &policies.in_force(),
            &clerk,
            Action::Export,
            Resource::Patient(&patient(1, "surgery")),
        )
        .allowed
    };
    assert!(!exports(&policies));
    assert_eq!(
        policies.replace(&storage, &aoki, 0, (with(WIDER), "clerks export"), at(1)),
        Ok(1)
    );
    assert!(exports(&policies));
    let again = Policies::load(&storage).unwrap();
    assert!(exports(&again));
    assert_eq!(again.history().count(), 1);
    assert_eq!(again.newest().author, Some(user_id("aoki")));
}

#[test]
fn two_administrators_edit_the_policy_at_once() {
    let storage = MemoryStorage::default();
    let mut policies = Policies::load(&storage).unwrap();
    let (aoki, baba) = (subject("aoki", "administrator"), subject("baba", "administrator"));
    policies
        .replace(&storage, &aoki, 0, (with(WIDER), "first"), at(0))
        .unwrap();
    let second = policies.replace(&storage, &baba, 0, (PolicyText::default(), "second"), at(1));
    assert_eq!(
        second.unwrap_err().to_string(),
        "version 1 is the newest, not 0; compare the two and save again"
    );
    assert!(policies.in_force().rule_names().contains("wider"));
}

#[test]
fn who_may_not_edit_does_not_and_nobody_locks_themselves_out() {
    let storage = MemoryStorage::default();
    let mut policies = Policies::load(&storage).unwrap();
    let mut one_factor = subject("aoki", "administrator");
    one_factor.second_factor = false;
    for editor in [subject("sato", "physician"), one_factor] {
        let refused = policies.replace(&storage, &editor, 0, (with(WIDER), "test"), at(0));
        assert!(matches!(refused, Err(PolicyEditError::NotAllowed(_))));
    }
    let aoki = subject("aoki", "administrator");
    for action in ["editPolicy", "administer"] {
        let rule = format!("@id(\"none\") forbid (principal, action == Action::\"{action}\", resource);");
        let refused = policies.replace(&storage, &aoki, 0, (with(&rule), "test"), at(0));
        assert!(matches!(refused, Err(PolicyEditError::LocksOut(_))), "{action}");
    }
    assert_eq!(policies.newest().version, 0);
}

/// What the schema did not have before notes could be entered on behalf of others, and before patients were asked for
/// consent.
const GROWN: [&[&str]; 2] = [
    &[
        "action \"confirm\"",
        "action \"oversee\"",
        "\"responsible\"",
        "\"scribe\"",
        "action \"consent\"",
        "action \"manageStudies\"",
        "action \"exportStudy\"",
    ],
    &[
        "\"scribe\"",
        "action \"consent\"",
        "action \"manageStudies\"",
        "action \"exportStudy\"",
    ],
];

/// What came with the program before its schema grew, with a role of the site's own.
fn of_before(text: &PolicyText, grown: &[&str]) -> PolicyText {
    let kept = |text: &str, drop: &[&str]| -> String {
        let lines = text
            .lines()
            .filter(|line| !drop.iter().any(|word| line.contains(word)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let schema = kept(&text.schema, grown);
    let rules = "@id(\"all\") permit (principal in Role::\"ward-physician\", action in [Action::\"read\", Action::\"sign\"], resource);";
    PolicyText {
        schema: schema.replace("\"physician\",", "\"physician\", \"ward-physician\","),
        rules: rules.to_owned(),
    }
}

#[test]
fn a_policy_of_before_the_schema_grew_holds_on() {
    for grown in GROWN {
        holds_on(grown);
    }
}

fn holds_on(grown: &[&str]) {
    let storage = MemoryStorage::default();
    let version = PolicyVersion {
        version: 1,
        text: of_before(&PolicyText::default(), grown),
        author: None,
        at: at(0),
        reason: "own roles".to_owned(),
    };
    assert!(Policy::read(&version.text).is_err(), "it is not of this program");
    let write = Write::Put {
        kind: Kind::Policy,
        key: "0000000001".to_owned(),
        value: serde_json::to_string(&version).unwrap(),
    };
    storage.save(&[write]).unwrap();
    let policies = Policies::load(&storage).unwrap();
    let policy = policies.in_force();
    assert!(
        policy
            .roles()
            .iter()
            .any(|role| role.as_str() == "ward-physician")
    );
    assert!(!policy.roles().iter().any(|role| role.as_str() == "scribe"));
    let who = subject("sato", "ward-physician");
    let note = DocumentFacts {
        id: None,
        patient: patient(1, "surgery"),
        labels: BTreeSet::new(),
        kind: kind("progress"),
        author: user_id("mori"),
        signed: false,
        responsible: Some(user_id("sato")),
    };
    assert!(ask(&policy, &who, Action::Read, Resource::Document(&note)).allowed);
    assert!(
        !ask(&policy, &who, Action::Confirm, Resource::Document(&note)).allowed,
        "nothing new is allowed"
    );
}

#[test]
fn only_the_responsible_physician_or_a_stand_in_confirms_and_never_who_wrote() {
    let policy = Policy::read(&PolicyText::default()).unwrap();
    let allowed = |user: &str, role: &str, author: &str, attending: &[&str]| {
        let mut facts = patient(1, "surgery");
        facts.attending = attending.iter().map(|name| user_id(name)).collect();
        let note = DocumentFacts {
            id: None,
            patient: facts,
            labels: BTreeSet::new(),
            kind: kind("progress"),
            author: user_id(author),
            signed: false,
            responsible: Some(user_id("sato")),
        };
        ask(
            &policy,
            &subject(user, role),
            Action::Confirm,
            Resource::Document(&note),
        )
        .allowed
    };
    for (user, role, author, attending, want) in [
        ("sato", "physician", "clerk", &[][..], true),
        ("mori", "physician", "clerk", &[], false),
        ("mori", "physician", "clerk", &["mori"], true),
        ("mori", "physician", "mori", &["mori"], false),
        ("sato", "physician", "sato", &[], false),
        ("mori", "resident", "clerk", &["mori"], false),
        ("clerk", "scribe", "clerk", &["clerk"], false),
        ("sato", "nurse", "clerk", &[], false),
    ] {
        assert_eq!(
            allowed(user, role, author, attending),
            want,
            "{user} {role} {author} {attending:?}"
        );
    }
}
