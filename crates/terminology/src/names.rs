//! Names for people who search by part of a word: by beginning (surface, kana) and by shared pairs of characters.

use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashMap;
use tsumugi_tables::to_hiragana;

/// An index of all names of a vocabulary.
#[derive(Debug, Default)]
pub struct NameIndex {
    /// Concept and number of pairs of every name.
    names: Vec<(u32, u32)>,
    by_pair: FxHashMap<(char, char), Vec<u32>>,
    /// Surfaces and readings, sorted, with the length of the surface and the concept.
    by_beginning: Vec<(Box<str>, u32, u32)>,
}

impl NameIndex {
    /// Indexes all names.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let mut index = Self::default();
        for (key, form, reading) in vocabulary.readings() {
            let length = form.chars().count() as u32;
            let name = index.names.len() as u32;
            let pairs = pairs(form);
            index.names.push((key, pairs.len() as u32));
            for pair in pairs {
                index.by_pair.entry(pair).or_default().push(name);
            }
            index.by_beginning.push((reading.into_boxed_str(), length, key));
            index.by_beginning.push((form.into(), length, key));
        }
        index.by_beginning.sort_unstable();
        index.by_beginning.dedup();
        index
    }

    /// Concepts with a name or reading that begins with what is typed, shortest names first; at most `most`.
    pub fn beginning_with(&self, typed: &str, most: usize) -> Vec<u32> {
        let mut hits: Vec<(u32, u32)> = Vec::new();
        for wanted in [typed.to_owned(), to_hiragana(typed)] {
            let first = self
                .by_beginning
                .partition_point(|(text, ..)| text.as_ref() < wanted.as_str());
            let matching = self
                .by_beginning
                .iter()
                .skip(first)
                .take_while(|(text, ..)| text.starts_with(&wanted));
            hits.extend(matching.map(|(_, length, key)| (*length, *key)));
        }
        hits.sort_unstable();
        distinct(hits.into_iter().map(|(_, key)| key), most)
    }

    /// Concepts with a name that shares most pairs of characters with the phrase (Dice coefficient at least `least`).
    pub fn similar_to(&self, phrase: &str, least: f64, most: usize) -> Vec<u32> {
        let wanted = pairs(phrase);
        let mut shared: FxHashMap<u32, u32> = FxHashMap::default();
        for name in wanted.iter().filter_map(|pair| self.by_pair.get(pair)).flatten() {
            *shared.entry(*name).or_default() += 1;
        }
        let mut scored: Vec<(f64, u32)> = Vec::new();
        let mut names: Vec<(u32, u32)> = shared.into_iter().collect();
        names.sort_unstable();
        for (name, count) in names {
            let Some((key, pairs)) = self.names.get(name as usize) else {
                continue;
            };
            let dice = 2.0 * f64::from(count) / (f64::from(*pairs) + wanted.len() as f64);
            if dice >= least {
                scored.push((dice, *key));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        distinct(scored.into_iter().map(|(_, key)| key), most)
    }
}

fn distinct(keys: impl Iterator<Item = u32>, most: usize) -> Vec<u32> {
    let mut list = Vec::new();
    for key in keys {
        if !list.contains(&key) {
            list.push(key);
        }
        if list.len() >= most {
            break;
        }
    }
    list
}

fn pairs(text: &str) -> Vec<(char, char)> {
    let chars: Vec<char> = text.chars().collect();
    let mut pairs: Vec<(char, char)> = chars
        .windows(2)
        .filter_map(|w| Some((*w.first()?, *w.last()?)))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
