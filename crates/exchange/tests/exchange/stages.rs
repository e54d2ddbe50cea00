//! Stages, grades, classes and types of a disease.

use crate::notes::{Case, of_type};
use serde_json::{Value, json};

fn stages(more: Value) -> Value {
    let case = Case::new("n", "肺癌 cT2aN1M0")
        .entity("肺癌", "d", json!({}))
        .event("condition", "lung-cancer", more);
    let bundle = case.bundle();
    let conditions = of_type(&bundle, "Condition");
    assert_eq!(conditions.len(), 1, "{bundle}");
    conditions[0]["stage"].clone()
}

#[test]
fn a_condition_carries_its_stages() {
    let modifier = json!({
        "kind": "stage", "system": "tnm", "name": "TNM分類", "value": "cT2aN1M0",
        "parts": { "T": "2a", "N": "1", "M": "0" }, "in_fact": true, "start": 3, "end": 11,
    });
    let coding = json!([{
        "system": "https://tsumugi.example/CodeSystem/staging", "code": "tnm", "display": "TNM分類",
    }]);
    let wanted = json!([{
        "summary": { "text": "cT2aN1M0" },
        "type": { "coding": coding, "text": "TNM分類" },
    }]);
    assert_eq!(stages(json!({ "modifiers": [modifier] })), wanted);
}

#[test]
fn without_a_stage_there_is_no_element() {
    assert_eq!(stages(json!({})), Value::Null);
}
