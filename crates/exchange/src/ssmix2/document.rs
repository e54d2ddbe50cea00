//! Documents of the extended storage: HL7, CDA R2, plain text, HTML; a PDF is kept whole.

use super::place::Filed;
use super::text_of;
use crate::hl7v2::{Making, Origin, dead, loinc_code, messages, moment, problem, when};
use crate::incoming::{Evidence, Handed, Incoming, Person, Place, Severity, Sink, Standard, Text};
use crate::json::{Json, object};
use crate::markup::{Cda, cda, html_text, is_html};
use jiff::civil::DateTime;
use tsumugi_clinical::Sex;

/// Reads one file of a document.
pub(super) fn read(path: &str, filed: &Filed, bytes: &[u8], sink: &mut Sink<'_>) -> bool {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        let found = problem(
            path,
            Some(1),
            None,
            "empty-file",
            "the file is empty; send it again",
        );
        return sink(dead(found, bytes));
    }
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start = start.trim_ascii_start();
    if start.starts_with(b"MSH") || start.starts_with(b"FHS") || start.starts_with(b"BHS") {
        let origin = Origin {
            file: path,
            filed: Some(filed),
        };
        return messages(origin, bytes, sink);
    }
    let mut making = Making::new(path);
    if is_binary(bytes) {
        let text = "this is no text (PDF, picture, archive); it is kept in the bytes only";
        making.problem_at(Severity::Warning, "kept-binary", None, None, text);
        add(filed, None, "", &mut making);
        let incoming = incoming(path, filed, bytes, "binary", &mut making);
        return hand(incoming, making, sink);
    }
    let (text, charset, wrong) = text_of(bytes);
    if wrong > 0 {
        let message = format!("{wrong} places cannot be decoded; they are replaced, the bytes are kept");
        making.problem_at(Severity::Warning, "wrong-bytes", None, None, message);
    }
    if is_xml(&text) {
        return xml(path, filed, bytes, (&text, charset), making, sink);
    }
    let body = if is_html(&text) { html_text(&text) } else { text };
    add(filed, None, &body, &mut making);
    let incoming = incoming(path, filed, bytes, charset, &mut making);
    hand(incoming, making, sink)
}

fn xml(
    path: &str,
    filed: &Filed,
    bytes: &[u8],
    (text, charset): (&str, &'static str),
    mut making: Making<'_>,
    sink: &mut Sink<'_>,
) -> bool {
    let read = match cda(text) {
        Ok(read) => read,
        Err((line, why)) => {
            let message = format!("{why}; correct the document and file it again");
            return sink(dead(problem(path, line, None, "wrong-xml", &message), bytes));
        }
    };
    let is_anothers =
        !read.numbers.is_empty() && !read.numbers.iter().any(|(_, number)| *number == filed.number);
    if is_anothers {
        let message = "the document is of another patient than the file's name says; it is not taken in, file it rightly";
        let field = Some("recordTarget".to_owned());
        return sink(dead(problem(path, None, field, "wrong-patient", message), bytes));
    }
    if let Some(binary) = &read.binary {
        let message = format!("the body is no text ({binary}); it is kept in the bytes only");
        making.problem_at(
            Severity::Warning,
            "kept-binary",
            None,
            Some("nonXMLBody".to_owned()),
            message,
        );
    }
    add(filed, Some(&read), &read.text, &mut making);
    let mut incoming = incoming(path, filed, bytes, charset, &mut making);
    person_of(&read, &mut incoming.person);
    hand(incoming, making, sink)
}

fn hand(incoming: Incoming, making: Making<'_>, sink: &mut Sink<'_>) -> bool {
    sink(Handed::Statement(Box::new(incoming)))
        && making
            .problems
            .into_iter()
            .all(|told| sink(Handed::Problem(told)))
}

fn person_of(read: &Cda, person: &mut Person) {
    person.name = Some(read.name.clone()).filter(|name| !name.is_empty());
    person.birth_date = when(&read.birth).ok().flatten().map(|birth| birth.civil.date());
    person.sex = match read.sex.as_str() {
        "M" => Some(Sex::Male),
        "F" => Some(Sex::Female),
        _ => None,
    };
    if let Some((root, _)) = read
        .numbers
        .iter()
        .find(|(root, number)| *number == person.number && !root.is_empty())
    {
        person.issuer = format!("urn:oid:{root}");
    }
}

/// Adds text and DocumentReference.
fn add(filed: &Filed, read: Option<&Cda>, text: &str, making: &mut Making<'_>) {
    let kind = read
        .filter(|read| !read.kind.0.is_empty())
        .map(|read| loinc_code(&read.kind.0, &read.kind.1))
        .or_else(|| filed.document_kind());
    let title = read
        .map(|read| read.title.clone())
        .filter(|title| !title.is_empty())
        .or_else(|| filed.document_title());
    let author = read
        .map(|read| read.author.clone())
        .filter(|author| !author.is_empty());
    let written: Option<DateTime> = read
        .and_then(|read| read.written.as_ref())
        .map(|written| written.civil)
        .or_else(|| filed.date.map(|date| date.at(0, 0, 0, 0)));
    making.civil = written;
    let number = read.map(|read| read.id.1.clone()).unwrap_or_default();
    let body = object([
        ("identifier", object([("value", number.into())]).one()),
        ("status", "current".into()),
        (
            "type",
            kind.as_ref().map_or(Json::Null, |kind| {
                let coding = object([
                    ("system", (&*kind.system).into()),
                    ("code", (&*kind.code).into()),
                    ("display", (&*kind.display).into()),
                ]);
                object([("coding", coding.one())])
            }),
        ),
        ("date", written.map(moment).into()),
        ("author", object([("display", author.clone().into())]).one()),
        ("description", title.clone().into()),
    ]);
    making.resource("DocumentReference", &body);
    if !text.trim().is_empty() {
        making.texts.push(Text {
            kind,
            title,
            author,
            written,
            text: text.to_owned(),
        });
    }
}

fn incoming(
    path: &str,
    filed: &Filed,
    bytes: &[u8],
    charset: &'static str,
    making: &mut Making<'_>,
) -> Incoming {
    Incoming {
        standard: Standard::Ssmix2,
        place: Place {
            file: path.to_owned(),
            ..Place::default()
        },
        person: Person {
            number: filed.number.clone(),
            ..Person::default()
        },
        key: filed.key(),
        sequence: filed.transaction.clone(),
        standing: filed.standing(false),
        evidence: Evidence::Care,
        civil: making
            .civil
            .or_else(|| filed.date.map(|date| date.at(0, 0, 0, 0))),
        bytes: bytes.to_vec(),
        charset,
        resources: std::mem::take(&mut making.resources),
        texts: std::mem::take(&mut making.texts),
    }
}

/// What begins as a known binary form, or holds a zero byte.
fn is_binary(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 6] = [
        b"%PDF",
        b"\x89PNG",
        b"\xFF\xD8\xFF",
        b"GIF8",
        b"PK\x03\x04",
        b"II*\x00",
    ];
    starts.iter().any(|start| bytes.starts_with(start)) || bytes.contains(&0)
}

fn is_xml(text: &str) -> bool {
    let start = text.trim_start();
    (start.starts_with("<?xml") || start.contains("<ClinicalDocument")) && !is_html(start)
}
