//! The row filter of lists: the same answers as asking Cedar for each row, at the cost of asking once a class of rows.
//!
//! There is no second copy of the rules. A row's facts are reduced to those that a rule can see for this user (see
//! `RecordClass::projected`); rows that are then the same are one class, and Cedar is asked about a class when its first
//! row comes. A hospital of a hundred thousand patients has some dozens of classes for a user.

use super::Policy;
use super::decide::RecordClass;
use super::facts::{Action, DocumentFacts, PatientFacts, Subject};
use std::collections::BTreeMap;

/// Most classes remembered; what comes after is asked each time.
const MOST_CLASSES: usize = 100_000;

/// What one user may do with the rows of a list. Make one for each list that is shown: it knows the policy, the user and
/// the emergency accesses as they were when it was made.
#[derive(Debug)]
pub struct Filter<'a> {
    policy: &'a Policy,
    subject: &'a Subject,
    action: Action,
    known: BTreeMap<RecordClass, bool>,
}

impl<'a> Filter<'a> {
    /// The filter of one user for one action, most often [`Action::Search`].
    pub fn of(policy: &'a Policy, subject: &'a Subject, action: Action) -> Self {
        Self {
            policy,
            subject,
            action,
            known: BTreeMap::new(),
        }
    }

    /// Whether a patient may be in the list.
    pub fn lets_patient(&mut self, patient: &PatientFacts) -> bool {
        let class = RecordClass::of_patient(self.subject, patient);
        self.lets(class)
    }

    /// Whether a note may be in the list.
    pub fn lets_document(&mut self, document: &DocumentFacts) -> bool {
        let class = RecordClass::of_document(self.subject, document);
        self.lets(class)
    }

    /// How many classes of rows Cedar was asked about.
    pub fn classes(&self) -> usize {
        self.known.len()
    }

    fn lets(&mut self, class: RecordClass) -> bool {
        let class = class.projected(self.subject, self.policy.literals());
        if let Some(known) = self.known.get(&class) {
            return *known;
        }
        let decision = self.policy.decide(self.subject, self.action, Some(&class));
        if self.known.len() < MOST_CLASSES {
            self.known.insert(class, decision.allowed);
        }
        decision.allowed
    }
}
