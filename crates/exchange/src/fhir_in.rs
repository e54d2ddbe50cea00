//! FHIR R4, incoming: single resources, Bundles of every type, and a resource a line (NDJSON), as a stream.
//!
//! Every resource is a statement of its own and keeps its bytes: what we do not know (extensions, the digits of a decimal)
//! stays as it stood. A value that cannot be read ends where its brackets end; its neighbours are in. A Bundle is held in
//! windows of [`Limits::window`] bytes, because the Patient, or the Medication that an order names, may stand behind it.

mod cut;
mod look;
mod person;
mod statement;
mod strict;
mod window;

use crate::incoming::{Handed, Place, Problem, Severity, Sink};
use cut::{Cut, Cutter};
use std::io::Read;
use window::Window;

/// How values stand in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON: one resource or Bundle, or several one after the other, or a list of them.
    Json,
    /// One resource or Bundle a line.
    Lines,
}

impl Form {
    /// The form that the name of a file tells.
    pub fn of(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
        if matches!(ending.as_str(), "ndjson" | "jsonl") {
            Self::Lines
        } else {
            Self::Json
        }
    }
}

/// What is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Brackets within brackets.
    pub depth: usize,
    /// Bytes of one resource.
    pub resource: usize,
    /// Bytes of a Bundle that are held at once.
    pub window: usize,
    /// Patients that are remembered for what names them later.
    pub patients: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 100,
            resource: 16 << 20,
            window: 32 << 20,
            patients: 200_000,
        }
    }
}

/// Reads a source; what it states and what is wrong with it go to `sink` in the order of the source. Total: an error of
/// the stream itself is a problem, too (`stream-broken`).
pub fn read(input: &mut dyn Read, file: &str, form: Form, limits: Limits, sink: &mut Sink<'_>) {
    let mut window = Window::new(file, limits);
    let mut cutter = Cutter::new(input, 1);
    let goes_on = match form {
        Form::Json => json(&mut cutter, &mut window, sink),
        Form::Lines => lines(&mut cutter, &mut window, sink),
    };
    if let Some(error) = cutter.failed.take().filter(|_| goes_on) {
        let message = format!("the source could not be read to its end ({error}); read it again");
        window.dead(
            "stream-broken",
            message,
            cutter.line,
            String::new(),
            Vec::new(),
            sink,
        );
    }
}

fn json(cutter: &mut Cutter<'_>, window: &mut Window, sink: &mut Sink<'_>) -> bool {
    let mut is_empty = true;
    loop {
        cutter.skip_blank();
        let Some(byte) = cutter.peek() else { break };
        is_empty = false;
        let goes_on = match byte {
            b'{' => object(cutter, window, "$", sink),
            b'[' => {
                cutter.take();
                entries(cutter, window, "$", false, sink)
            }
            _ => stray(cutter, window, sink),
        };
        if !goes_on {
            return false;
        }
    }
    if is_empty {
        let message = "the file is empty; export it again".to_owned();
        return window.dead(
            "empty-file",
            message,
            cutter.line,
            String::new(),
            Vec::new(),
            sink,
        );
    }
    window.close(sink)
}

/// What stands where a resource should begin, up to the next line.
fn stray(cutter: &mut Cutter<'_>, window: &mut Window, sink: &mut Sink<'_>) -> bool {
    let line = cutter.line;
    let bytes = cutter.line(window.limits.resource);
    let message = "this is no JSON object; a resource begins with {".to_owned();
    window.dead("not-json", message, line, "$".to_owned(), bytes, sink)
}

fn lines(cutter: &mut Cutter<'_>, window: &mut Window, sink: &mut Sink<'_>) -> bool {
    while cutter.peek().is_some() {
        let line = cutter.line;
        let bytes = cutter.line(window.limits.window);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if bytes.len() >= window.limits.window && bytes.last() != Some(&b'\n') {
            if !too_long(bytes, line, cutter, window, sink) {
                return false;
            }
            continue;
        }
        let mut input = bytes.as_slice();
        let mut inner = Cutter::new(&mut input, line);
        inner.skip_blank();
        let goes_on = if inner.peek() == Some(b'{') {
            object(&mut inner, window, "$", sink) && trailing(&mut inner, window, sink)
        } else {
            stray(&mut inner, window, sink)
        };
        // Lines are statements of their own: nothing waits for a later one but the patients they name.
        if !goes_on || !window.close(sink) {
            return false;
        }
    }
    true
}

fn too_long(
    bytes: Vec<u8>,
    line: u32,
    cutter: &mut Cutter<'_>,
    window: &mut Window,
    sink: &mut Sink<'_>,
) -> bool {
    let mut piece = bytes;
    loop {
        let ended = piece.last() == Some(&b'\n') || cutter.peek().is_none();
        let message = format!("the line is longer than {} bytes; split it", window.limits.window);
        if !window.dead("too-long", message, line, "$".to_owned(), piece, sink) {
            return false;
        }
        if ended {
            return true;
        }
        piece = cutter.line(window.limits.window);
    }
}

