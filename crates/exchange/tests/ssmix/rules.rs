//! Rules that a golden text would not make plain: identity, versions, whose a result is, tables.

#![expect(clippy::non_ascii_literal, reason = "what is sent is Japanese")]

use super::files::{files, read_hl7, read_ssmix2};
use tsumugi_exchange::incoming::{Handed, Incoming, Standing};

fn statements(handed: Vec<Handed>) -> Vec<Incoming> {
    handed
        .into_iter()
        .filter_map(|one| match one {
            Handed::Statement(incoming) => Some(*incoming),
            _ => None,
        })
        .collect()
}

fn of(name: &str) -> Vec<Incoming> {
    let (name, bytes) = files("hl7v2")
        .into_iter()
        .find(|(found, _)| found == name)
        .unwrap();
    statements(read_hl7(&name, &bytes))
}

#[test]
fn a_cancellation_has_the_key_of_what_it_cancels() {
    for (stated, cancelled) in [
        ("adt_a01.hl7", "adt_a11.hl7"),
        ("adt_a02.hl7", "adt_a12.hl7"),
        ("adt_a03.hl7", "adt_a13.hl7"),
    ] {
        let (stated, cancelled) = (&of(stated)[0], &of(cancelled)[0]);
        assert_eq!(stated.key, cancelled.key);
        assert_eq!(
            (stated.standing, cancelled.standing),
            (Standing::Valid, Standing::Deleted)
        );
        assert!(
            stated.sequence < cancelled.sequence,
            "{} {}",
            stated.sequence,
            cancelled.sequence
        );
    }
}

#[test]
fn a_changed_order_replaces_the_one_it_changes() {
    let (stopped, changed) = (&of("rde_dc.hl7")[0], &of("rde_xo.hl7")[0]);
    assert_eq!(stopped.key, changed.key);
    assert!(stopped.sequence < changed.sequence);
    assert_eq!(of("omg_ca.hl7")[0].standing, Standing::Deleted);
}

#[test]
fn results_of_two_patients_in_one_message_stay_apart_and_can_be_read_again() {
    let both = of("oru_two_patients.hl7");
    assert_eq!(both.len(), 2);
    for (incoming, (number, value)) in both.iter().zip([("9999901", "4.0"), ("9999902", "6.1")]) {
        assert_eq!(incoming.person.number, number);
        let json = String::from_utf8(incoming.resources[0].json.clone()).unwrap();
        assert!(json.contains(&format!("\"value\":{value}")), "{json}");
        let again = statements(read_hl7("again", &incoming.bytes));
        assert_eq!(again.len(), 1);
        assert_eq!(
            (&again[0].person, &again[0].resources),
            (&incoming.person, &incoming.resources)
        );
    }
}

#[test]
fn a_merge_tells_both_numbers() {
    let merges = of("adt_a40.hl7");
    let issuer = "urn:oid:1.2.392.100495.20.3.51.19999999999";
    assert_eq!(merges[0].person.number, "9999901");
    assert!(
        merges[0]
            .person
            .other_numbers
            .contains(&(issuer.to_owned(), "8888801".to_owned()))
    );
    assert_eq!(
        merges[1].person.other_numbers,
        [("HOSP".to_owned(), "8888802".to_owned())]
    );
    let json: serde_json::Value = serde_json::from_slice(&merges[0].resources[0].json).unwrap();
    assert_eq!(json["link"][0]["type"], "replaces");
    assert_eq!(json["link"][0]["other"]["identifier"]["value"], "8888801");
}

#[test]
fn the_same_message_says_the_same_however_its_lines_end() {
    let read = ["lf.hl7", "crlf.hl7"].map(|name| of(name).remove(0));
    assert_eq!(read[0].resources, read[1].resources);
    assert_eq!(read[0].person, read[1].person);
}

#[test]
fn versions_of_an_order_have_one_key_and_their_condition() {
    let path = |time: &str, condition: &str| {
        format!("999/990/9999901/20260401/OMP-01/9999901_20260401_OMP-01_185_{time}_01_{condition}")
    };
    let bytes = b"MSH|^~\\&|A|B|C|D|20260401||RDE^O11|1|P|2.5\rPID|1||9999901\rORC|NW|185\rRXE||1^A^HOT9|1\r";
    let read = |path: String, bytes: &[u8]| statements(read_ssmix2(&path, bytes)).remove(0);
    let first = read(path("20260401103000000", "2"), bytes);
    let second = read(path("20260401113000000", "1"), bytes);
    let third = read(path("20260401123000000", "0"), b"");
    assert!(first.key == second.key && second.key == third.key);
    assert!(first.sequence < second.sequence && second.sequence < third.sequence);
    assert_eq!(
        [first.standing, second.standing, third.standing],
        [Standing::Superseded, Standing::Valid, Standing::Deleted]
    );
}

