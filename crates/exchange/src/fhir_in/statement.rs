//! What is kept of a resource while its bundle is read: whose it is, what it names, and its texts.

use super::look::{at, civil, civil_of, list, text};
use super::person::person;
use crate::incoming::{Evidence, Person, Standing, Text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use tsumugi_clinical::Code;

/// What a resource says of itself.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// `resourceType`.
    pub(crate) kind: String,
    /// `id`.
    pub(crate) id: Option<String>,
    /// What makes it the same statement again.
    pub(crate) key: String,
    /// Orders its versions.
    pub(crate) sequence: String,
    /// Whether it holds.
    pub(crate) standing: Standing,
    /// What it is evidence of.
    pub(crate) evidence: Evidence,
    /// When.
    pub(crate) civil: Option<DateTime>,
    /// The person, of a Patient, or of one that it contains.
    pub(crate) person: Option<Person>,
    /// The reference to whose it is.
    pub(crate) subject: Option<Value>,
    /// References to what it is about beside the person: medications, devices.
    pub(crate) names: Vec<String>,
    /// Its texts.
    pub(crate) texts: Vec<Text>,
}

/// Resources that are of no person; they go with the statements that name them.
pub(crate) fn is_beside(kind: &str) -> bool {
    matches!(
        kind,
        "Medication"
            | "Organization"
            | "Practitioner"
            | "PractitionerRole"
            | "Location"
            | "Device"
            | "Substance"
            | "HealthcareService"
            | "Questionnaire"
            | "Endpoint"
            | "MedicationKnowledge"
            | "Group"
    )
}

/// Where a resource says whose it is.
const SUBJECTS: [&str; 5] = ["subject", "patient", "individual", "beneficiary", "for"];

/// Reads what a resource says of itself; `bytes` are its own.
pub(crate) fn said(resource: &Value, bytes: &[u8]) -> Said {
    let kind = text(resource, "resourceType").unwrap_or("").to_owned();
    let contained = |reference: &str| {
        let id = reference.strip_prefix('#')?;
        list(resource, "contained").find(|inner| text(inner, "id") == Some(id))
    };
    let subject = SUBJECTS.iter().find_map(|field| at(resource, field));
    let inner = subject.and_then(|subject| contained(text(subject, "reference")?));
    let meta = at(resource, "meta");
    let id = text(resource, "id").map(str::to_owned);
    let is_error = text(resource, "status") == Some("entered-in-error")
        || at(resource, "verificationStatus").is_some_and(|status| {
            list(status, "coding").any(|coding| text(coding, "code") == Some("entered-in-error"))
        });
    Said {
        key: key(&kind, id.as_deref(), resource, bytes),
        sequence: meta
            .and_then(|meta| text(meta, "lastUpdated"))
            .map_or_else(String::new, ordered),
        standing: if is_error {
            Standing::Deleted
        } else {
            Standing::Valid
        },
        evidence: evidence(&kind, resource),
        civil: civil_of(resource),
        person: match kind.as_str() {
            "Patient" => Some(person(resource)),
            _ => inner
                .filter(|inner| text(inner, "resourceType") == Some("Patient"))
                .map(person),
        },
        subject: subject.filter(|_| inner.is_none()).cloned(),
        names: names(resource),
        texts: texts(&kind, resource),
        kind,
        id,
    }
}

/// Claims are of billing; what the person wrote or measured is personal.
fn evidence(kind: &str, resource: &Value) -> Evidence {
    if matches!(kind, "Claim" | "ExplanationOfBenefit" | "ClaimResponse") {
        return Evidence::Claim;
    }
    let by_person = ["performer", "source", "author", "informationSource", "reporter"]
        .iter()
        .any(|field| {
            list(resource, field).any(|who| {
                let reference = text(who, "reference").unwrap_or("");
                text(who, "type") == Some("Patient") || reference.contains("Patient/")
            })
        });
    if by_person {
        Evidence::Personal
    } else {
        Evidence::Care
    }
}

/// A moment in a form that sorts: civil time of Japan to the millisecond.
fn ordered(written: &str) -> String {
    civil(written).map_or_else(
        || written.to_owned(),
        |moment| moment.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string(),
    )
}