/// What stands on a line behind its object.
fn trailing(cutter: &mut Cutter<'_>, window: &mut Window, sink: &mut Sink<'_>) -> bool {
    cutter.skip_blank();
    let rest = cutter.rest(window.limits.window);
    rest.is_empty() || {
        let message = "something stands behind the object; a line holds one".to_owned();
        window.dead("behind-object", message, cutter.line, "$".to_owned(), rest, sink)
    }
}

/// An object at the top: a resource, or a Bundle whose entries are handed out while it is read.
fn object(cutter: &mut Cutter<'_>, window: &mut Window, path: &str, sink: &mut Sink<'_>) -> bool {
    let mut frame = Frame::new(cutter);
    let (mut depth, mut is_bundle) = (1, false);
    let is_whole = loop {
        let key = match member(cutter, &mut frame.bytes) {
            Member::Key(key) => key,
            Member::End => break true,
            Member::Broken => break false,
        };
        if is_bundle && key == "entry" && cutter.peek() == Some(b'[') && frame.entries.is_none() {
            frame.open_entries(cutter);
            if !entries(cutter, window, path, true, sink) {
                return false;
            }
            continue;
        }
        let left = window.limits.window.saturating_sub(frame.bytes.len());
        let cut = cutter.value(left);
        depth = depth.max(cut.depth + 1);
        is_bundle |= key == "resourceType" && cut.bytes == b"\"Bundle\"";
        frame.bytes.extend_from_slice(&cut.bytes);
        if !cut.whole {
            break false;
        }
    };
    match (is_bundle, is_whole) {
        (true, true) if frame.entries.is_none() && window.depth < window::DEEPEST_BUNDLE => {
            again(&frame, window, path, sink)
        }
        (true, true) => window.frame(&frame, path, sink),
        (false, true) => window.resource(frame.bytes, depth, frame.line, path, sink),
        (_, false) => window.flush(sink) && broken(&frame, cutter, window, path, sink),
    }
}

/// The members of an object without the entries of a Bundle, which are handed out by themselves.
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    pub(crate) line: u32,
    /// Where the bracket of the entries opens; the one behind it closes them and is ours.
    entries: Option<usize>,
}

impl Frame {
    fn new(cutter: &mut Cutter<'_>) -> Self {
        let line = cutter.line;
        Self {
            bytes: cutter.take().into_iter().collect(),
            line,
            entries: None,
        }
    }

    fn open_entries(&mut self, cutter: &mut Cutter<'_>) {
        cutter.take();
        self.entries = Some(self.bytes.len());
        self.bytes.extend_from_slice(b"[]");
    }

    /// The frame as it stood: before its entries, and behind them.
    pub(crate) fn stretches(&self) -> Vec<Vec<u8>> {
        let Some((before, behind)) = self
            .entries
            .and_then(|place| self.bytes.split_at_checked(place + 1))
        else {
            return vec![self.bytes.clone()];
        };
        let behind = behind.strip_prefix(b"]").unwrap_or(behind);
        vec![before.to_vec(), behind.to_vec()]
    }
}

/// A Bundle that tells its type behind its entries, or has none: read with what is known now.
fn again(whole: &Frame, window: &mut Window, path: &str, sink: &mut Sink<'_>) -> bool {
    let mut input = whole.bytes.as_slice();
    let mut cutter = Cutter::new(&mut input, whole.line);
    let mut frame = Frame::new(&mut cutter);
    while let Member::Key(key) = member(&mut cutter, &mut frame.bytes) {
        let is_list = cutter.peek() == Some(b'[');
        if key == "entry" && !is_list {
            let field = format!("{path}.entry");
            let message = "entry is no list; FHIR wants one".to_owned();
            let bytes = whole.bytes.clone();
            return window.dead("entry-no-list", message, cutter.line, field, bytes, sink);
        }
        if key == "entry" && frame.entries.is_none() {
            frame.open_entries(&mut cutter);
            if !entries(&mut cutter, window, path, true, sink) {
                return false;
            }
            continue;
        }
        let cut = cutter.value(whole.bytes.len());
        frame.bytes.extend_from_slice(&cut.bytes);
    }
    window.frame(&frame, path, sink)
}

/// What comes next in an object.
enum Member {
    /// A member, up to its value.
    Key(String),
    /// Its end.
    End,
    /// Neither.
    Broken,
}

