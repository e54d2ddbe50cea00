//! The same note with other names: names, places and institutions are drawn anew from the tables, so that the model learns
//! from what stands around a name and not from the name.

use super::chance::Chance;
use crate::deid::{Gold, Span};
use std::collections::HashMap;
use tsumugi_anonymize::deidentify::Kind;
use tsumugi_tables::to_katakana;
use unicode_normalization::UnicodeNormalization as _;

/// What is drawn from.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    surnames: Vec<(String, String)>,
    word_surnames: Vec<(String, String)>,
    given: Vec<(String, String)>,
    places: Vec<String>,
    prefectures: Vec<String>,
    /// Words for institutions: the word, its kind, whether it is a hospital.
    facilities: Vec<(String, String, bool)>,
    surname_of: HashMap<String, String>,
    given_of: HashMap<String, String>,
}

impl Pool {
    /// Reads the rows of the tables, by the name of the table.
    pub(crate) fn new(rows: impl Fn(&str) -> Vec<Vec<String>>) -> Self {
        let mut pool = Self::default();
        for row in rows("surnames") {
            if let [name, kana, note] = row.as_slice() {
                let kana = kana.split('|').next().unwrap_or_default().to_owned();
                pool.surname_of.insert(name.clone(), kana.clone());
                if note.contains("word") {
                    pool.word_surnames.push((name.clone(), kana));
                } else {
                    pool.surnames.push((name.clone(), kana));
                }
            }
        }
        for row in rows("given_names") {
            if let [name, kana, _] = row.as_slice() {
                let kana = kana.split('|').next().unwrap_or_default().to_owned();
                pool.given_of.insert(name.clone(), kana.clone());
                pool.given.push((name.clone(), kana));
            }
        }
        for row in rows("municipalities") {
            if let [name, _, kind] = row.as_slice() {
                if kind == "prefecture" {
                    pool.prefectures.push(name.clone());
                } else {
                    pool.places.push(name.clone());
                }
            }
        }
        for row in rows("facilities") {
            if let [word, kind, class, ..] = row.as_slice() {
                pool.facilities
                    .push((word.clone(), kind.clone(), class == "HOSPITAL"));
            }
        }
        pool.places.sort_by_key(|name| std::cmp::Reverse(name.len()));
        pool.facilities
            .sort_by_key(|(word, _, _)| std::cmp::Reverse(word.len()));
        pool
    }

    /// A note with other names in the places of its own; the same name gets the same one.
    pub(crate) fn disguise(&self, gold: &Gold, scripts: u32, chance: &mut Chance) -> Gold {
        let chars: Vec<char> = gold.text.chars().collect();
        // Of the names in another script, half are in half-width kana.
        let script = if scripts == 0 || chance.below(100) >= scripts as usize {
            Script::AsIs
        } else {
            match chance.below(4) {
                0 | 1 => Script::HalfWidth,
                2 => Script::Katakana,
                _ => Script::Hiragana,
            }
        };
        let halves = (script == Script::HalfWidth).then(half_widths);
        let mut names: HashMap<String, String> = HashMap::new();
        let mut text: Vec<char> = Vec::with_capacity(chars.len());
        let mut spans = Vec::new();
        let mut from = 0;
        for span in &gold.spans {
            push(
                &mut text,
                chars.get(from..span.start).unwrap_or(&[]).iter().copied(),
                halves.as_ref(),
            );
            let original: String = chars.get(span.start..span.end).unwrap_or(&[]).iter().collect();
            let new = match span.kind {
                Kind::Person => self.person(&original, script, &mut names, chance),
                Kind::Location => self.place(&original, &mut names, chance),
                Kind::Hospital | Kind::Org => self.institution(&original, &mut names, chance),
                Kind::Id | Kind::Phone => digits(&original, chance),
                _ => original,
            };
            let start = text.len();
            push(&mut text, new.chars(), halves.as_ref());
            spans.push(Span {
                start,
                end: text.len(),
                kind: span.kind,
            });
            from = span.end;
        }
        push(
            &mut text,
            chars.get(from..).unwrap_or(&[]).iter().copied(),
            halves.as_ref(),
        );
        Gold {
            text: text.into_iter().collect(),
            spans,
            keep: Vec::new(),
            ..gold.clone()
        }
    }

