//! Good sources.

use crate::support::{all, problems, statements};
use std::fmt::Write as _;
use tsumugi_clinical::Sex;
use tsumugi_exchange::fhir_in::{Form, Limits};
use tsumugi_exchange::incoming::{Evidence, Standing};

const BUNDLE: &str = include_str!("files/bundle.json");

#[test]
fn a_bundle_gives_a_statement_for_every_resource_with_its_patient() {
    let got = statements(BUNDLE.as_bytes(), Form::Json);
    let keys: Vec<&str> = got.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "Patient/p1",
            "Observation/o1",
            "Condition/c1",
            "MedicationRequest/m1",
            "Bundle?urn:example:bundle|b-1"
        ]
    );
    for statement in &got {
        let person = &statement.person;
        assert_eq!(
            (person.issuer.as_str(), person.number.as_str()),
            ("urn:oid:1.2.392.100495.20.3.51.11310000001", "000123")
        );
        assert_eq!(person.name.as_deref(), Some("検査 太郎"));
        assert_eq!(person.kana.as_deref(), Some("ケンサ タロウ"));
        assert_eq!(person.sex, Some(Sex::Male));
        assert_eq!(
            person.birth_date.map(|day| day.to_string()).as_deref(),
            Some("1950-01-02")
        );
        assert_eq!(
            person.other_numbers,
            [
                ("urn:example:insurance".to_owned(), "00012345:1:2:03".to_owned()),
                (String::new(), "Patient/p1".to_owned())
            ]
        );
    }
}

/// The digits of a decimal, unknown extensions, the order of members and blanks stay.
#[test]
fn the_bytes_of_a_resource_stay_as_they_stood() {
    let got = statements(BUNDLE.as_bytes(), Form::Json);
    let observation = &got[1].resources[0].json;
    let text = std::str::from_utf8(observation).unwrap();
    assert!(BUNDLE.contains(text), "a stretch of the source");
    assert!(
        text.contains("\"value\" :  39.20")
            && text.contains("urn:example:unknown-extension")
            && text.contains("1e-3")
    );
    let entry = std::str::from_utf8(&got[1].bytes).unwrap();
    assert!(BUNDLE.contains(entry) && entry.contains("fullUrl") && entry.contains(text));
}

#[test]
fn place_time_version_and_standing_are_read() {
    let got = statements(BUNDLE.as_bytes(), Form::Json);
    let observation = &got[1];
    assert_eq!(
        observation.civil.map(|at| at.to_string()).as_deref(),
        Some("2026-11-22T08:30:00")
    );
    assert_eq!(observation.sequence, "2026-11-22T09:00:00.000");
    assert_eq!(observation.place.field.as_deref(), Some("$.entry[1].resource"));
    let before = BUNDLE
        .split("urn:uuid:00000000-0000-0000-0000-000000000002")
        .next()
        .unwrap();
    let line = 1 + before.matches('\n').count();
    assert!(
        observation.place.line.unwrap() as usize <= line
            && line <= observation.place.line.unwrap() as usize + 2
    );
    assert_eq!(observation.standing, Standing::Valid);
    let wrong = r#"{"resourceType":"Observation","id":"x","status":"entered-in-error","subject":{"reference":"Patient/9"}}"#;
    assert_eq!(
        statements(wrong.as_bytes(), Form::Json)[0].standing,
        Standing::Deleted
    );
}

/// The Medication that an order names goes with it, wherever it stands in the bundle.
#[test]
fn what_a_statement_names_goes_with_it() {
    let got = statements(BUNDLE.as_bytes(), Form::Json);
    let order = &got[3];
    let kinds: Vec<&str> = order
        .resources
        .iter()
        .map(|resource| resource.kind.as_str())
        .collect();
    assert_eq!(kinds, ["MedicationRequest", "Medication"]);
}

#[test]
fn the_form_is_told_by_the_name() {
    assert_eq!(Form::of("a/Patient.ndjson"), Form::Lines);
    assert_eq!(Form::of("x.JSONL"), Form::Lines);
    assert_eq!(Form::of("x.json"), Form::Json);
    assert_eq!(Form::of("x"), Form::Json);
}

