//! Signed heads of the audit trail while the server runs: one an hour, at the start and at a clean stop, when entries were
//! added; each is kept in the store and, where a file is named, appended to it.
//!
//! What fails is logged and tried again a minute later. Nothing of it stops care.

use crate::log::{self, Cause, Name};
use crate::web::App;
use crate::{audit, timekeeping};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tsumugi_records::{Store, StoreError, TreeHead};

/// How often a head is signed, and a failure that goes on is told.
const HOUR: Duration = Duration::from_secs(3600);
/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_secs(60);

/// The thread that signs heads.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts it; none, with a line in the log, when there is no thread for it.
    pub(crate) fn start(app: Arc<App>, file: Option<PathBuf>) -> Option<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut signer = Signer::new(&app.store, file, Instant::now());
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                signer.tend(&app.store, Instant::now());
            }
            signer.finish(&app.store, Instant::now());
        };
        match thread::Builder::new().name("heads".to_owned()).spawn(work) {
            Ok(thread) => Some(Self { stop, thread }),
            Err(error) => {
                log::error(
                    "no heads of the audit trail are signed",
                    &[("cause", &Cause::of_io(&error))],
                );
                None
            }
        }
    }

    /// Signs the last head and ends.
    pub(crate) fn finish(self) {
        drop(self.stop);
        // Where it died, that is in the log.
        let _ = self.thread.join();
    }
}

/// Random bytes of the operating system.
pub(crate) fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

/// Signs heads and appends them to the file.
#[derive(Debug)]
struct Signer {
    file: Option<PathBuf>,
    /// Heads that the file may not have yet.
    waiting: Vec<TreeHead>,
    /// When the next is signed.
    due: Instant,
    /// When the clock is looked at next.
    clock_due: Instant,
    /// When a failure was told last; none after a success.
    told: Option<Instant>,
}

impl Signer {
    /// Signs the first head, and brings the file up to the heads that the store has.
    fn new(store: &Store, file: Option<PathBuf>, now: Instant) -> Self {
        let mut signer = Self {
            file,
            waiting: Vec::new(),
            due: now,
            clock_due: now,
            told: None,
        };
        if signer.file.is_some() {
            match store.tree_heads() {
                Ok(heads) => signer.waiting = heads,
                Err(error) => signer.complain(now, &Cause::of_store(&error)),
            }
        }
        signer.tend(store, now);
        signer
    }

    /// Does what is due.
    fn tend(&mut self, store: &Store, now: Instant) {
        let mut failure = None;
        if now >= self.clock_due {
            self.clock_due = now + HOUR;
            timekeeping::tell(store);
        }
        if now >= self.due {
            match sign(store) {
                Ok(head) => {
                    self.due = now + HOUR;
                    if self.file.is_some() {
                        self.waiting.extend(head);
                    }
                }
                Err(error) => failure = Some(Cause::of_store(&error)),
            }
        }
        if let Some(file) = self.file.as_deref().filter(|_| !self.waiting.is_empty()) {
            match append(file, &self.waiting) {
                Ok(()) => self.waiting.clear(),
                Err(error) => failure = Some(Cause::of_io(&error)),
            }
        }
        match failure {
            Some(cause) => self.complain(now, &cause),
            None => self.told = None,
        }
    }

    /// As at the full hour, whatever the time.
    fn finish(&mut self, store: &Store, now: Instant) {
        self.due = now;
        self.told = None;
        self.tend(store, now);
    }

    /// Tells of a failure, and once an hour when it goes on.
    fn complain(&mut self, now: Instant, cause: &Cause) {
        if self
            .told
            .is_some_and(|told| now.saturating_duration_since(told) < HOUR)
        {
            return;
        }
        self.told = Some(now);
        let file = self
            .file
            .as_deref()
            .map_or(Name::of_path(Path::new("-")), Name::of_path);
        log::error(
            "a head of the audit trail was not signed or not exported; it is tried again every minute",
            &[("file", &file), ("cause", cause)],
        );
    }
}

/// Signs a head where entries came after the newest.
fn sign(store: &Store) -> Result<Option<TreeHead>, StoreError> {
    let size = store.audit_size()?;
    let signed = store.tree_heads()?.last().map_or(0, |head| head.size);
    if size < signed {
        log::error(
            "the audit trail is shorter than its newest head; run tsumugi audit verify",
            &[("entries", &size), ("signed", &signed)],
        );
    }
    if size <= signed {
        return Ok(None);
    }
    let key = store.audit_key(random_seed)?;
    let head = store.sign_tree_head(&key, &audit::now()?)?;
    log::info("a head of the audit trail was signed", &[("entries", &head.size)]);
    Ok(Some(head))
}

