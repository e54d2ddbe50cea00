//! Forms in order, for beginnings by binary search, with an index of pairs of characters for everything else.

use crate::search::MatchedBy;
use crate::search::distance::Slips;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Stands before and behind every form, so that its first and last character make a pair too.
const EDGE: char = '\0';

/// A form under which a name is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    /// Folded text.
    pub(crate) text: Box<str>,
    /// Index of the name.
    pub(crate) name: u32,
    /// What of the name it is.
    pub(crate) by: MatchedBy,
    /// Its characters.
    pub(crate) length: u16,
    /// Whether it is the whole name and not one word of it.
    pub(crate) is_whole: bool,
}

/// Forms, sorted.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    forms: Vec<Form>,
    /// Made when beginnings do not suffice for the first time; it is the dear part.
    by_pair: OnceLock<FxHashMap<(char, char), Vec<u32>>>,
}

impl Shelf {
    /// Sorts forms.
    pub(crate) fn new(mut forms: Vec<Form>) -> Self {
        forms.sort_unstable();
        forms.dedup();
        Self {
            forms,
            by_pair: OnceLock::new(),
        }
    }

    /// Makes the index of pairs.
    pub(crate) fn warm(&self) {
        self.with_pair((EDGE, EDGE));
    }

    /// The numbers of the forms that hold a pair of neighbours.
    fn with_pair(&self, pair: (char, char)) -> &[u32] {
        let by_pair = self.by_pair.get_or_init(|| {
            let mut by_pair: FxHashMap<(char, char), Vec<u32>> = FxHashMap::default();
            for (number, form) in (0u32..).zip(&self.forms) {
                for pair in neighbours(&form.text) {
                    let forms = by_pair.entry(pair).or_default();
                    // A pair that stands twice in a form is its last entry then.
                    if forms.last() != Some(&number) {
                        forms.push(number);
                    }
                }
            }
            by_pair
        });
        by_pair.get(&pair).map_or(&[], Vec::as_slice)
    }

    /// Forms that begin with a text.
    pub(crate) fn beginning_with(&self, wanted: &str) -> impl Iterator<Item = &Form> {
        let first = self.forms.partition_point(|form| form.text.as_ref() < wanted);
        let from_there = self.forms.get(first..).unwrap_or(&[]);
        let count = from_there.partition_point(|form| form.text.starts_with(wanted));
        from_there.iter().take(count)
    }

    /// Forms that hold a text of two or more characters, not at their beginning.
    pub(crate) fn holding(&self, wanted: &str) -> impl Iterator<Item = &Form> {
        let inner = pairs(wanted)
            .into_iter()
            .filter(|(one, next)| *one != EDGE && *next != EDGE);
        // The rarest pair leaves the fewest forms to look at; a pair that no form has leaves none.
        let rarest = inner
            .map(|pair| self.with_pair(pair))
            .min_by_key(|forms| forms.len());
        rarest
            .unwrap_or(&[])
            .iter()
            .filter_map(|number| self.forms.get(*number as usize))
            .filter(move |form| form.text.contains(wanted) && !form.text.starts_with(wanted))
    }

    /// Forms at most `most` slips away, with their slips.
    pub(crate) fn near(&self, wanted: &str, most: usize) -> Vec<(&Form, usize)> {
        let word: Vec<char> = wanted.chars().collect();
        let wanted_pairs = pairs(wanted);
        // A slip spoils two pairs, a swap of neighbours three. In short words one swap is allowed for and not two: else
        // nearly everything would have to be compared.
        const TELLING: usize = 4;
        let without = |spoilt: usize| wanted_pairs.len().saturating_sub(spoilt);
        let least = without(3 * most).max(without(2 * most + 1).min(TELLING)).max(1);
        let mut shared = vec![0_u8; self.forms.len()];
        let mut near = Vec::new();
        let mut slips = Slips::default();
        let mut chars = Vec::new();
        for number in wanted_pairs.iter().flat_map(|pair| self.with_pair(*pair)) {
            let Some(count) = shared.get_mut(*number as usize) else {
                continue;
            };
            *count = count.saturating_add(1);
            // Each form is looked at once, when it reaches the count.
            if usize::from(*count) != least {
                continue;
            }
            let Some(form) = self.forms.get(*number as usize) else {
                continue;
            };
            if usize::from(form.length).abs_diff(word.len()) > most {
                continue;
            }
            chars.clear();
            chars.extend(form.text.chars());
            if let Some(count) = slips.between(&word, &chars, most) {
                near.push((form, count));
            }
        }
        near
    }
}

/// The distinct pairs of neighbouring characters, edges included.
fn pairs(text: &str) -> Vec<(char, char)> {
    let mut pairs: Vec<(char, char)> = neighbours(text).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// The pairs of neighbouring characters, edges included.
fn neighbours(text: &str) -> impl Iterator<Item = (char, char)> {
    let behind = text.chars().chain([EDGE]);
    [EDGE].into_iter().chain(text.chars()).zip(behind)
}
