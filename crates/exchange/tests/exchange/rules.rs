//! One mapping rule a line.

use crate::notes::{Case, of_type};
use serde_json::{Value, json};

/// The one resource of a type that an event gives.
fn one(kind: &str, concept: &str, more: Value, resource: &str) -> Value {
    let case = Case::new("n", "言葉")
        .entity("言葉", "d", json!({ "section": "P" }))
        .event(kind, concept, more);
    let bundle = case.bundle();
    let found = of_type(&bundle, resource);
    assert_eq!(found.len(), 1, "{resource} of {kind} {concept}");
    found[0].clone()
}

/// Checks what stands at some JSON pointers of the resource; null: nothing.
fn check(kind: &str, concept: &str, more: Value, resource: &str, wanted: &[(&str, Value)]) {
    let found = one(kind, concept, more, resource);
    for (pointer, value) in wanted {
        assert_eq!(
            found.pointer(pointer).unwrap_or(&Value::Null),
            value,
            "{pointer} of {found}"
        );
    }
}

fn nothing(kind: &str, more: Value) {
    let bundle = Case::new("n", "言葉")
        .entity("言葉", "d", json!({}))
        .event(kind, "c", more)
        .bundle();
    assert_eq!(
        bundle["entry"].as_array().unwrap().len(),
        2,
        "only patient and document: {bundle}"
    );
}

const CLINICAL: &str = "/clinicalStatus/coding/0/code";
const VERIFIED: &str = "/verificationStatus/coding/0/code";
const CATEGORY: &str = "/category/0/coding/0/code";

#[test]
fn conditions_say_what_is_sure_and_only_cure_resolves() {
    let case = |more: Value, clinical: Value, verified: &str, category: &str| {
        let wanted = [
            (CLINICAL, clinical),
            (VERIFIED, json!(verified)),
            (CATEGORY, json!(category)),
        ];
        check("condition", "pneumonia", more, "Condition", &wanted);
    };
    case(json!({}), json!("active"), "confirmed", "encounter-diagnosis");
    case(
        json!({ "certainty": "suspected" }),
        json!("active"),
        "unconfirmed",
        "encounter-diagnosis",
    );
    case(
        json!({ "polarity": "absent" }),
        json!(null),
        "refuted",
        "encounter-diagnosis",
    );
    case(
        json!({ "polarity": "absent", "certainty": "suspected" }),
        json!(null),
        "refuted",
        "encounter-diagnosis",
    );
    case(
        json!({ "phase": "past" }),
        json!(null),
        "confirmed",
        "past-history",
    );
    case(
        json!({ "phase": "past", "resolved": true }),
        json!("resolved"),
        "confirmed",
        "problem-list-item",
    );
    check(
        "finding",
        "cough",
        json!({}),
        "Condition",
        &[(CATEGORY, json!("finding")), ("/code/text", json!("言葉"))],
    );
}

#[test]
fn what_is_not_the_patients_is_not_exported_and_relatives_have_their_history() {
    for kind in [
        "condition",
        "finding",
        "measurement",
        "medication",
        "allergy",
        "lifestyle",
    ] {
        nothing(kind, json!({ "experiencer": "other" }));
        nothing(kind, json!({ "certainty": "general" }));
        nothing(kind, json!({ "certainty": "general", "experiencer": "family" }));
    }
    nothing("medication", json!({ "experiencer": "family" }));
    nothing(
        "condition",
        json!({ "experiencer": "family", "polarity": "absent" }),
    );
    nothing(
        "condition",
        json!({ "experiencer": "family", "certainty": "suspected" }),
    );
    for (relative, letters) in [
        ("mother", "MTH"),
        ("son", "SONC"),
        ("uncle", "UNCLE"),
        ("family", "FAMMEMB"),
    ] {
        let more = json!({ "experiencer": "family", "relative": relative });
        let wanted = [
            ("/relationship/coding/0/code", json!(letters)),
            ("/condition/0/code/coding/0/code", json!("c")),
        ];
        check("condition", "c", more, "FamilyMemberHistory", &wanted);
    }
}

