use super::{Read, file, resources};
use serde_json::json;
use tsumugi_clinical::Sex;
use tsumugi_exchange::claims::Tables;
use tsumugi_exchange::claims::dpc::{self, Kind};
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::Evidence;

pub(crate) fn read(bytes: &[u8]) -> Read {
    let tables = Tables::embedded();
    Read::of(|sink| dpc::read(bytes, &Origin::file("dpc.txt"), &tables, sink))
}

#[test]
fn files_are_told_apart_by_their_lines() {
    for (name, kind) in [
        ("ff1.txt", Kind::Form1),
        ("efn.txt", Kind::Ef),
        ("en.txt", Kind::E),
        ("fn.txt", Kind::F),
        ("dn.txt", Kind::D),
        ("hn.txt", Kind::H),
    ] {
        let text = encoding_rs::SHIFT_JIS.decode(&file(name)).0.into_owned();
        let line = text
            .lines()
            .find(|line| line.starts_with("1312"))
            .unwrap()
            .to_owned();
        assert_eq!(Kind::of(&line), Some(kind), "{name}");
    }
    assert_eq!(Kind::of("a\tb"), None);
}

#[test]
fn a_form_is_one_statement_a_hospitalization() {
    let bytes = file("ff1.txt");
    let read = read(&bytes);
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    assert_eq!(read.codes(), ["unmapped-code"]);
    let form = &read.statements[0];
    assert_eq!(form.evidence, Evidence::Claim);
    assert_eq!(form.person.issuer, "urn:oid:1.2.392.100495.20.3.51.11311234567");
    assert_eq!(form.person.sex, Some(Sex::Male));
    assert_eq!(form.person.birth_date.unwrap().to_string(), "1958-03-03");
    assert_eq!(form.key, "form1/20260402/0/0");
    let stay = &resources(form, "Encounter")[0];
    assert_eq!(
        stay["period"],
        json!({ "start": "2026-04-02", "end": "2026-04-10" })
    );
    assert_eq!(
        stay["hospitalization"]["dischargeDisposition"]["coding"][0]["code"],
        "1/2"
    );
    let diseases = resources(form, "Condition");
    let roles: Vec<_> = diseases
        .iter()
        .map(|one| one["category"][1]["coding"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        roles,
        [
            "main",
            "admission",
            "resource",
            "comorbid",
            "comorbid",
            "complication"
        ]
    );
    assert_eq!(
        diseases[0]["code"]["coding"][1],
        json!({ "system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full", "code": "I50.9" })
    );
    assert_eq!(diseases[0]["code"]["coding"][0]["code"], "4289018");
    assert_eq!(
        diseases[1]["verificationStatus"]["coding"][0]["code"],
        "unconfirmed"
    );
    assert_eq!(diseases[4]["code"]["coding"][1]["code"], "I10");
    let operation = &resources(form, "Procedure")[0];
    assert_eq!(operation["code"]["coding"][0]["code"], "K5462");
    assert_eq!(operation["performedDateTime"], "2026-04-04");
    assert_eq!(operation["bodySite"][0]["coding"][0]["code"], "left");
    let measured = resources(form, "Observation");
    let names: Vec<_> = measured
        .iter()
        .map(|one| one["code"]["text"].as_str().unwrap())
        .collect();
    // A weight of 000 was not measured.
    assert_eq!(names, ["予定・救急医療入院", "身長", "入院時体重", "入院時JCS"]);
    assert_eq!(measured[1]["valueQuantity"]["code"], "cm");
    let is_written = |text: &str| {
        let mut all = form.resources.iter();
        all.any(|one| String::from_utf8_lossy(&one.json).contains(text))
    };
    assert!(is_written("\"value\":61.50"), "decimals keep their text");
}

#[test]
fn details_take_the_day_and_the_times_of_their_act() {
    let bytes = file("efn.txt");
    let read = read(&bytes);
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    let stay = &read.statements[0];
    assert_eq!(stay.key, "ef/20260402/2026-04");
    let drugs = resources(stay, "MedicationRequest");
    assert_eq!(drugs.len(), 2);
    assert_eq!(drugs[0]["medicationCodeableConcept"]["text"], "検査錠5mg");
    assert_eq!(drugs[0]["authoredOn"], "2026-04-03");
    assert_eq!(drugs[0]["dispenseRequest"]["expectedSupplyDuration"]["value"], 7);
    let given = resources(stay, "MedicationAdministration");
    assert_eq!(given[0]["effectiveDateTime"], "2026-04-04");
    assert_eq!(given[0]["note"][0]["text"], "コメント");
    let acts = resources(stay, "Procedure");
    let codes: Vec<_> = acts
        .iter()
        .map(|one| one["code"]["coding"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["130003510", "160008010"],
        "an act without details stands for itself, one with details does not"
    );
    assert_eq!(resources(stay, "SupplyDelivery").len(), 1);
    assert_eq!(
        resources(&read.statements[1], "Condition")[0]["code"]["text"],
        "高血圧症"
    );
}

#[test]
fn e_and_f_apart_say_the_same_as_merged() {
    let (e, f) = (file("en.txt"), file("fn.txt"));
    let tables = Tables::embedded();
    let origins = (Origin::file("en.txt"), Origin::file("fn.txt"));
    let read = Read::of(|sink| {
        dpc::read_joined(
            (e.as_slice(), &origins.0),
            (f.as_slice(), &origins.1),
            &tables,
            sink,
        )
    });
    read.covers(e.len() + f.len());
    assert_eq!(read.statements.len(), 3);
    let stay = &read.statements[0];
    let drugs = resources(stay, "MedicationRequest");
    assert_eq!(drugs.len(), 2);
    assert_eq!(drugs[1]["authoredOn"], "2026-04-03");
    assert_eq!(drugs[1]["dispenseRequest"]["expectedSupplyDuration"]["value"], 7);
    assert_eq!(resources(stay, "Procedure").len(), 1);
    assert_eq!(
        resources(&read.statements[1], "Procedure")[0]["performedDateTime"],
        "2026-04-06"
    );
    // What stands in F only has no day of its own: the stay's.
    let alone = resources(&read.statements[2], "MedicationAdministration");
    assert_eq!(
        alone[0]["effectivePeriod"],
        json!({ "start": "2026-04-02", "end": "2026-04-10" })
    );
    let problem = &read.problems[0];
    assert_eq!(
        (problem.code, problem.place.file.as_str(), problem.place.line),
        ("detail-without-act", "fn.txt", Some(4))
    );
}

#[test]
fn the_group_a_stay_is_paid_by_and_the_care_it_needs() {
    let d = read(&file("dn.txt"));
    let stay = resources(&d.statements[0], "Encounter");
    assert_eq!(stay.len(), 1);
    assert_eq!(stay[0]["type"][0]["coding"][0]["code"], "050130xx9900x0");
    assert_eq!(resources(&d.statements[0], "Procedure").len(), 2);
    let bytes = file("hn.txt");
    let h = read(&bytes);
    h.covers(bytes.len());
    let needs = resources(&h.statements[0], "Observation");
    assert_eq!(needs.len(), 3);
    assert_eq!(needs[0]["effectiveDateTime"], "2026-04-02");
    assert_eq!(needs[0]["code"]["text"], "A モニタリング及び処置等");
    assert_eq!(needs[0]["component"].as_array().unwrap().len(), 4);
    assert_eq!(needs[0]["component"][1]["valueQuantity"]["value"], 1);
}
