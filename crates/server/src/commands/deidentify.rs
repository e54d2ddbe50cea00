//! `tsumugi deidentify`: texts in, texts without what leads to a person out; the run goes on over bad lines.

use super::line::{BadLine, Line, answer_lines};
use anyhow::Context as _;
use clap::ValueEnum;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use serde_json::{Value, json};
use std::process::ExitCode;
use tsumugi_anonymize::deidentify::{DateStyle, Deidentifier, Findings, Known, Model, Rewriter, Style};
use tsumugi_terminology::{
    Vocabulary, deidentification_files, embedded_deidentifier, engine_files, sources_of,
};

/// Options of `deidentify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How standard input is read: JSON lines of the contract.
    #[arg(long, value_enum)]
    input: Input,
    /// What stands in the place of what identifies.
    #[arg(long, value_enum, default_value_t = Replace::Surrogates)]
    replace: Replace,
    /// What dates become where surrogates are asked for.
    #[arg(long, value_enum, default_value_t = Dates::Shift)]
    dates: Dates,
    /// A file whose bytes choose the surrogates: with the same file the same name gets the same surrogate in every run.
    /// Without it they are drawn anew. Whoever has it can reckon surrogates back; keep it as a key.
    #[arg(long)]
    key: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// A line is a text.
    Jsonl,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Replace {
    /// Something of the same kind and form.
    Surrogates,
    /// `[PERSON]`.
    Marks,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dates {
    /// All dates are moved by the same number of days.
    Shift,
    /// Days of illness.
    Sickday,
}

/// What the line says of the patient.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    #[serde(default)]
    names: Vec<String>,
    birth_date: Option<jiff::civil::Date>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    ids: Vec<String>,
}

/// De-identifies every line of standard input.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Input::Jsonl = args.input;
    let tool = Tool::new(args)?;
    answer_lines(|line| Ok(tool.answer(line)))
}

struct Tool {
    deidentifier: Deidentifier,
    rewriter: Rewriter,
    style: Style,
    dates: DateStyle,
    seed: u64,
}

impl Tool {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let tables = deidentification_files();
        let sources = sources_of(&tables);
        let engine = engine_files();
        let vocabulary = Vocabulary::new(&sources_of(&engine))?;
        let terms = vocabulary
            .designations()
            .filter(|term| !term.needs_value)
            .map(|term| term.form);
        let weights = embedded_deidentifier().context("the program was built without its model of names")?;
        Ok(Self {
            deidentifier: Deidentifier::new(&sources, terms, Some(Model::load(&weights)?))?,
            rewriter: Rewriter::new(&sources).map_err(|mistake| anyhow::anyhow!("{mistake}"))?,
            style: match args.replace {
                Replace::Surrogates => Style::Surrogates,
                Replace::Marks => Style::Marks,
            },
            dates: match args.dates {
                Dates::Shift => DateStyle::Shift,
                Dates::Sickday => DateStyle::SickDay,
            },
            seed: seed(args.key.as_deref())?,
        })
    }

    fn answer(&self, mut line: Line) -> Result<Value, BadLine> {
        let text = line.text()?;
        let given: Given = line.field("known")?.unwrap_or_default();
        let birth_date = given.birth_date.map(|date| {
            let part = |number: i8| u32::try_from(number).unwrap_or(0);
            (
                u32::try_from(date.year()).unwrap_or(0),
                part(date.month()),
                part(date.day()),
            )
        });
        let known = Known {
            names: given.names,
            birth_date,
            addresses: given.addresses,
            ids: given.ids,
        };
        let findings = self.deidentifier.find(&text, &known);
        let (written, _) = self
            .rewriter
            .rewrite(&text, &findings, self.style, self.dates, self.seed);
        Ok(json!({
            "id": line.id.unwrap_or_default(),
            "spans": spans(&findings),
            "text": written,
            "review": review(&findings),
        }))
    }
}

fn spans(findings: &Findings) -> Vec<Value> {
    let spans = findings.spans.iter();
    spans
        .map(|found| json!([found.start, found.end, found.kind.word()]))
        .collect()
}

fn review(findings: &Findings) -> Vec<Value> {
    let review = findings.review.iter();
    review
        .map(|doubt| json!([doubt.start, doubt.end, doubt.reason.word()]))
        .collect()
}

/// The seed of the surrogates: from the bytes of the key, or by chance.
fn seed(key: Option<&std::path::Path>) -> anyhow::Result<u64> {
    const SHORTEST: usize = 16;
    let mut bytes = [0u8; 8];
    match key {
        Some(path) => {
            let key = std::fs::read(path).with_context(|| path.display().to_string())?;
            anyhow::ensure!(
                key.len() >= SHORTEST,
                "{}: a key of {} bytes can be guessed; give at least {SHORTEST} bytes of chance",
                path.display(),
                key.len()
            );
            let digest = ring::digest::digest(&ring::digest::SHA256, &key);
            for (byte, part) in bytes.iter_mut().zip(digest.as_ref()) {
                *byte = *part;
            }
        }
        None => SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| anyhow::anyhow!("the system gives no random numbers; name a --key"))?,
    }
    Ok(u64::from_le_bytes(bytes))
}
