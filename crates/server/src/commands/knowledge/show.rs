//! `knowledge show`, `diff` and `stats`.

use super::super::say;
use super::super::store::Place;
use super::view_of;
use crate::advice::Advice;
use crate::library::{self, Library};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;
use tsumugi_knowledge::{Disease, Knowledge, View};
use tsumugi_records::Population;

/// What is known of a concept, one JSON object.
pub(super) fn show(place: &Place, concept: &str) -> anyhow::Result<ExitCode> {
    let advice = Advice::embedded()?;
    let living = advice.living(Population::Real);
    let (tables, edition) = library::tables()?;
    let knowledge = match place.open_reading() {
        Ok(store) => Library::open(&store, tables, &edition)?.knowledge,
        Err(_) => tables,
    };
    if let Some(disease) = knowledge.phenotypes.diseases.get(concept) {
        let value = json!({
            "disease": concept, "name": disease.name,
            "annotations": disease.annotations, "cases": disease.cases.len(),
        });
        return say(&value.to_string());
    }
    let key = match knowledge.own.disease(concept) {
        Some(_) => Some(concept.to_owned()),
        None => advice
            .disease_named(&living, concept)
            .and_then(|index| living.differential.key_of(index))
            .map(|key| key.to_string()),
    };
    let found = key
        .as_deref()
        .and_then(|key| Some((key, knowledge.own.disease(key)?)));
    match found {
        Some((key, disease)) => say(&value_of(&advice, key, disease).to_string()),
        None => anyhow::bail!("{concept}: no disease of the knowledge has this name or code"),
    }
}

fn value_of(advice: &Advice, key: &str, disease: &Disease) -> Value {
    let name = |id: &str| {
        let concept = advice.coder.vocabulary().concept(id);
        concept.map_or(id.to_owned(), |concept| concept.name.to_string())
    };
    let findings: Vec<Value> = disease
        .findings
        .iter()
        .map(|(state, evidence)| {
            json!({
                "finding": state, "name": name(state.concept()),
                "share": disease.share(state).map(|share| share.mean(0.02)), "evidence": evidence,
            })
        })
        .collect();
    json!({
        "disease": key, "name": name(key), "profile": disease.profile, "treatments": disease.treatments,
        "findings": findings, "cases": disease.cases,
    })
}

/// What differs between two views of the log.
pub(super) fn diff(place: &Place, a: &str, b: &str) -> anyhow::Result<ExitCode> {
    let store = place.open_reading()?;
    let log = library::log_of(&store)?;
    let (tables, edition) = library::tables()?;
    let before = tables.clone().with(&log, &view_of(a)?);
    let after = tables.with(&log, &view_of(b)?);
    let mut changes = Vec::new();
    compare(&before, &after, &mut changes);
    let report = json!({
        "read": log.len(), "added": 0, "changed": changes.len(), "rejected": 0,
        "diagnostics": [], "edition": edition, "changes": changes,
    });
    say(&report.to_string())
}

fn compare(before: &Knowledge, after: &Knowledge, changes: &mut Vec<Value>) {
    let own = |knowledge: &Knowledge| -> BTreeMap<String, String> {
        let diseases = knowledge.own.diseases.iter();
        let rows = diseases.flat_map(|(disease, about)| {
            about.findings.iter().map(move |(state, evidence)| {
                let said: Vec<String> = evidence
                    .iter()
                    .map(|row| match row.of {
                        0 => format!("{} {:.2}", row.source, row.frequency),
                        of => format!("{} {}/{of}", row.source, row.with),
                    })
                    .collect();
                (format!("{disease} {state}"), said.join("; "))
            })
        });
        rows.chain(phenotypic(knowledge))
            .chain(accepted(knowledge))
            .collect()
    };
    let (before, after) = (own(before), own(after));
    for (row, was) in &before {
        match after.get(row) {
            None => changes.push(json!({"row": row, "before": was, "after": null})),
            Some(is) if is != was => changes.push(json!({"row": row, "before": was, "after": is})),
            Some(_) => {}
        }
    }
    for (row, is) in after.iter().filter(|(row, _)| !before.contains_key(*row)) {
        changes.push(json!({"row": row, "before": null, "after": is}));
    }
}

/// Accepted statements, apart from findings, which stand at their diseases.
fn accepted(knowledge: &Knowledge) -> impl Iterator<Item = (String, String)> {
    let rows = knowledge.accepted.iter();
    rows.filter(|(_, held)| held.said.kind.as_ref() != "finding")
        .map(|(number, held)| {
            let fields = held.said.fields.iter();
            let fields: Vec<String> = fields.map(|(name, value)| format!("{name} {value}")).collect();
            let row = format!("accepted {number} {}", held.said.kind);
            (row, format!("{}: {}", held.source, fields.join(", ")))
        })
}

fn phenotypic(knowledge: &Knowledge) -> impl Iterator<Item = (String, String)> {
    knowledge.phenotypes.diseases.iter().map(|(disease, about)| {
        let said = format!(
            "{} annotations, {} cases",
            about.annotations.len(),
            about.cases.len()
        );
        (disease.to_string(), said)
    })
}

/// Counts of the knowledge and of its sources.
pub(super) fn stats(place: &Place) -> anyhow::Result<ExitCode> {
    let (tables, edition) = library::tables()?;
    let (knowledge, log) = match place.open_reading() {
        Ok(store) => {
            let library = Library::open(&store, tables, &edition)?;
            (library.knowledge, library::log_of(&store)?)
        }
        Err(_) => (tables, Vec::new()),
    };
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    for assertion in tsumugi_knowledge::active(&log, &View::default()) {
        *sources.entry(&assertion.source).or_default() += 1;
    }
    let own = &knowledge.own.diseases;
    let phenotyped = &knowledge.phenotypes.diseases;
    let report = json!({
        "edition": edition,
        "assertions": log.len(),
        "diseases": own.len(),
        "findings": own.values().map(|disease| disease.findings.len()).sum::<usize>(),
        "profiles": own.values().filter(|disease| disease.profile.is_some()).count(),
        "treatments": own.values().map(|disease| disease.treatments.len()).sum::<usize>(),
        "cases": own.values().map(Disease::case_count).sum::<u32>(),
        "hpo": {
            "edition": knowledge.phenotypes.terms.edition,
            "terms": knowledge.phenotypes.terms.terms.len(),
            "diseases": phenotyped.len(),
            "annotations": phenotyped.values().map(|disease| disease.annotations.len()).sum::<usize>(),
            "cases": phenotyped.values().map(|disease| disease.cases.len()).sum::<usize>(),
        },
        "accepted": knowledge.accepted.len(),
        "sources": sources,
    });
    say(&report.to_string())
}
