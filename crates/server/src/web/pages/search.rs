//! The search: which patients have it, in which words of which note; as a list and as a file.

use crate::audit;
use crate::chart;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, age_and_sex, day, dummy_mark, shell};
use crate::web::pages::confirmations::mark;
use crate::web::pages::search_query::{Condition, Query};
use crate::web::permit::Rows;
use crate::web::reading::{entities_of, words};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::summary::name;
use crate::web::ui_text::Ui;
use crate::web::view::{Lens, value_text};
use axum::extract::{Query as Asked, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_clinical::{ConceptId, Polarity};
use tsumugi_intake::complete;
use tsumugi_records::{
    AuditEntity, AuditSubtype, DocumentId, EventHit, EventOrigin, Page, PatientHits, PatientId, Population,
    TextHit, TextQuery,
};

/// Patients and hits of each that are shown; the file holds all.
const MOST_PATIENTS: usize = 100;
const MOST_HITS: usize = 6;
const MOST_DOCUMENTS: usize = 100;
/// Notes with the words that are looked through for those that may be shown.
const MOST_LOOKED_THROUGH: u32 = 2000;

/// What was found: the patients for whom all conditions hold, each with the hits of all of them.
struct Found {
    patients: BTreeMap<PatientId, Vec<EventHit>>,
    /// Notes among them that nobody has confirmed.
    unconfirmed: BTreeSet<DocumentId>,
}

/// What may be shown of what was found: each condition must hold by notes that may be used.
fn find(
    desk: &Desk,
    action: Action,
    population: Population,
    conditions: &[Condition],
) -> Result<Found, WebError> {
    let mut rows = desk.rows(action, population)?;
    let vocabulary = desk.app.coder.vocabulary();
    let mut found: Option<BTreeMap<PatientId, Vec<EventHit>>> = None;
    for condition in conditions {
        let key = vocabulary.key(condition.concept.as_str());
        let below = key.map(|key| vocabulary.descendants(key)).unwrap_or_default();
        let mut concepts: Vec<ConceptId> = below
            .iter()
            .filter_map(|key| vocabulary.get(*key))
            .map(|concept| concept.id.clone())
            .collect();
        // A denial of a narrower concept does not deny the broader one.
        if concepts.is_empty() || condition.filter.polarity == Some(Polarity::Absent) {
            concepts = vec![condition.concept.clone()];
        }
        let page = Page {
            after: None,
            limit: u32::MAX,
        };
        let hits = desk
            .app
            .store
            .search_events(population, &concepts, &condition.filter, page)?;
        let hits = allowed(&mut rows, hits.list)?.into_iter();
        found = Some(match found {
            None => hits.collect(),
            Some(mut earlier) => hits
                .filter_map(|(patient, hits)| {
                    let mut all = earlier.remove(&patient)?;
                    all.extend(hits);
                    Some((patient, all))
                })
                .collect(),
        });
    }
    let patients = found.unwrap_or_default();
    let documents = patients.values().flatten().filter_map(|hit| hit.document);
    let unconfirmed = documents
        .filter(|document| rows.is_unconfirmed(*document))
        .collect();
    Ok(Found {
        patients,
        unconfirmed,
    })
}

fn allowed(rows: &mut Rows<'_>, list: Vec<PatientHits>) -> Result<Vec<(PatientId, Vec<EventHit>)>, WebError> {
    let mut all = Vec::new();
    for PatientHits { patient, hits } in list {
        if !rows.patient(patient) {
            continue;
        }
        let mut kept = Vec::new();
        for hit in hits {
            if rows.document(patient, hit.document)? {
                kept.push(hit);
            }
        }
        if !kept.is_empty() {
            all.push((patient, kept));
        }
    }
    Ok(all)
}

/// Leaves the entries of a search in the audit trail, one for each patient of whom something is told, before it leaves.
pub(crate) fn told(desk: &Desk, subtype: AuditSubtype, patients: &[PatientId]) -> Result<(), WebError> {
    let actor = desk.actor()?;
    let query = AuditEntity::Query(desk.visit.here.clone());
    let mut entries = Vec::new();
    for patient in patients {
        let mut entry = audit::of_patient(actor, subtype, *patient)?;
        entry.entities.push(query.clone());
        entries.push(entry);
    }
    if entries.is_empty() {
        let mut entry = audit::of(actor, subtype)?;
        entry.entities.push(query);
        entries.push(entry);
    }
    desk.app.store.audit_send(&entries)?.wait()?;
    Ok(())
}

/// The search page.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Asked(query): Asked<Query>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        if query.is_empty() {
            desk.actor()?.tells_of_no_record();
        }
        let population = query.population(chart::population(&desk.app.store)?);
        let conditions = if query.is_empty() || query.mode == "text" {
            Vec::new()
        } else {
            query.conditions(desk)
        };
        let is_text = query.mode == "text" || (conditions.is_empty() && !query.is_empty());
        let body = html! {
            div.page-head { h1 { (ui.t("search.title")) } }
            (form(&ui, &query, population))
            @if query.is_empty() { (examples(&ui)) }
            @else if is_text { (unread(desk, &query)) (texts(desk, &query, population)?) }
            @else { (facts(desk, &query, population, &conditions)?) }
        };
        Ok(shell(
            desk,
            &Shell {
                title: ui.t("search.title"),
                class: "search",
                script: Some("search.js"),
            },
            &body,
        ))
    })
    .await
}

