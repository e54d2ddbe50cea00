//! What other systems send, from a parser to the store: batches, texts through the engine, and the report.
//!
//! The parsers of `exchange` hand out statements and problems; each batch of them is one transaction of the store. A file
//! that was imported before is kept once, so an interrupted import is simply run again.
//!
//! | module | what |
//! |---|---|
//! | `readers` | which parser reads which standard, and what makes events of its resources |
//! | `convert` | a statement as the store takes it, its texts structured |
//! | `files` | walking the folders that were named |
//! | `letters` | dead letters, and reading them again |
//! | `report` | what is told at the end |
//! | `site` | the site as issuer of patients' numbers |
//! | `watch` | folders that are followed while the server runs |
//! | `notices` | what the file system says of them |
//! | `mllp` | HL7 messages over a connection, with their acknowledgements |

mod convert;
pub(crate) mod files;
pub(crate) mod letters;
pub(crate) mod mllp;
mod notices;
pub(crate) mod readers;
pub(crate) mod report;
pub(crate) mod site;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod watch;

use crate::advice::Advice;
use crate::audit;
use crate::chart;
use crate::log::{self, Cause};
use convert::Known;
use readers::{Origin, Read, Stating};
use report::Report;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use tsumugi_clinical::StructuredNote;
use tsumugi_coding::Coder;
use tsumugi_exchange::device::Clock;
use tsumugi_exchange::incoming::{Handed, Incoming, Place, Problem, Severity, Standard};
use tsumugi_records::{
    AuditSubtype, DeadLetterId, ItemReceipt, NewDeadLetter, PendingReceipt, Population, Receipt, Reception,
    ReceptionBatch, Stamp, Store,
};

/// Statements of one transaction.
const BATCH: usize = 200;
/// Bytes after which a batch is closed though it has fewer.
const BATCH_BYTES: usize = 16 << 20;

/// How an import is done.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The standard.
    pub(crate) standard: Standard,
    /// Into which population.
    pub(crate) population: Population,
    /// Issuer of this site's own numbers, where it was named.
    pub(crate) facility: Option<String>,
    /// By which door: `command`, `watch`, `mllp`, `http`, `replay`.
    pub(crate) way: &'static str,
    /// Who takes it in, as the audit trail names them.
    pub(crate) author: String,
    /// Network address it came from.
    pub(crate) address: Option<String>,
    /// Number of the patient, for sources that do not say whose they are.
    pub(crate) patient: Option<String>,
    /// What the clock of a device showed at a time that is known.
    pub(crate) clock: Option<Clock>,
    /// The dead letter that is read again; what is no statement stays that letter.
    pub(crate) replay_of: Option<DeadLetterId>,
}

impl Setting {
    /// The issuer as it is kept: empty where it is this site.
    fn own<'i>(&self, issuer: &'i str) -> &'i str {
        if self.facility.as_deref() == Some(issuer) {
            ""
        } else {
            issuer
        }
    }
}

/// What is needed of the program.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'e> {
    /// The store.
    pub(crate) store: &'e Store,
    /// The engine.
    pub(crate) coder: &'e Coder,
    /// Learns from what is signed.
    pub(crate) advice: &'e Advice,
    /// Makes events of resources.
    pub(crate) stating: &'e Stating,
}

/// An import under way.
pub(crate) struct Importer<'e> {
    engine: Engine<'e>,
    setting: Setting,
    waiting: Vec<Waiting>,
    /// The batch that is being written while the next is made ready.
    in_flight: Option<(PendingReceipt, Vec<Sent>)>,
    known: Known,
    bytes: usize,
    report: Report,
    stop: Option<&'e AtomicBool>,
    failed: Option<anyhow::Error>,
}

/// An item of the batch that is not closed yet.
struct Waiting {
    item: Reception,
    resources: u64,
    /// What the texts say, for learning.
    notes: Vec<StructuredNote>,
}

