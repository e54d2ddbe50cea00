//! Other drugs that the order does not go together with: what runs, and what is prescribed with it.

use super::allergy::direct_classes;
use super::subject::{Finding, Outcome, Partner, Subject, covers};
use super::{Grade, Kind, Lowered, Missing};
use std::sync::Arc;
use tsumugi_knowledge::drug::{Aspect, Interaction, Severity};

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::unless_covered(Kind::Interaction, subject, Aspect::Interaction);
    for partner in partners(subject) {
        let row = gravest(subject, |row| partner.lineage.contains(&row.partner));
        let row = row.filter(|_| !is_named_nearer(subject, partner));
        outcome
            .findings
            .extend(row.map(|row| with_drug(subject, partner, row)));
        if !covers(subject.checks, &partner.lineage, Aspect::Interaction) {
            outcome.missing.push(Missing::Partner(Arc::clone(&partner.drug)));
        }
    }
    outcome
}

/// The drugs beside the order that are another drug.
fn partners<'s>(subject: &'s Subject<'_>) -> impl Iterator<Item = &'s Partner> {
    subject
        .partners
        .iter()
        .filter(|partner| partner.drug != subject.order.drug)
}

/// Whether a partner is a class of which a member is told as well: the member stands for it.
fn is_named_nearer(subject: &Subject<'_>, class: &Partner) -> bool {
    partners(subject).any(|partner| partner.drug != class.drug && partner.lineage.contains(&class.drug))
}

/// The gravest row; among rows of the same severity the one that stands nearest to the drug.
fn gravest<'b>(subject: &Subject<'b>, meets: impl Fn(&Interaction) -> bool) -> Option<&'b Interaction> {
    let rows = subject
        .lineage
        .iter()
        .flat_map(|id| subject.checks.book.interactions(id));
    let mut best: Option<&Interaction> = None;
    for row in rows.filter(|row| meets(row)) {
        if best.is_none_or(|best| row.severity > best.severity) {
            best = Some(row);
        }
    }
    best
}

fn with_drug(subject: &Subject<'_>, partner: &Partner, row: &Interaction) -> Finding {
    let mut finding = plain(subject, &partner.drug, row).because(partner.places.iter().cloned());
    // Two of one class are a duplicate, which is a hint; what the pair does beyond that says the row that forbids it.
    let is_duplicate = direct_classes(subject, &subject.order.drug)
        .iter()
        .any(|class| partner.lineage.contains(class));
    if is_duplicate && row.severity == Severity::Serious {
        finding.alert.grade = Grade::Passive;
    }
    let both_ran = subject.ran_before && partner.ran_before;
    if !both_ran || row.severity == Severity::Minor {
        return finding;
    }
    let mut lowered = finding.lowered(Lowered::BothRunning, &subject.say("both-running", &[]));
    lowered.alert.rank = match row.severity {
        Severity::Contraindicated => 1,
        _ => 6,
    };
    if row.severity == Severity::Moderate {
        lowered.alert.grade = Grade::Silent;
    }
    lowered
}

fn plain(subject: &Subject<'_>, partner: &Arc<str>, row: &Interaction) -> Finding {
    let (word, grade, rank) = match row.severity {
        Severity::Contraindicated => ("interaction-contraindicated", Grade::Interruptive, 0),
        // A new pair that can do grave harm is not told in passing; one that runs already is lowered above.
        Severity::Serious => ("interaction-serious", Grade::Interruptive, 2),
        Severity::Moderate => ("interaction-moderate", Grade::Passive, 5),
        Severity::Minor => ("interaction-minor", Grade::Silent, 7),
    };
    let mechanism = subject.say(word, &[("other", &subject.name(partner))]);
    subject
        .finding(
            Kind::Interaction,
            format!("with:{partner}"),
            grade,
            rank,
            mechanism,
        )
        .against(partner)
        .on(&row.basis)
}
