//! Reads what `strace` recorded: the system calls that change files of one directory, in their order.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// How to record: all threads, paths of descriptors, strings whole and in hexadecimal digits. Calls that the store does
/// not use are recorded too, so that they are noticed if it ever does.
pub(crate) const ARGUMENTS: &[&str] = &[
    "-f",
    "-y",
    "-xx",
    "-s",
    "16777216",
    "-e",
    "signal=none",
    "-e",
    "trace=openat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,ftruncate,fallocate,\
     copy_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat",
];

/// A system call, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// A name for a new file, if there was none.
    Create { path: PathBuf },
    /// Bytes written at an offset.
    Write {
        path: PathBuf,
        offset: usize,
        bytes: Vec<u8>,
    },
    /// A file cut, or filled with zeros, to a length.
    Truncate { path: PathBuf, length: usize },
    /// A file or directory synced.
    Sync { path: PathBuf },
    /// Another name.
    Rename { from: PathBuf, to: PathBuf },
    /// A name removed.
    Unlink { path: PathBuf },
    /// A line on the standard output: an acknowledged note.
    Acknowledge { line: String },
}

/// Reads a recording. Only files directly in `directory` count; the shared-memory index and the lock file do not, since
/// the store makes them anew.
pub(crate) fn parse(recording: &str, directory: &Path) -> Result<Vec<Op>> {
    let mut unfinished: BTreeMap<&str, &str> = BTreeMap::new();
    let mut ops = Vec::new();
    for (number, line) in (1_u32..).zip(recording.lines()) {
        let Some((process, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        let whole = if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, begun);
            // A line that is on its way out may have been seen: it counts from here.
            if begun.starts_with("write(1<") {
                format!("{begun}) = 0")
            } else {
                continue;
            }
        } else if let Some(resumed) = call.strip_prefix("<... ") {
            let begun = unfinished
                .remove(process)
                .with_context(|| format!("line {number}: resumes nothing"))?;
            let (_, rest) = resumed
                .split_once("resumed>")
                .with_context(|| format!("line {number}"))?;
            if begun.starts_with("write(1<") {
                continue;
            }
            format!("{begun}{rest}")
        } else {
            call.to_owned()
        };
        ops.extend(read(&whole, directory).with_context(|| format!("line {number} of the recording"))?);
    }
    Ok(ops)
}

/// A call as it was recorded.
struct Call<'a> {
    name: &'a str,
    arguments: Vec<&'a str>,
    result: &'a str,
}

impl<'a> Call<'a> {
    /// Takes a line apart; none for what is no call, and for calls that failed.
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')').unwrap_or(arguments);
        let call = Self {
            name,
            arguments: arguments.split(", ").collect(),
            result: result.trim(),
        };
        (!result.starts_with('-')).then_some(call)
    }

    fn argument(&self, index: usize) -> Result<&'a str> {
        self.arguments
            .get(index)
            .copied()
            .context("an argument is missing")
    }

    /// The path of the descriptor that is the first argument.
    fn target(&self) -> Result<PathBuf> {
        described(self.argument(0)?)
    }

    fn op(&self) -> Result<Option<Op>> {
        let op = match self.name {
            "openat" if self.argument(2)?.contains("O_CREAT") && !self.argument(2)?.contains("O_TRUNC") => {
                Op::Create {
                    path: named(self.argument(1)?)?,
                }
            }
            "write" if self.argument(0)?.starts_with("1<") => Op::Acknowledge {
                line: String::from_utf8(string(self.argument(1)?)?)?,
            },
            "pwrite64" => {
                let mut bytes = string(self.argument(1)?)?;
                bytes.truncate(self.result.parse().context("the number of bytes written")?);
                Op::Write {
                    path: self.target()?,
                    offset: self.argument(3)?.parse()?,
                    bytes,
                }
            }
            "ftruncate" => Op::Truncate {
                path: self.target()?,
                length: self.argument(1)?.parse()?,
            },
            "fsync" | "fdatasync" => Op::Sync { path: self.target()? },
            "rename" => Op::Rename {
                from: named(self.argument(0)?)?,
                to: named(self.argument(1)?)?,
            },
            "unlink" => Op::Unlink {
                path: named(self.argument(0)?)?,
            },
            _ => return Ok(None),
        };
        Ok(Some(op))
    }
}

