//! Notes that were entered on behalf of a physician: what waits for whom, confirming, sending back.

use crate::audit;
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, dummy_mark, moment, shell};
use crate::web::state::{App, Desk, Visit, answer};
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::{ToSpan, civil::DateTime};
use maud::{Markup, html};
use serde::Deserialize;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_records::{
    AuditAction, AuditEntity, AuditEntry, AuditSubtype, DocumentId, LONGEST_REASON, PatientRecord,
    Population, Unconfirmed,
};

/// Hours after which a note that nobody confirmed is listed for those who oversee.
const OVERDUE_HOURS: i64 = 24;
/// Most notes of a list.
const MOST: usize = 200;

/// What waits, as who is signed in sees it.
#[derive(Default)]
struct Waiting {
    /// For who is signed in.
    own: Vec<Row>,
    /// For others in whose place who is signed in may confirm.
    others: Vec<Row>,
    /// Sent back to who is signed in.
    returned: Vec<Row>,
    /// For whomever, longer than a day: for those who oversee.
    overdue: Vec<Row>,
}

struct Row {
    open: Unconfirmed,
    patient: PatientRecord,
}

/// Whether a note has waited too long.
fn is_overdue(open: &Unconfirmed, now: DateTime) -> bool {
    let last = open.since.civil().checked_add(OVERDUE_HOURS.hours());
    last.is_ok_and(|last| last < now)
}

/// Whether who is signed in looks after what nobody confirms.
fn oversees(desk: &Desk) -> Result<bool, WebError> {
    Ok(desk.actor()?.may(Action::Oversee))
}

fn waiting(desk: &Desk) -> Result<Waiting, WebError> {
    let (me, store) = (desk.author()?, &desk.app.store);
    let (oversees, now) = (oversees(desk)?, crate::chart::now());
    let mut rows = [
        desk.rows(Action::Search, Population::Real)?,
        desk.rows(Action::Search, Population::Dummy)?,
    ];
    let mut waiting = Waiting::default();
    for open in store.unconfirmed(None)? {
        let patient = store.patient(open.patient)?;
        let [real, dummies] = &mut rows;
        let rows = match patient.population {
            Population::Real => real,
            Population::Dummy => dummies,
        };
        if !rows.document(open.patient, Some(open.document))? {
            continue;
        }
        let is_late = oversees && is_overdue(&open, now);
        let list = if open.is_returned && open.author == me {
            Some(&mut waiting.returned)
        } else if !open.is_returned && open.physician == me {
            Some(&mut waiting.own)
        } else if !open.is_returned && desk.may_confirm(&patient, open.document)? {
            Some(&mut waiting.others)
        } else {
            None
        };
        let row = || Row {
            open: open.clone(),
            patient: patient.clone(),
        };
        for list in list.into_iter().chain(is_late.then_some(&mut waiting.overdue)) {
            if list.len() < MOST {
                list.push(row());
            }
        }
    }
    Ok(waiting)
}

/// The list, with what it shows in the audit trail.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let waiting = waiting(desk)?;
        let lists = [
            ("own", &waiting.own),
            ("returned", &waiting.returned),
            ("others", &waiting.others),
            ("overdue", &waiting.overdue),
        ];
        let mut entry = audit::of(desk.actor()?, AuditSubtype::Search)?;
        let shown: Vec<String> = lists
            .iter()
            .flat_map(|(_, list)| list.iter())
            .map(|row| row.open.document.to_string())
            .collect();
        entry.entities.push(AuditEntity::Query(format!(
            "unconfirmed notes: {}",
            shown.join(" ")
        )));
        desk.app.store.audit_read(&entry)?;
        let body = html! {
            div.page-head { h1 { (ui.t("confirm.title")) } }
            p.hint { (ui.t("confirm.says")) }
            @if shown.is_empty() { p.empty { (ui.t("confirm.none")) } }
            @for (word, list) in lists {
                @if !list.is_empty() {
                    section.confirmations aria-labelledby=(word) {
                        h2 id=(word) { (ui.of("confirm", word)) " " span.count { (list.len()) } }
                        (table(desk, list))
                    }
                }
            }
        };
        let title = ui.t("confirm.title");
        Ok(shell(
            desk,
            &Shell {
                title,
                class: "list",
                script: None,
            },
            &body,
        ))
    })
    .await
}

