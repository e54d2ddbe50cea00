//! Checks of the drugs that are being ordered: a card for every alert that is to be seen, and one that says what was
//! looked into and what could not be, since silence is no safety.

use super::Case;
use super::card::{Card, Indicator, joined, plain};
use super::drafts::{Draft, Ordered};
use super::reader::Reaction;
use crate::advice::Kind;
use tsumugi_cds::prescription::{Alert, Answer, Checks, Grade, Missing, Order, Report, check_all, visible};

/// The cards of the drugs that have just been chosen, or are about to be signed.
pub(super) fn cards(case: &Case<'_>) -> Vec<Card> {
    if !case.is_on(Kind::Prescription) {
        return Vec::new();
    }
    // A pair is told at the later order: what is being chosen comes last.
    let mut drugs: Vec<(&Draft, &Order)> = case
        .reading
        .drafts
        .iter()
        .filter_map(|draft| match &draft.what {
            Ordered::Drug(order) => Some((draft, order.as_ref())),
            Ordered::Acts(_) => None,
        })
        .collect();
    drugs.sort_by_key(|(draft, _)| draft.is_selected);
    let orders: Vec<Order> = drugs.iter().map(|(_, order)| (*order).clone()).collect();
    let checks = Checks {
        vocabulary: case.call.app.coder.vocabulary(),
        book: case.living.drugs(),
    };
    let reports = check_all(&checks, &case.subject.patient, &orders);
    let told: Vec<(&Draft, Report)> = drugs
        .iter()
        .map(|(draft, _)| *draft)
        .zip(reports)
        .filter(|(draft, _)| draft.is_selected)
        .collect();
    if told.is_empty() {
        return Vec::new();
    }
    let reports: Vec<Report> = told.iter().map(|(_, report)| report.clone()).collect();
    let shown = visible(&reports);
    let mut cards: Vec<Card> = shown.iter().map(|alert| alert_card(case, &told, alert)).collect();
    cards.extend(overview(case, &told, &shown));
    cards
}

fn alert_card(case: &Case<'_>, told: &[(&Draft, Report)], alert: &Alert) -> Card {
    let ui = case.ui;
    let drug = case.name(&alert.drug);
    let summary = ui.fill("hooks.alert", &[("drug", &drug), ("mechanism", &alert.mechanism)]);
    let mut card = Card::info(case, "prescription", &summary);
    card.indicator = match alert.grade {
        Grade::Interruptive => Indicator::Critical,
        Grade::Passive => Indicator::Warning,
        Grade::Silent => Indicator::Info,
    };
    let check = ui.of("hooks.check", alert.kind.word());
    card.detail.push(format!("**{check}** {}", alert.mechanism));
    if let Some(basis) = &alert.basis {
        if !basis.note.is_empty() && !alert.mechanism.contains(basis.note.as_ref()) {
            card.detail.push(basis.note.to_string());
        }
        let row = format!("{}:{}", basis.table, basis.line);
        let source = if basis.source.is_empty() {
            row.as_str()
        } else {
            &basis.source
        };
        let status = case.status(basis.status);
        card.detail
            .push(ui.fill("hooks.rests-on-row", &[("source", source), ("status", &status)]));
        if !basis.source.is_empty() {
            card.source = basis.source.to_string();
        }
    }
    card.detail.extend(case.rests_on(&alert.because));
    card.detail.extend(reactions(case, alert));
    card.about.push(alert.drug.to_string());
    if let Some(against) = &alert.against {
        card.about.push(against.to_string());
        if case.is_disease(against) {
            card.link_disease(case, against);
        }
    }
    let draft = told.iter().find(|(_, report)| report.drug == alert.drug);
    if let Some(name) = draft.and_then(|(draft, _)| draft.name.as_deref())
        && alert.grade == Grade::Interruptive
    {
        card.offer_withdrawal(case, name, &drug);
    }
    card
}

