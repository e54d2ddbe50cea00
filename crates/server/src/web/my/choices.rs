//! What the person allows: a page for each study, answers of its form, and answers that waited in the browser.

use super::{Phone, page, sheet, whose};
use crate::consent::{self, Said, Saying};
use crate::web::Fields;
use crate::web::error::WebError;
use crate::web::page::moment;
use crate::web::state::{App, Desk, Visit, answer};
use axum::Json;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tsumugi_records::consent::{By, StudyRecord, Way};
use tsumugi_records::{AuditSubtype, StoreError};

/// Uses of the data that are shown beside a study.
const USES: u32 = 200;

/// Shows the studies, each with how it stands.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let store = &desk.app.store;
        let patient = phone.reads(desk, AuditSubtype::Read)?;
        let mut rows = Vec::new();
        for record in consent::studies_for(store, &patient)? {
            let stands = consent::standing(store, patient.id, &record.study.id)?.stands(&record);
            rows.push((record, stands));
        }
        let body = html! {
            h1 { (ui.t("mine.choices")) }
            (whose(desk, &phone, &patient))
            p { (ui.t("choices.says")) }
            ul.my-list {
                @for (record, stands) in &rows {
                    li { a href=(format!("/my/choices/{}", record.study.id)) {
                        strong { (record.study.title) }
                        span.says { (record.text.one_line) }
                        span.state { (ui.of("stands", stands.word())) }
                    } }
                }
            }
            p.hint { (ui.t("choices.ages")) }
        };
        Ok(page(desk, Some(&phone), ui.t("mine.choices"), &body))
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

/// Shows a study with its questions.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Path(study): Path<String>,
    Query(done): Query<Done>,
) -> Response {
    answer(app, visit, move |desk| study_page(desk, &phone, &study, &done)).await
}

fn study_page(desk: &Desk, phone: &Phone, study: &str, done: &Done) -> Result<Response, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let patient = phone.reads(desk, AuditSubtype::Read)?;
    let record = consent::study_for(store, &patient, study)?;
    let standing = consent::standing(store, patient.id, study)?;
    let uses = store.data_uses(patient.id, USES)?;
    let used = uses.iter().filter(|one| one.export.study == study).count();
    let all = consent::studies_for(store, &patient)?;
    let place = all.iter().position(|one| one.study.id == study).unwrap_or(0) + 1;
    let place = ui.fill(
        "choices.place",
        &[("number", &place.to_string()), ("all", &all.len().to_string())],
    );
    let key = desk.app.request_id();
    let body = html! {
        p { a href="/my/choices" { "\u{25c0} " (ui.t("mine.choices")) } " " span.says { (place) } }
        h1 { (record.study.title) }
        (whose(desk, phone, &patient))
        @match done.why.as_str() {
            "overtaken" => { p.mistake role="alert" { (ui.t("choices.overtaken")) } }
            "changed" => { p.mistake role="alert" { (ui.t("choices.changed")) } }
            "none" => { p.mistake role="alert" { (ui.t("choices.none-chosen")) } }
            _ => {}
        }
        @if let Some(seq) = done.done.filter(|seq| *seq == standing.seen) {
            div.notice role="status" {
                p { strong { (ui.fill("choices.done", &[("number", &seq.to_string())])) } }
                p { (ui.of("stands", standing.stands(&record).word())) }
            }
        }
        section.card {
            (sheet::told(&ui, &record))
            form.answers method="post" action=(format!("/my/choices/{study}")) data-sends=(format!("/my/api/choices/{study}"))
                data-study=(study) data-title=(record.study.title) {
                input type="hidden" name="text" value=(record.text_hash);
                input type="hidden" name="seen" value=(standing.seen);
                input type="hidden" name="key" value=(key);
                (sheet::fields(&ui, &record, &standing))
                div.buttons {
                    p.says { (ui.t("choices.any-time")) }
                    button.primary type="submit" name="act" value="answer" { (ui.t("choices.send")) }
                    button type="submit" name="act" value="refuse" { (ui.t("choices.refuse-all")) }
                }
            }
        }
        p { a href="/my/looked#uses" { (ui.fill("choices.used", &[("count", &used.to_string())])) } }
        @if standing.seen > 0 { p { a.button href=(format!("/my/receipts/{study}")) { (ui.t("choices.receipt")) } } }
    };
    Ok(page(desk, Some(phone), &record.study.title, &body))
}

