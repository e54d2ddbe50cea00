//! What any source states, in one form that the parser of each standard makes and the store keeps.
//!
//! A parser never stops at what it cannot read: it tells where and why ([`Problem`]), hands out the bytes it was about, and
//! goes on with the next statement. Nothing is coded here: `coding` turns the resources into events.

use jiff::civil::{Date, DateTime};
use serde::Serialize;
use std::fmt;
use tsumugi_clinical::{Code, Sex};

/// Which standard a statement came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standard {
    /// A file of an SS-MIX2 storage.
    Ssmix2,
    /// An HL7 v2.5 message.
    Hl7,
    /// A medical claim, RECEIPTC.UKE.
    Uke,
    /// A file of the DPC survey.
    Dpc,
    /// 電子版お薬手帳, JAHIS text format.
    Okusuri,
    /// A FHIR R4 resource.
    Fhir,
    /// Samples of a device.
    Device,
}

/// A patient as the source knows them. What the source does not say is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Who issued the number: a facility's URI or code; empty when the source says nothing.
    pub issuer: String,
    /// The number, as written (leading zeros stay).
    pub number: String,
    /// Name in kanji.
    pub name: Option<String>,
    /// Name in kana.
    pub kana: Option<String>,
    /// Sex.
    pub sex: Option<Sex>,
    /// Date of birth.
    pub birth_date: Option<Date>,
    /// Other numbers of the same person that the source tells: issuer, number.
    pub other_numbers: Vec<(String, String)>,
}

/// Whether a statement still holds in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It holds.
    #[default]
    Valid,
    /// A newer one replaced it.
    Superseded,
    /// It was taken back.
    Deleted,
}

/// What a statement is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// Care: what was observed, ordered, given, decided.
    #[default]
    Care,
    /// A claim: what was billed. A disease of a claim is no diagnosis.
    Claim,
    /// What a person or a device recorded outside.
    Personal,
}

/// A FHIR R4 resource that a statement holds. Its subject is implied: the statement's person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `resourceType`.
    pub kind: String,
    /// The JSON: as it came from a FHIR source, byte for byte, else as we made it.
    pub json: Vec<u8>,
}

/// A text that a statement holds, to be structured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Kind of document, LOINC where the source says so.
    pub kind: Option<Code>,
    /// Its title.
    pub title: Option<String>,
    /// Who wrote it, as the source names them.
    pub author: Option<String>,
    /// When it was written.
    pub written: Option<DateTime>,
    /// The text.
    pub text: String,
}

/// Where a statement stands in what was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// File, relative to what was named on the command line; or the peer of a connection.
    pub file: String,
    /// Line or segment, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Field, in the standard's own way to name it (`OBX-5`, `SY-2`, `$.entry[3].resource`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// One statement of a source: a message, a file, a claim, a resource, a run of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Which standard.
    pub standard: Standard,
    /// Where it stood.
    pub place: Place,
    /// Whose.
    pub person: Person,
    /// What makes it the same statement when it comes again: stable within standard, issuer and number.
    pub key: String,
    /// Orders the versions of one key: the greater wins (transaction time). Empty: the later to come wins.
    pub sequence: String,
    /// Whether it still holds.
    pub standing: Standing,
    /// What it is evidence of.
    pub evidence: Evidence,
    /// When what it states was so, civil time of Japan.
    pub civil: Option<DateTime>,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Character set of the bytes, e.g. `iso-2022-jp`.
    pub charset: &'static str,
    /// What it states, as FHIR R4 with the source's codes (JP Core's systems).
    pub resources: Vec<Resource>,
    /// Texts in it.
    pub texts: Vec<Text>,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something was understood otherwise than it was written; the statement is in.
    Information,
    /// A part could not be mapped: it is kept in the bytes only; the statement is in.
    Warning,
    /// The statement is not in; its bytes are a dead letter.
    Error,
}

/// What could not be read, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// How bad.
    pub severity: Severity,
    /// A stable word for the kind of problem (`truncated-header`, `unknown-charset`).
    pub code: &'static str,
    /// What is wrong and what to do, in plain words; never a patient's name or text.
    pub message: String,
}

/// What a parser hands out, in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// A statement.
    Statement(Box<Incoming>),
    /// A problem that leaves everything in (information, warning).
    Problem(Problem),
    /// Bytes that are no statement, and why.
    Dead {
        /// The reason, an error.
        problem: Problem,
        /// The bytes as they came.
        bytes: Vec<u8>,
    },
}

/// Takes what a parser hands out; `false` stops the parser.
pub type Sink<'a> = dyn FnMut(Handed) -> bool + 'a;

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.place.file)?;
        if let Some(line) = self.place.line {
            write!(out, ":{line}")?;
        }
        if let Some(field) = &self.place.field {
            write!(out, " {field}")?;
        }
        write!(out, ": {} [{}]", self.message, self.code)
    }
}
