//! The row filter against Cedar, row by row, on random people, patients and notes.
//!
//! The other side is Cedar itself, fed with JSON that this test writes; nothing of the crate's own way to Cedar is used.

use crate::support::{Fixed, user_id};
use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Schema};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::str::FromStr as _;
use tsumugi_access::{
    Action, CareTeamId, DepartmentId, DocumentFacts, DocumentId, Filter, Label, PatientFacts, PatientId,
    Policy, PolicyText, Request, Resource, Subject, User, UserId,
};

/// Rules that name departments, teams, patients and documents themselves, and compare sets of labels.
const OWN_RULES: &str = r#"
@id("psychiatry-is-closed")
forbid (principal, action in Action::"care", resource in Department::"d3")
unless { principal.department == Department::"d3" || principal in Role::"privacy-officer" };
@id("tumour-board")
permit (principal, action in [Action::"read", Action::"search"], resource in CareTeam::"t4")
when { CareTeam::"t4" in principal.careTeams || principal.careTeams.contains(CareTeam::"t1") };
@id("one-patient")
forbid (principal, action == Action::"search", resource in Patient::"7");
@id("one-note")
permit (principal, action == Action::"read", resource == Document::"11");
@id("one-user")
forbid (principal == User::"u2", action == Action::"read", resource in Department::"d1");
@id("exactly-these")
permit (principal in Role::"clerk", action == Action::"search", resource)
when { resource.labels == [Label::"vip", Label::"staff"] && !resource.dummy };
@id("two-departments")
forbid (principal in Role::"nurse", action == Action::"read", resource)
when { resource in [Department::"d5", Department::"d6"] && !(resource in principal.department) };
"#;

fn names<T: Ord>(
    random: &mut Fixed,
    prefix: &str,
    of: usize,
    most: usize,
    make: fn(&str) -> T,
) -> BTreeSet<T> {
    let count = random.below(most + 1);
    (0..count)
        .map(|_| make(&format!("{prefix}{}", random.below(of))))
        .collect()
}

fn department(name: &str) -> DepartmentId {
    DepartmentId::parse(name).unwrap()
}

fn care_team(name: &str) -> CareTeamId {
    CareTeamId::parse(name).unwrap()
}

fn some_labels(random: &mut Fixed, policy: &Policy) -> BTreeSet<Label> {
    let count = [0, 0, 0, 0, 1, 1, 2, 3][random.below(8)];
    (0..count)
        .map(|_| policy.labels()[random.below(policy.labels().len())].clone())
        .collect()
}

fn some_subject(random: &mut Fixed, policy: &Policy) -> Subject {
    let role = policy.roles()[random.below(policy.roles().len())].clone();
    Subject {
        user: User {
            id: user_id(&format!("u{}", random.below(6))),
            name: "x".to_owned(),
            role,
            department: department(&format!("d{}", random.below(7))),
            care_teams: names(random, "t", 5, 3, care_team),
            active: !random.one_in(10),
        },
        second_factor: random.one_in(2),
        emergencies: (0..random.below(4))
            .map(|_| PatientId::new(random.number()))
            .collect(),
    }
}

fn some_patient(random: &mut Fixed, policy: &Policy) -> PatientFacts {
    PatientFacts {
        id: PatientId::new(random.number()),
        departments: names(random, "d", 7, 2, department),
        care_teams: names(random, "t", 5, 2, care_team),
        attending: names(random, "u", 6, 2, user_id),
        own_account: random
            .one_in(8)
            .then(|| user_id(&format!("u{}", random.below(6)))),
        labels: some_labels(random, policy),
        dummy: random.one_in(8),
    }
}

fn some_document(random: &mut Fixed, policy: &Policy) -> DocumentFacts {
    DocumentFacts {
        id: (!random.one_in(5)).then(|| DocumentId::new(random.number())),
        patient: some_patient(random, policy),
        labels: some_labels(random, policy),
        kind: policy.note_kinds()[random.below(policy.note_kinds().len())].clone(),
        author: user_id(&format!("u{}", random.below(6))),
        signed: random.one_in(2),
        responsible: random
            .one_in(3)
            .then(|| user_id(&format!("u{}", random.below(6)))),
    }
}

/// Cedar without this crate.
struct Oracle {
    schema: Schema,
    rules: PolicySet,
}

fn entity(kind: &str, id: &str) -> Value {
    json!({ "type": kind, "id": id })
}

