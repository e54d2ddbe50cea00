//! Exports of devices that people use at home (CSV): glucose sensors, blood pressure, SpO2, CPAP, scales, thermometers.
//!
//! Read as a stream: the samples of one device and day are one statement. Which column holds what is a table
//! (`data/exchange/devices.tsv`), and what a person can have at all another (`device_quantities.tsv`). The values are
//! written as the device wrote them; a series of a sensor is one SampledData on the grid of its interval, with `E` where a
//! sample is missing. [`glucose`] and [`pressure`] are the published summaries.

pub mod glucose;
pub mod pressure;
mod run;
mod tables;
mod times;

pub use tables::Tables;

use crate::feed::{
    LARGEST_STATEMENT, Line, Lines, Origin, Outlet, Summary, content, has_private, is_blank, utf8_or_cp932,
};
use crate::incoming::{Person, Severity, Sink};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use run::Run;
use std::collections::BTreeMap;
use std::io::BufRead;
use tables::{Columns, fold};

/// Lines in which the header is looked for.
const HEADER_WITHIN: usize = 20;
/// Days that are kept open for samples out of order.
const OPEN_RUNS: usize = 64;
/// Problems of one kind that are told of a file one by one.
const TOLD: u32 = 50;
/// A clock that is nearer to the reference is right.
const TRUE_CLOCK: SignedDuration = SignedDuration::from_secs(60);

/// A time of the device's clock, and what a reference showed at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What the device showed.
    pub device: DateTime,
    /// What the reference showed, civil time of Japan.
    pub reference: DateTime,
}

impl Clock {
    /// How far the device is ahead.
    pub fn drift(&self) -> SignedDuration {
        self.device.duration_since(self.reference)
    }
}

/// Reads an export. Memory: the samples of 64 days. With a clock, times are corrected by its drift where that is a minute or
/// more, and the drift stands in each resource.
pub fn read(
    input: impl BufRead,
    origin: &Origin,
    tables: &Tables,
    clock: Option<&Clock>,
    sink: &mut Sink<'_>,
) -> Summary {
    let drift = clock
        .map(Clock::drift)
        .filter(|drift| drift.abs() >= TRUE_CLOCK)
        .unwrap_or_default();
    let mut reader = Reader {
        out: Outlet::new(origin, sink),
        tables,
        clock: clock.copied(),
        drift,
        person: origin.person.clone().unwrap_or_default(),
        columns: None,
        before: Before::default(),
        runs: BTreeMap::new(),
        turn: 0,
        told: BTreeMap::new(),
    };
    let mut lines = Lines::new(input);
    while reader.out.is_open() {
        match lines.advance(&mut reader.out.summary) {
            Line::Read => reader.line(lines.number, &lines.bytes),
            Line::Overlong => reader
                .out
                .overlong(lines.number, std::mem::take(&mut lines.bytes)),
            Line::End => {
                reader.finish();
                break;
            }
            Line::Failed(error) => {
                let bytes = std::mem::take(&mut lines.bytes);
                let message = format!("reading stopped: {error}; import the file again");
                reader.out.dead("read-failed", (lines.number, ""), message, bytes);
                reader.finish();
                break;
            }
        }
    }
    reader.out.summary
}

/// Lines before the header, or of a file without one.
#[derive(Debug, Default)]
struct Before {
    first: u32,
    lines: usize,
    bytes: Vec<u8>,
}

/// A device and a day.
type Day = (String, Date);

struct Reader<'o, 's, 'a, 't> {
    out: Outlet<'o, 's, 'a>,
    tables: &'t Tables,
    clock: Option<Clock>,
    drift: SignedDuration,
    person: Person,
    columns: Option<Columns<'t>>,
    before: Before,
    runs: BTreeMap<Day, Run>,
    turn: u64,
    told: BTreeMap<&'static str, u32>,
}

