//! Who looked: the audit trail of one patient, for those who may read the record and for those who review.

use crate::access::Standing;
use crate::audit;
use crate::web::page::{Shell, shell};
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::{Action, Resource};
use tsumugi_records::{AuditId, AuditOutcome, AuditRecord, AuditSubtype, PatientId};

/// Entries on a page.
const ON_A_PAGE: u32 = 100;

/// From where on.
#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    before: Option<u64>,
}

/// Shows who looked.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(before): Query<Before>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let record = desk.app.store.patient(PatientId::new(id))?;
        let standing = Standing::of(&desk.app.store, &record)?;
        let actor = desk.actor()?;
        let may_read = actor
            .ask(Action::Read, Resource::Patient(&standing.patient))
            .allowed;
        if !may_read && !actor.may(Action::ReviewAccess) {
            return Err(desk.refuse_record(AuditSubtype::AuditRead, record.id, "read refused"));
        }
        let entry = audit::of_patient(actor, AuditSubtype::AuditRead, record.id)?;
        desk.app.store.audit_read(&entry)?;
        let entries = desk
            .app
            .store
            .who_looked(record.id, before.before.map(AuditId::new), ON_A_PAGE)?;
        let older = entries.last().filter(|_| entries.len() >= ON_A_PAGE as usize);
        let whose = if may_read {
            format!("{} ({})", record.details.name, record.details.number)
        } else {
            record.details.number.clone()
        };
        let body = html! {
            div.page-head { h1 { (ui.t("who.title")) } p { (whose) }
                @if may_read { a.button href=(format!("/patients/{id}")) { (ui.t("previous.timeline")) } } }
            p.hint { (ui.t("who.says")) }
            table.grid.who-looked {
                thead { tr { th scope="col" { (ui.t("who.when")) } th scope="col" { (ui.t("who.who")) } th scope="col" { (ui.t("who.what")) } th scope="col" { (ui.t("who.from")) } } }
                tbody { @for entry in &entries { (row(desk, entry)) } }
            }
            @if let Some(older) = older { p { a.button href=(format!("/patients/{id}/who?before={}", older.id.get())) { (ui.t("who.older")) } } }
        };
        let title = ui.t("who.title");
        Ok(shell(desk, &Shell { title, class: "list", script: None }, &body))
    })
    .await
}

fn row(desk: &Desk, record: &AuditRecord) -> Markup {
    let ui = desk.ui();
    let entry = &record.entry;
    let at = entry.at.as_str().parse::<jiff::Timestamp>().map_or_else(
        |_| entry.at.as_str().to_owned(),
        |at| {
            at.to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    );
    let reason = entry
        .purpose
        .as_ref()
        .and_then(|purpose| purpose.reason.as_deref());
    html! {
        tr {
            td data-label=(ui.t("who.when")) { time { (at) } }
            td data-label=(ui.t("who.who")) {
                (desk.person(&entry.agent.who))
                @if let Some(person) = &entry.agent.on_behalf_of { " " (ui.fill("who.for", &[("name", &desk.person(person))])) }
                @if let Some(role) = &entry.agent.role { " " span.hint { (ui.of("role", role)) } }
            }
            td data-label=(ui.t("who.what")) {
                (ui.of("audit", entry.subtype.code()))
                @if entry.purpose.is_some() && entry.subtype != AuditSubtype::BreakGlass { " " span.off { (ui.t("who.emergency")) } }
                @if entry.outcome != AuditOutcome::Success { " " span.off { (ui.t("who.refused")) } }
                @if let Some(reason) = reason { " " q { (reason) } }
            }
            td data-label=(ui.t("who.from")) { (entry.address.as_deref().unwrap_or_default()) }
        }
    }
}
