//! Damaged resources and definitions: a report or a refusal, never a panic, and always the same one.

use crate::support;
use serde_json::Value;
use std::path::Path;
use tsumugi_profiles::Package;

/// Numbers that look random and are the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

/// What is put in place of a byte, or of a word.
const PIECES: [&str; 12] = [
    "", "null", "[]", "{}", "\"\"", "1e9", "-1", "true", "#", "*", "|", "$this",
];

fn damage(text: &str, numbers: &mut Numbers) -> String {
    let mut text = text.to_owned();
    for _ in 0..=numbers.below(3) {
        let from = text.floor_char_boundary(numbers.below(text.len()));
        let to = text.floor_char_boundary((from + numbers.below(12)).min(text.len()));
        text.replace_range(from..to, PIECES[numbers.below(PIECES.len())]);
    }
    text
}

/// Gives a value another one from elsewhere in the document.
fn shuffle(value: &mut Value, numbers: &mut Numbers, with: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = numbers.below(fields.len());
            let place = fields.values_mut().nth(at).unwrap();
            if numbers.below(4) == 0 {
                *place = with.clone();
            } else {
                shuffle(place, numbers, with);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let at = numbers.below(list.len());
            shuffle(&mut list[at], numbers, with);
        }
        other => *other = with.clone(),
    }
}

#[test]
fn damaged_resources_are_answered() {
    let validator = support::validator();
    let mut numbers = Numbers(11);
    let cases: Vec<&str> = include_str!("golden/r4.txt")
        .split("\n--- ")
        .skip(1)
        .map(|case| case.lines().nth(1).unwrap())
        .collect();
    for turn in 0..1_500 {
        let case = cases[turn % cases.len()];
        let text = if turn % 2 == 0 {
            damage(case, &mut numbers)
        } else if let Ok(mut value) = serde_json::from_str::<Value>(case) {
            let with: Value = serde_json::from_str(PIECES[1 + numbers.below(7)]).unwrap();
            shuffle(&mut value, &mut numbers, &with);
            value.to_string()
        } else {
            continue;
        };
        let report = validator.validate(text.as_bytes(), &[]);
        assert_eq!(report, validator.validate(text.as_bytes(), &[]), "{text}");
    }
}

#[test]
fn damaged_definitions_are_compiled_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validator/package");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let schema = support::validator();
    let claims =
        ["patient", "result", "bundle", "section", "site"].map(|name| format!("http://example.org/{name}"));
    let mut numbers = Numbers(7);
    let (mut compiled, mut refused) = (0, 0);
    for turn in 0..40 {
        let mut resources: Vec<Value> = texts
            .iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect();
        let at = turn % resources.len();
        for _ in 0..6 {
            let with: Value = serde_json::from_str(PIECES[1 + numbers.below(7)]).unwrap();
            shuffle(&mut resources[at], &mut numbers, &with);
        }
        let archive = support::archive("a", "1", &resources);
        match Package::read(schema.schema(), &archive) {
            Err(_) => refused += 1,
            Ok(package) => {
                compiled += 1;
                let with = support::validator().with_packages(&[package]);
                for resource in [
                    r#"{"resourceType": "Patient", "identifier": [{"system": "urn:card"}]}"#,
                    r#"{"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "urn:core", "code": "1", "display": "ALB"}]}, "valueQuantity": {"value": 1}, "category": [{"text": "a"}]}"#,
                    r#"{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}"#,
                    r##"{"resourceType": "Composition", "section": [{"code": {"coding": [{"code": "920"}]}, "entry": [{"reference": "#p"}]}]}"##,
                ] {
                    let _ = with.validate(resource.as_bytes(), &claims);
                }
            }
        }
    }
    assert!(compiled > 12, "{compiled} compiled, {refused} refused");
}