fn table(desk: &Desk, list: &[Row]) -> Markup {
    let ui = desk.ui();
    html! {
        table.grid {
            thead { tr {
                th scope="col" { (ui.t("patient.name")) } th scope="col" { (ui.t("confirm.note")) }
                th scope="col" { (ui.t("confirm.by")) } th scope="col" { (ui.t("confirm.for")) }
                th scope="col" { (ui.t("confirm.since")) }
            } }
            tbody {
                @for row in list {
                    tr {
                        td.who { (row.patient.details.name) " " (dummy_mark(&ui, row.patient.population)) span.number { (row.patient.details.number) } }
                        td data-label=(ui.t("confirm.note")) {
                            a href=(format!("/documents/{}", row.open.document)) { (ui.t("confirm.open")) }
                            @if row.open.is_returned { " " span.refused { (ui.t("confirm.is-returned")) } " " q { (row.open.reason) } }
                        }
                        td data-label=(ui.t("confirm.by")) { (desk.person(&row.open.author)) }
                        td data-label=(ui.t("confirm.for")) { (desk.person(&row.open.physician)) }
                        td data-label=(ui.t("confirm.since")) { time { (moment(&ui, row.open.since.civil())) } }
                    }
                }
            }
        }
    }
}

/// What waits for who is signed in, above the list of patients.
pub(super) fn notice(desk: &Desk) -> Result<Markup, WebError> {
    let ui = desk.ui();
    // Only what the list shows is counted.
    let waiting = waiting(desk)?;
    let counts = [
        ("own", waiting.own.len()),
        ("returned", waiting.returned.len()),
        ("overdue", waiting.overdue.len()),
    ];
    Ok(html! {
        @if counts.iter().any(|(_, count)| *count > 0) {
            p.notice.to-confirm role="status" {
                @for (word, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                    a href=(format!("/confirmations#{word}")) { (ui.of("confirm", word)) " " span.count { (count) } } " "
                }
            }
        }
    })
}

/// How a note that was entered on behalf of a physician stands, above its text.
pub(super) fn banner(
    desk: &Desk,
    patient: &PatientRecord,
    document: DocumentId,
    version: u32,
) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let steps = desk.app.store.confirmations(document)?;
    let open = desk.app.store.unconfirmed_of(patient.id)?.remove(&document);
    let is_newest = open.as_ref().is_some_and(|open| open.version == version);
    let waits = open.as_ref().is_some_and(|open| !open.is_returned);
    let may = waits && is_newest && desk.may_confirm(patient, document)?;
    let mine = open
        .as_ref()
        .is_some_and(|open| open.is_returned && desk.author().is_ok_and(|me| me == open.author));
    let add = format!(
        "/open?patient={}&addendum={document}",
        escape(&patient.details.number)
    );
    Ok(html! {
        @if let Some(open) = &open {
            div.notice.unconfirmed role="status" {
                p { strong { (ui.t("confirm.unconfirmed")) } " " (ui.fill("confirm.waits-for", &[("author", &desk.person(&open.author)), ("physician", &desk.person(&open.physician))])) }
                @if open.is_returned { p { (ui.t("confirm.is-returned")) ": " q { (open.reason) } } }
                @if mine { p { a.button.primary href=(add) { (ui.t("confirm.add")) } } }
                @if may {
                    form method="post" action=(format!("/confirmations/{document}")) {
                        input type="hidden" name="version" value=(version);
                        button.primary type="submit" name="action" value="confirm" { (ui.t("confirm.do")) }
                    }
                    form method="post" action=(format!("/confirmations/{document}")) {
                        input type="hidden" name="version" value=(version);
                        label.field { span { (ui.t("confirm.reason")) } input type="text" name="reason" required maxlength=(LONGEST_REASON) autocomplete="off"; }
                        button type="submit" name="action" value="return" { (ui.t("confirm.return")) }
                    }
                }
            }
        }
        @if !steps.is_empty() {
            details.steps { summary { (ui.t("confirm.steps")) }
                ol { @for step in &steps {
                    @let word = match step.step {
                        tsumugi_records::ConfirmationStep::Entered => "step-entered",
                        tsumugi_records::ConfirmationStep::Confirmed => "step-confirmed",
                        tsumugi_records::ConfirmationStep::Returned => "step-returned",
                    };
                    li { (moment(&ui, step.stamp.at.civil())) " " (ui.of("confirm", word)) " " (desk.person(&step.stamp.author)) @if !step.reason.is_empty() { " " q { (step.reason) } } }
                } }
            }
        }
    })
}

