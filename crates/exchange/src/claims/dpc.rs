//! Files of the DPC survey: 様式1, EF (merged, or E and F apart), D and H. Tab separated, CP932.
//!
//! What a file is is told by the first line of data, not by its name. Consecutive lines of one hospitalization are one
//! statement. Columns: survey manual (実施説明資料); columns behind the known ones are ignored. The meaning of payloads is a
//! table (`data/exchange/dpc.tsv`).

mod acts;
mod form;

use super::Tables;
use super::uke::PATIENT_NUMBER;
use crate::feed::{
    LARGEST_STATEMENT, Line, Lines, Origin, Outlet, Summary, content, cp932_or_utf8, has_private, is_blank,
};
use crate::incoming::{Evidence, Incoming, Person, Resource, Sink, Standard, Standing};
use crate::made::day;
use jiff::civil::{Date, time};
use std::cmp::Ordering;
use std::io::BufRead;

/// Which file of the survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 様式1: one payload a line.
    Form1,
    /// EF統合: acts (000) with their details.
    Ef,
    /// E: acts.
    E,
    /// F: details of acts.
    F,
    /// D: acts that are included in the daily payment.
    D,
    /// H: 重症度・医療・看護必要度.
    H,
}

impl Kind {
    /// Tells the file by a line of data; `None` where it is none of these.
    pub fn of(line: &str) -> Option<Self> {
        Self::of_cells(&line.split('\t').map(str::trim).collect::<Vec<_>>())
    }

    fn of_cells(cells: &[&str]) -> Option<Self> {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default();
        let digits = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_code = |text: &str| {
            text.len() == 7
                && text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let count = cells.len();
        if (9..=18).contains(&count) && is_code(at(column::FORM_CODE)) {
            Some(Self::Form1)
        } else if (10..=24).contains(&count)
            && is_code(at(column::NEED_CODE))
            && digits(at(column::NEED_DATE), 8)
        {
            Some(Self::H)
        } else if count > column::EF_DATE && digits(at(column::DETAIL), 3) && digits(at(column::EF_DATE), 8) {
            Some(Self::Ef)
        } else if count > column::GROUP_CODE && digits(at(column::E_DATE), 8) {
            Some(Self::D)
        } else if count > column::E_DATE && digits(at(column::E_DATE), 8) {
            Some(Self::E)
        } else if (14..=20).contains(&count) && digits(at(column::DETAIL), 3) {
            Some(Self::F)
        } else {
            None
        }
    }

    /// Fewest columns of a line.
    fn columns(self) -> usize {
        match self {
            Self::Form1 => 9,
            Self::H => 10,
            Self::Ef => column::EF_DATE + 1,
            Self::E | Self::D => column::E_DATE + 1,
            Self::F => 12,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Form1 => "form1",
            Self::Ef => "ef",
            Self::E => "e",
            Self::F => "f",
            Self::D => "d",
            Self::H => "h",
        }
    }
}

/// Columns, from 0.
mod column {
    pub(super) const FACILITY: usize = 0;
    pub(super) const PATIENT: usize = 1;
    pub(super) const DISCHARGE: usize = 2;
    pub(super) const ADMISSION: usize = 3;
    pub(super) const SECTION: usize = 4;
    pub(super) const SEQUENCE: usize = 5;
    /// 行為明細番号 of F and EF.
    pub(super) const DETAIL: usize = 6;
    /// Of F and EF: code, name, quantity, points.
    pub(super) const F_CODE: usize = 8;
    pub(super) const F_NAME: usize = 10;
    pub(super) const F_QUANTITY: usize = 11;
    pub(super) const F_POINTS: usize = 13;
    /// Of EF: times, date.
    pub(super) const EF_POINTS: usize = 17;
    pub(super) const EF_TIMES: usize = 20;
    pub(super) const EF_DATE: usize = 23;
    /// Of E and D: code, name, points, times, date.
    pub(super) const E_CODE: usize = 7;
    pub(super) const E_NAME: usize = 9;
    pub(super) const E_POINTS: usize = 10;
    pub(super) const E_TIMES: usize = 14;
    pub(super) const E_DATE: usize = 17;
    /// 診断群分類番号 of D.
    pub(super) const GROUP_CODE: usize = 28;
    /// Of 様式1.
    pub(super) const FORM_ADMISSION: usize = 2;
    pub(super) const FORM_COUNT: usize = 3;
    pub(super) const FORM_SUMMARY: usize = 4;
    pub(super) const FORM_CODE: usize = 5;
    /// The column before payload 1.
    pub(super) const FORM_PAYLOADS: usize = 7;
    /// Of H: ward, patient, discharge, admission, date, code.
    pub(super) const NEED_PATIENT: usize = 2;
    pub(super) const NEED_DISCHARGE: usize = 3;
    pub(super) const NEED_ADMISSION: usize = 4;
    pub(super) const NEED_DATE: usize = 5;
    pub(super) const NEED_CODE: usize = 6;
    pub(super) const NEED_PAYLOADS: usize = 8;
}

/// Whose line it is, and of which hospitalization.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stay {
    facility: String,
    patient: String,
    admission: String,
    discharge: String,
    part: String,
}

