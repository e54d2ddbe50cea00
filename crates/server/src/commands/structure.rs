//! `tsumugi structure`: notes in, structured notes out, one line each; the run goes on over bad lines.

use super::line::{BadLine, LONGEST_NOTE, Line, answer};
use super::remark;
use crate::encoding::decode;
use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_clinical::Note;
use tsumugi_coding::{Coder, Record};

/// Options of `structure`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files with one note each; `-` or none reads standard input.
    files: Vec<PathBuf>,
    /// How standard input (or the files) are read: a note each, or JSON lines of the contract.
    #[arg(long, value_enum, default_value_t = Input::Text)]
    input: Input,
    /// What is printed.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Civil date of the notes that have none of their own (YYYY-MM-DD).
    #[arg(long)]
    date: Option<jiff::civil::Date>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// A file is a note.
    Text,
    /// A line is a note.
    Jsonl,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Table,
    /// A FHIR R4 Bundle a line.
    Fhir,
    /// MedTxt inline tags, a document a note.
    Xml,
}

/// Exit code when some input was bad and the rest was done.
const SOME_BAD: u8 = 3;

/// Structures everything that was given.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let coder = Coder::embedded().context("the embedded tables are broken")?;
    let mut run = Run {
        coder: &coder,
        args,
        records: HashMap::new(),
        out: BufWriter::new(std::io::stdout().lock()),
        bad: false,
    };
    if args.files.is_empty() || args.files.iter().any(|file| file.as_os_str() == "-") {
        run.input("-", std::io::stdin().lock())?;
    }
    for path in args.files.iter().filter(|file| file.as_os_str() != "-") {
        match std::fs::File::open(path) {
            Ok(file) => run.input(&path.to_string_lossy(), std::io::BufReader::new(file))?,
            Err(error) => run.reject(&unreadable(&path.to_string_lossy(), &error))?,
        }
    }
    run.out.flush()?;
    Ok(if run.bad {
        ExitCode::from(SOME_BAD)
    } else {
        ExitCode::SUCCESS
    })
}

struct Run<'a, W: Write> {
    coder: &'a Coder,
    args: &'a Args,
    records: HashMap<String, Record>,
    out: W,
    bad: bool,
}

impl<W: Write> Run<'_, W> {
    fn input(&mut self, name: &str, mut source: impl BufRead) -> anyhow::Result<()> {
        if self.args.input == Input::Jsonl {
            return self.lines(source);
        }
        let mut bytes = Vec::new();
        if let Err(error) = source
            .by_ref()
            .take(LONGEST_NOTE as u64 + 1)
            .read_to_end(&mut bytes)
        {
            return self.reject(&unreadable(name, &error));
        }
        if bytes.len() > LONGEST_NOTE {
            let message = format!("longer than {LONGEST_NOTE} bytes; split the file");
            return self.reject(&answer(Some(name), "too-long", &message, None));
        }
        match decode(&bytes) {
            Ok(decoded) => {
                if let Some(encoding) = decoded.converted_from {
                    remark(&format!(
                        "{name}: read as {encoding}; offsets count characters of the text in UTF-8"
                    ));
                }
                let note = Note {
                    id: name.to_owned(),
                    text: decoded.text,
                    ..Note::default()
                };
                self.note(note)
            }
            Err(message) => self.reject(&answer(Some(name), "encoding", &message, None)),
        }
    }

    fn lines(&mut self, mut source: impl BufRead) -> anyhow::Result<()> {
        let mut line = Vec::new();
        let mut number = 0u64;
        let mut is_converted = false;
        loop {
            line.clear();
            if source.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            number += 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let note = Line::read(&line).and_then(|mut line| {
                if let Some(encoding) = line.converted_from
                    && !is_converted
                {
                    is_converted = true;
                    remark(&format!(
                        "line {number}: read as {encoding}; offsets count characters of the text in UTF-8"
                    ));
                }
                note_of(&mut line)
            });
            match note {
                Ok(note) => self.note(note)?,
                Err(bad) => self.reject(&bad.answer(number))?,
            }
        }
    }

    fn note(&mut self, mut note: Note) -> anyhow::Result<()> {
        note.date = note.date.or(self.args.date);
        let patient = note.patient.as_ref().and_then(|patient| patient.id.clone());
        let structured = match patient {
            Some(id) => self
                .coder
                .structure_in(self.records.entry(id).or_default(), &note),
            None => self.coder.structure(&note),
        };
        match self.args.format {
            Format::Json => {
                serde_json::to_writer(&mut self.out, &structured)?;
                self.out.write_all(b"\n")?;
            }
            Format::Fhir => {
                let bundle =
                    crate::fhir::bundle(self.coder, &note, &structured, &crate::fhir::About::default());
                writeln!(self.out, "{bundle}")?;
            }
            Format::Xml => writeln!(
                self.out,
                "{}",
                tsumugi_exchange::medtxt::xml(&note.text, &structured)
            )?,
            Format::Table => write!(self.out, "{}", super::table::table(&note, &structured))?,
        }
        Ok(())
    }

    /// Says why input was not taken; the run goes on.
    fn reject(&mut self, answer: &Value) -> anyhow::Result<()> {
        self.bad = true;
        writeln!(self.out, "{answer}")?;
        Ok(())
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Value {
    answer(Some(name), "unreadable-file", &format!("{name}: {error}"), None)
}

/// The note of a line; what else the line holds is never looked at.
fn note_of(line: &mut Line) -> Result<Note, BadLine> {
    Ok(Note {
        text: line.text()?,
        date: line.field("date")?,
        patient: line.field("patient")?,
        id: line.id.clone().unwrap_or_default(),
    })
}