    fn surname(&self, chance: &mut Chance) -> Option<&(String, String)> {
        let list = if chance.unit() < 0.35 {
            &self.word_surnames
        } else {
            &self.surnames
        };
        chance.one(list)
    }

    fn person(
        &self,
        original: &str,
        script: Script,
        names: &mut HashMap<String, String>,
        chance: &mut Chance,
    ) -> String {
        let mut out = String::new();
        let mut piece = String::new();
        for c in original.chars().chain(std::iter::once('\0')) {
            if c.is_whitespace() || c == '\0' {
                let is_second = !out.is_empty();
                let new = self.piece(&piece, is_second, names, chance);
                out.push_str(&self.in_script(&new, script));
                piece.clear();
                if c != '\0' {
                    out.push(c);
                }
            } else {
                piece.push(c);
            }
        }
        out
    }

    fn piece(
        &self,
        piece: &str,
        is_second: bool,
        names: &mut HashMap<String, String>,
        chance: &mut Chance,
    ) -> String {
        if piece.is_empty() {
            return String::new();
        }
        if let Some(known) = names.get(piece) {
            return known.clone();
        }
        let is_kana = piece.chars().all(|c| ('\u{3041}'..='\u{30ff}').contains(&c));
        let new = if self.surname_of.contains_key(piece) && !is_second {
            self.surname(chance).map(|(name, _)| name.clone())
        } else if self.given_of.contains_key(piece) {
            chance.one(&self.given).map(|(name, _)| name.clone())
        } else if is_kana && piece.chars().count() >= 2 {
            let list = if is_second {
                chance.one(&self.given)
            } else {
                self.surname(chance)
            };
            let is_katakana = piece.chars().all(|c| c >= '\u{30a0}');
            list.map(|(_, kana)| {
                if is_katakana {
                    to_katakana(kana)
                } else {
                    kana.clone()
                }
            })
        } else {
            self.both(piece, names, chance)
        };
        let new = new.unwrap_or_else(|| piece.to_owned());
        names.insert(piece.to_owned(), new.clone());
        new
    }

    /// A name of the tables in another script; any other stays.
    fn in_script(&self, name: &str, script: Script) -> String {
        let kana = self.surname_of.get(name).or_else(|| self.given_of.get(name));
        match (kana, script) {
            (Some(kana), Script::HalfWidth | Script::Katakana) => to_katakana(kana),
            (Some(kana), Script::Hiragana) => kana.clone(),
            _ => name.to_owned(),
        }
    }

    fn both(&self, piece: &str, names: &mut HashMap<String, String>, chance: &mut Chance) -> Option<String> {
        let cuts: Vec<usize> = piece.char_indices().skip(1).map(|(at, _)| at).collect();
        for at in cuts.into_iter().rev() {
            let (surname, given) = piece.split_at_checked(at)?;
            if self.surname_of.contains_key(surname) && self.given_of.contains_key(given) {
                return Some(
                    self.piece(surname, false, names, chance) + &self.piece(given, true, names, chance),
                );
            }
        }
        None
    }

    fn place(&self, original: &str, names: &mut HashMap<String, String>, chance: &mut Chance) -> String {
        let mut out = original.to_owned();
        for list in [&self.prefectures, &self.places] {
            let Some(known) = list.iter().find(|name| out.contains(name.as_str())) else {
                continue;
            };
            let same = |name: &&String| name.chars().last() == known.chars().last();
            let others: Vec<&String> = list.iter().filter(same).collect();
            let new = names.entry(known.clone()).or_insert_with(|| {
                chance
                    .one(&others)
                    .map_or_else(String::new, |name| (*name).clone())
            });
            if !new.is_empty() {
                out = out.replacen(known.as_str(), new, 1);
            }
        }
        if out == original && original.chars().count() == 2 {
            let stem = chance
                .one(&self.places)
                .map(|name| name.chars().take(name.chars().count() - 1).collect::<String>());
            return names
                .entry(original.to_owned())
                .or_insert(stem.unwrap_or(out))
                .clone();
        }
        digits(&out, chance)
    }

