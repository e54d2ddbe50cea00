//! The files that were named, and those of the folders that were named: sorted, one folder's names in memory at a time.

use std::io;
use std::path::{Path, PathBuf};

/// Deepest folder that is looked into below the one that was named.
const DEEPEST: usize = 64;

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its name relative to what was named.
    pub(crate) name: String,
}

/// Goes through the files below `root`, or takes `root` itself where it is a file. `each` gives `false` to stop. What
/// cannot be looked into goes to `each` as an error with its name. Hidden files and links to folders are left alone.
pub(crate) fn walk(root: &Path, each: &mut dyn FnMut(Result<Found, (String, io::Error)>) -> bool) -> bool {
    match std::fs::metadata(root) {
        Err(error) => each(Err((root.display().to_string(), error))),
        Ok(found) if found.is_dir() => below(root, root, 0, each),
        Ok(_) => {
            let name = root.file_name().unwrap_or(root.as_os_str());
            each(Ok(Found {
                path: root.to_owned(),
                name: name.to_string_lossy().into_owned(),
            }))
        }
    }
}

fn below(
    root: &Path,
    folder: &Path,
    depth: usize,
    each: &mut dyn FnMut(Result<Found, (String, io::Error)>) -> bool,
) -> bool {
    if depth > DEEPEST {
        let error = io::Error::other(format!("deeper than {DEEPEST} folders"));
        return each(Err((named(root, folder), error)));
    }
    let mut entries = Vec::new();
    let read = std::fs::read_dir(folder).and_then(|list| {
        for entry in list {
            let entry = entry?;
            entries.push((entry.path(), entry.file_type()?));
        }
        Ok(())
    });
    if let Err(error) = read
        && !each(Err((named(root, folder), error)))
    {
        return false;
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (path, kind) in entries {
        if is_hidden(&path) {
            continue;
        }
        let goes_on = if kind.is_dir() {
            below(root, &path, depth + 1, each)
        } else if kind.is_symlink() && path.is_dir() {
            true
        } else {
            let name = named(root, &path);
            each(Ok(Found { path, name }))
        };
        if !goes_on {
            return false;
        }
    }
    true
}

/// Whether a name begins with a dot.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// A file's name relative to what was named, with `/` between folders.
pub(super) fn named(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts = relative
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_sorted_with_their_names_and_what_is_hidden_stays() {
        let root = tempfile::tempdir().unwrap();
        for name in ["b/2", "b/1", "a/x/3", "c", ".hidden", "a/.git/4"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let mut names = Vec::new();
        let all = walk(root.path(), &mut |found| {
            names.push(found.unwrap().name);
            names.len() < 10
        });
        assert!(all);
        assert_eq!(names, ["a/x/3", "b/1", "b/2", "c"]);
        let mut first = Vec::new();
        assert!(!walk(root.path(), &mut |found| {
            first.push(found.unwrap().name);
            false
        }));
        assert_eq!(first, ["a/x/3"]);
        let mut missing = Vec::new();
        walk(&root.path().join("none"), &mut |found| {
            missing.push(found.is_err());
            true
        });
        assert_eq!(missing, [true]);
    }
}