#[test]
fn a_line_is_a_statement_and_patients_are_remembered() {
    let lines = concat!(
        r#"{"resourceType":"Patient","id":"7","identifier":[{"system":"urn:a","value":"0007"}]}"#,
        "\n\n",
        r#"{"resourceType":"Observation","id":"1","subject":{"reference":"Patient/7"}}"#,
        "\r\n",
        r#"{"resourceType":"Observation","id":"2","subject":{"reference":"https://a.example/fhir/Patient/7/_history/2"}}"#,
        "\n",
        r#"{"resourceType":"Observation","id":"3","subject":{"reference":"Patient/8"}}"#,
    );
    let got = statements(lines.as_bytes(), Form::Lines);
    let whose: Vec<(&str, &str)> = got
        .iter()
        .map(|one| (one.person.issuer.as_str(), one.person.number.as_str()))
        .collect();
    assert_eq!(
        whose,
        [
            ("urn:a", "0007"),
            ("urn:a", "0007"),
            ("urn:a", "0007"),
            ("", "Patient/8")
        ]
    );
    assert_eq!(got[3].place.line, Some(5));
}

#[test]
fn references_lead_to_the_person() {
    let cases = [
        (
            r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:a","value":"1"}]}],"subject":{"reference":"#p"}}"##,
            "urn:a",
            "1",
        ),
        (
            r#"{"resourceType":"Condition","subject":{"identifier":{"system":"urn:b","value":"22"}}}"#,
            "urn:b",
            "22",
        ),
        (
            r#"{"resourceType":"Condition","subject":{"reference":"https://h.example/r4/Patient/33"}}"#,
            "https://h.example/r4",
            "Patient/33",
        ),
        (
            r#"{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/44/_history/1"}}"#,
            "",
            "Patient/44",
        ),
    ];
    for (resource, issuer, number) in cases {
        let got = statements(resource.as_bytes(), Form::Json);
        assert_eq!(
            (got[0].person.issuer.as_str(), got[0].person.number.as_str()),
            (issuer, number),
            "{resource}"
        );
    }
}

#[test]
fn every_type_of_bundle_is_read_and_the_type_may_come_last() {
    for kind in [
        "transaction",
        "batch",
        "collection",
        "document",
        "searchset",
        "history",
        "message",
    ] {
        let first = format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{{"resource":{{"resourceType":"Patient","id":"1"}}}},{{"resource":{{"resourceType":"Condition","id":"2"}}}}]}}"#
        );
        let last = format!(
            r#"{{"entry":[{{"resource":{{"resourceType":"Patient","id":"1"}}}},{{"resource":{{"resourceType":"Condition","id":"2"}}}}],"type":"{kind}","resourceType":"Bundle"}}"#
        );
        for bundle in [first, last] {
            let got = statements(bundle.as_bytes(), Form::Json);
            let keys: Vec<&str> = got.iter().map(|one| one.key.as_str()).collect();
            assert_eq!(keys, ["Patient/1", "Condition/2"], "{bundle}");
            assert_eq!(got[1].person.number, "Patient/1");
        }
    }
}

#[test]
fn what_a_transaction_deletes_is_deleted() {
    let bundle = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient","id":"1"}},{"request":{"method":"DELETE","url":"Condition/9"}}]}"#;
    let got = statements(bundle.as_bytes(), Form::Json);
    assert_eq!(
        (got[1].key.as_str(), got[1].standing),
        ("Condition/9", Standing::Deleted)
    );
    assert_eq!(got[1].person.number, "Patient/1");
    assert!(got[1].resources.is_empty());
}