#[test]
fn times_keep_their_precision() {
    let case = |time: Value, element: &str, wanted: Value| {
        check(
            "condition",
            "c",
            json!({ "time": time }),
            "Condition",
            &[(element, wanted)],
        );
    };
    let at =
        |from: &str, to: &str, precision: &str| json!({ "from": from, "to": to, "precision": precision });
    case(
        at("2019-01-01T00:00:00", "2019-12-31T23:59:00", "year"),
        "/onsetDateTime",
        json!("2019"),
    );
    case(
        at("2019-03-01T00:00:00", "2019-03-31T23:59:00", "month"),
        "/onsetDateTime",
        json!("2019-03"),
    );
    case(
        at("2019-03-05T00:00:00", "2019-03-05T23:59:00", "day"),
        "/onsetDateTime",
        json!("2019-03-05"),
    );
    case(
        at("2019-03-05T09:30:00", "2019-03-05T09:30:00", "minute"),
        "/onsetDateTime",
        json!("2019-03-05T09:30:00+09:00"),
    );
    case(
        at("2019-03-04T00:00:00", "2019-03-10T23:59:00", "week"),
        "/onsetPeriod",
        json!({ "start": "2019-03-04", "end": "2019-03-10" }),
    );
    case(
        json!({ "from": "2026-11-19T00:00:00", "precision": "day", "frame": "since" }),
        "/onsetDateTime",
        json!("2026-11-19"),
    );
    case(
        json!({ "precision": "vague", "text": "幼少期" }),
        "/onsetString",
        json!("幼少期"),
    );
    let until = json!({ "to": "2026-03-31T00:00:00", "precision": "month", "frame": "until" });
    case(until.clone(), "/onsetPeriod", json!({ "end": "2026-03" }));
    check(
        "condition",
        "c",
        json!({ "phase": "past", "resolved": true, "time": until }),
        "Condition",
        &[("/abatementDateTime", json!("2026-03"))],
    );
}

#[test]
fn values_are_numbers_with_unit_comparator_and_interpretation() {
    let case = |concept: &str, value: Value, wanted: &[(&str, Value)]| {
        check(
            "measurement",
            concept,
            json!({ "value": value }),
            "Observation",
            wanted,
        );
    };
    case(
        "test.body-temperature",
        json!({ "number": "39.0", "unit": "Cel", "interpretation": "high" }),
        &[
            (
                "/valueQuantity",
                json!({ "value": 39.0, "unit": "Cel", "system": "http://unitsofmeasure.org", "code": "Cel" }),
            ),
            ("/interpretation/0/coding/0/code", json!("H")),
            (CATEGORY, json!("vital-signs")),
            ("/effectiveDateTime", json!("2026-11-22")),
        ],
    );
    case(
        "test.hba1c",
        json!({ "number": "7.20", "unit": "%", "comparator": ">=" }),
        &[
            ("/valueQuantity/value", json!(7.2)),
            ("/valueQuantity/_value/extension/0/valueInteger", json!(2)),
            ("/valueQuantity/comparator", json!(">=")),
            (CATEGORY, json!("laboratory")),
            (
                "/meta/profile/0",
                json!("http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_LabResult"),
            ),
        ],
    );
}

