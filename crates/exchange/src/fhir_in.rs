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
    let start = cutter.line;
    let mut frame: Vec<u8> = Vec::new();
    let mut depth = 1;
    let (mut is_bundle, mut has_streamed) = (false, false);
    frame.extend(cutter.take());
    loop {
        let key = member(cutter, &mut frame);
        let Some(key) = key else { break };
        if is_bundle && key == "entry" && cutter.peek() == Some(b'[') {
            cutter.take();
            frame.extend_from_slice(b"[]");
            has_streamed = true;
            if !entries(cutter, window, path, true, sink) {
                return false;
            }
            continue;
        }
        let left = window.limits.window.saturating_sub(frame.len());
        let cut = cutter.value(left);
        depth = depth.max(cut.depth + 1);
        is_bundle |= key == "resourceType" && cut.bytes == b"\"Bundle\"";
        frame.extend_from_slice(&cut.bytes);
        if !cut.whole {
            break;
        }
    }
    let is_whole = frame.last() == Some(&b'}') && frame.len() < window.limits.window;
    match (is_bundle, is_whole) {
        (true, true) if !has_streamed && window.depth < window::DEEPEST_BUNDLE => {
            again(&frame, start, window, path, sink)
        }
        (true, true) => window.frame(&frame, start, path, sink) && window.flush(sink),
        (false, true) => window.resource(frame, depth, start, path, sink),
        (_, false) => {
            frame.extend(cutter.rest(window.limits.window));
            window.flush(sink) && broken(frame, start, cutter, window, path, sink)
        }
    }
}

/// A Bundle that tells its type behind its entries, or has none: read with what is known now.
fn again(frame: &[u8], start: u32, window: &mut Window, path: &str, sink: &mut Sink<'_>) -> bool {
    let mut input = frame;
    let mut cutter = Cutter::new(&mut input, start);
    let mut outer: Vec<u8> = Vec::new();
    outer.extend(cutter.take());
    while let Some(key) = member(&mut cutter, &mut outer) {
        if key == "entry" && cutter.peek() == Some(b'[') {
            cutter.take();
            outer.extend_from_slice(b"[]");
            if !entries(&mut cutter, window, path, true, sink) {
                return false;
            }
            continue;
        }
        let cut = cutter.value(frame.len());
        outer.extend_from_slice(&cut.bytes);
    }
    window.frame(&outer, start, path, sink) && window.flush(sink)
}

/// The key of the next member, up to its value; none at the end of the object, or where it is broken.
fn member(cutter: &mut Cutter<'_>, frame: &mut Vec<u8>) -> Option<String> {
    loop {
        match cutter.peek()? {
            b'"' => break,
            b'}' => {
                frame.extend(cutter.take());
                return None;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b',' => frame.extend(cutter.take()),
            _ => return None,
        }
    }
    const LONGEST_KEY: usize = 4096;
    let key = cutter.value(LONGEST_KEY);
    frame.extend_from_slice(&key.bytes);
    while matches!(cutter.peek()?, b' ' | b'\t' | b'\r' | b'\n') {
        frame.extend(cutter.take());
    }
    if cutter.peek()? != b':' {
        return None;
    }
    frame.extend(cutter.take());
    while matches!(cutter.peek()?, b' ' | b'\t' | b'\r' | b'\n') {
        frame.extend(cutter.take());
    }
    let inner = key.bytes.get(1..key.bytes.len().saturating_sub(1))?;
    Some(String::from_utf8_lossy(inner).into_owned())
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

/// An object that does not end: all that is left of the source, in pieces.
fn broken(
    frame: Vec<u8>,
    line: u32,
    cutter: &mut Cutter<'_>,
    window: &mut Window,
    path: &str,
    sink: &mut Sink<'_>,
) -> bool {
    let mut piece = frame;
    while !piece.is_empty() {
        let (code, message) = if cutter.peek().is_some() {
            (
                "too-long",
                "the object is longer than what is read at once; split it",
            )
        } else {
            (
                "malformed-json",
                "the object is broken or cut off; export it again",
            )
        };
        if !window.dead(code, message.to_owned(), line, path.to_owned(), piece, sink) {
            return false;
        }
        piece = cutter.rest(window.limits.window);
    }
    true
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
