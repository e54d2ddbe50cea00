//! Folders that are followed while the server runs: by the notices of the file system, and by a sweep again and again.
//!
//! A notice makes it prompt; network shares lose them, so that the sweep is needed anyway. A file is read when two looks
//! found it alike, so that one that is still being written is left for the next. What is there when the server starts is
//! read once more: what is known already is kept once.

use super::files::{Found, named, walk};
use super::notices::Notices;
use super::readers::{self, Read};
use super::report::Report;
use super::{Engine, Importer, Setting};
use crate::commands::import::read_file;
use crate::log::{self, Cause};
use crate::web::App;
use anyhow::{Context as _, bail};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};
use tsumugi_exchange::incoming::Standard;
use tsumugi_records::Population;

/// How often a watcher looks for notices, and whether it shall end.
const STEP: Duration = Duration::from_millis(200);

/// A folder that is watched, `DIR` or `DIR:STANDARD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Watched {
    folder: PathBuf,
    standard: Standard,
}

impl Watched {
    /// Reads what was given on the command line; without a standard it is an SS-MIX2 storage.
    ///
    /// # Errors
    /// When the folder is not there, or the standard unknown.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let named = text
            .rsplit_once(':')
            .and_then(|(folder, word)| Some((folder, readers::named(word)?)));
        let (folder, standard) = named.unwrap_or((text, Standard::Ssmix2));
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            bail!(
                "--watch {text}: there is no such folder; write DIR or DIR:STANDARD, where STANDARD is one of {}",
                readers::STANDARDS.map(|(word, _)| word).join(", ")
            );
        }
        Ok(Self { folder, standard })
    }
}

/// What a sweep knows of the files it saw: the hash of a name leads to the hash of size and time, and whether it was read.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    hasher: RandomState,
    files: HashMap<u64, (u64, bool)>,
}

impl Seen {
    /// Whether a file is to be read now: it is as it was a sweep ago, and was not read so.
    fn is_due(&mut self, path: &Path) -> bool {
        let Ok(found) = std::fs::metadata(path) else {
            return false;
        };
        let changed = found
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let state = self.hasher.hash_one((found.len(), changed));
        let known = self
            .files
            .entry(self.hasher.hash_one(path))
            .or_insert((!state, false));
        let is_alike = known.0 == state;
        if !is_alike {
            *known = (state, false);
        }
        is_alike && !known.1
    }

    /// Whether a file was read as it was at the last look.
    fn is_read(&self, path: &Path) -> bool {
        let known = self.files.get(&self.hasher.hash_one(path));
        known.is_some_and(|known| known.1)
    }

    /// Notes that a file was read as it is.
    fn was_read(&mut self, path: &Path) {
        if let Some(known) = self.files.get_mut(&self.hasher.hash_one(path)) {
            known.1 = true;
        }
    }
}

/// The watchers of a server.
#[derive(Debug)]
pub(crate) struct Watchers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Watchers {
    /// Starts a thread for each folder.
    ///
    /// # Errors
    /// When a standard has no reader, or there are no threads.
    pub(crate) fn start(
        app: &Arc<App>,
        folders: &[Watched],
        every: Duration,
        facility: Option<&str>,
    ) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for watched in folders {
            let read = readers::of(watched.standard);
            let (app, watched, stop) = (Arc::clone(app), watched.clone(), Arc::clone(&stop));
            let setting = Setting {
                standard: watched.standard,
                population: Population::Real,
                facility: facility.map(str::to_owned),
                way: "watch",
                author: "watch".to_owned(),
                address: None,
                patient: None,
                clock: None,
                replay_of: None,
            };
            let thread = std::thread::Builder::new()
                .name("import-watch".to_owned())
                .spawn(move || follow(&app, &watched.folder, &read, &setting, every, &stop))
                .context("no thread to watch a folder")?;
            threads.push(thread);
        }
        Ok(Self { stop, threads })
    }

    /// Ends the watchers; a batch that is open is closed first.
    pub(crate) fn finish(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked has said so in the log.
            let _ = thread.join();
        }
    }
}

fn follow(app: &App, folder: &Path, read: &Read, setting: &Setting, every: Duration, stop: &AtomicBool) {
    let mut seen = Seen::default();
    let stating = readers::stating();
    // Asked for before the first sweep, so that nothing comes between the two.
    let mut notices = Notices::start(folder);
    let mut fresh = Vec::new();
    let mut lost = true;
    let mut waited = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let engine = Engine {
            store: &app.store,
            coder: &app.coder,
            advice: &app.advice,
            stating: &*stating,
        };
        if lost || waited >= every {
            (lost, waited) = (false, Duration::ZERO);
            tell(sweep(engine, folder, read, setting, &mut seen, stop));
        }
        std::thread::sleep(STEP);
        waited += STEP;
        if let Some(notices) = &mut notices {
            let noticed = notices.take();
            lost = noticed.lost;
            fresh.extend(noticed.files);
            if !fresh.is_empty() {
                tell(prompt(
                    engine,
                    folder,
                    read,
                    setting,
                    (&mut seen, &mut fresh),
                    stop,
                ));
            }
        }
    }
}

