//! `tsumugi serve`: opens the store, puts dummy patients into a new one, and serves the screens on this machine.

use super::remark;
use crate::heads::Keeper;
use crate::{chart, seed, web};
use anyhow::{Context as _, bail};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tsumugi_coding::Coder;
use tsumugi_records::StoreError;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to serve on: this machine only (127.0.0.1, localhost or [::1]); port 0 takes a free one.
    #[arg(long, default_value = DEFAULT_ADDRESS)]
    addr: String,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Puts the dummy patients into an empty store also when `--data` names it.
    #[arg(long)]
    dummies: bool,
    /// File to which each signed head of the audit trail is appended, a line each: best on a share where this server can
    /// only add. Heads are signed every hour, at the start and at a clean stop, when entries were added.
    #[arg(long)]
    heads: Option<PathBuf>,
}

const DEFAULT_ADDRESS: &str = "127.0.0.1:8765";

impl Default for Args {
    fn default() -> Self {
        Self {
            addr: DEFAULT_ADDRESS.to_owned(),
            data: None,
            dummies: false,
            heads: None,
        }
    }
}

/// Serves until the process is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let address = loopback(&args.addr)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads for the server")?;
    // The port first: a second start then stops before it touches the store.
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(address))
        .map_err(|error| taken(address, &error))?;
    let address = listener.local_addr().context("the server's own address")?;
    let folder = chart::data_folder(args.data.as_deref())?;
    let store = chart::open_store(&folder).map_err(|error| explained(&folder, error))?;
    let coder = Arc::new(Coder::embedded().context("the embedded tables are broken")?);
    if args.data.is_none() || args.dummies {
        let seeded = seed::seed(&store, &coder, &folder, args.dummies)?;
        if seeded > 0 {
            remark(&format!(
                "put {seeded} dummy patients into {}; `tsumugi dummies remove` takes them out",
                folder.display()
            ));
        }
    }
    let warm = Arc::clone(&coder);
    let app = web::app(store, coder, address)?;
    let stop = {
        // From before the address is told: who knows it may stop the server cleanly.
        let _context = runtime.enter();
        stopped()
    };
    announce(address)?;
    // The index of names is made while the first page is looked at, so that the first key press does not wait for it.
    drop(runtime.spawn_blocking(move || warm.vocabulary().search().warm()));
    let heads = Keeper::start(Arc::clone(&app), args.heads.clone());
    runtime.block_on(web::serve(listener, app, stop));
    if let Some(heads) = heads {
        heads.finish();
    }
    Ok(ExitCode::SUCCESS)
}

/// The one line of standard output: where the screens are.
fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Tsumugi: http://{address}")
        .and_then(|()| out.flush())
        .context("standard output")
}

/// Adds what can be done to an error of the store.
fn explained(folder: &Path, error: anyhow::Error) -> anyhow::Error {
    let place = folder.display();
    let advice = match error.downcast_ref::<StoreError>() {
        Some(StoreError::Locked { .. }) => {
            format!(
                "another Tsumugi has {place} open: use that one, stop it first, or name another folder with --data DIR"
            )
        }
        Some(StoreError::Full { .. }) => {
            "the disk is full: make room and start again; what was acknowledged is kept".to_owned()
        }
        Some(StoreError::Damaged { .. } | StoreError::NotAStore { .. }) => {
            format!(
                "nothing was changed: keep a copy of {place}, and start with a restored backup in another folder, --data DIR"
            )
        }
        Some(StoreError::Io { .. }) => {
            format!("check that {place} can be read and written, and that its disk is well")
        }
        Some(_) => return error,
        None => format!("name a folder you can write to with --data DIR instead of {place}"),
    };
    error.context(advice)
}

/// Reads an address and refuses all that are not of this machine.
fn loopback(text: &str) -> anyhow::Result<SocketAddr> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    let Ok(address) = text.parse::<SocketAddr>() else {
        bail!("--addr {text}: not an address with a port; write for example --addr {DEFAULT_ADDRESS}");
    };
    if !address.ip().is_loopback() {
        bail!(
            "--addr {text}: refused: there is no login yet, so that everybody in that network could read and write the \
             records; use a loopback address such as {DEFAULT_ADDRESS}"
        );
    }
    Ok(address)
}

fn taken(address: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    let port = address.port();
    let next = port.checked_add(1).unwrap_or(0);
    match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {port} is in use: is Tsumugi running already (open http://{address})? Else choose another: --addr 127.0.0.1:{next}"
        ),
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!(
                "port {port}: not permitted; choose one above 1023, for example --addr {DEFAULT_ADDRESS}"
            )
        }
        _ => anyhow::anyhow!(
            "{address}: {error}; choose another address, for example --addr {DEFAULT_ADDRESS}"
        ),
    }
}

/// Listens for the signal to stop from now on; what is given is done when it has come. It needs the runtime's context.
/// Everything that was acknowledged is on the disk already.
#[cfg(unix)]
fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listening = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        match listening {
            (Ok(mut interrupted), Ok(mut terminated)) => {
                tokio::select! {
                    _ = interrupted.recv() => {}
                    _ = terminated.recv() => {}
                }
            }
            // Without handlers the system's own way of ending a process holds.
            _ => std::future::pending().await,
        }
    }
}

/// Waits for the signal to stop. Everything that was acknowledged is on the disk already.
#[cfg(not(unix))]
async fn stopped() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        for (text, is_accepted) in [
            ("127.0.0.1:8765", true),
            ("localhost:8765", true),
            ("[::1]:0", true),
            ("0.0.0.0:8765", false),
            ("192.168.1.5:8765", false),
            ("[::]:8765", false),
            ("8765", false),
        ] {
            assert_eq!(loopback(text).is_ok(), is_accepted, "{text}");
        }
    }

    #[test]
    fn a_foreign_address_is_refused_with_the_reason() {
        let error = loopback("0.0.0.0:80").unwrap_err().to_string();
        assert!(
            error.contains("no login yet") && error.contains("127.0.0.1"),
            "{error}"
        );
    }
}
