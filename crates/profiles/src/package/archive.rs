//! The archive: gzip around tar. Only files right below `package/` that are JSON are read; their names are keys and never
//! paths, and sizes and numbers are bounded.

use super::PackageError;
use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::io::Read;

/// Length of a block of tar, in bytes.
const BLOCK: usize = 512;
/// Most bytes of one file.
const LARGEST_FILE: u64 = 64 << 20;
/// Most bytes of all files.
const LARGEST: u64 = 1 << 30;
/// Most files.
const MOST_FILES: usize = 100_000;

/// JSON files by their name below `package/`.
pub(super) fn unpack(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    let mut tar = MultiGzDecoder::new(archive);
    let mut files = BTreeMap::new();
    let (mut read, mut count) = (0_u64, 0_usize);
    let mut long_name: Option<String> = None;
    while let Some(head) = block(&mut tar)? {
        if head.iter().all(|byte| *byte == 0) {
            break;
        }
        let size = size_of(&head).ok_or_else(|| wrong("no tar archive inside"))?;
        read += size + BLOCK as u64;
        count += 1;
        if size > LARGEST_FILE || read > LARGEST || count > MOST_FILES {
            return Err(wrong(
                "it holds more than is read: 64 MiB a file, 1 GiB, 100,000 files",
            ));
        }
        let content = content(&mut tar, size)?;
        match head.get(156) {
            // Longer names stand before their file (GNU, pax).
            Some(b'L') => long_name = Some(text_of(&content)),
            Some(b'x') => long_name = pax_path(&content).or(long_name),
            Some(b'0' | 0) => {
                let name = long_name.take().unwrap_or_else(|| name_of(&head));
                if let Some(name) = wanted(&name) {
                    files.insert(name.to_owned(), content);
                }
            }
            _ => long_name = None,
        }
    }
    Ok(files)
}

fn wrong(what: &str) -> PackageError {
    PackageError::Archive(what.to_owned())
}

/// A block; nothing at the end.
fn block(tar: &mut impl Read) -> Result<Option<[u8; BLOCK]>, PackageError> {
    let mut head = [0; BLOCK];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match tar.read(rest) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(wrong("the archive is cut")),
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(wrong("no gzip archive, or a damaged one")),
        }
    }
    Ok(Some(head))
}

/// A file, and the rest of its last block.
fn content(tar: &mut impl Read, size: u64) -> Result<Vec<u8>, PackageError> {
    let mut content = Vec::new();
    let cut = || wrong("the archive is cut or damaged");
    let got = tar.take(size).read_to_end(&mut content).map_err(|_| cut())?;
    let rest = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    let mut behind = Vec::new();
    let padding = tar.take(rest).read_to_end(&mut behind).map_err(|_| cut())?;
    if got as u64 == size && padding as u64 == rest {
        Ok(content)
    } else {
        Err(cut())
    }
}

/// Octal digits, or bytes where the first bit is set.
fn size_of(head: &[u8]) -> Option<u64> {
    let field = head.get(124..136)?;
    if field.first()? & 0x80 != 0 {
        let bytes = field.get(4..12)?;
        return Some(bytes.iter().fold(0, |size, byte| size << 8 | u64::from(*byte)));
    }
    let digits = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(digits.trim_matches(['\0', ' ']), 8).ok()
}

fn name_of(head: &[u8]) -> String {
    let name = head.get(..100).map(text_of).unwrap_or_default();
    let is_ustar = head.get(257..262) == Some(b"ustar".as_slice());
    let prefix = head
        .get(345..500)
        .filter(|_| is_ustar)
        .map(text_of)
        .unwrap_or_default();
    if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    }
}

fn text_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// `path` of a pax record (`27 path=package/a.json`).
fn pax_path(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.split_once(' ')?.1.strip_prefix("path="))?;
    Some(line.to_owned())
}

/// The name of a file of JSON right below `package/`.
fn wanted(path: &str) -> Option<&str> {
    let name = path.strip_prefix("./").unwrap_or(path).strip_prefix("package/")?;
    let is_plain = !name.contains(['/', '\\']) && !name.starts_with('.');
    (is_plain && name.to_ascii_lowercase().ends_with(".json")).then_some(name)
}
