//! Documents: TXA and the OBX that hold the text (chapter 9), read and written.

use super::ack::written_with_charset;
use super::coded::{field, person_name};
use super::escape::escape;
use super::making::Making;
use super::syntax::Segment;
use super::tables::TABLES;
use super::times::written;
use crate::charset::{decode, guess};
use crate::incoming::{Person, Severity, Text};
use crate::json::{Json, object};
use crate::markup::{html_text, is_html};
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use jiff::civil::DateTime;
use tsumugi_clinical::{Code, Sex};

/// Marks the title that we write behind the kind of a document, OBX-3.
const TITLE_SYSTEM: &str = "99TSUMUGI";
const LOINC: &str = "http://loinc.org";

/// A signed document that goes back to the hospital's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Whose.
    pub person: Person,
    /// Our number of the document; ASCII.
    pub number: String,
    /// Number of the document that it replaces.
    pub replaces: Option<String>,
    /// Kind, LOINC.
    pub kind: Code,
    /// Title.
    pub title: String,
    /// Author: number in the hospital, name.
    pub author: (String, String),
    /// When it was written, civil time of Japan.
    pub written: DateTime,
    /// When it is sent.
    pub sent: DateTime,
    /// Number of the message (MSH-10).
    pub control_id: String,
    /// Sending facility (MSH-4).
    pub facility: String,
    /// The text.
    pub text: String,
}

/// What TXA says of the document that follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heading {
    kind: Option<Code>,
    title: Option<String>,
    author: Option<String>,
    written: Option<DateTime>,
}

impl Heading {
    /// From a folder's name or a report's request.
    pub(crate) fn of(kind: Option<Code>, title: Option<String>, written: Option<DateTime>) -> Self {
        Self {
            kind,
            title,
            author: None,
            written,
        }
    }

    /// Reads TXA and adds its DocumentReference.
    pub(crate) fn read(txa: &Segment<'_>, making: &mut Making<'_>) -> Self {
        let at = making.past(txa, 6, 1).or_else(|| making.past(txa, 4, 1));
        making.happened(at.as_ref());
        let author = txa.repetitions(9).next().or_else(|| txa.repetitions(5).next());
        let author = author
            .map(|author| person_name(&author, 2))
            .filter(|name| !name.is_empty());
        let status = if txa.text(17, 1) == "DI" || txa.text(19, 1) == "CA" {
            "entered-in-error"
        } else {
            "current"
        };
        let stage = match txa.text(17, 1).as_str() {
            "AU" | "LA" => "final",
            "DO" | "IN" | "IP" | "PA" => "preliminary",
            _ => "",
        };
        let relates = Json::from(txa.text(13, 1));
        let relation = if relates.is_empty() {
            Json::Null
        } else {
            let target = object([("identifier", object([("value", relates)]))]);
            object([("code", "replaces".into()), ("target", target)])
        };
        let body = object([
            ("identifier", object([("value", txa.text(12, 1).into())]).one()),
            ("status", status.into()),
            ("docStatus", stage.into()),
            ("type", field(txa, 2)),
            (
                "date",
                at.as_ref()
                    .map(|at| at.fhir.clone())
                    .filter(|at| at.len() > 10)
                    .into(),
            ),
            ("author", object([("display", author.clone().into())]).one()),
            ("relatesTo", relation.one()),
        ]);
        making.resource("DocumentReference", &body);
        Self {
            kind: loinc(txa, 2),
            title: None,
            author,
            written: at.map(|at| at.civil),
        }
    }
}