impl Stay {
    fn of(kind: Kind, cells: &[&str]) -> Self {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().to_owned();
        let (patient, admission, discharge, part) = match kind {
            Kind::Form1 => (
                at(column::PATIENT),
                at(column::FORM_ADMISSION),
                String::new(),
                format!("{}/{}", at(column::FORM_COUNT), at(column::FORM_SUMMARY)),
            ),
            Kind::H => (
                at(column::NEED_PATIENT),
                at(column::NEED_ADMISSION),
                at(column::NEED_DISCHARGE),
                String::new(),
            ),
            _ => (
                at(column::PATIENT),
                at(column::ADMISSION),
                at(column::DISCHARGE),
                String::new(),
            ),
        };
        Self {
            facility: at(column::FACILITY),
            patient,
            admission,
            discharge,
            part,
        }
    }

    fn person(&self, origin: &Origin) -> Person {
        let digits = self.facility.bytes().all(|byte| byte.is_ascii_digit());
        let issuer = match (&origin.facility, self.facility.len()) {
            (Some(facility), _) => facility.clone(),
            // Prefecture and institution; the digit between them names the fee table, 1 = 医科.
            (None, 9) if digits => {
                let (prefecture, institution) = self.facility.split_at(2);
                format!("{PATIENT_NUMBER}{prefecture}1{institution}")
            }
            (None, 10) if digits => format!("{PATIENT_NUMBER}{}", self.facility),
            _ => self.facility.clone(),
        };
        Person {
            issuer,
            number: self.patient.clone(),
            ..Person::default()
        }
    }
}

/// Consecutive lines of one stay: numbers, texts, bytes.
#[derive(Debug)]
struct Group {
    stay: Stay,
    kind: Kind,
    rows: Vec<(u32, String)>,
    bytes: Vec<u8>,
    charset: &'static str,
}

/// One of the files, group by group.
struct Groups<R> {
    lines: Lines<R>,
    kind: Option<Kind>,
    next: Option<Group>,
    is_cut: bool,
    /// Of the line that was read last.
    charset: &'static str,
}

/// Reads a file of the survey. Memory: the lines of one hospitalization.
pub fn read(input: impl BufRead, origin: &Origin, tables: &Tables, sink: &mut Sink<'_>) -> Summary {
    let mut out = Outlet::new(origin, sink);
    let mut groups = Groups::new(input);
    let mut told = Vec::new();
    while let Some(group) = groups.next(&mut out) {
        hand_out(&[group], tables, &mut told, &mut out);
    }
    groups.finish(&mut out);
    out.summary
}

/// Reads E and F files apart and joins them by hospitalization, section and sequence. Both are sorted the same way, as the
/// survey asks; what stands in one only is handed out alone. The sums are those of both files.
pub fn read_joined(
    e: (impl BufRead, &Origin),
    f: (impl BufRead, &Origin),
    tables: &Tables,
    sink: &mut Sink<'_>,
) -> Summary {
    let (e_origin, f_origin) = (e.1, f.1);
    let mut out = Outlet::new(e_origin, sink);
    let (mut acts, mut details) = (Groups::new(e.0), Groups::new(f.0));
    let mut told = Vec::new();
    let mut act = acts.next(&mut out);
    out.origin = f_origin;
    let mut detail = details.next(&mut out);
    while out.is_open() {
        let order = match (&act, &detail) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(act), Some(detail)) => act.stay.cmp(&detail.stay),
        };
        let mut joined = Vec::new();
        if order != Ordering::Greater {
            joined.extend(act.take());
            out.origin = e_origin;
            act = acts.next(&mut out);
        }
        if order != Ordering::Less {
            out.origin = f_origin;
            if order == Ordering::Greater {
                let line = detail
                    .as_ref()
                    .and_then(|group| group.rows.first())
                    .map_or(0, |row| row.0);
                out.warn(
                    "detail-without-act",
                    (line, ""),
                    "the E file has no acts of this hospitalization at this place; the details have no day",
                );
            }
            joined.extend(detail.take());
            detail = details.next(&mut out);
        }
        out.origin = if order == Ordering::Greater {
            f_origin
        } else {
            e_origin
        };
        hand_out(&joined, tables, &mut told, &mut out);
    }
    out.origin = e_origin;
    acts.finish(&mut out);
    out.origin = f_origin;
    details.finish(&mut out);
    out.summary
}

impl<R: BufRead> Groups<R> {
    fn new(input: R) -> Self {
        Self {
            lines: Lines::new(input),
            kind: None,
            next: None,
            is_cut: false,
            charset: "windows-31j",
        }
    }

    /// The next hospitalization, or `None` at the end.
    fn next(&mut self, out: &mut Outlet<'_, '_, '_>) -> Option<Group> {
        while out.is_open() {
            match self.lines.advance(&mut out.summary) {
                Line::End => break,
                Line::Overlong => out.overlong(self.lines.number, std::mem::take(&mut self.lines.bytes)),
                Line::Failed(error) => {
                    let bytes = std::mem::take(&mut self.lines.bytes);
                    let message = format!("reading stopped: {error}; import the file again");
                    out.dead("read-failed", (self.lines.number, ""), message, bytes);
                    break;
                }
                Line::Read => {
                    let number = self.lines.number;
                    let bytes = std::mem::take(&mut self.lines.bytes);
                    if let Some(group) = self.line(number, bytes, out) {
                        return Some(group);
                    }
                }
            }
        }
        self.next.take()
    }

