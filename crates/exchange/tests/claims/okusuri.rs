use super::{Read, file, resources};
use jiff::civil::date;
use serde_json::json;
use std::fmt::Write as _;
use tsumugi_exchange::feed::Origin;
use tsumugi_exchange::incoming::{Evidence, Person};
use tsumugi_exchange::okusuri::{self, Tables};

pub(crate) fn read(bytes: &[u8], origin: &Origin) -> Read {
    let tables = Tables::embedded();
    Read::of(|sink| okusuri::read(bytes, origin, &tables, sink))
}

#[test]
fn a_dispensing_is_one_statement() {
    let bytes = file("notebook.txt");
    let read = read(&bytes, &Origin::file("notebook.txt"));
    read.covers(bytes.len());
    assert!(read.dead.is_empty());
    assert_eq!(read.statements.len(), 4);
    let first = &read.statements[0];
    assert_eq!(first.evidence, Evidence::Care);
    assert_eq!(first.civil.unwrap().to_string(), "2026-04-10T00:00:00");
    assert!(
        first.key.starts_with("2026-04-10/1347654321/1311234567/"),
        "{}",
        first.key
    );
    assert_eq!(first.person.name.as_deref(), Some("検査 太郎"));
    assert_eq!(first.person.birth_date.unwrap().to_string(), "1958-03-03");
    assert!(first.bytes.starts_with(b"5,R080410"));
    assert_eq!(
        read.statements[2].evidence,
        Evidence::Personal,
        "written down by the patient"
    );
    let texts: Vec<&str> = first.texts.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(
        texts,
        ["残薬確認\nアムロジピンが10錠残っている", "備考\n次回も同じ薬局で"]
    );
}

#[test]
fn drugs_have_codes_amounts_usage_and_where_they_come_from() {
    let read = read(&file("notebook.txt"), &Origin::file("x"));
    let drugs = resources(&read.statements[0], "MedicationDispense");
    assert_eq!(drugs.len(), 3);
    let daily = &drugs[0];
    assert_eq!(
        daily["medicationCodeableConcept"]["coding"][0]["system"],
        "urn:oid:1.2.392.100495.20.2.71"
    );
    assert_eq!(
        daily["medicationCodeableConcept"]["coding"][1]["code"],
        "3131002M1ZZZ"
    );
    assert_eq!(daily["medicationCodeableConcept"]["text"], "検査カプセル5mg");
    assert_eq!(daily["daysSupply"]["value"], 5);
    assert_eq!(daily["whenHandedOver"], "2026-04-10");
    assert_eq!(
        daily["performer"][0]["actor"],
        json!({ "identifier": { "system": "http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no", "value": "1347654321" }, "display": "検査薬局 駅前店" })
    );
    assert_eq!(
        daily["authorizingPrescription"][0]["display"],
        "検査クリニック 内科 検査 三郎"
    );
    let usage = &daily["dosageInstruction"][0];
    assert_eq!(usage["text"], "【分3 毎食後服用】");
    assert_eq!(usage["timing"]["code"]["coding"][0]["code"], "1013044400000000");
    assert_eq!(
        usage["doseAndRate"][0]["rateRatio"]["numerator"],
        json!({ "value": 6, "unit": "C" })
    );
    let notes: Vec<_> = daily["note"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["text"].as_str().unwrap())
        .collect();
    assert_eq!(notes, ["一包化", "眠気に注意", "食後すぐに"]);
    // 外用: the amount is all of it; 屯服: for one dose, as often as counted.
    assert_eq!(drugs[1]["quantity"], json!({ "value": 14, "unit": "枚" }));
    assert!(drugs[1].get("daysSupply").is_none());
    assert_eq!(
        drugs[1]["medicationCodeableConcept"]["coding"][0]["system"],
        "http://capstandard.jp/iyaku.info/CodeSystem/YJ-code"
    );
    assert_eq!(drugs[2]["dosageInstruction"][0]["timing"]["repeat"]["count"], 5);
    assert_eq!(
        drugs[2]["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"],
        1
    );
    assert_eq!(
        drugs[2]["medicationCodeableConcept"]["coding"][0]["system"],
        "http://medis.or.jp/CodeSystem/master-HOT9"
    );
    let uncoded = &resources(&read.statements[1], "MedicationDispense")[0];
    assert_eq!(
        uncoded["medicationCodeableConcept"],
        json!({ "text": "検査錠10mg" })
    );
}

