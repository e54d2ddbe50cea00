//! `tsumugi structure`: notes in, structured notes out, one line each; the run goes on over bad lines.

mod batch;

use super::line::{LONGEST_NOTE, answer};
use super::remark;
use crate::encoding::decode;
use crate::masters;
use anyhow::Context as _;
use batch::Batch;
use clap::ValueEnum;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal as _, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tsumugi_clinical::{Note, StructuredNote};
use tsumugi_coding::Coder;

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
    /// Threads for JSON lines; all processors when it is not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Writes to this file instead of standard output, with a progress bar where standard error is a terminal.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Goes on where an interrupted run into the same `--out` stopped; needs the same input and `--input jsonl`.
    #[arg(long, requires = "out")]
    resume: bool,
    /// Folder whose masters are known too (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

impl Args {
    fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(all).max(1)
    }
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
    /// `MedTxt` inline tags, a document a note.
    Xml,
}

/// Exit code when some input was bad and the rest was done.
const SOME_BAD: u8 = 3;

/// Structures everything that was given.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let coder = masters::engine_of(args.data.as_deref())?;
    let (out, done): (Box<dyn Write>, u64) = match &args.out {
        Some(path) => {
            let (file, done) = output(args, path)?;
            (Box::new(file), done)
        }
        None => (Box::new(std::io::stdout().lock()), 0),
    };
    let mut run = Batch {
        coder: &coder,
        args,
        records: HashMap::new(),
        out: BufWriter::new(out),
        done,
        bad: false,
        bar: None,
    };
    if args.files.is_empty() || args.files.iter().any(|file| file.as_os_str() == "-") {
        input(&mut run, "-", None, std::io::stdin().lock())?;
    }
    for path in args.files.iter().filter(|file| file.as_os_str() != "-") {
        let name = path.to_string_lossy();
        match File::open(path) {
            Ok(file) => {
                let bytes = file.metadata().map(|about| about.len()).ok();
                input(&mut run, &name, bytes, BufReader::new(file))?;
            }
            Err(error) => reject(&mut run, &unreadable(&name, &error))?,
        }
    }
    run.out.flush()?;
    Ok(if run.bad {
        ExitCode::from(SOME_BAD)
    } else {
        ExitCode::SUCCESS
    })
}

/// The file to write to, and how many answers it holds already. A line that an interrupted run left half-written is
/// taken off.
fn output(args: &Args, path: &Path) -> anyhow::Result<(File, u64)> {
    let name = || path.display().to_string();
    if !args.resume {
        anyhow::ensure!(
            !path.exists(),
            "{} exists; name another file, or go on with --resume",
            path.display()
        );
        return Ok((File::create(path).with_context(name)?, 0));
    }
    anyhow::ensure!(
        args.input == Input::Jsonl && matches!(args.format, Format::Json | Format::Fhir),
        "--resume needs --input jsonl and a format of one line an answer (json, fhir)"
    );
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(name)?;
    let (mut whole, mut done) = (0, 0);
    let mut lines = BufReader::new(&mut file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)?;
        if length == 0 || line.last() != Some(&b'\n') {
            break;
        }
        whole += length as u64;
        done += 1;
    }
    drop(lines);
    file.set_len(whole).with_context(name)?;
    file.seek(SeekFrom::End(0)).with_context(name)?;
    Ok((file, done))
}

fn input<W: Write>(
    run: &mut Batch<'_, W>,
    name: &str,
    bytes: Option<u64>,
    mut source: impl BufRead,
) -> anyhow::Result<()> {
    if run.args.input == Input::Jsonl {
        let shows = run.args.out.is_some() && std::io::stderr().is_terminal();
        run.bar = shows.then(|| batch::bar(bytes));
        return run.run(source);
    }
    let mut content = Vec::new();
    if let Err(error) = source
        .by_ref()
        .take(LONGEST_NOTE as u64 + 1)
        .read_to_end(&mut content)
    {
        return reject(run, &unreadable(name, &error));
    }
    if content.len() > LONGEST_NOTE {
        let message = format!("longer than {LONGEST_NOTE} bytes; split the file");
        return reject(run, &answer(Some(name), "too-long", &message, None));
    }
    match decode(&content) {
        Ok(decoded) => {
            if let Some(encoding) = decoded.converted_from {
                remark(&format!(
                    "{name}: read as {encoding}; offsets count characters of the text in UTF-8"
                ));
            }
            let note = Note {
                id: name.to_owned(),
                text: decoded.text,
                date: run.args.date,
                ..Note::default()
            };
            let structured = run.coder.structure(&note);
            let text = written(run.coder, run.args.format, &note, &structured)?;
            Ok(run.out.write_all(text.as_bytes())?)
        }
        Err(message) => reject(run, &answer(Some(name), "encoding", &message, None)),
    }
}

/// A structured note in the wanted format, with the end of its last line.
fn written(
    coder: &Coder,
    format: Format,
    note: &Note,
    structured: &StructuredNote,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Json => serde_json::to_string(structured)? + "\n",
        Format::Fhir => {
            let about = crate::fhir::About::default();
            format!("{}\n", crate::fhir::bundle(coder, note, structured, &about))
        }
        Format::Xml => tsumugi_exchange::medtxt::xml(&note.text, structured) + "\n",
        Format::Table => super::table::table(note, structured),
    })
}

/// Says why input was not taken; the run goes on.
fn reject<W: Write>(run: &mut Batch<'_, W>, answer: &Value) -> anyhow::Result<()> {
    run.bad = true;
    writeln!(run.out, "{answer}")?;
    Ok(())
}

fn unreadable(name: &str, error: &std::io::Error) -> Value {
    answer(Some(name), "unreadable-file", &format!("{name}: {error}"), None)
}
