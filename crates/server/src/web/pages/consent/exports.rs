//! Exports of a study's data: who gets what on which basis, a preview with its counts, signing, watching, stopping, files.
//!
//! The page orders from the same function as the command line ([`crate::provide`]); what that refuses is shown with its
//! reason. Tables of facts need the key table of pseudonyms, which its keeper opens on the command line.

use crate::audit;
use crate::chart;
use crate::provide::{self, Order, Refusal};
use crate::web::Fields;
use crate::web::error::WebError;
use crate::web::my::sheet::{institution_word, kind_name, purpose_word};
use crate::web::page::{Shell, dummy_mark, moment, shell};
use crate::web::pages::sign_in::mistake;
use crate::web::state::{App, Desk, Visit, answer};
use axum::extract::{Form as Sent, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::{Date, date};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tsumugi_anonymize::manifest::{Told, told};
use tsumugi_anonymize::write::Format;
use tsumugi_anonymize::{Hierarchies, Period};
use tsumugi_records::consent::{ExportDelivery, ExportId, ExportState, Form, Rerun, SetRequest, StudyRecord};
use tsumugi_records::{AuditEntity, AuditSubtype, Population, Stamp};

/// Most deliveries of a study that are listed.
const LISTED: u32 = 50;
/// Most orders of this run of the server that are remembered.
const REMEMBERED: usize = 50;
/// Columns of an anonymised table that may identify, unless others are asked for.
const COLUMNS: &str = "sex,age,region,month";
/// Columns that are sensitive, unless others are asked for.
const SENSITIVE: &str = "diagnosis";
/// Forms, the usual one first.
const FORMS: [(&str, Form); 5] = [
    ("anonymised-table", Form::AnonymisedTable),
    ("coded-facts", Form::CodedFacts),
    ("pseudonymised-table", Form::PseudonymisedTable),
    ("reviewed-text", Form::ReviewedText),
    ("personal", Form::Personal),
];

/// The tables of `data/anonymize`; none where they are not read, which their own test finds.
static HIERARCHIES: LazyLock<Option<Hierarchies>> = LazyLock::new(|| Hierarchies::embedded().ok());

/// What was ordered since the server started, and is not carried out, or was refused.
static ORDERS: Mutex<Vec<Ordered>> = Mutex::new(Vec::new());

/// An order.
#[derive(Debug, Clone)]
struct Ordered {
    order: String,
    by: Stamp,
    /// Why nothing was handed over; none while it runs.
    refused: Option<String>,
}

fn remember(of: Ordered) {
    let mut orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    orders.push(of);
    let surplus = orders.len().saturating_sub(REMEMBERED);
    orders.drain(..surplus);
}

fn hierarchies() -> Result<&'static Hierarchies, WebError> {
    let read = HIERARCHIES.as_ref();
    read.ok_or_else(|| WebError::Other("the tables of data/anonymize are not read".to_owned()))
}

/// Below which folder exports come into being: beside the store.
fn folder(desk: &Desk) -> PathBuf {
    let store = desk.app.store.path();
    store.parent().unwrap_or(store).join("exports")
}

/// The folder of a delivery, as [`provide::provide`] names it.
fn folder_name(one: &ExportDelivery) -> String {
    let query: String = one.query.chars().take(12).collect();
    format!("{}-epoch-{}-{query}", one.study, one.epoch)
}

fn studies(desk: &Desk) -> Result<Vec<StudyRecord>, WebError> {
    let store = &desk.app.store;
    let mut all = store.studies(Population::Real)?;
    all.extend(store.studies(Population::Dummy)?);
    Ok(all)
}

/// Lists what was delivered and what runs, with the form of a new order.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        page(desk, &Fields::default(), &html! {}, None)
    })
    .await
}

