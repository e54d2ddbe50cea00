//! What the tests that are being ordered ask, and the test that would tell the diseases apart and is not among them.

use super::Case;
use super::Service;
use super::card::{Card, joined};
use super::drafts::Ordered;
use crate::advice::Kind;
use std::sync::Arc;
use tsumugi_cds::standing::days_between;
use tsumugi_cds::{Considered, DrugUse, Missing, Patient, Place, Reason};
use tsumugi_clinical::{Phase, Polarity};

/// Diseases that are named.
const DISEASES: usize = 5;
/// Tests that are named; the first is offered as an order.
const TESTS: usize = 3;
/// A result of the last days is as good as an order (estimate).
const RECENT: i32 = 7;

/// The cards, where a test, an examination or a procedure has just been chosen.
pub(super) fn cards(case: &Case<'_>) -> Vec<Card> {
    let is_of_tests = case.request.service == Service::OrderSelect
        && case
            .reading
            .drafts
            .iter()
            .any(|draft| draft.is_selected && matches!(draft.what, Ordered::Acts(_)));
    if !is_of_tests || !(case.is_on(Kind::Differential) || case.is_on(Kind::Next)) {
        return Vec::new();
    }
    let vocabulary = case.call.app.coder.vocabulary();
    let mut considered = case
        .living
        .orders
        .considered(vocabulary, &ordering(case), DISEASES);
    // What no test points to (age and sex, a drug for pain) is not what the tests ask.
    considered
        .ranked
        .retain(|disease| disease.because.iter().any(|reason| is_of_test(case, reason)));
    if considered.ranked.is_empty() {
        return Vec::new();
    }
    let mut cards = Vec::new();
    if case.is_on(Kind::Differential) {
        cards.push(considered_card(case, &considered));
    }
    if case.is_on(Kind::Next) {
        cards.extend(missing_card(case, &considered));
    }
    cards
}

fn is_of_test(case: &Case<'_>, reason: &Reason) -> bool {
    let state = reason.state.as_ref().filter(|_| reason.weight > 0.0);
    state.is_some_and(|state| {
        case.reading.drafts.iter().any(|draft| match &draft.what {
            Ordered::Acts(acts) => acts.iter().any(|act| act.as_ref() == state.as_str()),
            Ordered::Drug(_) => false,
        })
    })
}

/// The patient with nothing but the orders of this session.
fn ordering(case: &Case<'_>) -> Patient {
    let known = &case.subject.patient;
    let mut patient = Patient {
        sex: known.sex,
        age: known.age,
        today: known.today,
        ..Patient::default()
    };
    for draft in &case.reading.drafts {
        let place = Place {
            note: draft.name.as_deref().unwrap_or_default().into(),
            event: 0,
        };
        match &draft.what {
            Ordered::Acts(acts) => {
                let acts = acts.iter().map(|act| (Arc::clone(act), place.clone()));
                patient.orders.extend(acts);
            }
            Ordered::Drug(order) => patient.drugs.push(DrugUse {
                drug: Arc::clone(&order.drug),
                polarity: Polarity::Present,
                phase: Phase::Planned,
                dosage: None,
                time: None,
                place,
            }),
        }
    }
    patient
}

fn considered_card(case: &Case<'_>, considered: &Considered) -> Card {
    let ui = case.ui;
    let names: Vec<String> = considered
        .ranked
        .iter()
        .map(|disease| case.name(&disease.disease))
        .collect();
    let summary = ui.fill("hooks.considered", &[("diseases", &joined(ui, &names))]);
    let mut card = Card::info(case, "considered", &summary);
    card.detail.push(ui.t("hooks.considered-how").to_owned());
    let lines = considered.ranked.iter().zip(&names).map(|(disease, name)| {
        let (band, _) = crate::web::band(disease.probability);
        let mut orders: Vec<String> = disease
            .because
            .iter()
            .filter(|reason| reason.weight > 0.0)
            .filter_map(|reason| Some(case.name(reason.state.as_ref()?.as_str())))
            .collect();
        orders.dedup();
        let band = ui.get(band).unwrap_or(band);
        let why = joined(ui, &orders);
        format!(
            "- {}",
            ui.fill(
                "hooks.considered-line",
                &[("disease", name), ("band", band), ("orders", &why)]
            )
        )
    });
    card.detail.push(lines.collect::<Vec<String>>().join("\n"));
    card.detail.push(format!("*{}*", ui.t("support.unapproved")));
    for disease in &considered.ranked {
        card.about.push(disease.disease.to_string());
        card.link_disease(case, &disease.disease);
    }
    card
}