fn reference(kind: &str, id: &str) -> Value {
    json!({ "__entity": entity(kind, id) })
}

fn labels_of(labels: &BTreeSet<&Label>) -> Value {
    labels
        .iter()
        .map(|label| reference("Label", label.as_str()))
        .collect()
}

fn parents_of(patient: &PatientFacts) -> Value {
    let departments = patient
        .departments
        .iter()
        .map(|name| entity("Department", name.as_str()));
    let teams = patient
        .care_teams
        .iter()
        .map(|name| entity("CareTeam", name.as_str()));
    departments.chain(teams).collect()
}

impl Oracle {
    fn allows(
        &self,
        subject: &Subject,
        action: Action,
        patient: &PatientFacts,
        note: Option<&DocumentFacts>,
    ) -> bool {
        let user = &subject.user;
        let teams: Value = user
            .care_teams
            .iter()
            .map(|team| reference("CareTeam", team.as_str()))
            .collect();
        let parents = parents_of(patient);
        let number = patient.id.to_string();
        let mut entities = vec![
            json!({
                "uid": entity("User", user.id.as_str()),
                "attrs": {
                    "department": reference("Department", user.department.as_str()),
                    "careTeams": teams,
                    "active": user.active,
                },
                "parents": [entity("Role", user.role.as_str())],
            }),
            json!({
                "uid": entity("Patient", &number),
                "attrs": { "labels": labels_of(&patient.labels.iter().collect()), "dummy": patient.dummy },
                "parents": parents,
            }),
        ];
        let mut resource = ("Patient", number.clone());
        if let Some(note) = note {
            let id = note.id.map_or_else(|| "new".to_owned(), |id| id.to_string());
            resource = ("Document", id.clone());
            let labels = labels_of(&note.labels.iter().chain(&patient.labels).collect());
            entities.push(json!({
                "uid": entity("Document", &id),
                "attrs": {
                    "labels": labels,
                    "dummy": patient.dummy,
                    "kind": reference("NoteKind", note.kind.as_str()),
                    "signed": note.signed,
                },
                "parents": [entity("Patient", &number)],
            }));
        }
        let context = json!({
            "attending": patient.attending.contains(&user.id),
            "author": note.is_some_and(|note| note.author == user.id),
            "responsible": note.is_some_and(|note| note.responsible.as_ref() == Some(&user.id)),
            "own": patient.own_account.as_ref() == Some(&user.id),
            "emergency": subject.emergencies.contains(&patient.id),
            "secondFactor": subject.second_factor,
        });
        let uid = |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).unwrap();
        let action = uid("Action", action.as_str());
        let request = cedar_policy::Request::new(
            uid("User", UserId::as_str(&user.id)),
            action.clone(),
            uid(resource.0, &resource.1),
            Context::from_json_value(context, Some((&self.schema, &action))).unwrap(),
            Some(&self.schema),
        )
        .unwrap();
        let entities = Entities::from_json_value(Value::Array(entities), Some(&self.schema)).unwrap();
        let response = Authorizer::new().is_authorized(&request, &self.rules, &entities);
        assert_eq!(response.diagnostics().errors().count(), 0);
        response.decision() == Decision::Allow
    }
}

/// Rows of one list, which is one user's.
const ROWS: usize = 50;

