//! `tsumugi serve`: opens the store, puts dummy patients into a new one, and serves the screens on this machine.

use super::remark;
use crate::access::{Gate, Keys, Setting};
use crate::heads::Keeper;
use crate::import::watch::{Watched, Watchers};
use crate::import::{mllp, site};
use crate::oidc::Oidc;
use crate::web::{App, Tls};
use crate::write_back::{self, Original, Senders};
use crate::{audit, chart, masters, seed, web};
use anyhow::{Context as _, bail};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tsumugi_access::{LockoutRules, SessionRules, Token};
use tsumugi_records::{AuditSubtype, StoreError};

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Address to serve on; one that is not of this machine needs an account and TLS. Port 0 takes a free one.
    #[arg(long, default_value = DEFAULT_ADDRESS)]
    addr: String,
    /// Certificate chain (PEM) of this server; with it TLS is spoken.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Name under which browsers reach this server, without a port; may be given several times.
    #[arg(long = "host")]
    hosts: Vec<String>,
    /// Address of a reverse proxy of the site, whose `X-Forwarded-For` is believed; may be given several times.
    #[arg(long = "proxy")]
    proxies: Vec<IpAddr>,
    /// Seconds after which an unused session locks.
    #[arg(long, default_value_t = IDLE_LOCK, value_parser = clap::value_parser!(u64).range(1..=3600))]
    idle_lock: u64,
    /// Failed sign-ins after which only an administrator lets a person in again.
    #[arg(long, default_value_t = LOCKED_AT, value_parser = clap::value_parser!(u32).range(3..=100))]
    locked_at: u32,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
    /// Puts the dummy patients into an empty store also when `--data` names it.
    #[arg(long)]
    dummies: bool,
    /// File (TOML) of the hospital's own sign-in, OpenID Connect; docs/guides/smart.md says what stands in it.
    #[arg(long, value_name = "FILE")]
    oidc: Option<PathBuf>,
    /// File to which each signed head of the audit trail is appended, a line each: best on a share where this server can
    /// only add. Heads are signed every hour, at the start and at a clean stop, when entries were added.
    #[arg(long)]
    heads: Option<PathBuf>,
    /// Folder that is followed, as DIR or DIR:STANDARD (ssmix2 where none is named); may be given several times.
    #[arg(long)]
    watch: Vec<String>,
    /// Seconds between two looks at the folders that are followed.
    #[arg(long, default_value_t = WATCH_EVERY, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch_every: u64,
    /// Address on which HL7 messages are taken by MLLP; one that is not of this machine needs TLS.
    #[arg(long)]
    mllp: Option<String>,
    /// IP addresses that may send by MLLP; without any, this machine alone.
    #[arg(long, value_delimiter = ',', requires = "mllp")]
    mllp_allow: Vec<IpAddr>,
    /// URI (or code) of this site as issuer of patients' numbers; it is kept.
    #[arg(long)]
    facility: Option<String>,
    /// Where signed notes go back to: `ssmix2:DIR` (root of an extended storage) or `mdm:HOST:PORT`; may be given several times.
    #[arg(long)]
    write_back: Vec<String>,
    /// Certificates (PEM) by which the other side of `mdm:` is believed; without them only this machine is.
    #[arg(long, requires = "write_back")]
    write_back_ca: Option<PathBuf>,
    /// Which record is the original; it is kept, and shown beside each note.
    #[arg(long, value_enum)]
    original: Option<Original>,
}

const DEFAULT_ADDRESS: &str = "127.0.0.1:8765";
const IDLE_LOCK: u64 = 600;
const WATCH_EVERY: u64 = 10;
const LOCKED_AT: u32 = 10;

impl Default for Args {
    fn default() -> Self {
        Self {
            addr: DEFAULT_ADDRESS.to_owned(),
            tls_cert: None,
            tls_key: None,
            hosts: Vec::new(),
            proxies: Vec::new(),
            idle_lock: IDLE_LOCK,
            locked_at: LOCKED_AT,
            data: None,
            dummies: false,
            oidc: None,
            heads: None,
            watch: Vec::new(),
            watch_every: WATCH_EVERY,
            mllp: None,
            mllp_allow: Vec::new(),
            facility: None,
            write_back: Vec::new(),
            write_back_ca: None,
            original: None,
        }
    }
}

