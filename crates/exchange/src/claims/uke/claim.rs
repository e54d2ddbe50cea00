//! One claim: its patient, diseases, acts, drugs and materials.

use super::Raw;
use crate::claims::act::{self, Billed, Disease, Done, modifiers};
use crate::claims::tables::Tables;
use crate::feed::{Outlet, cp932_or_utf8, has_private, unnumbered};
use crate::incoming::{Evidence, Incoming, Person, Resource, Standard, Standing, Text};
use crate::made::{Json, day, month};
use jiff::civil::{Date, time};
use std::borrow::Cow;
use tsumugi_clinical::Sex;

/// Columns of the record `RE`.
mod re {
    pub(super) const KIND: usize = 2;
    pub(super) const MONTH: usize = 3;
    pub(super) const NAME: usize = 4;
    pub(super) const SEX: usize = 5;
    pub(super) const BORN: usize = 6;
    pub(super) const ADMITTED: usize = 8;
    pub(super) const CHART: usize = 13;
    pub(super) const SEARCH: usize = 18;
    pub(super) const KANA: usize = 36;
}

/// Columns of the records `HO` and `KO`: insurer and public expense.
mod payer {
    pub(super) const INSURER: usize = 1;
    pub(super) const SYMBOL: usize = 2;
    pub(super) const MEMBER: usize = 3;
    pub(super) const POINTS: usize = 5;
    pub(super) const BRANCH: usize = 6;
}

/// Columns of the record `SY`.
mod sy {
    pub(super) const CODE: usize = 1;
    pub(super) const BEGAN: usize = 2;
    pub(super) const OUTCOME: usize = 3;
    pub(super) const MODIFIERS: usize = 4;
    pub(super) const NAME: usize = 5;
    pub(super) const MAIN: usize = 6;
    pub(super) const NOTE: usize = 7;
}

/// Columns of the records `SI`, `IY` and `TO`; `CO` has the first four.
mod line {
    pub(super) const CATEGORY: usize = 1;
    pub(super) const CODE: usize = 3;
    pub(super) const QUANTITY: usize = 4;
    /// Text of a `CO`.
    pub(super) const TEXT: usize = 4;
    pub(super) const POINTS: usize = 5;
    pub(super) const TIMES: usize = 6;
    /// Three comments, code and text, of `SI` and `IY`.
    pub(super) const COMMENTS: usize = 7;
    /// Day 1 of `SI` and `IY`.
    pub(super) const DAYS: usize = 13;
    pub(super) const MATERIAL_NAME: usize = 10;
    pub(super) const MATERIAL_COMMENTS: usize = 11;
    pub(super) const MATERIAL_DAYS: usize = 17;
}

/// Columns of the record `SJ`.
mod sj {
    pub(super) const KIND: usize = 1;
    pub(super) const TEXT: usize = 2;
}

/// Insurance membership as an identifier of a person (CLINS).
const MEMBER: &str = "http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Longest text that is told of in a problem, in characters: a code, never a name.
const SHOWN: usize = 16;

type Cells<'c> = &'c [&'c str];

fn cell(cells: Cells<'_>, index: usize) -> &str {
    cells.get(index).copied().unwrap_or_default().trim()
}

/// A line that waits for the end of its group (剤).
struct Waiting<'t> {
    billed: Billed,
    category: &'t str,
    code: &'t str,
    name: &'t str,
    quantity: &'t str,
    points: &'t str,
    times: &'t str,
    days: Vec<Date>,
    notes: Vec<String>,
}

