//! Harm that drugs may have done: what the record suggests for one patient, confirmed or denied with one key; the list of
//! a patient and of the site, as a page, a file and FHIR AdverseEvent.

use super::{add, entries, fhir_file, head as summarised, may_enter, may_settle, opened};
use crate::access::{Notes, Standing};
use crate::audit;
use crate::care::codes::{CAUSALITY, Codes, OUTCOMES, SERIOUSNESS};
use crate::care::harms::{HarmEntry, Verdict, decided, subject, to_fhir};
use crate::chart;
use crate::web::Fields;
use crate::web::clock;
use crate::web::error::WebError;
use crate::web::page::{Shell, day, dummy_mark, patient_bar, shell};
use crate::web::pages::search::{quoted, told};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::support::state_name;
use crate::web::ui_text::Ui;
use axum::extract::{Form, Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_cds::prescription::Checks;
use tsumugi_cds::{Harm, Place, Suspect, harms};
use tsumugi_knowledge::State as KnownState;
use tsumugi_records::{AuditSubtype, CareEntry, CareTopic, NewCareEntry, PatientId, PatientRecord};

/// Most entries of the site that are looked through.
const MOST_OF_SITE: u32 = 10_000;
/// Most characters of a remark.
const LONGEST_WORDS: usize = 500;

/// What the record suggests and nobody has decided since.
fn suspected(
    desk: &Desk,
    record: &PatientRecord,
    notes: &Notes,
    entries: &[CareEntry],
) -> Result<Vec<Harm>, WebError> {
    let app = &desk.app;
    let whole = chart::record_within(&app.store, record, None, &|origin| notes.lets(origin))?;
    let patient = app.advice.patient(&whole, None);
    let living = app.advice.living(record.population);
    let checks = Checks {
        vocabulary: app.coder.vocabulary(),
        book: living.drugs(),
    };
    let decided = decided(entries);
    let mut found = harms(&checks, &patient);
    for harm in &mut found {
        harm.suspects.retain(|suspect| {
            let subject = subject(&suspect.drug, harm.finding.as_str());
            let known = decided.values().find(|(entry, _)| entry.subject == subject);
            // What began after the decision is another harm.
            known.is_none_or(|(entry, _)| {
                harm.onset
                    .is_some_and(|onset| onset > entry.stamp.at.civil().date())
            })
        });
    }
    found.retain(|harm| !harm.suspects.is_empty());
    Ok(found)
}

/// Shows what a patient's record suggests, and what was decided.
pub(crate) async fn show(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let (record, standing) = opened(desk, id, Action::Read)?;
        desk.reads(record.id, None)?;
        let (events, notes) = desk.events(&standing)?;
        let summary = summarised(desk, (&record, &standing), &events)?;
        let kept = entries(desk, (&record, &standing), CareTopic::Harm)?;
        let found = suspected(desk, &record, &notes, &kept)?;
        let may = may_settle(desk, &standing)?;
        let body = html! {
            (patient_bar(&ui, &record, &summary, clock::today()))
            div.page-head {
                h1 { (ui.t("harms.title")) }
                (exports(desk, &record, &standing, &kept)?)
                a.button href=(format!("/patients/{}", record.id)) { (ui.t("previous.timeline")) }
            }
            section aria-labelledby="suspected" {
                h2 #suspected { (ui.t("harms.suspected")) " " span.count { (found.len()) } }
                p.hint { (ui.t("harms.says")) }
                @if found.is_empty() { p.empty { (ui.t("harms.none")) } }
                ul.harms { @for harm in &found { (suspicion(desk, &record, harm, may)) } }
            }
            (decisions(desk, &kept))
        };
        let title = format!("{} {}", record.details.name, ui.t("harms.title"));
        let page = Shell {
            title: &title,
            class: "list",
            script: None,
        };
        Ok(shell(desk, &page, &body))
    })
    .await
}

fn exports(
    desk: &Desk,
    record: &PatientRecord,
    standing: &Standing,
    kept: &[CareEntry],
) -> Result<Markup, WebError> {
    let resource = tsumugi_access::Resource::Patient(&standing.patient);
    let may = desk.actor()?.ask(Action::Export, resource).allowed;
    Ok(html! {
        @if may && !kept.is_empty() { a.button href=(format!("/patients/{}/harms/fhir", record.id)) { "FHIR" } }
    })
}