/// Serves until the process is told to stop.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let address = parsed(&args.addr)?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::read(certificate, key)?),
        _ => None,
    };
    refuse_bare(address, tls.is_some())?;
    let ways = Ways::named(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no threads for the server")?;
    // The port first: a second start then stops before it touches the store.
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(address))
        .map_err(|error| taken(address, &error))?;
    let bound = listener.local_addr().context("the server's own address")?;
    let mllp = runtime.block_on(mllp_door(args, tls.is_some()))?;
    let folder = chart::data_folder(args.data.as_deref())?;
    let store = chart::open_store(&folder).map_err(|error| explained(&folder, error))?;
    let facility = site::facility(&store, args.facility.as_deref(), "server")?;
    write_back::decide(&store, args.original)?;
    let gate = Gate::open(&store, setting(args, bound, tls.is_some()))?;
    refuse_unknown(bound, &gate)?;
    let coder = Arc::new(masters::engine(Some(&folder))?);
    if args.data.is_none() || args.dummies {
        let seeded = seed::seed(&store, &coder, &folder, args.dummies)?;
        if seeded > 0 {
            remark(&format!(
                "put {seeded} dummy patients into {}; `tsumugi dummies remove` takes them out",
                folder.display()
            ));
        }
    }
    let first_run = gate.first_run_link(&store)?;
    if first_run.is_none() && gate.installation(&store)?.accounts == 0 {
        remark(
            "there are patients and no account: nobody can sign in. Stop, and create one: \
             `tsumugi account add --user NAME --name \"...\" --role physician --department ...`",
        );
    }
    store.audit_read(&audit::of_name("server", AuditSubtype::Start)?)?;
    let warm = Arc::clone(&coder);
    let app = web::app(
        store,
        coder,
        bound,
        &args.hosts,
        (gate, Keys::open(&folder)?, ways.oidc),
    )?;
    let stop = {
        // From before the address is told: who knows it may stop the server cleanly.
        let _context = runtime.enter();
        stopped()
    };
    announce(app.scheme(), bound, first_run.as_ref())?;
    // The index of names is made while the first page is looked at, so that the first key press does not wait for it.
    drop(runtime.spawn_blocking(move || warm.vocabulary().search().warm()));
    // What was written before the server ran is indexed now; whoever asks first is told what failed.
    let index = Arc::downgrade(&app);
    std::thread::Builder::new()
        .name("fhir index".to_owned())
        .spawn(move || crate::fhir_api::keep_up(&index))?;
    let workers = Workers::start(&app, args, (&ways.watched, ways.targets), facility.as_deref())?;
    if let Some(door) = mllp {
        runtime.spawn(mllp::serve(door.of_site(facility), Arc::clone(&app), tls.clone()));
    }
    runtime.block_on(web::serve(listener, app, tls, stop));
    workers.finish();
    Ok(ExitCode::SUCCESS)
}

/// The ways to other systems, as they were named.
struct Ways {
    watched: Vec<Watched>,
    oidc: Option<Oidc>,
    targets: Vec<write_back::Target>,
}

impl Ways {
    fn named(args: &Args) -> anyhow::Result<Self> {
        let roots = args.write_back_ca.as_deref();
        let watched = args.watch.iter().map(|text| Watched::parse(text));
        let targets = args.write_back.iter();
        let targets = targets.map(|text| write_back::Target::parse(text, roots));
        Ok(Self {
            watched: watched.collect::<anyhow::Result<_>>()?,
            oidc: args.oidc.as_deref().map(Oidc::read).transpose()?,
            targets: targets.collect::<anyhow::Result<_>>()?,
        })
    }
}

/// What works beside the answers.
struct Workers {
    heads: Option<Keeper>,
    watchers: Watchers,
    senders: Senders,
}

impl Workers {
    fn start(
        app: &Arc<App>,
        args: &Args,
        (watched, targets): (&[Watched], Vec<write_back::Target>),
        facility: Option<&str>,
    ) -> anyhow::Result<Self> {
        let every = Duration::from_secs(args.watch_every);
        Ok(Self {
            heads: Keeper::start(Arc::clone(app), args.heads.clone()),
            watchers: Watchers::start(app, watched, every, facility)?,
            senders: Senders::start(app, targets, facility)?,
        })
    }

