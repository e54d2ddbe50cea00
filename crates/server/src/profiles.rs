//! FHIR R4 and the packages of profiles of a site: one compiled file in the folder of the store.

use crate::masters;
use anyhow::{Context as _, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use tsumugi_profiles::{Package, Validator, store};
use tsumugi_tables::Source;
use tsumugi_terminology::embedded_files;

/// Largest compiled file that is read, in bytes.
const LARGEST: u64 = 1 << 30;

/// The compiled packages in the folder of a store.
fn file(data: &Path) -> PathBuf {
    data.join("profiles").join("packages.compiled")
}

/// The packages of a site; none where nothing was imported.
///
/// # Errors
/// What is wrong with the file and what to do.
pub(crate) fn packages(data: &Path) -> anyhow::Result<Vec<Package>> {
    let path = file(data);
    let length = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if length > LARGEST {
        bail!(
            "{}: larger than {LARGEST} bytes; import the packages again",
            path.display()
        );
    }
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    store::from_bytes(&bytes).with_context(|| path.display().to_string())
}

/// Keeps packages in place of those that were there.
pub(crate) fn keep(data: &Path, packages: &[Package]) -> anyhow::Result<()> {
    masters::replace(&file(data), &store::to_bytes(packages))
}

/// The validator without profiles of packages.
pub(crate) fn validator() -> anyhow::Result<Validator> {
    let files = embedded_files();
    let sources: Vec<Source<'_>> = files
        .iter()
        .filter(|file| file.path.starts_with("fhir/"))
        .map(|file| Source {
            path: &file.path,
            text: &file.text,
        })
        .collect();
    Validator::new(&sources).map_err(|mistakes| {
        let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
        anyhow!("the embedded tables of FHIR are broken: {first}")
    })
}
