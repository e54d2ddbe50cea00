//! Names for names: surname for surname, given name for given name, each in the script of the original.

use super::super::fold::{Class, class_of};
use super::Draw;
use rustc_hash::FxHashMap;
use tsumugi_tables::{to_hiragana, to_katakana};
use unicode_normalization::UnicodeNormalization as _;

/// A name of the tables.
#[derive(Debug, Clone)]
struct Entry {
    written: String,
    kana: String,
    latin: String,
    sex: String,
}

/// The names to draw from, and the original ones by all their forms.
#[derive(Debug)]
pub(super) struct Names {
    surnames: Vec<Entry>,
    given: Vec<Entry>,
    /// Forms of surnames and given names (written, hiragana, Latin capitals) to the reading that stands for the name.
    surname_of: FxHashMap<String, String>,
    given_of: FxHashMap<String, (String, String)>,
}

/// Columns of the tables: name, readings, note or sex.
fn entries(rows: &[Vec<String>], hepburn: &[Vec<String>]) -> Vec<Entry> {
    rows.iter()
        .filter_map(|row| match row.as_slice() {
            [written, kana, sex] => Some((written, kana.split('|').next().unwrap_or_default(), sex)),
            _ => None,
        })
        .map(|(written, kana, sex)| Entry {
            written: written.clone(),
            kana: kana.to_owned(),
            latin: latin(kana, hepburn),
            sex: sex.clone(),
        })
        .collect()
}

fn latin(kana: &str, hepburn: &[Vec<String>]) -> String {
    let chars: Vec<char> = kana.chars().collect();
    let find = |piece: &[char]| {
        let piece: String = piece.iter().collect();
        hepburn
            .iter()
            .find(|row| row.first() == Some(&piece))
            .and_then(|row| row.get(1))
    };
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let found = [2, 1].into_iter().find_map(|length| {
            chars
                .get(at..at + length)
                .and_then(find)
                .map(|letters| (letters, length))
        });
        let Some((letters, length)) = found else {
            return String::new();
        };
        out.push_str(letters);
        at += length;
    }
    out
}

impl Names {
    pub(super) fn new(surnames: &[Vec<String>], given: &[Vec<String>], hepburn: &[Vec<String>]) -> Self {
        let (surnames, given) = (entries(surnames, hepburn), entries(given, hepburn));
        let mut surname_of = FxHashMap::default();
        for entry in &surnames {
            for form in [&entry.written, &entry.kana, &entry.latin.to_uppercase()] {
                surname_of
                    .entry(form.clone())
                    .or_insert_with(|| entry.kana.clone());
            }
        }
        let mut given_of = FxHashMap::default();
        for entry in &given {
            for form in [&entry.written, &entry.kana, &entry.latin.to_uppercase()] {
                let value = || (entry.kana.clone(), entry.sex.clone());
                given_of.entry(form.clone()).or_insert_with(value);
            }
        }
        // Only names that are no rare and no common word are drawn.
        let drawn = surnames
            .into_iter()
            .filter(|entry| entry.sex.is_empty() && entry.written.chars().count() > 1);
        Self {
            surnames: drawn.collect(),
            given,
            surname_of,
            given_of,
        }
    }

    /// Another name of the same parts in the same script.
    pub(super) fn surrogate(&self, original: &[char], draw: Draw) -> String {
        let mut out = String::with_capacity(original.len() * 3);
        let pieces: Vec<&[char]> = original.split(|c| class_of(*c) == Class::Blank).collect();
        let count = pieces.iter().filter(|piece| !piece.is_empty()).count();
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            let is_second = count > 1 && index > 0;
            if !piece.is_empty() {
                out.push_str(&self.piece(piece, is_second, draw));
            }
        }
        out
    }

    fn piece(&self, piece: &[char], is_second: bool, draw: Draw) -> String {
        let letters: Vec<char> = piece
            .iter()
            .copied()
            .filter(|c| class_of(*c).is_letter())
            .collect();
        let is_initials = !letters.is_empty()
            && letters.len() * 2 >= piece.len()
            && letters.iter().all(char::is_ascii_uppercase)
            && letters.len() <= 3;
        if is_initials || letters.len() == 1 {
            return piece
                .iter()
                .enumerate()
                .map(|(index, c)| super::numbers::other(*c, piece, index, draw))
                .collect();
        }
        let text: String = piece.iter().copied().nfc().collect();
        if class_of(piece.first().copied().unwrap_or(' ')) == Class::Kanji
            && !self.surname_of.contains_key(&text)
            && !self.given_of.contains_key(&text)
            && let Some(both) = self.both(piece, draw)
        {
            return both;
        }
        let key = if letters.is_empty() {
            to_hiragana(&text)
        } else {
            text.to_uppercase()
        };
        let surname = self.surname_of.get(&key).filter(|_| !is_second);
        let given = self.given_of.get(&key);
        match (surname, given) {
            (Some(kana), _) => drawn(&self.surnames, &text, kana, "", draw),
            (None, Some((kana, sex))) => drawn(&self.given, &text, kana, sex, draw),
            (None, None) => {
                let list = if is_second { &self.given } else { &self.surnames };
                drawn(list, &text, &key, "", draw)
            }
        }
    }

    /// Surname and given name without a blank between.
    fn both(&self, piece: &[char], draw: Draw) -> Option<String> {
        (1..piece.len()).rev().find_map(|cut| {
            let (surname, given) = piece.split_at_checked(cut)?;
            let of = |part: &[char]| part.iter().collect::<String>();
            (self.surname_of.contains_key(&of(surname)) && self.given_of.contains_key(&of(given)))
                .then(|| self.piece(surname, false, draw) + &self.piece(given, true, draw))
        })
    }
}

/// Another name of the list, in the script of the original.
fn drawn(list: &[Entry], original: &str, reading: &str, sex: &str, draw: Draw) -> String {
    let about: Vec<char> = reading.chars().collect();
    let first = draw.below(list.len(), &about, 9);
    let fits = |entry: &&Entry| {
        entry.written != original
            && entry.kana != reading
            && !entry.latin.is_empty()
            && (sex.is_empty() || entry.sex == sex)
    };
    let Some(entry) = list.iter().cycle().skip(first).take(list.len()).find(fits) else {
        return String::new();
    };
    let is = |test: fn(Class) -> bool| original.chars().all(|c| test(class_of(c)));
    if is(Class::is_letter) {
        if original.chars().all(|c| c.is_ascii_uppercase()) {
            return entry.latin.to_uppercase();
        }
        let mut letters = entry.latin.chars();
        let capital = letters.next().map(|c| c.to_ascii_uppercase());
        return capital.into_iter().chain(letters).collect();
    }
    if is(|class| class == Class::Hiragana) {
        return entry.kana.clone();
    }
    if is(|class| class == Class::Katakana) {
        return to_katakana(&entry.kana);
    }
    entry.written.clone()
}
