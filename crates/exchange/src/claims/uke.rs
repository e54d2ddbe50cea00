//! Medical claims, レセプト電算 (RECEIPTC.UKE): CP932, one record a line, claim after claim.
//!
//! Read as a stream: one claim (`RE` to the next `RE`, `IR` or `GO`) is one statement whose bytes are its lines. Fields are
//! named by their place behind the record's name: `SY-1` is the code of a disease. Columns: 記録条件仕様 (医科); what the
//! codes mean is a table (`data/exchange/uke.tsv`). Columns that a newer layout adds are ignored, columns that an older one
//! lacks are empty.

mod claim;

use super::Tables;
use crate::feed::{LARGEST_STATEMENT, Line, Lines, Origin, Outlet, Summary, content, cp932, is_blank};
use crate::incoming::Sink;
use std::io::BufRead;

/// Columns of the record `IR`.
mod ir {
    pub(super) const PREFECTURE: usize = 2;
    pub(super) const FEE_TABLE: usize = 3;
    pub(super) const INSTITUTION: usize = 4;
    pub(super) const MONTH: usize = 7;
}

/// Columns of the record `GO`.
mod go {
    pub(super) const CLAIMS: usize = 1;
    pub(super) const POINTS: usize = 2;
}

/// A facility's system of patient numbers; the ten digits of the 保険医療機関番号 follow.
pub(crate) const PATIENT_NUMBER: &str = "urn:oid:1.2.392.100495.20.3.51.1";

/// Reads a file of claims. Memory: one claim, 16 bytes for each claim read.
pub fn read(input: impl BufRead, origin: &Origin, tables: &Tables, sink: &mut Sink<'_>) -> Summary {
    let mut reader = Reader {
        out: Outlet::new(origin, sink),
        tables,
        header: Header::default(),
        raw: Raw::default(),
        totals: Totals::default(),
    };
    let mut lines = Lines::new(input);
    while reader.out.is_open() {
        match lines.advance(&mut reader.out.summary) {
            Line::Read => reader.line(lines.number, &lines.bytes),
            Line::Overlong => reader
                .out
                .overlong(lines.number, std::mem::take(&mut lines.bytes)),
            Line::End => {
                reader.close();
                reader.finish(lines.number);
                break;
            }
            Line::Failed(error) => {
                let mut bytes = std::mem::take(&mut reader.raw.bytes);
                bytes.append(&mut lines.bytes);
                reader.out.dead(
                    "read-failed",
                    (lines.number, ""),
                    format!("reading stopped in this claim: {error}; import the file again"),
                    bytes,
                );
                break;
            }
        }
    }
    reader.out.summary
}

/// What the record `IR` says.
#[derive(Debug, Clone, Default)]
struct Header {
    seen: bool,
    issuer: String,
    month: String,
}

/// The lines of one claim.
#[derive(Debug, Default)]
struct Raw {
    bytes: Vec<u8>,
    numbers: Vec<u32>,
}

/// What is held against `GO`.
#[derive(Debug, Default)]
struct Totals {
    claims: u64,
    points: u64,
    /// Something of this part could not be counted.
    incomplete: bool,
    seen: bool,
}

struct Reader<'o, 's, 'a, 't> {
    out: Outlet<'o, 's, 'a>,
    tables: &'t Tables,
    header: Header,
    raw: Raw,
    totals: Totals,
}

impl Reader<'_, '_, '_, '_> {
    fn line(&mut self, number: u32, bytes: &[u8]) {
        let line = content(bytes);
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        match line.split(|byte| *byte == b',').next().unwrap_or_default() {
            b"IR" => {
                self.close();
                self.out.envelope(bytes.len());
                self.begin(number, line);
            }
            b"RE" => {
                self.close();
                if !self.header.seen && self.out.origin.facility.is_none() && self.totals.claims == 0 {
                    self.out.warn(
                        "no-header",
                        (number, ""),
                        "no IR record before the first claim: whose numbers these are is not known; name the facility",
                    );
                }
                self.keep(number, bytes);
            }
            b"GO" => {
                self.close();
                self.out.envelope(bytes.len());
                self.check_totals(number, line);
            }
            _ if is_blank(bytes) => {
                if self.raw.bytes.is_empty() {
                    self.out.envelope(bytes.len());
                } else {
                    self.keep(number, bytes);
                }
            }
            _ if self.raw.bytes.is_empty() => self.out.dead(
                "record-outside-claim",
                (number, ""),
                "a record stands outside a claim, or this is no claims file; a claim begins with RE",
                bytes.to_vec(),
            ),
            _ => self.keep(number, bytes),
        }
    }

