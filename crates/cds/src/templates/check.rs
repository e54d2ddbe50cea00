//! What a template must keep, wherever it comes from: concepts that exist, conditions that can come true, texts.

use super::{Condition, Item, ItemKind, Template, When};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use tsumugi_terminology::Vocabulary;

/// What is wrong, with the item that it is about.
pub(super) type Wrong = (Option<Arc<str>>, String);

/// Everything that is wrong with a template; `common` holds the items that `uses` names.
pub(super) fn check(template: &Template, common: Option<&Template>, vocabulary: &Vocabulary) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    when(&template.when, vocabulary, &mut |message| {
        wrong.push((None, message));
    });
    for name in &template.uses {
        if common.is_none_or(|common| common.item(name).is_none()) {
            wrong.push((None, format!("uses {name}, which the common items do not have")));
        }
    }
    let mut ids = FxHashSet::default();
    for own in &template.items {
        let mut say =
            |message: String| wrong.push((Some(Arc::clone(&own.id)), format!("item {}: {message}", own.id)));
        if !ids.insert(Arc::clone(&own.id)) {
            say("its id stands twice".to_owned());
        }
        item(template, common, own, vocabulary, &mut say);
    }
    for id in loops(template) {
        let message = format!("item {id}: its conditions lead back to itself");
        wrong.push((Some(id), message));
    }
    wrong
}

fn when(when: &When, vocabulary: &Vocabulary, say: &mut impl FnMut(String)) {
    for concept in &when.any {
        known(vocabulary, concept, say);
    }
    let is_empty = |(least, most): (f64, f64)| least > most;
    if when.age_min.zip(when.age_max).is_some_and(is_empty) {
        say("age_min is more than age_max".to_owned());
    }
}

fn known(vocabulary: &Vocabulary, concept: &str, say: &mut impl FnMut(String)) {
    if vocabulary.key(concept).is_none() {
        say(format!("no concept has the id {concept}"));
    }
}

fn item(
    template: &Template,
    common: Option<&Template>,
    item: &Item,
    vocabulary: &Vocabulary,
    say: &mut impl FnMut(String),
) {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if item.id.is_empty() || !item.id.chars().all(is_plain) {
        say("an id is of a-z, 0-9 and -".to_owned());
    }
    if item.ask.trim().is_empty() {
        say("the question is empty".to_owned());
    }
    when(&item.when, vocabulary, say);
    for concept in item.concepts().chain(&item.known_by).chain(&item.tells) {
        known(vocabulary, concept, say);
    }
    for condition in &item.enable {
        match condition {
            Condition::Fact(concept) => known(vocabulary, concept, say),
            Condition::Answer { item, answer } => {
                let of_common = || {
                    let used = template.uses.contains(item);
                    common.filter(|_| used).and_then(|common| common.item(item))
                };
                match template.item(item).or_else(of_common) {
                    None => say(format!("the condition names {item}, which is no item here")),
                    Some(asked) if !can_be(asked, answer) => {
                        say(format!("the item {item} has no answer {answer}"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    texts(&item.kind, say);
}

fn can_be(item: &Item, answer: &str) -> bool {
    match &item.kind {
        ItemKind::Boolean { .. } => matches!(answer, "yes" | "no"),
        ItemKind::Choice(choices) => choices.iter().any(|choice| *choice.id == *answer),
        _ => false,
    }
}

fn texts(kind: &ItemKind, say: &mut impl FnMut(String)) {
    match kind {
        ItemKind::Boolean { yes, no, .. } => {
            if yes.trim().is_empty() || no.trim().is_empty() {
                say("a text is empty".to_owned());
            }
        }
        ItemKind::Choice(choices) => {
            let mut ids = FxHashSet::default();
            for choice in choices {
                if !ids.insert(&choice.id) {
                    say(format!("the answer {} stands twice", choice.id));
                }
                if choice.text.trim().is_empty() || choice.name.trim().is_empty() {
                    say(format!("the answer {} has no text", choice.id));
                }
            }
        }
        ItemKind::Quantity { text, low, high, .. } => {
            if !text.contains("{}") {
                say("the text has no {} for the value".to_owned());
            }
            if low.zip(*high).is_some_and(|(low, high)| low > high) {
                say("low is more than high".to_owned());
            }
        }
        ItemKind::Date { text, .. } | ItemKind::Text { text, .. } => {
            if !text.contains("{}") {
                say("the text has no {} for what is given".to_owned());
            }
        }
    }
}

/// The items whose conditions come back to themselves.
fn loops(template: &Template) -> Vec<Arc<str>> {
    let is_loop = |start: &Item| {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let mut open: Vec<&Item> = vec![start];
        while let Some(item) = open.pop() {
            for condition in &item.enable {
                let Condition::Answer { item, .. } = condition else {
                    continue;
                };
                if *item == start.id {
                    return true;
                }
                if seen.insert(item)
                    && let Some(next) = template.item(item)
                {
                    open.push(next);
                }
            }
        }
        false
    };
    let looped = template.items.iter().filter(|item| is_loop(item));
    looped.map(|item| Arc::clone(&item.id)).collect()
}
