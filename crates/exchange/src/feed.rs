//! What the readers of files share: where a file comes from, lines with a limit, the way out, and what was read.
//!
//! A reader never stops at what it cannot read. Every byte that comes in goes out again: in a statement, in a dead letter,
//! or counted as the envelope around them (headers, totals, blank lines): [`Summary`] tells how much of each.

use crate::incoming::{Handed, Incoming, Person, Place, Problem, Severity, Sink};
use encoding_rs::SHIFT_JIS;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, Read as _};

/// Longest line, in bytes, that is read as one: the longest record of any of these standards is below 64 KiB.
pub const LONGEST_LINE: usize = 1 << 20;
/// Largest statement, in bytes.
pub const LARGEST_STATEMENT: usize = 4 << 20;

/// Where what is read comes from, and what is known of it beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// File, as problems name it.
    pub file: String,
    /// Who issues the numbers of the patients in it; where none is given, what the file says.
    pub facility: Option<String>,
    /// Whose it is, for sources that do not say it (a device, a 手帳).
    pub person: Option<Person>,
}

impl Origin {
    /// A file of which nothing else is known.
    pub fn file(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            ..Self::default()
        }
    }
}

/// What was read: `bytes` is the sum of `stated`, `dead_bytes` and `envelope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes handed out in statements.
    pub stated: u64,
    /// Bytes handed out as dead letters.
    pub dead_bytes: u64,
    /// Bytes around the statements: headers, totals, blank lines.
    pub envelope: u64,
    /// Statements handed out.
    pub statements: u64,
    /// Dead letters handed out.
    pub dead: u64,
    /// The taker wanted no more; the rest was not read.
    pub stopped: bool,
}

/// The way out: keeps the sums, and remembers when the taker wants no more.
pub(crate) struct Outlet<'o, 's, 'a> {
    pub(crate) origin: &'o Origin,
    sink: &'s mut Sink<'a>,
    pub(crate) summary: Summary,
    keys: BTreeMap<u64, u32>,
}

impl<'o, 's, 'a> Outlet<'o, 's, 'a> {
    pub(crate) fn new(origin: &'o Origin, sink: &'s mut Sink<'a>) -> Self {
        Self {
            origin,
            sink,
            summary: Summary::default(),
            keys: BTreeMap::new(),
        }
    }

    /// Whether the taker wants more.
    pub(crate) fn is_open(&self) -> bool {
        !self.summary.stopped
    }

    fn hand(&mut self, handed: Handed) {
        if self.is_open() && !(self.sink)(handed) {
            self.summary.stopped = true;
        }
    }

    pub(crate) fn place(&self, line: u32, field: &str) -> Place {
        Place {
            file: self.origin.file.clone(),
            line: (line > 0).then_some(line),
            field: (!field.is_empty()).then(|| field.to_owned()),
        }
    }

    pub(crate) fn statement(&mut self, incoming: Incoming) {
        self.summary.stated += incoming.bytes.len() as u64;
        self.summary.statements += 1;
        self.hand(Handed::Statement(Box::new(incoming)));
    }

    /// Tells of something that leaves the statement in.
    pub(crate) fn tell(&mut self, severity: Severity, code: &'static str, at: (u32, &str), message: String) {
        let place = self.place(at.0, at.1);
        self.hand(Handed::Problem(Problem {
            place,
            severity,
            code,
            message,
        }));
    }

    pub(crate) fn warn(&mut self, code: &'static str, at: (u32, &str), message: impl Into<String>) {
        self.tell(Severity::Warning, code, at, message.into());
    }

    pub(crate) fn inform(&mut self, code: &'static str, at: (u32, &str), message: impl Into<String>) {
        self.tell(Severity::Information, code, at, message.into());
    }

    pub(crate) fn dead(
        &mut self,
        code: &'static str,
        at: (u32, &str),
        message: impl Into<String>,
        bytes: Vec<u8>,
    ) {
        self.summary.dead_bytes += bytes.len() as u64;
        self.summary.dead += 1;
        let problem = Problem {
            place: self.place(at.0, at.1),
            severity: Severity::Error,
            code,
            message: message.into(),
        };
        self.hand(Handed::Dead { problem, bytes });
    }

    pub(crate) fn envelope(&mut self, bytes: usize) {
        self.summary.envelope += bytes as u64;
    }

