//! The list of patients, real ones and dummies apart, and a new one.

use crate::audit;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, age_and_sex, day, dummy_mark, moment, shell};
use crate::web::state::{App, Desk, Visit, answer};
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::Sex;
use tsumugi_records::{
    AccessKind, AuditEntity, AuditSubtype, PatientDetails, PatientFilter, PatientId, PatientRecord,
    Population, StoreError,
};

/// Most patients listed of each population; the box above the list finds the others.
const MOST: u32 = 200;
/// Longest field of a patient's record.
const LONGEST_FIELD: usize = 200;

/// What the list is narrowed to.
#[derive(Debug, Deserialize)]
pub(crate) struct Narrowed {
    #[serde(default)]
    q: String,
}

/// The list.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(query): Query<Narrowed>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let ui = desk.ui();
        let (real, dummies) = (
            allowed(desk, Population::Real, query.q.trim())?,
            allowed(desk, Population::Dummy, query.q.trim())?,
        );
        listed(desk, real.iter().chain(&dummies))?;
        let may_register = desk.actor()?.may(Action::Register);
        let body = html! {
            div.page-head {
                h1 { (ui.t("patients.title")) }
                form.find method="get" action="/" role="search" {
                    label.hidden for="q" { (ui.t("patients.find")) }
                    input #q type="search" name="q" value=(query.q) placeholder=(ui.t("patients.find")) autocomplete="off";
                    button type="submit" { (ui.t("patients.find-go")) }
                }
                @if may_register { a.button.primary href="/patients/new" { (ui.t("patients.new")) } }
            }
            @if desk.actor()?.session.first_run { (crate::web::pages::first_run::invitation(&ui)) }
            (crate::web::pages::confirmations::notice(desk)?)
            (drafts(desk)?)
            section.patients aria-labelledby="real" {
                h2 #real { (ui.t("patients.real")) " " span.count { (real.len()) } }
                @if real.is_empty() {
                    p.empty { (if query.q.is_empty() { ui.t("patients.none") } else { ui.t("patients.none-found") }) }
                } @else { (table(desk, &real)) }
            }
            @if !dummies.is_empty() {
                section.patients.dummies aria-labelledby="dummies" {
                    h2 #dummies { (ui.t("patients.dummies")) " " span.count { (dummies.len()) } }
                    p.hint { (ui.t("dummy.says")) }
                    (table(desk, &dummies))
                }
            }
        };
        Ok(shell(desk, &Shell { title: ui.t("patients.title"), class: "list", script: None }, &body))
    })
    .await
}

/// Leaves the entry of the list, with the patients that it shows: one entry, since a line of it tells no more than that
/// there is a patient. It is durable before the list leaves.
fn listed<'a>(desk: &Desk, shown: impl Iterator<Item = &'a PatientRecord>) -> Result<(), WebError> {
    let mut entry = audit::of(desk.actor()?, AuditSubtype::Search)?;
    entry.entities.push(AuditEntity::Query(desk.visit.here.clone()));
    let shown: Vec<String> = shown.map(|record| record.id.to_string()).collect();
    let says = format!("shown patients ({}): {}", shown.len(), shown.join(" "));
    entry.entities.push(AuditEntity::Query(says));
    desk.app.store.audit_read(&entry)?;
    Ok(())
}

/// Most patients that are looked through at once for those who may be listed.
const LOOKED_THROUGH: u32 = 1000;

/// The first patients, in the order of their ids, who may be listed.
pub(crate) fn allowed(
    desk: &Desk,
    population: Population,
    text: &str,
) -> Result<Vec<PatientRecord>, WebError> {
    let mut rows = desk.rows(Action::Search, population)?;
    let mut found: Vec<PatientRecord> = Vec::new();
    let mut after = None;
    loop {
        let filter = PatientFilter {
            population,
            text,
            after,
            limit: LOOKED_THROUGH,
        };
        let page = desk.app.store.list_patients(&filter)?;
        let is_last = page.len() < LOOKED_THROUGH as usize;
        after = page.last().map(|record| record.id);
        found.extend(page.into_iter().filter(|record| rows.patient(record.id)));
        if is_last || found.len() >= MOST as usize {
            found.truncate(MOST as usize);
            return Ok(found);
        }
    }
}

