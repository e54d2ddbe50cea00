//! A patient's studies on the staff's screens: how each stands, a code for the phone, answering together, paper forms,
//! guardians.

use crate::audit;
use crate::consent::{self, Said, Saying, Standing};
use crate::web::Fields;
use crate::web::error::WebError;
use crate::web::my::sheet;
use crate::web::page::{Shell, age_and_sex, day, dummy_mark, moment, shell};
use crate::web::pages::account::drawn;
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Action, Resource};
use tsumugi_records::consent::{
    By, CODE_MINUTES, CodeBytes, CodeRequest, Guardian, IssuedCode, Respondent, StudyRecord, Way,
};
use tsumugi_records::{AuditSubtype, PatientId, PatientRecord, StoreError};

/// How often other bytes are drawn where a typed code is in use.
const DRAWS: usize = 4;

/// The patient, where who is signed in may ask for consent there. An emergency access is for care and not for asking.
fn patient(desk: &Desk, id: i64) -> Result<PatientRecord, WebError> {
    let store = &desk.app.store;
    let record = store.patient(store.read_under(PatientId::new(id))?)?;
    let standing = crate::access::Standing::of(store, &record)?;
    let decision = desk
        .actor()?
        .ask_without_emergency(Action::Consent, Resource::Patient(&standing.patient));
    if !decision.allowed {
        let why = format!("consent refused {}", decision.rules.join(" "));
        return Err(desk.refuse_record(AuditSubtype::Read, record.id, why.trim()));
    }
    Ok(record)
}

/// The card on the patient's page: each study in one line.
pub(crate) fn card(desk: &Desk, record: &PatientRecord) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let standing = crate::access::Standing::of(store, record)?;
    let may_ask = desk
        .actor()?
        .ask_without_emergency(Action::Consent, Resource::Patient(&standing.patient))
        .allowed;
    let mut rows = Vec::new();
    for study in consent::studies_for(store, record)? {
        let stands = consent::standing(store, record.id, &study.study.id)?.stands(&study);
        rows.push((study, stands));
    }
    Ok(html! {
        section.consent-card aria-labelledby="consent" {
            h2 #consent { (ui.t("consent.title")) }
            ul { @for (study, stands) in &rows {
                li { strong { (study.study.title) } span.hint { (ui.of("stands", stands.word())) } }
            } }
            @if may_ask { p { a.button href=(format!("/patients/{}/consent", record.id)) { (ui.t("consent.ask")) } } }
        }
    })
}

fn frame(desk: &Desk, record: &PatientRecord, title: &str, body: &Markup) -> Response {
    let ui = desk.ui();
    let body = html! {
        div.page-head {
            h1 { (title) }
            p { (dummy_mark(&ui, record.population)) (record.details.name) " (" (record.details.number) ") "
                (age_and_sex(&ui, record, crate::web::clock::today())) }
            a.button href=(format!("/patients/{}", record.id)) { (ui.t("previous.timeline")) }
        }
        (body)
    };
    let page = Shell {
        title,
        class: "plain",
        script: None,
    };
    shell(desk, &page, &body)
}

/// Shows a patient's studies.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, id, None)).await
}

fn page(desk: &Desk, id: i64, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let record = patient(desk, id)?;
    desk.reads(record.id, None)?;
    let mut rows = Vec::new();
    let mut guardians = Vec::new();
    for study in consent::studies_for(store, &record)? {
        let standing = consent::standing(store, record.id, &study.study.id)?;
        let stands = standing.stands(&study);
        guardians = standing.guardians.into_values().collect();
        rows.push((study, stands));
    }
    let id = record.id;
    let body = html! {
        (mistake(wrong))
        section.card aria-labelledby="studies" {
            h2 #studies { (ui.t("consent.studies")) }
            ul.my-list { @for (study, stands) in &rows {
                li { a href=(format!("/patients/{id}/consent/{}", study.study.id)) {
                    strong { (study.study.title) } span.says { (study.text.one_line) } span.state { (ui.of("stands", stands.word())) }
                } }
            } }
        }
        section.card aria-labelledby="phone" {
            h2 #phone { (ui.t("consent.phone")) }
            p.hint { (ui.fill("consent.phone-says", &[("minutes", &CODE_MINUTES.to_string())])) }
            form method="post" action=(format!("/patients/{id}/consent-code")) {
                (respondents(desk, &guardians))
                button.primary type="submit" { (ui.t("consent.hand-over")) }
            }
        }
        section.card aria-labelledby="guardians" {
            h2 #guardians { (ui.t("consent.guardians")) }
            p.hint { (ui.t("consent.guardians-says")) }
            @for one in &guardians {
                form method="post" action=(format!("/patients/{id}/guardians")) {
                    input type="hidden" name="id" value=(one.id);
                    input type="hidden" name="act" value="end";
                    p { strong { (one.name) } " (" (one.relation) ") " code { (one.id) } " " button type="submit" { (ui.t("consent.guardian-end")) } }
                }
            }
            form method="post" action=(format!("/patients/{id}/guardians")) {
                input type="hidden" name="act" value="add";
                div.fields {
                    label.field { span { (ui.t("consent.guardian-id")) } input type="text" name="id" required maxlength="64" autocomplete="off" autocapitalize="off"; }
                    label.field { span { (ui.t("consent.guardian-name")) } input type="text" name="name" required maxlength="64" autocomplete="off"; }
                    label.field { span { (ui.t("consent.guardian-relation")) } input type="text" name="relation" required maxlength="64" autocomplete="off"; }
                }
                button type="submit" { (ui.t("consent.guardian-add")) }
            }
        }
    };
    Ok(frame(desk, &record, ui.t("consent.title"), &body))
}

