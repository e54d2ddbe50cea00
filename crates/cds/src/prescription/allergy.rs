//! Allergies: to the drug, to its class, and to what it cross-reacts with.
//!
//! An allergy whose reaction nobody recorded counts as grave for the drug itself. A use without harm after the record
//! makes it a hint; a use before it says nothing, and after a reaction that threatened life no use does.

use super::subject::{Finding, Outcome, Subject};
use super::{Grade, Kind, Lowered, Missing};
use crate::patient::{DrugUse, Place};
use crate::standing::days_between;
use jiff::civil::{Date, DateTime};
use std::sync::Arc;
use tsumugi_clinical::{Certainty, Phase, Polarity, TimeFrame};
use tsumugi_knowledge::drug::{Basis, Likelihood, Role};
use tsumugi_tables::TermKind;

/// Days after a use within which a reaction counts as its harm.
const HARM_WITHIN: i32 = 30;

/// An allergy of the patient: all that the notes say of one allergen.
struct Record {
    to: Arc<str>,
    /// Day of the first note that says it.
    first: Option<Date>,
    /// The reaction, where it threatened life.
    severe: Option<Arc<str>>,
    /// Only told as a drug and the reaction right behind it, not recorded as an allergy.
    is_told: bool,
    places: Vec<Place>,
}

/// How a record meets the order.
enum Link<'b> {
    Same,
    Class,
    /// Both are of one class, whose members cross-react more than seldom.
    Family(Likelihood, &'b Basis),
    Cross(Likelihood, &'b Basis),
    SharedClass(Arc<str>),
}

pub(super) fn check(subject: &Subject<'_>) -> Outcome {
    let mut outcome = Outcome::new(Kind::Allergy);
    let records = records(subject);
    let denies_all = subject
        .standing
        .iter()
        .any(|standing| subject.plays(&standing.state, Role::NoKnownAllergy));
    if subject.patient.allergies.is_empty() && !denies_all {
        outcome.missing.push(Missing::AllergyHistory);
    }
    for record in &records {
        if let Some(link) = link(subject, record) {
            let mut finding = finding(subject, record, &link);
            finding.key = key(subject, &records, record);
            outcome.findings.push(finding);
        }
    }
    outcome
}

/// Allergies to a drug and to its class, both recorded, are one: they have the key of the broadest.
fn key(subject: &Subject<'_>, records: &[Record], record: &Record) -> String {
    let book = subject.checks.book;
    let meant = |record: &Record| book.stands_for(&record.to).first().unwrap_or(&record.to).clone();
    let lineage = book.lineage(subject.checks.vocabulary, &meant(record));
    let recorded: Vec<Arc<str>> = records.iter().map(meant).collect();
    let broadest = lineage.into_iter().rev().find(|id| recorded.contains(id));
    format!("allergy:{}", broadest.as_ref().unwrap_or(&record.to))
}

fn finding(subject: &Subject<'_>, record: &Record, link: &Link<'_>) -> Finding {
    let is_severe = record.severe.is_some();
    let (word, grade, rank) = match link {
        Link::Same => ("same", Grade::Interruptive, 0),
        Link::Class => ("class", Grade::Interruptive, 0),
        Link::Family(..) | Link::Cross(Likelihood::High, _) => ("cross", Grade::Interruptive, 0),
        Link::Cross(Likelihood::Moderate, _) if is_severe => ("cross", Grade::Interruptive, 0),
        Link::Cross(Likelihood::Moderate, _) => ("cross", Grade::Passive, 1),
        Link::Cross(Likelihood::Low, _) if is_severe => ("cross", Grade::Passive, 1),
        Link::Cross(Likelihood::Low, _) => ("cross", Grade::Silent, 4),
        Link::SharedClass(_) if is_severe => ("shared-class", Grade::Interruptive, 0),
        Link::SharedClass(_) => ("shared-class", Grade::Passive, 1),
    };
    let is_only_likely = record.is_told && matches!(link, Link::SharedClass(_));
    let grade = if is_only_likely {
        grade.min(Grade::Passive)
    } else {
        grade
    };
    let key = match (record.is_told, is_severe) {
        (true, _) => "allergy-told".to_owned(),
        (false, true) => format!("allergy-{word}-severe"),
        (false, false) => format!("allergy-{word}"),
    };
    let likelihood = match link {
        Link::Family(likelihood, _) | Link::Cross(likelihood, _) => subject.say(word_of(*likelihood), &[]),
        _ => String::new(),
    };
    let class = match link {
        Link::SharedClass(class) => subject.name(class),
        _ => String::new(),
    };
    let reaction = record
        .severe
        .as_ref()
        .map_or_else(String::new, |reaction| subject.name(reaction));
    let (recorded, other) = (subject.date(record.first), subject.name(&record.to));
    let fills = [
        ("other", other.as_str()),
        ("recorded", recorded.as_str()),
        ("reaction", reaction.as_str()),
        ("likelihood", likelihood.as_str()),
        ("class", class.as_str()),
    ];
    let mechanism = subject.say(&key, &fills);
    let finding = subject
        .finding(Kind::Allergy, String::new(), grade, rank, mechanism)
        .against(&record.to)
        .because(record.places.iter().cloned());
    let finding = match link {
        Link::Family(_, basis) | Link::Cross(_, basis) => finding.on(basis),
        _ => finding,
    };
    match record.first.zip(tolerated(subject, record)) {
        Some((recorded, (taken, place))) => {
            let taken_since = Lowered::TakenSince { recorded, taken };
            let taken = taken.to_string();
            let sentence = subject.say(
                "taken-since",
                &[("recorded", &recorded.to_string()), ("taken", &taken)],
            );
            finding.lowered(taken_since, &sentence).because([place])
        }
        None => finding,
    }
}

fn word_of(likelihood: Likelihood) -> &'static str {
    match likelihood {
        Likelihood::High => "likelihood-high",
        Likelihood::Moderate => "likelihood-moderate",
        Likelihood::Low => "likelihood-low",
    }
}

