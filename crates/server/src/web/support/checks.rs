//! The parts of the panel that check: prescriptions of the note against the record, and published criteria against its
//! facts.

use super::{Panel, state_name};
use crate::advice::prescriptions_of;
use crate::web::pages::care;
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_cds::criteria::{Evaluation, Truth, evaluate};
use tsumugi_cds::genomics::hints;
use tsumugi_cds::prescription::{Alert, Answer, Checks, Grade, Lowered, Report, check_all, visible};
use tsumugi_knowledge::{State, Status};

/// Criteria that are shown.
const CRITERIA: usize = 4;
/// Things that are missing, of one set.
const MISSING: usize = 4;

/// Alerts and hints on what the note prescribes, and what could not be looked into.
pub(super) fn prescriptions(panel: &Panel<'_>) -> Markup {
    let ui = panel.ui;
    let (patient, orders) = prescriptions_of(panel.patient, panel.note, panel.text);
    if orders.is_empty() {
        return html! {};
    }
    let checks = Checks {
        vocabulary: panel.advice.coder.vocabulary(),
        book: panel.living.drugs(),
    };
    let reports = check_all(&checks, &patient, &orders);
    let shown = visible(&reports);
    html! {
        section.support-part {
            h3 { (ui.t("support.prescription")) }
            @for alert in &shown { (alert_of(panel, alert)) }
            @for order in &orders { (genes(panel, &order.drug)) }
            ul.steps { @for report in &reports { li { (coverage(panel, report)) } } }
        }
    }
}

/// The alerts and hints in words, as they are shown.
pub(super) fn told(panel: &Panel<'_>) -> Vec<String> {
    let (patient, orders) = prescriptions_of(panel.patient, panel.note, panel.text);
    if orders.is_empty() {
        return Vec::new();
    }
    let checks = Checks {
        vocabulary: panel.advice.coder.vocabulary(),
        book: panel.living.drugs(),
    };
    let reports = check_all(&checks, &patient, &orders);
    let words = |alert: &&Alert| {
        let kind = panel.ui.of("check", alert.kind.word());
        let against = alert.against.as_ref().map(|concept| named(panel, concept));
        let against = against
            .map(|name| format!(" \u{00d7} {name}"))
            .unwrap_or_default();
        format!(
            "{kind}: {}{against} {}",
            named(panel, &alert.drug),
            alert.mechanism
        )
    };
    let of_genes = orders.iter().flat_map(|order| {
        let rows = hints(&order.drug, panel.genes);
        rows.into_iter().map(move |row| {
            let words = care::genes::words(panel.ui.language, row);
            format!("{} \u{00d7} {}: {words}", named(panel, &order.drug), row.gene)
        })
    });
    let told = visible(&reports);
    told.iter().map(words).chain(of_genes).collect()
}

/// What the patient's genes say to a drug.
fn genes(panel: &Panel<'_>, drug: &Arc<str>) -> Markup {
    let ui = panel.ui;
    html! {
        @for row in hints(drug, panel.genes) {
            div.alert.passive {
                strong { (ui.t("genes.hint")) ": " (named(panel, drug)) " \u{00d7} " (row.gene) " " (care::genes::phenotype(&ui, &row.phenotype)) }
                (care::genes::words(ui.language, row)) " " span.source title=(row.source) { (row.source) }
            }
        }
    }
}

fn named(panel: &Panel<'_>, concept: &Arc<str>) -> String {
    state_name(&panel.ui, panel.advice, &State::new(Arc::clone(concept)))
}

