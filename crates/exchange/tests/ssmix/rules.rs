//! Rules that a golden text would not make plain: identity, versions, whose a result is, tables.

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
