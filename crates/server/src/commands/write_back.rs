//! `tsumugi write-back`: what did not reach the hospital's record, and sending it again.

use super::say;
use super::store::Place;
use anyhow::bail;
use serde_json::json;
use std::process::ExitCode;
use tsumugi_records::DocumentId;

/// Most attempts that are listed.
const MOST: u32 = 1000;

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum WriteBack {
    /// Lists the notes whose last attempt failed or was refused, one JSON line each, the newest first.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Lets a note that was refused wait again; the server sends it.
    Retry {
        /// Number of the document.
        document: i64,
        #[command(flatten)]
        place: Place,
    },
}

/// Runs it.
pub(crate) fn run(what: &WriteBack) -> anyhow::Result<ExitCode> {
    match what {
        WriteBack::List { place } => {
            for one in place.open_reading()?.undelivered(MOST)? {
                let line = json!({
                    "document": one.document.get(), "version": one.version, "target": one.target,
                    "outcome": one.outcome, "answer": one.answer, "at": one.stamp.at.as_str(),
                });
                say(&line.to_string())?;
            }
        }
        WriteBack::Retry { document, place } => {
            if *document < 1 {
                bail!("a document has a number from 1; `tsumugi write-back list` shows them");
            }
            place.open_existing()?.deliver_again(DocumentId::new(*document))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
