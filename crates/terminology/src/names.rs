//! Names that a phrase resembles: by shared pairs of characters. What one types is looked up in [`crate::TermIndex`].

use crate::vocabulary::Vocabulary;
use rustc_hash::FxHashMap;

/// An index of all names of a vocabulary by their pairs of characters.
#[derive(Debug, Default)]
pub struct NameIndex {
    /// Concept and number of pairs of every name.
    names: Vec<(u32, u32)>,
    by_pair: FxHashMap<(char, char), Vec<u32>>,
}

impl NameIndex {
    /// Indexes all names.
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let mut index = Self::default();
        for (key, form, _) in vocabulary.readings() {
            let name = index.names.len() as u32;
            let pairs = pairs(form);
            index.names.push((key, pairs.len() as u32));
            for pair in pairs {
                index.by_pair.entry(pair).or_default().push(name);
            }
        }
        index
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