/// Who answers.
fn respondents(desk: &Desk, guardians: &[Guardian]) -> Markup {
    let ui = desk.ui();
    html! {
        fieldset.field {
            legend { (ui.t("consent.who-answers")) }
            label.choice { input type="radio" name="respondent" value="" checked; (ui.t("consent.own")) }
            @for one in guardians {
                label.choice { input type="radio" name="respondent" value=(one.id); (one.name) " (" (one.relation) ")" }
            }
        }
    }
}

fn respondent(name: &str) -> Respondent {
    if name.is_empty() {
        Respondent::Own
    } else {
        Respondent::Guardian(name.to_owned())
    }
}

/// For whom a code is handed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Handing {
    #[serde(default)]
    respondent: String,
}

/// Gives a one-time code out: as a QR code and to be typed. It is shown once.
pub(crate) async fn hand_over(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(handing): Form<Handing>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let record = patient(desk, id)?;
        let code = issue(desk, &record, &respondent(&handing.respondent))?;
        let host = desk.app.hosts.first().map_or("", String::as_str);
        let link = format!("{}{host}/my?code={}", desk.app.scheme(), code.link);
        let plain = format!("{}{host}/my", desk.app.scheme());
        let body = html! {
            section.card {
                p { (ui.t("consent.handed")) }
                div.handed {
                    (drawn(&link))
                    div {
                        p { (ui.t("consent.open-at")) " " code { (plain) } }
                        p.code { (code.typed) }
                        p.hint { (ui.fill("consent.until", &[("when", &moment(&ui, code.ends))])) }
                    }
                }
                p.hint { (ui.t("consent.handed-says")) }
                p { a.button href=(format!("/patients/{}/consent", record.id)) { (ui.t("consent.back")) } }
            }
        };
        Ok(frame(desk, &record, ui.t("consent.phone"), &body))
    })
    .await
}

fn issue(desk: &Desk, record: &PatientRecord, respondent: &Respondent) -> Result<IssuedCode, WebError> {
    let store = &desk.app.store;
    let mut last = None;
    for _ in 0..DRAWS {
        let mut bytes = CodeBytes {
            link: [0; 16],
            typed: [0; 5],
        };
        let drawn = getrandom::fill(&mut bytes.link).and_then(|()| getrandom::fill(&mut bytes.typed));
        drawn.map_err(|error| WebError::Other(error.to_string()))?;
        let request = CodeRequest {
            patient: record.id,
            encounter: None,
            respondent: respondent.clone(),
        };
        let entry = audit::of_patient(desk.actor()?, AuditSubtype::Create, record.id)?;
        match store.audited(entry).issue_code(request, bytes, desk.stamp()?) {
            Ok(code) => return Ok(code),
            Err(error @ StoreError::Conflict { .. }) => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last.map_or(WebError::NotFound, WebError::Store))
}

/// A guardian to add, or to end.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    act: String,
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    relation: String,
}

/// Notes a guardian, or that one is none any more.
pub(crate) async fn guardian(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(named): Form<Named>,
) -> Response {
    answer(app, visit, move |desk| {
        let record = patient(desk, id)?;
        let entry = audit::of_patient(desk.actor()?, AuditSubtype::Update, record.id)?;
        let store = desk.app.store.audited(entry);
        if named.act == "end" {
            store.end_guardian(record.id, named.id.trim(), desk.stamp()?)?;
        } else {
            let guardian = Guardian {
                id: named.id.trim().to_owned(),
                name: named.name.trim().to_owned(),
                relation: named.relation.trim().to_owned(),
            };
            store.note_guardian(record.id, guardian, desk.stamp()?)?;
        }
        Ok(Redirect::to(&format!("/patients/{}/consent", record.id)).into_response())
    })
    .await
}

/// What was just done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Done {
    done: Option<u64>,
    #[serde(default)]
    why: String,
}

/// Shows a study with its questions, to be answered together or entered from paper.
pub(crate) async fn study(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path((id, study)): Path<(i64, String)>,
    Query(done): Query<Done>,
) -> Response {
    answer(app, visit, move |desk| {
        let record = patient(desk, id)?;
        desk.reads(record.id, None)?;
        let study = consent::study_for(&desk.app.store, &record, &study)?;
        let standing = consent::standing(&desk.app.store, record.id, &study.study.id)?;
        Ok(study_page(desk, &record, &study, &standing, &done))
    })
    .await
}

