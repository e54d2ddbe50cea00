//! What a patient takes, over all institutions: each line with where it comes from, and what does not fit.

use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, patient_bar, shell};
use crate::web::pages::care;
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::ui_text::Ui;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::EventKind;
use tsumugi_coding::medications::{How, Line, Period, RouteGroup, Told, reconcile};
use tsumugi_records::{EventOrigin, ObservationId, PatientId, StoredEvent};

/// Types of resource that tell of drugs, and how.
const KINDS: [(&str, How); 4] = [
    ("MedicationRequest", How::Prescribed),
    ("MedicationDispense", How::Dispensed),
    ("MedicationAdministration", How::Given),
    ("MedicationStatement", How::Stated),
];
/// Most sources that a line names.
const MOST_SOURCES: usize = 6;
/// Most periods that a line shows, the newest.
const MOST_PERIODS: usize = 4;

/// Shows the list.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| page(desk, PatientId::new(id))).await
}

pub(crate) fn page(desk: &Desk, id: PatientId) -> Result<Response, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let today = clock::today();
    let id = app.store.read_under(id)?;
    let record = app.store.patient(id)?;
    let standing = desk.may(Action::Read, &record)?;
    desk.reads(id, None)?;
    let (events, _) = desk.events(&standing)?;
    let summary = care::head(desk, (&record, &standing), &events)?;
    let told = told(desk, id, &events)?;
    let lines = reconcile(app.coder.vocabulary(), &told, today);
    let (now, before): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.current || line.planned);
    let body = html! {
        (patient_bar(&ui, &record, &summary, today))
        div.page-head {
            h1 { (ui.t("medications.title")) }
            a.button href=(format!("/patients/{id}")) { (ui.t("previous.timeline")) }
        }
        p.hint { (ui.t("medications.says")) }
        @if lines.is_empty() { p.empty { (ui.t("medications.none")) } }
        @for (key, lines) in [("medications.now", now), ("medications.before", before)] {
            @if !lines.is_empty() {
                section { h2 { (ui.t(key)) " " span.count { (lines.len()) } } (table(desk, &lines)) }
            }
        }
    };
    let title = format!("{} {}", record.details.name, ui.t("medications.title"));
    let page = Shell {
        title: &title,
        class: "list",
        script: None,
    };
    Ok(shell(desk, &page, &body))
}

/// What every source tells of drugs.
fn told(desk: &Desk, id: PatientId, events: &[StoredEvent]) -> Result<Vec<Told>, WebError> {
    let kinds = KINDS.map(|(kind, _)| kind);
    let mut sources: BTreeMap<ObservationId, (How, String)> = BTreeMap::new();
    for resource in desk.app.store.received_resources(id, &kinds)? {
        let known = KINDS.iter().find(|(kind, _)| *kind == resource.kind);
        let how = known.map_or(How::Stated, |(_, how)| *how);
        let value: Value = serde_json::from_slice(&resource.json).unwrap_or_default();
        let institution = institution(&value).unwrap_or(resource.issuer);
        sources.entry(resource.observation).or_insert((how, institution));
    }
    let drugs = events
        .iter()
        .filter(|stored| stored.event.kind == EventKind::Medication);
    let told = drugs.filter_map(|stored| {
        let (how, institution, origin) = match &stored.origin {
            EventOrigin::Document { document, .. } => {
                let origin = format!("/documents/{document}?fact={}#lit", stored.number);
                (How::Stated, "", origin)
            }
            EventOrigin::Observation { observation, .. } => {
                let (how, institution) = sources
                    .get(observation)
                    .map_or((How::Stated, ""), |(how, institution)| (*how, institution));
                (how, institution, String::new())
            }
        };
        Told::of(&stored.event, how, Some(stored.at.date()), institution, &origin)
    });
    Ok(told.collect())
}

/// Who prescribed it, else who handed it out, where the resource names one.
fn institution(resource: &Value) -> Option<String> {
    let places = ["/authorizingPrescription/0/display", "/performer/0/actor/display"];
    let is_dispense = resource.get("resourceType").and_then(Value::as_str) == Some("MedicationDispense");
    let mut named = places
        .iter()
        .filter_map(|place| resource.pointer(place).and_then(Value::as_str));
    named
        .find(|name| is_dispense && !name.trim().is_empty())
        .map(str::to_owned)
}

