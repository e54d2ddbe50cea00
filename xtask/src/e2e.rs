//! `cargo xtask e2e`: the built binary in a headless browser, through what a physician does with it.
//!
//! Installs nothing. Needs a built `tsumugi` (`cargo build --release -p tsumugi-server`), Node.js 20 or later,
//! `playwright-core` (`npm ci` in `web/`), and Chromium. Prints each story with `ok` or `FAIL`, and the time from key
//! press to highlight. `--only screens` writes the pictures of `docs/guides/images`.

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the command takes.
#[derive(Debug, Parser)]
#[command(name = "e2e", no_binary_name = true)]
struct Options {
    /// The binary (default: the release build, else the debug build).
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The browser (default: the first Chromium or Chrome that runs).
    #[arg(long)]
    chromium: Option<PathBuf>,
    /// Only these stories: access, proxy, smart, oidc, consent, timeline (with a hundred thousand events), ux, or xss, load and screens (pictures), which run only when named.
    #[arg(long)]
    only: Option<String>,
    /// Writes what the stories see as pictures into the folder of the guides.
    #[arg(long)]
    images: bool,
}

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Runs the stories; an error when one fails or something that is needed is missing.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::try_parse_from(args)?;
    let root = crate::root();
    let binary = crate::site::built(options.binary.as_deref())?;
    let browser = match options.chromium {
        Some(browser) => browser,
        None => browser()?,
    };
    ensure!(
        runs(Path::new("node")),
        "node is missing: install Node.js 20 or later"
    );
    ensure!(
        root.join("web/node_modules/playwright-core").is_dir(),
        "playwright-core is missing: run npm ci in web/"
    );
    let mut command = Command::new("node");
    command.current_dir(&root).arg("web/e2e/main.mjs");
    command
        .arg("--binary")
        .arg(&binary)
        .arg("--chromium")
        .arg(&browser);
    if options.images {
        command.arg("--images").arg(root.join("docs/guides/images"));
    }
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    let status = command.status().context("node")?;
    ensure!(status.success(), "a story failed");
    Ok(())
}

/// Where the browser is: Playwright wants a path, so that the folders of `PATH` are looked through.
fn browser() -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let files = std::env::split_paths(&folders).flat_map(|folder| BROWSERS.map(|name| folder.join(name)));
    match files.into_iter().find(|file| file.is_file() && runs(file)) {
        Some(file) => Ok(file),
        None => bail!(
            "no Chromium: install it (with fonts-noto-cjk for the pictures), or name it with --chromium PATH"
        ),
    }
}

fn runs(program: &Path) -> bool {
    let quiet = || Stdio::null();
    let status = Command::new(program)
        .arg("--version")
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status();
    status.is_ok_and(|status| status.success())
}