fn member(cutter: &mut Cutter<'_>, frame: &mut Vec<u8>) -> Member {
    const LONGEST_KEY: usize = 4096;
    loop {
        match cutter.peek() {
            Some(b'"') => break,
            Some(b'}') => {
                frame.extend(cutter.take());
                return Member::End;
            }
            Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => frame.extend(cutter.take()),
            _ => return Member::Broken,
        }
    }
    let key = cutter.value(LONGEST_KEY);
    frame.extend_from_slice(&key.bytes);
    take_blanks(cutter, frame);
    if cutter.peek() != Some(b':') {
        return Member::Broken;
    }
    frame.extend(cutter.take());
    take_blanks(cutter, frame);
    let inner = key.bytes.get(1..key.bytes.len().saturating_sub(1)).unwrap_or(&[]);
    Member::Key(String::from_utf8_lossy(inner).into_owned())
}

fn take_blanks(cutter: &mut Cutter<'_>, frame: &mut Vec<u8>) {
    while matches!(cutter.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        frame.extend(cutter.take());
    }
}

/// The elements of a list whose bracket is taken: entries of a Bundle, or resources.
fn entries(
    cutter: &mut Cutter<'_>,
    window: &mut Window,
    path: &str,
    is_bundle: bool,
    sink: &mut Sink<'_>,
) -> bool {
    let mut index = 0u32;
    loop {
        match cutter.peek() {
            None => {
                let message = "the list ends in the middle: the file is cut off; export it again".to_owned();
                let field = if is_bundle {
                    format!("{path}.entry")
                } else {
                    path.to_owned()
                };
                return window.dead("truncated", message, cutter.line, field, Vec::new(), sink)
                    && window.flush(sink);
            }
            Some(b']') => {
                cutter.take();
                return true;
            }
            Some(b' ' | b'\t' | b'\r' | b'\n' | b',') => {
                cutter.take();
            }
            Some(_) => {
                let field = if is_bundle {
                    format!("{path}.entry[{index}]")
                } else {
                    format!("{path}[{index}]")
                };
                let line = cutter.line;
                let mut cut = cutter.value(window.limits.resource);
                if !cut.whole && cut.bytes.len() >= window.limits.resource {
                    if !over_limit(&mut cut, line, cutter, window, &field, sink) {
                        return false;
                    }
                } else if !window.entry(cut, line, field, is_bundle, sink) {
                    return false;
                }
                index += 1;
            }
        }
    }
}

/// A value that is longer than the limit: its bytes go out in pieces.
fn over_limit(
    cut: &mut Cut,
    line: u32,
    cutter: &mut Cutter<'_>,
    window: &mut Window,
    field: &str,
    sink: &mut Sink<'_>,
) -> bool {
    loop {
        let bytes = std::mem::take(&mut cut.bytes);
        let is_last = cut.whole || bytes.is_empty();
        let message = format!(
            "the resource is longer than {} bytes; split it",
            window.limits.resource
        );
        if !bytes.is_empty() && !window.dead("too-long", message, line, field.to_owned(), bytes, sink) {
            return false;
        }
        if is_last {
            return true;
        }
        cutter.go_on(cut, window.limits.resource);
    }
}

/// An object that does not end: what stood before its entries, and all that is left of the source, in pieces.
fn broken(
    frame: &Frame,
    cutter: &mut Cutter<'_>,
    window: &mut Window,
    path: &str,
    sink: &mut Sink<'_>,
) -> bool {
    let mut stretches = frame.stretches();
    let mut piece = stretches.pop().unwrap_or_default();
    if let Some(before) = stretches.pop()
        && !unfinished(before, frame.line, window, path, sink)
    {
        return false;
    }
    piece.extend(cutter.rest(window.limits.window));
    while !piece.is_empty() {
        if !unfinished(piece, frame.line, window, path, sink) {
            return false;
        }
        piece = cutter.rest(window.limits.window);
    }
    true
}

fn unfinished(bytes: Vec<u8>, line: u32, window: &mut Window, path: &str, sink: &mut Sink<'_>) -> bool {
    let limit = window.limits.window;
    let (code, message) = if bytes.len() >= limit {
        (
            "too-long",
            format!("the object is longer than {limit} bytes, or does not end; split it"),
        )
    } else {
        (
            "malformed-json",
            "the object is broken or cut off; export it again".to_owned(),
        )
    };
    window.dead(code, message, line, path.to_owned(), bytes, sink)
}

pub(crate) fn problem(
    file: &str,
    severity: Severity,
    code: &'static str,
    message: String,
    line: u32,
    field: String,
) -> Problem {
    Problem {
        place: Place {
            file: file.to_owned(),
            line: Some(line),
            field: Some(field).filter(|field| !field.is_empty()),
        },
        severity,
        code,
        message,
    }
}

pub(crate) fn dead(problem: Problem, bytes: Vec<u8>) -> Handed {
    Handed::Dead { problem, bytes }
}
