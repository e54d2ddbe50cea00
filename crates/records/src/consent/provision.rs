//! Evaluation of the provision tree of a FHIR R4 Consent: a pure function.
//!
//! A provision holds for a request when each of its criteria does: within `period`, one of `actor`, `purpose`, `code`. Its
//! `type` is the answer, unless provisions within it hold as well: then theirs is, and of several a denial wins. What holds
//! nowhere is denied.
//!
//! Where it cannot be read, it denies: a `permit` with a criterion that is not known here or is malformed does not hold; a
//! `deny` with one does. A nested provision without a `type` denies; so does anything deeper than [`MOST_DEEP`].

use jiff::civil::{Date, DateTime};
use serde_json::Value;

/// Deepest provision that is looked at.
pub const MOST_DEEP: usize = 64;

/// What is asked of a Consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvisionRequest<'r> {
    /// Code of the purpose, e.g. `research`.
    pub purpose: &'r str,
    /// Identifier of who gets the data.
    pub actor: &'r str,
    /// Code of the kind of data.
    pub kind: &'r str,
    /// Day.
    pub at: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Criterion {
    Holds,
    Fails,
    Unreadable,
}

/// Whether a Consent permits a request. One that is not active permits nothing.
pub fn permits(consent: &Value, request: &ProvisionRequest<'_>) -> bool {
    let is_active = consent.get("status").and_then(Value::as_str) == Some("active");
    let provision = consent.get("provision");
    is_active && provision.is_some_and(|root| answer(root, request, 0) == Some(true))
}

/// What a provision says; none where it does not hold.
fn answer(provision: &Value, request: &ProvisionRequest<'_>, depth: usize) -> Option<bool> {
    let is_permit = provision.get("type").and_then(Value::as_str) == Some("permit");
    match holds(provision, request) {
        Criterion::Fails => return None,
        Criterion::Unreadable if is_permit => return None,
        Criterion::Holds | Criterion::Unreadable => {}
    }
    let nested = match provision.get("provision") {
        None => return Some(is_permit),
        Some(Value::Array(nested)) if depth < MOST_DEEP => nested,
        Some(_) => return Some(false),
    };
    let answers = nested.iter().filter_map(|one| answer(one, request, depth + 1));
    Some(answers.reduce(|all, one| all && one).unwrap_or(is_permit))
}

fn holds(provision: &Value, request: &ProvisionRequest<'_>) -> Criterion {
    let Some(fields) = provision.as_object() else {
        return Criterion::Unreadable;
    };
    let mut worst = Criterion::Holds;
    for (name, value) in fields {
        let criterion = match name.as_str() {
            "type" | "provision" | "id" => Criterion::Holds,
            "period" => within(value, request.at),
            "purpose" => any(
                value,
                |one| one.get("code").and_then(Value::as_str),
                request.purpose,
            ),
            "actor" => any(value, actor, request.actor),
            "code" => codes(value, request.kind),
            _ => Criterion::Unreadable,
        };
        match criterion {
            Criterion::Fails => return Criterion::Fails,
            Criterion::Unreadable => worst = Criterion::Unreadable,
            Criterion::Holds => {}
        }
    }
    worst
}

/// One of a list has this text; an element without the text makes the list unreadable where no other has it.
fn any(list: &Value, text: impl Fn(&Value) -> Option<&str>, wanted: &str) -> Criterion {
    let Some(list) = list.as_array().filter(|list| !list.is_empty()) else {
        return Criterion::Unreadable;
    };
    let mut worst = Criterion::Fails;
    for one in list {
        match text(one) {
            Some(found) if found == wanted => return Criterion::Holds,
            Some(_) => {}
            None => worst = Criterion::Unreadable,
        }
    }
    worst
}

fn actor(one: &Value) -> Option<&str> {
    one.pointer("/reference/identifier/value").and_then(Value::as_str)
}

/// One coding of one of the concepts has this code.
fn codes(list: &Value, wanted: &str) -> Criterion {
    let Some(list) = list.as_array().filter(|list| !list.is_empty()) else {
        return Criterion::Unreadable;
    };
    let mut worst = Criterion::Fails;
    for concept in list {
        let coding = concept.get("coding").unwrap_or(&Value::Null);
        match any(coding, |one| one.get("code").and_then(Value::as_str), wanted) {
            Criterion::Holds => return Criterion::Holds,
            Criterion::Unreadable => worst = Criterion::Unreadable,
            Criterion::Fails => {}
        }
    }
    worst
}

/// The day lies in a period; both ends belong to it.
fn within(period: &Value, day: Date) -> Criterion {
    let Some(fields) = period.as_object() else {
        return Criterion::Unreadable;
    };
    let side = |name: &str| match fields.get(name) {
        None => Some(None),
        Some(text) => text.as_str().and_then(day_of).map(Some),
    };
    match (side("start"), side("end")) {
        (Some(start), Some(end)) => {
            let is_in = start.is_none_or(|start| start <= day) && end.is_none_or(|end| day <= end);
            if is_in { Criterion::Holds } else { Criterion::Fails }
        }
        _ => Criterion::Unreadable,
    }
}

fn day_of(text: &str) -> Option<Date> {
    let whole: Result<DateTime, _> = text.parse();
    whole.map(DateTime::date).or_else(|_| text.parse()).ok()
}