#[test]
fn claims_and_what_the_person_records_are_told_apart() {
    let of = |resource: &str| statements(resource.as_bytes(), Form::Json)[0].evidence;
    assert_eq!(
        of(r#"{"resourceType":"ExplanationOfBenefit","patient":{"reference":"Patient/1"}}"#),
        Evidence::Claim
    );
    assert_eq!(
        of(
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Patient/1"}]}"#
        ),
        Evidence::Personal
    );
    assert_eq!(
        of(
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/1"},"performer":[{"reference":"Practitioner/1"}]}"#
        ),
        Evidence::Care
    );
}

#[test]
fn texts_of_documents_come_as_texts() {
    let document = concat!(
        r#"{"resourceType":"DocumentReference","id":"d","subject":{"reference":"Patient/1"},"date":"2026-11-22T10:00:00+09:00","#,
        r#""type":{"coding":[{"system":"http://loinc.org","code":"11506-3"}]},"author":[{"display":"架空 一郎"}],"#,
        r#""content":[{"attachment":{"contentType":"text/plain;charset=utf-8","data":"55m654axMznluqY=","title":"経過"}}]}"#,
    );
    let got = statements(document.as_bytes(), Form::Json);
    let text = &got[0].texts[0];
    assert_eq!(text.text, "発熱39度");
    assert_eq!(
        (text.title.as_deref(), text.author.as_deref()),
        (Some("経過"), Some("架空 一郎"))
    );
    assert_eq!(text.kind.as_ref().map(|code| code.code.as_ref()), Some("11506-3"));
    let composition = concat!(
        r#"{"resourceType":"Composition","id":"k","subject":{"reference":"Patient/1"},"section":[{"title":"現病歴","#,
        r#""text":{"status":"additional","div":"<div><p>昨日から発熱。</p><p>SpO2 &lt; 93%</p></div>"},"#,
        r#""section":[{"title":"処方","text":{"status":"generated","div":"<div>表</div>"}}]}]}"#,
    );
    let got = statements(composition.as_bytes(), Form::Json);
    assert_eq!(got[0].texts.len(), 1, "what was made from the data is no text");
    assert_eq!(got[0].texts[0].text, "昨日から発熱。\nSpO2 < 93%");
}

/// A bundle longer than the window goes out in parts, in order, with its one patient.
#[test]
fn a_long_bundle_is_read_in_windows() {
    let mut bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:a","value":"1"}]}}"#.to_owned();
    for index in 0..2_000 {
        write!(
            bundle,
            r#",{{"resource":{{"resourceType":"Condition","id":"c{index}"}}}}"#
        )
        .unwrap();
    }
    bundle.push_str("]}");
    let limits = Limits {
        window: 4096,
        ..Limits::default()
    };
    let handed = all(bundle.as_bytes(), Form::Json, limits);
    assert_eq!(handed.len(), 2_001);
    assert!(problems(&handed).is_empty());
}

#[test]
fn a_sink_that_says_no_stops_the_reading() {
    let mut count = 0;
    let mut input = BUNDLE.as_bytes();
    tsumugi_exchange::fhir_in::read(&mut input, "f", Form::Json, Limits::default(), &mut |_| {
        count += 1;
        count < 2
    });
    assert_eq!(count, 2);
}

#[test]
fn what_is_longer_than_the_limit_goes_out_whole_in_pieces() {
    let long = "x".repeat(10_000);
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"1"}}}},{{"resource":{{"resourceType":"Binary","data":"{long}"}}}},{{"resource":{{"resourceType":"Condition","id":"2"}}}}]}}"#
    );
    let limits = Limits {
        resource: 1024,
        ..Limits::default()
    };
    let handed = all(bundle.as_bytes(), Form::Json, limits);
    let dead: Vec<u8> = problems(&handed)
        .into_iter()
        .flat_map(|(_, bytes)| bytes.to_vec())
        .collect();
    assert_eq!(String::from_utf8(dead).unwrap().matches('x').count(), long.len());
    assert!(
        problems(&handed)
            .iter()
            .all(|(problem, bytes)| problem.code == "too-long" && bytes.len() <= 1024)
    );
    assert_eq!(statements_of(&handed), 2);
}

fn statements_of(handed: &[tsumugi_exchange::incoming::Handed]) -> usize {
    handed.len() - problems(handed).len()
}

#[test]
fn a_hundred_thousand_brackets_are_no_trouble() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{{"resourceType":"Patient","id":"1"}}}},{{"resource":{{"resourceType":"Observation","x":{deep}}}}},{{"resource":{{"resourceType":"Condition","id":"2"}}}}]}}"#
    );
    let handed = all(bundle.as_bytes(), Form::Json, Limits::default());
    assert_eq!(statements_of(&handed), 2);
    let problems = problems(&handed);
    assert_eq!((problems.len(), problems[0].0.code), (1, "too-deep"));
    let alone = all(deep.as_bytes(), Form::Json, Limits::default());
    assert!(
        alone
            .iter()
            .all(|handed| !matches!(handed, tsumugi_exchange::incoming::Handed::Statement(_)))
    );
}