    /// Ends them, the trail's head last.
    fn finish(self) {
        self.watchers.finish();
        self.senders.finish();
        if let Some(heads) = self.heads {
            heads.finish();
        }
    }
}

/// Opens the door for HL7 messages, where one was asked for.
async fn mllp_door(args: &Args, secure: bool) -> anyhow::Result<Option<mllp::Door>> {
    let Some(address) = &args.mllp else {
        return Ok(None);
    };
    let address: SocketAddr = address
        .parse()
        .with_context(|| format!("--mllp {address}: not an address with a port, such as 127.0.0.1:2575"))?;
    if !address.ip().is_loopback() && !secure {
        bail!(
            "--mllp {address}: refused: without TLS everybody on the way could read records; give --tls-cert FILE \
             --tls-key FILE, or use a loopback address"
        );
    }
    let door = mllp::Door::open(address, args.mllp_allow.clone()).await?;
    remark(&format!("HL7 messages are taken by MLLP on {}", door.address()?));
    Ok(Some(door))
}

fn setting(args: &Args, address: SocketAddr, secure: bool) -> Setting {
    Setting {
        loopback_only: address.ip().is_loopback(),
        secure,
        sessions: SessionRules {
            idle_lock: Duration::from_secs(args.idle_lock),
            ..SessionRules::default()
        },
        lockout: LockoutRules {
            locked_at: args.locked_at,
            ..LockoutRules::default()
        },
        proxies: args.proxies.iter().map(IpAddr::to_canonical).collect(),
        ..Setting::default()
    }
}

/// What stands on standard output: where the screens are; in the first run also the link that opens them, once.
fn announce(scheme: &str, address: SocketAddr, first_run: Option<&Token>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut say = || -> std::io::Result<()> {
        writeln!(out, "Tsumugi: {scheme}{address}")?;
        if let Some(token) = first_run {
            let token = token.reveal();
            writeln!(
                out,
                "Sign in (once, within an hour): {scheme}{address}/first-run?token={token}"
            )?;
        }
        out.flush()
    };
    say().context("standard output")
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

/// Reads an address.
fn parsed(text: &str) -> anyhow::Result<SocketAddr> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| {
        anyhow::anyhow!(
            "--addr {text}: not an address with a port; write for example --addr {DEFAULT_ADDRESS}"
        )
    })
}

/// Refuses an address of a network without TLS: passwords and records would be read on the way.
fn refuse_bare(address: SocketAddr, secure: bool) -> anyhow::Result<()> {
    if !address.ip().is_loopback() && !secure {
        bail!(
            "--addr {address}: refused: without TLS everybody on the way could read passwords and records; give \
             --tls-cert FILE --tls-key FILE, or use a loopback address such as {DEFAULT_ADDRESS}"
        );
    }
    Ok(())
}

/// Refuses an address of a network before anybody has an account.
fn refuse_unknown(address: SocketAddr, gate: &Gate) -> anyhow::Result<()> {
    if !address.ip().is_loopback() && gate.accounts().is_empty() {
        bail!(
            "--addr {address}: refused: nobody has an account yet; create one first, with `tsumugi account add` or on \
             {DEFAULT_ADDRESS}"
        );
    }
    Ok(())
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
    fn a_network_is_served_with_tls_only() {
        for (text, secure, is_accepted) in [
            ("127.0.0.1:8765", false, true),
            ("localhost:8765", false, true),
            ("[::1]:0", false, true),
            ("0.0.0.0:8765", false, false),
            ("192.168.1.5:8765", false, false),
            ("[::]:8765", false, false),
            ("0.0.0.0:8765", true, true),
            ("8765", true, false),
        ] {
            let accepted = parsed(text).and_then(|address| refuse_bare(address, secure));
            assert_eq!(accepted.is_ok(), is_accepted, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_why_and_what_helps() {
        let error = refuse_bare(parsed("0.0.0.0:80").unwrap(), false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("TLS") && error.contains("127.0.0.1"), "{error}");
        let store = tsumugi_records::Store::open_in_memory().unwrap();
        let gate = Gate::open(&store, Setting::default()).unwrap();
        let error = refuse_unknown(parsed("0.0.0.0:80").unwrap(), &gate)
            .unwrap_err()
            .to_string();
        assert!(error.contains("tsumugi account add"), "{error}");
    }
}
