//! How a patient's record stands to the people of the hospital: departments, care teams, who is in charge, restrictions.

use crate::access::Standing;
use crate::audit;
use crate::web::error::WebError;
use crate::web::page::{Shell, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::pages::users::names;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Path, RawForm, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tsumugi_access::{Action, CareTeamId, DepartmentId, Resource, UserId};
use tsumugi_records::{AccessKind, AuditEntity, AuditSubtype, PatientId, PatientRecord, StoreError};

/// The kinds that are typed, with the key of their text.
const TYPED: [(AccessKind, &str); 4] = [
    (AccessKind::Department, "standing.departments"),
    (AccessKind::CareTeam, "standing.teams"),
    (AccessKind::Attending, "standing.attending"),
    (AccessKind::OwnAccount, "standing.own"),
];

/// What who is signed in may change of a record: how it stands, and its restrictions.
fn may(desk: &Desk, record: &PatientRecord) -> Result<(bool, bool), WebError> {
    let standing = Standing::of(&desk.app.store, record)?;
    let actor = desk.actor()?;
    let ask = |action| {
        actor
            .ask_without_emergency(action, Resource::Patient(&standing.patient))
            .allowed
    };
    let may = (ask(Action::Write), ask(Action::Restrict));
    if may == (false, false) {
        return Err(desk.refuse_record(
            AuditSubtype::PolicyChange,
            record.id,
            "write and restrict refused",
        ));
    }
    Ok(may)
}

/// Shows how a record stands.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, PatientId::new(id), None)).await
}

fn page(desk: &Desk, id: PatientId, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let record = desk.app.store.patient(id)?;
    let (may_write, may_restrict) = may(desk, &record)?;
    desk.reads(id, None)?;
    // Read before the facts: a change in between is noticed, never overwritten.
    let seen = desk.app.store.access_version(id)?;
    let facts = desk.app.store.access_facts(id)?;
    let of = |kind| -> Vec<String> {
        let names = facts.patient.get(&kind);
        names.into_iter().flatten().cloned().collect()
    };
    let set = of(AccessKind::Label);
    let policy = desk.app.gate.policy_in_force();
    let body = html! {
        div.page-head { h1 { (ui.t("standing.title")) } p { (record.details.name) " (" (record.details.number) ")" } a.button href=(format!("/patients/{id}")) { (ui.t("previous.timeline")) } }
        (mistake(wrong))
        form.card method="post" action=(format!("/patients/{id}/access")) {
            input type="hidden" name="seen" value=(seen);
            @if may_write {
                p.hint { (ui.t("standing.says")) }
                @for (kind, key) in TYPED {
                    label.field { span { (ui.get(key).unwrap_or(key)) } input type="text" name=(kind.as_str()) value=(of(kind).join(" ")) maxlength="1000" autocomplete="off" autocapitalize="off"; }
                }
            }
            @if may_restrict {
                fieldset.field {
                    legend { (ui.t("standing.labels")) }
                    input type="hidden" name="labels" value="1";
                    @for label in policy.labels() {
                        label.choice { input type="checkbox" name="label" value=(label) checked[set.iter().any(|name| name == label.as_str())]; (ui.of("label", label.as_str())) }
                    }
                }
            }
            button.primary type="submit" { (ui.t("users.change-do")) }
        }
    };
    let title = ui.t("standing.title");
    Ok(shell(
        desk,
        &Shell {
            title,
            class: "plain",
            script: None,
        },
        &body,
    ))
}

/// Changes how a record stands.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    RawForm(form): RawForm,
) -> Response {
    answer(app, visit, move |desk| {
        let id = PatientId::new(id);
        let record = desk.app.store.patient(id)?;
        let (may_write, may_restrict) = may(desk, &record)?;
        if crate::web::bounds::has_too_many_fields(&form) {
            return Err(WebError::Bad("error.invalid"));
        }
        let fields = fields(&form);
        let of = |name: &str| fields.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut wanted: Vec<(AccessKind, BTreeSet<String>)> = Vec::new();
        // Whose own record it is shuts that person out: not for everybody who registers patients.
        let may_say_whose = may_restrict || desk.actor()?.may(Action::ReviewAccess);
        for (kind, _) in TYPED.into_iter().filter(|_| may_write) {
            if !fields.contains_key(kind.as_str()) || (kind == AccessKind::OwnAccount && !may_say_whose) {
                continue;
            }
            let typed = of(kind.as_str()).iter().flat_map(|text| names(text));
            let typed: Option<BTreeSet<String>> = typed.map(|name| read(kind, name)).collect();
            // One person is one patient.
            let typed = typed.filter(|names| kind != AccessKind::OwnAccount || names.len() <= 1);
            let Some(names) = typed else {
                let ui = desk.ui();
                let page = page(desk, id, Some(ui.t("standing.wrong")))?;
                return Ok((StatusCode::BAD_REQUEST, page).into_response());
            };
            wanted.push((kind, names));
        }
        if may_restrict && !of("labels").is_empty() {
            let labels: BTreeSet<String> = of("label").iter().cloned().collect();
            if !labels.iter().all(|label| desk.app.gate.knows_label(label)) {
                return Err(WebError::Bad("error.invalid"));
            }
            wanted.push((AccessKind::Label, labels));
        }
        let seen = of("seen").first().and_then(|seen| seen.parse().ok());
        let seen: u64 = seen.ok_or(WebError::Bad("error.invalid"))?;
        let store = &desk.app.store;
        let mut present = store.access_facts(id)?.patient;
        wanted.retain(|(kind, names)| present.remove(kind).unwrap_or_default() != *names);
        if !wanted.is_empty() {
            let mut entry = audit::of_patient(desk.actor()?, AuditSubtype::PolicyChange, id)?;
            for (kind, names) in &wanted {
                let list: Vec<&str> = names.iter().map(String::as_str).collect();
                let says = format!("{}: {}", kind.as_str(), list.join(" "));
                entry.entities.push(AuditEntity::Query(says));
            }
            let changed = store
                .audited(entry)
                .change_access(id, seen, wanted, desk.stamp()?);
            if let Err(StoreError::Conflict { .. }) = changed {
                let page = page(desk, id, Some(desk.ui().t("standing.stale")))?;
                return Ok((StatusCode::CONFLICT, page).into_response());
            }
            changed?;
        }
        // Who has just given the patient away may not see the page any more.
        Ok(Redirect::to("/").into_response())
    })
    .await
}

/// A name as it is kept; none where it is none.
fn read(kind: AccessKind, name: &str) -> Option<String> {
    match kind {
        AccessKind::Department => DepartmentId::parse(name).ok().map(String::from),
        AccessKind::CareTeam => CareTeamId::parse(name).ok().map(String::from),
        AccessKind::Attending | AccessKind::OwnAccount => UserId::parse(name).ok().map(String::from),
        AccessKind::Label => None,
    }
}

/// The fields of a form, each with all its values.
fn fields(form: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in form.split(|byte| *byte == b'&') {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (Some(name), value) = (parts.next(), parts.next().unwrap_or_default()) else {
            continue;
        };
        fields.entry(unescape(name)).or_default().push(unescape(value));
    }
    fields
}

fn unescape(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let pair = rest.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (*first, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = rest.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_may_come_twice() {
        let fields = fields(b"label=hiv&label=vip&department=internal+medicine%2C%20x&empty=&%");
        assert_eq!(fields["label"], ["hiv", "vip"]);
        assert_eq!(fields["department"], ["internal medicine, x"]);
        assert_eq!(fields["empty"], [""]);
        assert_eq!(fields["%"], [""]);
    }
}