fn read(line: &str, directory: &Path) -> Result<Option<Op>> {
    let Some(call) = Call::parse(line) else {
        return Ok(None);
    };
    let counts = |path: &Path| {
        let name = path.to_string_lossy();
        let is_made_anew = name.ends_with("-shm") || name.ends_with(".lock");
        path == directory || (path.parent() == Some(directory) && !is_made_anew)
    };
    let Some(op) = call.op()? else {
        let is_open = call.name == "openat" && !call.argument(2)?.contains("O_TRUNC");
        let mut paths = call
            .arguments
            .iter()
            .flat_map(|argument| [described(argument).ok(), named(argument).ok()])
            .flatten();
        ensure!(
            is_open || !paths.any(|path| counts(&path)),
            "the model of the disk does not know {}",
            call.name
        );
        return Ok(None);
    };
    let is_ours = match &op {
        Op::Create { path }
        | Op::Write { path, .. }
        | Op::Truncate { path, .. }
        | Op::Sync { path }
        | Op::Unlink { path }
        | Op::Rename { to: path, .. } => counts(path),
        Op::Acknowledge { .. } => true,
    };
    Ok(is_ours.then_some(op))
}

/// The path of a descriptor, as in `5<\x2f\x64>`.
fn described(descriptor: &str) -> Result<PathBuf> {
    let path = descriptor
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    let (path, _) = path.with_context(|| format!("{descriptor} is no descriptor"))?;
    Ok(PathBuf::from(OsString::from_vec(bytes(path)?)))
}

/// The path in a string argument.
fn named(argument: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(OsString::from_vec(string(argument)?)))
}

/// The bytes of a string argument, as in `"\x00\xff"`.
fn string(argument: &str) -> Result<Vec<u8>> {
    let inner = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    bytes(inner.context("a string was not recorded whole")?)
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    let digits = text.split("\\x").skip(1);
    digits
        .map(|pair| u8::from_str_radix(pair, 16).with_context(|| format!("{pair} is no byte")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        text.bytes()
            .fold(String::new(), |text, byte| format!("{text}\\x{byte:02x}"))
    }

    fn check(lines: &[String], ops: &[Op]) {
        assert_eq!(parse(&lines.join("\n"), Path::new("/d")).unwrap(), ops);
    }

    #[test]
    fn calls_are_read_in_the_order_they_took_effect() {
        let (file, directory) = (format!("5<{}>", hex("/d/a")), format!("6<{}>", hex("/d")));
        let path = || PathBuf::from("/d/a");
        check(
            &[
                format!(
                    "10 openat(AT_FDCWD<{}>, \"{}\", O_RDWR|O_CREAT, 0600) = {file}",
                    hex("/w"),
                    hex("/d/a")
                ),
                format!("10 pwrite64({file}, \"{}\", 2, 24) = 2", hex("xy")),
                format!("10 fsync({file} <unfinished ...>"),
                format!(
                    "11 write(1<{}>, \"{}\", 2 <unfinished ...>",
                    hex("pipe:[1]"),
                    hex("7\n")
                ),
                "10 <... fsync resumed>) = 0".to_owned(),
                "11 <... write resumed>) = 2".to_owned(),
                format!("10 fsync({directory}) = 0"),
                format!(
                    "10 unlink(\"{}\") = -1 ENOENT (No such file or directory)",
                    hex("/d/a")
                ),
                format!("10 rename(\"{}\", \"{}\") = 0", hex("/d/a"), hex("/d/b")),
                format!("10 pwrite64(7<{}>, \"{}\", 2, 0) = 2", hex("/d/a-shm"), hex("xy")),
                "10 +++ exited with 0 +++".to_owned(),
            ],
            &[
                Op::Create { path: path() },
                Op::Write {
                    path: path(),
                    offset: 24,
                    bytes: b"xy".to_vec(),
                },
                Op::Acknowledge {
                    line: "7\n".to_owned(),
                },
                Op::Sync { path: path() },
                Op::Sync {
                    path: PathBuf::from("/d"),
                },
                Op::Rename {
                    from: path(),
                    to: PathBuf::from("/d/b"),
                },
            ],
        );
    }

    #[test]
    fn what_the_model_does_not_know_is_refused() {
        let unknown = format!("10 pwritev(5<{}>, [], 0, 0) = 2", hex("/d/a"));
        assert!(parse(&unknown, Path::new("/d")).is_err());
        let emptied = format!(
            "10 openat(AT_FDCWD<{}>, \"{}\", O_RDWR|O_CREAT|O_TRUNC) = 5",
            hex("/w"),
            hex("/d/a")
        );
        assert!(parse(&emptied, Path::new("/d")).is_err());
        let cut_short = format!("10 pwrite64(5<{}>, \"{}\"..., 9, 0) = 9", hex("/d/a"), hex("x"));
        assert!(parse(&cut_short, Path::new("/d")).is_err());
    }
}
