//! The same drug or the same therapeutic class twice: always a hint, for two of a kind are often meant.

use super::allergy::direct_classes;
use super::subject::{Finding, Outcome, Partner, Subject};
use super::{Grade, Kind};
use std::sync::Arc;
use tsumugi_knowledge::drug::Role;

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::new(Kind::Duplicate);
    let findings = subject
        .partners
        .iter()
        .filter_map(|partner| duplicate(subject, partner));
    outcome.findings.extend(findings);
    outcome
}

fn duplicate(subject: &Subject<'_>, partner: &Partner) -> Option<Finding> {
    let told = subject.date(partner.told);
    if partner.drug == subject.order.drug {
        if partner.is_order {
            return Some(finding(subject, partner, "duplicate-ordered", "", 3));
        }
        // What is told today is the order itself, and an order that continues a drug is that drug.
        let is_running = subject.order.is_new && partner.is_of_earlier;
        return is_running.then(|| finding(subject, partner, "duplicate-same", &told, 3));
    }
    if let Some(shared) = shared_ingredient(subject, partner) {
        let class = subject.name(&shared);
        return Some(finding(subject, partner, "duplicate-ingredient", &class, 3));
    }
    // A class and its member are most often one drug, told twice.
    let is_within = subject.lineage.contains(&partner.drug) || partner.lineage.contains(&subject.order.drug);
    if is_within && !(subject.order.is_new && partner.is_of_earlier) {
        return None;
    }
    shared_class(subject, partner)
        .map(|class| finding(subject, partner, "duplicate-class", &subject.name(&class), 6))
}

fn finding(subject: &Subject<'_>, partner: &Partner, word: &str, shared: &str, rank: u8) -> Finding {
    let other = subject.name(&partner.drug);
    let mechanism = subject.say(word, &[("other", &other), ("class", shared), ("since", shared)]);
    subject
        .finding(
            Kind::Duplicate,
            format!("with:{}", partner.drug),
            Grade::Passive,
            rank,
            mechanism,
        )
        .against(&partner.drug)
        .because(partner.places.iter().cloned())
}

fn shared_ingredient(subject: &Subject<'_>, partner: &Partner) -> Option<Arc<str>> {
    let book = subject.checks.book;
    let all = |drug: &Arc<str>| -> Vec<Arc<str>> {
        std::iter::once(drug)
            .chain(book.ingredients(drug))
            .cloned()
            .collect()
    };
    let others = all(&partner.drug);
    all(&subject.order.drug)
        .into_iter()
        .find(|id| others.contains(id))
}

/// The class that both are in, one of them directly; not one whose members are given together on purpose.
fn shared_class(subject: &Subject<'_>, partner: &Partner) -> Option<Arc<str>> {
    let together = subject.checks.book.role(Role::UsedTogether);
    let own = direct_classes(subject, &subject.order.drug);
    let others = direct_classes(subject, &partner.drug);
    let own = own.iter().filter(|class| partner.lineage.contains(class));
    let others = others.iter().filter(|class| subject.lineage.contains(class));
    own.chain(others).find(|class| !together.contains(class)).cloned()
}