fn key(kind: &str, id: Option<&str>, resource: &Value, bytes: &[u8]) -> String {
    if let Some(id) = id {
        return format!("{kind}/{id}");
    }
    let identifier = list(resource, "identifier").find_map(|identifier| {
        let value = text(identifier, "value")?;
        Some(format!(
            "{kind}?{}|{value}",
            text(identifier, "system").unwrap_or("")
        ))
    });
    identifier.unwrap_or_else(|| {
        let mut key = format!("{kind}#");
        for byte in Sha256::digest(bytes).iter().take(16) {
            let _ = write!(key, "{byte:02x}");
        }
        key
    })
}

fn names(resource: &Value) -> Vec<String> {
    const FIELDS: [&str; 4] = ["medicationReference", "device", "performer", "questionnaire"];
    let reference = |value: &Value| {
        let actor = at(value, "actor").unwrap_or(value);
        text(actor, "reference")
            .or_else(|| value.as_str())
            .map(str::to_owned)
    };
    FIELDS
        .iter()
        .flat_map(|field| {
            let member = at(resource, field);
            let word = member.filter(|member| member.is_string());
            list(resource, field).chain(word).filter_map(reference)
        })
        .filter(|reference| !reference.starts_with('#'))
        .take(MOST_NAMED)
        .collect()
}

/// References of a resource that are followed.
const MOST_NAMED: usize = 16;

/// Texts that a person wrote: attachments in plain text, and narratives that were not made from the data.
fn texts(kind: &str, resource: &Value) -> Vec<Text> {
    let code = at(resource, "type")
        .and_then(|kind| list(kind, "coding").next())
        .and_then(|coding| {
            Some(Code {
                system: text(coding, "system")?.into(),
                code: text(coding, "code")?.into(),
                display: text(coding, "display").unwrap_or("").into(),
            })
        });
    let author = list(resource, "author")
        .find_map(|author| text(author, "display"))
        .map(str::to_owned);
    let written = text(resource, "date").and_then(civil);
    let make = |title: Option<&str>, body: String| Text {
        kind: code.clone(),
        title: title.map(str::to_owned),
        author: author.clone(),
        written,
        text: body,
    };
    match kind {
        "DocumentReference" => list(resource, "content")
            .filter_map(|content| at(content, "attachment"))
            .filter_map(|attachment| Some(make(text(attachment, "title"), plain(attachment)?)))
            .collect(),
        "Composition" => sections(resource, 0)
            .into_iter()
            .map(|(title, body)| make(title, body))
            .collect(),
        _ => Vec::new(),
    }
}

fn plain(attachment: &Value) -> Option<String> {
    let kind = text(attachment, "contentType")?;
    if !kind.starts_with("text/plain") {
        return None;
    }
    let bytes = STANDARD.decode(text(attachment, "data")?).ok()?;
    String::from_utf8(bytes).ok()
}

fn sections(parent: &Value, depth: usize) -> Vec<(Option<&str>, String)> {
    const DEEPEST: usize = 8;
    let mut found = Vec::new();
    for section in list(parent, "section").filter(|_| depth < DEEPEST) {
        let narrative =
            at(section, "text").filter(|narrative| text(narrative, "status") != Some("generated"));
        let body = narrative
            .and_then(|narrative| text(narrative, "div"))
            .map(words_of);
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            found.push((text(section, "title"), body));
        }
        found.extend(sections(section, depth + 1));
    }
    found
}

/// The words of a narrative in XHTML; a block and a break end a line.
fn words_of(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((words, more)) = rest.split_once('<') {
        out.push_str(words);
        let Some((tag, after)) = more.split_once('>') else {
            rest = "";
            break;
        };
        let name = tag.trim_start_matches('/').trim_end_matches('/').trim();
        let name = name.split_whitespace().next().unwrap_or("");
        if matches!(name, "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3") && !out.ends_with('\n') {
            out.push('\n');
        }
        rest = after;
    }
    out.push_str(rest);
    let plain = out
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    let plain = plain
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    plain.trim().to_owned()
}