    /// The key, with a number behind it from the second time that this person has it in this file: nothing of a file may
    /// replace another part of the same file.
    pub(crate) fn unique(&mut self, person: &Person, key: String, line: u32) -> String {
        let times = self
            .keys
            .entry(digest(&[&person.issuer, &person.number, &key]))
            .or_default();
        *times += 1;
        if *times == 1 {
            return key;
        }
        let numbered = format!("{key}#{times}");
        self.inform(
            "repeated-key",
            (line, ""),
            "a second statement of the same patient, time and kind is in this file; both are kept",
        );
        numbered
    }

    /// Counts a line and hands its bytes out as dead where it is longer than a line may be.
    pub(crate) fn overlong(&mut self, line: u32, bytes: Vec<u8>) {
        self.dead(
            "overlong-line",
            (line, ""),
            format!("the line is longer than {LONGEST_LINE} bytes; it is no record of this standard"),
            bytes,
        );
    }
}

/// A stable number of some texts.
pub(crate) fn digest(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    u64::from_be_bytes(eight)
}

/// A person without a number, told apart from others by name and date of birth; empty where there is a number.
pub(crate) fn unnumbered(person: &Person) -> String {
    if !person.number.is_empty() {
        return String::new();
    }
    let name = person
        .name
        .as_deref()
        .or(person.kana.as_deref())
        .unwrap_or_default();
    let born = person.birth_date.map(|date| date.to_string()).unwrap_or_default();
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write!(out, "/{:016x}", digest(&[name, &born]));
    out
}

/// What reading a line gave.
pub(crate) enum Line {
    /// A line with its end, in the buffer.
    Read,
    /// A piece of a line that is too long, in the buffer.
    Overlong,
    /// Nothing more.
    End,
    /// The input failed.
    Failed(std::io::Error),
}

/// Lines of a stream, each read into one buffer.
pub(crate) struct Lines<R> {
    input: R,
    /// Number of the line in the buffer, from 1.
    pub(crate) number: u32,
    /// The line with its end.
    pub(crate) bytes: Vec<u8>,
    broken: bool,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            bytes: Vec::new(),
            broken: false,
            ended: false,
        }
    }

    pub(crate) fn advance(&mut self, summary: &mut Summary) -> Line {
        self.bytes.clear();
        if self.ended {
            return Line::End;
        }
        let limit = LONGEST_LINE as u64;
        match self.input.by_ref().take(limit).read_until(b'\n', &mut self.bytes) {
            Ok(0) => {
                self.ended = true;
                Line::End
            }
            Ok(read) => {
                summary.bytes += read as u64;
                if !self.broken {
                    self.number = self.number.saturating_add(1);
                }
                let whole = self.bytes.last() == Some(&b'\n') || read < LONGEST_LINE;
                let was_broken = std::mem::replace(&mut self.broken, !whole);
                if whole && !was_broken {
                    Line::Read
                } else {
                    Line::Overlong
                }
            }
            Err(error) => {
                self.ended = true;
                summary.bytes += self.bytes.len() as u64;
                Line::Failed(error)
            }
        }
    }
}

/// A line without its end and without the mark that old systems put at the end of a file.
pub(crate) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_suffix(b"\x1A").unwrap_or(line)
}

/// Whether a line holds nothing.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    content(line).iter().all(u8::is_ascii_whitespace)
}

/// CP932 as text, and whether all of it could be read. Commas and tabs are never the second byte of a character.
pub(crate) fn cp932(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    let (text, wrong) = SHIFT_JIS.decode_without_bom_handling(bytes);
    (text, !wrong)
}

/// CP932, or UTF-8 where the bytes can only be that: the text, the charset's name, whether all could be read.
pub(crate) fn cp932_or_utf8(bytes: &[u8]) -> (Cow<'_, str>, &'static str, bool) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if text.is_ascii() {
            return (Cow::Borrowed(text), "windows-31j", true);
        }
        // Kana of half width may look like UTF-8 of two bytes; nothing of CP932 looks like Japanese in UTF-8.
        if text.chars().any(|c| ('\u{3000}'..'\u{E000}').contains(&c)) {
            return (Cow::Borrowed(text.trim_start_matches('\u{FEFF}')), "utf-8", true);
        }
    }
    let (text, right) = cp932(bytes);
    (text, "windows-31j", right)
}

/// UTF-8 where the bytes are that, else CP932: the text, the charset's name, whether all could be read.
pub(crate) fn utf8_or_cp932(bytes: &[u8]) -> (Cow<'_, str>, &'static str, bool) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), "utf-8", true);
    }
    let (text, right) = cp932(bytes);
    (text, "windows-31j", right)
}

/// Whether a text holds characters that only one site can read (外字).
pub(crate) fn has_private(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|c| ('\u{E000}'..='\u{F8FF}').contains(&c))
}