/// The ids found, as a file: one patient a line, with how often and when.
pub(crate) async fn csv(State(app): State<Arc<App>>, visit: Visit, Asked(query): Asked<Query>) -> Response {
    answer(app, visit, move |desk| {
        let population = query.population(chart::population(&desk.app.store)?);
        let found = find(desk, Action::Export, population, &query.conditions(desk))?;
        let named: Vec<PatientId> = found.patients.keys().copied().collect();
        told(desk, AuditSubtype::Export, &named)?;
        let mut file = String::from("patient_id,population,hits,first,last,unconfirmed\r\n");
        for (patient, hits) in &found.patients {
            let number = desk.app.store.patient(*patient)?.details.number;
            let times: BTreeSet<String> = hits
                .iter()
                .map(|hit| hit.from.unwrap_or(hit.at).date().to_string())
                .collect();
            let (first, last) = (
                times.first().cloned().unwrap_or_default(),
                times.last().cloned().unwrap_or_default(),
            );
            let of = hits.iter().filter_map(|hit| hit.document);
            let unconfirmed = of.filter(|document| found.unconfirmed.contains(document)).count();
            let kind = if population == Population::Dummy {
                "dummy"
            } else {
                "real"
            };
            // Writing to a string does not fail.
            let _ = write!(
                file,
                "{},{kind},{},{first},{last},{unconfirmed}\r\n",
                quoted(&number),
                hits.len()
            );
        }
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (
                header::CONTENT_DISPOSITION,
                "attachment; filename=\"patients.csv\"",
            ),
        ];
        Ok((headers, file).into_response())
    })
    .await
}

