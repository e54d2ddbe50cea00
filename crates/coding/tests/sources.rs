//! One fact from every source: what a note says, and what a device, a laboratory, a form or a pharmacy sends.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::non_ascii_literal,
    reason = "a test that cannot read its table has failed, and sources are Japanese"
)]

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tsumugi_clinical::{Code, ConceptId, Event, Evidence, Interpretation, Note, Patient, Phase, Polarity};
use tsumugi_coding::{Coder, ImportContext, Imported, Record};
use tsumugi_terminology::{Codes, Maps};

#[expect(clippy::expect_used, reason = "without an engine there is nothing to test")]
static CODER: LazyLock<Coder> =
    LazyLock::new(|| Coder::embedded().expect("the tables of data/ make an engine"));

const LOINC: &str = "http://loinc.org";
const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
const YJ: &str = "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code";

fn import(resource: &Value) -> Imported {
    let patient = Patient::default();
    CODER.import(&context(&patient), resource)
}

/// The codes of the embedded tables: a site without masters.
fn codes() -> &'static dyn Codes {
    static MAPS: LazyLock<Maps<'static>> = LazyLock::new(|| CODER.vocabulary().maps());
    &*MAPS
}

fn context(patient: &Patient) -> ImportContext<'_> {
    ImportContext {
        patient,
        date: "2026-11-22".parse().ok(),
        evidence: None,
        codes: codes(),
        beside: &[],
    }
}

/// A value as a source sends it: a number with its unit, else words; behind `|` a flag.
fn with_value(mut element: Value, written: &str) -> Value {
    let (written, flag) = match written.split_once('|') {
        Some((written, flag)) => (written.trim(), Some(flag.trim())),
        None => (written.trim_end(), None),
    };
    let (number, unit) = written.trim().split_once(' ').unwrap_or((written.trim(), ""));
    let number = number
        .parse::<serde_json::Number>()
        .ok()
        .filter(|_| !unit.trim().starts_with('+'));
    if let Some(number) = number {
        element["valueQuantity"] = json!({ "value": number, "unit": unit });
    } else {
        element["valueString"] = json!(written);
    }
    if let Some(flag) = flag {
        element["interpretation"] = json!([{ "coding": [{ "code": flag }] }]);
    }
    element
}

fn observation(system: &str, form: &str) -> Value {
    let (code, value) = form.split_once(" = ").unwrap();
    let (code, name) = code.split_once(' ').unwrap_or((code, ""));
    let element = json!({
        "resourceType": "Observation",
        "status": "final",
        "code": { "coding": [{ "system": system, "code": code }], "text": name },
    });
    with_value(element, value)
}

fn drug(kind: &str, status: &str, form: &str) -> Value {
    let (code, name) = form.split_once(' ').unwrap_or((form, ""));
    let is_atc = code.len() == 7 && code.starts_with(|c: char| c.is_ascii_alphabetic());
    let system = match code.len() {
        _ if is_atc => "http://www.whocc.no/atc",
        9 => "http://medis.or.jp/CodeSystem/master-HOT9",
        _ => YJ,
    };
    json!({
        "resourceType": kind,
        "status": status,
        "medicationCodeableConcept": {
            "coding": if code == "-" { json!([]) } else { json!([{ "system": system, "code": code, "display": name }]) },
            "text": name,
        },
    })
}

fn answer(form: &str) -> Value {
    let (question, said) = form.split_once(" = ").unwrap();
    let value = match said {
        "true" | "false" => json!({ "valueBoolean": said == "true" }),
        _ => match said.parse::<serde_json::Number>() {
            Ok(number) => json!({ "valueDecimal": number }),
            Err(_) => json!({ "valueString": said }),
        },
    };
    json!({
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "item": [{ "linkId": "g", "item": [{ "linkId": question, "text": question, "answer": [value] }] }],
    })
}