fn page(desk: &Desk, typed: &Fields, more: &Markup, wrong: Option<&str>) -> Result<Response, WebError> {
    let ui = desk.ui();
    let studies = studies(desk)?;
    let mut deliveries = Vec::new();
    for record in &studies {
        let of = desk.app.store.export_deliveries(&record.study.id, LISTED)?;
        deliveries.extend(of.into_iter().map(|one| (record, one)));
    }
    deliveries.sort_by_key(|(_, one)| std::cmp::Reverse(one.id));
    let refused: Vec<Ordered> = {
        let orders = ORDERS.lock().unwrap_or_else(PoisonError::into_inner);
        orders
            .iter()
            .filter(|one| one.refused.is_some())
            .rev()
            .cloned()
            .collect()
    };
    let body = html! {
        div.page-head { h1 { (ui.t("exports.title")) } }
        (mistake(wrong))
        (more)
        section.card aria-labelledby="order" { h2 #order { (ui.t("exports.new")) } (form(desk, &studies, typed)) }
        @if !refused.is_empty() {
            section.card aria-labelledby="refused" {
                h2 #refused { (ui.t("exports.refused")) }
                ul { @for one in &refused { li {
                    time { (moment(&ui, one.by.at.civil())) } " " (desk.person(&one.by.author)) " " code { (one.order) }
                    p.mistake { (one.refused.as_deref().unwrap_or_default()) }
                } } }
            }
        }
        section aria-labelledby="deliveries" {
            h2 #deliveries { (ui.t("exports.deliveries")) " " span.count { (deliveries.len()) } }
            @if deliveries.is_empty() { p.empty { (ui.t("exports.none")) } }
            ul.my-entries { @for (record, one) in &deliveries { (delivery(desk, record, one)) } }
        }
    };
    let frame = Shell {
        title: ui.t("exports.title"),
        class: "list",
        script: None,
    };
    Ok(shell(desk, &frame, &body))
}

fn state_word(state: ExportState) -> &'static str {
    match state {
        ExportState::Running => "running",
        ExportState::Delivered => "delivered",
        ExportState::Aborted => "aborted",
        ExportState::Marked => "marked",
    }
}

fn form_word(form: Form) -> &'static str {
    let mut forms = FORMS.iter();
    forms.find(|(_, own)| *own == form).map_or("-", |(word, _)| word)
}

fn delivery(desk: &Desk, record: &StudyRecord, one: &ExportDelivery) -> Markup {
    let ui = desk.ui();
    let persons = told([("persons", one.persons)], least());
    let persons = words(&ui, persons.get("persons"));
    html! {
        li.card {
            p { strong { "#" (one.id) " " (record.study.title) } (dummy_mark(&ui, record.study.population)) " " span.kind { (ui.of("export-state", state_word(one.state))) } }
            p { (ui.fill("looked.to", &[("name", &one.recipient.name)])) " (" (ui.of("institution", institution_word(one.recipient.kind))) ") "
                (ui.of("export-form", form_word(one.form))) ", " (ui.fill("exports.persons", &[("count", &persons)])) ", "
                (ui.fill("exports.epoch", &[("number", &one.epoch.to_string())])) }
            p.hint { time { (moment(&ui, one.stamp.at.civil())) } " " (desk.person(&one.stamp.author)) }
            @match one.state {
                ExportState::Running => form method="post" action=(format!("/exports/{}/stop", one.id)) { button type="submit" { (ui.t("exports.stop")) } },
                ExportState::Delivered => div.buttons { @for name in files(one) { a.button href=(format!("/exports/{}/{name}", one.id)) { (name) } } },
                ExportState::Aborted | ExportState::Marked => {}
            }
        }
    }
}

/// The files of a delivery, as its manifest names them.
fn files(one: &ExportDelivery) -> Vec<String> {
    let manifest: serde_json::Value = one
        .manifest
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let listed = manifest.get("files").and_then(|files| files.as_array());
    let names = listed
        .into_iter()
        .flatten()
        .filter_map(|file| file.get("name")?.as_str());
    names
        .map(str::to_owned)
        .chain(["manifest.json".to_owned()])
        .collect()
}

