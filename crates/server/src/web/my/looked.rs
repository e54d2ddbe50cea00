//! Who looked at the record, and who used the data for what.

use super::{Phone, is_own, page, sheet, whose};
use crate::web::page::moment;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Extension, Query, State};
use axum::response::Response;
use jiff::civil::DateTime;
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_records::consent::{DataUse, ExportState};
use tsumugi_records::{AuditId, AuditOutcome, AuditRecord, AuditSubtype};

/// Entries on a page.
const ON_A_PAGE: u32 = 50;
/// Most uses that are shown.
const USES: u32 = 200;

/// From where on.
#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    before: Option<u64>,
}

/// Shows who looked.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    visit: Visit,
    Extension(phone): Extension<Phone>,
    Query(before): Query<Before>,
) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let store = &desk.app.store;
        let patient = phone.reads(desk, AuditSubtype::AuditRead)?;
        let uses = store.data_uses(patient.id, USES)?;
        let entries = store.who_looked(patient.id, before.before.map(AuditId::new), ON_A_PAGE)?;
        let older = entries.last().filter(|_| entries.len() >= ON_A_PAGE as usize);
        let body = html! {
            h1 { (ui.t("mine.looked")) }
            (whose(desk, &phone, &patient))
            section.card #uses aria-labelledby="uses-head" {
                h2 #uses-head { (ui.t("looked.uses")) }
                @if uses.is_empty() { p.empty { (ui.t("looked.no-uses")) } }
                ul.my-entries { @for one in &uses { (used(desk, one)) } }
            }
            section.card aria-labelledby="looked-head" {
                h2 #looked-head { (ui.t("looked.looked")) }
                p.says { (ui.t("looked.says")) }
                ul.my-entries { @for entry in &entries { (looked(desk, entry)) } }
                @if let Some(older) = older { p { a.button href=(format!("/my/looked?before={}", older.id.get())) { (ui.t("who.older")) } } }
            }
        };
        Ok(page(desk, Some(&phone), ui.t("mine.looked"), &body))
    })
    .await
}

fn used(desk: &Desk, one: &DataUse) -> Markup {
    let ui = desk.ui();
    let export = &one.export;
    let kinds: Vec<String> = one.kinds.iter().map(|kind| sheet::kind_name(&ui, kind)).collect();
    let state = match export.state {
        ExportState::Running => "running",
        ExportState::Delivered => "delivered",
        ExportState::Aborted => "aborted",
        ExportState::Marked => "marked",
    };
    html! {
        li {
            time { (moment(&ui, export.stamp.at.civil())) }
            strong { (one.title) }
            p { (ui.fill("looked.to", &[("name", &export.recipient.name)])) " " (ui.of("consent-purpose", sheet::purpose_word(export.purpose))) }
            p.says { (kinds.join(ui.t("looked.comma"))) }
            p.says { (ui.of("export-state", state)) }
        }
    }
}

fn looked(desk: &Desk, record: &AuditRecord) -> Markup {
    let ui = desk.ui();
    let entry = &record.entry;
    let at = entry.at.as_str().parse::<jiff::Timestamp>();
    let at: DateTime = at.map_or_else(
        |_| entry.at.civil(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).datetime(),
    );
    let who = if is_own(&entry.agent.who) {
        ui.t("looked.self").to_owned()
    } else {
        desk.person(&entry.agent.who)
    };
    let role = entry.agent.role.as_deref().filter(|role| *role != "patient");
    html! {
        li {
            time { (moment(&ui, at)) }
            strong { (who) }
            @if let Some(role) = role { " " span.says { (ui.of("role", role)) } }
            p.says {
                (ui.of("audit", entry.subtype.code()))
                @if entry.purpose.is_some() { " " (ui.t("who.emergency")) }
                @if entry.outcome != AuditOutcome::Success { " " (ui.t("who.refused")) }
            }
        }
    }
}