fn condition(system: &str, form: &str) -> Value {
    let (named, status) = match form.split_once(" ; ") {
        Some((named, status)) => (named, Some(status)),
        None => (form, None),
    };
    let (code, name) = named.split_once(' ').unwrap();
    let mut resource = json!({
        "resourceType": "Condition",
        "code": { "coding": [{ "system": system, "code": code, "display": name }], "text": name },
    });
    let field = match status {
        Some("unconfirmed" | "refuted" | "provisional") => "verificationStatus",
        _ => "clinicalStatus",
    };
    if let Some(status) = status {
        resource[field] = json!({ "coding": [{ "code": status }] });
    }
    resource
}

fn resource(source: &str, form: &str) -> Value {
    let named = |kind: &str, field: &str, status: &str| json!({ "resourceType": kind, "status": status, field: { "text": form } });
    match source {
        "loinc" => observation(LOINC, form),
        "jlac10" => observation(JLAC10, form),
        "obx" => {
            let (name, value) = form.split_once(" = ").unwrap();
            let code = json!({ "coding": [{ "system": "urn:local:lab", "code": "0815" }], "text": name });
            with_value(
                json!({ "resourceType": "Observation", "status": "final", "code": code }),
                value,
            )
        }
        "device" => {
            let mut resource = observation(LOINC, form);
            resource["device"] = json!({ "display": "device" });
            resource
        }
        "sampled" => {
            let (code, run) = form.split_once(" = ").unwrap();
            let (how, data) = run.split_once(": ").unwrap();
            let how: Vec<&str> = how.split(' ').collect();
            json!({
                "resourceType": "Observation",
                "status": "final",
                "code": { "coding": [{ "system": LOINC, "code": code }] },
                "valueSampledData": {
                    "origin": { "value": how[0].parse::<f64>().unwrap(), "unit": how[1] },
                    "period": 1000,
                    "factor": how[2].parse::<f64>().unwrap(),
                    "dimensions": 1,
                    "data": data,
                },
            })
        }
        "answer" => answer(form),
        "icd10" => condition(ICD10, form),
        "medis" => condition("http://medis.or.jp/CodeSystem/master-disease-keyNumber", form),
        "words" => json!({ "resourceType": "Condition", "code": { "text": form } }),
        "dispense" | "hot" => drug("MedicationDispense", "completed", form),
        "request" => drug("MedicationRequest", "active", form),
        "stopped" => drug("MedicationRequest", "stopped", form),
        "statement" => drug("MedicationStatement", "active", form),
        "allergy" => named("AllergyIntolerance", "code", "active"),
        "immunization" => named("Immunization", "vaccineCode", "completed"),
        "procedure" => named("Procedure", "code", "completed"),
        "order" => named("ServiceRequest", "code", "active"),
        "family" => {
            let (who, what) = form.split_once(' ').unwrap();
            let relationship = if who.is_ascii() {
                json!({ "coding": [{ "code": who }] })
            } else {
                json!({ "text": who })
            };
            json!({
                "resourceType": "FamilyMemberHistory",
                "status": "completed",
                "relationship": relationship,
                "condition": [{ "code": { "text": what } }],
            })
        }
        "consent" => {
            json!({ "resourceType": "Consent", "status": "active", "provision": { "code": [{ "text": form }] } })
        }
        "json" => serde_json::from_str(form).unwrap(),
        other => panic!("no source {other}"),
    }
}

fn facts(source: &str, form: &str) -> Vec<String> {
    let note = Note {
        text: form.to_owned(),
        date: "2026-11-22".parse().ok(),
        ..Note::default()
    };
    let events = if source == "note" {
        CODER.structure(&note).events
    } else {
        import(&resource(source, form)).events
    };
    events.iter().map(|event| event.fact.to_string()).collect()
}

