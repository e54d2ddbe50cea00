//! The tables and addresses: what is read, what is refused, and with which words.

use crate::common::{BASE, NOW, connection, definitions, index, put, with_changed};
use serde_json::json;
use tsumugi_fhirstore::{Context, Query, Why};

#[test]
fn every_path_of_the_tables_leads_to_an_element_of_its_type() {
    let definitions = definitions();
    assert_eq!(definitions.resource_types().count(), 146);
    let parameters: usize = definitions.resource_types().map(|of| of.parameters.len()).sum();
    assert!(parameters > 1600, "{parameters}");
    // The check notices: an element that is not there, a type that is another.
    for (from, to, wanted) in [
        (
            "\tbirthDate:date\t",
            "\tbirthDay:date\t",
            "Patient has no element birthDay",
        ),
        (
            "\tbirthDate:date\t",
            "\tbirthDate:string\t",
            "birthDate:string: date stands there, not string",
        ),
        (
            "\tcomponent.valueQuantity:Quantity|",
            "\tcomponent.valueRatio:Quantity|",
            "Ratio stands there, not Quantity",
        ),
        ("\tgender:code\t", "\tgender:colour\t", "colour is no data type"),
    ] {
        let (_, mistakes) = with_changed("fhir/search_parameters.tsv", |text| text.replace(from, to));
        assert!(
            mistakes.iter().any(|mistake| mistake.contains(wanted)),
            "{wanted}: {mistakes:?}"
        );
    }
}

/// Type, parameter, value, and what is said of it.
const REFUSED: &[(&str, &str, &str, Why, &str)] = &[
    (
        "Patient",
        "colour",
        "red",
        Why::NotSupported,
        "Patient has no search parameter colour",
    ),
    ("Unknown", "_id", "1", Why::NotSupported, "no type of resource"),
    (
        "Patient",
        "birthdate",
        "yesterday",
        Why::Invalid,
        "a date is wanted",
    ),
    (
        "Patient",
        "birthdate:exact",
        "2026",
        Why::NotSupported,
        "does not offer that",
    ),
    (
        "Observation",
        "value-quantity",
        "gtx",
        Why::Invalid,
        "a number is wanted",
    ),
    (
        "Observation",
        "value-quantity",
        "5|mg",
        Why::Invalid,
        "number, system and unit",
    ),
    ("Observation", "code", "", Why::Invalid, "a value is wanted"),
    ("Observation", "code", "|", Why::Invalid, "a code or a system"),
    (
        "Observation",
        "code:in",
        "http://x",
        Why::NotSupported,
        "does not offer that",
    ),
    (
        "Observation",
        "subject:Medication.code",
        "x",
        Why::NotSupported,
        "leads to no Medication",
    ),
    (
        "Observation",
        "code.x",
        "x",
        Why::NotSupported,
        "a chain goes over references",
    ),
    (
        "Observation",
        "code-value-quantity",
        "718-7",
        Why::Invalid,
        "2 values are wanted",
    ),
    (
        "Patient",
        "_has:Observation:code:code",
        "x",
        Why::NotSupported,
        "has no reference code to Patient",
    ),
    (
        "Patient",
        "_has:Observation",
        "x",
        Why::Invalid,
        "type, reference and parameter",
    ),
    (
        "Patient",
        "_sort",
        "link",
        Why::NotSupported,
        "not ordered by link",
    ),
    ("Patient", "_count", "many", Why::Invalid, "a whole number"),
    ("Patient", "_total", "estimate", Why::NotSupported, "not offered"),
    (
        "Patient",
        "_include",
        "Patient:name",
        Why::NotSupported,
        "has no reference name",
    ),
    (
        "Patient",
        "_include",
        "Patient",
        Why::Invalid,
        "type and reference are wanted",
    ),
    (
        "Patient",
        "_text",
        "x",
        Why::NotSupported,
        "has no search parameter _text",
    ),
    (
        "Patient",
        "active:missing",
        "maybe",
        Why::Invalid,
        "true or false",
    ),
    (
        "Procedure",
        "part-of.part-of.part-of.part-of.part-of.code",
        "x",
        Why::TooCostly,
        "4 links",
    ),
];