/// Adds the text of narrative or document segments that belong together.
pub(crate) fn text(heading: &Heading, parts: &[&Segment<'_>], making: &mut Making<'_>) {
    let has_headings = parts
        .iter()
        .any(|part| part.field_raw(3) != parts.first().map_or("", |first| first.field_raw(3)));
    let mut all = String::new();
    for (index, part) in parts.iter().enumerate() {
        let Some(body) = body(part, making) else { continue };
        if index > 0 {
            all.push('\n');
        }
        let name = super::coded::name(part, 3);
        if has_headings && !name.is_empty() {
            all.push_str(&name);
            all.push('\n');
        }
        all.push_str(&body);
    }
    if all.trim().is_empty() {
        return;
    }
    let first = parts.first();
    let titled = first.and_then(|first| {
        let item = first.field(3).parts();
        let is_title = item.get(5).is_some_and(|system| system == TITLE_SYSTEM);
        item.get(4).filter(|title| is_title && !title.is_empty()).cloned()
    });
    making.texts.push(Text {
        kind: heading
            .kind
            .clone()
            .or_else(|| first.and_then(|first| loinc(first, 3))),
        title: titled.or_else(|| heading.title.clone()),
        author: heading.author.clone(),
        written: heading.written,
        text: all,
    });
}

/// MDM^T02 (T10 where it replaces another), ready to be sent; ISO-2022-JP, or UTF-8 where that would lose a character.
pub fn mdm_t02(document: &Document) -> Vec<u8> {
    let event = if document.replaces.is_some() { "T10" } else { "T02" };
    let person = &document.person;
    let sex = match person.sex {
        Some(Sex::Male) => "M",
        Some(Sex::Female) => "F",
        _ => "",
    };
    let name = |name: Option<&String>, kind: &str| {
        let (family, given) = name.map_or(("", ""), |name| {
            name.split_once([' ', '\u{3000}']).unwrap_or((name, ""))
        });
        format!("{}^{}^^^^^L^{kind}", escape(family), escape(given))
    };
    let names = [(person.name.as_ref(), "I"), (person.kana.as_ref(), "P")]
        .into_iter()
        .filter(|(known, _)| known.is_some())
        .map(|(known, kind)| name(known, kind))
        .collect::<Vec<_>>()
        .join("~");
    let birth = person
        .birth_date
        .map(|date| date.strftime("%Y%m%d").to_string())
        .unwrap_or_default();
    let kind = format!(
        "{}^{}^LN",
        escape(&document.kind.code),
        escape(&document.kind.display)
    );
    let author = document
        .author
        .1
        .split_once([' ', '\u{3000}'])
        .unwrap_or((&document.author.1, ""));
    let author = format!(
        "{}^{}^{}",
        escape(&document.author.0),
        escape(author.0),
        escape(author.1)
    );
    let issuer = match person.issuer.strip_prefix("urn:oid:") {
        Some(oid) => format!("&{}&ISO", escape(oid)),
        None => escape(&person.issuer),
    };
    let text = format!(
        "MSH|^~\\&|TSUMUGI|{facility}|||{sent}||MDM^{event}^MDM_T02|{control}|P|2.5||||||{{CHARSET}}\r\
         EVN||{sent}\r\
         PID|1||{number}^^^{issuer}^PI||{names}||{birth}|{sex}\r\
         PV1|1|U\r\
         TXA|1|{kind}|TX|{at}||{at}|||{author}|||{id}|{replaces}||||AU||AV\r\
         OBX|1|FT|{kind}^title^{title}^{TITLE_SYSTEM}||{body}||||||F\r",
        facility = escape(&document.facility),
        sent = written(document.sent),
        control = escape(&document.control_id),
        number = escape(&person.number),
        at = written(document.written),
        id = escape(&document.number),
        replaces = escape(document.replaces.as_deref().unwrap_or("")),
        title = escape(&document.title),
        body = escape(&document.text),
    );
    written_with_charset(&text)
}

/// The text of a segment; one that holds something else is told.
fn body(obx: &Segment<'_>, making: &mut Making<'_>) -> Option<String> {
    if obx.field_raw(2) == "RP" {
        let message = "the document lies elsewhere; only the reference is kept, import the document itself";
        making.problem(Severity::Warning, "kept-reference", (obx, 5), message);
        return None;
    }
    if obx.field_raw(2) != "ED" {
        let lines: Vec<String> = obx.repetitions(5).map(|line| line.whole().into_owned()).collect();
        return Some(lines.join("\n"));
    }
    let written = obx.field(5);
    let (kind, encoding) = (written.text(3).to_ascii_lowercase(), written.text(4));
    let data = written.exact(5);
    match encoding.as_str() {
        "Base64" | "base64" | "BASE64" => {
            let Some(bytes) = unbase64(&data) else {
                let message = "this is no Base64; the document is kept in the bytes only, send it again";
                making.problem(Severity::Warning, "wrong-base64", (obx, 5), message);
                return None;
            };
            readable(&bytes, &kind, obx, making)
        }
        _ if is_html(&data) => Some(html_text(&data)),
        _ => Some(data.into_owned()),
    }
}

/// The text of a document's bytes; what is no text is told.
fn readable(bytes: &[u8], kind: &str, obx: &Segment<'_>, making: &mut Making<'_>) -> Option<String> {
    let is_binary = bytes.starts_with(b"%PDF")
        || bytes.contains(&0)
        || matches!(kind, "pdf" | "jpeg" | "png" | "tiff" | "gif");
    if is_binary {
        let message = "this is no text (PDF, picture); it is kept in the bytes only";
        making.problem(Severity::Warning, "kept-binary", (obx, 5), message);
        return None;
    }
    let text = decode(bytes, guess(bytes)).text;
    Some(if is_html(&text) { html_text(&text) } else { text })
}

/// Base64 with blanks, line breaks and without padding.
pub(crate) fn unbase64(data: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let tight: String = data.chars().filter(|letter| !letter.is_whitespace()).collect();
    engine.decode(tight).ok()
}

/// The LOINC code of a coded field, where it is one.
pub(crate) fn loinc(segment: &Segment<'_>, number: usize) -> Option<Code> {
    let parts = segment.field(number).parts();
    let triples = [(0, 1, 2), (3, 4, 5)];
    let (code, display, _) = triples
        .into_iter()
        .filter_map(|(code, display, system)| {
            Some((parts.get(code)?, parts.get(display)?, parts.get(system)?))
        })
        .find(|(code, _, system)| *system == "LN" && !code.is_empty())?;
    Some(loinc_code(code, display))
}

/// A LOINC code of a document; without a name it gets the usual one.
pub(crate) fn loinc_code(code: &str, display: &str) -> Code {
    let display = if display.is_empty() {
        TABLES.document_name(code).unwrap_or("")
    } else {
        display
    };
    Code {
        system: LOINC.into(),
        code: code.into(),
        display: display.into(),
    }
}