#[test]
fn every_source_states_the_same_fact() {
    let table = include_str!("golden/sources.tsv");
    let mut wrong = Vec::new();
    let mut cases: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (line, row) in table.lines().enumerate().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let [case, source, form, fact] = cells[..] else {
            panic!("line {}: {row}", line + 1)
        };
        let got = facts(source, form);
        let known = cases.entry(case).or_default();
        known.0 += 1;
        known.1 |= source == "note";
        if fact.is_empty() || !got.iter().any(|own| own == fact) {
            wrong.push(format!(
                "{case} ¦ {source} ¦ {form} ¦ wanted {fact} ¦ got {}",
                got.join(" ")
            ));
        }
    }
    assert!(cases.len() >= 60, "{} facts", cases.len());
    for (case, (sources, has_note)) in cases {
        assert!(sources >= 2 && has_note, "{case} needs a note and another source");
    }
    assert!(wrong.is_empty(), "{} forms\n{}", wrong.len(), wrong.join("\n"));
}

fn read(resource: &str) -> Imported {
    import(&serde_json::from_str(resource).unwrap())
}

fn told(imported: &Imported) -> (Vec<String>, Vec<String>) {
    let events = imported
        .events
        .iter()
        .map(|event| event.fact.to_string())
        .collect();
    (events, imported.remarks.iter().map(ToString::to_string).collect())
}

/// What is stated by resources that the table has no column for: status, absence, words without a concept.
#[test]
fn status_and_absence_are_kept() {
    let table = include_str!("golden/resources.txt");
    let mut count = 0;
    for case in table.split("--- ").skip(1) {
        let (name, rows) = case.split_once(" ---\n").unwrap();
        let resource = rows.lines().next().unwrap();
        let wanted =
            |mark: &str| -> Vec<&str> { rows.lines().filter_map(|row| row.strip_prefix(mark)).collect() };
        let (facts, remarks) = told(&read(resource));
        assert_eq!(facts, wanted("=> "), "{name}");
        assert_eq!(remarks, wanted("! "), "{name}");
        count += 1;
    }
    assert!(count >= 19, "{count} cases");
}

#[test]
fn values_are_in_the_usual_unit_and_times_in_japan() {
    let imported = read(
        r#"{"resourceType":"Observation","status":"final","effectiveDateTime":"2026-11-21T23:30:00Z",
            "code":{"coding":[{"system":"urn:oid:2.16.840.1.113883.6.1","code":"6690-2"}]},
            "valueQuantity":{"value":15600,"unit":"/uL","system":"http://unitsofmeasure.org","code":"/uL"}}"#,
    );
    let event = &imported.events[0];
    let value = event.value.as_ref().unwrap();
    assert_eq!(
        (value.number.as_deref(), value.unit.as_deref()),
        (Some("15.600"), Some("10*3/uL"))
    );
    assert_eq!(value.interpretation, Some(Interpretation::High));
    assert_eq!(
        event.measured.as_ref().map(|measured| measured.concept.as_str()),
        Some("test.wbc")
    );
    let from = event.time.as_ref().and_then(|time| time.from).unwrap();
    assert_eq!(from.to_string(), "2026-11-22T08:30:00");
}

#[test]
fn a_prescription_keeps_strength_times_and_days() {
    let imported = read(
        r#"{"resourceType":"MedicationDispense","status":"completed","whenHandedOver":"2026-11-01",
            "medicationCodeableConcept":{"coding":[{"system":"http://capstandard.jp/iyaku.info/CodeSystem/YJ-code","code":"2171022F1029","display":"アムロジピン錠5mg「トーワ」"}]},
            "daysSupply":{"value":14,"unit":"日"},
            "dosageInstruction":[{"text":"1日1回 朝食後","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}},
              "doseAndRate":[{"doseQuantity":{"value":1,"unit":"錠"}}]}]}"#,
    );
    let event = &imported.events[0];
    let dosage = event.dosage.as_deref().unwrap();
    let strength = dosage.strength.as_ref().unwrap();
    assert_eq!(
        (strength.number.as_deref(), strength.unit.as_deref()),
        (Some("5"), Some("mg"))
    );
    assert_eq!((dosage.times_per_day, dosage.days), (Some(1), Some(14)));
    assert_eq!(dosage.text, "1日1回 朝食後");
    let time = event.time.as_ref().unwrap();
    assert_eq!(time.to.unwrap().date().to_string(), "2026-11-14");
}

