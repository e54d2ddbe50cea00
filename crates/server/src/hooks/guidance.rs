//! What the record of a patient asks for: recommendations of guidelines, published criteria, states that ask for haste;
//! at a discharge, what has not been done yet.

use super::Case;
use super::card::{Card, Indicator, joined};
use super::orders::is_known;
use crate::advice::Kind;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use tsumugi_cds::criteria::{self, Asking, Evaluation, Truth};
use tsumugi_cds::{Fact, Findings};
use tsumugi_clinical::Polarity;
use tsumugi_knowledge::{Advice, Criterion, Direction, EvidenceCertainty, Guideline, Marks, Recommendation};

/// Recommendations that are shown when a record is opened.
const RECOMMENDATIONS: usize = 3;
/// Recommendations that are shown at a discharge.
const AT_DISCHARGE: usize = 5;
/// Sets of criteria that are shown.
const CRITERIA: usize = 3;
/// Things to ask or measure that are named.
const WANTED: usize = 5;
/// Diseases whose red flags are looked for, beside those that are stated.
const FEARED: usize = 5;
/// Key tests of a disease that are looked for at its discharge.
const KEY_TESTS: usize = 3;

/// A record is opened.
pub(super) fn on_opening(case: &Case<'_>) -> Vec<Card> {
    let vocabulary = case.call.app.coder.vocabulary();
    let standing = case.subject.patient.standing(vocabulary);
    let mut cards = Vec::new();
    if case.is_on(Kind::Differential) {
        cards.extend(red_flags(case, &standing));
    }
    if case.is_on(Kind::Guideline) {
        let found = recommendations(case, &standing);
        cards.extend(found.iter().take(RECOMMENDATIONS).map(|found| found.card(case)));
    }
    if case.is_on(Kind::Criteria) {
        let found = evaluations(case);
        let found = found.iter().take(CRITERIA);
        cards.extend(found.map(|(criterion, evaluation)| criterion_card(case, criterion, evaluation)));
    }
    cards
}

/// A discharge is under way: what is recommended and not in the record, what criteria still wait for, and the key tests
/// of the stated diseases that nobody has done.
pub(super) fn on_discharge(case: &Case<'_>) -> Vec<Card> {
    let vocabulary = case.call.app.coder.vocabulary();
    let standing = case.subject.patient.standing(vocabulary);
    let mut cards = Vec::new();
    if case.is_on(Kind::Guideline) {
        let mut found = recommendations(case, &standing);
        found.sort_by_key(|found| !found.is_open());
        cards.extend(found.iter().take(AT_DISCHARGE).map(|found| found.card(case)));
    }
    if case.is_on(Kind::Criteria) {
        let found = evaluations(case);
        let open = found
            .iter()
            .filter(|(_, evaluation)| evaluation.decided().is_none());
        let open = open.take(CRITERIA);
        cards.extend(open.map(|(criterion, evaluation)| criterion_card(case, criterion, evaluation)));
    }
    if case.is_on(Kind::Next) {
        cards.extend(undone_tests(case, &standing));
    }
    cards
}

/// A recommendation that holds for the patient.
struct Found<'a> {
    guideline: &'a Guideline,
    recommendation: &'a Recommendation,
    /// Whether what it recommends is in the record.
    is_done: bool,
    /// The facts for which it holds.
    because: Vec<&'a Fact>,
}