/// Appends the heads that a file does not have, a line each, and returns when they are on its disk. A line that an
/// earlier attempt left unfinished is ended, so that it spoils no other.
fn append(file: &Path, heads: &[TreeHead]) -> io::Result<()> {
    let there = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        // What may be appended to and not read is appended to.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => String::new(),
        Err(error) => return Err(error),
    };
    let mut lines = String::new();
    if !there.is_empty() && !there.ends_with('\n') {
        lines.push('\n');
    }
    for head in heads
        .iter()
        .filter(|head| !there.contains(&head.signature.to_string()))
    {
        lines += &serde_json::to_string(head)?;
        lines.push('\n');
    }
    let mut out = OpenOptions::new().append(true).create(true).open(file)?;
    if !lines.is_empty() {
        out.write_all(lines.as_bytes())?;
    }
    out.sync_all()?;
    if there.is_empty()
        && let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        // The name of a new file is kept by its folder. Shares that cannot do that keep the lines all the same.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsumugi_records::{AuditAgent, AuditEntry, AuditSource, AuditSubtype, KeyTrust};

    fn read_something(store: &Store) {
        let agent = AuditAgent {
            who: "u".to_owned(),
            name: None,
            role: None,
            on_behalf_of: None,
        };
        let source = AuditSource {
            site: None,
            observer: "tsumugi".to_owned(),
            address: None,
        };
        let entry = AuditEntry::new(audit::now().unwrap(), agent, AuditSubtype::Read, source);
        store.audit_read(&entry).unwrap();
    }

    fn exported(file: &Path) -> Vec<TreeHead> {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.ends_with('\n'));
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn sizes(file: &Path) -> Vec<u64> {
        exported(file).iter().map(|head| head.size).collect()
    }

    #[test]
    fn heads_are_signed_at_the_start_each_hour_and_at_the_stop_when_entries_came() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads.jsonl");
        let store = Store::open(folder.path().join("s.db")).unwrap();
        let begun = Instant::now();
        let mut signer = Signer::new(&store, Some(file.clone()), begun);
        assert!(!file.exists(), "nothing to sign");
        read_something(&store);
        signer.tend(&store, begun + HOUR / 2);
        assert_eq!(store.tree_heads().unwrap().len(), 0, "not due");
        signer.tend(&store, begun + HOUR);
        assert_eq!(sizes(&file), [1]);
        signer.tend(&store, begun + HOUR * 2);
        assert_eq!(sizes(&file), [1], "no entry came");
        read_something(&store);
        signer.finish(&store, begun + HOUR * 2 + LOOK);
        assert_eq!(sizes(&file), [1, 2]);
        // The next start has nothing to sign either, and does not repeat what the file has.
        read_something(&store);
        let again = Signer::new(&store, Some(file.clone()), begun);
        assert_eq!((sizes(&file), again.waiting.len()), (vec![1, 2, 3], 0));
        let report = store.verify_audit(&exported(&file), KeyTrust::AsCarried).unwrap();
        assert!(report.is_whole(), "{report:?}");
    }

    #[test]
    fn a_file_that_cannot_be_written_gets_the_heads_later() {
        let folder = tempfile::tempdir().unwrap();
        let share = folder.path().join("share");
        let file = share.join("heads.jsonl");
        let store = Store::open(folder.path().join("s.db")).unwrap();
        read_something(&store);
        let begun = Instant::now();
        let mut signer = Signer::new(&store, Some(file.clone()), begun);
        assert_eq!((store.tree_heads().unwrap().len(), signer.waiting.len()), (1, 1));
        assert!(signer.told.is_some());
        std::fs::create_dir(&share).unwrap();
        signer.tend(&store, begun + LOOK);
        assert_eq!(
            (sizes(&file), signer.waiting.len(), signer.told),
            (vec![1], 0, None)
        );
    }

    #[test]
    fn a_line_that_was_left_unfinished_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("heads.jsonl");
        std::fs::write(&file, "{\"size\":1,\"ro").unwrap();
        let store = Store::open_in_memory().unwrap();
        read_something(&store);
        Signer::new(&store, Some(file.clone()), Instant::now());
        assert_eq!(sizes(&file), [1]);
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_may_read_is_not_used_and_told() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("s.db")).unwrap();
        read_something(&store);
        let key = store.audit_key_path();
        std::fs::write(&key, "x").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let begun = Instant::now();
        let mut signer = Signer::new(&store, None, begun);
        assert!(signer.told.is_some() && store.tree_heads().unwrap().is_empty());
        std::fs::remove_file(&key).unwrap();
        signer.tend(&store, begun + LOOK);
        assert_eq!(store.tree_heads().unwrap().len(), 1);
    }
}
