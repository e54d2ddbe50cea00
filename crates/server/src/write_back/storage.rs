//! Into an SS-MIX2 extended storage: written beside, made durable, then put in place; the version before it becomes one that
//! is replaced (condition 2).

use super::Sent;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use tsumugi_exchange::hl7v2::Document;
use tsumugi_exchange::ssmix2::write_document;
use tsumugi_records::DeliveryOutcome;

/// Ends of the names of folders that hold a valid and a replaced document.
const VALID: &str = "_1";
const REPLACED: &str = "_2";

/// Puts a document there; `before` is the path of the version that it replaces.
pub(super) fn put(root: &Path, document: &Document, before: Option<&str>) -> Sent {
    let written = match write_document(document, "") {
        Ok(written) => written,
        Err(problem) => return Sent::new(DeliveryOutcome::Refused, problem.to_string()),
    };
    let done = keep(root, &written.path, &written.bytes).and_then(|()| match before {
        Some(before) => replace(root, before),
        None => Ok(()),
    });
    match done {
        Ok(()) => Sent::new(DeliveryOutcome::Delivered, written.path),
        Err(error) => Sent::new(
            DeliveryOutcome::Failed,
            format!("{error}; see that the storage is there and may be written"),
        ),
    }
}

fn keep(root: &Path, path: &str, bytes: &[u8]) -> io::Result<()> {
    // A storage that is not mounted must not be made anew on the disk below.
    if !root.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the storage is not there",
        ));
    }
    let place = root.join(path);
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let beside = folder.join(".tsumugi-part");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, &place)?;
    File::open(folder)?.sync_all()
}

/// Marks the folder of the version before as replaced. One that the storage's owner has moved is left alone.
fn replace(root: &Path, before: &str) -> io::Result<()> {
    let Some((folder, _)) = before.rsplit_once('/') else {
        return Ok(());
    };
    let Some(stem) = folder.strip_suffix(VALID) else {
        return Ok(());
    };
    let is_below = Path::new(folder)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    let from = root.join(folder);
    if !is_below || !from.is_dir() {
        return Ok(());
    }
    fs::rename(from, root.join(format!("{stem}{REPLACED}")))
}
