//! What people state about a patient beside notes, over the entries of the store ([`tsumugi_records::CareEntry`]).
//!
//! | module | what |
//! |---|---|
//! | `codes` | the code tables of `data/care` |
//! | `genes` | results about genes |
//! | `harms` | whether a drug has done harm; FHIR AdverseEvent |
//! | `reasons` | why something was chosen, with what was on the screen |
//! | `wishes` | what the patient wishes of care, from notes and entries; FHIR Consent |

pub(crate) mod codes;
pub(crate) mod genes;
pub(crate) mod harms;
pub(crate) mod reasons;
pub(crate) mod wishes;

use serde_json::{Value, json};
use tsumugi_records::PatientExport;

/// Base of the code systems of this program.
const BASE: &str = "https://tsumugi.example";

/// What people stated beside notes, as FHIR; none where nothing was.
pub(crate) fn bundle(export: &PatientExport) -> Option<Value> {
    let mut resources = wishes::to_fhir(&export.care);
    resources.extend(harms::to_fhir(&export.care));
    let entry = |resource: Value| {
        let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
        json!({"fullUrl": format!("urn:tsumugi:{id}"), "resource": resource})
    };
    let entries: Vec<Value> = resources.into_iter().map(entry).collect();
    let is_any = !entries.is_empty();
    is_any.then(|| json!({"resourceType": "Bundle", "id": "care", "type": "collection", "entry": entries}))
}

fn coding(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}