/// A cell of the file. One that a spreadsheet would take for a formula is made text.
pub(crate) fn quoted(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if is_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

fn form(ui: &Ui<'_>, query: &Query, population: Population) -> Markup {
    let select = |name: &'static str, label: &str, now: &str, words: &[&str]| {
        html! {
            label.filter { span { (label) }
                select name=(name) {
                    option value="" selected[now.is_empty()] { (ui.t("search.as-written")) }
                    option value="any" selected[now == "any"] { (ui.t("search.any")) }
                    @for word in words { option value=(word) selected[now == *word] { (ui.of(name, word)) } }
                }
            }
        }
    };
    let is_open = [
        &query.polarity,
        &query.certainty,
        &query.experiencer,
        &query.phase,
        &query.min,
        &query.max,
        &query.from,
        &query.to,
    ]
    .iter()
    .any(|field| !field.is_empty());
    html! {
        form.search-form method="get" action="/search" role="search" {
            div.ask {
                label.hidden for="q" { (ui.t("search.ask")) }
                div.combo {
                    input #q type="search" name="q" value=(query.q) placeholder=(ui.t("search.placeholder")) autocomplete="off" autofocus[query.is_empty()];
                    input #concept type="hidden" name="concept" value=(query.concept);
                    ul #names.names role="listbox" hidden aria-label=(ui.t("search.names")) {}
                }
                button.primary type="submit" { (ui.t("search.go")) }
            }
            div.how {
                fieldset.switch { legend.hidden { (ui.t("search.mode")) }
                    @for (value, text) in [("facts", ui.t("search.facts")), ("text", ui.t("search.text"))] {
                        label { input type="radio" name="mode" value=(value) checked[query.mode == value || (query.mode.is_empty() && value == "facts")]; span { (text) } }
                    }
                }
                fieldset.switch { legend.hidden { (ui.t("search.population")) }
                    @for (value, text, is_on) in [
                        ("real", ui.t("search.real"), population == Population::Real),
                        ("dummy", ui.t("search.dummy"), population == Population::Dummy),
                    ] {
                        label { input type="radio" name="population" value=(value) checked[is_on]; span { (text) } }
                    }
                }
                details.filters open[is_open] {
                    summary { (ui.t("search.filters")) }
                    div.filter-grid {
                        (select("polarity", ui.t("search.polarity"), &query.polarity, &["present", "absent"]))
                        (select("certainty", ui.t("search.certainty"), &query.certainty, &["asserted", "suspected"]))
                        (select("experiencer", ui.t("search.experiencer"), &query.experiencer, &["patient", "family", "other"]))
                        (select("phase", ui.t("search.phase"), &query.phase, &["current", "past", "planned", "stopped"]))
                        label.filter { span { (ui.t("search.min")) } input type="text" inputmode="decimal" name="min" value=(query.min); }
                        label.filter { span { (ui.t("search.max")) } input type="text" inputmode="decimal" name="max" value=(query.max); }
                        label.filter { span { (ui.t("search.from")) } input type="date" name="from" value=(query.from); }
                        label.filter { span { (ui.t("search.to")) } input type="date" name="to" value=(query.to); }
                    }
                }
            }
        }
    }
}

fn examples(ui: &Ui<'_>) -> Markup {
    html! {
        section.examples {
            h2 { (ui.t("search.examples")) }
            ul {
                @for text in ui.t("search.example-list").split('|') {
                    li { a href=(format!("/search?q={}", crate::web::notes::escape(text))) { (text) } }
                }
            }
        }
    }
}

fn facts(
    desk: &Desk,
    query: &Query,
    population: Population,
    conditions: &[Condition],
) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let found = find(desk, Action::Search, population, conditions)?;
    let named: Vec<PatientId> = found.patients.keys().copied().take(MOST_PATIENTS).collect();
    told(desk, AuditSubtype::Search, &named)?;
    let count = found.patients.len();
    let hits: usize = found.patients.values().map(Vec::len).sum();
    let numbers = [("patients", &*count.to_string()), ("hits", &*hits.to_string())];
    let mut cards = Vec::new();
    for (patient, hits) in found.patients.iter().take(MOST_PATIENTS) {
        cards.push(card(desk, *patient, hits, &found.unconfirmed)?);
    }
    Ok(html! {
        section.understood aria-label=(ui.t("search.understood")) {
            span { (ui.t("search.understood")) }
            @for condition in conditions { (chip(&ui, condition)) }
        }
        div.result-head {
            p.found role="status" {
                @if population == Population::Dummy { (dummy_mark(&ui, population)) }
                (ui.fill("search.found", &numbers))
            }
            @if count > 0 { a.button href=(format!("/search.csv?{}", query.link())) { (ui.t("search.csv")) } }
        }
        @if count == 0 { p.empty { (ui.t("search.none")) } }
        ul.results { @for card in &cards { (card) } }
        @if count > MOST_PATIENTS { p.hint { (ui.fill("search.more", &[("count", &(count - MOST_PATIENTS).to_string())])) } }
    })
}

