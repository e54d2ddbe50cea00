//! Acknowledgements (chapter 2.9, MSA and ERR), in original mode: made for what came, read for what was sent.

use super::escape::escape;
use super::syntax::Message;
use super::times::written;
use crate::charset::{Charset, decode, encode, guess};
use crate::incoming::Problem;
use jiff::civil::DateTime;
use std::fmt::Write as _;

/// HL7 table 0008.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// AA: it is kept.
    Accepted,
    /// AE: it is not in; the content is at fault and sending it again does not help.
    Error,
    /// AR: it is not in; it may be sent again later.
    Rejected,
}

impl Answer {
    /// As MSA-1 writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "AA",
            Self::Error => "AE",
            Self::Rejected => "AR",
        }
    }
}

/// An acknowledgement that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Whether the other side keeps the message.
    pub answer: Answer,
    /// Number of the message that it answers (MSH-10 there).
    pub control_id: String,
    /// What the other side says, MSA-3 and ERR-8; empty when it says nothing.
    pub text: String,
}

/// Makes the acknowledgement of a message, which need not be readable. `now` is the civil time of Japan, `id` the number of
/// the answer; problems become ERR segments with their places, at most 20.
pub fn acknowledge(message: &[u8], answer: Answer, problems: &[Problem], now: DateTime, id: &str) -> Vec<u8> {
    let decoded = decode(message, guess(message));
    let parsed = Message::parse(&decoded.text, 1).ok();
    let header = parsed.as_ref().and_then(Message::header);
    let field = |number: usize| header.map(|header| header.field_raw(number)).unwrap_or_default();
    let component = |text: &str, number: usize| text.split('^').nth(number - 1).unwrap_or("").to_owned();
    let is_usual = header.is_none_or(|header| *header.delimiters() == super::Delimiters::default());
    // The sender's own separators are not carried on; what they separate would be cut otherwise here.
    let carried = |number: usize| {
        if is_usual {
            field(number).to_owned()
        } else {
            String::new()
        }
    };
    let event = component(&carried(9), 2);
    let kind = if event.is_empty() {
        "ACK".to_owned()
    } else {
        format!("ACK^{event}^ACK")
    };
    let version = Some(component(&carried(12), 1)).filter(|version| !version.is_empty());
    let control = header.map(|header| header.text(10, 1)).unwrap_or_default();
    let mode = Some(carried(11)).filter(|mode| !mode.is_empty());
    let mut text = format!(
        "MSH|^~\\&|{}|{}|{}|{}|{}||{kind}|{}|{}|{}||||||{{CHARSET}}\r",
        carried(5),
        carried(6),
        carried(3),
        carried(4),
        written(now),
        escape(id),
        mode.as_deref().unwrap_or("P"),
        version.as_deref().unwrap_or("2.5"),
    );
    let said = problems
        .first()
        .map(|problem| escape(problem.code))
        .unwrap_or_default();
    // Writing into a String cannot fail.
    let _ = write!(text, "MSA|{}|{}|{said}\r", answer.code(), escape(&control));
    text.extend(problems.iter().take(20).map(error));
    written_with_charset(&text)
}

/// Reads an acknowledgement.
///
/// # Errors
/// Why it is none, in words, with what to do.
pub fn read_acknowledgement(bytes: &[u8]) -> Result<Acknowledgement, String> {
    let decoded = decode(bytes, guess(bytes));
    let message = Message::parse(&decoded.text, 1)
        .map_err(|error| format!("the answer is no HL7 message ({error}); look at the other side's log"))?;
    let msa = message
        .segment("MSA")
        .ok_or("the answer has no MSA segment; look at the other side's log")?;
    let answer = match msa.text(1, 1).as_str() {
        // Enhanced mode: a commit answers the same question.
        "AA" | "CA" => Answer::Accepted,
        "AE" | "CE" => Answer::Error,
        "AR" | "CR" => Answer::Rejected,
        _ => return Err("MSA-1 is none of AA, AE, AR, CA, CE, CR; look at the other side's log".to_owned()),
    };
    let mut said = vec![msa.text(3, 1)];
    for error in message
        .segments
        .iter()
        .filter(|segment| segment.name == "ERR")
        .take(20)
    {
        said.push(error.text(8, 1));
        said.push(error.text(3, 2));
    }
    said.retain(|text| !text.is_empty());
    Ok(Acknowledgement {
        answer,
        control_id: msa.text(2, 1),
        text: said.join("; "),
    })
}

/// Fills in MSH-18 for what the text needs, and encodes it.
pub(crate) fn written_with_charset(text: &str) -> Vec<u8> {
    let charset = encode(text).1;
    let named = match charset {
        Charset::Iso2022Jp => "~ISO IR87||ISO 2022-1994",
        Charset::Utf8 => "UNICODE UTF-8",
        Charset::Ascii | Charset::Cp932 | Charset::EucJp => "",
    };
    let text = text.replacen("{CHARSET}", named, 1);
    match charset {
        Charset::Utf8 => text.into_bytes(),
        _ => encode(&text).0,
    }
}

/// An ERR segment: place (ERR-2: segment^number^field), table 0357 code, severity, our word, text.
fn error(problem: &Problem) -> String {
    let place = problem.place.field.as_deref().unwrap_or("");
    let (segment, field) = place.split_once('-').unwrap_or((place, ""));
    let severity = match problem.severity {
        crate::incoming::Severity::Information => "I",
        crate::incoming::Severity::Warning => "W",
        crate::incoming::Severity::Error => "E",
    };
    // Table 0357: 100 segment sequence, 101 required field missing, 200 unsupported message type, 207 application error.
    let code = match problem.code {
        "no-header" | "truncated-header" => "100^Segment sequence error^HL70357",
        "no-patient" => "101^Required field missing^HL70357",
        "unmapped-message" => "200^Unsupported message type^HL70357",
        _ => "207^Application internal error^HL70357",
    };
    format!(
        "ERR||{}^{}^{}|{code}|{severity}|{}|||{}\r",
        escape(segment),
        problem
            .place
            .line
            .map(|line| line.to_string())
            .unwrap_or_default(),
        escape(field),
        escape(problem.code),
        escape(&problem.message),
    )
}
