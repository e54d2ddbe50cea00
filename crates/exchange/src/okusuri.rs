//! 電子版お薬手帳, JAHIS data format (versions JAHISTC01 to JAHISTC08): what other institutions dispensed.
//!
//! One dispensing (record 5 to the next) is one statement; what stands around the dispensings (remarks of the patient,
//! drugs bought without a prescription, memos) is one more, of the person's own. A text that was split over several codes
//! (record 911) is read only when all its parts are there: half a prescription is a wrong prescription. Fields are named by
//! record and place: `201-3` is the amount of a drug. Columns: JAHIS 電子版お薬手帳データフォーマット仕様書, tables 3-9 to 3-32;
//! amounts and codes by `data/exchange/okusuri.tsv`.

mod dispensing;
mod notebook;
mod tables;

pub use tables::Tables;

use crate::feed::{LARGEST_STATEMENT, Origin, Outlet, Summary, content, cp932, is_blank};
use crate::incoming::Sink;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

/// What the version record begins with.
const VERSION: &str = "JAHISTC";
/// Records.
mod record {
    pub(super) const PATIENT: &str = "1";
    pub(super) const DISPENSING: &str = "5";
    pub(super) const PHARMACIST: &str = "701";
    pub(super) const SPLIT: &str = "911";
    /// Records of the person.
    pub(super) const PERSONAL: [&str; 4] = ["2", "3", "31", "4"];
    /// Records of a dispensing.
    pub(super) const OF_DISPENSING: [&str; 15] = [
        "11", "15", "51", "55", "201", "281", "291", "301", "311", "391", "401", "411", "421", "501", "601",
    ];
}

/// Which part of a text that was split over several codes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Split {
    /// Number of the whole, 14 digits.
    pub id: String,
    /// How many parts there are.
    pub total: u16,
    /// Which part it is, from 1.
    pub sequence: u16,
}

impl Split {
    fn of(cells: &[&str]) -> Option<Self> {
        let at = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
        let split = Self {
            id: at(1).to_owned(),
            total: at(2).parse().ok()?,
            sequence: at(3).parse().ok()?,
        };
        (!split.id.is_empty()
            && (1..=999).contains(&split.total)
            && (1..=split.total).contains(&split.sequence))
        .then_some(split)
    }
}

/// Which part a file is, where its text was split: files of one id are joined one behind the other, in any order, and read
/// as one.
pub fn split(bytes: &[u8]) -> Option<Split> {
    let line = bytes
        .split(|byte| *byte == b'\n')
        .rev()
        .map(content)
        .find(|line| !line.is_empty())?;
    let (text, _) = cp932(line);
    let cells: Vec<&str> = text.split(',').collect();
    (cells.first() == Some(&record::SPLIT))
        .then(|| Split::of(&cells))
        .flatten()
}

/// A line: number, text, where its bytes are.
#[derive(Debug, Clone)]
struct Row {
    number: u32,
    text: String,
    range: Range<usize>,
}

impl Row {
    fn cells(&self) -> Vec<&str> {
        self.text.split(',').map(str::trim).collect()
    }

    fn kind(&self) -> &str {
        self.text.split(',').next().unwrap_or_default().trim()
    }
}

/// Reads a text: one 手帳, several one behind the other, or the parts of a split one.
pub fn read(bytes: &[u8], origin: &Origin, tables: &Tables, sink: &mut Sink<'_>) -> Summary {
    let mut out = Outlet::new(origin, sink);
    out.summary.bytes = bytes.len() as u64;
    if bytes.len() > LARGEST_STATEMENT {
        let message =
            format!("the text is larger than {LARGEST_STATEMENT} bytes; no notebook is: take it apart");
        out.dead("oversized-text", (0, ""), message, bytes.to_vec());
        return out.summary;
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        out.dead(
            "empty-file",
            (0, ""),
            "the text is empty; read the code again",
            bytes.to_vec(),
        );
        return out.summary;
    }
    let (rows, charset) = rows(bytes, &mut out);
    let Some(first) = rows.first() else {
        return out.summary;
    };
    let has_record = first.kind().bytes().all(|byte| byte.is_ascii_digit()) && first.text.contains(',');
    if !first.text.starts_with(VERSION) && !has_record {
        let message = if first.text.starts_with("JAHIS") {
            "this is the symbol of a prescription form, not a notebook (JAHISTC)"
        } else {
            "the text does not begin with JAHISTC: it is no notebook"
        };
        let number = first.number;
        out.summary.envelope = 0;
        out.dead("no-notebook", (number, ""), message, bytes.to_vec());
        return out.summary;
    }
    if has_record {
        let number = first.number;
        out.warn(
            "no-version",
            (number, ""),
            "the version record is missing; read as the newest version",
        );
    }
    for whole in wholes(rows, bytes, &mut out) {
        if out.is_open() {
            notebook::hand_out(&whole, bytes, charset, tables, &mut out);
        }
    }
    out.summary
}