#[test]
fn a_sink_that_has_enough_stops_the_parser() {
    let (_, bytes) = files("hl7v2")
        .into_iter()
        .find(|(name, _)| name == "batch.hl7")
        .unwrap();
    let mut count = 0;
    let went_on = tsumugi_exchange::hl7v2::read(&bytes, "batch", &mut |_| {
        count += 1;
        false
    });
    assert_eq!((went_on, count), (false, 1));
}

/// Statements of segments behind a header and a patient.
fn stated(kind: &str, sent: &str, segments: &str) -> Vec<Incoming> {
    let message = format!(
        "MSH|^~\\&|A|B|C|D|{sent}||{kind}|{sent}|P|2.5\rPID|1||9999901\rPV1|1|I\r{}\r",
        segments.replace('\n', "\r")
    );
    statements(read_hl7("peer", message.as_bytes()))
}

fn json(incoming: &Incoming, index: usize) -> serde_json::Value {
    serde_json::from_slice(&incoming.resources[index].json).unwrap()
}

/// Litres and hours are no flags.
#[test]
fn letters_glued_to_a_number_need_another_field_to_be_a_flag() {
    for (obx, number, words, flag) in [
        ("OBX|1|ST|U1^尿量||3L||||||F", None, "3L", None),
        ("OBX|1|ST|U2^安静||2H||||||F", None, "2H", None),
        ("OBX|1|ST|U1^尿量||3L|L|||||F", None, "3L", None),
        ("OBX|1|ST|U3^K||2.9L|mEq/L|||||F", Some(2.9), "", Some("L")),
        ("OBX|1|NM|U3^K||2.9L|||L|||F", Some(2.9), "", Some("L")),
        ("OBX|1|ST|U3^K||2.9L|||N|||F", None, "2.9L", Some("N")),
        ("OBX|1|ST|U3^K||2.9 L||||||F", Some(2.9), "", Some("L")),
        ("OBX|1|ST|U3^K||2.9(L)||||||F", Some(2.9), "", Some("L")),
    ] {
        let read = stated("ORU^R01", "20260401", &format!("OBR|1|77||L^検査\n{obx}"));
        let result = json(&read[0], 0);
        assert_eq!(result["valueQuantity"]["value"].as_f64(), number, "{obx}");
        assert_eq!(result["valueString"].as_str().unwrap_or(""), words, "{obx}");
        let told = &result["interpretation"][0]["coding"][0]["code"];
        assert_eq!(told.as_str(), flag, "{obx}");
    }
}

#[test]
fn every_timing_is_an_instruction_and_a_maximum_makes_a_range() {
    let order = "ORC|NW|185\nRXE||1^検査錠^HOT9|1|2|TAB^錠^MR9P\nTQ1|1||A^朝食後^99|||7^D|20260401\nTQ1|2||B^就寝前^99|||7^D|20260408";
    let read = stated("RDE^O11", "20260401", order);
    let instructions = &json(&read[0], 0)["dosageInstruction"];
    let of = |index: usize| {
        let instruction = &instructions[index];
        (instruction["sequence"].as_u64(), instruction["text"].as_str())
    };
    assert_eq!(
        [of(0), of(1)],
        [(Some(1), Some("朝食後")), (Some(2), Some("就寝前"))]
    );
    for index in 0..2 {
        let range = &instructions[index]["doseAndRate"][0]["doseRange"];
        assert_eq!(
            (range["low"]["value"].as_u64(), range["high"]["value"].as_u64()),
            (Some(1), Some(2))
        );
    }
    for most in ["", "1"] {
        let order = format!("ORC|NW|185\nRXE||1^検査錠^HOT9|1|{most}|TAB^錠^MR9P");
        let read = stated("RDE^O11", "20260401", &order);
        let instruction = &json(&read[0], 0)["dosageInstruction"][0];
        assert_eq!(instruction["doseAndRate"][0]["doseQuantity"]["value"], 1);
        assert!(instruction.get("sequence").is_none());
    }
}

/// A store in small: of each key, the version of the greatest sequence counts.
#[derive(Debug, Default)]
struct Kept(std::collections::BTreeMap<String, Incoming>);

impl Kept {
    fn take(&mut self, all: Vec<Incoming>) {
        for one in all {
            let is_newer = |known: &Incoming| one.sequence >= known.sequence;
            if self.0.get(&one.key).is_none_or(is_newer) {
                self.0.insert(one.key.clone(), one);
            }
        }
    }

    /// What still holds: the texts or codes of the resources.
    fn standing(&self) -> Vec<String> {
        let valid = self.0.values().filter(|one| one.standing == Standing::Valid);
        let resources = valid.flat_map(|one| one.resources.iter());
        resources
            .map(|resource| {
                let value: serde_json::Value = serde_json::from_slice(&resource.json).unwrap();
                let named = ["code", "medicationCodeableConcept"].map(|field| value[field]["text"].as_str());
                named.into_iter().flatten().collect()
            })
            .collect()
    }
}

