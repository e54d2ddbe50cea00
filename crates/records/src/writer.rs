//! The one writer: a thread that commits what waits together, and answers only when it is durable.
//!
//! A commit costs one sync of the disk, however much is in it. So whoever waits while a commit runs shares the next
//! one. Each has its savepoint: what fails is undone alone. Where the disk is full, the transaction of all is lost;
//! then each is tried again by itself, so that a large note does not fail a small one.

use crate::derived::{self, Derived};
use crate::errors::StoreError;
use rusqlite::Connection;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

/// Most commands in one commit.
const MAX_BATCH: usize = 128;
/// Most commands that wait; more senders than that are held up.
const MAX_WAITING: usize = 1024;

/// What the writer did since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterCounts {
    /// Transactions committed.
    pub commits: u64,
    /// Commands carried out in them, failed ones included.
    pub commands: u64,
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Box<dyn Task>>>,
    derived: Arc<OnceLock<Arc<dyn Derived>>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    commands: AtomicU64,
}

/// Work that was sent, and its outcome to come.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    place: &'static str,
    answer: Receiver<Result<T, StoreError>>,
}

/// Which try of a command it is, in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// All of it at once.
    First,
    /// After the first left nothing: with care for each part.
    Second,
}

/// A command on its way: it can be run again when the transaction around it was lost.
trait Task: Send {
    /// Does the work and keeps its outcome; tells why it failed.
    fn run(&mut self, conn: &Connection, attempt: Attempt) -> Option<StoreError>;
    /// Whether it is tried in another way after this failure.
    fn has_second(&self, error: &StoreError) -> bool;
    /// Replaces a success that was not kept.
    fn fail(&mut self, error: &StoreError);
    /// Answers the caller.
    fn reply(self: Box<Self>);
}

struct Command<T, F> {
    place: &'static str,
    work: F,
    second: fn(&StoreError) -> bool,
    outcome: Option<Result<T, StoreError>>,
    caller: SyncSender<Result<T, StoreError>>,
}

impl Writer {
    /// Starts the thread, which owns the connection until the writer is dropped.
    pub(crate) fn start(conn: Connection) -> Result<Self, StoreError> {
        let (queue, waiting) = sync_channel(MAX_WAITING);
        let counts = Arc::new(Counters::default());
        let shared = Arc::clone(&counts);
        let derived: Arc<OnceLock<Arc<dyn Derived>>> = Arc::default();
        let follows = Arc::clone(&derived);
        let thread = thread::Builder::new()
            .name("records-writer".to_owned())
            .spawn(move || serve(&conn, &waiting, &shared, &follows))
            .map_err(|error| StoreError::Io {
                place: "writer".to_owned(),
                detail: error.to_string(),
            })?;
        Ok(Self {
            queue: Some(queue),
            derived,
            thread: Some(thread),
            counts,
        })
    }

    /// Lets something follow every change, in its transaction; what was set first stays.
    pub(crate) fn follow(&self, derived: Arc<dyn Derived>) {
        // Whoever came first follows already.
        let _ = self.derived.set(derived);
    }

    /// Sends work, which the next commit holds. `work` may run more than once; after an error for which `second` holds it
    /// is undone and tried a second time.
    pub(crate) fn send<T, F>(
        &self,
        place: &'static str,
        second: fn(&StoreError) -> bool,
        work: F,
    ) -> Result<Pending<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection, Attempt) -> Result<T, StoreError> + Send + 'static,
    {
        let closed = || closed(place);
        let (caller, answer) = sync_channel(1);
        let command = Command {
            place,
            work,
            second,
            outcome: None,
            caller,
        };
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue.send(Box::new(command)).map_err(|_| closed())?;
        Ok(Pending { place, answer })
    }

    pub(crate) fn counts(&self) -> WriterCounts {
        WriterCounts {
            commits: self.counts.commits.load(Ordering::Relaxed),
            commands: self.counts.commands.load(Ordering::Relaxed),
        }
    }
}

impl<T> Pending<T> {
    /// Waits until the commit that holds the work is durable.
    pub(crate) fn wait(self) -> Result<T, StoreError> {
        self.answer.recv().map_err(|_| closed(self.place))?
    }
}