/// What happened, with its drugs.
fn suspicion(desk: &Desk, record: &PatientRecord, harm: &Harm, may: bool) -> Markup {
    let ui = desk.ui();
    let name = state_name(&ui, &desk.app.advice, &harm.finding);
    html! {
        li.harm {
            p {
                @match link(&harm.place) { Some(place) => a href=(place) { strong { (name) } }, None => strong { (name) } }
                @if let Some(onset) = harm.onset { " " (ui.t("harms.onset")) " " time { (day(&ui, onset)) } }
                @if let Some(gone) = harm.gone { " \u{b7} " (ui.t("harms.gone")) " " time { (day(&ui, gone)) } }
            }
            ul { @for suspect in &harm.suspects {
                li.suspect {
                    span { (reasons(desk, suspect)) }
                    @if may { (deciding(desk, record, harm, suspect)) }
                }
            } }
        }
    }
}

fn reasons(desk: &Desk, suspect: &Suspect) -> Markup {
    let ui = desk.ui();
    let name = drug_name(desk, &suspect.drug);
    html! {
        @match link(&suspect.place) { Some(place) => a href=(place) { strong { (name) } }, None => strong { (name) } }
        " " span.state { (CAUSALITY.name(ui.language, suspect.causality.code())) }
        " " span.hint {
            @if suspect.is_told { (ui.t("harms.told")) " \u{b7} " }
            @if let Some(frequency) = suspect.frequency { (ui.of("frequency", frequency.word())) }
            @if suspect.is_serious { " \u{b7} " (ui.t("harms.serious")) }
            @match suspect.days {
                Some(days) => { " \u{b7} " (ui.fill("harms.after-days", &[("days", &days.to_string())])) }
                None => { " \u{b7} " (ui.t("harms.begin-unknown")) }
            }
            @if let Some(ended) = suspect.ended { " \u{b7} " (ui.t("harms.ended")) " " (day(&ui, ended)) }
        }
    }
}

/// Two keys: harm, as the record suggests it, or none. What differs is chosen before.
fn deciding(desk: &Desk, record: &PatientRecord, harm: &Harm, suspect: &Suspect) -> Markup {
    let ui = desk.ui();
    let serious = if suspect.is_serious { "important" } else { "none" };
    let outcome = if harm.gone.is_some() {
        "resolved"
    } else {
        "unknown"
    };
    html! {
        form.deciding method="post" action=(format!("/patients/{}/harms", record.id)) {
            input type="hidden" name="drug" value=(suspect.drug);
            input type="hidden" name="event" value=(harm.finding.as_str());
            button type="submit" name="verdict" value="confirmed" { (ui.t("harms.confirm")) }
            button type="submit" name="verdict" value="denied" { (ui.t("harms.deny")) }
            details {
                summary { (ui.t("harms.more")) }
                div.fields {
                    (choice(&ui, "harms.causality", "causality", (&CAUSALITY, suspect.causality.code())))
                    (choice(&ui, "harms.seriousness", "seriousness", (&SERIOUSNESS, serious)))
                    (choice(&ui, "harms.outcome", "outcome", (&OUTCOMES, outcome)))
                    label.field { span { (ui.t("harms.words")) } input type="text" name="words" maxlength=(LONGEST_WORDS) autocomplete="off"; }
                }
            }
        }
    }
}

fn choice(ui: &Ui<'_>, label: &str, name: &str, (codes, now): (&Codes, &str)) -> Markup {
    html! {
        label.field { span { (ui.get(label).unwrap_or(label)) }
            select name=(name) { @for row in codes.rows() {
                option value=(row.code) selected[row.code == now] title=[(!row.says.is_empty()).then_some(&row.says)] { (row.name(ui.language)) }
            } }
        }
    }
}

/// What was decided, the newest first; earlier decisions stay.
fn decisions(desk: &Desk, kept: &[CareEntry]) -> Markup {
    let ui = desk.ui();
    let mut newest: Vec<_> = decided(kept).into_values().collect();
    newest.sort_by_key(|(entry, _)| std::cmp::Reverse(entry.id));
    html! {
        @if !newest.is_empty() {
            section aria-labelledby="decided" {
                h2 #decided { (ui.t("harms.decided")) " " span.count { (newest.len()) } }
                table.grid {
                    thead { (head(&ui, false)) }
                    tbody { @for (entry, harm) in &newest { tr { (cells(desk, entry, harm)) } } }
                }
            }
        }
    }
}

fn head(ui: &Ui<'_>, with_patient: bool) -> Markup {
    html! {
        tr {
            @if with_patient { th scope="col" { (ui.t("harms.patient")) } }
            @for key in ["event", "drug", "verdict", "causality", "seriousness", "outcome", "onset", "by"] {
                th scope="col" { (ui.of("harms", key)) }
            }
        }
    }
}

