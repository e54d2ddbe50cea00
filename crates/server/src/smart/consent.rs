//! The page on which a person agrees: which app, what it gets, whose record.

use super::asked::Asked;
use super::authorize::Leads;
use super::cors::origin_of;
use crate::audit;
use crate::web::{Desk, Shell, Ui, WebError, escape, listed_patients, shell};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use tsumugi_access::Action;
use tsumugi_records::{AuditEntity, AuditSubtype, PatientId, PatientRecord, Population};

/// Most patients that are offered.
const MOST: usize = 20;

/// Draws the page. `search` is what the patients are narrowed to; `wrong` is the key of what is missing.
pub(super) fn page(
    desk: &Desk,
    asked: &Asked,
    search: &str,
    wrong: Option<&'static str>,
) -> Result<Response, WebError> {
    let ui = desk.ui();
    let launched = match &asked.launch {
        Some((_, launch)) => Some(launched(desk, PatientId::new(launch.patient.get()))?),
        None => None,
    };
    let choice = if asked.picks {
        Some(offered(desk, search)?)
    } else {
        None
    };
    let leads = leads(&asked.redirect);
    let body = html! {
        section.card.narrow.consent {
            h1 { (ui.fill("smart.title", &[("app", &asked.app.name)])) }
            @if let Some(key) = wrong { p.mistake role="alert" { (ui.get(key).unwrap_or(key)) } }
            p { (ui.fill("smart.says", &[("app", &asked.app.name), ("name", &desk.person(desk.author()?))])) }
            ul.scopes { @for word in asked.scopes.words() { li { (scope(&ui, &word)) " " code { (word) } } } }
            p.hint { (ui.fill("smart.leads", &[("address", &leads)])) }
            @if choice.is_some() { (narrowing(&ui, asked, search)) }
            form method="post" action="/oauth/authorize" {
                (carried(asked))
                @if let Some(record) = &launched {
                    p { (ui.t("smart.patient")) " " strong { (record.details.name) } " " (record.details.number) }
                }
                @if let Some(records) = &choice {
                    fieldset.field { legend { (ui.t("smart.whose")) }
                        @if records.is_empty() { p.empty { (ui.t("patients.none-found")) } }
                        @for record in records {
                            label.choice { input type="radio" name="patient" value=(record.id) required; (record.details.name) " " (record.details.number)
                                (crate::web::dummy_mark(&ui, record.population)) }
                        }
                    }
                }
                div.buttons {
                    button.primary type="submit" name="decision" value="allow" { (ui.t("smart.allow")) }
                    button type="submit" name="decision" value="deny" formnovalidate { (ui.t("smart.deny")) }
                }
            }
            p.hint { (ui.t("smart.withdraw-says")) }
        }
    };
    let title = ui.fill("smart.title", &[("app", &asked.app.name)]);
    let page = Shell {
        title: &title,
        class: "plain",
        script: None,
    };
    let mut response = shell(desk, &page, &body);
    response.extensions_mut().insert(Leads(leads));
    Ok(response)
}

/// The page that says why nothing can be agreed to, and what to do.
pub(super) fn refused(desk: &Desk, key: &'static str) -> Response {
    let ui = desk.ui();
    let body = html! {
        section.card.narrow {
            h1 { (ui.t("smart.refused")) }
            p role="alert" { (ui.get(key).unwrap_or(key)) }
            div.buttons { a.button href="/" { (ui.t("error.back")) } }
        }
    };
    let title = ui.t("smart.refused");
    let page = Shell {
        title,
        class: "plain",
        script: None,
    };
    (StatusCode::BAD_REQUEST, shell(desk, &page, &body)).into_response()
}

/// The origin of the app's address, or its own scheme.
fn leads(redirect: &str) -> String {
    let scheme = || redirect.split_once(':').map(|(scheme, _)| format!("{scheme}:"));
    let origin = origin_of(redirect).map(str::to_owned);
    origin.or_else(scheme).unwrap_or_default()
}

/// The patient of a launch: shown only to who may read the record.
fn launched(desk: &Desk, patient: PatientId) -> Result<PatientRecord, WebError> {
    let record = desk.app.store.patient(patient)?;
    desk.may(Action::Read, &record)?;
    desk.reads(patient, None)?;
    Ok(record)
}

/// The patients that may be chosen.
fn offered(desk: &Desk, search: &str) -> Result<Vec<PatientRecord>, WebError> {
    let mut entry = audit::of(desk.actor()?, AuditSubtype::Search)?;
    entry.entities.push(AuditEntity::Query(format!("app: {search}")));
    desk.app.store.audit_read(&entry)?;
    let mut records = listed_patients(desk, Population::Real, search)?;
    records.extend(listed_patients(desk, Population::Dummy, search)?);
    records.truncate(MOST);
    Ok(records)
}

fn carried(asked: &Asked) -> Markup {
    html! { @for (name, value) in &asked.pairs { input type="hidden" name=(name) value=(value); } }
}

fn narrowing(ui: &Ui<'_>, asked: &Asked, search: &str) -> Markup {
    html! {
        form.find method="get" action="/oauth/authorize" role="search" {
            (carried(asked))
            label.hidden for="q" { (ui.t("patients.find")) }
            input #q type="search" name="q" value=(search) placeholder=(ui.t("patients.find")) autocomplete="off";
            button type="submit" { (ui.t("patients.find-go")) }
        }
    }
}

/// A scope in words.
pub(super) fn scope(ui: &Ui<'_>, word: &str) -> String {
    let resource = word.split_once('/').and_then(|(level, rest)| {
        let (kind, letters) = rest.split_once('.')?;
        Some((level, kind, letters))
    });
    let Some((level, kind, letters)) = resource else {
        return ui.of("smart.scope", &escape(word).replace("%2F", "-"));
    };
    let kind = if kind == "*" {
        ui.t("smart.all-kinds")
    } else {
        kind
    };
    let done: Vec<String> = letters
        .chars()
        .map(|letter| ui.of("smart.letter", &letter.to_string()))
        .collect();
    let level = ui.of("smart.level", level);
    ui.fill(
        "smart.resource",
        &[
            ("level", &level),
            ("kind", kind),
            ("done", &done.join(ui.t("smart.and"))),
        ],
    )
}
