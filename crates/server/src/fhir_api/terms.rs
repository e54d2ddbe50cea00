//! Terminology over the vocabulary and the masters of the site: what a code is called, whether there is one, what lies below,
//! what it is in another system.
//!
//! A system may be written under any address that `data/fhir/system_aliases.tsv` knows. Codes of one concept in two systems
//! are equivalent as far as our tables say; what a code means that several concepts have is not translated.

use super::outcome::{Refusal, resource};
use super::{DEFINITIONS, base};
use crate::web::Desk;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsumugi_clinical::Code;
use tsumugi_terminology::{Codes as _, Concept, Vocabulary, system};

/// The value set of all of a system: this and the system's address.
const ALL_OF: &str = "?fhir_vs";
/// Codes of a page of `$expand` where nobody says, and the most.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// Parameters of an operation, by name.
struct Asked(BTreeMap<String, String>);

impl Asked {
    fn of(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Self, Refusal> {
        let mut asked = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().take(64).collect();
                let text = format!("{name}: not known here; {} are", known.join(", "));
                return Err(Refusal::Told(StatusCode::BAD_REQUEST, "not-supported", text));
            }
            asked.insert(name, value);
        }
        Ok(Self(asked))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn wanted(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name)
            .ok_or_else(|| wrong(format!("{name}: a value is wanted")))
    }

    fn count(&self, name: &str, usual: usize) -> Result<usize, Refusal> {
        match self.get(name) {
            None => Ok(usual),
            Some(value) => value
                .parse()
                .map_err(|_| wrong(format!("{name}: a whole number is wanted"))),
        }
    }

    /// The address under which a system is looked up.
    fn system(&self, name: &str) -> Result<&str, Refusal> {
        self.wanted(name).map(|address| DEFINITIONS.canonical(address))
    }
}

fn wrong(text: String) -> Refusal {
    Refusal::Told(StatusCode::BAD_REQUEST, "invalid", text)
}

/// The operations, by type of resource, and their definitions.
pub(super) const OPERATIONS: [(&str, &str, &str); 6] = [
    ("CodeSystem", "lookup", "CodeSystem-lookup"),
    ("CodeSystem", "subsumes", "CodeSystem-subsumes"),
    ("CodeSystem", "validate-code", "CodeSystem-validate-code"),
    ("ConceptMap", "translate", "ConceptMap-translate"),
    ("ValueSet", "expand", "ValueSet-expand"),
    ("ValueSet", "validate-code", "ValueSet-validate-code"),
];

/// Answers an operation of the terminology (`$` stands before its name). It tells of no record.
pub(super) fn operation(
    desk: &Desk,
    (kind, name): (&str, &str),
    pairs: Vec<(String, String)>,
) -> Result<Response, Refusal> {
    let body = match (kind, name) {
        ("CodeSystem", "$lookup") => lookup(desk, &Asked::of(pairs, &["system", "code"])?)?,
        ("CodeSystem", "$validate-code") => {
            validate(desk, &Asked::of(pairs, &["url", "code", "display"])?, "url")?
        }
        ("CodeSystem", "$subsumes") => subsumes(desk, &Asked::of(pairs, &["system", "codeA", "codeB"])?)?,
        ("ValueSet", "$validate-code") => validate(
            desk,
            &Asked::of(pairs, &["url", "system", "code", "display"])?,
            "system",
        )?,
        ("ValueSet", "$expand") => expand(desk, &Asked::of(pairs, &["url", "filter", "count", "offset"])?)?,
        ("ConceptMap", "$translate") => {
            translate(desk, &Asked::of(pairs, &["system", "code", "targetsystem"])?)?
        }
        _ => {
            let text = "there is no such operation; /fhir/R4/metadata lists those that are".to_owned();
            return Err(Refusal::Told(StatusCode::NOT_FOUND, "not-supported", text));
        }
    };
    Ok(resource(StatusCode::OK, body.to_string()))
}

fn vocabulary(desk: &Desk) -> &Vocabulary {
    desk.app.coder.vocabulary()
}

fn parameters(parts: &[Value]) -> Value {
    json!({"resourceType": "Parameters", "parameter": parts})
}

/// What a code is called; none for a code that is not known itself.
fn display(vocabulary: &Vocabulary, address: &str, code: &str) -> Option<String> {
    vocabulary.maps().called(address, code)
}

