//! R4's own rules on resources of our own: good ones have no fault, each wrong one fails for its reason and no other.

use std::fmt::Write as _;

#[test]
fn every_case_is_found_as_written() {
    let validator = crate::support::validator();
    let mut wrong = String::new();
    let mut cases = 0;
    for case in include_str!("golden/r4.txt").split("\n--- ").skip(1) {
        cases += 1;
        let (name, rest) = case.split_once(" ---\n").unwrap();
        let (resource, expected) = rest.split_once('\n').unwrap_or((rest, ""));
        let mut expected: Vec<String> = expected
            .lines()
            .map(|line| line.strip_prefix("! ").unwrap_or(line).to_owned())
            .collect();
        let report = validator.validate(resource.as_bytes(), &[]);
        let mut found: Vec<String> = report
            .issues
            .iter()
            .map(|issue| format!("{} {} {}", issue.severity.word(), issue.place, issue.rule))
            .collect();
        expected.sort();
        found.sort();
        if expected != found {
            let _ = writeln!(wrong, "{name}: wanted {expected:#?}, found {:#?}", report.issues);
        }
        let errors = expected.iter().any(|line| line.starts_with("error"));
        assert_eq!(report.is_valid(), !errors, "{name}");
    }
    assert!(cases > 40, "{cases} cases");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn sentences_are_in_both_languages_and_whole() {
    let validator = crate::support::validator();
    for case in include_str!("golden/r4.txt").split("\n--- ").skip(1) {
        let (_, rest) = case.split_once(" ---\n").unwrap();
        let resource = rest.lines().next().unwrap();
        for issue in validator.validate(resource.as_bytes(), &[]).issues {
            assert!(
                !issue.ja.is_empty() && issue.ja.chars().any(|c| c as u32 > 0x3000),
                "{issue:?}"
            );
            assert!(!issue.en.is_empty() && issue.en != issue.ja, "{issue:?}");
            for text in [&issue.ja, &issue.en] {
                assert!(!text.contains("{name}") && !text.contains("{found}"), "{issue:?}");
            }
            assert!(issue.key == "malformed" || !issue.place.is_empty(), "{issue:?}");
        }
    }
}

#[test]
fn an_outcome_has_the_place_the_rule_and_both_languages() {
    let report = crate::support::validator().validate(br#"{"resourceType": "Patient", "gender": "m"}"#, &[]);
    let outcome = report.outcome(|issue| issue.severity == tsumugi_profiles::Severity::Error);
    let issues = outcome["issue"].as_array().unwrap();
    assert_eq!(issues.len(), 1, "{outcome}");
    assert_eq!(issues[0]["expression"][0], "Patient.gender");
    assert_eq!(issues[0]["code"], "code-invalid");
    assert_eq!(issues[0]["extension"][0]["extension"][0]["valueCode"], "binding");
    let japanese = &issues[0]["details"]["_text"]["extension"][0]["extension"][1]["valueString"];
    assert!(
        japanese.as_str().unwrap().contains("administrative-gender"),
        "{outcome}"
    );
    // The outcome is a resource of R4 too.
    let again = crate::support::validator().validate(outcome.to_string().as_bytes(), &[]);
    assert!(again.is_valid(), "{:?}", again.issues);
}

#[test]
fn a_flood_of_errors_is_counted() {
    let names: Vec<String> = (0..1_500).map(|number| format!("\"x{number}\": 1")).collect();
    let resource = format!("{{\"resourceType\": \"Patient\", {}}}", names.join(", "));
    let report = crate::support::validator().validate(resource.as_bytes(), &[]);
    let last = report.issues.last().unwrap();
    assert_eq!(
        report
            .issues
            .iter()
            .filter(|issue| issue.key == "unknown-element")
            .count(),
        1_000
    );
    assert!(last.en.starts_with("500 more"), "{last:?}");
}

#[test]
fn a_broken_table_is_told_with_its_line() {
    let mut tables = crate::support::tables();
    for (path, text) in &mut tables {
        if path == "fhir/elements.tsv" {
            *text = text.replace(
                "Account\tidentifier\t0\t*\tIdentifier",
                "Account\tidentifier\t0\t*\tIdentifiers",
            );
        }
    }
    let sources: Vec<tsumugi_tables::Source<'_>> = tables
        .iter()
        .map(|(path, text)| tsumugi_tables::Source { path, text })
        .collect();
    let mistakes = tsumugi_profiles::Validator::new(&sources).unwrap_err();
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!(
        mistakes[0].to_string(),
        "data/fhir/elements.tsv:4: no type Identifiers"
    );
}
