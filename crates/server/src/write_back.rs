//! Signed notes go back to the hospital's record, so that nobody types them twice: as documents of an SS-MIX2 extended
//! storage, or as HL7 MDM messages that the other side acknowledges.
//!
//! What waits is in the store from the transaction of the signature on ([`tsumugi_records::Store::due_deliveries`]), so that
//! neither a stop nor a broken connection loses a note. A note goes when it is confirmed, and again when it has a new
//! version. What the other side refuses for good (AE) is listed and not sent again by itself; all else is tried again, later
//! each time.

mod mdm;
mod storage;
#[cfg(test)]
mod tests;

use crate::commands::remark;
use crate::log::{self, Cause};
use crate::web::App;
use crate::{audit, chart};
use anyhow::{Context as _, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tsumugi_exchange::hl7v2::Document;
use tsumugi_exchange::incoming::Person;
use tsumugi_exchange::outgoing::Kinds;
use tsumugi_records::{
    AuditEntity, AuditSubtype, ConfirmationRecord, ConfirmationStep, Decision, DeliveryOutcome,
    DeliveryRecord, DocumentId, DocumentVersion, DueDelivery, Stamp, Store,
};

/// Who sends, as the audit trail and the attempts name it.
const AUTHOR: &str = "write-back";
/// How often it is looked whether something waits.
const LOOK: Duration = Duration::from_secs(2);
/// The wait after a first failure of a note, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Notes that are sent in one look.
const AT_ONCE: u32 = 100;
/// Longest answer that is kept, in characters.
const LONGEST_ANSWER: usize = 500;

/// Where the original of the record is: kept among the site's decisions.
const TOPIC: &str = "site";
const SUBJECT: &str = "original";

/// Which record is the original (原本).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Original {
    /// This one.
    Tsumugi,
    /// The hospital's record; what is signed here is the source of what stands there.
    Hospital,
}

impl Original {
    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tsumugi => "tsumugi",
            Self::Hospital => "hospital",
        }
    }
}

/// Which record is the original, as the site said; none where it has not said.
///
/// # Errors
/// When the store fails.
pub(crate) fn original(store: &Store) -> anyhow::Result<Option<Original>> {
    let said = store.decisions(TOPIC, Some(SUBJECT))?.pop();
    Ok(said.and_then(|one| match one.body.as_str() {
        "tsumugi" => Some(Original::Tsumugi),
        "hospital" => Some(Original::Hospital),
        _ => None,
    }))
}

/// Keeps which record is the original, where that is new.
///
/// # Errors
/// When the store fails.
pub(crate) fn decide(store: &Store, said: Option<Original>) -> anyhow::Result<()> {
    let Some(said) = said else { return Ok(()) };
    if original(store)? == Some(said) {
        return Ok(());
    }
    let entry = audit::of_name("server", AuditSubtype::PolicyChange)?;
    store.audited(entry).decide(Decision {
        topic: TOPIC.to_owned(),
        subject: SUBJECT.to_owned(),
        body: said.word().to_owned(),
        stamp: stamp("server"),
    })?;
    Ok(())
}

fn stamp(author: &str) -> Stamp {
    Stamp {
        author: author.to_owned(),
        at: chart::moment(chart::now()),
    }
}

/// One place to which signed notes go.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The root of an SS-MIX2 extended storage.
    Storage(PathBuf),
    /// A port for HL7 messages.
    Mdm(mdm::Peer),
}

impl Target {
    /// Reads `ssmix2:DIR` or `mdm:HOST:PORT`; `roots` are the certificates that a peer on the network is believed by.
    ///
    /// # Errors
    /// When the folder is not there, the address is none, or a peer that is not this machine has no TLS.
    pub(crate) fn parse(text: &str, roots: Option<&std::path::Path>) -> anyhow::Result<Self> {
        match text.split_once(':') {
            Some(("ssmix2", folder)) => {
                let folder = PathBuf::from(folder);
                if !folder.is_dir() {
                    bail!(
                        "--write-back {text}: there is no such folder; name the root of the extended storage"
                    );
                }
                Ok(Self::Storage(folder))
            }
            Some(("mdm", peer)) => Ok(Self::Mdm(
                mdm::Peer::parse(peer, roots).with_context(|| format!("--write-back {text}"))?,
            )),
            _ => bail!("--write-back {text}: ssmix2:DIR or mdm:HOST:PORT is wanted"),
        }
    }