/// What the sender recorded of the allergies that an alert rests on.
fn reactions(case: &Case<'_>, alert: &Alert) -> Vec<String> {
    let mut lines = Vec::new();
    let mut notes: Vec<&str> = alert.because.iter().map(|place| place.note.as_ref()).collect();
    notes.dedup();
    for reaction in notes
        .iter()
        .filter_map(|note| case.reading.reactions.get(*note))
        .flatten()
    {
        let line = match reaction {
            Reaction::Criticality(code) => {
                let word = case.ui.of("hooks.criticality", code);
                case.ui
                    .fill("hooks.recorded-criticality", &[("criticality", &plain(&word))])
            }
            Reaction::Manifestation(words, severity) => {
                let grade = severity.as_ref().map(|code| case.ui.of("hooks.severity", code));
                let grade = grade.map_or_else(String::new, |grade| format!(" ({})", plain(&grade)));
                case.ui.fill(
                    "hooks.reaction",
                    &[("reaction", &format!("{}{grade}", plain(words)))],
                )
            }
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// What was looked into and what could not be, and the hints that have no card of their own.
fn overview(case: &Case<'_>, told: &[(&Draft, Report)], shown: &[&Alert]) -> Option<Card> {
    let ui = case.ui;
    let alerts = told.iter().flat_map(|(_, report)| &report.alerts);
    let hidden = alerts.filter(|alert| alert.grade != Grade::Silent && !shown.contains(alert));
    let hidden: Vec<String> = hidden
        .map(|alert| format!("- {}: {}", case.name(&alert.drug), alert.mechanism))
        .collect();
    let open = told
        .iter()
        .filter_map(|(draft, report)| gaps(case, draft, report));
    let open: Vec<String> = open.collect();
    if open.is_empty() && hidden.is_empty() {
        return None;
    }
    let (orders, alerts) = (told.len().to_string(), shown.len().to_string());
    let summary = ui.fill("hooks.overview", &[("orders", &orders), ("alerts", &alerts)]);
    let mut card = Card::info(case, "prescription-overview", &summary);
    if !open.is_empty() {
        card.detail
            .push(format!("**{}**\n\n{}", ui.t("hooks.gaps"), open.join("\n")));
    }
    if !hidden.is_empty() {
        card.detail
            .push(format!("**{}**\n\n{}", ui.t("hooks.hidden"), hidden.join("\n")));
    }
    card.about = told.iter().map(|(_, report)| report.drug.to_string()).collect();
    Some(card)
}

/// One order: the kinds of check that found nothing, and those that could not be made or only in part.
fn gaps(case: &Case<'_>, draft: &Draft, report: &Report) -> Option<String> {
    let ui = case.ui;
    let word = |kind: tsumugi_cds::prescription::Kind| ui.of("hooks.check", kind.word());
    let clear = report
        .checks
        .iter()
        .filter(|check| check.answer == Answer::CheckedNothingKnown);
    let clear: Vec<String> = clear.map(|check| word(check.kind)).collect();
    let open = report.checks.iter().filter(|check| !check.missing.is_empty());
    let open: Vec<String> = open
        .map(|check| {
            let missing: Vec<String> = check
                .missing
                .iter()
                .map(|missing| missing_word(case, missing))
                .collect();
            let missing = joined(ui, &missing);
            ui.fill(
                "hooks.gap",
                &[("check", &word(check.kind)), ("missing", &missing)],
            )
        })
        .collect();
    if open.is_empty() {
        return None;
    }
    let drug = plain(&draft.label);
    let mut line = ui.fill("hooks.gaps-of", &[("drug", &drug), ("open", &joined(ui, &open))]);
    if !clear.is_empty() {
        line.push(' ');
        line.push_str(&ui.fill("hooks.clear", &[("clear", &joined(ui, &clear))]));
    }
    Some(format!("- {line}"))
}

fn missing_word(case: &Case<'_>, missing: &Missing) -> String {
    let word = match missing {
        Missing::Drug => "drug",
        Missing::Partner(partner) => {
            let name = case.name(partner);
            return case.ui.fill("hooks.missing.partner", &[("drug", &name)]);
        }
        Missing::AllergyHistory => "allergy-history",
        Missing::RenalFunction => "renal-function",
        Missing::Weight => "weight",
        Missing::Age => "age",
        Missing::Sex => "sex",
        Missing::ChildPugh => "child-pugh",
        Missing::PregnancyStatus => "pregnancy-status",
        Missing::LactationStatus => "lactation-status",
        Missing::Amount => "amount",
        Missing::UsualDose => "usual-dose",
    };
    case.ui.of("hooks.missing", word)
}

/// Words of `hooks.missing`, for the test that every one has a text.
#[cfg(test)]
pub(super) const MISSING: [&str; 12] = [
    "drug",
    "partner",
    "allergy-history",
    "renal-function",
    "weight",
    "age",
    "sex",
    "child-pugh",
    "pregnancy-status",
    "lactation-status",
    "amount",
    "usual-dose",
];