fn cells(desk: &Desk, entry: &CareEntry, harm: &HarmEntry) -> Markup {
    let ui = desk.ui();
    let is_harm = harm.verdict == Verdict::Confirmed;
    let language = ui.language;
    html! {
        td { strong { (state_name(&ui, &desk.app.advice, &KnownState::new(harm.event.as_str()))) } @if !harm.words.is_empty() { br; span.hint { (harm.words) } } }
        td { (drug_name(desk, &harm.drug)) }
        td { (ui.t(if is_harm { "harms.confirmed" } else { "harms.denied" })) }
        @if is_harm {
            td { (CAUSALITY.name(language, &harm.causality)) }
            td { (SERIOUSNESS.name(language, &harm.seriousness)) }
            td { (OUTCOMES.name(language, &harm.outcome)) }
        } @else { td {} td {} td {} }
        td { @if let Some(onset) = harm.onset { (day(&ui, onset)) } }
        td { (day(&ui, entry.stamp.at.civil().date())) " " (desk.person(&entry.stamp.author)) }
    }
}

/// Where the record says it; what other systems sent has no page.
fn link(place: &Place) -> Option<String> {
    let document: i64 = place.note.parse().ok()?;
    Some(format!("/documents/{document}?fact={}#lit", place.event))
}

fn drug_name(desk: &Desk, drug: &str) -> String {
    state_name(&desk.ui(), &desk.app.advice, &KnownState::new(drug))
}

/// Keeps a decision about what the record suggests now.
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    answer(app, visit, move |desk| {
        let (record, standing) = opened(desk, id, Action::Read)?;
        if !may_settle(desk, &standing)? || !may_enter(desk, &standing)? {
            return Err(desk.refuse_record(AuditSubtype::Update, record.id, "deciding about harm refused"));
        }
        let new = decision(desk, &record, &standing, &fields)?;
        add(desk, &record, vec![new])?;
        Ok(Redirect::to(&format!("/patients/{}/harms", record.id)).into_response())
    })
    .await
}

fn decision(
    desk: &Desk,
    record: &PatientRecord,
    standing: &Standing,
    fields: &Fields,
) -> Result<NewCareEntry, WebError> {
    let of = |name: &str| fields.get(name).map_or("", |value| value.trim());
    let (_, notes) = desk.events(standing)?;
    let kept = entries(desk, (record, standing), CareTopic::Harm)?;
    let found = suspected(desk, record, &notes, &kept)?;
    let wanted = found.iter().find(|harm| harm.finding.as_str() == of("event"));
    let wanted = wanted.and_then(|harm| {
        let suspect = harm
            .suspects
            .iter()
            .find(|suspect| suspect.drug.as_ref() == of("drug"));
        Some((harm, suspect?))
    });
    let (harm, suspect) = wanted.ok_or_else(|| tsumugi_records::StoreError::Conflict {
        what: "what may have done harm".to_owned(),
        detail: "is decided already or not suggested any more; look at the list again".to_owned(),
    })?;
    let verdict = match of("verdict") {
        "confirmed" => Verdict::Confirmed,
        "denied" => Verdict::Denied,
        _ => return Err(WebError::Bad("error.invalid")),
    };
    let or = |name: &str, usual: &str| {
        Some(of(name))
            .filter(|text| !text.is_empty())
            .unwrap_or(usual)
            .to_owned()
    };
    let entry = HarmEntry {
        drug: suspect.drug.to_string(),
        drug_name: drug_name(desk, &suspect.drug),
        event: harm.finding.as_str().to_owned(),
        event_name: state_name(&desk.ui(), &desk.app.advice, &harm.finding),
        verdict,
        causality: or("causality", suspect.causality.code()),
        seriousness: or("seriousness", "none"),
        outcome: or("outcome", "unknown"),
        onset: harm.onset,
        suggested: suspect.causality.code().to_owned(),
        words: of("words").chars().take(LONGEST_WORDS).collect(),
    };
    if !entry.is_sound() {
        return Err(WebError::Bad("error.invalid"));
    }
    Ok(NewCareEntry {
        patient: record.id,
        topic: CareTopic::Harm,
        subject: subject(&entry.drug, &entry.event),
        key: None,
        body: json!(entry),
        stamp: desk.stamp()?,
    })
}

/// Takes a patient's confirmed harm out as FHIR AdverseEvent.
pub(crate) async fn fhir(State(app): State<Arc<App>>, visit: Visit, Path(id): Path<i64>) -> Response {
    answer(app, visit, move |desk| {
        let (record, _) = opened(desk, id, Action::Export)?;
        let kept = desk.app.store.care_of(record.id, CareTopic::Harm)?;
        let entry = audit::of_patient(desk.actor()?, AuditSubtype::Export, record.id)?;
        desk.app.store.audit_read(&entry)?;
        Ok(fhir_file("adverse-events", &bundle(&kept)))
    })
    .await
}