struct Claim<'t, 'b> {
    tables: &'b Tables,
    month: Date,
    person: Person,
    insurer: &'t str,
    member: (&'t str, &'t str),
    branch: &'t str,
    points: Option<u64>,
    public_points: Option<u64>,
    category: &'t str,
    group: Vec<Waiting<'t>>,
    group_ended: bool,
    leading: Vec<String>,
    remarks: Vec<String>,
    details: Vec<(&'t str, String)>,
    resources: Vec<Resource>,
    told: Vec<&'t str>,
}

/// Reads the lines of a claim and hands it out; the points it bills, or `None` where it is no claim.
pub(super) fn read(
    raw: Raw,
    issuer: &str,
    sent: &str,
    tables: &Tables,
    out: &mut Outlet<'_, '_, '_>,
) -> Option<u64> {
    let first = raw.numbers.first().copied().unwrap_or_default();
    let (text, charset) = decoded(&raw, out);
    let head: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let claim_month = month(cell(&head, re::MONTH));
    let Some(claim_month) = claim_month else {
        let message = if head.len() <= re::MONTH {
            "the record RE is cut before the month of the claim"
        } else {
            "the month of the claim is no month (YYYYMM or GYYMM)"
        };
        drop(head);
        drop(text);
        out.dead("bad-claim-month", (first, "RE-3"), message, raw.bytes);
        return None;
    };
    let mut claim = Claim {
        tables,
        month: claim_month,
        person: person(&head, issuer, claim_month, first, out),
        insurer: "",
        member: ("", ""),
        branch: "",
        points: None,
        public_points: None,
        category: "",
        group: Vec::new(),
        group_ended: false,
        leading: Vec::new(),
        remarks: Vec::new(),
        details: Vec::new(),
        resources: Vec::new(),
        told: Vec::new(),
    };
    claim.encounter(&head);
    let mut cells: Vec<&str> = Vec::with_capacity(48);
    for (line, number) in text.lines().zip(raw.numbers.iter().copied()).skip(1) {
        cells.clear();
        cells.extend(line.trim_end_matches('\u{1A}').split(','));
        claim.record(&cells, number, out);
    }
    claim.flush();
    claim.name_member();
    let points = claim.points.or(claim.public_points).unwrap_or_default();
    let texts = claim.texts();
    let person = claim.person;
    let kind = cell(&head, re::KIND);
    let month = crate::made::year_month(claim_month);
    let key = format!("{month}/{kind}/{}{}", claim.insurer, unnumbered(&person));
    let key = out.unique(&person, key, first);
    let resources = claim.resources;
    drop(text);
    out.statement(Incoming {
        standard: Standard::Uke,
        place: out.place(first, ""),
        key,
        person,
        sequence: sent.to_owned(),
        standing: Standing::Valid,
        evidence: Evidence::Claim,
        civil: Some(claim_month.to_datetime(time(0, 0, 0, 0))),
        bytes: raw.bytes,
        charset,
        resources,
        texts,
    });
    Some(points)
}

/// The claim as text. A file that was saved as UTF-8 is read as such.
fn decoded<'r>(raw: &'r Raw, out: &mut Outlet<'_, '_, '_>) -> (Cow<'r, str>, &'static str) {
    let first = raw.numbers.first().copied().unwrap_or_default();
    let (text, charset, right) = cp932_or_utf8(&raw.bytes);
    if charset == "utf-8" {
        out.inform(
            "utf-8",
            (first, ""),
            "the claim is written in UTF-8, not in CP932; read as UTF-8",
        );
    }
    if !right {
        let bad = text.lines().position(|line| line.contains('\u{FFFD}'));
        let number = bad.and_then(|index| raw.numbers.get(index)).copied();
        out.warn(
            "bad-shift-jis",
            (number.unwrap_or(first), ""),
            "bytes are no CP932; they are read as U+FFFD, the bytes are kept",
        );
    }
    if has_private(&text) {
        out.inform(
            "private-character",
            (first, ""),
            "characters that only the sender can read (gaiji) stand in the claim",
        );
    }
    (text, charset)
}

fn person(head: Cells<'_>, issuer: &str, month: Date, line: u32, out: &mut Outlet<'_, '_, '_>) -> Person {
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let chart = cell(head, re::CHART);
    let search = cell(head, re::SEARCH);
    if chart.is_empty() && search.is_empty() {
        out.warn(
            "no-patient-number",
            (line, "RE-13"),
            "the claim has neither a chart number nor a search number; link the patient by hand",
        );
    } else if chart.is_empty() {
        out.inform(
            "search-number",
            (line, "RE-18"),
            "the claim has no chart number; its search number is taken",
        );
    }
    let written = cell(head, re::BORN);
    let born = day(written).filter(|born| *born <= month.last_of_month());
    if born.is_none() {
        out.warn(
            "bad-date",
            (line, "RE-6"),
            "the date of birth is no date, or behind the claim",
        );
    }
    Person {
        issuer: issuer.to_owned(),
        number: if chart.is_empty() { search } else { chart }.to_owned(),
        name: filled(cell(head, re::NAME)),
        kana: filled(cell(head, re::KANA)),
        sex: match cell(head, re::SEX) {
            "1" => Some(Sex::Male),
            "2" => Some(Sex::Female),
            _ => None,
        },
        birth_date: born,
        other_numbers: Vec::new(),
    }
}

