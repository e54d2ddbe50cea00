//! The compiled lexicon: a trie over characters that finds every form of every table at every place of a text. Which of
//! the overlapping matches count is the reader's business.
//!
//! The trie is one hash table from (node, character) to node. It is built in a tenth of the time that a double array
//! with failure links takes, which counts at start-up. At most places of a text no form of two characters begins: a
//! table of first characters and a filter of first pairs, both small enough to stay in the cache, say so before the
//! hash table is asked. See `docs/decisions/0005-a-trie-for-the-lexicon.md`.

use rustc_hash::FxHashMap;

/// Why a lexicon cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("lexicon of {forms} forms is too large: at most {} nodes", u32::MAX)]
pub struct LexiconError {
    forms: usize,
}

/// A match of a form; offsets are characters of the text searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// First character.
    pub start: u32,
    /// One past the last character.
    pub end: u32,
    /// Index of the form, for [`Lexicon::terms`].
    pub form: u32,
}

/// Forms with what they mean; one form may mean several things, in the order given.
pub struct Lexicon<T> {
    steps: FxHashMap<(u32, char), u32>,
    /// Node of every first character of the basic plane; `ROOT` where no form begins with it.
    first: Vec<u32>,
    /// One bit for the first two characters of every form; a bit may be set by chance.
    pairs: Vec<u64>,
    /// Form that ends at a node, plus one; 0 where none does.
    form_at: Vec<u32>,
    terms: Vec<Vec<T>>,
}

impl<T> std::fmt::Debug for Lexicon<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lexicon({} forms)", self.terms.len())
    }
}

const ROOT: u32 = 0;
/// Characters of the basic multilingual plane.
const PLANE: usize = 1 << 16;
/// Words of the filter of pairs: 2^20 bits.
const FILTER_WORDS: usize = 1 << 14;

impl<T> Lexicon<T> {
    /// Compiles the forms. Empty forms are left out.
    pub fn compile(entries: impl IntoIterator<Item = (String, T)>) -> Result<Self, LexiconError> {
        let entries: Vec<(String, T)> = entries.into_iter().collect();
        let forms = entries.len();
        let mut lexicon = Self {
            steps: FxHashMap::default(),
            first: vec![ROOT; PLANE],
            pairs: vec![0; FILTER_WORDS],
            form_at: vec![0],
            terms: Vec::with_capacity(forms),
        };
        lexicon.steps.reserve(forms * 4);
        for (form, term) in entries {
            if !form.is_empty() {
                lexicon.add(&form, term).ok_or(LexiconError { forms })?;
            }
        }
        Ok(lexicon)
    }

    fn add(&mut self, form: &str, term: T) -> Option<()> {
        let mut node = ROOT;
        let mut start = form.chars();
        if let (Some(one), Some(two)) = (start.next(), start.next()) {
            let (word, bit) = filter_place(one, two);
            *self.pairs.get_mut(word)? |= bit;
        }
        for c in form.chars() {
            let next = u32::try_from(self.form_at.len()).ok()?;
            let entry = *self.steps.entry((node, c)).or_insert(next);
            if entry == next {
                self.form_at.push(0);
                if let Some(place) = self.first.get_mut(c as usize).filter(|_| node == ROOT) {
                    *place = entry;
                }
            }
            node = entry;
        }
        let place = self.form_at.get_mut(node as usize)?;
        if *place == 0 {
            self.terms.push(vec![term]);
            *place = u32::try_from(self.terms.len()).ok()?;
        } else {
            self.terms.get_mut(*place as usize - 1)?.push(term);
        }
        Some(())
    }

    /// Number of forms.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether it holds no form.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// All matches, overlapping ones included, ordered by start, then by end.
    pub fn matches(&self, text: &[char]) -> Vec<Match> {
        let mut found = Vec::new();
        self.find(text, &mut found);
        found
    }

    /// Adds all matches to a list.
    pub fn find(&self, text: &[char], found: &mut Vec<Match>) {
        for (start, c) in (0u32..).zip(text) {
            let mut node = self.first_node(*c);
            if node == ROOT {
                continue;
            }
            self.note(node, start, start + 1, found);
            let mut rest = text.get(start as usize + 1..).unwrap_or(&[]).iter();
            if !rest.clone().next().is_some_and(|next| self.may_begin(*c, *next)) {
                continue;
            }
            let mut end = start + 1;
            while let Some(next) = rest.next().and_then(|c| self.steps.get(&(node, *c))) {
                node = *next;
                end += 1;
                self.note(node, start, end, found);
            }
        }
    }

    fn note(&self, node: u32, start: u32, end: u32, found: &mut Vec<Match>) {
        if let Some(form) = self
            .form_at
            .get(node as usize)
            .and_then(|form| form.checked_sub(1))
        {
            found.push(Match { start, end, form });
        }
    }

    fn first_node(&self, c: char) -> u32 {
        match self.first.get(c as usize) {
            Some(node) => *node,
            None => self.steps.get(&(ROOT, c)).copied().unwrap_or(ROOT),
        }
    }

    fn may_begin(&self, one: char, two: char) -> bool {
        let (word, bit) = filter_place(one, two);
        self.pairs.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// What a form means, in table order.
    pub fn terms(&self, form: u32) -> &[T] {
        self.terms.get(form as usize).map_or(&[], Vec::as_slice)
    }

    /// What exactly this text means, when it is a form.
    pub fn get(&self, form: &str) -> &[T] {
        self.spelled(form.chars())
    }

    /// What exactly these characters mean, when they are a form.
    pub fn spelled(&self, mut form: impl Iterator<Item = char>) -> &[T] {
        let end = form.try_fold(ROOT, |node, c| self.steps.get(&(node, c)).copied());
        let form = end
            .and_then(|node| self.form_at.get(node as usize))
            .and_then(|form| form.checked_sub(1));
        form.map_or(&[], |form| self.terms(form))
    }
}

/// Word and bit of a pair of characters in the filter.
fn filter_place(one: char, two: char) -> (usize, u64) {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (u64::from(one) << 21 | u64::from(two)).wrapping_mul(MIX);
    let place = (mixed >> 44) as usize;
    (place / 64 % FILTER_WORDS, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lexicon() -> Lexicon<u8> {
        let forms = [("ab", 1), ("abc", 2), ("b", 3), ("ab", 4), ("", 5)];
        Lexicon::compile(forms.map(|(form, term)| (form.to_owned(), term))).unwrap()
    }

    #[test]
    fn every_form_is_found_at_every_place_in_order() {
        let text: Vec<char> = "xabcb".chars().collect();
        let lexicon = lexicon();
        let found: Vec<(u32, u32, &[u8])> = lexicon
            .matches(&text)
            .into_iter()
            .map(|found| (found.start, found.end, lexicon.terms(found.form)))
            .collect();
        assert_eq!(
            found,
            [
                (1, 3, &[1, 4][..]),
                (1, 4, &[2][..]),
                (2, 3, &[3][..]),
                (4, 5, &[3][..])
            ]
        );
    }

    #[test]
    fn a_form_is_known_whole_only() {
        let lexicon = lexicon();
        assert_eq!(
            (lexicon.get("ab"), lexicon.get("a"), lexicon.get("")),
            (&[1, 4][..], &[][..], &[][..])
        );
        assert_eq!(lexicon.len(), 3);
    }
}