    /// Its name in the store.
    fn name(&self) -> String {
        match self {
            Self::Storage(folder) => format!("ssmix2:{}", folder.display()),
            Self::Mdm(peer) => format!("mdm:{peer}"),
        }
    }

    /// Gives a document away.
    fn send(&self, document: &Document, before: Option<&str>) -> Sent {
        match self {
            Self::Storage(folder) => storage::put(folder, document, before),
            Self::Mdm(peer) => peer.send(document),
        }
    }
}

/// How it went.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    outcome: DeliveryOutcome,
    answer: String,
}

impl Sent {
    fn new(outcome: DeliveryOutcome, answer: impl Into<String>) -> Self {
        let answer: String = answer.into();
        Self {
            outcome,
            answer: answer.chars().take(LONGEST_ANSWER).collect(),
        }
    }
}

/// The threads that send, one a target.
#[derive(Debug)]
pub(crate) struct Senders(Vec<(Sender<()>, JoinHandle<()>)>);

impl Senders {
    /// Names the targets and starts their threads.
    ///
    /// # Errors
    /// When the store fails, or there are no threads.
    pub(crate) fn start(
        app: &Arc<App>,
        targets: Vec<Target>,
        facility: Option<&str>,
    ) -> anyhow::Result<Self> {
        let mut threads = Vec::new();
        for target in targets {
            app.store.deliver_to(target.name(), stamp(AUTHOR))?;
            remark(&format!("signed notes go back to {}", target.name()));
            let (stop, stopped) = channel();
            let app = Arc::clone(app);
            let accounts = Arc::clone(&app);
            let names = move |account: &str| {
                let name = accounts.gate.person(account);
                name.unwrap_or_else(|| account.to_owned())
            };
            let facility = facility.unwrap_or_default().to_owned();
            let mut worker = Worker::new(target, facility, Box::new(names));
            let work = move || {
                while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if let Err(error) = worker.look(&app.store, Instant::now()) {
                        log::error(
                            "signed notes wait for the hospital's record; it is tried again",
                            &[("cause", &Cause::of(&error))],
                        );
                    }
                }
            };
            let thread = std::thread::Builder::new()
                .name("write-back".to_owned())
                .spawn(work)
                .context("no thread to send notes")?;
            threads.push((stop, thread));
        }
        Ok(Self(threads))
    }

    /// Ends them; what is being sent is finished first.
    pub(crate) fn finish(self) {
        for (stop, thread) in self.0 {
            drop(stop);
            // One that panicked has said so in the log.
            let _ = thread.join();
        }
    }
}

/// Gives the name of an account.
type Names = Box<dyn Fn(&str) -> String + Send>;

/// Sends to one target.
struct Worker {
    target: Target,
    name: String,
    facility: String,
    kinds: Kinds,
    /// The name of an account.
    names: Names,
    /// Notes that failed: when each is tried again.
    waits: BTreeMap<DocumentId, Instant>,
}

impl Worker {
    fn new(target: Target, facility: String, names: Names) -> Self {
        Self {
            name: target.name(),
            target,
            facility,
            kinds: Kinds::embedded(),
            names,
            waits: BTreeMap::new(),
        }
    }

    /// Sends what waits. After a failure the others wait too: the other side is most likely away.
    ///
    /// # Errors
    /// When the store fails; then what was sent may be sent again, under the same number.
    fn look(&mut self, store: &Store, now: Instant) -> anyhow::Result<()> {
        for due in store.due_deliveries(&self.name, AT_ONCE)? {
            if self.waits.get(&due.document).is_some_and(|until| *until > now) {
                continue;
            }
            let outcome = self.send(store, &due)?;
            if outcome == DeliveryOutcome::Failed {
                let doubled = FIRST_WAIT.saturating_mul(1 << due.attempts.min(16));
                self.waits.insert(due.document, now + doubled.min(LONGEST_WAIT));
                break;
            }
            self.waits.remove(&due.document);
        }
        Ok(())
    }