fn table(desk: &Desk, patients: &[PatientRecord]) -> Markup {
    let ui = desk.ui();
    let today = clock::today();
    html! {
        table.grid {
            thead { tr {
                th scope="col" { (ui.t("patient.name")) }
                th scope="col" { (ui.t("patient.age")) }
                th scope="col" { (ui.t("patient.birth")) }
                th scope="col" { (ui.t("patient.number")) }
                th scope="col" { span.hidden { (ui.t("patients.actions")) } }
            } }
            tbody {
                @for record in patients {
                    tr {
                        td.who {
                            a href=(format!("/patients/{}", record.id)) {
                                (record.details.name)
                                span.kana { (record.details.kana) }
                            }
                            (dummy_mark(&ui, record.population))
                        }
                        td data-label=(ui.t("patient.age")) { (age_and_sex(&ui, record, today)) }
                        td data-label=(ui.t("patient.birth")) { (record.details.birth_date.map(|date| day(&ui, date)).unwrap_or_default()) }
                        td.number data-label=(ui.t("patient.number")) { (record.details.number) }
                        td.actions { a.button href=(format!("/open?patient={}", escape(&record.details.number))) { (ui.t("patients.write")) } }
                    }
                }
            }
        }
    }
}

/// Notes that the author has begun and not signed.
fn drafts(desk: &Desk) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let mut rows = Vec::new();
    for key in store.drafts_of(desk.author()?)? {
        let (Some(draft), patient) = (store.draft(&key)?, store.patient(key.patient)?) else {
            continue;
        };
        let mut rows_of = desk.rows_of(Action::Search, &patient)?;
        if !rows_of.patient(patient.id) {
            continue;
        }
        let encounter = match key.encounter {
            Some(encounter) => store.encounter(encounter)?.external,
            None => None,
        };
        if !draft.text.trim().is_empty() {
            rows.push((patient, encounter, draft));
        }
    }
    Ok(html! {
        @if !rows.is_empty() {
            section.drafts aria-labelledby="drafts" {
                h2 #drafts { (ui.t("drafts.open")) }
                ul {
                    @for (patient, encounter, draft) in &rows {
                        @let number = escape(&patient.details.number);
                        @let visit = encounter.as_deref().map(|id| format!("&encounter={}", escape(id))).unwrap_or_default();
                        li {
                            a href=(format!("/open?patient={number}{visit}")) {
                                strong { (patient.details.name) } (dummy_mark(&ui, patient.population))
                                span.start { (first_line(&draft.text)) }
                                time { (moment(&ui, draft.at.civil())) }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn first_line(text: &str) -> String {
    const LENGTH: usize = 48;
    text.trim()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(LENGTH)
        .collect()
}

/// The form of a new patient.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct NewPatient {
    #[serde(default)]
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    kana: String,
    #[serde(default)]
    sex: String,
    #[serde(default)]
    birth: String,
}

/// Asks for a new patient.
pub(crate) async fn new(
    State(app): State<Arc<App>>,
    visit: Visit,
    Query(given): Query<NewPatient>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        Ok(form(desk, &given, None))
    })
    .await
}

/// Creates a patient; what cannot be is asked again, with nothing lost.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    visit: Visit,
    Form(given): Form<NewPatient>,
) -> Response {
    answer(app, visit, move |desk| {
        let details = match read(&given) {
            Ok(details) => details,
            Err(key) => return Ok(form(desk, &given, Some(key))),
        };
        // A number names one patient in a link, so that a dummy's number is taken too.
        let is_dummys = desk
            .app
            .store
            .find_patient(Population::Dummy, &details.number)?
            .is_some();
        if is_dummys {
            return Ok(form(desk, &given, Some("error.number-taken")));
        }
        match register(desk, details) {
            Ok(id) => Ok(Redirect::to(&format!("/patients/{id}")).into_response()),
            Err(WebError::Store(StoreError::Conflict { .. })) => {
                Ok(form(desk, &given, Some("error.number-taken")))
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// Registers a patient: a dummy in the first run, which ends with the first real one. Who registers has the patient in
/// charge and in the department until that is changed.
fn register(desk: &Desk, details: PatientDetails) -> Result<PatientId, WebError> {
    let actor = desk.actor()?;
    let population = if actor.session.first_run {
        Population::Dummy
    } else {
        Population::Real
    };
    let entry = audit::of(actor, AuditSubtype::Create)?;
    let store = &desk.app.store;
    let id = store
        .audited(entry)
        .create_patient(population, details, desk.stamp()?)?;
    if population == Population::Real {
        let one = |name: &str| BTreeSet::from([name.to_owned()]);
        for (kind, name) in [
            (AccessKind::Department, actor.user().department.as_str()),
            (AccessKind::Attending, actor.user().id.as_str()),
        ] {
            store.set_access_names(id, None, kind, one(name), desk.stamp()?)?;
        }
    }
    Ok(id)
}

fn read(given: &NewPatient) -> Result<PatientDetails, &'static str> {
    let field = |text: &str| -> String {
        text.trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_FIELD)
            .collect()
    };
    let (number, name) = (field(&given.number), field(&given.name));
    if number.is_empty() || name.is_empty() {
        return Err("error.patient-fields");
    }
    let sex = match given.sex.as_str() {
        "male" => Sex::Male,
        "female" => Sex::Female,
        _ => Sex::Unknown,
    };
    let birth_date: Option<Date> = match given.birth.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| "error.birth")?),
    };
    if birth_date.is_some_and(|birth| birth > clock::today()) {
        return Err("error.birth");
    }
    Ok(PatientDetails {
        number,
        name,
        kana: field(&given.kana),
        sex,
        birth_date,
    })
}

fn form(desk: &Desk, given: &NewPatient, mistake: Option<&'static str>) -> Response {
    let ui = desk.ui();
    let field = |name: &str, label: &str, value: &str, needed: bool| {
        html! {
            div.field {
                label for=(name) { (label) @if !needed { span.optional { (ui.t("form.optional")) } } }
                input id=(name) type="text" name=(name) value=(value) required[needed] maxlength=(LONGEST_FIELD) autocomplete="off";
            }
        }
    };
    let body = html! {
        section.card.narrow {
            h1 { (ui.t("patients.new")) }
            @if desk.actor().is_ok_and(|actor| actor.session.first_run) { p.notice { (ui.t("first-run.dummy")) } }
            @if let Some(mistake) = mistake { p.mistake role="alert" { (ui.get(mistake).unwrap_or(mistake)) } }
            form method="post" action="/patients" {
                (field("number", ui.t("patient.number-long"), &given.number, true))
                (field("name", ui.t("patient.name"), &given.name, true))
                (field("kana", ui.t("patient.kana"), &given.kana, false))
                fieldset.field {
                    legend { (ui.t("patient.sex")) }
                    @for (value, text) in [("male", ui.t("sex.male")), ("female", ui.t("sex.female")), ("unknown", ui.t("sex.unknown"))] {
                        label.choice { input type="radio" name="sex" value=(value) checked[given.sex == value || (given.sex.is_empty() && value == "unknown")]; (text) }
                    }
                }
                div.field {
                    label for="birth" { (ui.t("patient.birth")) span.optional { (ui.t("form.optional")) } }
                    input #birth type="date" name="birth" value=(given.birth) max=(clock::today());
                }
                div.buttons {
                    button.primary type="submit" { (ui.t("patients.create")) }
                    a.button href="/" { (ui.t("form.cancel")) }
                }
            }
        }
    };
    shell(
        desk,
        &Shell {
            title: ui.t("patients.new"),
            class: "plain",
            script: None,
        },
        &body,
    )
}
