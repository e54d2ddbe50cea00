//! `tsumugi app …`: the programs of others, from the command line of whoever owns the store's folder.

use super::account::{OPERATOR, gate};
use super::say;
use super::store::Place;
use crate::audit;
use crate::smart::registration::{Typed, new_app};
use anyhow::{Context as _, ensure};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_access::{App, AppId, Apps};
use tsumugi_records::{AuditEntity, AuditEntry, AuditSubtype};

/// Longest file of keys, in bytes.
const LONGEST_SET: u64 = 256 << 10;

/// What is done.
#[derive(clap::Subcommand)]
pub(crate) enum AppCommand {
    /// Registers an app; prints its secret once, where it has one.
    Add {
        #[command(flatten)]
        typed: Typed,
        /// File with the app's public keys (JWK set), for `--kind keys`.
        #[arg(long, required_if_eq("kind", "keys"))]
        jwks: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Lists the apps: a JSON line each.
    List(Place),
    /// Shuts an app out; all that it was granted ends.
    Disable(One),
    /// Lets it in again; people are asked anew.
    Enable(One),
}

/// One app.
#[derive(clap::Args)]
pub(crate) struct One {
    /// Id of the app.
    id: String,
    #[command(flatten)]
    place: Place,
}

/// Runs a command.
pub(crate) fn run(what: &AppCommand) -> anyhow::Result<ExitCode> {
    match what {
        AppCommand::Add { typed, jwks, place } => {
            let text = match jwks {
                Some(path) => read(path)?,
                None => String::new(),
            };
            let new = new_app(typed, &text)?;
            let store = place.open()?;
            let id = new.id.clone();
            let secret = gate(&store)?.register_app(&store, new, entry("add", &id)?)?;
            let secret = secret.map(|secret| secret.reveal());
            say(&json!({"app": id.as_str(), "secret": secret}).to_string())
        }
        AppCommand::List(place) => {
            let store = place.open_reading()?;
            let apps = Apps::load(&crate::access::Rows::new(&store, None))?;
            for app in apps.list() {
                say(&row(app))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        AppCommand::Disable(one) => switch(one, false),
        AppCommand::Enable(one) => switch(one, true),
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    let place = path.display();
    let length = std::fs::metadata(path)
        .with_context(|| format!("{place}: cannot be read"))?
        .len();
    ensure!(
        length <= LONGEST_SET,
        "{place}: longer than {LONGEST_SET} bytes; a JWK set is wanted"
    );
    std::fs::read_to_string(path).with_context(|| format!("{place}: cannot be read"))
}

fn switch(one: &One, active: bool) -> anyhow::Result<ExitCode> {
    let store = one
        .place
        .open_existing()
        .context("apps are changed on the page \"apps\" while a server runs")?;
    let id = AppId::parse(&one.id)?;
    let entry = entry(if active { "enable" } else { "disable" }, &id)?;
    gate(&store)?.switch_app(&store, (&id, active), entry)?;
    say(&json!({"app": id.as_str(), "active": active}).to_string())
}

/// An entry about an app.
fn entry(action: &str, id: &AppId) -> anyhow::Result<AuditEntry> {
    let mut entry = audit::of_name(OPERATOR, AuditSubtype::AccountChange)?;
    entry
        .entities
        .push(AuditEntity::Query(format!("{action} app {id}")));
    Ok(entry)
}

fn row(app: &App) -> String {
    json!({
        "app": app.id.as_str(), "name": app.name, "method": app.method(), "redirects": app.redirects,
        "launch": app.launch, "scopes": app.scopes.to_string(), "active": app.active,
        "account": app.account.as_ref().map(tsumugi_access::UserId::as_str),
    })
    .to_string()
}
