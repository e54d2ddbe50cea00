//! The knowledge to read and to learn from: a disease's page, for physicians and for readers who are none, with its
//! definition, causal chain, findings with frequencies and sources, tests, treatment, dummy patients and a quiz.

mod quiz;

use crate::advice::{Advice, Living};
use crate::web::chain_svg::{self, Known, Node, Step};
use crate::web::error::WebError;
use crate::web::notes::escape;
use crate::web::page::{Shell, shell};
use crate::web::state::{App, Desk, Visit, answer};
use crate::web::support::{source, state_name};
use crate::web::ui_text::Ui;
use axum::extract::{Path, Query, State as Shared};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_access::Action;
use tsumugi_cds::Patient;
use tsumugi_clinical::{ConceptId, Polarity};
use tsumugi_knowledge::{Disease, Profile, Role, State};
use tsumugi_records::{EventFilter, EventOrigin, Page, Population};

/// Diseases that a search lists.
const MOST_HITS: usize = 60;
/// Diseases that share mechanisms.
const MOST_SHARED: usize = 8;
/// Dummy patients that are named.
const MOST_PATIENTS: usize = 5;

/// What is looked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    q: String,
}

/// Whose states are drawn into the chain.
#[derive(Debug, Deserialize)]
pub(crate) struct Whose {
    #[serde(default)]
    patient: String,
}

/// The search: diseases by name, or by a mechanism that they share.
pub(crate) async fn find(
    Shared(app): Shared<Arc<App>>,
    visit: Visit,
    Query(typed): Query<Typed>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let ui = desk.ui();
        let living = desk.app.advice.living(crate::chart::population(&desk.app.store)?);
        let words = typed.q.trim();
        let body = html! {
            div.page-head { h1 { (ui.t("knowledge.title")) } a.button href="/knowledge/read" { (ui.t("read.title")) } }
            form.search-form method="get" action="/knowledge" role="search" {
                div.ask {
                    label.hidden for="q" { (ui.t("knowledge.ask")) }
                    div.combo { input #q type="search" name="q" value=(words) placeholder=(ui.t("knowledge.placeholder")) autocomplete="off" autofocus[words.is_empty()]; }
                    button.primary type="submit" { (ui.t("search.go")) }
                }
            }
            @if words.is_empty() { (overview(&ui, &living)) } @else { (hits(&ui, &desk.app.advice, &living, words)) }
        };
        Ok(page(desk, ui.t("knowledge.title"), &body))
    })
    .await
}

/// One disease.
pub(crate) async fn show(
    Shared(app): Shared<Arc<App>>,
    visit: Visit,
    Path(id): Path<String>,
    Query(whose): Query<Whose>,
) -> Response {
    answer(app, visit, move |desk| {
        desk.author()?;
        let ui = desk.ui();
        let advice = &desk.app.advice;
        let known = known_patient(desk, &whose.patient)?;
        // Beside a dummy the cases of dummies count, beside a real patient never.
        let population = match &known {
            Some((_, population)) => *population,
            None => crate::chart::population(&desk.app.store)?,
        };
        let living = advice.living(population);
        let disease = living.own.disease(&id).ok_or(WebError::NotFound)?;
        let name = state_name(&ui, advice, &State::new(id.as_str()));
        let body = html! {
            div.page-head { h1 { (name) } a.button href=(format!("/terms/{id}")) { (ui.t("knowledge.term")) } }
            @if let Some(profile) = &disease.profile { (head(&ui, advice, profile)) }
            (chain(&ui, advice, &living, (&id, &name), known.as_ref().map(|(patient, _)| patient)))
            (findings(&ui, advice, disease))
            (treatments(&ui, advice, disease))
            (shared(&ui, advice, &living, &id))
            (dummies(desk, &id)?)
            (quiz::draw(&ui, advice, &living, &id))
            p.support-foot { (ui.t("support.says")) " " span.edition { (ui.fill("support.edition", &[("edition", &living.edition)])) } }
        };
        Ok(page(desk, &name, &body))
    })
    .await
}

fn page(desk: &Desk, title: &str, body: &Markup) -> Response {
    let page = Shell {
        title,
        class: "knowledge",
        script: None,
    };
    shell(desk, &page, body)
}

/// The state of the patient whose chain is asked for.
fn known_patient(desk: &Desk, number: &str) -> Result<Option<(Patient, Population)>, WebError> {
    if number.is_empty() {
        desk.actor()?.tells_of_no_record();
        return Ok(None);
    }
    let patient = desk.app.patient_numbered(number)?;
    let standing = desk.may(Action::Read, &patient)?;
    desk.reads(patient.id, None)?;
    let (_, notes) = desk.events(&standing)?;
    let lets = |origin: &EventOrigin| notes.lets(origin);
    let record = crate::chart::record_within(&desk.app.store, &patient, None, &lets)?;
    Ok(Some((desk.app.advice.patient(&record, None), patient.population)))
}