#[test]
fn values_that_are_no_single_number_have_their_own_form() {
    let case = |concept: &str, value: Value, wanted: &[(&str, Value)]| {
        check(
            "measurement",
            concept,
            json!({ "value": value }),
            "Observation",
            wanted,
        );
    };
    case(
        "test.hba1c",
        json!({ "number": "7", "high": "8", "unit": "%", "comparator": ">=" }),
        &[
            (
                "/valueRange/low",
                json!({ "value": 7, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%" }),
            ),
            ("/valueRange/high/value", json!(8)),
            (
                "/meta/profile/0",
                json!("http://jpfhir.jp/fhir/core/StructureDefinition/JP_Observation_Common"),
            ),
        ],
    );
    case(
        "test.urine-glucose",
        json!({ "text": "2+", "interpretation": "positive" }),
        &[
            ("/valueCodeableConcept/text", json!("2+")),
            ("/interpretation/0/coding/0/code", json!("POS")),
        ],
    );
    case(
        "test.nyha",
        json!({ "number": "3" }),
        &[
            (CATEGORY, json!("survey")),
            ("/valueQuantity", json!({ "value": 3 })),
        ],
    );
    check(
        "measurement",
        "test.hba1c",
        json!({ "phase": "planned" }),
        "ServiceRequest",
        &[("/intent", json!("plan"))],
    );
}

#[test]
fn a_state_from_a_value_rests_on_it_and_an_excluded_one_refutes_nothing() {
    let measured = |number: &str, polarity: &str, because: Value| {
        Case::new("n", "BT 36.5").entity("BT", "t-key", json!({})).event("finding", "fever", json!({
            "polarity": polarity, "value": { "number": number, "unit": "Cel" }, "because": because,
            "measured": { "concept": "test.body-temperature", "name": "体温", "codes": [], "entities": [0] },
        })).bundle()
    };
    let high = measured("39.2", "present", json!([{ "entity": 0 }, { "rule": "r" }]));
    let observation = format!(
        "urn:uuid:{}",
        of_type(&high, "Observation")[0]["id"].as_str().unwrap()
    );
    let condition = of_type(&high, "Condition")[0];
    assert_eq!(condition["evidence"][0]["detail"][0]["reference"], observation);
    assert_eq!(condition["code"]["text"], "fever");
    assert_eq!(
        of_type(&high, "Provenance")[0]["target"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        of_type(&high, "Provenance")[0]["policy"][0],
        "https://tsumugi.example/rule/r"
    );
    let low = measured("36.5", "absent", json!([{ "rule": "r" }]));
    assert_eq!(
        (
            of_type(&low, "Condition").len(),
            of_type(&low, "Observation").len()
        ),
        (0, 1)
    );
    let denied = measured("36.5", "absent", json!([{ "entity": 0 }, { "rule": "r" }]));
    assert_eq!(
        of_type(&denied, "Condition")[0]["verificationStatus"]["coding"][0]["code"],
        "refuted"
    );
}

#[test]
fn pressures_of_one_entity_are_one_observation_and_of_two_are_two() {
    let pressures = |second: u32| {
        let value = |number: &str| json!({ "number": number, "unit": "mm[Hg]" });
        Case::new("n", "BP 138/76 BP")
            .entity("BP", "t-key", json!({}))
            .entity("BP", "t-key", json!({}))
            .event(
                "measurement",
                "test.systolic-bp",
                json!({ "value": value("138") }),
            )
            .event(
                "measurement",
                "test.diastolic-bp",
                json!({ "value": value("76"), "because": [{ "entity": second }] }),
            )
            .bundle()
    };
    let together = pressures(0);
    let panel = of_type(&together, "Observation");
    assert_eq!(panel.len(), 1);
    assert_eq!(panel[0]["code"]["coding"][0]["code"], "85354-9");
    assert_eq!(panel[0]["component"][1]["valueQuantity"]["value"], 76);
    assert_eq!(of_type(&together, "Provenance").len(), 2);
    assert_eq!(of_type(&pressures(1), "Observation").len(), 2);
}

#[test]
fn drugs_have_their_status_and_a_dose_is_not_guessed() {
    let statuses = [
        (json!({}), "active"),
        (json!({ "phase": "stopped" }), "stopped"),
        (json!({ "phase": "past" }), "completed"),
        (json!({ "polarity": "absent" }), "not-taken"),
        (json!({ "certainty": "suspected" }), "unknown"),
    ];
    for (more, status) in statuses {
        check(
            "medication",
            "drug.amlodipine",
            more,
            "MedicationStatement",
            &[("/status", json!(status))],
        );
    }
    check(
        "medication",
        "drug.amlodipine",
        json!({ "phase": "planned" }),
        "MedicationRequest",
        &[("/intent", json!("plan"))],
    );
    let dosage = |times: u32, as_needed: bool| json!({ "dosage": { "amount": { "number": "3", "unit": "{tablet}" }, "times_per_day": times, "as_needed": as_needed, "route": "oral", "text": "x" } });
    let dose = "/dosage/0/doseAndRate/0/doseQuantity/value";
    let open = "/dosage/0/extension/0/valueQuantity/value";
    check(
        "medication",
        "d",
        dosage(1, false),
        "MedicationStatement",
        &[
            (dose, json!(3)),
            (open, json!(null)),
            ("/dosage/0/route/coding/0/code", json!("PO")),
        ],
    );
    check(
        "medication",
        "d",
        dosage(3, false),
        "MedicationStatement",
        &[
            (dose, json!(null)),
            (open, json!(3)),
            ("/dosage/0/timing/repeat/frequency", json!(3)),
        ],
    );
    check(
        "medication",
        "d",
        dosage(3, true),
        "MedicationStatement",
        &[(dose, json!(3)), ("/dosage/0/asNeededBoolean", json!(true))],
    );
}

#[test]
fn acts_are_done_or_requested() {
    let since = json!({ "time": { "from": "2026-11-01T00:00:00", "precision": "day", "frame": "since" } });
    for (more, status) in [
        (json!({}), "completed"),
        (since, "in-progress"),
        (json!({ "phase": "stopped" }), "stopped"),
        (json!({ "polarity": "absent" }), "not-done"),
    ] {
        check(
            "procedure",
            "proc.surgery",
            more,
            "Procedure",
            &[("/status", json!(status))],
        );
    }
    check(
        "examination",
        "exam.ct",
        json!({ "phase": "planned" }),
        "ServiceRequest",
        &[("/status", json!("active")), ("/doNotPerform", json!(null))],
    );
    check(
        "examination",
        "exam.ct",
        json!({ "phase": "planned", "polarity": "absent" }),
        "ServiceRequest",
        &[("/doNotPerform", json!(true))],
    );
}

#[test]
fn allergies_and_habits_have_their_own_resources() {
    check(
        "allergy",
        "drug.aspirin",
        json!({}),
        "AllergyIntolerance",
        &[
            ("/category/0", json!("medication")),
            (VERIFIED, json!("confirmed")),
        ],
    );
    check(
        "allergy",
        "allergen.abalone",
        json!({ "polarity": "absent" }),
        "AllergyIntolerance",
        &[("/category/0", json!("food")), (VERIFIED, json!("refuted"))],
    );
    check(
        "lifestyle",
        "life.no-known-allergy",
        json!({}),
        "AllergyIntolerance",
        &[("/category", json!(null))],
    );
    let answer = "/valueCodeableConcept/coding/0/code";
    check(
        "lifestyle",
        "life.smoking",
        json!({}),
        "Observation",
        &[
            ("/code/coding/0/code", json!("72166-2")),
            (answer, json!("life.smoking")),
            (CATEGORY, json!("social-history")),
        ],
    );
    check(
        "lifestyle",
        "life.smoking",
        json!({ "phase": "stopped" }),
        "Observation",
        &[(answer, json!("life.ex-smoker"))],
    );
    check(
        "lifestyle",
        "life.smoking",
        json!({ "polarity": "absent" }),
        "Observation",
        &[
            ("/code/coding/0/code", json!("life.smoking")),
            (answer, json!("N")),
        ],
    );
    check(
        "lifestyle",
        "life.sleep-hours",
        json!({ "value": { "number": "6", "unit": "h" } }),
        "Observation",
        &[("/valueQuantity/value", json!(6))],
    );
}

#[test]
fn wishes_vaccines_and_normal_findings_have_their_own_resources() {
    let answer = "/valueCodeableConcept/coding/0/code";
    check(
        "preference",
        "wish.dnar",
        json!({}),
        "Observation",
        &[
            ("/code/coding/0/code", json!("75773-2")),
            (answer, json!("wish.dnar")),
        ],
    );
    check(
        "immunization",
        "v",
        json!({ "polarity": "absent" }),
        "Immunization",
        &[
            ("/status", json!("not-done")),
            ("/occurrenceString", json!("unknown")),
        ],
    );
    check(
        "immunization",
        "v",
        json!({ "phase": "planned" }),
        "MedicationRequest",
        &[],
    );
    check(
        "finding",
        "normal-abdomen",
        json!({}),
        "Observation",
        &[(answer, json!("Y")), (CATEGORY, json!("exam"))],
    );
}

#[test]
fn the_place_in_the_text_the_site_and_the_text_itself_are_kept() {
    let case = Case::new("n", "右膝に𠮷痛").entity("痛", "d", json!({})).event("finding", "pain", json!({
        "site": { "concept": "site.knee", "name": "膝" }, "laterality": "right", "supersedes": { "id": "m", "event": 2 },
    }));
    let bundle = case.bundle();
    let position = &of_type(&bundle, "Provenance")[0]["entity"][0]["extension"][0]["extension"];
    assert_eq!(
        (
            &position[0]["valueUnsignedInt"],
            &position[1]["valueUnsignedInt"],
            &position[2]["valueString"]
        ),
        (&json!(4), &json!(5), &json!("痛"))
    );
    assert_eq!(
        of_type(&bundle, "Provenance")[0]["entity"][1]["what"]["identifier"]["value"],
        "m#2"
    );
    let site = &of_type(&bundle, "Condition")[0]["bodySite"][0];
    assert_eq!(
        (&site["text"], &site["coding"][1]["code"]),
        (&json!("膝"), &json!("right"))
    );
    assert_eq!(
        of_type(&bundle, "DocumentReference")[0]["content"][0]["attachment"]["data"],
        "5Y+z6Iad44Gr8KCut+eXmw=="
    );
    assert_eq!(
        of_type(&bundle, "Condition")[0]["meta"]["security"][0]["code"],
        "HTEST"
    );
    assert_eq!(of_type(&bundle, "Patient")[0]["birthDate"], "1961-04-03");
}