fn form(desk: &Desk, studies: &[StudyRecord], typed: &Fields) -> Markup {
    let ui = desk.ui();
    let today = crate::web::clock::today().to_string();
    let of = |name: &str, usual: &'static str| typed.get(name).map_or(usual.to_owned(), Clone::clone);
    let line = |name: &'static str, usual: &'static str| {
        html! { label.field { span { (ui.of("export-field", name)) } input type="text" name=(name) value=(of(name, usual)) maxlength="200" autocomplete="off"; } }
    };
    html! {
        form method="post" action="/exports" {
            div.fields {
                label.field { span { (ui.t("studies.study")) } select name="study" required {
                    @for record in studies { option value=(record.study.id) selected[of("study", "") == record.study.id] { (record.study.title) } }
                } }
                label.field { span { (ui.t("study.recipients")) } select name="recipient" required {
                    @for record in studies { optgroup label=(record.study.title) {
                        @for one in &record.study.recipients { option value=(one.id) selected[of("recipient", "") == one.id] { (one.name) } }
                    } }
                } }
                label.field { span { (ui.t("exports.form")) } select name="form" {
                    @for (word, _) in FORMS { option value=(word) selected[of("form", "") == word] { (ui.of("export-form", word)) } }
                } }
                label.field { span { (ui.t("exports.format")) } select name="format" {
                    @for word in ["csv", "parquet", "ndjson"] { option value=(word) selected[of("format", "") == word] { (word) } }
                } }
            }
            div.fields {
                label.field { span { (ui.t("export-field.from")) } input type="date" name="from" value=(of("from", "2000-01-01")); }
                label.field { span { (ui.t("export-field.to")) } input type="date" name="to" value=(typed.get("to").unwrap_or(&today)); }
                (line("columns", COLUMNS)) (line("sensitive", SENSITIVE)) (line("k", "10")) (line("l", "2")) (line("t", "")) (line("suppress", "4")) (line("again", ""))
            }
            p.hint { (ui.t("exports.says")) }
            button.primary type="submit" name="act" value="preview" { (ui.t("exports.preview")) }
        }
    }
}

/// What a form orders; or the name of the field that is wrong.
fn read(fields: &Fields, by: &str) -> Result<Order, &'static str> {
    let of = |name: &str| fields.get(name).map(|text| text.trim()).unwrap_or_default();
    let day = |name: &'static str, usual: Date| match of(name) {
        "" => Ok(usual),
        text => text.parse::<Date>().map_err(|_| name),
    };
    let number = |name: &'static str| of(name).parse::<u32>().map_err(|_| name);
    let names = |name: &str| -> Vec<String> {
        let parts = of(name).split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let form = FORMS.into_iter().find(|(word, _)| *word == of("form"));
    Ok(Order {
        study: of("study").to_owned(),
        recipient: of("recipient").to_owned(),
        form: form.ok_or("form")?.1,
        format: Format::by_name(of("format")).ok_or("format")?,
        kinds: Vec::new(),
        period: Period {
            from: day("from", date(1900, 1, 1))?,
            to: day("to", crate::web::clock::today())?,
        },
        columns: names("columns"),
        sensitive: names("sensitive"),
        k: number("k")?,
        suppress: number("suppress")?,
        l: number("l")?,
        t: if of("t").is_empty() {
            None
        } else {
            Some(number("t")?)
        },
        noisy: None,
        again: match of("again") {
            "" => None,
            text => Some(ExportId::new(text.parse().map_err(|_| "again")?)),
        },
        by: by.to_owned(),
    })
}

/// Shows what an order would hand over, or carries it out once it is signed.
pub(crate) async fn order(State(app): State<Arc<App>>, visit: Visit, Sent(fields): Sent<Fields>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let order = match read(&fields, desk.author()?) {
            Ok(order) => order,
            Err(field) => {
                let name = ui.of("export-field", field);
                let wrong = ui.fill("exports.field", &[("name", &name)]);
                let page = page(desk, &fields, &html! {}, Some(&wrong))?;
                return Ok((StatusCode::BAD_REQUEST, page).into_response());
            }
        };
        if fields.get("act").is_none_or(|act| act != "deliver") {
            let shown = preview(desk, &order, &fields, None)?;
            return page(desk, &fields, &shown, None);
        }
        let password = fields.get("password").map(String::as_str).unwrap_or_default();
        let (store, user) = (&desk.app.store, desk.actor()?.user().id.clone());
        let group = desk.visit.group();
        if let Err(error) = desk.app.gate.ask_again(store, (&user, password), &group) {
            let says = desk.reason(&error)?;
            let shown = preview(desk, &order, &fields, Some(&says))?;
            return Ok((StatusCode::FORBIDDEN, page(desk, &fields, &shown, None)?).into_response());
        }
        carry_out(desk, order)?;
        Ok(Redirect::to("/exports").into_response())
    })
    .await
}

