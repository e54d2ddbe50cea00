//! How a word sounds, whether it is written in kana or in romaji of any kind: one spelling for all that sound alike.
//!
//! The table `lexicon/romaji.tsv` turns kana and Latin spellings into the same letters, and what a typist cannot hear
//! (long vowels, doubled consonants) is dropped, so that `hatunetu`, `hatsunetsu` and the reading itself meet. The
//! sound of a beginning is the beginning of the sound, so that what is half typed can be looked up too.

use rustc_hash::FxHashMap;
use tsumugi_tables::{Mistake, Source, Table};

/// Spellings and their sounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sounds {
    rows: FxHashMap<Box<[char]>, Box<str>>,
    longest: usize,
}

impl Sounds {
    /// Reads `lexicon/romaji.tsv`.
    pub(crate) fn new(source: Source<'_>, mistakes: &mut Vec<Mistake>) -> Self {
        let table = Table::parse(source, mistakes);
        let mut sounds = Self::default();
        for row in table.rows() {
            let form: Box<[char]> = row.get("form").chars().collect();
            let sound = row.get("sound");
            if form.is_empty() || !sound.chars().all(|c| c.is_ascii_lowercase()) {
                mistakes.push(Mistake::new(
                    source.path,
                    row.line,
                    "a form and a sound of lower-case letters wanted",
                ));
            }
            sounds.longest = sounds.longest.max(form.len());
            sounds.rows.insert(form, sound.into());
        }
        sounds
    }

    /// The sound of a folded text; none when it holds anything but kana and Latin letters.
    pub(crate) fn of(&self, text: &str) -> Option<String> {
        let chars: Vec<char> = text.chars().collect();
        let mut rest = chars.as_slice();
        let mut sound = String::with_capacity(text.len());
        while let Some(first) = rest.first() {
            let row = (1..=self.longest.min(rest.len())).rev().find_map(|width| {
                let (form, behind) = rest.split_at_checked(width)?;
                Some((self.rows.get(form)?, behind))
            });
            if let Some((spelt, behind)) = row {
                spelt.chars().for_each(|letter| push(&mut sound, letter));
                rest = behind;
            } else if first.is_ascii_lowercase() {
                push(&mut sound, *first);
                rest = rest.split_first().map_or(&[], |(_, behind)| behind);
            } else {
                return None;
            }
        }
        (!sound.is_empty()).then_some(sound)
    }

    /// The sound of what somebody typed, when it can be Japanese: no two consonants in a row but behind the nasal, or
    /// before `y`.
    pub(crate) fn of_typed(&self, text: &str) -> Option<String> {
        let sound = self.of(text)?;
        let is_foreign = |letter: char| matches!(letter, 'c' | 'f' | 'j' | 'l' | 'q' | 'v' | 'x');
        let clash = sound.chars().zip(sound.chars().skip(1)).any(|(one, next)| {
            let holds_back = !is_vowel(one) && one != 'n';
            holds_back && !is_vowel(next) && (next != 'y' || one == 'y')
        });
        (!clash && !sound.chars().any(is_foreign)).then_some(sound)
    }
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'i' | 'u' | 'e' | 'o')
}

/// Adds a letter unless it only makes the one before longer.
fn push(sound: &mut String, letter: char) {
    let last = sound.chars().next_back();
    let lengthens = last == Some(letter) || (last == Some('o') && letter == 'u');
    if !lengthens {
        sound.push(letter);
    }
}