/// The closest link; an allergen that names a group of drugs is looked at as that group.
fn link<'b>(subject: &Subject<'b>, record: &Record) -> Option<Link<'b>> {
    let group = subject.checks.book.stands_for(&record.to);
    let own = std::iter::once(&record.to).chain(group);
    let mut links: Vec<Link<'_>> = own.filter_map(|to| link_to(subject, to)).collect();
    let closeness = |link: &Link<'_>| match link {
        Link::Same => (0, None),
        Link::Class => (1, None),
        Link::Family(likelihood, _) => (2, Some(std::cmp::Reverse(*likelihood))),
        Link::Cross(likelihood, _) => (3, Some(std::cmp::Reverse(*likelihood))),
        Link::SharedClass(_) => (4, None),
    };
    links.sort_by_key(closeness);
    links.into_iter().next()
}

fn link_to<'b>(subject: &Subject<'b>, to: &Arc<str>) -> Option<Link<'b>> {
    let book = subject.checks.book;
    let order = &subject.order.drug;
    if to == order || book.ingredients(order).contains(to) || book.ingredients(to).contains(order) {
        return Some(Link::Same);
    }
    if subject.lineage.contains(to) {
        return Some(Link::Class);
    }
    let allergens = book.lineage(subject.checks.vocabulary, to);
    let rows = allergens
        .iter()
        .flat_map(|id| book.cross_allergies(id).iter().map(move |row| (id, row)));
    let cross = rows
        .filter(|(_, row)| subject.lineage.contains(&row.drug))
        .max_by_key(|(id, row)| (row.likelihood, **id == row.drug));
    if let Some((id, row)) = cross {
        let is_family = *id == row.drug && row.likelihood > Likelihood::Low;
        return Some(if is_family {
            Link::Family(row.likelihood, &row.basis)
        } else {
            Link::Cross(row.likelihood, &row.basis)
        });
    }
    let (own, others) = (direct_classes(subject, order), direct_classes(subject, to));
    let shared = own.into_iter().find(|class| others.contains(class));
    shared
        .filter(|class| !book.role(Role::UsedTogether).contains(class))
        .map(Link::SharedClass)
}