fn alert_of(panel: &Panel<'_>, alert: &Alert) -> Markup {
    let ui = panel.ui;
    let is_loud = alert.grade == Grade::Interruptive;
    let against = alert.against.as_ref().map(|concept| named(panel, concept));
    let lowered = match &alert.lowered {
        Some(Lowered::TakenSince { recorded, taken }) => Some(ui.fill(
            "support.taken-since",
            &[("recorded", &recorded.to_string()), ("taken", &taken.to_string())],
        )),
        _ => None,
    };
    html! {
        div.alert.passive[!is_loud] role=[is_loud.then_some("alert")] {
            strong {
                (ui.of("check", alert.kind.word())) ": " (named(panel, &alert.drug))
                @if let Some(against) = against { " \u{00d7} " (against) }
            }
            (alert.mechanism)
            @if let Some(lowered) = lowered { " " span.hint { (lowered) } }
            @if let Some(basis) = &alert.basis {
                " " span.source title=(basis.source) {
                    (ui.of("status", basis.status.word()))
                    @if basis.status == Status::Accepted { ": " (basis.source) }
                }
            }
        }
    }
}

/// What was looked into, what is known of it, and what was not covered: silence is not safety.
fn coverage(panel: &Panel<'_>, report: &Report) -> Markup {
    let ui = panel.ui;
    let of = |wanted: fn(&Answer) -> bool| -> String {
        let kinds: Vec<String> = report
            .checks
            .iter()
            .filter(|check| wanted(&check.answer))
            .map(|check| ui.of("check", check.kind.word()))
            .collect();
        kinds.join(" ")
    };
    let clear = of(|answer| matches!(answer, Answer::CheckedNothingKnown));
    let open = of(|answer| matches!(answer, Answer::NotCovered));
    html! {
        b { (named(panel, &report.drug)) } " "
        @if !clear.is_empty() { span.hint { (ui.fill("support.checked", &[("kinds", &clear)])) } " " }
        @if !open.is_empty() { span.hint { (ui.fill("support.not-covered", &[("kinds", &open)])) } }
    }
}

/// Criteria that are decided, or nearly, with what is missing.
pub(super) fn criteria(panel: &Panel<'_>) -> Markup {
    let ui = panel.ui;
    let book = &panel.advice.criteria;
    let patient = panel.patient.with_fresh_values();
    let mut found = evaluate(book, panel.advice.coder.vocabulary(), &patient);
    // Sets that surely apply and that this note tells something of.
    found.retain(|evaluation| {
        let places = evaluation.items.iter().flat_map(|item| &item.places);
        let mut places = places.chain(&evaluation.value_places);
        evaluation.applies == Truth::True && places.any(|place| place.note.is_empty())
    });
    found.sort_by_key(|evaluation| (evaluation.decided().is_none(), evaluation.missing.len()));
    found.truncate(CRITERIA);
    html! {
        @if !found.is_empty() {
            section.support-part {
                h3 { (ui.t("support.criteria")) }
                ul.criteria { @for evaluation in &found { li { (criterion(panel, evaluation)) } } }
            }
        }
    }
}

fn criterion(panel: &Panel<'_>, evaluation: &Evaluation) -> Markup {
    let ui = panel.ui;
    let Some(set) = panel.advice.criteria.criterion(&evaluation.criterion) else {
        return html! {};
    };
    let outcomes: Vec<&str> = evaluation
        .outcomes
        .iter()
        .filter_map(|index| set.outcomes.get(*index as usize))
        .map(|outcome| outcome.name.as_ref())
        .collect();
    let meaning = evaluation
        .decided()
        .and_then(|index| set.outcomes.get(index as usize))
        .map(|outcome| outcome.meaning.as_ref());
    let missing: Vec<&str> = evaluation
        .missing
        .iter()
        .take(MISSING)
        .map(|missing| missing.name.as_ref())
        .collect();
    html! {
        details {
            summary {
                (set.name) ": " (outcomes.join(" / "))
                @if let Some(points) = &evaluation.points {
                    " (" (points.least) @if points.least < points.most { "\u{2013}" (points.most) } ")"
                }
            }
            @if let Some(meaning) = meaning { p { (meaning) } }
            @if !missing.is_empty() { p { (ui.t("support.missing")) " " (missing.join(", ")) } }
            p.hint { (set.source) " " (set.edition) " \u{2013} " (ui.of("status", set.status.word())) }
        }
    }
}