/// Carries an order out beside the request, which is answered at once.
fn carry_out(desk: &Desk, order: Order) -> Result<(), WebError> {
    let hierarchies = hierarchies()?;
    let entry = audit::of(desk.actor()?, AuditSubtype::Export)?;
    let (app, by, folder) = (Arc::clone(&desk.app), desk.stamp()?, folder(desk));
    let work = move || {
        let now = || chart::moment(chart::now());
        let at = provide::Desk {
            store: &app.store,
            hierarchies,
            edition: app.coder.edition(),
            now: &now,
            entry,
        };
        if let Err(refusal) = provide::provide(&at, &order, None, &folder) {
            remember(Ordered {
                order: order.to_string(),
                by,
                refused: Some(refusal.to_string()),
            });
        }
    };
    let thread = std::thread::Builder::new().name("export".to_owned());
    thread
        .spawn(work)
        .map_err(|error| WebError::Other(error.to_string()))?;
    Ok(())
}

/// Counts below this are not shown.
fn least() -> u64 {
    const LEAST: u64 = 10;
    HIERARCHIES
        .as_ref()
        .map_or(LEAST, |known| u64::from(known.rules().cell))
}

fn words(ui: &crate::web::Ui<'_>, count: Option<&Told>) -> String {
    match count {
        Some(Told::Count(count)) => count.to_string(),
        _ => ui.t("exports.small").to_owned(),
    }
}

/// Who gets what on which basis, how many allow it, and the risk that is left; with the means to sign.
fn preview(desk: &Desk, order: &Order, fields: &Fields, wrong: Option<&str>) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let store = &desk.app.store;
    let record = store.study(&order.study)?;
    let study = &record.study;
    let asked = SetRequest {
        study: study.id.clone(),
        purpose: study.purpose,
        kinds: study.kinds.clone(),
        recipient: order.recipient.clone(),
        actor: order.by.clone(),
        at: crate::web::clock::now(),
    };
    let refusal = refusal(desk, order, &record)?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    if let Ok(set) = store.permit_set(asked)? {
        counts.insert("permitted".to_owned(), set.len() as u64);
        let refused = set.refused().iter();
        counts.extend(refused.map(|(key, count)| (format!("refusal.{key}"), *count)));
    }
    let shown = told(
        counts.iter().map(|(name, count)| (name.as_str(), *count)),
        least(),
    );
    let mut entry = audit::of(desk.actor()?, AuditSubtype::Search)?;
    entry
        .entities
        .push(AuditEntity::Query(format!("preview of {order}")));
    store.audit_read(&entry)?;
    let kinds: Vec<String> = study.kinds.iter().map(|kind| kind_name(&ui, kind)).collect();
    let recipient = study.recipient(&order.recipient);
    Ok(html! {
        section.card aria-labelledby="preview" {
            h2 #preview { (ui.t("exports.preview")) }
            dl.particulars {
                div { dt { (ui.t("exports.who")) } dd { @if let Some(one) = recipient { (one.name) " (" (ui.of("institution", institution_word(one.kind))) ")" } } }
                div { dt { (ui.t("exports.what")) } dd { (kinds.join(ui.t("looked.comma"))) " " (order.period.from) " \u{2013} " (order.period.to) } }
                div { dt { (ui.t("exports.form")) } dd { (ui.of("export-form", form_word(order.form))) } }
                div { dt { (ui.t("study.purpose")) } dd { (ui.of("consent-purpose", purpose_word(study.purpose))) } }
                div { dt { (ui.t("study.basis")) } dd { (ui.of("consent-basis", study.basis.id())) } }
                div { dt { (ui.t("exports.risk")) } dd { (ui.fill("exports.risk-says", &[
                    ("k", &order.k.to_string()), ("l", &order.l.to_string()), ("suppress", &order.suppress.to_string()),
                    ("risk", &format!("{:.1}", 100.0 / f64::from(order.k.max(1)))),
                ])) } }
            }
            table.grid {
                thead { tr { th scope="col" { (ui.t("exports.persons-head")) } th scope="col" { (ui.t("exports.count")) } } }
                tbody { @for (name, count) in &shown { tr {
                    td { @if name == "permitted" { strong { (ui.t("exports.permitted")) } } @else { (ui.get(name).unwrap_or(name)) } }
                    td { (words(&ui, Some(count))) }
                } } }
            }
            p.hint { (ui.fill("exports.small-says", &[("count", &least().to_string())])) }
            @match &refusal {
                Some(refusal) => p.mistake role="alert" { strong { (ui.t("exports.cannot")) } " " (refusal) },
                None => form method="post" action="/exports" {
                    (mistake(wrong))
                    @for (name, value) in fields.iter().filter(|(name, _)| !matches!(name.as_str(), "act" | "password")) { input type="hidden" name=(name) value=(value); }
                    p { (ui.t("exports.sign-says")) }
                    div.field { label for="password" { (ui.t("sign-in.password")) } input #password type="password" name="password" required autocomplete="current-password"; }
                    button.primary type="submit" name="act" value="deliver" { (ui.t("exports.sign")) }
                },
            }
        }
    })
}