fn recommendations<'a>(case: &'a Case<'_>, standing: &'a [&'a Fact]) -> Vec<Found<'a>> {
    let vocabulary = case.call.app.coder.vocabulary();
    let is_a = move |own: &str, wanted: &str| {
        own == wanted
            || vocabulary
                .key(own)
                .zip(vocabulary.key(wanted))
                .is_some_and(|(own, wanted)| vocabulary.is_a(own, wanted))
    };
    let patient = &case.subject.patient;
    let takes = move |wanted: &str| patient.current_drugs().any(|usage| is_a(&usage.drug, wanted));
    let has =
        move |wanted: &str| standing.iter().any(|fact| is_a(fact.state.as_str(), wanted)) || takes(wanted);
    let is_done = |wanted: &Arc<str>| {
        has(wanted) || is_known(case, wanted) || patient.orders.iter().any(|(own, _)| is_a(own, wanted))
    };
    let guidelines = case.living.guidelines();
    guidelines
        .for_patient(has)
        .into_iter()
        .map(|(guideline, recommendation)| Found {
            guideline,
            recommendation,
            is_done: recommendation.what.iter().any(is_done),
            because: standing
                .iter()
                .copied()
                .filter(|fact| {
                    recommendation
                        .applies
                        .iter()
                        .any(|wanted| is_a(fact.state.as_str(), wanted))
                })
                .collect(),
        })
        .collect()
}

impl Found<'_> {
    /// Whether something is left to do: what is recommended is not in the record, or what is recommended against is.
    fn is_open(&self) -> bool {
        match self.recommendation.direction {
            Direction::For => !self.is_done && !self.recommendation.what.is_empty(),
            Direction::Against => self.is_done,
        }
    }

    fn card(&self, case: &Case<'_>) -> Card {
        let ui = case.ui;
        let (guideline, own) = (self.guideline, self.recommendation);
        let values = [
            ("population", own.population.as_ref()),
            ("action", own.action.as_ref()),
        ];
        let summary = ui.fill("hooks.recommended", &values);
        let mut card = Card::info(case, "guideline", &summary);
        card.source = format!("{} {}", guideline.name, guideline.edition);
        card.detail.push(format!("**{}** {}", own.population, own.action));
        let strength = match own.strength {
            Advice::Strong => "strong",
            Advice::Weak => "weak",
            Advice::None => "none",
        };
        let certainty = match own.certainty {
            EvidenceCertainty::High => "high",
            EvidenceCertainty::Moderate => "moderate",
            EvidenceCertainty::Low => "low",
            EvidenceCertainty::VeryLow => "very-low",
            EvidenceCertainty::Unknown => "unknown",
        };
        let values = [
            ("strength", ui.of("hooks.strength", strength)),
            ("certainty", ui.of("hooks.certainty", certainty)),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        card.detail.push(ui.fill("hooks.graded", &values));
        card.detail.push(self.source(case));
        // The words of the action say already that it is not to be done.
        if own.direction == Direction::Against {
            card.detail.push(ui.t("hooks.against").to_owned());
        }
        let what: Vec<String> = own.what.iter().map(|what| case.name(what)).collect();
        let what = joined(ui, &what);
        if self.is_done {
            card.detail.push(ui.fill("hooks.in-record", &[("what", &what)]));
        } else if !what.is_empty() && own.direction == Direction::For {
            card.detail
                .push(ui.fill("hooks.not-in-record", &[("what", &what)]));
        }
        card.detail
            .extend(case.rests_on(self.because.iter().map(|fact| &fact.place)));
        card.about.push(own.id.to_string());
        for disease in &own.applies {
            card.about.push(disease.to_string());
            card.link_disease(case, disease);
        }
        card
    }

    fn source(&self, case: &Case<'_>) -> String {
        let (guideline, own) = (self.guideline, self.recommendation);
        let status = case.status(own.status);
        let source = [
            &guideline.name,
            &guideline.edition,
            &guideline.organisation,
            &own.section,
        ];
        let source: Vec<&str> = source
            .iter()
            .map(AsRef::as_ref)
            .filter(|part| !part.is_empty())
            .collect();
        let values = [("source", source.join(" ")), ("status", status)];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        case.ui.fill("hooks.rests-on-row", &values)
    }
}

/// The sets that surely apply and of which the record tells something: the decided ones first.
fn evaluations<'a>(case: &'a Case<'_>) -> Vec<(&'a Criterion, Evaluation)> {
    let vocabulary = case.call.app.coder.vocabulary();
    let book = &case.call.app.advice.criteria;
    let all = criteria::evaluate(book, vocabulary, &case.subject.patient);
    let mut found: Vec<(&Criterion, Evaluation)> = all
        .into_iter()
        .filter(|evaluation| evaluation.applies == Truth::True && is_told(evaluation))
        .filter_map(|evaluation| Some((book.criterion(&evaluation.criterion)?, evaluation)))
        .collect();
    found.sort_by_key(|(_, evaluation)| (evaluation.decided().is_none(), Reverse(met(evaluation))));
    found
}

