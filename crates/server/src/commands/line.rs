//! A line of JSON as `structure` and `sign` read it, field by field, and the one answer that a bad line gets.

use crate::encoding::decode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;

/// Longest line, in bytes: no clinical note is longer, and the answer would choke what reads it.
pub(super) const LONGEST_NOTE: usize = 64 << 20;

/// Ids that may be written as numbers; they are read as text.
const IDS: [&str; 3] = ["/id", "/patient", "/patient/id"];

/// A line whose fields are not looked at yet.
pub(super) struct Line {
    /// The caller's id, where there is one.
    pub(super) id: Option<String>,
    /// Encoding of the line when it was not UTF-8.
    pub(super) converted_from: Option<&'static str>,
    fields: Map<String, Value>,
}

/// Why a line was not taken.
pub(super) struct BadLine {
    id: Option<String>,
    code: &'static str,
    message: String,
}

impl Line {
    /// Reads the bytes of a line.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadLine> {
        let refuse = |code, message: String| BadLine {
            id: None,
            code,
            message,
        };
        if bytes.len() > LONGEST_NOTE {
            return Err(refuse(
                "too-long",
                format!("longer than {LONGEST_NOTE} bytes; split the note"),
            ));
        }
        let decoded = decode(bytes).map_err(|message| refuse("encoding", message))?;
        let mut value: Value =
            serde_json::from_str(&decoded.text).map_err(|error| refuse("not-json", explain(&error)))?;
        for id in IDS {
            if let Some(id) = value.pointer_mut(id)
                && id.is_number()
            {
                *id = Value::String(id.to_string());
            }
        }
        let Value::Object(fields) = value else {
            return Err(refuse(
                "not-an-object",
                "a line is an object with id and text".to_owned(),
            ));
        };
        let mut line = Self {
            id: None,
            converted_from: decoded.converted_from,
            fields,
        };
        line.id = line.field("id")?;
        Ok(line)
    }

    /// The note's text, taken out of the line.
    pub(super) fn text(&mut self) -> Result<String, BadLine> {
        match self.fields.remove("text") {
            Some(Value::String(text)) => Ok(text),
            _ => Err(self.bad("no-text", "text is missing or is no string".to_owned())),
        }
    }

    /// A field, taken out of the line; none when it is missing or null.
    pub(super) fn field<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, BadLine> {
        let value = self.fields.remove(name).unwrap_or_default();
        serde_json::from_value(value).map_err(|error| self.bad("bad-field", format!("{name}: {error}")))
    }

    /// A field that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, BadLine> {
        self.field(name)?
            .ok_or_else(|| self.bad("bad-field", format!("{name}: is missing")))
    }

    /// A refusal of this line.
    pub(super) fn bad(&self, code: &'static str, message: String) -> BadLine {
        BadLine {
            id: self.id.clone(),
            code,
            message,
        }
    }
}

impl BadLine {
    /// A refusal of the line with this id.
    pub(super) fn new(id: Option<String>, code: &'static str, message: String) -> Self {
        Self { id, code, message }
    }

    /// The answer to the line of this number, counted from 1.
    pub(super) fn answer(&self, number: u64) -> Value {
        answer(self.id.as_deref(), self.code, &self.message, Some(number))
    }
}

/// Exit code when some input was bad and the rest was done.
const SOME_BAD: u8 = 3;

/// Answers every line of standard input with one of standard output, which is flushed before the next line is read. A
/// line that is refused gets an answer of its own, and the run goes on.
pub(super) fn answer_lines(
    answer: impl FnMut(Line) -> anyhow::Result<Result<Value, BadLine>>,
) -> anyhow::Result<ExitCode> {
    answer_lines_as(answer, |value| format!("{value}\n"))
}

/// The same with the form in which an answer is printed; a refusal is JSON always.
pub(super) fn answer_lines_as(
    mut answer: impl FnMut(Line) -> anyhow::Result<Result<Value, BadLine>>,
    print: impl Fn(&Value) -> String,
) -> anyhow::Result<ExitCode> {
    let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut bad = false;
    let mut bytes = Vec::new();
    for number in 1u64.. {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answered = match Line::read(&bytes) {
            Ok(line) => answer(line)?,
            Err(refused) => Err(refused),
        };
        match answered {
            Ok(value) => out.write_all(print(&value).as_bytes())?,
            Err(refused) => {
                bad = true;
                writeln!(out, "{}", refused.answer(number))?;
            }
        }
        out.flush()?;
    }
    Ok(if bad {
        ExitCode::from(SOME_BAD)
    } else {
        ExitCode::SUCCESS
    })
}

/// What is printed for input that was not taken.
pub(super) fn answer(id: Option<&str>, code: &str, message: &str, line: Option<u64>) -> Value {
    let mut answer = Map::new();
    if let Some(id) = id {
        answer.insert("id".to_owned(), json!(id));
    }
    answer.insert(
        "error".to_owned(),
        json!({"code": code, "message": message, "line": line}),
    );
    Value::Object(answer)
}

/// The parser counts lines within the line it is given; only the column says something.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    format!("{what} (column {})", error.column())
}
