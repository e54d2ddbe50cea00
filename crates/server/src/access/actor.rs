//! Who asks, and what the policy says to it.

use super::standing::Standing;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tsumugi_access::{
    Action, ActiveSession, Decision, DocumentFacts, Filter, Policy, Request, Resource, Subject, User,
};
use tsumugi_records::{DocumentHead, DocumentId};

/// From where a request came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Network address of the browser.
    pub(crate) address: Option<String>,
    /// Id of the request, for the audit trail.
    pub(crate) request: Option<String>,
    /// The app that acts for the person.
    pub(crate) app: Option<String>,
}

/// Somebody who is signed in, at one request: the policy and the emergency accesses are those of its beginning.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    subject: Arc<Subject>,
    policy: Arc<Policy>,
    /// The session.
    pub(crate) session: ActiveSession,
    /// From where.
    pub(crate) origin: Origin,
    asked: Arc<AtomicBool>,
}

impl Actor {
    pub(super) fn new(subject: Subject, policy: Arc<Policy>, session: ActiveSession, origin: Origin) -> Self {
        Self {
            subject: Arc::new(subject),
            policy,
            session,
            origin,
            asked: Arc::default(),
        }
    }

    /// The person.
    pub(crate) fn user(&self) -> &User {
        &self.subject.user
    }

    /// As the policy sees the person.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The policy of this request.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether anything was asked in this request: an answer that tells of a record without that is withheld.
    pub(crate) fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Says that the answer of this request tells of no record.
    pub(crate) fn tells_of_no_record(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Asks the policy.
    pub(crate) fn ask(&self, action: Action, resource: Resource<'_>) -> Decision {
        self.asked.store(true, Ordering::Relaxed);
        self.policy.is_allowed(&Request {
            subject: &self.subject,
            action,
            resource,
        })
    }

    /// The same without an emergency access: for what would outlast it.
    pub(crate) fn ask_without_emergency(&self, action: Action, resource: Resource<'_>) -> Decision {
        self.asked.store(true, Ordering::Relaxed);
        let subject = Subject {
            emergencies: BTreeSet::new(),
            ..self.subject.as_ref().clone()
        };
        self.policy.is_allowed(&Request {
            subject: &subject,
            action,
            resource,
        })
    }

    /// Whether something may be done to the system as a whole.
    pub(crate) fn may(&self, action: Action) -> bool {
        self.ask(action, Resource::System).allowed
    }

    /// The filter of a list.
    pub(crate) fn filter(&self, action: Action) -> Filter<'_> {
        self.asked.store(true, Ordering::Relaxed);
        Filter::of(&self.policy, &self.subject, action)
    }

    /// Which notes of a patient may be used, and whether reports of other systems may.
    pub(crate) fn notes(
        &self,
        action: Action,
        standing: &Standing,
        heads: &BTreeMap<DocumentId, DocumentHead>,
    ) -> Notes {
        let mut filter = self.filter(action);
        let lets = |filter: &mut Filter<'_>, facts: Option<DocumentFacts>| {
            facts.is_some_and(|facts| filter.lets_document(&facts))
        };
        let reports = lets(&mut filter, standing.report());
        let documents: Vec<&DocumentHead> = heads
            .values()
            .filter(|head| lets(&mut filter, standing.document(head)))
            .collect();
        let unconfirmed = documents.iter().filter(|head| head.is_unconfirmed);
        Notes {
            unconfirmed: unconfirmed.map(|head| head.document).collect(),
            documents: documents.iter().map(|head| head.document).collect(),
            reports,
        }
    }
}

/// The notes of a patient that somebody may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Notes, those that nobody has confirmed yet among them.
    pub(crate) documents: BTreeSet<DocumentId>,
    /// Those that nobody has confirmed yet: they may be read, and are no base for anything.
    pub(crate) unconfirmed: BTreeSet<DocumentId>,
    /// Whether what other systems stated may be used.
    pub(crate) reports: bool,
}

/// The kind of note, in the words of the policy, of a kind as the store has it.
pub(crate) fn note_kind(stored: &str) -> &'static str {
    match stored {
        "nursing" => "nursing",
        "pharmacy" => "pharmacy",
        "rehabilitation" => "rehabilitation",
        "nutrition" => "nutrition",
        "report" => "report",
        "summary" | "discharge" => "summary",
        "letter" | "referral" => "letter",
        // Admission, consultation, emergency, outpatient, home visit, what a site calls otherwise.
        _ => "progress",
    }
}

/// The kind of note that a role writes.
pub(crate) fn kind_of_role(role: &str) -> &'static str {
    match role {
        "nurse" => "nursing",
        "pharmacist" => "pharmacy",
        "technologist" => "report",
        "therapist" => "rehabilitation",
        "dietitian" => "nutrition",
        "clerk" => "referral",
        // A scribe writes a physician's notes.
        _ => "progress",
    }
}