fn gad_positive() -> Vec<Event> {
    import(&observation(JLAC10, "5G340000002302101 抗GAD抗体 = 12.5 U/mL")).events
}

fn note(id: &str, text: &str) -> Note {
    Note {
        id: id.to_owned(),
        text: text.to_owned(),
        date: "2026-11-22".parse().ok(),
        ..Note::default()
    }
}

#[test]
fn an_imported_positive_gad_settles_the_diabetes_of_a_note() {
    let mut record = Record::default();
    record.learn_events("lab", "2026-11-20".parse().ok(), gad_positive());
    let structured = CODER.structure_in(&mut record, &note("n", "糖尿病で通院中。"));
    let diabetes = structured
        .events
        .iter()
        .find(|event| event.concept.as_str().contains("diabetes"))
        .unwrap();
    assert_eq!(
        diabetes.fact.as_str(),
        "type-1-diabetes;present;asserted;patient;current"
    );
    assert!(structured.questions.is_empty(), "what is settled is not asked");
    // Without it, the type stays open.
    let open = CODER.structure(&note("n", "糖尿病で通院中。"));
    assert!(
        open.events
            .iter()
            .any(|event| event.concept.as_str() == "diabetes-mellitus")
    );
}

#[test]
fn an_imported_result_settles_an_earlier_note_too() {
    let mut record = Record::default();
    CODER.structure_in(&mut record, &note("first", "糖尿病で通院中。"));
    record.learn_events("lab", "2026-11-22".parse().ok(), gad_positive());
    let later = CODER.structure_in(&mut record, &note("second", "特に変わりなし。"));
    let settled = later
        .events
        .iter()
        .find(|event| event.supersedes.is_some())
        .unwrap();
    assert_eq!(settled.concept.as_str(), "type-1-diabetes");
    assert_eq!(
        settled.supersedes.as_ref().map(|earlier| earlier.id.as_str()),
        Some("first")
    );
}

#[test]
fn a_disease_of_a_claim_is_no_diagnosis() {
    let patient = Patient::default();
    let claim = ImportContext {
        evidence: Some(Evidence::Claim),
        ..context(&patient)
    };
    let imported = CODER.import(&claim, &condition(ICD10, "E10 1型糖尿病"));
    let event = &imported.events[0];
    assert!(event.is_claimed_state());
    assert_eq!(
        event.fact.as_str(),
        "type-1-diabetes;present;asserted;patient;current"
    );
    let json = serde_json::to_value(event).unwrap();
    assert_eq!(json["evidence"], "claim");
    let care = serde_json::to_value(&gad_positive()[0]).unwrap();
    assert!(care.get("evidence").is_none(), "what is of care carries none");
    // It neither settles the type nor counts as stated.
    let mut record = Record::default();
    record.learn_events("claim", None, imported.events);
    let structured = CODER.structure_in(&mut record, &note("n", "糖尿病で通院中。"));
    let diabetes = structured
        .events
        .iter()
        .find(|event| event.concept.as_str().contains("diabetes"))
        .unwrap();
    assert_eq!(diabetes.concept.as_str(), "diabetes-mellitus");
    assert_eq!(
        (diabetes.polarity, diabetes.phase),
        (Polarity::Present, Phase::Current)
    );
}