fn overview(ui: &Ui<'_>, living: &Living) -> Markup {
    let own = &living.own.diseases;
    let rows: usize = own.values().map(|disease| disease.findings.len()).sum();
    let counts = [
        ("diseases", own.len().to_string()),
        ("findings", rows.to_string()),
        ("chains", living.chains().diseases().count().to_string()),
        ("guidelines", living.guidelines().iter().count().to_string()),
    ];
    let counts: Vec<(&str, &str)> = counts.iter().map(|(key, value)| (*key, value.as_str())).collect();
    html! {
        p { (ui.fill("knowledge.says", &counts)) }
        section.examples {
            h2 { (ui.t("search.examples")) }
            ul { @for text in ui.t("knowledge.example-list").split('|') { li { a href=(format!("/knowledge?q={}", escape(text))) { (text) } } } }
        }
    }
}

fn hits(ui: &Ui<'_>, advice: &Advice, living: &Living, words: &str) -> Markup {
    let vocabulary = advice.coder.vocabulary();
    let found = vocabulary.search().find(words, MOST_HITS);
    let diseases: Vec<Arc<str>> = found
        .iter()
        .filter_map(|hit| vocabulary.get(hit.key))
        .filter(|concept| living.own.disease(concept.id.as_str()).is_some())
        .map(|concept| concept.id.as_str().into())
        .collect();
    let states = living.chains().states().filter(|state| {
        state.name.contains(words)
            || state.kana.contains(words)
            || state.english.to_lowercase().contains(&words.to_lowercase())
    });
    let mechanisms: Vec<(String, BTreeMap<Arc<str>, State>)> = states
        .map(|state| {
            let key = State::new(Arc::clone(&state.id));
            (state_name(ui, advice, &key), living.chains().sharing(&key))
        })
        .filter(|(_, sharing)| !sharing.is_empty())
        .take(MOST_SHARED)
        .collect();
    html! {
        @if diseases.is_empty() && mechanisms.is_empty() { p { (ui.t("knowledge.none")) } }
        @if !diseases.is_empty() {
            section { h2 { (ui.t("knowledge.diseases")) } ul.hits { @for key in &diseases { li { (link(ui, advice, key)) } } } }
        }
        @for (name, sharing) in &mechanisms {
            section {
                h2 { (ui.fill("knowledge.mechanism", &[("state", name)])) }
                ul.hits { @for disease in sharing.keys() { li { (link(ui, advice, disease)) } } }
            }
        }
    }
}

fn link(ui: &Ui<'_>, advice: &Advice, disease: &Arc<str>) -> Markup {
    let name = state_name(ui, advice, &State::new(Arc::clone(disease)));
    html! { a href=(format!("/knowledge/{disease}")) { (name) } }
}

fn head(ui: &Ui<'_>, advice: &Advice, profile: &Profile) -> Markup {
    let danger = match profile.danger {
        tsumugi_knowledge::Danger::MustNotMiss => Some(ui.t("danger.must-not-miss")),
        tsumugi_knowledge::Danger::Serious => Some(ui.t("danger.serious")),
        tsumugi_knowledge::Danger::Plain => None,
    };
    let women = format!("{:.0}", profile.female * 100.0);
    let rate = format!("{}", profile.rate);
    let tests: Vec<State> = profile
        .key_tests
        .iter()
        .map(|test| State::new(Arc::clone(test)))
        .collect();
    html! {
        p.definition { (profile.definition) }
        @if let Some(danger) = danger { p.danger { (danger) } }
        dl.facts {
            div { dt { (ui.t("knowledge.rate")) } dd { (ui.fill("knowledge.rate-says", &[("rate", &rate)])) } }
            div { dt { (ui.t("knowledge.ages")) } dd { (ages(ui, profile)) } }
            div { dt { (ui.t("knowledge.women")) } dd { (women) " %" } }
            (named(ui, advice, "knowledge.tests", &tests))
            (named(ui, advice, "knowledge.red-flags", &profile.red_flags))
        }
        p.hint { (ui.of("status", profile.status.word())) }
    }
}

fn named(ui: &Ui<'_>, advice: &Advice, key: &'static str, states: &[State]) -> Markup {
    html! {
        @if !states.is_empty() {
            div { dt { (ui.t(key)) } dd { ul.inline { @for state in states { li { (state_name(ui, advice, state)) } } } } }
        }
    }
}

fn ages(ui: &Ui<'_>, profile: &Profile) -> Markup {
    html! {
        span.ages {
            @for (label, share) in ui.t("knowledge.age-bands").split('|').zip(profile.ages) {
                span.age { (label) " " b { (format!("{:.0}", share * 100.0)) "%" } } " "
            }
        }
    }
}

