//! What was written before: which phrase followed which, and how often and how lately.
//!
//! A phrase is foretold by the two before it, each taken by its concept where it has one, so that 発熱 and 熱発 foretell
//! the same. Counts fade with the notes that follow. Memory is bounded: the faintest half is forgotten when it is full.

use crate::fold::fold;
use crate::unit::Unit;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Followers that are kept.
const MOST_FOLLOWERS: usize = 200_000;
/// A count is worth half after so many notes.
const HALF_LIFE: f32 = 400.0;
/// Units of a note, about.
const UNITS_A_NOTE: f64 = 60.0;
/// Longest phrase that is kept, in characters.
const LONGEST: usize = 40;
/// Stands for no phrase before.
const NOTHING: u32 = u32::MAX;
/// The form of the bytes.
const FORM: u8 = 1;

/// Why bytes are no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// They are of another version.
    #[error("the history has form {0}, form {FORM} wanted")]
    Form(u8),
    /// They are broken.
    #[error("the history cannot be read: {0}")]
    Broken(#[from] postcard::Error),
}

/// A phrase that was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Phrase {
    pub(crate) unit: Unit,
    /// How it sounds, in the letters of romaji; empty where that is not known.
    sound: String,
    /// What it is for the phrases that follow.
    class: u32,
    /// Notes that hold it.
    pub(crate) notes: u32,
    /// The last of them.
    last: u32,
}

/// A count that fades.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Count {
    value: f32,
    tick: u32,
}

impl Count {
    fn at(self, now: u32) -> f32 {
        self.value * (-(now.saturating_sub(self.tick) as f32) / HALF_LIFE).exp2()
    }
}

/// Followers of a context: (class before the last, class of the last, phrase).
type Followers = BTreeMap<(u32, u32, u32), Count>;

/// What one person, or a ward, has written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    kept: Kept,
    /// Phrases by surface.
    by_surface: BTreeMap<String, u32>,
    /// Folded surface, reading and sound of each phrase.
    shelf: BTreeSet<(String, u32)>,
}

/// What is kept of a history.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Kept {
    /// Notes that were learned.
    notes: u32,
    phrases: Vec<Phrase>,
    classes: BTreeMap<String, u32>,
    followers: Followers,
}

/// A phrase that may follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follower<'h> {
    pub(crate) phrase: &'h Phrase,
    pub(crate) id: u32,
    pub(crate) share: f64,
}

impl History {
    /// Learns a note. `sound` says how a reading sounds, as `TermIndex::sound` does.
    pub(crate) fn learn(&mut self, units: &[Unit], sound: impl Fn(&str) -> Option<String>) {
        self.kept.notes = self.kept.notes.saturating_add(1);
        let mut before = (NOTHING, NOTHING);
        for unit in units {
            if unit.surface.chars().count() > LONGEST || unit.surface.is_empty() {
                before = (NOTHING, NOTHING);
                continue;
            }
            let id = self.phrase(unit, &sound);
            self.count((before.0, before.1, id));
            if before.1 != NOTHING {
                self.count((NOTHING, before.1, id));
            }
            if before != (NOTHING, NOTHING) {
                self.count((NOTHING, NOTHING, id));
            }
            let class = self
                .kept
                .phrases
                .get(id as usize)
                .map_or(NOTHING, |phrase| phrase.class);
            before = (before.1, class);
        }
        if self.kept.followers.len() > MOST_FOLLOWERS {
            self.forget();
        }
    }

    /// Notes that were learned.
    pub fn notes(&self) -> u32 {
        self.kept.notes
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.kept.phrases.is_empty()
    }