/// Compares on `rows` random rows of patients and notes.
fn compare(text: &PolicyText, seed: u64, rows: usize) {
    let policy = Policy::read(text).unwrap_or_else(|error| panic!("{error}"));
    let (schema, _) = Schema::from_cedarschema_str(&text.schema).unwrap();
    let rules = PolicySet::from_str(&text.rules).unwrap();
    let oracle = Oracle { schema, rules };
    let mut random = Fixed(seed);
    let (mut differences, mut allowed, mut classes) = (Vec::new(), 0, 0);
    for list in 0..rows.div_ceil(ROWS) {
        let subject = some_subject(&mut random, &policy);
        let action = Action::ALL[list % 8];
        let mut filter = Filter::of(&policy, &subject, action);
        for row in 0..ROWS {
            let on_document = !action.is_on_patients() || (action.is_on_documents() && row % 2 == 0);
            let document = some_document(&mut random, &policy);
            let (filtered, asked, cedar) = if on_document {
                let resource = Resource::Document(&document);
                let request = Request {
                    subject: &subject,
                    action,
                    resource,
                };
                (
                    filter.lets_document(&document),
                    policy.is_allowed(&request).allowed,
                    oracle.allows(&subject, action, &document.patient, Some(&document)),
                )
            } else {
                let resource = Resource::Patient(&document.patient);
                let request = Request {
                    subject: &subject,
                    action,
                    resource,
                };
                (
                    filter.lets_patient(&document.patient),
                    policy.is_allowed(&request).allowed,
                    oracle.allows(&subject, action, &document.patient, None),
                )
            };
            allowed += usize::from(cedar);
            if filtered != cedar || asked != cedar {
                differences.push(format!(
                    "{subject:?} {action:?} {document:?}: {filtered} {asked} {cedar}"
                ));
            }
        }
        classes += filter.classes();
    }
    assert!(
        differences.is_empty(),
        "{}:\n{}",
        differences.len(),
        differences.join("\n")
    );
    println!("{rows} rows, {allowed} allowed, {classes} classes asked");
    assert!(
        allowed * 50 > rows && allowed * 10 < rows * 9,
        "{allowed} of {rows} allowed: not worth the name of a test"
    );
}

fn own() -> PolicyText {
    let text = PolicyText::default();
    PolicyText {
        rules: format!("{}{OWN_RULES}", text.rules),
        ..text
    }
}

/// What a rule names itself matters also where it is nothing of the user's.
#[test]
fn what_a_rule_names_is_seen_by_the_filter() {
    let policy = Policy::read(&own()).unwrap();
    let none = |random: &mut Fixed| PatientFacts {
        departments: BTreeSet::new(),
        care_teams: BTreeSet::new(),
        attending: BTreeSet::new(),
        own_account: None,
        labels: BTreeSet::new(),
        dummy: false,
        ..some_patient(random, &policy)
    };
    let mut random = Fixed(6);
    let mut kato = some_subject(&mut random, &policy);
    kato.user.role = tsumugi_access::Role::parse("therapist").unwrap();
    kato.user.active = true;
    kato.user.care_teams = BTreeSet::from([care_team("t1")]);
    kato.emergencies.clear();
    let mut of_team = none(&mut random);
    of_team.care_teams = BTreeSet::from([care_team("t4")]);
    let mut filter = Filter::of(&policy, &kato, Action::Read);
    assert!(!filter.lets_patient(&none(&mut random)));
    assert!(filter.lets_patient(&of_team));
    of_team.care_teams = BTreeSet::from([care_team("t5")]);
    assert!(!filter.lets_patient(&of_team));
    assert_eq!(filter.classes(), 2, "a team that nobody names is left out");
}

#[test]
fn ten_thousand_rows_are_filtered_as_cedar_decides() {
    compare(&PolicyText::default(), 1, 5_000);
    compare(&own(), 2, 5_000);
}

#[test]
#[ignore = "four minutes; run with --ignored"]
fn a_hundred_thousand_rows_are_filtered_as_cedar_decides() {
    compare(&PolicyText::default(), 3, 100_000);
    compare(&own(), 4, 100_000);
}

#[test]
#[ignore = "a measurement; run with --ignored --nocapture"]
fn how_long_a_list_of_a_hundred_thousand_patients_takes() {
    let policy = Policy::read(&PolicyText::default()).unwrap();
    let mut random = Fixed(5);
    let subject = Subject {
        user: User {
            active: true,
            ..some_subject(&mut random, &policy).user
        },
        second_factor: true,
        emergencies: BTreeSet::new(),
    };
    let patients: Vec<PatientFacts> = (0..100_000)
        .map(|number| PatientFacts {
            id: PatientId::new(number),
            ..some_patient(&mut random, &policy)
        })
        .collect();
    let begun = std::time::Instant::now();
    let mut filter = Filter::of(&policy, &subject, Action::Search);
    let shown = patients
        .iter()
        .filter(|patient| filter.lets_patient(patient))
        .count();
    let filtered = begun.elapsed();
    let begun = std::time::Instant::now();
    for patient in patients.iter().take(1_000) {
        let request = Request {
            subject: &subject,
            action: Action::Search,
            resource: Resource::Patient(patient),
        };
        policy.is_allowed(&request);
    }
    println!(
        "{shown} of 100000 shown, {} classes, {filtered:?}; 1000 single requests {:?}",
        filter.classes(),
        begun.elapsed()
    );
}
