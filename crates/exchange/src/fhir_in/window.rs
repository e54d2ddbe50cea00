//! The resources of a Bundle that are held until it is known whose they are and what they name.

use super::cut::{Cut, Cutter};
use super::person::by_reference;
use super::statement::{Said, is_beside, said};
use super::{Frame, Limits, dead, object, problem, strict};
use crate::incoming::{
    Evidence, Handed, Incoming, Person, Place, Resource, Severity, Sink, Standard, Standing,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Bundles within Bundles that are read.
pub(crate) const DEEPEST_BUNDLE: usize = 3;

/// Elements of a Bundle that say nothing beside its entries.
const PLAIN: [&str; 6] = ["resourceType", "type", "total", "link", "id", "entry"];

/// Elements of a Bundle that say something of the sending, and so belong to no person.
const OF_NO_PERSON: [&str; 6] = [
    "meta",
    "implicitRules",
    "language",
    "identifier",
    "timestamp",
    "signature",
];

/// An entry of a Bundle, as far as it is read.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "fullUrl", borrow, default)]
    full_url: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
    #[serde(default)]
    response: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
}

/// A resource that waits.
struct Held {
    bytes: Vec<u8>,
    json: Vec<u8>,
    said: Said,
    place: Place,
    url: Option<String>,
}

/// The one patient of a Bundle.
#[derive(Clone)]
enum Own {
    None,
    One(Box<Person>),
    Many,
}

/// What is known of a source while it is read.
pub(crate) struct Window {
    file: String,
    pub(crate) limits: Limits,
    /// Bundles that are open around what is read.
    pub(crate) depth: usize,
    patients: BTreeMap<String, Person>,
    own: Own,
    beside: BTreeMap<String, (Resource, bool)>,
    unnamed: Vec<Held>,
    held: Vec<Held>,
    bytes: usize,
}

impl Window {
    pub(crate) fn new(file: &str, limits: Limits) -> Self {
        Self {
            file: file.to_owned(),
            limits,
            depth: 0,
            patients: BTreeMap::new(),
            own: Own::None,
            beside: BTreeMap::new(),
            unnamed: Vec::new(),
            held: Vec::new(),
            bytes: 0,
        }
    }

    /// Hands out bytes that are no statement.
    pub(crate) fn dead(
        &mut self,
        code: &'static str,
        message: String,
        line: u32,
        field: String,
        bytes: Vec<u8>,
        sink: &mut Sink<'_>,
    ) -> bool {
        let problem = problem(&self.file, Severity::Error, code, message, line, field);
        sink(dead(problem, bytes))
    }

    fn tell(
        &self,
        severity: Severity,
        code: &'static str,
        message: &str,
        place: &Place,
        sink: &mut Sink<'_>,
    ) -> bool {
        let field = place.field.clone().unwrap_or_default();
        let line = place.line.unwrap_or(1);
        sink(Handed::Problem(problem(
            &self.file,
            severity,
            code,
            message.to_owned(),
            line,
            field,
        )))
    }

    /// A resource at the top.
    pub(crate) fn resource(
        &mut self,
        bytes: Vec<u8>,
        depth: usize,
        line: u32,
        path: &str,
        sink: &mut Sink<'_>,
    ) -> bool {
        let field = path.to_owned();
        if depth > self.limits.depth {
            return self.too_deep(line, field, bytes, sink);
        }
        let json = bytes.clone();
        self.hold(bytes, json, None, line, field, sink)
    }

    fn too_deep(&mut self, line: u32, field: String, bytes: Vec<u8>, sink: &mut Sink<'_>) -> bool {
        let message = format!(
            "brackets go deeper than {}; no FHIR resource does",
            self.limits.depth
        );
        self.dead("too-deep", message, line, field, bytes, sink)
    }

