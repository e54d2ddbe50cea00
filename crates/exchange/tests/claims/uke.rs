use super::{Read, file, resources};
use serde_json::json;
use std::io::BufReader;
use tsumugi_clinical::Sex;
use tsumugi_exchange::claims::{Tables, uke};
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::{Evidence, Handed, Severity};

pub(crate) fn read(bytes: &[u8], origin: &Origin) -> Read {
    let tables = Tables::embedded();
    // A small buffer: a stream gives its bytes in pieces.
    Read::of(|sink| uke::read(BufReader::with_capacity(7, bytes), origin, &tables, sink))
}

#[test]
fn a_claim_is_one_statement_with_its_lines() {
    let bytes = file("receiptc.uke");
    let read = read(&bytes, &Origin::file("receiptc.uke"));
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    assert!(read.dead.is_empty());
    let claim = &read.statements[0];
    assert_eq!(claim.evidence, Evidence::Claim);
    assert_eq!(claim.person.issuer, "urn:oid:1.2.392.100495.20.3.51.11311234567");
    assert_eq!(claim.person.number, "0001234");
    assert_eq!(claim.person.name.as_deref(), Some("検査 太郎"));
    assert_eq!(claim.person.kana.as_deref(), Some("ケンサ タロウ"));
    assert_eq!(claim.person.sex, Some(Sex::Male));
    assert_eq!(claim.person.birth_date.unwrap().to_string(), "1958-03-03");
    assert_eq!(
        claim.person.other_numbers,
        [(
            "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID".to_owned(),
            "06139999:検:101:01".to_owned()
        )]
    );
    assert_eq!(
        (claim.key.as_str(), claim.sequence.as_str()),
        ("2026-04/1112/06139999", "2026-05")
    );
    assert_eq!(claim.civil.unwrap().to_string(), "2026-04-01T00:00:00");
    assert_eq!(claim.place.line, Some(2));
    assert!(claim.bytes.starts_with(b"RE,1,1112") && claim.bytes.ends_with(b"\r\n"));
    assert_eq!(claim.charset, "windows-31j");
    // The total is right: nothing is told but the record of the second claim that nobody knows.
    assert_eq!(read.codes(), ["unknown-record"]);
    assert_eq!(read.problems[0].place.field.as_deref(), Some("ZZ"));
}