/// Tells the log what became of a look.
fn tell(outcome: anyhow::Result<Report>) {
    match outcome {
        Ok(report) if report.rejected > 0 => log::error(
            "something in a watched folder was rejected; see `tsumugi dead-letters list`",
            &[("rejected", &report.rejected)],
        ),
        Ok(_) => {}
        Err(error) => log::error(
            "a watched folder could not be taken in; it is tried again",
            &[("cause", &Cause::of(&error))],
        ),
    }
}

/// Reads those of the noticed files that no longer change, and leaves the others in `fresh`.
///
/// # Errors
/// When the store fails; the sweep finds the files again.
fn prompt(
    engine: Engine<'_>,
    folder: &Path,
    read: &Read,
    setting: &Setting,
    (seen, fresh): (&mut Seen, &mut Vec<PathBuf>),
    stop: &AtomicBool,
) -> anyhow::Result<Report> {
    let mut importer = Importer::new(engine, setting.clone(), Some(stop));
    let mut taken = Vec::new();
    fresh.sort_unstable();
    fresh.dedup();
    let mut noticed = std::mem::take(fresh);
    noticed.retain(|path| path.is_file());
    for path in noticed {
        if !seen.is_due(&path) {
            if !seen.is_read(&path) {
                fresh.push(path);
            }
            continue;
        }
        let name = named(folder, &path);
        take(&mut importer, read, Found { path, name }, &mut taken)?;
    }
    finish(importer, seen, taken)
}

/// Closes the last batch; only what is durable counts as read.
fn finish(importer: Importer<'_>, seen: &mut Seen, taken: Vec<PathBuf>) -> anyhow::Result<Report> {
    let report = importer.finish()?;
    if !report.interrupted {
        for path in taken {
            seen.was_read(&path);
        }
    }
    Ok(report)
}

/// Looks through a folder once, and reads what is due.
///
/// # Errors
/// When the store fails; the files of the open batch are read again by the next sweep.
pub(crate) fn sweep(
    engine: Engine<'_>,
    folder: &Path,
    read: &Read,
    setting: &Setting,
    seen: &mut Seen,
    stop: &AtomicBool,
) -> anyhow::Result<Report> {
    let mut importer = Importer::new(engine, setting.clone(), Some(stop));
    let mut taken: Vec<PathBuf> = Vec::new();
    let mut failed = Ok(());
    walk(folder, &mut |found| {
        let outcome = match found {
            Ok(found) if seen.is_due(&found.path) => take(&mut importer, read, found, &mut taken),
            Ok(_) => Ok(()),
            Err((name, error)) => {
                importer.cannot_read(&name, &error);
                Ok(())
            }
        };
        failed = outcome;
        failed.is_ok() && !importer.is_stopped()
    });
    failed?;
    finish(importer, seen, taken)
}

fn take(
    importer: &mut Importer<'_>,
    read: &Read,
    found: Found,
    taken: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    // One that could not be read is tried again by the next sweep.
    if read_file(importer, read, &found)? {
        taken.push(found.path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::Advice;
    use tsumugi_coding::Coder;
    use tsumugi_records::Store;

    #[test]
    fn a_file_is_read_when_it_no_longer_changes_and_once() {
        let store = Store::open_in_memory().unwrap();
        let coder = Arc::new(Coder::embedded().unwrap());
        let advice = Advice::open(Arc::clone(&coder), &store).unwrap();
        let stating = readers::stating();
        let engine = Engine {
            store: &store,
            coder: &coder,
            advice: &advice,
            stating: &*stating,
        };
        let setting = Setting {
            standard: Standard::Fhir,
            population: Population::Real,
            facility: None,
            way: "watch",
            author: "watch".to_owned(),
            address: None,
            patient: None,
            clock: None,
            replay_of: None,
        };
        let (read, stop) = (readers::of(Standard::Fhir), AtomicBool::new(false));
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.ndjson");
        let mut seen = Seen::default();
        let mut look = || {
            let report = sweep(engine, root.path(), &read, &setting, &mut seen, &stop).unwrap();
            (report.files, report.records)
        };
        std::fs::write(&file, "{\"patient\":\"1\",\"key\":\"a\"}\n").unwrap();
        assert_eq!(look(), (0, 0));
        assert_eq!(look(), (1, 1));
        assert_eq!(look(), (0, 0));
        std::fs::write(
            &file,
            "{\"patient\":\"1\",\"key\":\"a\"}\n{\"patient\":\"1\",\"key\":\"b\"}\n",
        )
        .unwrap();
        assert_eq!(look(), (0, 0));
        assert_eq!(look(), (1, 1));
        assert_eq!(look(), (0, 0));
    }

    #[test]
    fn a_folder_is_named_with_its_standard() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().display().to_string();
        let standard = |text: &str| Watched::parse(text).map(|watched| watched.standard);
        assert_eq!(standard(&folder).unwrap(), Standard::Ssmix2);
        assert_eq!(standard(&format!("{folder}:hl7")).unwrap(), Standard::Hl7);
        for text in [format!("{folder}:pdf"), format!("{folder}/none:hl7")] {
            let error = standard(&text).unwrap_err().to_string();
            assert!(error.contains("ssmix2") && error.contains(&text), "{error}");
        }
    }
}