#[test]
fn a_search_that_cannot_be_read_says_why() {
    let definitions = definitions();
    let context = Context {
        definitions: &definitions,
        base: BASE,
        now: NOW,
    };
    let refusal = |kind: &str, pairs: &[(String, String)]| Query::read(context, kind, pairs).unwrap_err();
    for (kind, name, value, why, text) in REFUSED {
        let error = refusal(kind, &[((*name).to_owned(), (*value).to_owned())]);
        assert_eq!(error.why, *why, "{name}={value}: {error}");
        assert!(error.text.contains(text), "{name}={value}: {error}");
    }
    let many = refusal("Patient", &[("name".to_owned(), vec!["x"; 501].join(","))]);
    assert_eq!(many.why, Why::TooCostly);
    let pairs: Vec<(String, String)> = (0..41).map(|_| ("name".to_owned(), "x".to_owned())).collect();
    assert_eq!(refusal("Patient", &pairs).why, Why::TooCostly);
}

#[test]
fn one_search_finds_a_name_in_every_form_of_kana() {
    let conn = connection();
    let index = index(&conn);
    put(
        &index,
        &conn,
        &json!({"resourceType": "Patient", "id": "1", "name": [{"text": "山田 太郎"}, {"text": "ヤマダ タロウ",
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}]}]}),
        None,
        NOW,
    );
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    let count = |name: &str, value: &str| {
        let query = Query::read(context, "Patient", &[(name.to_owned(), value.to_owned())]).unwrap();
        index
            .find(&conn, &query, "", &mut |_| true)
            .unwrap()
            .matches
            .len()
    };
    for form in ["やまだ", "ヤマダ", "ﾔﾏﾀﾞ", "ヤマダ　タ"] {
        assert_eq!(count("name", form), 1, "{form}");
        assert_eq!(count("phonetic", form), 1, "{form}");
    }
    assert_eq!(
        (
            count("name", "山田"),
            count("phonetic", "山田"),
            count("name", "ヤマタ")
        ),
        (1, 0, 0)
    );
    assert_eq!(
        (
            count("name:exact", "ヤマダ タロウ"),
            count("name:exact", "やまだ たろう")
        ),
        (1, 0)
    );
    assert_eq!(count("name:contains", "たろう"), 1);
}

#[test]
fn the_digits_of_a_search_say_how_exact_it_is() {
    let conn = connection();
    let index = index(&conn);
    put(
        &index,
        &conn,
        &json!({"resourceType": "Observation", "id": "1", "valueQuantity": {"value": 100.2, "unit": "mg"}}),
        None,
        NOW,
    );
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    let finds = |value: &str| {
        let query = Query::read(
            context,
            "Observation",
            &[("value-quantity".to_owned(), value.to_owned())],
        )
        .unwrap();
        !index
            .find(&conn, &query, "", &mut |_| true)
            .unwrap()
            .matches
            .is_empty()
    };
    assert!(
        finds("100") && finds("100.2") && finds("1e2") && finds("gt100") && finds("ap95") && finds("100||mg")
    );
    assert!(!finds("100.0") && !finds("gt100.2") && !finds("100||kg") && !finds("ne100"));
}

#[test]
fn a_composite_asks_for_both_in_one_component() {
    let conn = connection();
    let index = index(&conn);
    let component = |code: &str, value: u32| json!({"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}});
    put(
        &index,
        &conn,
        &json!({"resourceType": "Observation", "id": "1", "component": [component("a", 1), component("b", 2)]}),
        None,
        NOW,
    );
    let context = Context {
        definitions: index.definitions(),
        base: BASE,
        now: NOW,
    };
    let finds = |value: &str| {
        let pairs = [("component-code-value-quantity".to_owned(), value.to_owned())];
        let query = Query::read(context, "Observation", &pairs).unwrap();
        !index
            .find(&conn, &query, "", &mut |_| true)
            .unwrap()
            .matches
            .is_empty()
    };
    assert!(finds("a$1") && finds("b$2") && finds("a$2,b$2"));
    assert!(!finds("a$2") && !finds("b$1"));
}
