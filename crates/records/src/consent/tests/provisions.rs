//! The provision tree of a FHIR Consent against a reference.

use super::Dice;
use crate::consent::provision::{ProvisionRequest, permits};
use jiff::civil::date;
use serde_json::{Value, json};

fn random_provision(dice: &mut Dice, depth: u32) -> Value {
    let mut provision = json!({});
    let fields = provision.as_object_mut().unwrap();
    match dice.below(9) {
        0 => {}
        1..=4 => drop(fields.insert("type".to_owned(), json!("deny"))),
        _ => drop(fields.insert("type".to_owned(), json!("permit"))),
    }
    let some = |dice: &mut Dice, all: &[&str]| -> Vec<String> {
        let count = dice.below(3) + 1;
        (0..count).map(|_| (*dice.pick(all)).to_owned()).collect()
    };
    if dice.one_in(3) {
        let codes = some(dice, &["research", "commercial", "care"]);
        let list: Vec<Value> = codes.iter().map(|code| json!({ "code": code })).collect();
        fields.insert("purpose".to_owned(), json!(list));
    }
    if dice.one_in(3) {
        let ids = some(dice, &["university", "maker"]);
        let list: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "reference": { "identifier": { "value": id } } }))
            .collect();
        fields.insert("actor".to_owned(), json!(list));
    }
    if dice.one_in(3) {
        let kinds = some(dice, &["diagnoses", "results", "genome"]);
        let list: Vec<Value> = kinds
            .iter()
            .map(|kind| json!({ "coding": [{ "code": kind }] }))
            .collect();
        fields.insert("code".to_owned(), json!(list));
    }
    if dice.one_in(4) {
        let (from, to) = (dice.below(28) + 1, dice.below(28) + 1);
        let period = json!({ "start": format!("2026-06-{from:02}"), "end": format!("2026-06-{to:02}T12:00:00+09:00") });
        fields.insert("period".to_owned(), period);
    }
    if dice.one_in(12) {
        let broken = [
            ("securityLabel", json!([{ "code": "R" }])),
            ("purpose", json!("research")),
            ("period", json!(3)),
        ];
        let (name, value) = dice.pick(&broken).clone();
        fields.insert(name.to_owned(), value);
    }
    if depth < 4 && !dice.one_in(3) {
        let count = dice.below(4);
        let nested: Vec<Value> = (0..count).map(|_| random_provision(dice, depth + 1)).collect();
        fields.insert("provision".to_owned(), json!(nested));
    }
    provision
}

/// The reference: every path from the root on which all provisions hold ends somewhere; all ends must permit. Written
/// from the rules in words, with tables of allowed values in the place of a walk.
mod reference {
    use super::*;

    fn met(field: &str, value: &Value, request: &ProvisionRequest<'_>) -> Option<bool> {
        let found: Vec<Option<String>> = match field {
            "type" | "provision" => return Some(true),
            "period" => {
                let day = request.at.to_string();
                let side = |name: &str| {
                    value
                        .get(name)?
                        .as_str()
                        .map(|text| text.chars().take(10).collect::<String>())
                };
                let (start, end) = (side("start")?, side("end")?);
                return Some(start <= day && day <= end);
            }
            "purpose" => value
                .as_array()?
                .iter()
                .map(|one| Some(one["code"].as_str()?.to_owned()))
                .collect(),
            "actor" => {
                let name = |one: &Value| Some(one["reference"]["identifier"]["value"].as_str()?.to_owned());
                value.as_array()?.iter().map(name).collect()
            }
            "code" => {
                let all = value
                    .as_array()?
                    .iter()
                    .map(|one| one["coding"][0]["code"].as_str());
                all.map(|code| code.map(str::to_owned)).collect()
            }
            _ => return None,
        };
        let wanted = [
            ("purpose", request.purpose),
            ("actor", request.actor),
            ("code", request.kind),
        ];
        let (_, wanted) = wanted.into_iter().find(|(name, _)| *name == field)?;
        Some(found.iter().any(|one| one.as_deref() == Some(wanted)))
    }

    pub(super) fn ends(provision: &Value, request: &ProvisionRequest<'_>) -> Vec<bool> {
        let is_permit = provision["type"] == "permit";
        let all: Vec<Option<bool>> = provision
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| met(name, value, request))
            .collect();
        if all.contains(&Some(false)) || (is_permit && all.contains(&None)) {
            return Vec::new();
        }
        let empty = Vec::new();
        let nested = provision["provision"].as_array().unwrap_or(&empty);
        let below: Vec<bool> = nested.iter().flat_map(|one| ends(one, request)).collect();
        if below.is_empty() { vec![is_permit] } else { below }
    }
}

#[test]
fn ten_thousand_random_provision_trees_agree_with_the_reference() {
    let mut dice = Dice(11);
    let (mut permitted, mut deep) = (0, 0);
    for _ in 0..10_000 {
        let root = random_provision(&mut dice, 0);
        let consent = json!({ "resourceType": "Consent", "status": "active", "provision": root });
        for _ in 0..4 {
            let request = ProvisionRequest {
                purpose: dice.word(&["research", "commercial", "care"]),
                actor: dice.word(&["university", "maker"]),
                kind: dice.word(&["diagnoses", "results", "genome"]),
                at: date(2026, 6, i8::try_from(dice.below(28)).unwrap() + 1),
            };
            let ends = reference::ends(&root, &request);
            let wanted = !ends.is_empty() && ends.iter().all(|permit| *permit);
            assert_eq!(permits(&consent, &request), wanted, "{request:?} {root:#}");
            permitted += u32::from(wanted);
            deep += u32::from(ends.len() > 1);
        }
    }
    assert!(
        permitted > 5_000 && deep > 2_000,
        "{permitted} permitted, {deep} with several ends"
    );
}

#[test]
fn a_consent_that_cannot_be_read_permits_nothing() {
    let request = ProvisionRequest {
        purpose: "research",
        actor: "university",
        kind: "diagnoses",
        at: date(2026, 6, 1),
    };
    let with = |status: &str, provision: Value| {
        permits(&json!({ "status": status, "provision": provision }), &request)
    };
    assert!(with("active", json!({ "type": "permit" })));
    for status in ["inactive", "rejected", "draft"] {
        assert!(!with(status, json!({ "type": "permit" })));
    }
    for broken in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "type": 3 }),
        json!({ "type": "permit", "provision": {} }),
        json!({ "type": "permit", "class": [{ "code": "Observation" }] }),
        json!({ "type": "permit", "purpose": [] }),
        json!({ "type": "permit", "provision": [{ "type": "deny", "class": 1 }] }),
        json!({ "type": "permit", "provision": ["x"] }),
    ] {
        assert!(!with("active", broken.clone()), "{broken}");
    }
    let mut deep = json!({ "type": "permit" });
    for _ in 0..300 {
        deep = json!({ "type": "permit", "provision": [deep] });
    }
    assert!(!with("active", deep));
}
