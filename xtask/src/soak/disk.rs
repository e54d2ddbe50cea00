//! A model of a disk that loses power: a file is what was synced of it, a name is there when its directory was synced.

use super::trace::Op;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Bytes that a disk writes whole.
const SECTOR: usize = 512;

/// What is left of the changes that were not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Survival {
    /// None of them.
    Synced,
    /// Some, wholly or up to a sector, in any order; the number chooses which.
    Some(u64),
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

impl Disk {
    /// An empty directory.
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            files: Vec::new(),
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
        }
    }

    /// Does what a system call did.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { path } => {
                if !self.names.contains_key(path) {
                    self.names.insert(path.clone(), self.files.len());
                    self.files.push(File::default());
                }
            }
            Op::Write { path, offset, bytes } => {
                self.change(
                    path,
                    Change::Write {
                        offset: *offset,
                        bytes: bytes.clone(),
                    },
                );
            }
            Op::Truncate { path, length } => self.change(path, Change::Truncate { length: *length }),
            Op::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            Op::Unlink { path } => {
                self.names.remove(path);
            }
            Op::Sync { path } if *path == self.directory => self.synced_names = self.names.clone(),
            Op::Sync { path } => {
                if let Some(file) = self.file(path) {
                    for change in std::mem::take(&mut file.pending) {
                        change.apply(&mut file.synced);
                    }
                }
            }
            Op::Acknowledge { .. } => {}
        }
    }

    /// What is there when the power comes back: names within the directory, and their contents.
    pub(crate) fn after_cut(&self, survival: Survival) -> Vec<(PathBuf, Vec<u8>)> {
        let content = |(path, number): (&PathBuf, &usize)| {
            let file = self.files.get(*number)?;
            let mut content = file.synced.clone();
            if let Survival::Some(seed) = survival {
                for (index, change) in (0_u64..).zip(&file.pending) {
                    change.apply_partly(&mut content, scatter(seed ^ (index << 20)));
                }
            }
            Some((path.file_name().map(PathBuf::from)?, content))
        };
        self.synced_names.iter().filter_map(content).collect()
    }

    fn file(&mut self, path: &Path) -> Option<&mut File> {
        self.names
            .get(path)
            .and_then(|number| self.files.get_mut(*number))
    }

    fn change(&mut self, path: &Path, change: Change) {
        if let Some(file) = self.file(path) {
            file.pending.push(change);
        }
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write(content, *offset, bytes),
            Self::Truncate { length } => content.resize(*length, 0),
        }
    }

    fn apply_partly(&self, content: &mut Vec<u8>, chance: u64) {
        match (self, chance % 3) {
            (_, 0) => {}
            (Self::Write { offset, bytes }, 1) => {
                let torn = bytes.len() / 2 / SECTOR * SECTOR;
                write(content, *offset, bytes.get(..torn).unwrap_or_default());
            }
            _ => self.apply(content),
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// Spreads numbers so that neighbours differ (the finalizer of splitmix64).
pub(crate) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ops: &[Op], left: &[(&str, &[u8])]) {
        let mut disk = Disk::new(Path::new("/d"));
        for op in ops {
            disk.apply(op);
        }
        let expected: Vec<_> = left
            .iter()
            .map(|(name, bytes)| (PathBuf::from(name), bytes.to_vec()))
            .collect();
        assert_eq!(disk.after_cut(Survival::Synced), expected, "{ops:?}");
    }

    #[test]
    fn only_what_was_synced_is_left() {
        let path = || PathBuf::from("/d/a");
        let create = || Op::Create { path: path() };
        let write = |offset, bytes: &[u8]| Op::Write {
            path: path(),
            offset,
            bytes: bytes.to_vec(),
        };
        let sync = || Op::Sync { path: path() };
        let sync_names = || Op::Sync {
            path: PathBuf::from("/d"),
        };
        check(&[create(), write(0, b"x"), sync()], &[]);
        check(&[create(), write(0, b"x"), sync_names()], &[("a", b"")]);
        check(
            &[create(), write(0, b"x"), sync(), sync_names(), write(0, b"y")],
            &[("a", b"x")],
        );
        check(
            &[create(), write(2, b"x"), sync(), sync_names()],
            &[("a", b"\0\0x")],
        );
        let truncate = || Op::Truncate {
            path: path(),
            length: 1,
        };
        check(
            &[create(), write(0, b"xy"), truncate(), sync(), sync_names()],
            &[("a", b"x")],
        );
        let rename = || Op::Rename {
            from: path(),
            to: PathBuf::from("/d/b"),
        };
        check(
            &[create(), write(0, b"x"), sync(), sync_names(), rename()],
            &[("a", b"x")],
        );
        check(
            &[create(), write(0, b"x"), sync(), rename(), sync_names()],
            &[("b", b"x")],
        );
        let unlink = || Op::Unlink { path: path() };
        check(&[create(), sync_names(), unlink()], &[("a", b"")]);
        check(&[create(), sync_names(), unlink(), sync_names()], &[]);
    }
}
