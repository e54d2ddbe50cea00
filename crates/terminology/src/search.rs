//! Finds concepts by what one types: a name or its beginning, its reading in kana, romaji of any spelling, an English
//! word, a code; and by something close when few names begin so.
//!
//! All forms lie sorted on three shelves (written, sounded, codes). A beginning is found by binary search; what stands
//! inside a name or is a slip away, by pairs of characters, and only when the beginnings do not fill the answer. Every
//! step adds hits that rank below those of the steps before, so that nothing has to be weighed twice.

mod distance;
mod shelf;
mod sound;

pub(crate) use sound::Sounds;

use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashSet;
use serde::Serialize;
use shelf::{Form, Shelf};
use tsumugi_tables::to_hiragana;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Hits below which slips of the finger are looked for.
const FEW: usize = 5;
/// Shortest word of an English name that is found on its own, in characters.
const SHORTEST_WORD: usize = 4;
/// Longest thing typed that is looked for, in characters; no name is longer.
const LONGEST_TYPED: usize = 200;

/// What of a concept was found, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// A name as written.
    Name,
    /// The reading of a name, in kana.
    Reading,
    /// The reading of a name, in Latin letters.
    Romaji,
    /// The English name, or a word of it.
    English,
    /// A code of any system, or our own id.
    Code,
}

/// How well it was found, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matched {
    /// It is what was typed.
    Exact,
    /// It begins with what was typed.
    Beginning,
    /// It holds what was typed.
    Inside,
    /// It sounds so but for the length of sounds.
    Alike,
    /// It is one or two slips away: characters left out, put in, mistaken or swapped.
    Near,
}

/// A concept that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermHit {
    /// Index of the concept.
    pub key: u32,
    /// The name (or code) that matched, as the table writes it.
    pub name: Box<str>,
    /// What of the concept matched.
    pub by: MatchedBy,
    /// How well.
    pub how: Matched,
    /// Slips between what was typed and the name; 0 unless `how` is `Near`.
    pub slips: u8,
}

/// The index of everything one may type.
#[derive(Debug, Default)]
pub struct TermIndex {
    sounds: Sounds,
    names: Vec<Name>,
    written: Shelf,
    sounded: Shelf,
    codes: Shelf,
}

/// A name of a concept.
#[derive(Debug)]
struct Name {
    key: u32,
    text: Box<str>,
    /// Whether it is the preferred one, which wins among equals.
    is_preferred: bool,
    /// Characters of the folded name.
    length: u16,
}

/// A form that was found; the order of the fields is the order of the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    how: Matched,
    slips: u8,
    length: u16,
    is_synonym: bool,
    by: MatchedBy,
    key: u32,
    name: u32,
}

/// The best hit of every concept so far.
struct Answer {
    found: Vec<Found>,
    seen: FxHashSet<u32>,
    most: usize,
}

impl TermIndex {
    /// Indexes all names, readings, English names and codes.
    pub(crate) fn new(vocabulary: &Vocabulary, sounds: Sounds) -> Self {
        let mut build = Build {
            sounds,
            ..Build::default()
        };
        for (key, concept) in vocabulary.iter() {
            build.name(key, &concept.name, &concept.kana, true);
            for (name, reading) in &concept.synonyms {
                build.name(key, name, reading, false);
            }
            build.english(key, &concept.english);
            for code in concept.codes.iter() {
                build.code(key, &code.code);
            }
        }
        build.finish()
    }