/// The lines that hold something.
fn rows(bytes: &[u8], out: &mut Outlet<'_, '_, '_>) -> (Vec<Row>, &'static str) {
    let is_utf8 = std::str::from_utf8(bytes).is_ok();
    let mut rows = Vec::new();
    let mut start = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index as u32 + 1;
        let range = start..start + line.len();
        start = range.end;
        if is_blank(line) {
            out.envelope(line.len());
            continue;
        }
        let line = content(line);
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        let text = match std::str::from_utf8(line) {
            Ok(text) if is_utf8 => text.to_owned(),
            _ => {
                let (text, right) = cp932(line);
                if !right {
                    out.warn(
                        "bad-shift-jis",
                        (number, ""),
                        "bytes are neither UTF-8 nor CP932; they are read as U+FFFD, the bytes are kept",
                    );
                }
                text.into_owned()
            }
        };
        rows.push(Row { number, text, range });
    }
    (rows, if is_utf8 { "utf-8" } else { "windows-31j" })
}

fn sum(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.range.len()).sum()
}

fn bytes_of<'r>(rows: impl IntoIterator<Item = &'r Row>, bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for row in rows {
        all.extend_from_slice(bytes.get(row.range.clone()).unwrap_or_default());
    }
    all
}

/// The notebooks of a text, the parts of a split one joined. Parts of which one is missing are dead.
fn wholes(rows: Vec<Row>, bytes: &[u8], out: &mut Outlet<'_, '_, '_>) -> Vec<Vec<Row>> {
    let mut parts: Vec<Vec<Row>> = Vec::new();
    for row in rows {
        match parts.last_mut() {
            Some(part) if !row.text.starts_with(VERSION) => part.push(row),
            _ => parts.push(vec![row]),
        }
    }
    let mut wholes = Vec::new();
    let mut split: BTreeMap<String, BTreeMap<u16, Vec<Row>>> = BTreeMap::new();
    let mut totals: BTreeMap<String, u16> = BTreeMap::new();
    for part in parts {
        let mark = part.iter().find(|row| row.kind() == record::SPLIT);
        let Some(mark) = mark else {
            wholes.push(part);
            continue;
        };
        let number = mark.number;
        let Some(which) = Split::of(&mark.cells()) else {
            let message = "the split record is no id, number of parts and part; read the codes again";
            out.dead("bad-split", (number, "911"), message, bytes_of(&part, bytes));
            continue;
        };
        let known = totals.entry(which.id.clone()).or_insert(which.total);
        if *known != which.total {
            let message = "parts of one text name different numbers of parts";
            out.dead("bad-split", (number, "911-2"), message, bytes_of(&part, bytes));
            continue;
        }
        let others = split.entry(which.id).or_default();
        if let Entry::Vacant(free) = others.entry(which.sequence) {
            free.insert(part);
        } else {
            out.inform(
                "repeated-part",
                (number, "911-3"),
                "a part was read twice; the first is taken",
            );
            out.envelope(sum(&part));
        }
    }
    for (id, parts) in split {
        let total = totals.get(&id).copied().unwrap_or_default();
        if parts.len() < usize::from(total) {
            let missing: Vec<String> = (1..=total)
                .filter(|part| !parts.contains_key(part))
                .take(10)
                .map(|part| part.to_string())
                .collect();
            let rows: Vec<Row> = parts.into_values().flatten().collect();
            let number = rows.first().map_or(0, |row| row.number);
            let message = format!(
                "of {total} parts these are missing: {}; read all codes and import them together",
                missing.join(", ")
            );
            out.dead("part-missing", (number, "911"), message, bytes_of(&rows, bytes));
            continue;
        }
        let mut whole: Vec<Row> = Vec::new();
        for mut row in parts.into_values().flatten() {
            let is_mark = row.kind() == record::SPLIT || (row.text.starts_with(VERSION) && !whole.is_empty());
            if is_mark {
                out.envelope(row.range.len());
            } else {
                row.text.shrink_to_fit();
                whole.push(row);
            }
        }
        wholes.push(whole);
    }
    wholes
}