/// What the report needs of an item that is being written: number of resources, place, what its texts say.
type Sent = (u64, Place, Vec<StructuredNote>);

impl<'e> Importer<'e> {
    /// Begins an import; `stop` ends it at the next statement, all that came before being kept.
    pub(crate) fn new(engine: Engine<'e>, setting: Setting, stop: Option<&'e AtomicBool>) -> Self {
        Self {
            engine,
            setting,
            waiting: Vec::new(),
            in_flight: None,
            known: Known::default(),
            bytes: 0,
            report: Report::default(),
            stop,
            failed: None,
        }
    }

    /// Reads one source; gives whether it could be read to its end.
    ///
    /// # Errors
    /// When the store fails; what was acknowledged before is kept. A source that cannot be read is told in the report.
    pub(crate) fn read(&mut self, read: &Read, file: &str, input: &mut dyn BufRead) -> anyhow::Result<bool> {
        self.report.files += 1;
        let origin = Origin {
            file: file.to_owned(),
            patient: self.setting.patient.clone(),
            facility: self.setting.facility.clone(),
            clock: self.setting.clock,
        };
        let outcome = read(&origin, input, &mut |handed| self.take(handed));
        if let Err(error) = &outcome {
            self.cannot_read(file, error);
        }
        self.failed.take().map_or(Ok(outcome.is_ok()), Err)
    }

    /// Notes that a file cannot be read.
    pub(crate) fn cannot_read(&mut self, file: &str, error: &std::io::Error) {
        self.report.rejected += 1;
        self.report.tell(Problem {
            place: Place {
                file: file.to_owned(),
                ..Place::default()
            },
            severity: Severity::Error,
            code: "cannot-read",
            message: format!("{error}; see that the file is there and may be read, then import it again"),
        });
    }

    /// Whether the import was told to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Statements so far, for the progress bar.
    pub(crate) fn so_far(&self) -> u64 {
        self.report.accepted + self.report.rejected
    }

