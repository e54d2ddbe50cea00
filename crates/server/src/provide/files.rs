//! The folder of an export: hidden while it is written, and named once, when all of it is on the disk.

use super::order::Refusal;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tsumugi_anonymize::manifest::{FileEntry, hexadecimal};
use tsumugi_anonymize::write::{Format, RowsAre, WriteError, write};
use tsumugi_anonymize::{Anonymized, Frame};
use tsumugi_records::consent::ExportId;

/// Bytes that wait in memory to be written.
const BUFFER: usize = 1 << 18;

/// A folder that is being written; it goes with everything in it when it is dropped without a name.
pub(super) struct Part {
    within: PathBuf,
    place: PathBuf,
    is_named: bool,
}

/// Writes to a file, and counts and hashes what is written.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Part {
    /// A hidden folder below `within`, which is made where it is not there.
    pub(super) fn new(within: &Path, export: ExportId) -> io::Result<Self> {
        fs::create_dir_all(within)?;
        let place = within.join(format!(".part-{export}"));
        if place.exists() {
            // The number of an export is never used again: this is what an end without warning left.
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir(&place)?;
        Ok(Self {
            within: within.to_owned(),
            place,
            is_named: false,
        })
    }

    /// Writes the table as `data.csv` or the like.
    pub(super) fn write(
        &mut self,
        table: &Anonymized<Frame>,
        rows_are: RowsAre,
        format: Format,
        holds: &mut dyn FnMut() -> Result<(), Refusal>,
    ) -> Result<FileEntry, WriteError<Refusal>> {
        let name = format!("data.{}", format.ending());
        let mut out = Hashing {
            out: BufWriter::with_capacity(BUFFER, File::create_new(self.place.join(&name))?),
            hash: Sha256::new(),
            bytes: 0,
        };
        write(table, rows_are, format, &mut out, holds)?;
        let file = out.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(FileEntry {
            name,
            sha256: hexadecimal(&out.hash.finalize()),
            bytes: out.bytes,
            rows: table.data().rows() as u64,
        })
    }

    /// Adds a small file.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(self.place.join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_folder(&self.place)
    }

    /// Whether the folder may get its name: nothing is there, or the same bytes.
    pub(super) fn may_become(&self, name: &str) -> Result<(), Refusal> {
        let target = self.within.join(name);
        if target.exists() && !self.is_same(&target)? {
            return Err(Refusal::Exists(target));
        }
        Ok(())
    }

    /// Gives the folder its name; where the same is there already, that stays.
    pub(super) fn becomes(mut self, name: &str) -> io::Result<PathBuf> {
        let target = self.within.join(name);
        if !target.exists() {
            fs::rename(&self.place, &target)?;
            self.is_named = true;
            sync_folder(&self.within)?;
        }
        Ok(target)
    }

    fn is_same(&self, target: &Path) -> io::Result<bool> {
        let mut names = 0;
        for entry in fs::read_dir(&self.place)? {
            let entry = entry?;
            let theirs = target.join(entry.file_name());
            if !theirs.is_file() || digest(&entry.path())? != digest(&theirs)? {
                return Ok(false);
            }
            names += 1;
        }
        Ok(fs::read_dir(target)?.count() == names)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_named {
            // What cannot be removed is still hidden and half; the next export of this number removes it.
            let _ = fs::remove_dir_all(&self.place);
        }
    }
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut hash = Hashing {
        out: io::sink(),
        hash: Sha256::new(),
        bytes: 0,
    };
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hash.hash.finalize().into())
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "a folder can be brought to the disk on Unix only"
)]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
