//! `tsumugi support …`: which kinds of decision support a site allows, and who decided it.

use super::say;
use super::store::Place;
use crate::advice::{ALL_KINDS, ALLOWED, Kind, allow};
use crate::chart;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::process::ExitCode;
use tsumugi_records::Stamp;

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum Support {
    /// Lists the kinds, whether they need a decision of the site, and the last decision.
    List(Place),
    /// Records that the site allows a kind for real patients.
    Allow(Decided),
    /// Records that the site withdraws a kind.
    Withdraw(Decided),
}

/// A decision of the site.
#[derive(clap::Args)]
pub(crate) struct Decided {
    /// A kind that `support list` says needs a decision: `differential`, `next`, `prescription`, `criteria`, `guideline`.
    kind: String,
    /// Who decides for the site.
    #[arg(long)]
    by: String,
    /// Why; e.g. the number of an approved study.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

/// Runs a command.
pub(crate) fn run(what: &Support) -> anyhow::Result<ExitCode> {
    match what {
        Support::List(place) => list(place),
        Support::Allow(decided) => decide(decided, true),
        Support::Withdraw(decided) => decide(decided, false),
    }
}

fn list(place: &Place) -> anyhow::Result<ExitCode> {
    let store = place.open_reading()?;
    for kind in ALL_KINDS {
        let decisions = store.decisions(ALLOWED, Some(kind.word()))?;
        let last = decisions.last().map(|decision| {
            let body: Value = serde_json::from_str(&decision.body).unwrap_or_default();
            json!({"by": decision.stamp.author, "at": decision.stamp.at, "decision": body})
        });
        say(
            &json!({"kind": kind.word(), "needs_decision": kind.needs_decision(), "last": last}).to_string(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn decide(decided: &Decided, on: bool) -> anyhow::Result<ExitCode> {
    let kind = Kind::of(&decided.kind).with_context(|| {
        let known: Vec<&str> = ALL_KINDS.into_iter().map(Kind::word).collect();
        format!("no kind {}; there are {}", decided.kind, known.join(", "))
    })?;
    let store = decided.place.open()?;
    let stamp = Stamp {
        author: decided.by.clone(),
        at: chart::moment(chart::now()),
    };
    allow(&store, stamp, kind, on, &decided.reason)?;
    say(&json!({"kind": kind.word(), "on": on, "by": decided.by, "reason": decided.reason}).to_string())
}