    /// Closes the last batch and gives the report.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn finish(mut self) -> anyhow::Result<Report> {
        self.flush()?;
        self.report.interrupted = self.is_stopped();
        Ok(self.report)
    }

    /// Closes the batch: when it returns, all of it is durable.
    ///
    /// # Errors
    /// When the store fails; nothing of the batch is kept then.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.send()?;
        self.settle()
    }

    /// Waits for the batch that is being written.
    fn settle(&mut self) -> anyhow::Result<()> {
        if let Some((pending, sent)) = self.in_flight.take() {
            let receipt = pending.wait()?;
            self.count(&receipt, sent);
        }
        Ok(())
    }

    /// Closes the batch and has it written while the next is made ready; the one before is durable then.
    fn send(&mut self) -> anyhow::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let (mut items, mut sent) = (Vec::new(), Vec::new());
        for one in waiting {
            sent.push((one.resources, place_of(&one.item), one.notes));
            items.push(one.item);
        }
        let setting = &self.setting;
        let mut entry = audit::of_name(&setting.author, AuditSubtype::Create)?;
        entry.address.clone_from(&setting.address);
        let batch = ReceptionBatch {
            population: setting.population,
            standard: readers::word(setting.standard).to_owned(),
            way: setting.way.to_owned(),
            facility: setting.facility.clone(),
            replay_of: setting.replay_of,
            stamp: self.stamp(),
            entry: Some(entry),
            items,
        };
        self.settle()?;
        self.in_flight = Some((self.engine.store.receive_later(batch)?, sent));
        Ok(())
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            author: self.setting.author.clone(),
            at: chart::moment(chart::now()),
        }
    }

    fn count(&mut self, receipt: &Receipt, sent: Vec<Sent>) {
        for (item, (resources, place, notes)) in receipt.items.iter().zip(sent) {
            match item {
                ItemReceipt::Kept(kept) => {
                    self.report.accepted += 1;
                    if kept.repeated {
                        self.report.repeated += 1;
                        continue;
                    }
                    self.report.records += 1;
                    self.report.resources += resources;
                    self.report.events += kept.events;
                    if kept.documents.len() == notes.len() {
                        self.learn(kept, &notes);
                    }
                }
                ItemReceipt::Dead(..) => self.report.rejected += 1,
                ItemReceipt::Refused(_, why) => {
                    self.report.rejected += 1;
                    self.report.tell(Problem {
                        place,
                        severity: Severity::Error,
                        code: "not-kept",
                        message: why.clone(),
                    });
                }
            }
        }
    }

    /// Notes down what signed texts teach. They are signed whether this works or not.
    fn learn(&self, kept: &tsumugi_records::StatementReceipt, notes: &[StructuredNote]) {
        let engine = self.engine;
        for ((document, _), note) in kept.documents.iter().zip(notes) {
            let learned = engine.store.patient(kept.patient).map_err(anyhow::Error::from);
            let learned = learned.and_then(|patient| {
                engine
                    .advice
                    .note_down(engine.store, &self.setting.author, &patient, *document, note)
            });
            if let Err(error) = learned {
                log::error(
                    "an imported text is signed, and nothing was learned from it",
                    &[("cause", &Cause::of(&error))],
                );
            }
        }
    }

    /// Takes what a parser hands out; `false` stops the parser.
    fn take(&mut self, handed: Handed) -> bool {
        if self.is_stopped() || self.failed.is_some() {
            return false;
        }
        let taken = match handed {
            Handed::Problem(problem) => {
                self.report.tell(problem);
                Ok(())
            }
            Handed::Dead { problem, bytes } => self.bury(problem, bytes),
            Handed::Statement(incoming) => self.state(*incoming),
        };
        self.failed = taken.err();
        self.failed.is_none()
    }

    fn bury(&mut self, problem: Problem, bytes: Vec<u8>) -> anyhow::Result<()> {
        let letter = NewDeadLetter {
            place: convert::place(&problem.place),
            code: problem.code.to_owned(),
            problem: serde_json::to_string(&problem)?,
            bytes,
        };
        self.report.tell(problem);
        if self.setting.replay_of.is_some() {
            self.report.rejected += 1;
            return Ok(());
        }
        self.bytes += letter.bytes.len();
        self.wait(Waiting {
            item: Reception::Dead(letter),
            resources: 0,
            notes: Vec::new(),
        })
    }

    fn state(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        let person = (&incoming.person.issuer, &incoming.person.number);
        let is_waiting = |one: &Waiting| match &one.item {
            Reception::Statement(earlier) => (&earlier.person.issuer, &earlier.person.number) == person,
            Reception::Dead(_) => false,
        };
        if !incoming.texts.is_empty() {
            // A text is read knowing what was stated of the person before it.
            if self.waiting.iter().any(is_waiting) {
                self.send()?;
            }
            self.settle()?;
        }
        let (statement, notes, problems) = convert::statement(
            self.engine,
            &self.setting,
            (&self.stamp(), &mut self.known),
            incoming,
        )?;
        for problem in problems {
            self.report.tell(problem);
        }
        self.bytes += statement.bytes.len();
        let resources = statement.resources.len() as u64;
        self.wait(Waiting {
            item: Reception::Statement(Box::new(statement)),
            resources,
            notes,
        })
    }

    fn wait(&mut self, one: Waiting) -> anyhow::Result<()> {
        self.waiting.push(one);
        if self.waiting.len() >= BATCH || self.bytes >= BATCH_BYTES {
            self.send()?;
        }
        Ok(())
    }
}

fn place_of(item: &Reception) -> Place {
    let place = match item {
        Reception::Statement(statement) => &statement.place,
        Reception::Dead(letter) => &letter.place,
    };
    Place {
        file: place.file.clone(),
        line: place.line,
        field: place.field.clone(),
    }
}