fn table(desk: &Desk, lines: &[&Line]) -> Markup {
    let ui = desk.ui();
    html! {
        table.grid.medications {
            thead { tr {
                @for key in ["drug", "dosage", "periods", "sources", "remarks"] { th scope="col" { (ui.of("medications", key)) } }
            } }
            tbody { @for line in lines { tr {
                td.who { strong { (line.name) } " " span.kind { (ui.of("medications.route", route(line.route))) } }
                td { (line.dosage.text) }
                td { (periods(&ui, &line.periods)) }
                td { (sources(&ui, line)) }
                td { ul { @for remark in remarks(&ui, line) { li { (remark) } } } }
            } } }
        }
    }
}

fn route(route: RouteGroup) -> &'static str {
    match route {
        RouteGroup::Oral => "oral",
        RouteGroup::Injected => "injected",
        RouteGroup::Topical => "topical",
        RouteGroup::Local => "local",
        RouteGroup::Inhaled => "inhaled",
        RouteGroup::Mucosal => "mucosal",
    }
}

fn how(how: How) -> &'static str {
    match how {
        How::Prescribed => "prescribed",
        How::Dispensed => "dispensed",
        How::Given => "given",
        How::Stated => "stated",
    }
}

fn periods(ui: &Ui<'_>, periods: &[Period]) -> Markup {
    let hidden = periods.len().saturating_sub(MOST_PERIODS);
    html! {
        ul { @for period in periods.iter().rev().take(MOST_PERIODS) {
            li { (day(ui, period.from)) " \u{2013} " @match period.to {
                Some(to) => (day(ui, to)),
                None => span.hint { (ui.t("medications.open")) },
            } }
        } }
        @if hidden > 0 { span.hint { (ui.fill("topics.more", &[("count", &hidden.to_string())])) } }
    }
}

fn sources(ui: &Ui<'_>, line: &Line) -> Markup {
    let hidden = line.sources.len().saturating_sub(MOST_SOURCES);
    html! {
        ul { @for source in line.sources.iter().rev().take(MOST_SOURCES) {
            @let words = html! {
                @if let Some(date) = source.date { (day(ui, date)) " " }
                (ui.of("medications.how", how(source.how))) " " (who(ui, &source.institution))
            };
            li { @if source.origin.is_empty() { (words) } @else { a href=(source.origin) { (words) } } }
        } }
        @if hidden > 0 { span.hint { (ui.fill("topics.more", &[("count", &hidden.to_string())])) } }
    }
}

/// An institution; one without a name is this hospital.
fn who(ui: &Ui<'_>, institution: &str) -> String {
    if institution.is_empty() {
        ui.t("medications.here").to_owned()
    } else {
        institution.to_owned()
    }
}

fn remarks(ui: &Ui<'_>, line: &Line) -> Vec<String> {
    let mut remarks = Vec::new();
    for overlap in &line.overlaps {
        let [one, other] = &overlap.institutions;
        let both = format!("{} / {}", who(ui, one), who(ui, other));
        let from = day(ui, overlap.from);
        remarks.push(match overlap.to {
            Some(to) => ui.fill(
                "medications.overlap",
                &[("from", &from), ("to", &day(ui, to)), ("who", &both)],
            ),
            None => ui.fill("medications.overlap-open", &[("from", &from), ("who", &both)]),
        });
    }
    for (from, to) in &line.gaps {
        remarks.push(ui.fill(
            "medications.gap",
            &[("from", &day(ui, *from)), ("to", &day(ui, *to))],
        ));
    }
    for when in &line.changes {
        remarks.push(ui.fill("medications.changed", &[("when", &day(ui, *when))]));
    }
    if let Some(when) = line.stopped {
        remarks.push(ui.fill("medications.stopped", &[("when", &day(ui, when))]));
    }
    let notes = [
        (line.planned, "medications.planned"),
        (line.undated, "medications.undated"),
    ];
    remarks.extend(
        notes
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, key)| ui.t(key).to_owned()),
    );
    remarks
}