impl<'t> Claim<'t, '_> {
    fn record(&mut self, cells: &[&'t str], number: u32, out: &mut Outlet<'_, '_, '_>) {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let kind = at(0);
        let points = |text: &str| text.parse::<u64>().ok();
        match kind {
            "HO" => {
                self.insurer = at(payer::INSURER);
                self.member = (at(payer::SYMBOL), at(payer::MEMBER));
                self.points = points(at(payer::POINTS)).or(self.points);
            }
            "KO" => self.public_points = self.public_points.or_else(|| points(at(payer::POINTS))),
            "SN" if self.branch.is_empty() => self.branch = at(payer::BRANCH),
            "SY" => self.disease(cells, number, out),
            "SI" => self.item(Billed::Act, cells, number, out),
            "IY" => self.item(Billed::Drug, cells, number, out),
            "TO" => self.item(Billed::Material, cells, number, out),
            "CO" => self.comment(cells),
            "SJ" => self.detail(at(sj::KIND), at(sj::TEXT)),
            "" | "SN" => {}
            other => self.unmapped(other, number, out),
        }
    }

    fn unmapped(&mut self, kind: &'t str, number: u32, out: &mut Outlet<'_, '_, '_>) {
        if self.told.contains(&kind) || self.told.len() > 40 {
            return;
        }
        let known = self.tables.records.get(kind);
        if known == Some(&false) {
            return;
        }
        self.told.push(kind);
        let is_code = kind.len() <= 4 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let shown = if is_code { kind } else { "(no record name)" };
        if known.is_some() {
            out.inform(
                "record-kept",
                (number, shown),
                format!("records {shown} are kept in the bytes only"),
            );
        } else {
            out.warn(
                "unknown-record",
                (number, shown),
                format!("records {shown} are not known; they are kept in the bytes only"),
            );
        }
    }

    fn encounter(&mut self, head: Cells<'_>) {
        let Some(admitted) = day(cell(head, re::ADMITTED)) else {
            return;
        };
        let mut json = Json::resource("Encounter");
        // A claim says that a stay began, and never that it ended.
        json.text("status", "unknown");
        json.open("class");
        json.text("system", ACT_CODE);
        json.text("code", "IMP");
        json.close();
        json.open("period");
        json.text("start", &admitted.to_string());
        json.close();
        self.resources.push(json.finish());
    }

    fn disease(&mut self, cells: &[&'t str], number: u32, out: &mut Outlet<'_, '_, '_>) {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let code = at(sy::CODE);
        let name = at(sy::NAME);
        let is_code = code.len() == 7 && code.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code && name.is_empty() {
            out.warn(
                "bad-code",
                (number, "SY-1"),
                "a disease has no code of seven digits and no name; it is kept in the bytes only",
            );
            return;
        }
        let began = day(at(sy::BEGAN));
        if began.is_none() {
            out.warn(
                "bad-date",
                (number, "SY-2"),
                "the first day of treatment is no date",
            );
        } else if began.is_some_and(|began| began > self.month.last_of_month()) {
            out.warn(
                "date-after-claim",
                (number, "SY-2"),
                "the first day of treatment is behind the month of the claim",
            );
        }
        let outcome = self.tables.outcomes.get(at(sy::OUTCOME)).copied();
        if outcome.is_none() {
            out.warn(
                "bad-outcome",
                (number, "SY-3"),
                "the outcome is no code of the table (data/exchange/uke.tsv)",
            );
        }
        let written = at(sy::MODIFIERS);
        if !written.is_ascii() || !written.len().is_multiple_of(4) {
            out.warn(
                "bad-modifiers",
                (number, "SY-4"),
                "modifiers are four characters each; a rest was left out",
            );
        }
        let is_main = self.tables.main.iter().any(|code| code == at(sy::MAIN));
        let note = at(sy::NOTE);
        let disease = Disease {
            code: if is_code { code } else { "" },
            name,
            modifiers: modifiers(written).collect(),
            began,
            outcome,
            ended: Some(self.month),
            role: if is_main { "main" } else { "" },
            notes: (!note.is_empty()).then(|| note.to_owned()).into_iter().collect(),
            ..Disease::default()
        };
        self.resources.push(act::condition(&disease, self.tables));
    }

    fn item(&mut self, billed: Billed, cells: &[&'t str], number: u32, out: &mut Outlet<'_, '_, '_>) {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let (kind, code) = (at(0), at(line::CODE));
        let category = at(line::CATEGORY);
        if self.group_ended || !category.is_empty() {
            self.flush();
        }
        if !category.is_empty() {
            self.turn_to(category);
        } else if self.category.is_empty() {
            out.warn(
                "no-category",
                (number, kind),
                "the first line of the claim has no category",
            );
        }
        let points = at(line::POINTS);
        self.group_ended = !points.is_empty();
        if Billed::of(code) != Some(billed) {
            let shown: String = code
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .take(SHOWN)
                .collect();
            out.warn(
                "bad-code",
                (number, &format!("{kind}-3")),
                format!(
                    "\"{shown}\" is no code of nine digits of this kind of record; kept in the bytes only"
                ),
            );
            return;
        }
        let is_material = billed == Billed::Material;
        let (comments, days) = if is_material {
            (line::MATERIAL_COMMENTS, line::MATERIAL_DAYS)
        } else {
            (line::COMMENTS, line::DAYS)
        };
        let mut notes = std::mem::take(&mut self.leading);
        for index in 0..3 {
            self.note(at(comments + 2 * index), at(comments + 2 * index + 1), &mut notes);
        }
        let waiting = Waiting {
            billed,
            category: self.category,
            code,
            name: if is_material { at(line::MATERIAL_NAME) } else { "" },
            quantity: at(line::QUANTITY),
            points,
            times: at(line::TIMES),
            days: self.days(cells.get(days..).unwrap_or_default(), (number, kind), out),
            notes,
        };
        self.group.push(waiting);
    }

    fn days(&self, cells: &[&str], place: (u32, &str), out: &mut Outlet<'_, '_, '_>) -> Vec<Date> {
        let mut days = Vec::new();
        for (index, cell) in cells.iter().take(31).enumerate() {
            let cell = cell.trim();
            if cell.is_empty() || cell.bytes().all(|byte| byte == b'0') {
                continue;
            }
            let day = i8::try_from(index + 1)
                .ok()
                .and_then(|day| self.month.with().day(day).build().ok());
            match day {
                Some(day) => days.push(day),
                None => out.warn(
                    "day-out-of-month",
                    place,
                    format!("the month of the claim has no day {}", index + 1),
                ),
            }
        }
        days
    }

    fn note(&self, code: &str, text: &str, notes: &mut Vec<String>) {
        if self.tables.remarks.contains_key(code) || code.is_empty() {
            if !text.is_empty() {
                notes.push(text.to_owned());
            }
        } else {
            notes.push(format!("{code} {text}").trim_end().to_owned());
        }
    }

    /// A comment belongs to the line before it in its group; one with a category of its own to the line behind it, and
    /// one of a category without acts to the claim.
    fn comment(&mut self, cells: &[&'t str]) {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let (category, code, text) = (at(line::CATEGORY), at(line::CODE), at(line::TEXT));
        let mut notes = Vec::new();
        self.note(code, text, &mut notes);
        if !category.is_empty() && category != self.category {
            self.flush();
            self.turn_to(category);
        }
        if let Some(last) = self.group.last_mut().filter(|_| category.is_empty()) {
            last.notes.append(&mut notes);
        } else {
            self.leading.append(&mut notes);
        }
    }

    /// Comments of a category under which nothing was billed are of the claim.
    fn turn_to(&mut self, category: &'t str) {
        if category != self.category {
            self.remarks.append(&mut self.leading);
            self.category = category;
        }
    }

    fn detail(&mut self, kind: &'t str, text: &str) {
        match self.details.last_mut() {
            // Paragraphs of one kind are records of their own.
            Some((last, whole)) if kind.is_empty() || *last == kind => {
                whole.push('\n');
                whole.push_str(text);
            }
            _ => self.details.push((kind, text.to_owned())),
        }
    }

    /// Ends a group: times and days of its last line hold for all of it.
    fn flush(&mut self) {
        self.group_ended = false;
        let group = std::mem::take(&mut self.group);
        let (times, days) = match group.last() {
            Some(last) => (last.times, last.days.clone()),
            None => return,
        };
        for waiting in group {
            let days = if waiting.days.is_empty() {
                days.clone()
            } else {
                waiting.days
            };
            let made = act::Line {
                billed: waiting.billed,
                code: waiting.code,
                name: waiting.name,
                category: waiting.category,
                quantity: waiting.quantity,
                unit: "",
                times: if waiting.times.is_empty() {
                    times
                } else {
                    waiting.times
                },
                points: waiting.points,
                done: if days.is_empty() {
                    Done::Month(self.month)
                } else {
                    Done::Days(days)
                },
                notes: waiting.notes,
            };
            self.resources.extend(act::resource(&made, self.tables));
        }
    }

    /// Insurance membership: with the branch number it is one person's, without it a family's.
    fn name_member(&mut self) {
        if self.insurer.is_empty() || self.branch.is_empty() {
            return;
        }
        let value = format!(
            "{:0>8}:{}:{}:{:0>2}",
            self.insurer, self.member.0, self.member.1, self.branch
        );
        self.person.other_numbers.push((MEMBER.to_owned(), value));
    }

    fn texts(&mut self) -> Vec<Text> {
        let civil = self.month.last_of_month().to_datetime(time(0, 0, 0, 0));
        let text = |title: Option<String>, text: String| Text {
            kind: None,
            title,
            author: None,
            written: Some(civil),
            text,
        };
        self.remarks.append(&mut self.leading);
        let mut texts = Vec::new();
        if !self.remarks.is_empty() {
            let title = self.tables.remarks.values().next().cloned();
            texts.push(text(title, std::mem::take(&mut self.remarks).join("\n")));
        }
        for (kind, whole) in std::mem::take(&mut self.details) {
            texts.push(text(self.tables.details.get(kind).cloned(), whole));
        }
        texts
    }
}