/// The classes that a drug is directly in; of a class, itself.
pub(super) fn direct_classes(subject: &Subject<'_>, drug: &str) -> Vec<Arc<str>> {
    let vocabulary = subject.checks.vocabulary;
    let Some(concept) = vocabulary.concept(drug) else {
        return Vec::new();
    };
    if concept.kind == TermKind::DrugClass {
        return vec![drug.into()];
    }
    let classes = concept.parents.iter().filter_map(|key| vocabulary.get(*key));
    classes.map(|class| class.id.as_str().into()).collect()
}

/// The last use without harm after the record, with the place that tells it.
fn tolerated(subject: &Subject<'_>, record: &Record) -> Option<(Date, Place)> {
    let recorded = record.first?;
    if record.severe.is_some() {
        return None;
    }
    let uses = subject
        .patient
        .drugs
        .iter()
        .filter(|usage| usage.drug == subject.order.drug);
    let dated = uses.filter_map(|usage| Some((taken_on(subject, usage)?, usage)));
    dated
        .filter(|(taken, _)| *taken > recorded)
        .filter(|(taken, usage)| !did_harm(subject, *taken, usage))
        .map(|(taken, usage)| (taken, usage.place.clone()))
        .max()
}

/// The day before today on which a drug is known to have been taken; what was stopped may have done harm.
fn taken_on(subject: &Subject<'_>, usage: &DrugUse) -> Option<Date> {
    if usage.polarity == Polarity::Absent || !matches!(usage.phase, Phase::Current | Phase::Past) {
        return None;
    }
    let told = subject.patient.notes.get(&usage.place.note).copied();
    let taken = match &usage.time {
        Some(time) if time.frame == TimeFrame::Since && usage.phase == Phase::Current => told,
        Some(time) => time.to.or(time.from).map(DateTime::date),
        // Of the past, but nobody knows when.
        None if usage.phase == Phase::Past => None,
        None => told,
    }?;
    // The order itself stands in the note of today.
    let is_order = usage.place.note.is_empty() && Some(taken) == told;
    let is_past = subject.patient.today.is_none_or(|today| taken < today);
    (!is_order && is_past).then_some(taken)
}

fn did_harm(subject: &Subject<'_>, taken: Date, usage: &DrugUse) -> bool {
    subject.patient.facts.iter().any(|fact| {
        let day = subject.patient.day_of(fact.time.as_ref(), &fact.place);
        let is_near = day
            .and_then(|day| days_between(taken, day))
            .is_some_and(|days| (0..=HARM_WITHIN).contains(&days));
        fact.polarity == Polarity::Present
            && (is_near || fact.place.note == usage.place.note)
            && fact.phase == Phase::Current
            && subject.plays(fact.state.concept(), Role::Reaction)
    })
}

/// Every allergen once; one that was denied last is left out.
fn records(subject: &Subject<'_>) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for allergy in &subject.patient.allergies {
        if allergy.polarity == Polarity::Absent {
            records.retain(|record| record.to != allergy.to);
            continue;
        }
        let known = records.iter_mut().find(|record| record.to == allergy.to);
        match known {
            Some(record) => {
                record.places.push(allergy.place.clone());
                record.first = record.first.into_iter().chain(allergy.recorded).min();
            }
            None => records.push(Record {
                to: Arc::clone(&allergy.to),
                first: allergy.recorded,
                severe: None,
                is_told: false,
                places: vec![allergy.place.clone()],
            }),
        }
    }
    for (reaction, place, is_past) in severe_reactions(subject) {
        let mut owners = owners(subject, &place, is_past);
        // What an earlier note tells of a drug and its reaction is of the past, however it is written.
        if owners.is_empty() && (is_past || !place.note.is_empty()) {
            let told = told(subject, &reaction, &place);
            owners.extend(told.iter().map(|record| Arc::clone(&record.to)));
            for told in told {
                if !records.iter().any(|record| record.to == told.to) {
                    records.push(told);
                }
            }
        }
        for record in records.iter_mut().filter(|record| owners.contains(&record.to)) {
            record.severe = Some(Arc::clone(&reaction));
            record.places.push(place.clone());
        }
    }
    records
}