/// The one concept that has exactly this code.
fn exact<'v>(vocabulary: &'v Vocabulary, address: &str, code: &str) -> Option<&'v Concept> {
    display(vocabulary, address, code)?;
    vocabulary.get(vocabulary.maps().key(address, code)?)
}

fn lookup(desk: &Desk, asked: &Asked) -> Result<Value, Refusal> {
    let vocabulary = vocabulary(desk);
    let (address, code) = (asked.system("system")?, asked.wanted("code")?);
    let Some(display) = display(vocabulary, address, code) else {
        return Err(unknown(address, code));
    };
    let mut parts = vec![
        json!({"name": "name", "valueString": system::label(address)}),
        json!({"name": "display", "valueString": display}),
    ];
    if let Some(concept) = exact(vocabulary, address, code) {
        let designation = |language: &str, value: &str| {
            json!({"name": "designation", "part": [
                {"name": "language", "valueCode": language}, {"name": "value", "valueString": value}]})
        };
        parts.push(designation("ja", &concept.name));
        if !concept.kana.is_empty() {
            parts.push(designation("ja-Hira", &concept.kana));
        }
        if !concept.english.is_empty() {
            parts.push(designation("en", &concept.english));
        }
        parts.extend(concept.synonyms.iter().map(|(name, _)| designation("ja", name)));
        let property = |name: &str, value: Value| json!({"name": "property", "part": [{"name": "code", "valueCode": name}, value]});
        for parent in concept.parents.iter().filter_map(|key| vocabulary.get(*key)) {
            let same = parent.codes.iter().find(|own| own.system.as_ref() == address);
            parts.extend(same.map(|own| property("parent", json!({"name": "value", "valueCode": own.code}))));
        }
    }
    Ok(parameters(&parts))
}

fn unknown(address: &str, code: &str) -> Refusal {
    let short = |text: &str| text.chars().take(128).collect::<String>();
    let text = format!("{}|{}: no such code is known here", short(address), short(code));
    Refusal::Told(StatusCode::NOT_FOUND, "not-found", text)
}

fn validate(desk: &Desk, asked: &Asked, named: &str) -> Result<Value, Refusal> {
    let vocabulary = vocabulary(desk);
    let (address, code) = (asked.system(named)?, asked.wanted("code")?);
    if named == "system"
        && let Some(set) = asked.get("url")
        && system_of_set(set)? != address
    {
        let text = format!("the value set holds codes of another system than {address}");
        return Ok(parameters(&[
            json!({"name": "result", "valueBoolean": false}),
            json!({"name": "message", "valueString": text}),
        ]));
    }
    let Some(display) = display(vocabulary, address, code) else {
        let text = "no such code is known here";
        return Ok(parameters(&[
            json!({"name": "result", "valueBoolean": false}),
            json!({"name": "message", "valueString": text}),
        ]));
    };
    let called = asked.get("display");
    let concept = exact(vocabulary, address, code);
    let is_called = called.is_none_or(|called| {
        called == display
            || concept.is_some_and(|concept| concept.is_called(called) || concept.english.as_ref() == called)
    });
    let mut parts = vec![json!({"name": "result", "valueBoolean": is_called})];
    if !is_called {
        let text = "the code is known, and is not called so";
        parts.push(json!({"name": "message", "valueString": text}));
    }
    parts.push(json!({"name": "display", "valueString": display}));
    Ok(parameters(&parts))
}

/// The system of a value set that holds all of one.
fn system_of_set(set: &str) -> Result<&str, Refusal> {
    let address = set.strip_suffix(ALL_OF).ok_or_else(|| {
        let text = format!("url: only value sets of all of a system are offered: its address and {ALL_OF}");
        Refusal::Told(StatusCode::NOT_FOUND, "not-supported", text)
    })?;
    Ok(DEFINITIONS.canonical(address))
}