fn study_page(
    desk: &Desk,
    record: &PatientRecord,
    study: &StudyRecord,
    standing: &Standing,
    done: &Done,
) -> Response {
    let ui = desk.ui();
    let guardians: Vec<Guardian> = standing.guardians.values().cloned().collect();
    let action = format!("/patients/{}/consent/{}", record.id, study.study.id);
    let wrong = match done.why.as_str() {
        "overtaken" => Some(ui.t("choices.overtaken")),
        "changed" => Some(ui.t("choices.changed")),
        "none" => Some(ui.t("choices.none-chosen")),
        "paper" => Some(ui.t("consent.paper-wanted")),
        _ => None,
    };
    let body = html! {
        (mistake(wrong))
        @if done.done.is_some() { p.notice role="status" { (ui.t("consent.kept")) " " (ui.of("stands", standing.stands(study).word())) } }
        section.card {
            (sheet::told(&ui, study))
            @if let Some(told) = standing.told { p.hint { (ui.fill("consent.told", &[("when", &day(&ui, told))])) } }
            form.answers.staff method="post" action=(action) {
                input type="hidden" name="text" value=(study.text_hash);
                input type="hidden" name="seen" value=(standing.seen);
                input type="hidden" name="key" value=(desk.app.request_id());
                (respondents(desk, &guardians))
                (sheet::fields(&ui, study, standing))
                fieldset.field {
                    legend { (ui.t("consent.way")) }
                    label.choice { input type="radio" name="way" value="staff" checked; (ui.t("consent.together")) }
                    label.choice { input type="radio" name="way" value="paper"; (ui.t("consent.paper")) }
                    div.fields {
                        label.field { span { (ui.t("consent.paper-place")) } input type="text" name="place" maxlength="200" autocomplete="off"; }
                        label.field { span { (ui.t("consent.paper-signed")) } input type="date" name="signed"; }
                    }
                }
                div.buttons {
                    button.primary type="submit" name="act" value="answer" { (ui.t("consent.keep")) }
                    button type="submit" name="act" value="refuse" { (ui.t("choices.refuse-all")) }
                    button type="submit" name="act" value="told" { (ui.t("consent.note-told")) }
                }
            }
        }
    };
    frame(desk, record, &study.study.title, &body)
}

/// How it was answered, as the form says; none where a paper lacks its place or its day.
fn way(fields: &Fields, staff: &str) -> Option<Way> {
    let of = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let staff = staff.to_owned();
    if of("way") != "paper" {
        return Some(Way::Staff { staff });
    }
    let signed: Date = of("signed").parse().ok()?;
    let place = of("place").to_owned();
    (!place.is_empty()).then_some(Way::Paper { staff, place, signed })
}

/// Keeps answers that were given together, or on paper.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path((id, study)): Path<(i64, String)>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let record = patient(desk, id)?;
        let study = consent::study_for(&desk.app.store, &record, &study)?;
        let said = said(desk, &record, &study, &fields);
        let why = match said {
            Ok(Some(Said::Kept(receipt))) => format!("done={}", receipt.seq),
            Ok(Some(Said::Before(seq))) => format!("done={seq}"),
            Ok(None) => "done=0".to_owned(),
            Ok(Some(Said::Overtaken)) => "why=overtaken".to_owned(),
            Err(WebError::Store(StoreError::Conflict { .. })) => "why=changed".to_owned(),
            Err(WebError::Bad("choices.none-chosen")) => "why=none".to_owned(),
            Err(WebError::Bad("consent.paper-wanted")) => "why=paper".to_owned(),
            Err(error) => return Err(error),
        };
        let address = format!("/patients/{}/consent/{}?{why}", record.id, study.study.id);
        Ok(Redirect::to(&address).into_response())
    })
    .await
}

fn said(
    desk: &Desk,
    record: &PatientRecord,
    study: &StudyRecord,
    fields: &Fields,
) -> Result<Option<Said>, WebError> {
    let store = &desk.app.store;
    let way = way(fields, desk.author()?).ok_or(WebError::Bad("consent.paper-wanted"))?;
    let name = fields.get("respondent").map(String::as_str).unwrap_or_default();
    let by = By {
        respondent: respondent(name),
        way,
    };
    let entry = audit::of_patient(desk.actor()?, AuditSubtype::Update, record.id)?;
    if fields.get("act").is_some_and(|act| act == "told") {
        store
            .audited(entry)
            .note_told(record.id, &study.study.id, by, desk.stamp()?)?;
        return Ok(None);
    }
    let saying = match sheet::read(fields, study, &by)? {
        sheet::Form::Answers(sheet) => Saying::Answers(sheet),
        sheet::Form::Withdrawal => Saying::Withdrawal(study.study.id.clone(), by),
    };
    let seen = sheet::seen(fields).ok_or(WebError::Bad("error.invalid"))?;
    let said = consent::say(store, record.id, (Some(seen), saying), desk.stamp()?, entry)?;
    consent::forget(&desk.app, &said);
    Ok(Some(said))
}