    /// Concepts by what is typed, best first, each once, at most `most`: exact, then beginnings from the shortest, then
    /// names that hold it; then, when these are few, names that sound alike or are a slip away.
    pub fn find(&self, typed: &str, most: usize) -> Vec<TermHit> {
        let typed: String = typed.chars().take(LONGEST_TYPED).collect();
        let wanted = fold(&typed);
        let mut answer = Answer {
            found: Vec::new(),
            seen: FxHashSet::default(),
            most,
        };
        if wanted.is_empty() || most == 0 {
            return Vec::new();
        }
        let has_letters = wanted.chars().any(|c| c.is_ascii_lowercase());
        let sound = self.sounds.of_typed(&wanted);
        let romaji = sound.as_deref().filter(|_| has_letters);
        self.beginnings(&wanted, romaji, &mut answer);
        if !answer.is_full() && wanted.chars().nth(1).is_some() {
            let inside = self.written.holding(&wanted);
            answer.take(inside.filter_map(|form| self.found(form, Matched::Inside, 0)));
        }
        if !answer.is_full()
            && !has_letters
            && let Some(sound) = &sound
        {
            let alike = self.sounded.beginning_with(sound);
            answer.take(alike.filter_map(|form| self.found(form, Matched::Alike, 0)));
        }
        if answer.found.len() < FEW.min(most) {
            self.slips(&wanted, romaji, &mut answer);
        }
        answer.found.iter().filter_map(|found| self.hit(*found)).collect()
    }

    /// Concepts that have exactly this name, reading, id or code.
    pub fn named(&self, typed: &str, most: usize) -> Vec<TermHit> {
        let mut hits = self.find(typed, most);
        hits.retain(|hit| hit.how == Matched::Exact);
        hits
    }

    /// Makes what is otherwise made at the first search that needs it.
    pub fn warm(&self) {
        self.written.warm();
        self.sounded.warm();
    }

    /// How a reading sounds, in the letters that romaji is compared by; none when it is not kana or Latin letters.
    pub fn sound(&self, reading: &str) -> Option<String> {
        self.sounds.of(&fold(reading))
    }

    fn beginnings(&self, wanted: &str, romaji: Option<&str>, answer: &mut Answer) {
        let how = |form: &Form, wanted: &str| match (form.is_whole, form.text.as_ref() == wanted) {
            (true, true) => Matched::Exact,
            (true, false) => Matched::Beginning,
            (false, _) => Matched::Inside,
        };
        let written = self.written.beginning_with(wanted);
        let mut found: Vec<Found> = written
            .filter_map(|form| self.found(form, how(form, wanted), 0))
            .collect();
        if let Some(sound) = romaji {
            let sounded = self.sounded.beginning_with(sound);
            found.extend(sounded.filter_map(|form| self.found(form, how(form, sound), 0)));
        }
        let is_code = wanted.chars().any(|c| c.is_ascii_digit());
        let codes = self.codes.beginning_with(wanted);
        found.extend(
            codes
                .filter(|form| is_code || form.text.as_ref() == wanted)
                .filter_map(|form| self.found(form, how(form, wanted), 0)),
        );
        answer.take(found);
    }

    fn slips(&self, wanted: &str, romaji: Option<&str>, answer: &mut Answer) {
        let near = |shelf: &'_ Shelf, wanted: &str| -> Vec<Found> {
            let most = slips_allowed(wanted);
            if most == 0 {
                return Vec::new();
            }
            let near = shelf.near(wanted, most).into_iter();
            near.filter_map(|(form, slips)| self.found(form, Matched::Near, slips as u8))
                .collect()
        };
        let mut found = near(&self.written, wanted);
        if let Some(sound) = romaji {
            found.extend(near(&self.sounded, sound));
        }
        answer.take(found);
    }

    fn found(&self, form: &Form, how: Matched, slips: u8) -> Option<Found> {
        let name = self.names.get(form.name as usize)?;
        Some(Found {
            how,
            slips,
            length: if form.is_whole { form.length } else { name.length },
            is_synonym: !name.is_preferred,
            by: form.by,
            key: name.key,
            name: form.name,
        })
    }

    fn hit(&self, found: Found) -> Option<TermHit> {
        let name = self.names.get(found.name as usize)?;
        Some(TermHit {
            key: name.key,
            name: name.text.clone(),
            by: found.by,
            how: found.how,
            slips: found.slips,
        })
    }
}