fn chip(ui: &Ui<'_>, condition: &Condition) -> Markup {
    let word = |group: &str, value: Option<serde_json::Value>| {
        value
            .and_then(|value| value.as_str().map(|word| ui.of(group, word)))
            .unwrap_or_else(|| ui.t("search.any").to_owned())
    };
    let filter = &condition.filter;
    let polarity = word(
        "polarity",
        filter.polarity.and_then(|value| serde_json::to_value(value).ok()),
    );
    let whose = word(
        "experiencer",
        filter
            .experiencer
            .and_then(|value| serde_json::to_value(value).ok()),
    );
    let range = filter.value.as_ref().map(|range| {
        let show = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        format!("{}\u{2013}{}", show(range.min), show(range.max))
    });
    let period = (filter.from.is_some() || filter.to.is_some()).then(|| {
        let show = |at: Option<jiff::civil::DateTime>| at.map(|at| day(ui, at.date())).unwrap_or_default();
        format!("{}\u{2013}{}", show(filter.from), show(filter.to))
    });
    html! {
        span.chip {
            strong { (condition.name) } " " (polarity) " / " (whose)
            @if let Some(range) = range { " / " (range) }
            @if let Some(period) = period { " / " (period) }
        }
    }
}

fn card(
    desk: &Desk,
    patient: PatientId,
    hits: &[EventHit],
    unconfirmed: &BTreeSet<DocumentId>,
) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let record = desk.app.store.patient(patient)?;
    let mut rows = Vec::new();
    for hit in hits.iter().take(MOST_HITS) {
        let is_unconfirmed = hit
            .document
            .is_some_and(|document| unconfirmed.contains(&document));
        rows.push(hit_row(desk, hit, is_unconfirmed)?);
    }
    Ok(html! {
        li.result {
            div.result-who {
                a.name href=(format!("/patients/{patient}")) { (record.details.name) }
                (dummy_mark(&ui, record.population))
                span.age { (age_and_sex(&ui, &record, clock::today())) }
                span.number { (record.details.number) }
                span.count { (ui.fill("search.hits", &[("count", &hits.len().to_string())])) }
            }
            ul.hits { @for row in &rows { (row) } }
            @if hits.len() > MOST_HITS { p.hint { (ui.fill("search.more-hits", &[("count", &(hits.len() - MOST_HITS).to_string())])) } }
        }
    })
}

/// A hit with the words of its note, which lead to their place.
fn hit_row(desk: &Desk, hit: &EventHit, is_unconfirmed: bool) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let app = &desk.app;
    let stored = app.store.event(hit.event)?;
    let lens = Lens {
        ui,
        coder: &app.coder,
        rules: &app.rules,
    };
    let value = stored
        .event
        .value
        .as_ref()
        .map(|value| value_text(&lens, value))
        .unwrap_or_default();
    let quote = match &stored.origin {
        EventOrigin::Document { document, .. } => {
            let version = app.store.document(*document)?;
            let note = app.reading(&version)?;
            let event = note.events.get(stored.number as usize).unwrap_or(&stored.event);
            let words: Vec<String> = words(&version.text, &entities_of(&note, event))
                .into_iter()
                .map(|(_, text)| text)
                .collect();
            html! { a.words href=(format!("/documents/{document}?fact={}#lit", stored.number)) {
                @for word in &words { q { (word) } }
                @if words.is_empty() { (ui.t("search.open-note")) }
            } }
        }
        EventOrigin::Observation { source, .. } => {
            // The issuer of the number stands behind the standard, where it is not this site.
            let (system, issuer) = source.split_once('|').unwrap_or((source, ""));
            html! { span.words { (ui.of("source", system)) @if !issuer.is_empty() { " " (issuer) } } }
        }
    };
    Ok(html! {
        li.absent[hit.polarity == Polarity::Absent] {
            time { (day(&ui, hit.from.unwrap_or(hit.at).date())) }
            @if is_unconfirmed { (mark(desk)) }
            (quote)
            span.fact-name {
                @if hit.polarity == Polarity::Absent { (ui.t("fact.absent")) }
                (name(&ui, &app.coder, &stored.event)) " " (value)
            }
        }
    })
}