fn missing_card(case: &Case<'_>, considered: &Considered) -> Option<Card> {
    let ui = case.ui;
    let tells = |test: &str| {
        let mut diseases = considered.ranked.iter();
        diseases.any(|disease| is_key_test(case, &disease.disease, test))
    };
    let missing = considered
        .missing
        .iter()
        .filter(|missing| !is_known(case, &missing.test) && tells(&missing.test));
    let missing: Vec<&Missing> = missing.take(TESTS).collect();
    let first = missing.first()?;
    let name = case.name(&first.test);
    let mut card = Card::info(
        case,
        "missing-test",
        &ui.fill("hooks.missing-test", &[("test", &name)]),
    );
    card.detail.push(ui.t("hooks.missing-test-how").to_owned());
    let lines = missing.iter().map(|missing| {
        let diseases: Vec<String> = considered
            .ranked
            .iter()
            .filter(|disease| is_key_test(case, &disease.disease, &missing.test))
            .map(|disease| case.name(&disease.disease))
            .collect();
        let test = case.name(&missing.test);
        let diseases = joined(ui, &diseases);
        format!(
            "- {}",
            ui.fill(
                "hooks.missing-test-line",
                &[("test", &test), ("diseases", &diseases)]
            )
        )
    });
    card.detail.push(lines.collect::<Vec<String>>().join("\n"));
    card.detail.push(format!("*{}*", ui.t("support.unapproved")));
    for missing in &missing {
        card.about.push(missing.test.to_string());
        card.offer_order(case, &missing.test);
    }
    for disease in &considered.ranked {
        if is_key_test(case, &disease.disease, &first.test) {
            card.link_disease(case, &disease.disease);
        }
    }
    Some(card)
}

fn is_key_test(case: &Case<'_>, disease: &str, test: &str) -> bool {
    let known = case.living.own.disease(disease);
    let profile = known.and_then(|disease| disease.profile.as_ref());
    profile.is_some_and(|profile| profile.key_tests.iter().any(|own| own.as_ref() == test))
}

/// Whether the record has a result of a test, or an order of it, of the last days.
pub(super) fn is_known(case: &Case<'_>, test: &str) -> bool {
    let (subject, vocabulary) = (case.subject, case.call.app.coder.vocabulary());
    let is_same = |own: &str| {
        own == test
            || vocabulary
                .key(own)
                .zip(vocabulary.key(test))
                .is_some_and(|(own, test)| vocabulary.is_a(own, test))
    };
    let is_recent = |place: &Place| {
        let told = subject.patient.notes.get(&place.note);
        told.and_then(|told| days_between(*told, subject.today))
            .is_none_or(|days| days <= RECENT)
    };
    let patient = &subject.patient;
    let measured = patient.measures.iter().filter(|(own, _)| is_same(own));
    let mut measured = measured.flat_map(|(_, values)| values).map(|value| &value.place);
    let mut stated = patient
        .facts
        .iter()
        .filter(|fact| is_same(fact.state.concept()))
        .map(|fact| &fact.place);
    let mut ordered = patient
        .orders
        .iter()
        .filter(|(own, _)| is_same(own))
        .map(|(_, place)| place);
    measured.any(is_recent) || stated.any(is_recent) || ordered.any(is_recent)
}
