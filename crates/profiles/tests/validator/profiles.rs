//! Profiles of our own with every kind of slicing that Japanese packages use: what is right passes, each wrong resource
//! fails at its place for its reason; what cannot be checked is never valid.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tsumugi_profiles::{Package, PackageError, Report, Validator, store};

const BASE: &str = "http://example.org/";

/// A definition with a snapshot: the root, and the elements of `path`.
fn definition(name: &str, of: &str, version: &str, elements: &[Value]) -> Value {
    let mut all = vec![json!({"id": of, "path": of, "min": 0, "max": "*"})];
    all.extend_from_slice(elements);
    json!({"resourceType": "StructureDefinition", "url": format!("{BASE}{name}"), "name": name, "version": version,
        "kind": "resource", "type": of, "derivation": "constraint", "status": "active",
        "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{of}"), "snapshot": {"element": all}})
}

/// An element: id, least and most, and what else it says.
fn element(id: &str, counts: &str, more: &Value) -> Value {
    let path: Vec<&str> = id
        .split('.')
        .map(|part| part.split(':').next().unwrap())
        .collect();
    let (min, max) = counts.split_once("..").unwrap();
    let mut element =
        json!({"id": id, "path": path.join("."), "min": min.parse::<u32>().unwrap(), "max": max});
    if let Some((_, name)) = id.rsplit('.').next().unwrap().split_once(':') {
        element["sliceName"] = json!(name);
    }
    let fields = element.as_object_mut().unwrap();
    fields.extend(more.as_object().cloned().unwrap_or_default());
    element
}

/// The package of our own.
fn resources() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/validator/package");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
        .collect()
}

/// Its profile of results, as another version.
fn result(version: &str) -> Value {
    let is_result = |resource: &&Value| resource["url"] == format!("{BASE}result");
    let mut result = resources().iter().find(is_result).cloned().unwrap();
    result["version"] = json!(version);
    result
}

fn validator_of(packages: &[(&str, &str, Vec<Value>)]) -> Validator {
    let validator = crate::support::validator();
    let read: Vec<Package> = packages
        .iter()
        .map(|(name, version, resources)| {
            Package::read(
                validator.schema(),
                &crate::support::archive(name, version, resources),
            )
            .unwrap()
        })
        .collect();
    // As a site has it: written and read again.
    let kept = store::from_bytes(&store::to_bytes(&read)).unwrap();
    assert_eq!(kept, read);
    validator.with_packages(&kept)
}

fn validator() -> Validator {
    validator_of(&[("a", "1", resources())])
}

fn good_patient() -> Value {
    json!({"resourceType": "Patient", "meta": {"profile": [format!("{BASE}patient|1")]},
        "identifier": [{"system": "urn:card", "value": "1"}, {"system": "urn:other", "value": "2"}]})
}

fn good_result() -> Value {
    json!({"resourceType": "Observation", "meta": {"profile": [format!("{BASE}result")], "tag": [{"code": "LTS"}]},
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:card", "value": "1"}]}],
        "extension": [{"url": format!("{BASE}site"), "valueIdentifier": {"value": "1234567890"}}],
        "status": "final", "category": [{"coding": [{"system": "urn:category", "code": "laboratory"}]}],
        "code": {"text": "a", "coding": [{"system": "urn:core", "code": "1", "display": "ALB"}, {"system": "urn:local", "code": "x1"}]},
        "subject": {"reference": "#p"}, "valueQuantity": {"value": 1, "unit": "g"}})
}

fn good_bundle() -> Value {
    let mut result = good_result();
    result["contained"] = json!(null);
    result.as_object_mut().unwrap().remove("contained");
    result["subject"]["reference"] = json!("urn:uuid:00000000-0000-4000-8000-000000000001");
    json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": good_patient()},
        {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": result}]})
}

fn good_document() -> Value {
    json!({"resourceType": "Composition", "status": "final", "type": {"text": "a"}, "date": "2026-11-29", "title": "a",
        "author": [{"display": "a"}],
        "contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "urn:card", "value": "1"}]}],
        "section": [{"code": {"coding": [{"code": "920"}]}, "entry": [{"reference": "#p"}]}, {"code": {"text": "b"}, "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"}}]})
}

fn found(report: &Report) -> Vec<String> {
    let told = report.issues.iter().filter(|issue| issue.rule != "dom-6");
    told.map(|issue| format!("{} {} {}", issue.severity.word(), issue.place, issue.rule))
        .collect()
}