fn closed(place: &str) -> StoreError {
    StoreError::Closed {
        place: place.to_owned(),
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // The thread answers all that wait and closes the file; if it died, its callers were told.
            let _ = thread.join();
        }
    }
}

impl<T, F> Task for Command<T, F>
where
    T: Send,
    F: Fn(&Connection, Attempt) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, conn: &Connection, attempt: Attempt) -> Option<StoreError> {
        let outcome = (self.work)(conn, attempt).map_err(|error| error.at(self.place));
        self.outcome.insert(outcome).as_ref().err().cloned()
    }

    fn has_second(&self, error: &StoreError) -> bool {
        (self.second)(error)
    }

    fn fail(&mut self, error: &StoreError) {
        if !matches!(self.outcome, Some(Err(_))) {
            self.outcome = Some(Err(error.clone().at(self.place)));
        }
    }

    fn reply(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // A caller that went away does not need the answer.
            let _ = self.caller.send(outcome);
        }
    }
}

/// The connection, and what follows every change.
type Following<'f> = (&'f Connection, Option<&'f Arc<dyn Derived>>);

fn serve(
    conn: &Connection,
    waiting: &Receiver<Box<dyn Task>>,
    counts: &Counters,
    derived: &OnceLock<Arc<dyn Derived>>,
) {
    let mut halted: Option<StoreError> = None;
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        if let Some(error) = &halted {
            for task in &mut batch {
                task.fail(error);
            }
        } else {
            // After a failed sync the system may hold as kept what is not on the disk, so nothing more is accepted.
            halted = commit((conn, derived.get()), &mut batch, counts)
                .err()
                .filter(StoreError::breaks_promises);
        }
        for task in batch {
            task.reply();
        }
    }
}

/// Commits all tasks together, or one by one where there is no room for all.
fn commit(conn: Following<'_>, batch: &mut [Box<dyn Task>], counts: &Counters) -> Result<(), StoreError> {
    let Err(error) = transaction(conn, batch, counts) else {
        return Ok(());
    };
    if batch.len() == 1 || !matches!(error, StoreError::Full { .. }) {
        for task in batch {
            task.fail(&error);
        }
        return Err(error);
    }
    let mut broken = Ok(());
    for task in batch {
        let kept = broken
            .clone()
            .and_then(|()| transaction(conn, slice::from_mut(task), counts));
        if let Err(error) = kept {
            task.fail(&error);
            if error.breaks_promises() {
                broken = Err(error);
            }
        }
    }
    broken
}

fn transaction(
    following: Following<'_>,
    batch: &mut [Box<dyn Task>],
    counts: &Counters,
) -> Result<(), StoreError> {
    let (conn, _) = following;
    let outcome = in_savepoints(following, batch);
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    outcome?;
    counts.commits.fetch_add(1, Ordering::Relaxed);
    counts.commands.fetch_add(batch.len() as u64, Ordering::Relaxed);
    Ok(())
}

/// Runs each task in its savepoint. A task that is alone needs none: where SQLite holds a savepoint it walks its journal of
/// pages at the end of each statement, which was two thirds of the time of a large batch.
fn in_savepoints((conn, derived): Following<'_>, batch: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
    let alone = batch.len() == 1;
    let (begin, undo, end) = if alone {
        ("", "ROLLBACK; BEGIN IMMEDIATE", "")
    } else {
        ("SAVEPOINT command", "ROLLBACK TO command", "RELEASE command")
    };
    conn.execute_batch("BEGIN IMMEDIATE")?;
    for task in batch {
        conn.execute_batch(begin)?;
        for attempt in [Attempt::First, Attempt::Second] {
            let failed = task.run(conn, attempt).or_else(|| {
                // What follows from a change is part of it: both are kept, or neither.
                let error = derived.and_then(|derived| derived::settle_own(conn, derived.as_ref()).err())?;
                task.fail(&error);
                Some(error)
            });
            let Some(error) = failed else {
                break;
            };
            if conn.is_autocommit() {
                // The database gave up the whole transaction, which it does when the disk is full or failing.
                return Err(error);
            }
            conn.execute_batch(undo)?;
            if !task.has_second(&error) {
                break;
            }
        }
        conn.execute_batch(end)?;
    }
    conn.execute_batch("COMMIT")?;
    Ok(())
}

#[cfg(test)]
mod tests;