    /// Takes a line; gives the group that it ends.
    fn line(&mut self, number: u32, bytes: Vec<u8>, out: &mut Outlet<'_, '_, '_>) -> Option<Group> {
        if is_blank(&bytes) {
            out.envelope(bytes.len());
            return None;
        }
        let (text, charset, right) = cp932_or_utf8(content(&bytes));
        let text = text.into_owned();
        self.charset = charset;
        let cells: Vec<&str> = text.split('\t').map(str::trim).collect();
        let first = cells.first().copied().unwrap_or_default();
        if number == 1 && !first.bytes().all(|byte| byte.is_ascii_digit()) && cells.len() > 5 {
            out.envelope(bytes.len());
            return None;
        }
        let Some(kind) = self.kind.or_else(|| Kind::of_cells(&cells)) else {
            let message =
                "the line is of none of the files form 1, EF, E, F, D, H; tab separated columns are wanted";
            out.dead("unknown-layout", (number, ""), message, bytes);
            return None;
        };
        self.kind = Some(kind);
        if cells.len() < kind.columns() {
            let message = format!(
                "the line has {} columns, a line of this file at least {}",
                cells.len(),
                kind.columns()
            );
            out.dead("wrong-column-count", (number, ""), message, bytes);
            return None;
        }
        let stay = Stay::of(kind, &cells);
        if stay.patient.is_empty() {
            let field = format!("column {}", column::PATIENT + 1);
            out.dead(
                "no-patient-number",
                (number, &field),
                "the line names no patient",
                bytes,
            );
            return None;
        }
        if !right {
            out.warn(
                "bad-shift-jis",
                (number, ""),
                "bytes are no CP932; they are read as U+FFFD, the bytes are kept",
            );
        }
        if has_private(&text) {
            out.inform(
                "private-character",
                (number, ""),
                "a character that only the sender can read (gaiji)",
            );
        }
        drop(cells);
        self.add(stay, kind, (number, text), &bytes, out)
    }

    fn add(
        &mut self,
        stay: Stay,
        kind: Kind,
        row: (u32, String),
        bytes: &[u8],
        out: &mut Outlet<'_, '_, '_>,
    ) -> Option<Group> {
        if let Some(group) = &mut self.next
            && group.stay == stay
        {
            if group.bytes.len() + bytes.len() <= LARGEST_STATEMENT {
                group.rows.push(row);
                group.bytes.extend_from_slice(bytes);
                return None;
            }
            if !std::mem::replace(&mut self.is_cut, true) {
                out.inform(
                    "large-group",
                    (row.0, ""),
                    "a hospitalization has more lines than one statement holds; it is handed out in parts",
                );
            }
        }
        self.next.replace(Group {
            stay,
            kind,
            rows: vec![row],
            bytes: bytes.to_vec(),
            charset: self.charset,
        })
    }

    fn finish(&self, out: &mut Outlet<'_, '_, '_>) {
        if self.lines.number == 0 && out.is_open() {
            out.dead(
                "empty-file",
                (0, ""),
                "the file is empty; get it again",
                Vec::new(),
            );
        }
    }
}

/// Makes one statement of the groups of one hospitalization.
fn hand_out(groups: &[Group], tables: &Tables, told: &mut Vec<String>, out: &mut Outlet<'_, '_, '_>) {
    let Some(first) = groups.first() else { return };
    let line = first.rows.first().map_or(0, |row| row.0);
    let mut person = first.stay.person(out.origin);
    let kind = if groups.len() > 1 { Kind::Ef } else { first.kind };
    let (resources, day_of): (Vec<Resource>, Option<Date>) = match kind {
        Kind::Form1 => form::form1(first, tables, &mut person, told, out),
        Kind::H => form::nursing_need(first, tables, out),
        _ => acts::acts(groups, tables, out),
    };
    let admission = day(&first.stay.admission);
    let civil = admission.filter(|_| kind == Kind::Form1).or(day_of).or(admission);
    let part = match kind {
        Kind::Form1 => first.stay.part.clone(),
        _ => civil.map(crate::made::year_month).unwrap_or_default(),
    };
    let key = format!("{}/{}/{part}", kind.name(), first.stay.admission);
    let key = out.unique(&person, key, line);
    let bytes = groups
        .iter()
        .flat_map(|group| group.bytes.iter().copied())
        .collect();
    out.statement(Incoming {
        standard: Standard::Dpc,
        place: out.place(line, ""),
        key,
        person,
        sequence: String::new(),
        standing: Standing::Valid,
        evidence: Evidence::Claim,
        civil: civil.map(|day| day.to_datetime(time(0, 0, 0, 0))),
        bytes,
        charset: first.charset,
        resources,
        texts: Vec::new(),
    });
}
