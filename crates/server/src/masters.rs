//! The masters of a site: their snapshots in the folder of the store, and the engine with them.

use crate::{chart, log};
use anyhow::{Context as _, anyhow};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsumugi_coding::Coder;
use tsumugi_terminology::masters::snapshot::{self, Opened};
use tsumugi_terminology::{MasterKind, Masters};

/// Folder of the snapshots in the folder of the store.
const FOLDER: &str = "terms";

/// Largest snapshot that is read, in bytes.
const LARGEST: u64 = 2 << 30;

/// File of the snapshot of a kind.
pub(crate) fn file(data: &Path, kind: MasterKind) -> PathBuf {
    data.join(FOLDER).join(format!("{}.snapshot", kind.word()))
}

/// The snapshot of a kind; nothing where there is none.
///
/// # Errors
/// What is wrong with the file and what to do.
pub(crate) fn open_one(data: &Path, kind: MasterKind) -> anyhow::Result<Option<Opened>> {
    let path = file(data, kind);
    let length = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if length > LARGEST {
        return Err(anyhow!(
            "{}: larger than {LARGEST} bytes; import the master again",
            path.display()
        ));
    }
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let opened = snapshot::from_bytes(&bytes).with_context(|| path.display().to_string())?;
    if opened.manifest.kind != kind {
        let found = opened.manifest.kind.word();
        return Err(anyhow!(
            "{}: holds the master {found}; import {} again",
            path.display(),
            kind.word()
        ));
    }
    Ok(Some(opened))
}

/// All masters of a site. One that cannot be used is told, and left out.
pub(crate) fn open(data: &Path) -> Masters {
    let mut masters = Masters::default();
    for kind in MasterKind::ALL {
        match open_one(data, kind) {
            Ok(Some(opened)) => masters.add(Arc::new(opened.master), opened.digest),
            Ok(None) => {}
            Err(error) => {
                log::warn(
                    "a master of the site is not used; tsumugi terms masters tells why",
                    &[("file", &log::Name::of_path(&file(data, kind)))],
                );
                crate::commands::remark(&format!("the master {} is not used: {error:#}", kind.word()));
            }
        }
    }
    masters
}

/// The engine with the masters of a folder; without one, and where the folder is not known, the embedded tables alone.
pub(crate) fn engine(data: Option<&Path>) -> anyhow::Result<Coder> {
    let masters = data.map(open).unwrap_or_default();
    Coder::with_masters(&masters).context("the embedded tables are broken")
}

/// The engine for a command that needs no store: the masters of the folder that was named, else of the usual one.
pub(crate) fn engine_of(given: Option<&Path>) -> anyhow::Result<Coder> {
    engine(chart::data_folder(given).ok().as_deref())
}

/// Writes a snapshot beside the old one and puts it in its place.
pub(crate) fn write(data: &Path, kind: MasterKind, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    let path = file(data, kind);
    replace(&path, bytes)?;
    Ok(path)
}

/// Writes a file beside the old one and puts it in its place: whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    chart::outlive_size_limit();
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let written = fs::File::create(&draft).and_then(|mut out| {
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&draft, path)
    });
    if let Err(error) = written {
        // The old file stands; what is left of the new one is of no use.
        let _ = fs::remove_file(&draft);
        return Err(error).with_context(|| format!("{}: not written; the old one holds", path.display()));
    }
    Ok(())
}

/// Takes a snapshot off; whether there was one.
pub(crate) fn remove(data: &Path, kind: MasterKind) -> anyhow::Result<bool> {
    let path = file(data, kind);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}