fn is_told(evaluation: &Evaluation) -> bool {
    met(evaluation) > 0 || !evaluation.value_places.is_empty()
}

fn met(evaluation: &Evaluation) -> usize {
    evaluation
        .items
        .iter()
        .filter(|item| item.met == Truth::True)
        .count()
}

fn criterion_card(case: &Case<'_>, criterion: &Criterion, evaluation: &Evaluation) -> Card {
    let ui = case.ui;
    let outcomes: Vec<String> = evaluation
        .outcomes
        .iter()
        .filter_map(|index| criterion.outcomes.get(*index as usize))
        .map(|outcome| outcome.name.to_string())
        .collect();
    let outcome = joined(ui, &outcomes);
    let name = match ui.language {
        crate::web::Language::English if !criterion.english.is_empty() => &criterion.english,
        _ => &criterion.name,
    };
    let values = [("name", name.as_ref()), ("outcome", outcome.as_str())];
    let is_decided = evaluation.decided().is_some();
    let summary = if is_decided {
        ui.fill("hooks.criterion", &values)
    } else {
        ui.fill("hooks.criterion-open", &values)
    };
    let mut card = Card::info(case, "criteria", &summary);
    card.source = format!("{} {}", criterion.source, criterion.edition);
    card.detail.push(criterion.about.to_string());
    if let Some(points) = evaluation.points {
        let number = |value: f64| format!("{value}");
        let values = [
            ("sure", number(points.sure)),
            ("least", number(points.least)),
            ("most", number(points.most)),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        card.detail.push(ui.fill("hooks.points", &values));
    }
    let items = evaluation.items.iter().filter_map(|state| {
        let item = criterion.items.iter().find(|item| item.id == state.item)?;
        let band = state.band.and_then(|band| match &item.marks {
            Marks::Bands(bands) => bands.get(band as usize),
            Marks::Once { .. } => None,
        });
        let band = band.map_or_else(String::new, |band| format!(" ({})", band.name));
        let truth = ui.of("hooks.truth", state.met.word());
        Some(format!("- {truth}: {}{band}", item.name))
    });
    card.detail.push(items.collect::<Vec<String>>().join("\n"));
    if !is_decided {
        let wanted = evaluation.missing.iter().take(WANTED).map(|missing| {
            let how = ui.of("hooks.asking", missing.wanted.how.word());
            match missing.wanted.how {
                Asking::Age | Asking::Sex => format!("- {how}"),
                _ => format!("- {how}: {}", case.name(&missing.wanted.concept)),
            }
        });
        let wanted: Vec<String> = wanted.collect();
        if !wanted.is_empty() {
            card.detail
                .push(format!("**{}**\n\n{}", ui.t("hooks.wanted"), wanted.join("\n")));
        }
    }
    let places = evaluation.items.iter().flat_map(|item| &item.places);
    card.detail
        .extend(case.rests_on(places.chain(&evaluation.value_places)));
    let status = case.status(criterion.status);
    let source = format!("{} {}", criterion.source, criterion.edition);
    card.detail
        .push(ui.fill("hooks.rests-on-row", &[("source", &source), ("status", &status)]));
    card.about.push(criterion.id.to_string());
    card
}

/// A red flag: the fact, and the diseases in which it is one, each with whether it is stated.
type Flag<'a> = (&'a Fact, Vec<(String, bool)>);