/// Reactions that threatened life, with their places and whether they are told of the past.
fn severe_reactions(subject: &Subject<'_>) -> Vec<(Arc<str>, Place, bool)> {
    let facts = subject.patient.facts.iter();
    facts
        .filter(|fact| fact.polarity == Polarity::Present && fact.certainty != Certainty::General)
        .filter(|fact| subject.plays(fact.state.concept(), Role::SevereReaction))
        .filter(|fact| !subject.plays(fact.state.concept(), Role::FoodReaction))
        .map(|fact| {
            let state = fact.state.concept().into();
            (state, fact.place.clone(), fact.phase == Phase::Past)
        })
        .collect()
}

/// The allergens that a reaction belongs to: those told right before it in the same note, else the nearest. A reaction
/// of now that stands far from every allergy has another cause.
fn owners(subject: &Subject<'_>, reaction: &Place, is_past: bool) -> Vec<Arc<str>> {
    const NEAR: u32 = 2;
    /// Events between an allergy of an earlier note and the reaction told behind it.
    const BEHIND: u32 = 3;
    let mut told: Vec<(u32, &Arc<str>)> = subject
        .patient
        .allergies
        .iter()
        .filter(|allergy| allergy.polarity == Polarity::Present && allergy.place.note == reaction.note)
        .map(|allergy| (allergy.place.event, &allergy.to))
        .collect();
    told.sort();
    let mut next = reaction.event;
    let mut owners = Vec::new();
    for (event, to) in told.iter().rev() {
        if event + 1 == next {
            owners.push(Arc::clone(to));
            next = *event;
        }
    }
    if owners.is_empty() {
        let distance = |event: u32| (event.abs_diff(reaction.event), event > reaction.event);
        let nearest = told.iter().min_by_key(|(event, _)| distance(*event));
        // What an earlier note tells beside an allergy is its reaction.
        let is_behind = |event: u32| !reaction.note.is_empty() && event < reaction.event;
        let most = |event: u32| if is_behind(event) { BEHIND } else { NEAR };
        let nearest = nearest.filter(|(event, _)| is_past || event.abs_diff(reaction.event) <= most(*event));
        owners.extend(nearest.map(|(_, to)| Arc::clone(to)));
    }
    owners
}

/// A drug with a past reaction behind it, where nobody recorded an allergy: the nearest drug before the reaction, or the
/// agent of the nearest examination, with at most a few symptoms between them.
fn told(subject: &Subject<'_>, reaction: &Arc<str>, place: &Place) -> Vec<Record> {
    const BETWEEN: u32 = 4;
    let stands_before =
        |own: &Place| own.note == place.note && own.event < place.event && place.event - own.event <= BETWEEN;
    let book = subject.checks.book;
    let drugs = subject.patient.drugs.iter().filter(|usage| {
        stands_before(&usage.place)
            && usage.polarity == Polarity::Present
            && is_drug(subject, &usage.drug)
            && !subject.plays(&usage.drug, Role::Remedy)
    });
    let drugs = drugs.map(|usage| (usage.place.event, vec![Arc::clone(&usage.drug)], &usage.place));
    let exams = subject
        .patient
        .orders
        .iter()
        .filter(|(_, own)| stands_before(own));
    let exams = exams.map(|(exam, own)| (own.event, book.agents(exam).to_vec(), own));
    let given = drugs.chain(exams.filter(|(_, agents, _)| !agents.is_empty()));
    let Some((_, agents, own)) = given.max_by_key(|(event, _, _)| *event) else {
        return Vec::new();
    };
    let record = |to: Arc<str>| Record {
        to,
        first: subject.patient.notes.get(&place.note).copied(),
        severe: Some(Arc::clone(reaction)),
        is_told: true,
        places: vec![own.clone(), place.clone()],
    };
    agents.into_iter().map(record).collect()
}

fn is_drug(subject: &Subject<'_>, id: &str) -> bool {
    let concept = subject.checks.vocabulary.concept(id);
    concept.is_some_and(|concept| matches!(concept.kind, TermKind::Drug | TermKind::DrugClass))
}