fn subsumes(desk: &Desk, asked: &Asked) -> Result<Value, Refusal> {
    let vocabulary = vocabulary(desk);
    let address = asked.system("system")?;
    let (a, b) = (asked.wanted("codeA")?, asked.wanted("codeB")?);
    for code in [a, b] {
        if display(vocabulary, address, code).is_none() {
            return Err(unknown(address, code));
        }
    }
    let maps = vocabulary.maps();
    let lies_below = |code: &str, above: &str| {
        let keys = exact(vocabulary, address, code).zip(exact(vocabulary, address, above));
        let keys = keys.and_then(|(code, above)| {
            vocabulary
                .key(code.id.as_str())
                .zip(vocabulary.key(above.id.as_str()))
        });
        keys.is_some_and(|(code, above)| vocabulary.is_a(code, above)) || maps.is_a(address, code, above)
    };
    let outcome = if a == b {
        "equivalent"
    } else if lies_below(b, a) {
        "subsumes"
    } else if lies_below(a, b) {
        "subsumed-by"
    } else {
        "not-subsumed"
    };
    Ok(parameters(&[json!({"name": "outcome", "valueCode": outcome})]))
}

fn expand(desk: &Desk, asked: &Asked) -> Result<Value, Refusal> {
    let vocabulary = vocabulary(desk);
    let set = asked.wanted("url")?;
    let address = system_of_set(set)?;
    let (count, offset) = (asked.count("count", USUAL)?.min(MOST), asked.count("offset", 0)?);
    let filter = asked.get("filter").map(tsumugi_fhirstore::fold);
    let matches = |concept: &Concept| {
        filter.as_ref().is_none_or(|filter| {
            let synonyms = concept.synonyms.iter().map(|(name, _)| name.as_ref());
            let mut names = [
                concept.name.as_ref(),
                concept.kana.as_ref(),
                concept.english.as_ref(),
            ]
            .into_iter()
            .chain(synonyms);
            names.any(|name| tsumugi_fhirstore::fold(name).contains(filter.as_str()))
        })
    };
    // A code once, under the name of the first concept that has it.
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, concept) in vocabulary.iter().filter(|(_, concept)| matches(concept)) {
        for own in concept.codes.iter().filter(|own| own.system.as_ref() == address) {
            found.entry(own.code.as_ref()).or_insert(concept.name.as_ref());
        }
    }
    if found.is_empty() && filter.is_none() {
        let text = "no code of this system is known here".to_owned();
        return Err(Refusal::Told(StatusCode::NOT_FOUND, "not-found", text));
    }
    let contains: Vec<Value> = found
        .iter()
        .skip(offset)
        .take(count)
        .map(|(code, name)| json!({"system": address, "code": code, "display": name}))
        .collect();
    let mut expansion = json!({
        "identifier": format!("{}/ValueSet/$expand", base(&desk.app)),
        "timestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "total": found.len(),
        "offset": offset,
    });
    if let (Some(map), false) = (expansion.as_object_mut(), contains.is_empty()) {
        map.insert("contains".to_owned(), json!(contains));
    }
    Ok(json!({"resourceType": "ValueSet", "url": set, "status": "active", "expansion": expansion}))
}

fn translate(desk: &Desk, asked: &Asked) -> Result<Value, Refusal> {
    let vocabulary = vocabulary(desk);
    let (address, code) = (asked.system("system")?, asked.wanted("code")?);
    let target = asked
        .get("targetsystem")
        .map(|address| DEFINITIONS.canonical(address));
    let Some(concept) = exact(vocabulary, address, code) else {
        let why = "no concept, or several, have this code";
        return Ok(parameters(&[
            json!({"name": "result", "valueBoolean": false}),
            json!({"name": "message", "valueString": why}),
        ]));
    };
    let fits = |own: &&Code| {
        let is_same = own.system.as_ref() == address && own.code.as_ref() == code;
        !is_same && target.is_none_or(|target| own.system.as_ref() == target)
    };
    let all = vocabulary.maps().codes(concept.id.as_str());
    let mut matches: Vec<Value> = Vec::new();
    for found in all.iter().filter(fits) {
        let coding = json!({"system": found.system, "code": found.code, "display": concept.name});
        let part = json!({"name": "match", "part": [
            {"name": "equivalence", "valueCode": "equivalent"}, {"name": "concept", "valueCoding": coding}]});
        if !matches.contains(&part) {
            matches.push(part);
        }
    }
    let mut parts = vec![json!({"name": "result", "valueBoolean": !matches.is_empty()})];
    parts.extend(matches);
    Ok(parameters(&parts))
}
