//! `tsumugi eval`: scores anybody's predictions against the annotated records.

use super::say;
use anyhow::Context as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_evaluation::{Split, errors, read_corpus, read_predictions, score, score_by_genre, table};

/// Options of `eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Predictions: JSON lines with `id` and `entities` (and `relations`, `events`), as `tsumugi structure` prints them.
    predictions: PathBuf,
    /// Folder of the annotated records (XML).
    #[arg(long)]
    corpus: PathBuf,
    /// Which part is scored: `train`, `dev` or `test`.
    #[arg(long, default_value = "test")]
    split: String,
    /// How many of the most frequent errors are printed; not for `test`, whose errors nobody should look at.
    #[arg(long, default_value_t = 0)]
    errors: usize,
}

/// Exit code when some lines were no predictions.
const SOME_BAD: u8 = 3;

/// Scores and prints the tables.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let split = Split::parse(&args.split)
        .with_context(|| format!("no split {}: it is train, dev or test", args.split))?;
    if split == Split::Test && args.errors > 0 {
        anyhow::bail!(
            "errors of the test split are not shown: whoever looks at them can no longer measure on it; use --split dev"
        );
    }
    let corpus = read_corpus(&args.corpus, Some(split))?;
    let text =
        std::fs::read_to_string(&args.predictions).with_context(|| args.predictions.display().to_string())?;
    let (predictions, bad) = read_predictions(&text);
    let missing = corpus
        .records()
        .filter(|record| !predictions.contains_key(&record.id))
        .count();
    let total = score(corpus.records(), &predictions);
    say(&format!(
        "{} records of the split {}, {missing} without a prediction, {} lines that are no predictions\n",
        total.records,
        split.name(),
        bad.len()
    ))?;
    say("| genre | records | entity F1 |\n|---|---|---|")?;
    for (genre, score) in score_by_genre(corpus.records(), &predictions) {
        say(&format!(
            "| {genre} | {} | {:.3} |",
            score.records,
            score.entities.f1()
        ))?;
    }
    say(&format!("\n{}", table(&total)))?;
    if args.errors > 0 {
        say(&errors(&total, args.errors))?;
    }
    Ok(if bad.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_BAD)
    })
}