impl<'t> Reader<'_, '_, '_, 't> {
    fn line(&mut self, number: u32, bytes: &[u8]) {
        if is_blank(bytes) {
            self.out.envelope(bytes.len());
            return;
        }
        let (text, charset, right) = utf8_or_cp932(content(bytes));
        if !right {
            self.tell(
                "bad-shift-jis",
                (number, ""),
                "bytes are neither UTF-8 nor CP932; read as U+FFFD".to_owned(),
            );
        }
        if let Some(columns) = self.columns.take() {
            self.sample(&columns, number, &text, bytes, charset);
            self.columns = Some(columns);
            return;
        }
        if self.before.lines < HEADER_WITHIN
            && let Some(columns) = self.tables.columns(&text)
        {
            let before = std::mem::take(&mut self.before);
            self.out.envelope(before.bytes.len() + bytes.len());
            self.begin(number, &columns);
            self.columns = Some(columns);
            return;
        }
        if self.before.bytes.is_empty() {
            self.before.first = number;
        }
        self.before.lines += 1;
        self.before.bytes.extend_from_slice(bytes);
        if self.before.bytes.len() > LARGEST_STATEMENT {
            self.before.lines = HEADER_WITHIN;
            self.give_up();
        }
    }

    fn begin(&mut self, number: u32, columns: &Columns<'_>) {
        let message = format!(
            "read by the layout {} of data/exchange/devices.tsv",
            columns.layout.id
        );
        self.out.inform("layout", (number, ""), message);
        if self.person.number.is_empty() && self.person.name.is_none() {
            self.out.warn(
                "no-patient",
                (number, ""),
                "the file does not say whose it is; name the patient",
            );
        }
        if !self.drift.is_zero() {
            let message = format!(
                "the clock of the device is {} seconds ahead of the reference; times are corrected by that",
                self.drift.as_secs()
            );
            self.out.warn("clock-drift", (number, ""), message);
        }
    }

    fn tell(&mut self, code: &'static str, at: (u32, &str), message: String) {
        let times = self.told.entry(code).or_default();
        *times += 1;
        if *times <= TOLD {
            self.out.tell(Severity::Warning, code, at, message);
        }
    }

    fn sample(
        &mut self,
        columns: &Columns<'t>,
        number: u32,
        text: &str,
        bytes: &[u8],
        charset: &'static str,
    ) {
        let Some(cells) = times::split(text, columns.separator) else {
            self.out.dead(
                "unclosed-quote",
                (number, ""),
                "a quotation mark is not closed on this line",
                bytes.to_vec(),
            );
            return;
        };
        let written = columns.time(&cells);
        let has_value = columns.values(&cells).next().is_some();
        if written.trim().is_empty() && !has_value {
            self.out.envelope(bytes.len());
            return;
        }
        let Some(at) = times::moment(&written, columns.layout.order) else {
            let field = columns.time_name();
            self.out.dead(
                "bad-time",
                (number, field),
                "the time of the sample is no date with a time of day",
                bytes.to_vec(),
            );
            return;
        };
        let Ok(corrected) = at.checked_sub(self.drift) else {
            self.out.dead(
                "bad-time",
                (number, columns.time_name()),
                "the time of the sample is out of range",
                bytes.to_vec(),
            );
            return;
        };
        if self.clock.is_some_and(|clock| corrected > clock.reference) {
            self.tell(
                "future-time",
                (number, columns.time_name()),
                "the sample is behind the time of the reference".to_owned(),
            );
        }
        if has_private(text) {
            self.tell(
                "private-character",
                (number, ""),
                "a character that only the sender can read".to_owned(),
            );
        }
        let device = columns.device(&cells);
        let day = (device, corrected.date());
        self.make_room(&day, bytes.len(), columns);
        self.turn += 1;
        let turn = self.turn;
        let mut run = self
            .runs
            .remove(&day)
            .unwrap_or_else(|| Run::new(number, charset));
        run.turn = turn;
        run.bytes.extend_from_slice(bytes);
        for (quantity, value) in columns.values(&cells) {
            if let Err((code, message)) = run.take(corrected, number, quantity, value, columns.layout) {
                self.tell(code, (number, &quantity.id), message);
            }
        }
        self.runs.insert(day, run);
    }

    /// Hands out the day that was left longest, or the same one where it holds too much.
    fn make_room(&mut self, day: &Day, more: usize, columns: &Columns<'t>) {
        if let Some(run) = self.runs.get(day)
            && run.bytes.len() + more > LARGEST_STATEMENT
            && let Some(run) = self.runs.remove(day)
        {
            self.hand_out(day.clone(), run, columns);
        }
        if self.runs.len() < OPEN_RUNS || self.runs.contains_key(day) {
            return;
        }
        let oldest = self.runs.iter().min_by_key(|(_, run)| run.turn);
        if let Some(day) = oldest.map(|(day, _)| day.clone())
            && let Some(run) = self.runs.remove(&day)
        {
            self.hand_out(day, run, columns);
        }
    }

    fn hand_out(&mut self, day: Day, run: Run, columns: &Columns<'t>) {
        let told = self.told.entry("run").or_default();
        *told += 1;
        let is_told = *told <= TOLD;
        let (line, repeated, gaps) = (run.line, run.repeated, run.gaps(columns.layout));
        let incoming = run.incoming(day, &self.person, self.drift, columns.layout, &mut self.out);
        self.out.statement(incoming);
        if is_told && repeated > 0 {
            let message =
                format!("{repeated} samples stand twice with the same time and value; each is taken once");
            self.out.inform("repeated-sample", (line, ""), message);
        }
        if is_told && let Some((count, longest)) = gaps {
            let message = format!("{count} gaps in the samples of the day, the longest of {longest} minutes");
            self.out.inform("gap", (line, ""), message);
        }
    }

    fn give_up(&mut self) {
        let bytes = std::mem::take(&mut self.before.bytes);
        if !bytes.is_empty() {
            self.out.dead(
                "unknown-layout",
                (self.before.first, ""),
                "no line is the header of a layout of data/exchange/devices.tsv; add the maker's header there",
                bytes,
            );
        }
    }

    fn finish(&mut self) {
        self.give_up();
        if self.out.summary.bytes == 0 {
            self.out.dead(
                "empty-file",
                (0, ""),
                "the file is empty; export it again",
                Vec::new(),
            );
        }
        if let Some(columns) = self.columns.take() {
            for (day, run) in std::mem::take(&mut self.runs) {
                if self.out.is_open() {
                    self.hand_out(day, run, &columns);
                }
            }
        }
        let more: Vec<(&'static str, u32)> = self
            .told
            .iter()
            .filter(|(code, times)| **code != "run" && **times > TOLD)
            .map(|(code, times)| (*code, *times - TOLD))
            .collect();
        for (code, times) in more {
            self.out
                .warn(code, (0, ""), format!("{times} more of this kind in the file"));
        }
    }
}

/// Whether two headers are the same name.
pub(crate) fn same(one: &str, other: &str) -> bool {
    fold(one) == fold(other)
}