    /// The history as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![FORM];
        // Writing into memory does not fail; a history that could not be written would be an empty one.
        bytes.extend(postcard::to_allocvec(&self.kept).unwrap_or_default());
        bytes
    }

    /// A history from bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HistoryError> {
        let (form, rest) = bytes.split_first().ok_or(HistoryError::Form(0))?;
        if *form != FORM {
            return Err(HistoryError::Form(*form));
        }
        let mut history = Self {
            kept: postcard::from_bytes(rest)?,
            ..Self::default()
        };
        history.index();
        Ok(history)
    }

    fn index(&mut self) {
        self.by_surface.clear();
        self.shelf.clear();
        for (id, phrase) in (0u32..).zip(&self.kept.phrases) {
            self.by_surface.insert(phrase.unit.surface.clone(), id);
            self.shelf.extend(keys_of(phrase).map(|key| (key, id)));
        }
    }

    fn phrase(&mut self, unit: &Unit, sound: &impl Fn(&str) -> Option<String>) -> u32 {
        let now = self.kept.notes;
        if let Some(id) = self.by_surface.get(&unit.surface).copied() {
            if let Some(phrase) = self.kept.phrases.get_mut(id as usize)
                && phrase.last != now
            {
                phrase.notes = phrase.notes.saturating_add(1);
                phrase.last = now;
            }
            return id;
        }
        let id = self.kept.phrases.len() as u32;
        let name = unit.concept.as_deref().unwrap_or(&unit.surface).to_owned();
        let next = self.kept.classes.len() as u32;
        let class = *self.kept.classes.entry(name).or_insert(next);
        let reading = if unit.reading.is_empty() {
            &unit.surface
        } else {
            &unit.reading
        };
        let phrase = Phrase {
            sound: sound(reading).unwrap_or_default(),
            unit: unit.clone(),
            class,
            notes: 1,
            last: now,
        };
        self.shelf.extend(keys_of(&phrase).map(|key| (key, id)));
        self.by_surface.insert(unit.surface.clone(), id);
        self.kept.phrases.push(phrase);
        id
    }

    fn count(&mut self, key: (u32, u32, u32)) {
        let now = self.kept.notes;
        let count = self.kept.followers.entry(key).or_insert(Count {
            value: 0.0,
            tick: now,
        });
        *count = Count {
            value: count.at(now) + 1.0,
            tick: now,
        };
    }

    /// Forgets the faintest half, and the phrases that nothing leads to any more.
    fn forget(&mut self) {
        let now = self.kept.notes;
        let mut values: Vec<f32> = self.kept.followers.values().map(|count| count.at(now)).collect();
        let middle = values.len() / 2;
        values.sort_by(f32::total_cmp);
        let least = values.get(middle).copied().unwrap_or(0.0);
        let mut left = MOST_FOLLOWERS / 2;
        self.kept.followers.retain(|_, count| {
            let stays = count.at(now) >= least && left > 0;
            left -= usize::from(stays);
            stays
        });
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, _, id) in self.kept.followers.keys() {
            let next = places.len() as u32;
            places.entry(*id).or_insert(next);
        }
        let mut phrases: Vec<(u32, Phrase)> = places
            .iter()
            .filter_map(|(old, new)| Some((*new, self.kept.phrases.get(*old as usize)?.clone())))
            .collect();
        phrases.sort_by_key(|(place, _)| *place);
        self.kept.phrases = phrases.into_iter().map(|(_, phrase)| phrase).collect();
        let followers = std::mem::take(&mut self.kept.followers);
        let moved = followers
            .into_iter()
            .filter_map(|((a, b, id), count)| Some(((a, b, *places.get(&id)?), count)));
        self.kept.followers = moved.collect();
        self.index();
    }

    /// The class of a unit for what follows it.
    fn class(&self, unit: &Unit) -> u32 {
        let name = unit.concept.as_deref().unwrap_or(&unit.surface);
        self.kept.classes.get(name).copied().unwrap_or(NOTHING)
    }

    /// The context that units make: the last two, newest last.
    fn context(&self, before: &[Unit]) -> [(u32, u32); 3] {
        let last = before.last().map_or(NOTHING, |unit| self.class(unit));
        let earlier = before
            .len()
            .checked_sub(2)
            .and_then(|at| before.get(at))
            .map_or(NOTHING, |unit| self.class(unit));
        [(earlier, last), (NOTHING, last), (NOTHING, NOTHING)]
    }

    fn of_context(&self, (a, b): (u32, u32)) -> impl Iterator<Item = (u32, f64)> {
        let now = self.kept.notes;
        let range = self
            .kept
            .followers
            .range((Bound::Included((a, b, 0)), Bound::Included((a, b, u32::MAX))));
        range.map(move |((_, _, id), count)| (*id, f64::from(count.at(now))))
    }

    /// What may follow, with the share of each: of the phrases that followed the last two units, and, as far as these
    /// were seldom seen, of those that followed the last one.
    pub(crate) fn followers(&self, before: &[Unit]) -> Vec<Follower<'_>> {
        let [long, short, _] = self.context(before);
        let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
        let mut rest = 1.0;
        for context in [long, short] {
            if context == (NOTHING, NOTHING) && !before.is_empty() {
                continue;
            }
            let counts: Vec<(u32, f64)> = self.of_context(context).collect();
            let all: f64 = counts.iter().map(|(_, count)| count).sum();
            // Witten and Bell: what is still unseen is as likely as there are kinds of what was seen.
            let unseen = counts.len() as f64;
            if all > 0.0 {
                for (id, count) in counts {
                    *shares.entry(id).or_default() += rest * count / (all + unseen);
                }
                rest *= unseen / (all + unseen);
            }
        }
        let follower = |(id, share): (u32, f64)| {
            let phrase = self.kept.phrases.get(id as usize)?;
            Some(Follower { phrase, id, share })
        };
        shares.into_iter().filter_map(follower).collect()
    }

    /// Phrases that begin with what is typed (folded text, or its sound), with the share of each among all.
    pub(crate) fn beginning_with(&self, typed: &str) -> Vec<Follower<'_>> {
        let now = self.kept.notes;
        let all: f64 = f64::from(now.max(1)) * UNITS_A_NOTE;
        let from = (typed.to_owned(), 0);
        let mut found: Vec<Follower<'_>> = Vec::new();
        for (_, id) in self
            .shelf
            .range(from..)
            .take_while(|(key, _)| key.starts_with(typed))
        {
            if found.iter().any(|other| other.id == *id) {
                continue;
            }
            let Some(phrase) = self.kept.phrases.get(*id as usize) else {
                continue;
            };
            let count = self.kept.followers.get(&(NOTHING, NOTHING, *id));
            let mut share = count.map_or(0.5, |count| f64::from(count.at(now))) / all;
            if phrase.notes == 1 {
                share *= ONCE; // most of what one note holds is that note's matter
            }
            found.push(Follower {
                phrase,
                id: *id,
                share,
            });
            if found.len() == MOST_FOUND {
                break;
            }
        }
        found
    }
}

/// What a phrase counts that stands in a single note.
const ONCE: f64 = 0.2;
/// Phrases that are looked at for one beginning.
const MOST_FOUND: usize = 400;

fn keys_of(phrase: &Phrase) -> impl Iterator<Item = String> {
    let keys = [
        fold(&phrase.unit.surface),
        fold(&phrase.unit.reading),
        phrase.sound.clone(),
    ];
    keys.into_iter().filter(|key| !key.is_empty())
}
