//! The cards that were shown lately, so that what comes back about a card can be kept with what it said.
//!
//! In memory only, and bounded: what comes back after a restart is kept with the id of the card alone.

use super::card::Card;
use super::request::Request;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Most cards that are remembered.
const MOST: usize = 4_096;

/// A card that was shown, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownCard {
    pub(crate) uuid: String,
    /// Id of the calling of the hook.
    pub(crate) instance: String,
    pub(crate) user: String,
    pub(crate) patient: String,
    pub(crate) topic: String,
    pub(crate) summary: String,
    pub(crate) indicator: &'static str,
    /// Concepts that the card is about: the drug, and what speaks against it.
    pub(crate) about: Vec<String>,
    /// Ids of the suggestions, with their labels.
    pub(crate) suggestions: Vec<(String, String)>,
}

/// The cards, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<VecDeque<ShownCard>>);

impl Shown {
    /// Remembers the cards of an answer.
    pub(crate) fn remember(&self, request: &Request<'_>, cards: &[Card]) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for card in cards {
            if shown.len() >= MOST {
                shown.pop_front();
            }
            let suggestions = card.suggestions.iter();
            shown.push_back(ShownCard {
                uuid: card.uuid.clone(),
                instance: request.instance.to_owned(),
                user: request.user.to_owned(),
                patient: request.patient.to_owned(),
                topic: card.topic.to_owned(),
                summary: card.summary.clone(),
                indicator: card.indicator.word(),
                about: card.about.clone(),
                suggestions: suggestions
                    .map(|own| (own.uuid.clone(), own.label.clone()))
                    .collect(),
            });
        }
    }

    /// The card with an id, where it is still remembered.
    pub(crate) fn card(&self, uuid: &str) -> Option<ShownCard> {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown
            .iter()
            .rev()
            .find(|card| card.uuid.eq_ignore_ascii_case(uuid))
            .cloned()
    }
}
