//! Answers as bundles. Bodies go out with the digits they came with.

use serde_json::{Value, json};
use tsumugi_fhirstore::{Version, instant};

/// One entry.
pub(super) struct Entry {
    /// The resource, as JSON; none for a deletion in a history.
    resource: Option<String>,
    /// What stands beside it.
    beside: Value,
}

impl Entry {
    /// Something that was found (`match`) or given with it (`include`).
    pub(super) fn found(base: &str, version: &Version, mode: &str) -> Self {
        Self {
            resource: version.shown(),
            beside: json!({"fullUrl": format!("{base}/{}/{}", version.kind, version.id), "search": {"mode": mode}}),
        }
    }

    /// A version in a history.
    pub(super) fn of_history(base: &str, version: &Version) -> Self {
        let address = format!("{}/{}", version.kind, version.id);
        let url = if version.method == "POST" {
            version.kind.clone()
        } else {
            address.clone()
        };
        let status = match (version.version, version.method.as_str()) {
            (_, "DELETE") => "204",
            (1, _) => "201",
            _ => "200",
        };
        Self {
            resource: version.shown(),
            beside: json!({
                "fullUrl": format!("{base}/{address}"),
                "request": {"method": version.method, "url": url},
                "response": {"status": status, "etag": etag(version.version), "lastModified": instant(version.at)},
            }),
        }
    }
}

/// The weak tag of a version.
pub(super) fn etag(version: u32) -> String {
    format!("W/\"{version}\"")
}

/// A bundle of a type with links (relation and address) and entries.
pub(super) fn bundle(kind: &str, total: Option<u64>, links: &[(&str, String)], entries: &[Entry]) -> String {
    let links: Vec<Value> = links
        .iter()
        .map(|(relation, url)| json!({"relation": relation, "url": url}))
        .collect();
    let mut head = json!({"resourceType": "Bundle", "type": kind});
    if let Some(map) = head.as_object_mut() {
        if let Some(total) = total {
            map.insert("total".to_owned(), json!(total));
        }
        if !links.is_empty() {
            map.insert("link".to_owned(), json!(links));
        }
    }
    let mut out = head.to_string();
    out.pop();
    out.push_str(",\"entry\":[");
    for (place, entry) in entries.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let mut beside = entry.beside.to_string();
        if let Some(resource) = &entry.resource {
            beside.pop();
            beside.push_str(",\"resource\":");
            beside.push_str(resource);
            beside.push('}');
        }
        out.push_str(&beside);
    }
    out.push_str("]}");
    out
}