/// What is changed of a good resource, and what must be found then.
type Case = (&'static str, fn(&mut Value), &'static [&'static str]);

const RESULTS: &[Case] = &[
    ("good", |_| {}, &[]),
    (
        "a foreign tag",
        |it| it["meta"]["tag"] = json!([{"code": "DUMMY"}]),
        &["error Observation.meta.tag[0] slice"],
    ),
    (
        "a tag twice",
        |it| it["meta"]["tag"] = json!([{"code": "LTS"}, {"code": "LTS"}]),
        &["error Observation.meta.tag slice"],
    ),
    (
        "another status",
        |it| it["status"] = json!("amended"),
        &["error Observation.status fixed"],
    ),
    (
        "another category",
        |it| it["category"][0]["coding"][0]["code"] = json!("imaging"),
        &["error Observation.category slice"],
    ),
    (
        "no category",
        |it| drop(it.as_object_mut().unwrap().remove("category")),
        &[
            "error Observation.category cardinality",
            "error Observation.category slice",
        ],
    ),
    (
        "a code of another item",
        |it| it["code"]["coding"][0]["code"] = json!("3"),
        &["error Observation.code.coding[0].code binding"],
    ),
    (
        "a code that the set takes out",
        |it| it["code"]["coding"][0]["code"] = json!("2"),
        &["error Observation.code.coding[0].code binding"],
    ),
    (
        "another item is open",
        |it| it["code"]["coding"][0]["display"] = json!("ALP"),
        &[],
    ),
    (
        "no local code",
        |it| drop(it["code"]["coding"].as_array_mut().unwrap().remove(1)),
        &["error Observation.code.coding slice"],
    ),
    (
        "two local codes",
        |it| {
            it["code"]["coding"]
                .as_array_mut()
                .unwrap()
                .push(json!({"system": "urn:local", "code": "y", "display": "b"}));
        },
        &["error Observation.code.coding slice"],
    ),
    (
        "a local code too long",
        |it| it["code"]["coding"][1]["code"] = json!("12345"),
        &["error Observation.code.coding[1].code length"],
    ),
    (
        "a text that the constraint forbids",
        |it| it["code"]["text"] = json!("12"),
        &["error Observation.code code-1"],
    ),
    (
        "a type that the profile does not take",
        |it| {
            it.as_object_mut().unwrap().remove("valueQuantity");
            it["valueBoolean"] = json!(true);
        },
        &["error Observation.value.ofType(boolean) type"],
    ),
    (
        "no unit in the slice of a type",
        |it| it["valueQuantity"] = json!({"value": 1}),
        &["error Observation.value.ofType(Quantity).unit cardinality"],
    ),
    (
        "no extension",
        |it| drop(it.as_object_mut().unwrap().remove("extension")),
        &["error Observation.extension slice"],
    ),
    (
        "a wrong value of the extension",
        |it| it["extension"][0]["valueIdentifier"]["value"] = json!("1"),
        &["error Observation.extension[0].value.ofType(Identifier).value site-1"],
    ),
    (
        "an extension of another type",
        |it| it["extension"][0] = json!({"url": format!("{BASE}site"), "valueString": "a"}),
        &["error Observation.extension[0].value.ofType(string) type"],
    ),
    (
        "a contained resource that breaks its profile",
        |it| it["contained"][0]["identifier"][0]["system"] = json!("urn:x"),
        &[
            "error Observation.contained[0].identifier slice",
            "error Observation.subject reference",
        ],
    ),
    (
        "a subject of another type",
        |it| it["subject"]["reference"] = json!("Group/1"),
        &["error Observation.subject reference", "error Observation dom-3"],
    ),
];

const BUNDLES: &[Case] = &[
    ("good", |_| {}, &[]),
    (
        "another type",
        |it| it["type"] = json!("searchset"),
        &["error Bundle.type fixed"],
    ),
    (
        "a Patient at the end",
        |it| it["entry"].as_array_mut().unwrap().reverse(),
        &["error Bundle.entry[1] slice"],
    ),
    (
        "no Patient",
        |it| drop(it["entry"].as_array_mut().unwrap().remove(0)),
        &["error Bundle.entry slice"],
    ),
    (
        "an entry of another type",
        |it| {
            it["entry"].as_array_mut().unwrap().push(
                json!({"fullUrl": "urn:x:1", "resource": {"resourceType": "Organization", "name": "a"}}),
            );
        },
        &["error Bundle.entry[2] slice"],
    ),
    (
        "an entry without a claim is of the slice of its type",
        |it| {
            it["entry"][1]["resource"]["meta"]
                .as_object_mut()
                .unwrap()
                .remove("profile");
            it["entry"][1]["resource"]["status"] = json!("amended");
        },
        &["error Bundle.entry[1].resource.status fixed"],
    ),
];

const DOCUMENTS: &[Case] = &[
    ("good", |_| {}, &[]),
    (
        "no such section",
        |it| it["section"][0]["code"]["coding"][0]["code"] = json!("921"),
        &["error Composition.section slice"],
    ),
    (
        "an entry of another type",
        |it| {
            it["section"][0]["entry"]
                .as_array_mut()
                .unwrap()
                .push(json!({"reference": "Group/1"}));
        },
        &["error Composition.section[0].entry[1] slice"],
    ),
];

#[test]
fn results_fail_where_they_were_changed() {
    let validator = validator();
    for (name, change, wanted) in RESULTS {
        let mut resource = good_result();
        change(&mut resource);
        let report = validator.validate(resource.to_string().as_bytes(), &[]);
        let mut told = found(&report);
        let mut wanted: Vec<&str> = wanted.to_vec();
        told.sort();
        wanted.sort_unstable();
        assert_eq!(told, wanted, "{name}: {:#?}", report.issues);
    }
}

#[test]
fn bundles_and_documents_fail_where_they_were_changed() {
    let validator = validator();
    // The Bundle's own constraint uses what is not known: it is told, and never passed in silence.
    for (name, change, wanted) in BUNDLES {
        let mut bundle = good_bundle();
        change(&mut bundle);
        let report = validator.validate(bundle.to_string().as_bytes(), &[format!("{BASE}bundle")]);
        let mut told = found(&report);
        assert!(
            report
                .issues
                .iter()
                .any(|issue| issue.key == "constraint-unchecked" && issue.en.contains("b-1")),
            "{name}"
        );
        told.retain(|line| !line.starts_with("information"));
        assert_eq!(told, *wanted, "{name}: {:#?}", report.issues);
        assert!(!report.is_whole(), "{name}");
    }
    for (name, change, wanted) in DOCUMENTS {
        let mut document = good_document();
        change(&mut document);
        let report = validator.validate(document.to_string().as_bytes(), &[format!("{BASE}section|1")]);
        assert_eq!(found(&report), *wanted, "{name}: {:#?}", report.issues);
        assert!(report.is_whole(), "{name}");
    }
}

#[test]
fn what_may_stand_at_the_end_only_is_told_before_it() {
    let validator = validator();
    let mut patient = good_patient();
    patient["identifier"].as_array_mut().unwrap().reverse();
    let report = validator.validate(patient.to_string().as_bytes(), &[]);
    assert_eq!(found(&report), ["error Patient.identifier[1] slice"]);
}

#[test]
fn versions_stand_side_by_side() {
    let mut other = result("2");
    other["snapshot"]["element"]
        .as_array_mut()
        .unwrap()
        .retain(|element| {
            !element["id"]
                .as_str()
                .unwrap()
                .starts_with("Observation.meta.tag")
        });
    let validator = validator_of(&[("a", "1", resources()), ("a", "2", vec![other])]);
    let mut resource = good_result();
    resource["meta"]["tag"] = json!([{"code": "DUMMY"}]);
    let mut told = |claim: &str| {
        resource["meta"]["profile"] = json!([claim]);
        found(&validator.validate(resource.to_string().as_bytes(), &[]))
    };
    assert_eq!(
        told(&format!("{BASE}result|1")),
        ["error Observation.meta.tag[0] slice"]
    );
    assert!(told(&format!("{BASE}result|2")).is_empty());
    assert!(
        told(&format!("{BASE}result")).is_empty(),
        "the newest counts where no version is stated"
    );
    assert_eq!(
        told(&format!("{BASE}result|3")),
        ["error Observation.meta.profile[0] profile"]
    );
    assert_eq!(
        told("urn:unknown"),
        ["information Observation.meta.profile[0] profile"]
    );
    assert_eq!(
        validator.profile(&format!("{BASE}result")),
        Ok(format!("{BASE}result|2"))
    );
    assert_eq!(
        validator.profile(&format!("{BASE}result|3")),
        Err("1, 2".to_owned())
    );
}

#[test]
fn a_value_set_that_is_not_here_is_told_as_not_checked() {
    let mut without = resources();
    without.retain(|resource| resource["resourceType"] != "CodeSystem");
    let report = validator_of(&[("a", "1", without)]).validate(good_result().to_string().as_bytes(), &[]);
    assert_eq!(
        found(&report),
        ["information Observation.code.coding[0].code binding"]
    );
    assert!(report.is_valid() && !report.is_whole());
}

#[test]
fn what_cannot_be_checked_is_an_error() {
    let slicing = |slicing: Value| {
        definition(
            "odd",
            "Patient",
            "1",
            &[
                element("Patient.identifier", "0..*", &json!({"slicing": slicing})),
                element("Patient.identifier:a", "0..1", &json!({})),
            ],
        )
    };
    let odd = [
        (
            slicing(json!({"rules": "open", "discriminator": [{"type": "exists", "path": "use"}]})),
            "sliced by exists",
        ),
        (
            slicing(
                json!({"rules": "open", "discriminator": [{"type": "value", "path": "extension('a').value"}]}),
            ),
            "path extension('a').value",
        ),
        (
            slicing(json!({"rules": "open", "discriminator": [{"type": "value", "path": "value"}]})),
            "nothing tells the slice identifier:a",
        ),
        (
            definition(
                "odd",
                "Patient",
                "1",
                &[element("Patient.nickname", "0..1", &json!({}))],
            ),
            "R4 has no element Patient.nickname",
        ),
        (definition("odd", "Petient", "1", &[]), "Petient is no type of R4"),
    ];
    for (profile, reason) in odd {
        let validator = validator_of(&[("a", "1", vec![profile])]);
        let report = validator.validate(
            good_patient().to_string().replace(BASE, "urn:x").as_bytes(),
            &[format!("{BASE}odd")],
        );
        let told = report
            .issues
            .iter()
            .find(|issue| issue.key == "profile-uncheckable");
        assert!(
            told.is_some_and(|issue| issue.en.contains(reason)),
            "{reason}: {:#?}",
            report.issues
        );
        assert!(!report.is_valid());
    }
}

#[test]
fn packages_that_are_none_are_refused() {
    let schema = crate::support::validator();
    let read = |bytes: &[u8]| Package::read(schema.schema(), bytes).unwrap_err();
    let mut bare = result("1");
    bare.as_object_mut().unwrap().remove("snapshot");
    assert_eq!(
        read(&crate::support::archive("a", "1", &[bare])),
        PackageError::NoSnapshots {
            count: 1,
            names: "result".to_owned()
        }
    );
    assert_eq!(read(&crate::support::archive("a", "1", &[])), PackageError::Empty);
    assert!(matches!(read(b"no archive"), PackageError::Archive(_)));
    let whole = crate::support::archive("a", "1", &resources());
    assert!(matches!(
        read(&whole[..whole.len() / 2]),
        PackageError::Archive(_)
    ));
    assert_eq!(
        read(&crate::support::tgz(&[(
            "package/a.json".to_owned(),
            b"{}".to_vec()
        )])),
        PackageError::NoManifest
    );
    let other = json!({"name": "a", "version": "1", "fhirVersions": ["5.0.0"]})
        .to_string()
        .into_bytes();
    assert_eq!(
        read(&crate::support::tgz(&[(
            "package/package.json".to_owned(),
            other
        )])),
        PackageError::OtherEdition("5.0.0".to_owned())
    );
    let manifest = (
        "package/package.json".to_owned(),
        br#"{"name": "a", "version": "1"}"#.to_vec(),
    );
    assert_eq!(
        read(&crate::support::tgz(&[
            manifest,
            ("package/b.json".to_owned(), b"{".to_vec())
        ])),
        PackageError::NotJson("b.json".to_owned())
    );
}

#[test]
fn names_in_an_archive_are_no_paths() {
    let schema = crate::support::validator();
    let manifest = (
        "package/package.json".to_owned(),
        br#"{"name": "a", "version": "1"}"#.to_vec(),
    );
    let system = json!({"resourceType": "CodeSystem", "url": "urn:a"})
        .to_string()
        .into_bytes();
    let files = [
        manifest,
        ("package/a.json".to_owned(), system.clone()),
        ("package/../../b.json".to_owned(), b"x".to_vec()),
        ("package/other/c.json".to_owned(), b"x".to_vec()),
        ("/d.json".to_owned(), b"x".to_vec()),
    ];
    let package = Package::read(schema.schema(), &crate::support::tgz(&files)).unwrap();
    assert_eq!(package.summary().code_systems, 1);
}

#[test]
fn an_altered_file_is_refused() {
    let validator = crate::support::validator();
    let package = Package::read(
        validator.schema(),
        &crate::support::archive("a", "1", &resources()),
    )
    .unwrap();
    let bytes = store::to_bytes(std::slice::from_ref(&package));
    for at in [bytes.len() - 1, bytes.len() / 2, 40] {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert_eq!(store::from_bytes(&altered), Err(store::StoreError::Damaged));
    }
    assert_eq!(
        store::from_bytes(&bytes[..bytes.len() - 9]),
        Err(store::StoreError::Damaged)
    );
    assert_eq!(store::from_bytes(b"x"), Err(store::StoreError::NotProfiles));
    let mut newer = bytes;
    newer[17] = 9;
    assert_eq!(
        store::from_bytes(&newer),
        Err(store::StoreError::OtherFormat { found: 9 })
    );
}