    /// An entry of a Bundle, or an element of a list of resources.
    pub(crate) fn entry(
        &mut self,
        cut: Cut,
        line: u32,
        field: String,
        is_bundle: bool,
        sink: &mut Sink<'_>,
    ) -> bool {
        let Cut {
            bytes, depth, whole, ..
        } = cut;
        if depth > self.limits.depth {
            return self.too_deep(line, field, bytes, sink);
        }
        if !whole {
            let message = "the entry ends in the middle: the file is cut off; export it again".to_owned();
            return self.dead("truncated", message, line, field, bytes, sink);
        }
        if !is_bundle {
            let json = bytes.clone();
            return self.hold(bytes, json, None, line, field, sink);
        }
        let entry: Entry<'_> = match serde_json::from_slice(&bytes) {
            Ok(entry) => entry,
            Err(error) => {
                let message = why(&error, &bytes);
                return self.dead(message.0, message.1, line, field, bytes, sink);
            }
        };
        let url = entry.full_url.map(Cow::into_owned);
        let method = entry
            .request
            .as_ref()
            .and_then(|request| request.method.as_deref());
        let target = entry.request.as_ref().and_then(|request| request.url.as_deref());
        match (
            entry.resource.map(|raw| raw.get().as_bytes().to_vec()),
            method,
            target,
        ) {
            (None, Some("DELETE"), Some(target)) => {
                let target = target.to_owned();
                self.deleted(bytes, target, line, field, sink)
            }
            (None, ..) => {
                let message = if entry.response.is_some() {
                    "an answer without a resource states nothing"
                } else {
                    "the entry holds no resource"
                };
                self.dead("no-resource", message.to_owned(), line, field, bytes, sink)
            }
            (Some(json), ..) => self.hold(bytes, json, url, line, format!("{field}.resource"), sink),
        }
    }

    fn deleted(
        &mut self,
        bytes: Vec<u8>,
        target: String,
        line: u32,
        field: String,
        sink: &mut Sink<'_>,
    ) -> bool {
        let said = Said {
            kind: target.split('/').next().unwrap_or("").to_owned(),
            key: target,
            standing: Standing::Deleted,
            ..Said::default()
        };
        self.keep(
            Held {
                bytes,
                json: Vec::new(),
                said,
                place: self.place(line, field),
                url: None,
            },
            sink,
        )
    }

    fn place(&self, line: u32, field: String) -> Place {
        Place {
            file: self.file.clone(),
            line: Some(line),
            field: Some(field),
        }
    }

    fn hold(
        &mut self,
        bytes: Vec<u8>,
        json: Vec<u8>,
        url: Option<String>,
        line: u32,
        field: String,
        sink: &mut Sink<'_>,
    ) -> bool {
        let (resource, twice) = match strict::parse(&json) {
            Ok(parsed) => parsed,
            Err(error) => {
                let (code, message) = why(&error, &json);
                return self.dead(code, message, line, field, bytes, sink);
            }
        };
        let kind = resource
            .get("resourceType")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        if kind.is_empty() {
            let message = "resourceType is missing: this is no FHIR resource".to_owned();
            return self.dead("no-resource-type", message, line, field, bytes, sink);
        }
        let place = self.place(line, field);
        if let Some(key) = twice {
            let message = format!("the key {key} stands twice in one object; the last one counts");
            if !self.tell(Severity::Warning, "duplicate-key", &message, &place, sink) {
                return false;
            }
        }
        if kind == "Bundle" && self.depth < DEEPEST_BUNDLE {
            return self.nested(&json, place, sink);
        }
        let said = said(&resource, &json);
        self.keep(
            Held {
                bytes,
                json,
                said,
                place,
                url,
            },
            sink,
        )
    }

    /// A Bundle in a Bundle, with patients of its own.
    fn nested(&mut self, json: &[u8], place: Place, sink: &mut Sink<'_>) -> bool {
        if !self.flush(sink) {
            return false;
        }
        let own = std::mem::replace(&mut self.own, Own::None);
        self.depth += 1;
        let mut input = json;
        let mut cutter = Cutter::new(&mut input, place.line.unwrap_or(1));
        let path = place.field.unwrap_or_default();
        let goes_on = object(&mut cutter, self, &path, sink);
        self.depth -= 1;
        self.own = own;
        goes_on
    }

    fn keep(&mut self, mut held: Held, sink: &mut Sink<'_>) -> bool {
        if held.said.kind == "Patient"
            && let Some(person) = &held.said.person
        {
            let person = person.clone();
            self.remember(&held, &person);
        }
        self.bytes += held.bytes.len() + held.json.len();
        if is_beside(&held.said.kind) {
            let resource = Resource {
                kind: held.said.kind.clone(),
                json: held.json.clone(),
            };
            for url in urls(&held) {
                self.beside.insert(url, (resource.clone(), false));
            }
            self.unnamed.push(held);
        } else {
            held.said.names.retain(|name| !name.contains("Patient/"));
            self.held.push(held);
        }
        self.bytes < self.limits.window || self.flush(sink)
    }

    fn remember(&mut self, held: &Held, person: &Person) {
        self.own = match std::mem::replace(&mut self.own, Own::Many) {
            Own::None => Own::One(Box::new(person.clone())),
            Own::One(known) if *known == *person => Own::One(known),
            _ => Own::Many,
        };
        for url in urls(held) {
            if self.patients.len() < self.limits.patients {
                self.patients.insert(url, person.clone());
            }
        }
    }

    /// Hands out all that is held.
    pub(crate) fn flush(&mut self, sink: &mut Sink<'_>) -> bool {
        self.bytes = 0;
        for held in std::mem::take(&mut self.held) {
            if !self.hand(held, sink) {
                return false;
            }
        }
        true
    }

    fn hand(&mut self, held: Held, sink: &mut Sink<'_>) -> bool {
        let Held {
            bytes,
            json,
            mut said,
            place,
            ..
        } = held;
        let person = self.whose(&said);
        let Some((person, is_sure)) = person else {
            let message = "nothing says whose this is: neither subject nor a Patient beside it".to_owned();
            let (line, field) = (place.line.unwrap_or(1), place.field.unwrap_or_default());
            return self.dead("no-person", message, line, field, bytes, sink);
        };
        let told = is_sure
            || self.tell(
                Severity::Warning,
                "unresolved-subject",
                "the subject names no Patient that came; the one Patient of the Bundle is taken",
                &place,
                sink,
            );
        let mut resources = Vec::new();
        if !json.is_empty() {
            resources.push(Resource {
                kind: std::mem::take(&mut said.kind),
                json,
            });
        }
        for name in &said.names {
            if let Some((resource, is_named)) = self.beside.get_mut(name) {
                *is_named = true;
                resources.push(resource.clone());
            }
        }
        told && sink(Handed::Statement(Box::new(Incoming {
            standard: Standard::Fhir,
            place,
            person,
            key: said.key,
            sequence: said.sequence,
            standing: said.standing,
            evidence: said.evidence,
            civil: said.civil,
            bytes,
            charset: "utf-8",
            resources,
            texts: said.texts,
        })))
    }

    /// Whose a resource is, and whether it says so itself.
    fn whose(&self, said: &Said) -> Option<(Person, bool)> {
        if let Some(person) = &said.person {
            return Some((person.clone(), true));
        }
        let own = match &self.own {
            Own::One(person) => Some(person.as_ref().clone()),
            Own::None | Own::Many => None,
        };
        let Some(subject) = &said.subject else {
            return own.map(|person| (person, true));
        };
        let reference = subject.get("reference").and_then(Value::as_str);
        let known = reference.and_then(|reference| self.patient_of(reference));
        if let Some(person) = known {
            return Some((person.clone(), true));
        }
        let is_local = reference.is_none_or(|reference| reference.starts_with("urn:"));
        match own.filter(|_| is_local && subject.get("identifier").is_none()) {
            Some(person) => Some((person, false)),
            None if reference.is_some_and(|reference| reference.starts_with("urn:")) => None,
            None => by_reference(subject).map(|person| (person, true)),
        }
    }

    /// The Patient that a reference names: by its full address, else by type and id.
    fn patient_of(&self, reference: &str) -> Option<&Person> {
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        self.patients.get(plain).or_else(|| {
            let start = plain.rfind("Patient/")?;
            self.patients.get(plain.get(start..)?)
        })
    }

    /// What a Bundle says of itself, at its end; forgets what was of this Bundle alone.
    pub(crate) fn frame(&mut self, frame: &Frame, path: &str, sink: &mut Sink<'_>) -> bool {
        if !self.flush(sink) {
            return false;
        }
        let bundle: Value = match serde_json::from_slice(&frame.bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                let (code, message) = why(&error, &frame.bytes);
                let goes_on = frame.stretches().into_iter().all(|bytes| {
                    let message = message.clone();
                    self.dead(code, message, frame.line, path.to_owned(), bytes, sink)
                });
                return goes_on && self.forget(sink);
            }
        };
        let other = |known: &[&str]| {
            let mut keys = bundle.as_object().into_iter().flat_map(serde_json::Map::keys);
            keys.find(|key| !PLAIN.contains(&key.as_str()) && !known.contains(&key.as_str()))
        };
        let own = match &self.own {
            Own::One(person) => Some(person.as_ref().clone()),
            Own::None | Own::Many => None,
        };
        if own.is_none() && other(&OF_NO_PERSON).is_some() {
            let message = "the Bundle has an element that FHIR does not know, and no one patient to keep it with; \
                           compare its names with those of FHIR's Bundle";
            let goes_on = frame.stretches().into_iter().all(|bytes| {
                self.dead(
                    "unknown-element",
                    message.to_owned(),
                    frame.line,
                    path.to_owned(),
                    bytes,
                    sink,
                )
            });
            if !goes_on {
                return false;
            }
        }
        if let Some(person) = own.filter(|_| other(&[]).is_some()) {
            let said = said(&bundle, &frame.bytes);
            let statement = Incoming {
                standard: Standard::Fhir,
                place: self.place(frame.line, path.to_owned()),
                person,
                key: said.key,
                sequence: said.sequence,
                standing: Standing::Valid,
                evidence: Evidence::Care,
                civil: said.civil,
                bytes: frame.bytes.clone(),
                charset: "utf-8",
                resources: Vec::new(),
                texts: Vec::new(),
            };
            if !sink(Handed::Statement(Box::new(statement))) {
                return false;
            }
        }
        self.forget(sink)
    }

    /// Hands out what no statement named, and forgets the Bundle.
    fn forget(&mut self, sink: &mut Sink<'_>) -> bool {
        let named: BTreeSet<String> = self
            .beside
            .iter()
            .filter(|(_, (_, is_named))| *is_named)
            .map(|(url, _)| url.clone())
            .collect();
        for held in std::mem::take(&mut self.unnamed) {
            if urls(&held).any(|url| named.contains(&url)) {
                continue;
            }
            let goes_on = match &self.own {
                Own::One(_) => self.hand(held, sink),
                Own::None | Own::Many => self.tell(
                    Severity::Information,
                    "of-no-person",
                    "the resource is of no person and no statement names it; it is not kept",
                    &held.place,
                    sink,
                ),
            };
            if !goes_on {
                return false;
            }
        }
        self.beside.clear();
        self.own = Own::None;
        true
    }

    /// Hands out all at the end of the source.
    pub(crate) fn close(&mut self, sink: &mut Sink<'_>) -> bool {
        self.flush(sink) && self.forget(sink)
    }
}

/// The addresses under which a resource is named.
fn urls(held: &Held) -> impl Iterator<Item = String> {
    let by_id = held.said.id.as_ref().map(|id| format!("{}/{id}", held.said.kind));
    held.url.clone().into_iter().chain(by_id)
}

/// Why JSON cannot be read, without its text: what stands there may be a person's.
fn why(error: &serde_json::Error, bytes: &[u8]) -> (&'static str, String) {
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        return (
            "not-utf8",
            format!("byte {at} is no UTF-8; FHIR is UTF-8: convert the file"),
        );
    }
    let place = format!("line {} column {} of it", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => (
            "wrong-type",
            format!("a value has another type than FHIR says, at {place}"),
        ),
        serde_json::error::Category::Eof => (
            "truncated",
            format!("the resource ends in the middle, at {place}"),
        ),
        _ => ("malformed-json", format!("this is no JSON, at {place}")),
    }
}