/// What a form sends.
#[derive(Debug, Deserialize)]
pub(crate) struct Decided {
    version: u32,
    #[serde(default)]
    action: String,
    #[serde(default)]
    reason: String,
}

/// Confirms a note, or sends it back.
pub(crate) async fn decide(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(decided): Form<Decided>,
) -> Response {
    answer(app, visit, move |desk| {
        let id = DocumentId::new(id);
        let document = desk.app.store.document(id)?;
        let patient = desk.app.store.patient(document.patient)?;
        desk.may_document(Action::Read, &patient, &document)?;
        if !desk.may_confirm(&patient, id)? {
            return Err(desk.refuse_record(AuditSubtype::Sign, patient.id, "confirm refused"));
        }
        match decided.action.as_str() {
            "confirm" => desk.app.confirm_note(desk, &patient, id, decided.version)?,
            "return" => {
                let entry = step_entry(desk, &patient, AuditSubtype::Update, "sent back")?;
                let store = desk.app.store.audited(entry);
                store.send_back(id, decided.version, &decided.reason, desk.stamp()?)?;
            }
            _ => return Err(WebError::Bad("error.invalid")),
        }
        Ok(Redirect::to("/confirmations").into_response())
    })
    .await
}

fn step_entry(
    desk: &Desk,
    patient: &PatientRecord,
    subtype: AuditSubtype,
    says: &str,
) -> Result<AuditEntry, WebError> {
    let mut entry = audit::of_patient(desk.actor()?, subtype, patient.id)?;
    entry.action = AuditAction::Update;
    entry.entities.push(AuditEntity::Query(says.to_owned()));
    Ok(entry)
}

impl App {
    /// Confirms a note: from then on it is a signed one, read anew against the record, and its case is learned.
    pub(crate) fn confirm_note(
        &self,
        desk: &Desk,
        patient: &PatientRecord,
        id: DocumentId,
        seen: u32,
    ) -> Result<(), WebError> {
        let standing = crate::access::Standing::of(&self.store, patient)?;
        let (_, notes) = desk.events(&standing)?;
        let lets = |origin: &tsumugi_records::EventOrigin| notes.lets(origin);
        let record = crate::chart::record_within(&self.store, patient, Some(id), &lets)?;
        let entry = step_entry(desk, patient, AuditSubtype::Sign, "confirmed")?;
        self.store.audited(entry).confirm(id, seen, desk.stamp()?)?;
        let document = self.store.document(id)?;
        let date = document.written_at.civil().date();
        let note = crate::chart::structure(&self.coder, &record, patient, date, &document.text);
        let edition = self.coder.edition().to_owned();
        self.store.rederive(id, edition, note.events.clone())?;
        self.teach(patient, desk.author()?, id, &note);
        self.habits(patient, &document.author, &document.text, &note);
        Ok(())
    }
}

/// The mark of a note that nobody has confirmed.
pub(crate) fn mark(desk: &Desk) -> Markup {
    let ui = desk.ui();
    html! { span.unconfirmed-mark title=(ui.t("confirm.mark-says")) { (ui.t("confirm.unconfirmed")) } }
}