    fn institution(
        &self,
        original: &str,
        names: &mut HashMap<String, String>,
        chance: &mut Chance,
    ) -> String {
        if let Some(known) = names.get(original) {
            return known.clone();
        }
        let tail = self
            .facilities
            .iter()
            .find(|(word, _, _)| original.ends_with(word.as_str()) && original.len() > word.len());
        let Some((word, kind, _)) = tail.filter(|_| chance.unit() < 0.8) else {
            return original.to_owned();
        };
        let same: Vec<&String> = self
            .facilities
            .iter()
            .filter(|(_, other, _)| other == kind)
            .map(|(word, _, _)| word)
            .collect();
        let suffix = if chance.unit() < 0.5 {
            word
        } else {
            chance.one(&same).map_or(word, |word| word)
        };
        let legal = self.facilities.iter().find(|(word, _, _)| {
            original.starts_with(word.as_str()) && original.len() > word.len() * 2 && word.chars().count() > 2
        });
        let stem = |name: &String| {
            name.chars()
                .take(name.chars().count().saturating_sub(1))
                .collect::<String>()
        };
        let surname = |chance: &mut Chance| self.surname(chance).map(|(name, _)| name.clone());
        let kana = |chance: &mut Chance| chance.one(&self.given).map(|(_, kana)| kana.clone());
        let name = match chance.below(7) {
            0 | 1 => surname(chance),
            2 => chance.one(&self.places).map(stem),
            3 => chance.one(&self.places).cloned(),
            4 => kana(chance),
            5 => kana(chance).map(|kana| to_katakana(&kana)),
            _ => chance
                .one(&self.places)
                .map(stem)
                .zip(kana(chance))
                .map(|(place, kana)| place + &kana),
        };
        let mut out = legal.map_or_else(String::new, |(word, _, _)| word.clone());
        out.push_str(&name.unwrap_or_default());
        out.push_str(suffix);
        names.insert(original.to_owned(), out.clone());
        out
    }
}

/// Other digits in the places of digits.
fn digits(text: &str, chance: &mut Chance) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_digit() && c != '0' {
                char::from(b'1' + chance.below(9) as u8)
            } else {
                c
            }
        })
        .collect()
}

/// In which script the names of a note are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    AsIs,
    Katakana,
    Hiragana,
    /// Katakana, and all katakana of the note in half width.
    HalfWidth,
}

/// Half-width forms of katakana; voiced ones take two characters.
fn half_widths() -> HashMap<char, Vec<char>> {
    const VOICING: [(char, char); 2] = [('\u{3099}', '\u{ff9e}'), ('\u{309a}', '\u{ff9f}')];
    let mut forms: HashMap<char, Vec<char>> = HashMap::new();
    for half in '\u{ff66}'..='\u{ff9d}' {
        let Some(full) = std::iter::once(half).nfkc().next() else {
            continue;
        };
        forms.insert(full, vec![half]);
        for (mark, half_mark) in VOICING {
            let mut voiced = [full, mark].into_iter().nfc();
            if let (Some(voiced), None) = (voiced.next(), voiced.next()) {
                forms.insert(voiced, vec![half, half_mark]);
            }
        }
    }
    forms
}

fn push(text: &mut Vec<char>, piece: impl Iterator<Item = char>, halves: Option<&HashMap<char, Vec<char>>>) {
    for c in piece {
        match halves.and_then(|halves| halves.get(&c)) {
            Some(half) => text.extend(half),
            None => text.push(c),
        }
    }
}
