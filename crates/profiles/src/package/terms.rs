//! Code systems and value sets as a package states them.

use super::{CodeSystem, Filter, Include, ValueSet};
use serde_json::Value;

/// Deepest nesting of concepts.
const DEEPEST: usize = 64;

pub(super) fn code_system(value: &Value, package: &str) -> CodeSystem {
    let mut codes = Vec::new();
    concepts(value, None, 0, &mut codes);
    CodeSystem {
        url: text(value, "url"),
        version: version(value, package),
        is_complete: text(value, "content") == "complete" && !codes.is_empty(),
        codes,
    }
}

fn concepts(value: &Value, parent: Option<u32>, depth: usize, codes: &mut Vec<(String, Option<u32>)>) {
    for concept in list(value, "concept").filter(|_| depth < DEEPEST) {
        let number = codes.len() as u32;
        codes.push((text(concept, "code"), parent));
        concepts(concept, Some(number), depth + 1, codes);
    }
}

pub(super) fn value_set(value: &Value, package: &str) -> ValueSet {
    let parts = |key: &str| -> Vec<Include> {
        let compose = value.get("compose");
        let parts = compose.into_iter().flat_map(|compose| list(compose, key));
        parts.map(include).collect()
    };
    ValueSet {
        url: text(value, "url"),
        version: version(value, package),
        include: parts("include"),
        exclude: parts("exclude"),
    }
}

fn include(value: &Value) -> Include {
    Include {
        system: text(value, "system"),
        codes: list(value, "concept")
            .map(|concept| text(concept, "code"))
            .collect(),
        filter: list(value, "filter").map(filter).collect(),
        sets: list(value, "valueSet")
            .filter_map(|set| set.as_str().map(str::to_owned))
            .collect(),
    }
}

fn filter(value: &Value) -> Filter {
    let (property, operator) = (text(value, "property"), text(value, "op"));
    let with_itself = match (property.as_str(), operator.as_str()) {
        ("concept" | "code", "is-a") => true,
        ("concept" | "code", "descendent-of") => false,
        _ => return Filter::Other(format!("{property} {operator}")),
    };
    Filter::Below {
        code: text(value, "value"),
        with_itself,
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn version(value: &Value, package: &str) -> String {
    let own = text(value, "version");
    if own.is_empty() { package.to_owned() } else { own }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