    fn send(&self, store: &Store, due: &DueDelivery) -> anyhow::Result<DeliveryOutcome> {
        let versions = store.document_versions(due.document)?;
        let version = versions.iter().find(|version| version.version == due.version);
        let version = version.context("a version that waits is not there")?;
        let document = match self.document(store, version, due)? {
            Ok(document) => document,
            Err(why) => {
                return self.note_down(
                    store,
                    due,
                    (String::new(), Sent::new(DeliveryOutcome::Refused, why)),
                );
            }
        };
        let mut entry = audit::of_name(AUTHOR, AuditSubtype::Export)?;
        entry.patient = Some(version.patient);
        entry.entities.push(AuditEntity::Document {
            document: version.document,
            version: Some(version.version),
            digest: None,
        });
        // The entry is durable before anything leaves.
        store.audit_read(&entry)?;
        let before = due.before.as_ref().map(|before| before.answer.as_str());
        let sent = self.target.send(&document, before);
        self.note_down(store, due, (document.control_id, sent))
    }

    fn note_down(
        &self,
        store: &Store,
        due: &DueDelivery,
        (control, sent): (String, Sent),
    ) -> anyhow::Result<DeliveryOutcome> {
        if sent.outcome != DeliveryOutcome::Delivered {
            log::warn(
                "a signed note did not reach the hospital's record; see `tsumugi write-back list`",
                &[("document", &due.document.get())],
            );
        }
        store.note_delivery(DeliveryRecord {
            target: self.name.clone(),
            document: due.document,
            version: due.version,
            outcome: sent.outcome,
            control,
            answer: sent.answer,
            stamp: stamp(AUTHOR),
        })?;
        Ok(sent.outcome)
    }

    /// The note as the other side takes it, or why it cannot go. Its number, and in a storage its path, is the same at each
    /// attempt, so that one that came twice is kept once.
    fn document(
        &self,
        store: &Store,
        version: &DocumentVersion,
        due: &DueDelivery,
    ) -> anyhow::Result<Result<Document, String>> {
        // A record that was linked is the other one's to the hospital too.
        let details = store.patient(store.read_under(version.patient)?)?.details;
        if details.number.contains('@') {
            let why = "the record has a number of another issuer only; link it with the hospital's own";
            return Ok(Err(why.to_owned()));
        }
        // Who answers for it: of a note that was entered on behalf of a physician, who confirmed it.
        let steps = store.confirmations(version.document)?;
        let is_it = |step: &&ConfirmationRecord| {
            step.version == version.version && step.step == ConfirmationStep::Confirmed
        };
        let confirmed = steps.iter().rfind(is_it).map(|step| step.stamp.author.clone());
        let answerable = confirmed.unwrap_or_else(|| version.author.clone());
        let (kind, title) = self
            .kinds
            .of(&version.kind)
            .cloned()
            .context("exchange/write_back.tsv has no row for a progress note")?;
        let number = |number: u32| format!("TSUMUGI-{}-{number}", version.document.get());
        let signed = version.signed_at.civil();
        Ok(Ok(Document {
            person: Person {
                issuer: self.facility.clone(),
                number: details.number,
                name: Some(details.name).filter(|name| !name.is_empty()),
                kana: Some(details.kana).filter(|kana| !kana.is_empty()),
                sex: Some(details.sex),
                birth_date: details.birth_date,
                other_numbers: Vec::new(),
            },
            number: number(version.version),
            replaces: due.before.as_ref().map(|before| number(before.version)),
            kind,
            title,
            author: {
                let name = (self.names)(&answerable);
                (answerable, name)
            },
            written: version.written_at.civil(),
            sent: match self.target {
                Target::Storage(_) => signed,
                Target::Mdm(_) => chart::now(),
            },
            control_id: format!("T{}V{}", version.document.get(), version.version),
            facility: self.facility.clone(),
            text: version.text.clone(),
        }))
    }
}