#[test]
fn diseases_carry_doubt_outcome_role_and_no_code_where_there_is_none() {
    let read = read(&file("receiptc.uke"), &Origin::file("x"));
    let diseases = resources(&read.statements[0], "Condition");
    assert_eq!(diseases.len(), 3);
    let coding = |code: &str| json!([{ "system": "http://jpfhir.jp/fhir/core/mhlw/CodeSystem/masterB-disease", "code": code }]);
    assert_eq!(diseases[0]["code"]["coding"], coding("8830592"));
    assert_eq!(
        diseases[0]["verificationStatus"]["coding"][0]["code"],
        "confirmed"
    );
    assert_eq!(diseases[0]["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!(diseases[0]["onsetDateTime"], "2020-04-10");
    assert_eq!(diseases[0]["category"][1]["coding"][0]["code"], "main");
    assert!(diseases[0].get("abatementDateTime").is_none());
    assert_eq!(
        diseases[1]["verificationStatus"]["coding"][0]["code"],
        "unconfirmed"
    );
    assert_eq!(diseases[1]["onsetDateTime"], "2026-04-01");
    assert_eq!(
        diseases[1]["code"]["extension"][0]["url"],
        "http://jpfhir.jp/fhir/core/Extension/StructureDefinition/JP_Condition_DiseasePostfixModifier"
    );
    assert_eq!(diseases[2]["code"], json!({ "text": "検査のための病名" }));
    assert_eq!(diseases[2]["clinicalStatus"]["coding"][0]["code"], "resolved");
    assert_eq!(diseases[2]["abatementDateTime"], "2026-04");
    assert_eq!(diseases[2]["note"][0]["text"], "補足");
    let other = resources(&read.statements[1], "Condition");
    assert!(
        other[0]["code"]["extension"][0]["url"]
            .as_str()
            .unwrap()
            .ends_with("PrefixModifier")
    );
}

#[test]
fn a_group_shares_category_times_and_days() {
    let read = read(&file("receiptc.uke"), &Origin::file("x"));
    let drugs = resources(&read.statements[0], "MedicationRequest");
    assert_eq!(drugs.len(), 3);
    // 内服: the amount is of a day, times are days; the first line has its days from itself, both have 14.
    for (drug, amount) in drugs.iter().zip(["3", "1.50"]) {
        assert_eq!(drug["category"][0]["coding"][0]["code"], "21");
        let rate = &drug["dosageInstruction"][0]["doseAndRate"][0]["rateRatio"];
        assert_eq!(
            rate["numerator"]["value"].to_string(),
            amount.trim_end_matches('0').trim_end_matches('.').to_owned()
        );
        assert_eq!(rate["denominator"]["code"], "d");
        assert_eq!(drug["dispenseRequest"]["expectedSupplyDuration"]["value"], 14);
        assert_eq!(drug["authoredOn"], "2026-04-05");
    }
    let second = &read.statements[0]
        .resources
        .iter()
        .filter(|one| one.kind == "MedicationRequest")
        .nth(1)
        .unwrap()
        .json;
    assert!(
        String::from_utf8_lossy(second).contains("\"value\":1.50"),
        "decimals keep their text"
    );
    assert_eq!(drugs[1]["note"][0]["text"], "朝食後を希望");
    assert_eq!(drugs[2]["dispenseRequest"]["quantity"]["value"], 50);
    // The injection of the second claim has neither times nor days of its own: those of its group hold.
    let given = resources(&read.statements[1], "MedicationAdministration");
    assert_eq!(
        given[0]["effectivePeriod"],
        json!({ "start": "2026-04-02", "end": "2026-04-03" })
    );
    assert_eq!(given[0]["dosage"]["dose"]["value"], 2);
    assert_eq!(
        given[0]["extension"][0]["valueTiming"]["event"],
        json!(["2026-04-02", "2026-04-03"])
    );
    assert_eq!(given[0]["category"]["coding"][0]["code"], "33");
}

#[test]
fn acts_materials_stays_and_texts() {
    let read = read(&file("receiptc.uke"), &Origin::file("x"));
    let acts = resources(&read.statements[0], "Procedure");
    assert_eq!(acts.len(), 2);
    assert_eq!(acts[0]["performedDateTime"], "2026-04-05");
    assert_eq!(
        acts[1]["performedPeriod"],
        json!({ "start": "2026-04-05", "end": "2026-04-19" })
    );
    assert_eq!(acts[1]["note"][0]["text"], "820100001");
    let supplies = resources(&read.statements[0], "SupplyDelivery");
    assert_eq!(
        supplies[0]["suppliedItem"]["itemCodeableConcept"]["text"],
        "検査用チューブ"
    );
    assert_eq!(supplies[0]["occurrenceDateTime"], "2026-04-19");
    let stay = resources(&read.statements[1], "Encounter");
    assert_eq!(stay[0]["period"]["start"], "2026-04-02");
    // Nothing in a claim ends a stay: `in-progress` would hold for ever.
    assert_eq!(stay[0]["status"], "unknown");
    let texts: Vec<&str> = read.statements[0]
        .texts
        .iter()
        .map(|text| text.text.as_str())
        .collect();
    assert_eq!(
        texts,
        [
            "次回は血液検査を行う予定",
            "高血圧で通院中。\n4月に咳嗽が続いた。"
        ]
    );
    assert_eq!(
        read.statements[0].texts[1].title.as_deref(),
        Some("患者の主たる疾患の臨床症状")
    );
}

#[test]
fn a_named_facility_issues_the_numbers_and_a_taker_may_stop() {
    let bytes = file("receiptc.uke");
    let origin = Origin {
        facility: Some("https://hospital.example/id".to_owned()),
        ..Origin::file("x")
    };
    assert_eq!(
        read(&bytes, &origin).statements[1].person.issuer,
        "https://hospital.example/id"
    );
    let tables = Tables::embedded();
    let mut seen = 0;
    let summary = uke::read(bytes.as_slice(), &origin, &tables, &mut |handed| {
        seen += 1;
        !matches!(handed, Handed::Statement(_))
    });
    assert!(summary.stopped && summary.statements == 1 && seen == 1);
}

#[test]
fn the_same_file_gives_the_same_keys_and_problems_name_no_patient() {
    let bytes = file("receiptc.uke");
    let (one, two) = (read(&bytes, &Origin::file("x")), read(&bytes, &Origin::file("y")));
    let keys = |read: &Read| {
        read.statements
            .iter()
            .map(|one| one.key.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&one), keys(&two));
    for problem in &one.problems {
        assert!(problem.severity != Severity::Error);
        assert!(!problem.message.contains('太') && !problem.message.contains('花'));
    }
}

#[test]
fn a_line_of_ten_megabytes_is_dead_and_its_neighbours_are_in() {
    let text = String::from_utf8_lossy(&file("receiptc.uke")).into_owned();
    assert!(text.contains("RE,2"));
    let mut bytes = file("receiptc.uke");
    let place = bytes.windows(5).position(|window| window == b"RE,2,").unwrap();
    let mut long = vec![b'x'; 10 << 20];
    long.extend_from_slice(b"\r\n");
    bytes.splice(place..place, long);
    let read = read(&bytes, &Origin::file("x"));
    read.covers(bytes.len());
    assert_eq!(read.statements.len(), 2);
    assert!(
        read.dead.len() >= 2
            && read
                .dead
                .iter()
                .all(|(problem, _)| problem.code == "overlong-line")
    );
}
