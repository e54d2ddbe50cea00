//! `tsumugi profiles`: the FHIR packages of a site, to import, to list, to take off.

use super::{remark, say};
use crate::{chart, profiles};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use tsumugi_profiles::Package;

/// Largest archive that is read, in bytes.
const LARGEST: u64 = 256 << 20;

/// What of the packages.
#[derive(clap::Subcommand)]
pub(crate) enum Profiles {
    /// Reads FHIR packages with snapshots (.tgz) and keeps them beside those that are there.
    Import(ImportArgs),
    /// Lists the packages that are there.
    List(ListArgs),
    /// Takes a package off: NAME#VERSION.
    Remove(RemoveArgs),
}

/// Options of `profiles import`.
#[derive(clap::Args)]
pub(crate) struct ImportArgs {
    /// Packages, as their owners distribute them.
    #[arg(required = true)]
    packages: Vec<PathBuf>,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `profiles list`.
#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Options of `profiles remove`.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// NAME#VERSION, as the list writes it.
    package: String,
    /// Folder of the store (default: the platform's data directory).
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs one of them.
pub(crate) fn run(what: &Profiles) -> anyhow::Result<ExitCode> {
    match what {
        Profiles::Import(args) => import(args),
        Profiles::List(args) => list(args),
        Profiles::Remove(args) => remove(args),
    }
}

/// All packages or none: one JSON line for each.
fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let data = chart::data_folder(args.data.as_deref())?;
    let r4 = profiles::validator()?;
    let mut kept = profiles::packages(&data)?;
    let mut read = Vec::new();
    for path in &args.packages {
        let name = || path.display().to_string();
        let length = fs::metadata(path).with_context(name)?.len();
        if length > LARGEST {
            bail!(
                "{}: larger than {LARGEST} bytes; nothing was imported",
                path.display()
            );
        }
        let bytes = fs::read(path).with_context(name)?;
        let package = Package::read(r4.schema(), &bytes)
            .with_context(|| format!("{}: nothing was imported", path.display()))?;
        read.push(package);
    }
    for package in &read {
        kept.retain(|other| other.label() != package.label());
        kept.push(package.clone());
    }
    profiles::keep(&data, &kept)?;
    let linked = r4.with_packages(&kept);
    for package in &read {
        for (profile, reason) in linked.uncheckable(package) {
            remark(&format!(
                "{profile} cannot be checked: {reason}; validating against it is an error"
            ));
        }
        say(&serde_json::to_string(&package.summary())?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let packages = profiles::packages(&chart::data_folder(args.data.as_deref())?)?;
    for package in &packages {
        let summary = package.summary();
        say(&json!({
            "package": summary.package,
            "sha256": package.digest,
            "profiles": summary.profiles,
            "value_sets": summary.value_sets,
            "code_systems": summary.code_systems,
        })
        .to_string())?;
    }
    if packages.is_empty() {
        remark("no package was imported; R4's own rules are checked all the same");
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(args: &RemoveArgs) -> anyhow::Result<ExitCode> {
    let data = chart::data_folder(args.data.as_deref())?;
    let mut packages = profiles::packages(&data)?;
    let before = packages.len();
    packages.retain(|package| package.label() != args.package);
    if packages.len() == before {
        let known: Vec<String> = packages.iter().map(Package::label).collect();
        bail!(
            "{}: no such package; here are: {}",
            args.package,
            known.join(", ")
        );
    }
    profiles::keep(&data, &packages)?;
    Ok(ExitCode::SUCCESS)
}