/// What was said, and by whom.
fn said(desk: &Desk, phone: &Phone, study: &str, fields: &Fields) -> Result<(StudyRecord, Said), WebError> {
    let store = &desk.app.store;
    let patient = store.patient(phone.patient())?;
    let record = consent::study_for(store, &patient, study)?;
    let by = By {
        respondent: phone.session.respondent.clone(),
        way: Way::Phone,
    };
    let saying = match sheet::read(fields, &record, &by)? {
        sheet::Form::Answers(sheet) => Saying::Answers(sheet),
        sheet::Form::Withdrawal => Saying::Withdrawal(study.to_owned(), by),
    };
    // A form without it has not been shown by us: it would overwrite whatever stands.
    let seen = sheet::seen(fields).ok_or(WebError::Bad("error.invalid"))?;
    let entry = phone.entry(AuditSubtype::Update)?;
    let said = consent::say(store, patient.id, (Some(seen), saying), phone.stamp(), entry)?;
    consent::forget(&desk.app, &said);
    phone.is_told();
    Ok((record, said))
}

/// Takes the answers of the form.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Path(study): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let why = match said(desk, &phone, &study, &fields) {
            Ok((_, Said::Kept(receipt))) => format!("done={}", receipt.seq),
            Ok((_, Said::Before(seq))) => format!("done={seq}"),
            Ok((_, Said::Overtaken)) => "why=overtaken".to_owned(),
            Err(WebError::Store(StoreError::Conflict { .. })) => "why=changed".to_owned(),
            Err(WebError::Bad("choices.none-chosen")) => "why=none".to_owned(),
            Err(error) => return Err(error),
        };
        // The page that follows leaves its own entry; what was refused here told nothing of the record.
        phone.is_told();
        Ok(Redirect::to(&format!("/my/choices/{study}?{why}")).into_response())
    })
    .await
}

/// What the island is told of what it sent.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    state: &'static str,
    says: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<u64>,
}

/// Takes what the island sends, at once or after the line was lost.
pub(crate) async fn take(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Path(study): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let (status, state, says, seen) = match said(desk, &phone, &study, &fields) {
            Ok((record, done @ (Said::Kept(_) | Said::Before(_)))) => {
                let standing = consent::standing(&desk.app.store, phone.patient(), &study)?;
                let when = moment(&ui, crate::web::clock::civil_now());
                let stands = ui.of("stands", standing.stands(&record).word());
                let key = match done {
                    Said::Before(_) => "choices.effective-before",
                    _ => "choices.effective",
                };
                let says = ui.fill(key, &[("when", &when), ("stands", &stands)]);
                (StatusCode::OK, "done", says, Some(standing.seen))
            }
            Ok((_, Said::Overtaken)) => (
                StatusCode::CONFLICT,
                "overtaken",
                ui.t("choices.overtaken").to_owned(),
                None,
            ),
            Err(WebError::Store(StoreError::Conflict { .. })) => (
                StatusCode::CONFLICT,
                "changed",
                ui.t("choices.changed").to_owned(),
                None,
            ),
            Err(
                WebError::Bad(_) | WebError::Store(StoreError::Invalid { .. } | StoreError::NotFound { .. }),
            ) => (
                StatusCode::BAD_REQUEST,
                "invalid",
                ui.t("choices.invalid").to_owned(),
                None,
            ),
            Err(error) => return Err(error),
        };
        Ok((status, Json(Told { state, says, seen })).into_response())
    })
    .await
}

/// The person's receipt of a study: FHIR Consent.
pub(crate) async fn receipt(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Path(study): Path<String>,
) -> Response {
    answer(app, visit, move |desk| {
        let patient = phone.reads(desk, AuditSubtype::Read)?;
        let mut receipts = desk.app.store.consent_receipts(patient.id)?;
        receipts.retain(|receipt| receipt.study == study);
        let newest = receipts.into_iter().max_by_key(|receipt| receipt.seq);
        let newest = newest.ok_or(WebError::NotFound)?;
        let name = format!(
            "attachment; filename=\"consent-{}-{}.json\"",
            newest.study, newest.version
        );
        let headers = [
            (header::CONTENT_TYPE, "application/fhir+json".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        Ok((headers, newest.resource.to_string()).into_response())
    })
    .await
}