/// What would be refused already now, in words.
fn refusal(desk: &Desk, order: &Order, record: &StudyRecord) -> Result<Option<String>, WebError> {
    let study = &record.study;
    if let Err(refusal) = order.query(study, hierarchies()?, false) {
        return Ok(Some(refusal.to_string()));
    }
    let now = crate::web::clock::now();
    if let Some(again) = order.again {
        match desk.app.store.may_rerun(again, &now)? {
            Rerun::Allowed => {}
            Rerun::Refused { withdrawn } => {
                let refusal = Refusal::Withdrawn {
                    export: again,
                    withdrawn,
                };
                return Ok(Some(refusal.to_string()));
            }
            Rerun::Study(reason) => return Ok(Some(reason.to_string())),
        }
    }
    let asked = SetRequest {
        study: study.id.clone(),
        purpose: study.purpose,
        kinds: study.kinds.clone(),
        recipient: order.recipient.clone(),
        actor: order.by.clone(),
        at: now,
    };
    Ok(match desk.app.store.permit_set(asked)? {
        Err(reason) => Some(reason.to_string()),
        Ok(set) if set.is_empty() => Some(Refusal::Nobody.to_string()),
        Ok(_) => None,
    })
}

/// Ends an export that runs: its files go, nothing was handed over.
pub(crate) async fn stop(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| {
        let entry = audit::of(desk.actor()?, AuditSubtype::Update)?;
        let store = desk.app.store.audited(entry);
        store.abort_export(ExportId::new(id), crate::web::clock::now())?;
        Ok(Redirect::to("/exports").into_response())
    })
    .await
}

/// Gives a file of a delivery, unless a person in it has taken something back since.
pub(crate) async fn file(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path((id, name)): Path<(i64, String)>,
) -> Response {
    answer(app, visit, move |desk| {
        let store = &desk.app.store;
        let id = ExportId::new(id);
        let one = store.export_delivery(id)?;
        if one.state != ExportState::Delivered || !files(&one).contains(&name) {
            return Err(WebError::NotFound);
        }
        let mut entry = audit::of(desk.actor()?, AuditSubtype::Export)?;
        entry
            .entities
            .push(AuditEntity::Query(format!("file {name} of export {id}")));
        if store.may_rerun(id, &crate::web::clock::now())? != Rerun::Allowed {
            store.audit_read(&audit::refused(entry, "a person in it has taken something back"))?;
            let wrong = desk.ui().t("exports.withdrawn");
            let page = page(desk, &Fields::default(), &html! {}, Some(wrong))?;
            return Ok((StatusCode::CONFLICT, page).into_response());
        }
        store.audit_read(&entry)?;
        let place = folder(desk).join(folder_name(&one));
        let bytes = std::fs::read(place.join(&name)).map_err(|error| WebError::Other(error.to_string()))?;
        let headers = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"{name}\""),
            ),
        ];
        Ok((headers, bytes).into_response())
    })
    .await
}