fn chain(
    ui: &Ui<'_>,
    advice: &Advice,
    living: &Living,
    (id, name): (&str, &str),
    patient: Option<&Patient>,
) -> Markup {
    let nodes: Vec<Node> = living
        .chains()
        .nodes(id)
        .into_iter()
        .map(|state| Node {
            name: state_name(ui, advice, &state),
            known: patient.map_or(Known::Open, |patient| known(advice, patient, &state)),
            link: Some(format!(
                "/knowledge?q={}",
                escape(&state_name(ui, advice, &state))
            )),
            state,
        })
        .collect();
    let steps: Vec<Step> = living
        .chains()
        .of(id)
        .map(|edge| Step {
            from: edge.step.cause.clone(),
            to: edge.step.effect.clone(),
            strength: edge.strength,
            is_core: edge.role == Role::Core,
        })
        .collect();
    html! {
        @if !nodes.is_empty() {
            section {
                h2 { (ui.t("knowledge.chain")) }
                div.chain-frame tabindex="0" { (chain_svg::draw(ui, name, &nodes, &steps)) }
                p.hint { (ui.t("chain.legend")) }
            }
        }
    }
}

/// What is known of a state: by itself, by something narrower, or by the findings on which it lands.
fn known(advice: &Advice, patient: &Patient, state: &State) -> Known {
    let vocabulary = advice.coder.vocabulary();
    let own = advice.abnormal_state(state.as_str());
    let wanted: Vec<&State> = own.map_or_else(|| vec![state], |own| own.findings.iter().collect());
    let meets = |fact: &State| {
        wanted.iter().any(|wanted| {
            *wanted == fact
                || vocabulary
                    .key(fact.as_str())
                    .zip(vocabulary.key(wanted.as_str()))
                    .is_some_and(|(fact, wanted)| vocabulary.is_a(fact, wanted))
        })
    };
    let mut said = patient.facts.iter().rev().filter(|fact| meets(&fact.state));
    match said.next().map(|fact| fact.polarity) {
        Some(Polarity::Present) => Known::Observed,
        Some(Polarity::Absent) => Known::Denied,
        None => Known::Open,
    }
}

fn findings(ui: &Ui<'_>, advice: &Advice, disease: &Disease) -> Markup {
    let mut rows: Vec<(&State, f64)> = disease
        .findings
        .keys()
        .filter_map(|state| Some((state, disease.share(state)?.mean(0.02))))
        .collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    html! {
        section {
            h2 { (ui.t("knowledge.findings")) }
            table.findings {
                thead { tr { th scope="col" { (ui.t("knowledge.finding")) } th scope="col" { (ui.t("knowledge.share")) } th scope="col" { (ui.t("knowledge.source")) } } }
                tbody {
                    @for (state, share) in rows {
                        @let percent = format!("{:.0}", share * 100.0);
                        tr {
                            th scope="row" { (state_name(ui, advice, state)) }
                            td { meter min="0" max="100" value=(percent) { (percent) } " " (percent) " %" }
                            td { @for evidence in disease.findings.get(state).into_iter().flatten() { (source(ui, evidence)) " " } }
                        }
                    }
                }
            }
        }
    }
}

fn treatments(ui: &Ui<'_>, advice: &Advice, disease: &Disease) -> Markup {
    html! {
        @if !disease.treatments.is_empty() {
            section {
                h2 { (ui.t("knowledge.treatment")) }
                ol.treatments {
                    @for treatment in &disease.treatments {
                        li {
                            ul.inline { @for what in &treatment.what { li { (state_name(ui, advice, &State::new(Arc::clone(what)))) } } }
                            @if !treatment.note.is_empty() { " " (treatment.note) }
                            " " span.hint { (ui.of("status", treatment.status.word())) }
                        }
                    }
                }
            }
        }
    }
}

fn shared(ui: &Ui<'_>, advice: &Advice, living: &Living, id: &str) -> Markup {
    let shared = living.chains().shared_with(id);
    html! {
        @if !shared.is_empty() {
            section {
                h2 { (ui.t("knowledge.shared")) }
                ul.shared {
                    @for other in shared.iter().take(MOST_SHARED) {
                        li {
                            (link(ui, advice, &other.disease)) ": "
                            @for (index, state) in other.states.iter().take(3).enumerate() {
                                @if index > 0 { ", " }
                                (state_name(ui, advice, state))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Dummy patients whose record holds the disease.
fn dummies(desk: &Desk, id: &str) -> Result<Markup, WebError> {
    let ui = desk.ui();
    let vocabulary = desk.app.coder.vocabulary();
    let concepts: Vec<ConceptId> = vocabulary
        .key(id)
        .map(|key| vocabulary.descendants(key))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|key| vocabulary.get(key))
        .map(|concept| concept.id.clone())
        .collect();
    let page = Page {
        after: None,
        limit: 20,
    };
    let found = desk
        .app
        .store
        .search_events(Population::Dummy, &concepts, &EventFilter::default(), page)?;
    let mut patients = Vec::new();
    let mut rows = desk.rows(Action::Search, Population::Dummy)?;
    for hit in &found.list {
        if patients.len() < MOST_PATIENTS && !patients.contains(&hit.patient) && rows.patient(hit.patient) {
            patients.push(hit.patient);
        }
    }
    let mut named = Vec::new();
    for id in patients {
        named.push(desk.app.store.patient(id)?);
    }
    Ok(html! {
        @if !named.is_empty() {
            section {
                h2 { (ui.t("knowledge.dummies")) }
                ul.inline { @for patient in &named { li { a href=(format!("/patients/{}", patient.id)) { (patient.details.name) } } } }
            }
        }
    })
}
