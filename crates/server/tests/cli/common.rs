//! Running the binary, and reading what it prints.

use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tsumugi");

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as JSON lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }

    /// Standard output as one JSON value.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// One line that says what is wrong and what to do, and nothing on standard output.
    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "no \"{word}\" in {self:?}");
        }
    }
}

/// Runs the binary with these arguments and this standard input.
pub(crate) fn run(args: &[&str], input: &[u8]) -> Ran {
    feed(Command::new(BINARY).args(args), input)
}

/// Runs a command on the store of a folder.
pub(crate) fn run_on(folder: &Path, args: &[&str], input: &str) -> Ran {
    feed(
        Command::new(BINARY).args(args).arg("--data").arg(folder),
        input.as_bytes(),
    )
}

pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Ran {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // A command that refuses to start reads nothing, and the pipe breaks.
        scope.spawn(move || stdin.write_all(input));
        Ran::new(child.wait_with_output().unwrap())
    })
}

/// A line for `sign`.
pub(crate) fn note(id: &str, patient: &str, text: &str) -> String {
    json!({"id": id, "patient": patient, "author": "dr. a", "date": "2026-11-20", "text": text}).to_string()
        + "\n"
}

/// Checks that every place in a structured note is where it says, and gives the number of places.
#[track_caller]
pub(crate) fn places_are_right(structured: &Value, text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let slice = |place: &Value| -> String {
        let bound = |name: &str| usize::try_from(place[name].as_u64().unwrap()).unwrap();
        chars[bound("start")..bound("end")].iter().collect()
    };
    let entities = structured["entities"].as_array().unwrap();
    let diagnostics = structured["diagnostics"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for place in entities.iter().chain(diagnostics) {
        assert_eq!(place["text"], slice(place));
    }
    for place in structured["unread"].as_array().unwrap() {
        assert!(!slice(place).is_empty());
    }
    entities.len()
}

/// The events of a structured note as `name polarity`.
pub(crate) fn events(structured: &Value) -> Vec<String> {
    let events = structured["events"]
        .as_array()
        .unwrap_or_else(|| panic!("no events in {structured}"));
    let word = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    events
        .iter()
        .map(|event| word(event, "name") + " " + &word(event, "polarity"))
        .collect()
}
