//! `tsumugi launch-link`: a signed link as the hospital's record makes one.

use super::say;
use super::store::Place;
use crate::access::{Keys, wall};
use crate::web::launch_link;
use anyhow::ensure;
use std::process::ExitCode;
use std::time::Duration;
use tsumugi_access::{LAUNCH_FOR_AT_MOST, UserId};

/// Options of `launch-link`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of the patient.
    #[arg(long, required_unless_present = "keys")]
    patient: Option<String>,
    /// Who is signed in by it.
    #[arg(long, required_unless_present = "keys")]
    user: Option<String>,
    /// The hospital's own id of the visit.
    #[arg(long)]
    encounter: Option<String>,
    /// Seconds for which it holds, 600 at most.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Address of the server, put in front of the path.
    #[arg(long, default_value = "http://127.0.0.1:8765")]
    server: String,
    /// Prints where the secrets are instead: the key of launch links, and the token of the services.
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    place: Place,
}

/// Prints a link. Needs no store, so that a server may run beside it.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let folder = args.place.folder()?;
    ensure!(
        folder.is_dir(),
        "there is no folder {}; name it with --data DIR",
        folder.display()
    );
    let keys = Keys::open(&folder)?;
    if args.keys {
        let [launch, services] = Keys::files(&folder);
        say(&launch.display().to_string())?;
        return say(&services.display().to_string());
    }
    ensure!(
        args.seconds <= LAUNCH_FOR_AT_MOST.as_secs(),
        "--seconds {}: a link holds for {} at most",
        args.seconds,
        LAUNCH_FOR_AT_MOST.as_secs()
    );
    let patient = args.patient.as_deref().unwrap_or_default();
    let user = UserId::parse(args.user.as_deref().unwrap_or_default())?;
    let expires = wall().after(Duration::from_secs(args.seconds));
    let link = launch_link(
        &keys.launch,
        (patient, args.encounter.as_deref(), user.as_str()),
        expires,
    )?;
    say(&format!("{}{link}", args.server.trim_end_matches('/')))
}
