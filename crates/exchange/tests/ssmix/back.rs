//! What is written back: a document read back equal, and acknowledgements.
#![expect(clippy::non_ascii_literal, reason = "the documents are Japanese")]

use super::files::{read_hl7, read_ssmix2};
use jiff::civil::{date, datetime};
use tsumugi_clinical::{Code, Sex};
use tsumugi_exchange::hl7v2::{Answer, Document, acknowledge, mdm_t02, read_acknowledgement};
use tsumugi_exchange::incoming::{Handed, Incoming, Person, Place, Problem, Severity};
use tsumugi_exchange::ssmix2::write_document;

fn document(text: &str) -> Document {
    Document {
        person: Person {
            issuer: "urn:oid:1.2.392.999.1".to_owned(),
            number: "9999901".to_owned(),
            name: Some("検査 太郎".to_owned()),
            kana: Some("ケンサ タロウ".to_owned()),
            sex: Some(Sex::Male),
            birth_date: Some(date(1965, 4, 15)),
            other_numbers: Vec::new(),
        },
        number: "N-17".to_owned(),
        replaces: None,
        kind: Code {
            system: "http://loinc.org".into(),
            code: "11506-3".into(),
            display: "経過記録".into(),
        },
        title: "再診 3回目".to_owned(),
        author: ("110".to_owned(), "医師 一郎".to_owned()),
        written: datetime(2026, 4, 1, 10, 30, 0, 0),
        sent: datetime(2026, 4, 1, 10, 31, 5, 0),
        control_id: "C1".to_owned(),
        facility: "HOSP".to_owned(),
        text: text.to_owned(),
    }
}

fn only(handed: &[Handed]) -> Incoming {
    let [Handed::Statement(incoming)] = handed else {
        panic!("one statement without problems is wanted: {handed:?}");
    };
    (**incoming).clone()
}

fn check(text: &str, charset: &str) {
    let sent = document(text);
    let written = write_document(&sent, "01").unwrap();
    let of_storage = only(&read_ssmix2(&written.path, &written.bytes));
    let of_message = only(&read_hl7("peer", &mdm_t02(&sent)));
    for incoming in [&of_storage, &of_message] {
        assert_eq!(incoming.person, sent.person);
        assert_eq!(incoming.charset, charset, "{text}");
        let [read] = incoming.texts.as_slice() else {
            panic!("one text is wanted");
        };
        assert_eq!(read.text, sent.text);
        assert_eq!(read.kind.as_ref(), Some(&sent.kind));
        assert_eq!(read.title.as_ref(), Some(&sent.title));
        assert_eq!(read.author.as_ref(), Some(&sent.author.1));
        assert_eq!(read.written, Some(sent.written));
    }
    assert_eq!(of_message.key, "document|N-17");
}

#[test]
fn a_document_written_to_a_storage_is_read_back_equal() {
    check("主訴: 咳\n#1 肺炎 |^~\\&\n\n  SpO2 97%（室内気）", "iso-2022-jp");
    check("髙嶋さん 体温 36.8 ℃ ｶﾛﾅｰﾙ −1kg", "utf-8");
    check("MSH|^~\\&|\rPID|1\r\nOBX\t終わり\n", "iso-2022-jp");
    check("\u{1F600} 心拍\u{2028}整", "utf-8");
}

#[test]
fn the_path_names_patient_day_and_kind() {
    let written = write_document(&document("x"), "").unwrap();
    assert_eq!(
        written.path,
        "999/990/9999901/20260401/^再診 3回目^^11506-3^経過記録^LN/9999901_20260401_^再診 3回目^^11506-3^経過記録^LN_N-17_20260401103105000_-_1/main_document.hl7"
    );
}

#[test]
fn a_number_that_leads_out_of_the_storage_is_refused() {
    for number in ["../../etc", "", "a/b", "９９"] {
        let mut document = document("x");
        document.person.number = number.to_owned();
        assert_eq!(
            write_document(&document, "").map_err(|problem| problem.code),
            Err("wrong-number")
        );
    }
    let mut named = document("x");
    named.title = "../../a_b^c".to_owned();
    let path = write_document(&named, "").unwrap().path;
    assert!(!path.contains("..") && path.matches('/').count() == 6, "{path}");
}

#[test]
fn a_replacement_names_what_it_replaces() {
    let mut later = document("x");
    later.replaces = Some("N-16".to_owned());
    let bytes = mdm_t02(&later);
    let incoming = only(&read_hl7("peer", &bytes));
    let reference = incoming
        .resources
        .iter()
        .find(|resource| resource.kind == "DocumentReference")
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&reference.json).unwrap();
    assert_eq!(json["relatesTo"][0]["target"]["identifier"]["value"], "N-16");
    assert!(bytes.windows(7).any(|seven| seven == b"MDM^T10"));
}

#[test]
fn acknowledgements_come_back() {
    let problem = Problem {
        place: Place {
            file: "peer".to_owned(),
            line: Some(3),
            field: Some("PID-3".to_owned()),
        },
        severity: Severity::Error,
        code: "no-patient",
        message: "PID-3 has no number | send it again".to_owned(),
    };
    let message = b"MSH|^~\\&|HIS|HOSP|TSUMUGI|H|20260401||ADT^A08^ADT_A01|M\\F\\77|P|2.5\rPID|1||\r";
    let now = datetime(2026, 4, 1, 10, 30, 0, 0);
    let bytes = acknowledge(message, Answer::Error, &[problem], now, "A1");
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap().replace('\r', "\n"),
        "MSH|^~\\&|TSUMUGI|H|HIS|HOSP|20260401103000||ACK^A08^ACK|A1|P|2.5||||||\n\
         MSA|AE|M\\F\\77|no-patient\n\
         ERR||PID^3^3|101^Required field missing^HL70357|E|no-patient|||PID-3 has no number \\F\\ send it again\n"
    );
    let read = read_acknowledgement(&bytes).unwrap();
    assert_eq!((read.answer, read.control_id.as_str()), (Answer::Error, "M|77"));
    assert!(
        read.text.contains("PID-3 has no number | send it again"),
        "{}",
        read.text
    );
}

#[test]
fn what_cannot_be_read_is_answered_too() {
    let now = datetime(2026, 4, 1, 10, 30, 0, 0);
    let bytes = acknowledge(b"\xFF\xFE garbage", Answer::Rejected, &[], now, "A2");
    assert_eq!(read_acknowledgement(&bytes).unwrap().answer, Answer::Rejected);
    assert_eq!(
        read_acknowledgement(b"MSH|^~\\&|A|B|C|D|20260401||ACK|1|P|2.5\rMSA|CA|9\r")
            .unwrap()
            .answer,
        Answer::Accepted
    );
    for wrong in [
        b"".as_slice(),
        b"MSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\r",
        b"MSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5\rMSA|ZZ|9\r",
    ] {
        assert!(read_acknowledgement(wrong).is_err());
    }
}