#[test]
fn what_a_later_message_takes_back_or_changes_ends_alone() {
    for (kind, first, second, wanted) in [
        // The number of the allergy, else its code.
        (
            "ADT^A60",
            "IAM|1|DA|P1^ペニシリン|SV||A",
            "IAM|1|DA|P1^ペニシリン|SV||D\nIAM|2|EA|L1^ラテックス|MO||A",
            vec!["ラテックス"],
        ),
        (
            "ADT^A60",
            "IAM|1|DA|P1^ペニシリン|SV||A|77\nIAM|2|EA|L1^ラテックス|MO||A|78",
            "IAM|1|DA|P2^アモキシシリン|SV||U|77",
            vec!["アモキシシリン", "ラテックス"],
        ),
        (
            "PPR^PC1",
            "PRB|AD|20260401|G1^肺炎|N1\nZPR|1\nPRB|AD|20260401|G2^喘息|N2",
            "PRB|DE|20260402|G2^喘息|N2",
            vec!["肺炎"],
        ),
        (
            "RDE^O11",
            "ORC|NW|901\nRXE||1^甲錠^HOT9|1\nORC|NW|902\nRXE||2^乙錠^HOT9|1",
            "ORC|CA|901\nRXE||1^甲錠^HOT9|1\nORC|XO|902\nRXE||3^丙錠^HOT9|1\nORC|NW|903\nRXE||4^丁錠^HOT9|1",
            vec!["丙錠", "丁錠"],
        ),
        // All drugs of one prescription are one order.
        (
            "RDE^O11",
            "ORC|NW|900||1\nRXE||1^甲錠^HOT9|1\nORC|NW|900||2\nRXE||2^乙錠^HOT9|1",
            "ORC|XO|900||1\nRXE||1^甲錠^HOT9|2",
            vec!["甲錠"],
        ),
        (
            "OMG^O19",
            "ORC|NW|501\nOBR|1|501||CT^胸部CT\nORC|NW|502\nOBR|2|502||US^腹部エコー",
            "ORC|CA|502\nOBR|1|502||US^腹部エコー",
            vec!["胸部CT"],
        ),
    ] {
        let mut kept = Kept::default();
        kept.take(stated(kind, "20260401103000", first));
        let before = kept.standing().len();
        kept.take(stated(kind, "20260402103000", second));
        assert_eq!(kept.standing(), wanted, "{kind} {second} ({before} before)");
    }
}

#[test]
fn the_parts_of_a_message_can_be_read_again_alone() {
    let orders = "AL1|1|DA|P1^ペニシリン\nSPM|1|1||023^血清|||||||||||||20260401\nORC|NW|901\nOBR|1|901||B^生化学\nORC|NW|902\nOBR|2|902||C^血算";
    for (kind, segments, count) in [
        (
            "ADT^A60",
            "IAM|1|DA|P1^ペニシリン|SV||A\nIAM|2|EA|L1^ラテックス|MO||D",
            2,
        ),
        ("OML^O33", orders, 2),
    ] {
        let parts = stated(kind, "20260401103000", segments);
        assert_eq!(parts.len(), count);
        for part in parts {
            let again = statements(read_hl7("again", &part.bytes));
            let [again] = again.as_slice() else {
                panic!("{kind}: one statement is wanted")
            };
            assert_eq!(
                (&again.key, again.standing, &again.person, &again.resources),
                (&part.key, part.standing, &part.person, &part.resources),
                "{kind}"
            );
        }
    }
    let allergies = |part: &Incoming| {
        let of_kind = part.resources.iter();
        of_kind.filter(|one| one.kind == "AllergyIntolerance").count()
    };
    let parts = stated("OML^O33", "20260401103000", orders);
    assert_eq!((allergies(&parts[0]), allergies(&parts[1])), (1, 0));
    // The second order has its specimen, too.
    assert_eq!(json(&parts[1], 0)["occurrenceDateTime"], "2026-04-01");
}

#[test]
fn many_parts_stay_one_statement_and_a_storage_keeps_its_key() {
    let many: Vec<String> = (0..1_001)
        .map(|number| format!("IAM|{number}|DA|P{number}^x|SV||A"))
        .collect();
    let read = stated("ADT^A60", "20260401103000", &many.join("\n"));
    assert_eq!((read.len(), read[0].resources.len()), (1, 1_001));
    let message = b"MSH|^~\\&|A|B|C|D|20260401||RDE^O11|1|P|2.5\rPID|1||9999901\rORC|NW|1\rRXE||1^A^HOT9|1\rORC|NW|2\rRXE||2^B^HOT9|1\r";
    let path = "999/990/9999901/20260401/OMP-01/9999901_20260401_OMP-01_185_20260401103000000_01_1";
    let filed = statements(read_ssmix2(path, message));
    assert_eq!((filed.len(), filed[0].resources.len()), (1, 2));
    assert_eq!(statements(read_hl7("peer", message)).len(), 2);
}