/// What a site's masters map is found before the words, and after the codes we hold.
#[test]
fn a_master_maps_what_our_tables_do_not_hold() {
    #[derive(Debug)]
    struct Master;
    impl Codes for Master {
        fn display(&self, _system: &str, _code: &str) -> Option<String> {
            None
        }

        fn codes(&self, _concept: &str) -> Vec<Code> {
            Vec::new()
        }

        fn concept(&self, system: &str, code: &str) -> Option<ConceptId> {
            (system == YJ && code == "9999999X0000").then(|| ConceptId::new("drug.warfarin"))
        }
    }
    let patient = Patient::default();
    let with = ImportContext {
        codes: &Master,
        ..context(&patient)
    };
    let resource = drug("MedicationDispense", "completed", "9999999X0000 院内製剤");
    let alias = serde_json::to_string(&resource)
        .unwrap()
        .replace(YJ, "urn:oid:1.2.392.100495.20.2.73");
    for resource in [resource.clone(), serde_json::from_str(&alias).unwrap()] {
        let imported = CODER.import(&with, &resource);
        assert_eq!(imported.events[0].concept.as_str(), "drug.warfarin");
    }
    let (events, remarks) = told(&import(&resource));
    assert_eq!((events.len(), remarks.len()), (0, 1));
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("Observation".to_owned()),
        Just("体温".to_owned()),
        Just("5/3".to_owned()),
        Just("2026-13".to_owned()),
        Just("1e999".to_owned()),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    let keys = prop_oneof![
        Just("code"),
        Just("coding"),
        Just("text"),
        Just("valueQuantity"),
        Just("valueString"),
        Just("value"),
        Just("unit"),
        Just("component"),
        Just("item"),
        Just("answer"),
        Just("linkId"),
        Just("effectiveDateTime"),
        Just("referenceRange"),
        Just("low"),
        Just("dosageInstruction"),
        Just("timing"),
        Just("repeat"),
        Just("daysSupply"),
        Just("condition"),
        Just("medicationCodeableConcept"),
        Just("medicationReference"),
        Just("reference"),
        Just("contained"),
        Just("valueSampledData"),
        Just("origin"),
        Just("data"),
        Just("status"),
        Just("system"),
        Just("display"),
        Just("bodySite"),
        Just("provision"),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_resource_is_read_without_an_error(kind in 0usize..14, mut resource in any_json()) {
        const KINDS: [&str; 14] = [
            "Observation", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationDispense", "MedicationStatement",
            "MedicationAdministration", "Procedure", "Immunization", "FamilyMemberHistory", "ServiceRequest",
            "QuestionnaireResponse", "Consent", "Claim",
        ];
        if let Some(object) = resource.as_object_mut() {
            object.insert("resourceType".to_owned(), Value::from(KINDS[kind]));
        }
        for event in import(&resource).events {
            prop_assert!(!event.fact.as_str().is_empty() && !event.concept.as_str().is_empty());
        }
    }
}

/// A bundle as it comes in, to the end: whose it is, and what it states; the Medication that an order names goes with it.
#[test]
fn a_bundle_is_read_and_coded() {
    use tsumugi_exchange::fhir_in::{Form, Limits, read};
    use tsumugi_exchange::incoming::Handed;
    let mut input = include_bytes!("../../exchange/tests/fhir_in/files/bundle.json").as_slice();
    let mut facts = Vec::new();
    read(
        &mut input,
        "bundle.json",
        Form::Json,
        Limits::default(),
        &mut |handed| {
            if let Handed::Statement(statement) = handed {
                let resources: Vec<Value> = statement
                    .resources
                    .iter()
                    .map(|resource| serde_json::from_slice(&resource.json).unwrap())
                    .collect();
                let patient = Patient::default();
                let with = ImportContext {
                    beside: resources.get(1..).unwrap_or(&[]),
                    date: statement.civil.map(jiff::civil::DateTime::date),
                    ..context(&patient)
                };
                for resource in resources.iter().take(1) {
                    facts.extend(
                        CODER
                            .import(&with, resource)
                            .events
                            .iter()
                            .map(|event| event.fact.to_string()),
                    );
                }
            }
            true
        },
    );
    assert_eq!(
        facts,
        [
            "fever;present;asserted;patient;current",
            "pneumonia;present;asserted;patient;current",
            "drug.amlodipine;present;asserted;patient;current"
        ]
    );
}