/// What the engine could not read, with names that begin alike.
fn unread(desk: &Desk, query: &Query) -> Markup {
    const MOST_NAMES: usize = 8;
    let ui = desk.ui();
    let names = if query.mode == "text" {
        Vec::new()
    } else {
        complete(&desk.app.coder, query.q.trim(), MOST_NAMES)
    };
    html! {
        @if query.mode != "text" {
            p.notice { (ui.t("search.unread")) }
            @if !names.is_empty() {
                ul.suggestions { @for name in &names {
                    li { a.button href=(format!("/search?concept={}&q={}", name.concept, crate::web::notes::escape(&name.name))) { (name.name) " " code { (name.code) } } }
                } }
            }
        }
    }
}

fn texts(desk: &Desk, query: &Query, population: Population) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let found = desk.app.store.search_text(&TextQuery {
        population,
        patient: None,
        text: &query.q,
        limit: MOST_LOOKED_THROUGH,
    })?;
    let mut allowed = desk.rows(Action::Search, population)?;
    let mut hits = Vec::new();
    for hit in found.hits {
        if allowed.patient(hit.patient) && allowed.document(hit.patient, Some(hit.document))? {
            hits.push(hit);
        }
    }
    let named: BTreeSet<PatientId> = hits.iter().map(|hit| hit.patient).collect();
    // Only what may be shown is counted: a number would tell of the rest.
    let numbers = [
        ("patients", &*named.len().to_string()),
        ("documents", &*hits.len().to_string()),
    ];
    hits.truncate(MOST_DOCUMENTS);
    let named: Vec<PatientId> = named.into_iter().collect();
    told(desk, AuditSubtype::Search, &named)?;
    let mut rows = Vec::new();
    for hit in &hits {
        rows.push(text_row(desk, hit, allowed.is_unconfirmed(hit.document))?);
    }
    Ok(html! {
        p.found role="status" { (dummy_mark(&ui, population)) (ui.fill("search.found-text", &numbers)) }
        ul.results { @for row in &rows { (row) } }
    })
}

fn text_row(desk: &Desk, hit: &TextHit, is_unconfirmed: bool) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let record = desk.app.store.patient(hit.patient)?;
    let chars: Vec<char> = hit.snippet.chars().collect();
    let from = hit.snippet_span.start;
    let first = hit.spans.first().copied().unwrap_or_default();
    let cut = |a: u32, b: u32| -> String {
        chars
            .get(a.saturating_sub(from) as usize..b.saturating_sub(from) as usize)
            .unwrap_or(&[])
            .iter()
            .collect()
    };
    Ok(html! {
        li.result {
            div.result-who {
                a.name href=(format!("/patients/{}", hit.patient)) { (record.details.name) }
                (dummy_mark(&ui, record.population))
                span.number { (record.details.number) }
                time { (day(&ui, hit.written_at.civil().date())) }
                @if is_unconfirmed { (mark(desk)) }
            }
            a.snippet href=(format!("/documents/{}", hit.document)) {
                (cut(from, first.start)) mark.m.problem.lit { (cut(first.start, first.end)) } (cut(first.end, hit.snippet_span.end))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    /// A number of a patient is whatever a site writes; a spreadsheet must not take it for a formula.
    #[test]
    fn no_cell_of_the_file_is_a_formula() {
        for (cell, want) in [
            ("P4711", "P4711"),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("=1+2", "'=1+2"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\n=1", "\"a\n=1\""),
            ("", ""),
        ] {
            let got = quoted(cell);
            assert_eq!(got, want, "{cell:?}");
            let shown = got.trim_start_matches('"');
            assert!(!shown.starts_with(['=', '+', '-', '@', '\t', '\r']), "{got:?}");
        }
    }
}
