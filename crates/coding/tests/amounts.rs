//! Amounts and units of sources: a day's amount, several instructions, spellings that mean what their test makes of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::non_ascii_literal,
    reason = "a test that cannot read its resource has failed, and sources are Japanese"
)]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tsumugi_clinical::Patient;
use tsumugi_coding::{Coder, ImportContext, Imported};
use tsumugi_terminology::Maps;

#[expect(clippy::expect_used, reason = "without an engine there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::embedded().expect("the tables of data/ make an engine"));
/// The codes of the embedded tables: a site without masters.
static MAPS: LazyLock<Maps<'static>> = LazyLock::new(|| CODER.vocabulary().maps());

fn import(resource: &Value) -> Imported {
    let patient = Patient::default();
    let context = ImportContext {
        patient: &patient,
        date: "2026-11-22".parse().ok(),
        evidence: None,
        codes: &*MAPS,
        beside: &[],
    };
    CODER.import(&context, resource)
}

fn dosage_of(instructions: &str) -> tsumugi_clinical::Dosage {
    let resource = format!(
        r#"{{"resourceType":"MedicationDispense","status":"completed","whenHandedOver":"2026-11-01",
            "medicationCodeableConcept":{{"text":"アムロジピン錠5mg"}},"dosageInstruction":{instructions}}}"#
    );
    let imported = import(&serde_json::from_str(&resource).unwrap());
    *imported.events[0].dosage.clone().unwrap()
}

/// What notebooks and claims write: an amount for one day.
#[test]
fn an_amount_of_a_day_is_kept_and_told_as_one() {
    let rate = r#""doseAndRate":[{"rateRatio":{"numerator":{"value":3,"unit":"錠"},"denominator":{"value":1,"code":"d"}}}]"#;
    let dosage = dosage_of(&format!(r#"[{{"text":"分3 毎食後",{rate}}}]"#));
    let amount = dosage.amount.unwrap();
    assert_eq!(
        (amount.number.as_deref(), amount.unit.as_deref()),
        (Some("3"), Some("{tablet}"))
    );
    assert_eq!(dosage.times_per_day, Some(3));
    assert_eq!(dosage.text, "分3 毎食後 3錠/day");
    // A claim has no words but those of the drug's name.
    assert_eq!(dosage_of(&format!("[{{{rate}}}]")).text, "5mg 3錠/day");
    // A mass is of the drug itself, and no strength of a tablet.
    let mass = dosage_of(&format!("[{{{}}}]", rate.replace("錠", "mg")));
    assert_eq!(mass.strength, None);
    assert_eq!(mass.amount.unwrap().unit.as_deref(), Some("mg"));
    // Another rate is none of a day.
    let hourly = rate.replace("\"d\"", "\"h\"");
    assert_eq!(
        dosage_of(&format!(r#"[{{"text":"持続",{hourly}}}]"#)).amount,
        None
    );
}

#[test]
fn several_instructions_are_kept_in_words() {
    let dosage = dosage_of(
        r#"[{"text":"朝食後","doseAndRate":[{"doseQuantity":{"value":1,"unit":"錠"}}]},
            {"text":"就寝前","doseAndRate":[{"doseQuantity":{"value":2,"unit":"錠"}}]}]"#,
    );
    assert_eq!((dosage.text.as_str(), dosage.amount), ("朝食後 就寝前", None));
}

/// A spelling means what the test makes of it; the spellings of HL7 and of FHIR are those of one table.
#[test]
fn units_are_read_by_the_test_they_belong_to() {
    for (test, number, unit, wanted) in [
        ("体温", 36.5, "度", ("36.5", "Cel")),
        ("体温", 36.5, "C", ("36.5", "Cel")),
        ("体温", 97.7, "F", ("36.5", "Cel")),
        ("体温", 36.5, "cel", ("36.5", "Cel")),
        ("関節可動域", 90.0, "度", ("90", "deg")),
        ("膝関節屈曲", 90.0, "度", ("90", "度")),
        ("白血球", 5.6, "10^9/L", ("5.6", "10*3/uL")),
        ("白血球", 5600.0, "/\u{b5}L", ("5.6000", "10*3/uL")),
        ("白血球", 5.6, "×10*3/\u{b5}L", ("5.6", "10*3/uL")),
        ("排便回数", 3.0, "pcs", ("3", "{count}")),
    ] {
        let value = json!({ "value": serde_json::Number::from_f64(number).unwrap(), "unit": unit });
        let imported = import(&json!({
            "resourceType": "Observation", "status": "final", "code": { "text": test }, "valueQuantity": value,
        }));
        for event in &imported.events {
            let value = event.value.as_ref().unwrap();
            let number = value.number.as_deref().unwrap().trim_end_matches(".0");
            assert_eq!((number, value.unit.as_deref().unwrap()), wanted, "{test} {unit}");
        }
        assert!(!imported.events.is_empty() || test == "膝関節屈曲", "{test}");
    }
}

/// A spelling stands in one table: `source_units` holds only what the engine calls otherwise.
#[test]
fn no_spelling_stands_in_two_tables() {
    let rows = |text: &'static str| {
        let lines = text.lines().skip(1).filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let mut cells = line.split('\t');
                (cells.next().unwrap(), cells.next().unwrap())
            })
            .collect::<BTreeMap<_, _>>()
    };
    let spelled = rows(include_str!("../../../data/exchange/units_written.tsv"));
    let own = rows(include_str!("../../../data/coding/source_units.tsv"));
    assert!(spelled.len() > 150 && own.len() > 10);
    for form in own.keys() {
        // What is UCUM is spelled as itself.
        assert!(
            spelled.get(form).is_none_or(|ucum| ucum == form),
            "{form} is a spelling of two tables"
        );
    }
}

/// A count of SS-MIX2 (`pcs`), from the message to the event.
#[test]
fn a_count_of_a_message_reaches_the_coder() {
    let message = "MSH|^~\\&|A|B|C|D|20260401||ORU^R01|1|P|2.5\rPID|1||9999901\rOBR|1|77||L^検査\rOBX|1|NM|X^排便回数||3|pcs^個^ISO+|||||F\rOBX|2|NM|Y^白血球||5.6|10^9/L|||||F\r"
        .replace("10^9/L", "10\\S\\9/L");
    let mut values = Vec::new();
    tsumugi_exchange::hl7v2::read(message.as_bytes(), "m", &mut |handed| {
        if let tsumugi_exchange::incoming::Handed::Statement(statement) = handed {
            for resource in &statement.resources {
                let resource: Value = serde_json::from_slice(&resource.json).unwrap();
                values.extend(
                    import(&resource)
                        .events
                        .into_iter()
                        .filter_map(|event| event.value),
                );
            }
        }
        true
    });
    let told: Vec<_> = values
        .iter()
        .map(|value| (value.number.as_deref().unwrap(), value.unit.as_deref().unwrap()))
        .collect();
    assert_eq!(told, [("3", "{count}"), ("5.6", "10*3/uL")]);
}