    fn keep(&mut self, number: u32, bytes: &[u8]) {
        if self.raw.bytes.len() + bytes.len() > LARGEST_STATEMENT {
            self.totals.incomplete = true;
            self.totals.claims += 1;
            let mut claim = std::mem::take(&mut self.raw);
            claim.bytes.extend_from_slice(bytes);
            let first = claim.numbers.first().copied().unwrap_or(number);
            self.out.dead(
                "oversized-claim",
                (first, ""),
                format!("the claim is larger than {LARGEST_STATEMENT} bytes; no claim is"),
                claim.bytes,
            );
            return;
        }
        self.raw.bytes.extend_from_slice(bytes);
        self.raw.numbers.push(number);
    }

    fn begin(&mut self, number: u32, line: &[u8]) {
        let (text, _) = cp932(line);
        let cells: Vec<&str> = text.split(',').map(str::trim).collect();
        let cell = |index: usize| cells.get(index).copied().unwrap_or_default();
        let institution = cell(ir::INSTITUTION);
        let ten = format!("{}{}{institution}", cell(ir::PREFECTURE), cell(ir::FEE_TABLE));
        let is_whole = ten.len() == 10 && ten.bytes().all(|byte| byte.is_ascii_digit());
        if !is_whole {
            self.out.warn(
                "bad-institution",
                (number, "IR-4"),
                "prefecture, fee table and institution are no ten digits: patients' numbers are kept under what is there",
            );
        }
        let issuer = match &self.out.origin.facility {
            Some(facility) => facility.clone(),
            None if is_whole => format!("{PATIENT_NUMBER}{ten}"),
            None => institution.to_owned(),
        };
        let month = crate::made::month(cell(ir::MONTH));
        self.header = Header {
            seen: true,
            issuer,
            month: month.map(crate::made::year_month).unwrap_or_default(),
        };
        self.totals = Totals::default();
    }

    /// Makes the claim whose lines were kept.
    fn close(&mut self) {
        if self.raw.bytes.is_empty() {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        self.totals.claims += 1;
        let issuer = match (&self.out.origin.facility, self.header.seen) {
            (Some(facility), false) => facility.clone(),
            _ => self.header.issuer.clone(),
        };
        match claim::read(raw, &issuer, &self.header.month, self.tables, &mut self.out) {
            Some(points) => self.totals.points = self.totals.points.saturating_add(points),
            None => self.totals.incomplete = true,
        }
    }

    fn check_totals(&mut self, number: u32, line: &[u8]) {
        self.totals.seen = true;
        let (text, _) = cp932(line);
        let cells: Vec<&str> = text.split(',').map(str::trim).collect();
        let stated = |index: usize| cells.get(index).and_then(|cell| cell.parse::<u64>().ok());
        let claims = stated(go::CLAIMS);
        if claims != Some(self.totals.claims) {
            self.out.warn(
                "claims-differ",
                (number, "GO-1"),
                format!(
                    "GO states {} claims, {} were read; the file may be cut or joined",
                    claims.map_or_else(|| "no number of".to_owned(), |count| count.to_string()),
                    self.totals.claims
                ),
            );
        }
        if self.totals.incomplete {
            return;
        }
        if let Some(points) = stated(go::POINTS)
            && points != self.totals.points
        {
            self.out.warn(
                "points-differ",
                (number, "GO-2"),
                format!(
                    "GO states {points} points, the claims have {}",
                    self.totals.points
                ),
            );
        }
    }

    fn finish(&mut self, number: u32) {
        if self.out.summary.bytes == 0 {
            self.out.dead(
                "empty-file",
                (0, ""),
                "the file is empty; get it again",
                Vec::new(),
            );
        } else if self.totals.claims > 0 && !self.totals.seen {
            self.out.warn(
                "no-total",
                (number, ""),
                "the file ends without GO: it may be cut; get it again",
            );
        }
    }
}