/// States of now that ask for haste in a disease that is stated, or that the findings make likely.
fn red_flags(case: &Case<'_>, standing: &[&Fact]) -> Option<Card> {
    let ui = case.ui;
    let vocabulary = case.call.app.coder.vocabulary();
    let space = &case.living.own;
    let stated = standing.iter().map(|fact| (fact.state.as_str().to_owned(), true));
    let ranked = case
        .living
        .differential
        .rank(vocabulary, &Findings::of(&case.subject.patient), FEARED);
    let ranked = ranked.into_iter().filter(|ranked| ranked.because.len() > 1);
    let diseases = stated.chain(ranked.map(|ranked| (ranked.disease.to_string(), false)));
    let mut flags: BTreeMap<&str, Flag<'_>> = BTreeMap::new();
    for (disease, is_stated) in diseases {
        let profile = space.disease(&disease).and_then(|known| known.profile.as_ref());
        let of_disease = profile.iter().flat_map(|profile| &profile.red_flags);
        for flag in of_disease {
            let fact = standing
                .iter()
                .find(|fact| fact.state == *flag && fact.state.as_str() != disease);
            if let Some(fact) = fact {
                let (_, diseases) = flags.entry(flag.as_str()).or_insert((fact, Vec::new()));
                if !diseases.iter().any(|(known, _)| *known == disease) {
                    diseases.push((disease.clone(), is_stated));
                }
            }
        }
    }
    if flags.is_empty() {
        return None;
    }
    let names: Vec<String> = flags.keys().map(|flag| case.name(flag)).collect();
    let summary = ui.fill("hooks.red-flags", &[("findings", &joined(ui, &names))]);
    let mut card = Card::info(case, "red-flags", &summary);
    card.indicator = Indicator::Warning;
    card.detail.push(ui.t("hooks.red-flags-how").to_owned());
    let told = |(disease, is_stated): &(String, bool)| {
        let name = case.name(disease);
        if *is_stated {
            name
        } else {
            ui.fill("hooks.by-findings", &[("disease", &name)])
        }
    };
    let lines = flags.iter().zip(&names).map(|((_, (_, diseases)), name)| {
        let diseases: Vec<String> = diseases.iter().map(told).collect();
        let diseases = joined(ui, &diseases);
        format!(
            "- {}",
            ui.fill("hooks.red-flag", &[("finding", name), ("diseases", &diseases)])
        )
    });
    card.detail.push(lines.collect::<Vec<String>>().join("\n"));
    card.detail.push(format!("*{}*", ui.t("support.unapproved")));
    card.detail
        .extend(case.rests_on(flags.values().map(|(fact, _)| &fact.place)));
    for (flag, (_, diseases)) in &flags {
        card.about.push((*flag).to_owned());
        for (disease, _) in diseases {
            card.link_disease(case, disease);
        }
    }
    Some(card)
}

/// The key tests of the diseases of now of which the record has neither a result nor an order.
fn undone_tests(case: &Case<'_>, standing: &[&Fact]) -> Option<Card> {
    let ui = case.ui;
    let ever = |test: &str| {
        let patient = &case.subject.patient;
        patient.measures.contains_key(test) || patient.orders.iter().any(|(own, _)| own.as_ref() == test)
    };
    let mut undone: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
    let mut places = Vec::new();
    for fact in standing.iter().filter(|fact| fact.polarity == Polarity::Present) {
        let disease = case.living.own.disease(fact.state.as_str());
        let profile = disease.and_then(|disease| disease.profile.as_ref());
        let tests = profile
            .iter()
            .flat_map(|profile| profile.key_tests.iter().take(KEY_TESTS));
        for test in tests.filter(|test| !ever(test) && !is_known(case, test)) {
            undone
                .entry(Arc::clone(test))
                .or_default()
                .push(fact.state.as_str().to_owned());
            places.push(&fact.place);
        }
    }
    if undone.is_empty() {
        return None;
    }
    let names: Vec<String> = undone.keys().map(|test| case.name(test)).collect();
    let summary = ui.fill("hooks.undone", &[("tests", &joined(ui, &names))]);
    let mut card = Card::info(case, "missing-test", &summary);
    let lines = undone.iter().zip(&names).map(|((_, diseases), test)| {
        let diseases: Vec<String> = diseases.iter().map(|disease| case.name(disease)).collect();
        let diseases = joined(ui, &diseases);
        format!(
            "- {}",
            ui.fill(
                "hooks.missing-test-line",
                &[("test", test), ("diseases", &diseases)]
            )
        )
    });
    card.detail.push(lines.collect::<Vec<String>>().join("\n"));
    card.detail.push(format!("*{}*", ui.t("support.unapproved")));
    card.detail.extend(case.rests_on(places));
    for (test, diseases) in &undone {
        card.about.push(test.to_string());
        card.offer_order(case, test);
        for disease in diseases {
            card.link_disease(case, disease);
        }
    }
    Some(card)
}
