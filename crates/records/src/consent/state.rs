//! What a person has said about a study, by replay of the log. No SQL.

use crate::consent::answer::{Answer, Guardian, Happening, Item, Respondent};
use crate::consent::study::TextHash;
use crate::stamp::Moment;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// An answer that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The answer.
    pub answer: Answer,
    /// The version of the text that it is about.
    pub text: TextHash,
    /// Who gave it.
    pub respondent: Respondent,
    /// When.
    pub at: Moment,
    /// The entry of the log.
    pub seq: u64,
}

/// What one record says about one study at an instant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PersonState {
    /// The answers that stand, of items that were answered.
    pub answers: BTreeMap<Item, Held>,
    /// When the person withdrew, with the entry; what was not answered since is refused.
    pub withdrawn: Option<(u64, Moment)>,
    /// Days on which the person was told.
    pub told: Vec<Date>,
    /// When the person was last asked.
    pub asked: Option<Moment>,
    /// Guardians, by id.
    pub guardians: BTreeMap<String, Guardian>,
}

/// Up to when the log is replayed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon<'h> {
    /// Entries after it do not count.
    pub(crate) at: &'h Moment,
    /// Whether refusals count whatever their time: for decisions, not for looking back.
    pub(crate) is_live: bool,
}

impl PersonState {
    /// Takes the next entry of the log.
    pub(crate) fn apply(&mut self, horizon: Horizon<'_>, seq: u64, at: &Moment, happening: &Happening) {
        let is_past = at <= horizon.at;
        if !is_past && !horizon.is_live {
            return;
        }
        match happening {
            Happening::Answered { text, answers, by } => {
                for (item, answer) in answers {
                    // A wrong clock must not put off a refusal.
                    if is_past || *answer != Answer::Yes {
                        let held = Held {
                            answer: *answer,
                            text: text.clone(),
                            respondent: by.respondent.clone(),
                            at: at.clone(),
                            seq,
                        };
                        self.answers.insert(item.clone(), held);
                    }
                }
            }
            Happening::Withdrawn { .. } => {
                self.answers.clear();
                self.withdrawn = Some((seq, at.clone()));
            }
            _ if !is_past => {}
            Happening::Told { .. } => self.told.push(at.civil().date()),
            Happening::Asked { .. } => self.asked = Some(at.clone()),
            Happening::GuardianNoted { guardian } => {
                self.guardians.insert(guardian.id.clone(), guardian.clone());
            }
            Happening::GuardianEnded { guardian } => {
                self.guardians.remove(guardian);
            }
            Happening::StudyChanged { .. } => {}
        }
    }

    /// The answer that stands for an item; "no" where the person withdrew and did not answer it since.
    pub(crate) fn answer(&self, item: &Item) -> Option<Answer> {
        match self.answers.get(item) {
            Some(held) => Some(held.answer),
            None => self.withdrawn.as_ref().map(|_| Answer::No),
        }
    }
}
