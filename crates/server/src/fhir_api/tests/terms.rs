//! Terminology over the vocabulary.

use super::typed;
use crate::smart::tests::wire::Answer;
use crate::smart::tests::{CODER, served};
use serde_json::Value;

/// The value of a parameter of an answer.
fn part(answer: &Answer, name: &str) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let parts = body["parameter"].as_array().unwrap();
    let found = parts.iter().find(|part| part["name"] == name);
    let value = found.and_then(|part| part.as_object()?.iter().find(|(key, _)| key.starts_with("value")));
    value.map_or(Value::Null, |(_, value)| value.clone())
}

/// A concept with a code of ICD-10 and a broader concept.
const CONCEPT: &str = "pneumonia";
const OWN: &str = "https://tsumugi.example/CodeSystem/concept";
const ICD10: &str = "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full";
const JLAC10: &str = "http://medis.or.jp/CodeSystem/master-JLAC10-17digits";
/// The address of JLAC10 before JP Core 1.2.
const JLAC10_BEFORE: &str = "urn:oid:1.2.392.200119.4.504";

/// The first code of a concept in a system.
fn code_in(concept: &tsumugi_terminology::Concept, system: &str) -> Option<String> {
    let found = concept.codes.iter().find(|code| code.system.as_ref() == system);
    found.map(|code| code.code.to_string())
}

#[test]
fn codes_are_known_under_every_address_of_their_system_and_only_as_they_are() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let concept = CODER.vocabulary().concept(CONCEPT).unwrap();
        let code = code_in(concept, ICD10).unwrap();
        let analyte = CODER
            .vocabulary()
            .iter()
            .find_map(|(_, concept)| code_in(concept, JLAC10))
            .unwrap();
        for (path, wanted) in [
            (
                format!("CodeSystem/$validate-code?url={OWN}&code={CONCEPT}"),
                true,
            ),
            (
                format!("CodeSystem/$validate-code?url={OWN}&code={CONCEPT}&display=x"),
                false,
            ),
            (format!("CodeSystem/$validate-code?url={OWN}&code=none"), false),
            (format!("CodeSystem/$validate-code?url={ICD10}&code={code}"), true),
            (
                format!("ValueSet/$validate-code?url={ICD10}?fhir_vs&system={ICD10}&code={code}"),
                true,
            ),
            (
                format!("ValueSet/$validate-code?url={ICD10}?fhir_vs&system={OWN}&code={CONCEPT}"),
                false,
            ),
            (
                format!("CodeSystem/$validate-code?url={JLAC10}&code={analyte}"),
                true,
            ),
            (
                format!("CodeSystem/$validate-code?url={JLAC10_BEFORE}&code={analyte}"),
                true,
            ),
            // What only begins with a known code is not known.
            (
                format!("CodeSystem/$validate-code?url={JLAC10}&code={analyte}000000000000"),
                false,
            ),
        ] {
            assert_eq!(part(&house.fhir(&path, &token), "result"), wanted, "{path}");
        }
        let told = house.fhir(&format!("CodeSystem/$lookup?system={OWN}&code={CONCEPT}"), &token);
        assert_eq!(part(&told, "display"), concept.name.as_ref());
        let path = format!("ConceptMap/$translate?system={OWN}&code={CONCEPT}&targetsystem={ICD10}");
        let translated = house.fhir(&path, &token);
        assert!(
            translated.body.contains(&format!("\"code\":\"{code}\"")),
            "{}",
            translated.body
        );
    });
}

#[test]
fn the_hierarchy_is_asked_and_a_set_is_searched_in_any_form_of_kana() {
    served(|house| {
        let token = house.token("sato", "user/*.rs", None);
        let vocabulary = CODER.vocabulary();
        let concept = vocabulary.concept(CONCEPT).unwrap();
        let parent = vocabulary
            .get(*concept.parents.first().unwrap())
            .unwrap()
            .id
            .as_str();
        for (a, b, wanted) in [
            (parent, CONCEPT, "subsumes"),
            (CONCEPT, parent, "subsumed-by"),
            (CONCEPT, CONCEPT, "equivalent"),
        ] {
            let path = format!("CodeSystem/$subsumes?system={OWN}&codeA={a}&codeB={b}");
            assert_eq!(part(&house.fhir(&path, &token), "outcome"), wanted, "{path}");
        }
        // In half-width kana.
        let typed = typed("ﾊｲｴﾝ");
        let path = format!("ValueSet/$expand?url={OWN}?fhir_vs&filter={typed}&count=500");
        let expanded = house.fhir(&path, &token).json();
        let codes = expanded["expansion"]["contains"].as_array().unwrap();
        assert!(codes.iter().any(|code| code["code"] == CONCEPT), "{expanded}");
        for (path, status) in [
            (format!("CodeSystem/$lookup?system={OWN}&code=none"), 404),
            (format!("CodeSystem/$lookup?system={OWN}"), 400),
            (
                format!("CodeSystem/$lookup?system={OWN}&code={CONCEPT}&colour=red"),
                400,
            ),
            ("ValueSet/$expand?url=http://a.test/vs".to_owned(), 404),
            ("CodeSystem/$colour".to_owned(), 404),
        ] {
            assert_eq!(house.fhir(&path, &token).status, status, "{path}");
        }
    });
}