/// Thirty millilitres of a gargle are no dose: what nobody says is kept in words.
#[test]
fn an_amount_whose_meaning_is_not_known_is_a_note() {
    for (usage, codes) in [
        ("301,1,1日3回,10,日分,88,1,,1\r\n", vec!["unknown-form"]),
        ("301,1,1日3回,10,日分,,1,,1\r\n", vec!["unknown-form"]),
        ("", vec!["no-usage", "unknown-form"]),
        ("301,1,1日3回,10,日分,1,1,,1\r\n", vec![]),
        ("301,1,疼痛時,10,回分,3,1,,1\r\n", vec![]),
    ] {
        let text = format!(
            "JAHISTC08,1\r\n1,検査 太郎,1,S330303\r\n5,R080410,1\r\n11,検査薬局,13,4,7654321,,,,1\r\n201,1,検査液,30,mL,1,,1\r\n{usage}"
        );
        let read = read(text.as_bytes(), &Origin::file("x"));
        let told: Vec<&str> = read.codes().into_iter().filter(|code| *code != "utf-8").collect();
        assert_eq!(told, codes, "{usage}");
        let drug = &resources(&read.statements[0], "MedicationDispense")[0];
        let is_unknown = codes.contains(&"unknown-form");
        assert_eq!(
            drug["dosageInstruction"][0]["doseAndRate"].is_null(),
            is_unknown,
            "{usage}"
        );
        assert_eq!(drug["note"][0]["text"] == "30 mL", is_unknown, "{usage}");
    }
}

#[test]
fn what_the_person_told_is_a_statement_of_its_own() {
    let read = read(&file("notebook.txt"), &Origin::file("x"));
    let own = &read.statements[3];
    assert_eq!(own.evidence, Evidence::Personal);
    let texts: Vec<&str> = own.texts.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "アレルギー歴\n卵アレルギー",
            "既往歴\n胃潰瘍",
            "手帳メモ\nよく眠れない"
        ]
    );
    let bought = &resources(own, "MedicationStatement")[0];
    assert_eq!(
        bought["effectivePeriod"],
        json!({ "start": "2026-04-01", "end": "2026-04-03" })
    );
    assert_eq!(bought["note"][0]["text"], "アセトアミノフェン");
    let weight = &resources(own, "Observation")[0];
    assert_eq!(
        (
            &weight["code"]["coding"][0]["code"],
            &weight["valueQuantity"]["value"]
        ),
        (&json!("29463-7"), &json!(61.5))
    );
}

#[test]
fn charset_and_parts_change_nothing() {
    let whole = read(&file("notebook.txt"), &Origin::file("x"));
    let utf8 = read(&file("notebook_utf8.txt"), &Origin::file("x"));
    let (one, two) = (file("split_1_of_2.txt"), file("split_2_of_2.txt"));
    assert_eq!(okusuri::split(&one).unwrap().sequence, 1);
    assert_eq!(okusuri::split(&two).unwrap().total, 2);
    assert_eq!(okusuri::split(&file("notebook.txt")), None);
    // The second part first: codes are read in any order.
    let joined = [two.as_slice(), one.as_slice()].concat();
    let parts = read(&joined, &Origin::file("x"));
    parts.covers(joined.len());
    for other in [&utf8, &parts] {
        assert_eq!(other.statements.len(), whole.statements.len());
        for (a, b) in whole.statements.iter().zip(&other.statements) {
            assert_eq!(
                (&a.key, &a.resources, &a.texts, &a.person),
                (&b.key, &b.resources, &b.texts, &b.person)
            );
        }
    }
    assert_eq!(
        (utf8.statements[0].charset, whole.statements[0].charset),
        ("utf-8", "windows-31j")
    );
}

#[test]
fn a_notebook_of_another_person_is_not_let_in() {
    let named = |born| Origin {
        person: Some(Person {
            issuer: "h".to_owned(),
            number: "1".to_owned(),
            birth_date: Some(born),
            ..Person::default()
        }),
        ..Origin::file("x")
    };
    let bytes = file("notebook.txt");
    let other = read(&bytes, &named(date(1960, 1, 1)));
    other.covers(bytes.len());
    assert!(other.statements.is_empty());
    assert_eq!(other.codes(), ["other-patient"]);
    let same = read(&bytes, &named(date(1958, 3, 3)));
    assert_eq!(same.statements.len(), 4);
    assert_eq!(same.statements[0].person.number, "1");
    assert_eq!(same.statements[0].key, "2026-04-10/1347654321/1311234567");
}

#[test]
fn a_text_that_no_notebook_can_be_is_dead_as_a_whole_and_many_records_take_no_longer() {
    let bytes = vec![b'1'; 5 << 20];
    let big = read(&bytes, &Origin::file("x"));
    big.covers(bytes.len());
    assert_eq!(big.codes(), ["oversized-text"]);
    let mut many = "JAHISTC08,1\n1,X,1,S330303\n".to_owned();
    for number in 0..20_000 {
        let _ = write!(many, "3,drug,,,2,{number},\n31,{number},part,1,,2\n");
    }
    many += "5,R080410,1\n11,Y,13,4,7654321\n";
    for number in 0..20_000 {
        let _ = write!(
            many,
            "201,{number},drug,1,T,1,,1\n301,{number},daily,5,days,1,1,,1\n"
        );
    }
    let began = std::time::Instant::now();
    let read = read(many.as_bytes(), &Origin::file("x"));
    assert_eq!(read.statements.len(), 2);
    assert_eq!(
        (
            read.statements[0].resources.len(),
            read.statements[1].resources.len()
        ),
        (20_000, 20_000)
    );
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}
