//! Notices of the file system (Linux: inotify) of files that were written or moved into a folder or below it.
//!
//! They make a watcher prompt, and nothing rests on them: shares over the network give none, a full queue loses some, and
//! a system may allow fewer than there are folders. What they miss, the sweep finds.

use std::path::PathBuf;

/// What was noticed since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Noticed {
    /// Files that were written or came.
    pub(super) files: Vec<PathBuf>,
    /// Whether notices were lost, so that a sweep is due.
    pub(super) lost: bool,
}

#[cfg(target_os = "linux")]
pub(super) use linux::Notices;

#[cfg(target_os = "linux")]
mod linux {
    use super::Noticed;
    use crate::import::files::is_hidden;
    use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
    use std::collections::HashMap;
    use std::io;
    use std::path::{Path, PathBuf};

    /// Most folders of which notices are asked for: each costs about a kilobyte of the system's memory.
    const MOST_FOLDERS: usize = 50_000;
    /// Bytes of notices that are read at once.
    const BUFFER: usize = 16 << 10;
    /// Most files that are noticed in one look; more are left to the sweep.
    const MOST_FILES: usize = 100_000;

    /// An open stream of notices.
    pub(crate) struct Notices {
        inotify: Inotify,
        folders: HashMap<WatchDescriptor, PathBuf>,
        buffer: Vec<u8>,
    }

    impl Notices {
        /// Asks for notices of `root` and all below it. `None` where the system gives none.
        pub(crate) fn start(root: &Path) -> Option<Self> {
            let mut notices = Self {
                inotify: Inotify::init().ok()?,
                folders: HashMap::new(),
                buffer: vec![0; BUFFER],
            };
            // What is there now is the first sweep's.
            notices.follow(root, &mut Noticed::default());
            (!notices.folders.is_empty()).then_some(notices)
        }

        /// Takes what was noticed; does not wait.
        pub(crate) fn take(&mut self) -> Noticed {
            let mut noticed = Noticed::default();
            loop {
                let (mut came, mut gone) = (Vec::new(), Vec::new());
                match self.inotify.read_events(&mut self.buffer) {
                    Ok(events) => {
                        for event in events {
                            noticed.lost |= event.mask.contains(EventMask::Q_OVERFLOW);
                            if event.mask.contains(EventMask::IGNORED) {
                                gone.push(event.wd.clone());
                            }
                            let folder = self.folders.get(&event.wd);
                            if let (Some(folder), Some(name)) = (folder, event.name) {
                                came.push((folder.join(name), event.mask));
                            }
                        }
                    }
                    Err(error) => {
                        noticed.lost |= error.kind() != io::ErrorKind::WouldBlock;
                        return noticed;
                    }
                }
                for descriptor in gone {
                    self.folders.remove(&descriptor);
                }
                for (path, mask) in came {
                    if is_hidden(&path) {
                        continue;
                    }
                    if mask.contains(EventMask::ISDIR) {
                        self.follow(&path, &mut noticed);
                    } else if mask.intersects(EventMask::CLOSE_WRITE | EventMask::MOVED_TO) {
                        noticed.files.push(path);
                    }
                }
                if noticed.files.len() > MOST_FILES {
                    noticed.lost = true;
                    noticed.files.clear();
                }
            }
        }

        /// Asks for notices of a folder and those below it. The files that it has by then are noticed: they may have come
        /// before anybody looked.
        fn follow(&mut self, folder: &Path, noticed: &mut Noticed) {
            let mut open = vec![folder.to_owned()];
            while let Some(folder) = open.pop() {
                let wanted = WatchMask::CLOSE_WRITE
                    | WatchMask::MOVED_TO
                    | WatchMask::CREATE
                    | WatchMask::ONLYDIR
                    | WatchMask::DONT_FOLLOW;
                let added = (self.folders.len() < MOST_FOLDERS)
                    .then(|| self.inotify.watches().add(&folder, wanted).ok())
                    .flatten();
                if let Some(descriptor) = added {
                    self.folders.insert(descriptor, folder.clone());
                }
                let Ok(list) = std::fs::read_dir(&folder) else {
                    continue;
                };
                for entry in list.flatten() {
                    let path = entry.path();
                    match entry.file_type() {
                        _ if is_hidden(&path) => {}
                        Ok(kind) if kind.is_dir() => open.push(path),
                        Ok(kind) if kind.is_file() => noticed.files.push(path),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// Elsewhere the sweep is all there is.
#[cfg(not(target_os = "linux"))]
pub(super) struct Notices;

#[cfg(not(target_os = "linux"))]
impl Notices {
    /// `None`: this system gives no notices.
    pub(super) fn start(_root: &std::path::Path) -> Option<Self> {
        None
    }

    /// Nothing.
    pub(super) fn take(&mut self) -> Noticed {
        Noticed::default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_are_noticed_wherever_they_come() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("old/deep")).unwrap();
        fs::write(at("old/before"), "x").unwrap();
        let mut notices = Notices::start(root.path()).unwrap();
        let mut look = || {
            let mut noticed = notices.take();
            noticed.files.sort();
            noticed.files.dedup();
            assert!(!noticed.lost);
            noticed.files
        };
        assert_eq!(look(), Vec::<PathBuf>::new());
        fs::write(at("old/deep/a"), "x").unwrap();
        fs::write(at(".hidden"), "x").unwrap();
        assert_eq!(look(), [at("old/deep/a")]);
        fs::rename(at("old/deep/a"), at("b")).unwrap();
        assert_eq!(look(), [at("b")]);
        fs::create_dir_all(at("new/1/2")).unwrap();
        fs::write(at("new/1/2/c"), "x").unwrap();
        assert_eq!(look(), [at("new/1/2/c")]);
        fs::write(at("new/1/2/d"), "x").unwrap();
        fs::remove_dir_all(at("old")).unwrap();
        assert_eq!(look(), [at("new/1/2/d")]);
        assert!(Notices::start(&at("none")).is_none());
    }
}
