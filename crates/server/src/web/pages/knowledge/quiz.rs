//! A quiz on a disease, made from the knowledge: the same disease asks the same, and every answer can be read above it.

use crate::advice::{Advice, Living};
use crate::web::support::state_name;
use crate::web::ui_text::Ui;
use maud::{Markup, html};
use std::sync::Arc;
use tsumugi_knowledge::{Disease, State};

/// Wrong answers beside the right one.
const WRONG: usize = 3;
/// A finding that this share of patients show is common.
const COMMON: f64 = 0.6;
/// A finding that less show is rare.
const RARE: f64 = 0.1;

struct Question {
    ask: &'static str,
    right: String,
    options: Vec<String>,
}

/// Draws the questions; the answer opens with its line.
pub(super) fn draw(ui: &Ui<'_>, advice: &Advice, living: &Living, id: &str) -> Markup {
    let Some(disease) = living.own.disease(id) else {
        return html! {};
    };
    let name = state_name(ui, advice, &State::new(id));
    let questions: Vec<Question> = [
        common_finding(ui, advice, disease),
        key_test(ui, advice, living, id, disease),
        mechanism(ui, advice, living, id),
    ]
    .into_iter()
    .flatten()
    .collect();
    html! {
        @if !questions.is_empty() {
            section.quiz {
                h2 { (ui.t("quiz.title")) }
                ol {
                    @for question in &questions {
                        li {
                            p { (ui.fill(question.ask, &[("disease", &name)])) }
                            ul.inline { @for option in &question.options { li { (option) } } }
                            details { summary { (ui.t("quiz.answer")) } p { b { (question.right) } } }
                        }
                    }
                }
            }
        }
    }
}

fn question(ask: &'static str, right: String, wrong: Vec<String>) -> Option<Question> {
    let mut options: Vec<String> = wrong.into_iter().filter(|option| *option != right).collect();
    options.sort();
    options.dedup();
    options.truncate(WRONG);
    if options.len() < WRONG {
        return None;
    }
    // The order of the letters, so that the right answer stands anywhere.
    options.push(right.clone());
    options.sort();
    Some(Question { ask, right, options })
}

fn common_finding(ui: &Ui<'_>, advice: &Advice, disease: &Disease) -> Option<Question> {
    let share = |state: &State| disease.share(state).map_or(0.0, |share| share.mean(0.02));
    let mut states: Vec<&State> = disease.findings.keys().collect();
    states.sort_by(|a, b| share(b).total_cmp(&share(a)).then_with(|| a.cmp(b)));
    let right = states.first().filter(|state| share(state) >= COMMON)?;
    let wrong = states
        .iter()
        .rev()
        .filter(|state| share(state) < RARE + 0.2)
        .take(WRONG)
        .map(|state| state_name(ui, advice, state))
        .collect();
    question("quiz.common", state_name(ui, advice, right), wrong)
}

fn key_test(ui: &Ui<'_>, advice: &Advice, living: &Living, id: &str, disease: &Disease) -> Option<Question> {
    let profile = disease.profile.as_ref()?;
    let right = profile.key_tests.first()?;
    let others = living.own.diseases.range(Arc::from(id)..);
    let wrong: Vec<String> = others
        .filter_map(|(_, other)| other.profile.as_ref()?.key_tests.first())
        .filter(|test| !profile.key_tests.contains(test))
        .take(WRONG * 4)
        .map(|test| state_name(ui, advice, &State::new(Arc::clone(test))))
        .collect();
    question(
        "quiz.test",
        state_name(ui, advice, &State::new(Arc::clone(right))),
        wrong,
    )
}

fn mechanism(ui: &Ui<'_>, advice: &Advice, living: &Living, id: &str) -> Option<Question> {
    let shared = living.chains().shared_with(id);
    let right = shared.first()?;
    let wrong: Vec<String> = living
        .chains()
        .diseases()
        .filter(|other| other.as_ref() != id && !shared.iter().any(|shared| shared.disease == **other))
        .take(WRONG * 4)
        .map(|other| state_name(ui, advice, &State::new(Arc::clone(other))))
        .collect();
    question(
        "quiz.mechanism",
        state_name(ui, advice, &State::new(Arc::clone(&right.disease))),
        wrong,
    )
}