fn bundle(kept: &[CareEntry]) -> serde_json::Value {
    let entries: Vec<_> = to_fhir(kept)
        .into_iter()
        .map(|one| json!({"resource": one}))
        .collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

/// The confirmed harm of the site that may be shown, the newest first.
fn of_site(desk: &Desk, action: Action) -> Result<Vec<CareEntry>, WebError> {
    let population = chart::population(&desk.app.store)?;
    let mut rows = desk.rows(action, population)?;
    let mut kept = Vec::new();
    for entry in desk
        .app
        .store
        .care_on(population, CareTopic::Harm, MOST_OF_SITE)?
    {
        // Who may have a patient in a list, and may read what other systems report of that patient.
        if rows.patient(entry.patient) && rows.document(entry.patient, None)? {
            kept.push(entry);
        }
    }
    let newest: BTreeSet<i64> = decided(&kept)
        .into_values()
        .filter(|(_, harm)| harm.verdict == Verdict::Confirmed)
        .map(|(entry, _)| entry.id)
        .collect();
    kept.retain(|entry| newest.contains(&entry.id));
    Ok(kept)
}

fn patients_of(kept: &[CareEntry]) -> Vec<PatientId> {
    let all: BTreeSet<PatientId> = kept.iter().map(|entry| entry.patient).collect();
    all.into_iter().collect()
}

/// Lists the confirmed harm of the site.
pub(crate) async fn list(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let ui = desk.ui();
        let kept = of_site(desk, Action::Search)?;
        told(desk, AuditSubtype::Search, &patients_of(&kept))?;
        let decided = decided(&kept);
        let mut shown: Vec<_> = decided.into_values().collect();
        shown.sort_by_key(|(entry, _)| std::cmp::Reverse(entry.id));
        let mut rows = Vec::new();
        for (entry, harm) in &shown {
            rows.push((desk.app.store.patient(entry.patient)?, entry, harm));
        }
        let body = html! {
            div.page-head {
                h1 { (ui.t("harms.title")) }
                a.button href="/harms.csv" { "CSV" }
                a.button href="/harms/fhir" { "FHIR" }
            }
            p.hint { (ui.t("harms.site-says")) }
            @if rows.is_empty() { p.empty { (ui.t("harms.site-none")) } } @else {
                table.grid {
                    thead { (head(&ui, true)) }
                    tbody { @for (record, entry, harm) in &rows { tr {
                        td { (dummy_mark(&ui, record.population)) a href=(format!("/patients/{}/harms", record.id)) { (record.details.name) } " " (record.details.number) }
                        (cells(desk, entry, harm))
                    } } }
                }
            }
        };
        let page = Shell {
            title: ui.t("harms.title"),
            class: "list",
            script: None,
        };
        Ok(shell(desk, &page, &body))
    })
    .await
}

/// The same as a file.
pub(crate) async fn csv(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let kept = of_site(desk, Action::Export)?;
        told(desk, AuditSubtype::Export, &patients_of(&kept))?;
        let mut file = String::from(
            "patient_id,drug,drug_name,event,event_name,causality,seriousness,outcome,onset,decided,by\r\n",
        );
        for (entry, harm) in decided(&kept).into_values() {
            let number = desk.app.store.patient(entry.patient)?.details.number;
            let onset = harm.onset.map(|onset| onset.to_string()).unwrap_or_default();
            let decided = entry.stamp.at.civil().date().to_string();
            let cells = [
                &number,
                &harm.drug,
                &harm.drug_name,
                &harm.event,
                &harm.event_name,
                &harm.causality,
                &harm.seriousness,
                &harm.outcome,
                &onset,
                &decided,
                &entry.stamp.author,
            ];
            let cells: Vec<String> = cells.into_iter().map(|cell| quoted(cell)).collect();
            // Writing to a string does not fail.
            let _ = write!(file, "{}\r\n", cells.join(","));
        }
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (
                header::CONTENT_DISPOSITION,
                "attachment; filename=\"adverse-events.csv\"",
            ),
        ];
        Ok((headers, file).into_response())
    })
    .await
}

/// The same as FHIR AdverseEvent.
pub(crate) async fn site_fhir(State(app): State<Arc<App>>, visit: Visit) -> Response {
    answer(app, visit, move |desk| {
        let kept = of_site(desk, Action::Export)?;
        told(desk, AuditSubtype::Export, &patients_of(&kept))?;
        Ok(fhir_file("adverse-events", &bundle(&kept)))
    })
    .await
}