impl Answer {
    fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }

    /// Adds the best of what a step has found, of every concept that is not there yet.
    fn take(&mut self, found: impl IntoIterator<Item = Found>) {
        const SLACK: usize = 32;
        let mut found: Vec<Found> = found.into_iter().collect();
        // One or two letters begin thousands of names; only the best have to be in order. A concept seldom has more than
        // a few names with the same beginning.
        let enough = self.most.saturating_add(1).saturating_mul(SLACK);
        if found.len() > enough {
            found.select_nth_unstable(enough);
            found.truncate(enough);
        }
        found.sort_unstable();
        for one in found {
            if self.is_full() {
                return;
            }
            if self.seen.insert(one.key) {
                self.found.push(one);
            }
        }
    }
}

/// How many slips a word may hold: none in two characters, one up to five, else two.
fn slips_allowed(wanted: &str) -> usize {
    match wanted.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// The one form of what is typed and what the tables write: NFKC, small letters, hiragana, without blanks, hyphens,
/// apostrophes and middle dots.
fn fold(text: &str) -> String {
    const MIDDLE_DOT: char = '\u{30FB}';
    let small = |text: &mut dyn Iterator<Item = char>| -> String {
        text.flat_map(char::to_lowercase)
            .filter(|c| !c.is_whitespace() && !matches!(*c, '-' | '\'' | ',' | MIDDLE_DOT))
            .collect()
    };
    let folded = if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        small(&mut text.chars())
    } else {
        small(&mut text.nfkc())
    };
    to_hiragana(&folded)
}

#[derive(Default)]
struct Build {
    sounds: Sounds,
    names: Vec<Name>,
    written: Vec<Form>,
    sounded: Vec<Form>,
    codes: Vec<Form>,
}

impl Build {
    fn name(&mut self, key: u32, text: &str, reading: &str, is_preferred: bool) {
        let folded = fold(text);
        let reading = fold(reading);
        let heard = if reading.is_empty() { &folded } else { &reading };
        // Latin letters are found as they are written; how they would sound in Japanese is nobody's guess.
        let is_kana = !heard.chars().any(|c| c.is_ascii_lowercase());
        let sound = self.sounds.of(heard).filter(|_| is_kana);
        let name = self.add(key, text, &folded, is_preferred);
        if let Some(sound) = sound {
            self.sounded.push(form(sound, name, MatchedBy::Romaji, true));
        }
        if !reading.is_empty() && reading != folded {
            self.written.push(form(reading, name, MatchedBy::Reading, true));
        }
        self.written.push(form(folded, name, MatchedBy::Name, true));
    }

    fn english(&mut self, key: u32, text: &str) {
        let folded = fold(text);
        if folded.is_empty() {
            return;
        }
        let name = self.add(key, text, &folded, false);
        let words = text.split(|c: char| !c.is_alphanumeric()).map(fold);
        for word in words.filter(|word| *word != folded && word.chars().count() >= SHORTEST_WORD) {
            self.written.push(form(word, name, MatchedBy::English, false));
        }
        self.written.push(form(folded, name, MatchedBy::English, true));
    }

    fn code(&mut self, key: u32, text: &str) {
        let folded = fold(text);
        let name = self.add(key, text, &folded, false);
        self.codes.push(form(folded, name, MatchedBy::Code, true));
    }

    fn add(&mut self, key: u32, text: &str, folded: &str, is_preferred: bool) -> u32 {
        let index = self.names.len() as u32;
        self.names.push(Name {
            key,
            text: text.into(),
            is_preferred,
            length: length(folded),
        });
        index
    }

    fn finish(self) -> TermIndex {
        TermIndex {
            sounds: self.sounds,
            names: self.names,
            written: Shelf::new(self.written),
            sounded: Shelf::new(self.sounded),
            codes: Shelf::new(self.codes),
        }
    }
}

fn form(text: String, name: u32, by: MatchedBy, is_whole: bool) -> Form {
    Form {
        length: length(&text),
        text: text.into(),
        name,
        by,
        is_whole,
    }
}

fn length(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}
