//! The compiled lexicon: a trie over characters that finds every form of every table at every place of a text. Which of
//! the overlapping matches count is the reader's business.
//!
//! The children of a node lie side by side, and the children of the first of them right behind: a word that goes on in
//! one way only is read from neighbouring memory. At most places of a text no form of two characters begins: a table of
//! first characters and a filter of first pairs, both small enough to stay in the cache, say so before the trie is
//! asked. See `docs/decisions/0005-a-trie-for-the-lexicon.md`.

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
    /// What the form means, as bits: those of [`Lexicon::marks`], at hand where the form is found.
    pub marks: u32,
}

/// Forms with what they mean; one form may mean several things, in the order given.
pub struct Lexicon<T> {
    nodes: Vec<Node>,
    /// Number of first characters: the children of the root are more than a node can count.
    starts: u32,
    /// Node of every first character of the basic plane; `ROOT` where no form begins with it.
    first: Vec<u32>,
    /// One bit for the first two characters of every form; a bit may be set by chance.
    pairs: Vec<u64>,
    /// Node of the first two characters.
    second: FxHashMap<(u32, u32), u32>,
    /// Terms of all forms, form after form.
    terms: Vec<T>,
    forms: Vec<FormEntry>,
}

/// A node of the trie.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// Its character, and above it the number of its children: four nodes fill a line of the cache.
    packed: u32,
    /// Form that ends here, plus one; 0 where none does.
    form: u32,
    /// Marks of that form.
    marks: u32,
    /// First of its children; they are ordered by their characters.
    children: u32,
}

/// Bits of a character.
const LABEL_BITS: u32 = 21;

impl Node {
    fn new(label: char) -> Self {
        Self {
            packed: label as u32,
            form: 0,
            marks: 0,
            children: 0,
        }
    }

    fn label(self) -> u32 {
        self.packed & ((1 << LABEL_BITS) - 1)
    }

    fn count(self) -> u32 {
        self.packed >> LABEL_BITS
    }
}

/// A form: where its terms end in the list of all terms, and their marks taken together.
#[derive(Debug, Clone, Copy)]
struct FormEntry {
    end: u32,
    marks: u32,
    /// Where it ends in the trie; the root for forms that no text spells.
    node: u32,
}

/// What a term is, as bits, so that a form can be asked whether it means something of a kind without a walk over its
/// terms.
pub trait Marked {
    /// The bits.
    fn marks(&self) -> u32;
}

impl<T> std::fmt::Debug for Lexicon<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lexicon({} forms)", self.forms.len())
    }
}

const ROOT: u32 = 0;
/// Characters of the basic multilingual plane.
const PLANE: usize = 1 << 16;
/// Words of the filter of pairs: 2^20 bits.
const FILTER_WORDS: usize = 1 << 14;
/// From this number of children on, they are halved instead of walked.
const MANY: usize = 12;

impl<T: Marked + Clone> Lexicon<T> {
    /// Compiles the forms. Empty forms are left out; the meanings of a form keep the order in which they came.
    pub fn compile<'a>(entries: impl Iterator<Item = (&'a str, &'a T)>) -> Result<Self, LexiconError>
    where
        T: 'a,
    {
        let entries = sorted(entries);
        let error = LexiconError { forms: entries.len() };
        let mut lexicon = Self {
            nodes: Vec::with_capacity(entries.len() * 4),
            starts: 0,
            first: vec![ROOT; PLANE],
            pairs: vec![0; FILTER_WORDS],
            second: FxHashMap::default(),
            terms: Vec::with_capacity(entries.len()),
            forms: Vec::with_capacity(entries.len()),
        };
        let mut spelled = Spelled::default();
        let mut last = "";
        for Entry { form, term, .. } in entries {
            let marks = term.marks();
            lexicon.terms.push(term.clone());
            let end = u32::try_from(lexicon.terms.len()).map_err(|_| LexiconError { ..error })?;
            if let Some(known) = lexicon.forms.last_mut().filter(|_| form == last) {
                known.end = end;
                known.marks |= marks;
            } else {
                lexicon.forms.push(FormEntry {
                    end,
                    marks,
                    node: ROOT,
                });
                spelled.push(form);
                last = form;
            }
        }
        lexicon.nodes.push(Node::new('\0'));
        lexicon.grow(&spelled).ok_or(error)?;
        lexicon.index_starts();
        Ok(lexicon)
    }
}

/// A form to be compiled.
struct Entry<'a, T> {
    /// Its first bytes as a number: most comparisons need no more.
    head: u64,
    form: &'a str,
    term: &'a T,
}

/// The forms in the order of their bytes, which is that of their characters.
fn sorted<'a, T>(entries: impl Iterator<Item = (&'a str, &'a T)>) -> Vec<Entry<'a, T>> {
    let head = |form: &str| {
        let mut head = [0; size_of::<u64>()];
        head.iter_mut()
            .zip(form.bytes())
            .for_each(|(place, byte)| *place = byte);
        u64::from_be_bytes(head)
    };
    let mut sorted: Vec<Entry<'a, T>> = entries
        .filter(|(form, _)| !form.is_empty())
        .map(|(form, term)| Entry {
            head: head(form),
            form,
            term,
        })
        .collect();
    sorted.sort_by(|a, b| a.head.cmp(&b.head).then_with(|| a.form.cmp(b.form)));
    sorted
}

/// Forms as characters, side by side.
#[derive(Debug, Default)]
struct Spelled {
    chars: Vec<char>,
    ends: Vec<usize>,
}

impl Spelled {
    fn push(&mut self, form: &str) {
        self.chars.extend(form.chars());
        self.ends.push(self.chars.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, form: usize) -> Option<&[char]> {
        let start = match form.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.chars.get(start..*self.ends.get(form)?)
    }

    /// One past the last form of the range that has this character at this depth; the range is sorted.
    fn end_of(&self, range: std::ops::Range<usize>, depth: usize, label: char) -> usize {
        let has_label = |form: usize| self.get(form).and_then(|form| form.get(depth)) == Some(&label);
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low.midpoint(high);
            if has_label(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

impl<T: Marked> Lexicon<T> {
    /// Lays out the nodes of the sorted forms.
    fn grow(&mut self, forms: &Spelled) -> Option<()> {
        let mut open = vec![(ROOT, 0..forms.len(), 0)];
        while let Some((node, range, depth)) = open.pop() {
            let mut first = range.start;
            if forms.get(first).is_some_and(|form| form.len() == depth) {
                let entry = self.forms.get_mut(first)?;
                entry.node = node;
                let node = self.nodes.get_mut(node as usize)?;
                node.form = u32::try_from(first + 1).ok()?;
                node.marks = entry.marks;
                first += 1;
            }
            let children = u32::try_from(self.nodes.len()).ok()?;
            let before = open.len();
            while first < range.end {
                let label = *forms.get(first)?.get(depth)?;
                let end = forms.end_of(first..range.end, depth, label);
                let child = u32::try_from(self.nodes.len()).ok()?;
                self.nodes.push(Node::new(label));
                open.push((child, first..end, depth + 1));
                first = end;
            }
            // The first child is laid out next, right behind its siblings.
            open.get_mut(before..)?.reverse();
            let count = u32::try_from(self.nodes.len()).ok()? - children;
            let parent = self.nodes.get_mut(node as usize)?;
            parent.children = children;
            if node == ROOT {
                self.starts = count;
            } else {
                parent.packed |=
                    Some(count).filter(|count| *count < 1 << (u32::BITS - LABEL_BITS))? << LABEL_BITS;
            }
        }
        Some(())
    }

    /// Fills the tables of first characters and first pairs.
    fn index_starts(&mut self) {
        for one in self.range_of(ROOT) {
            let Some(first) = self.nodes.get(one).copied() else {
                continue;
            };
            if let Some(place) = self.first.get_mut(first.label() as usize) {
                *place = one as u32;
            }
            for two in self.range_of(one as u32) {
                let Some(second) = self.nodes.get(two).copied() else {
                    continue;
                };
                let (word, bit) = filter_place(first.label(), second.label());
                if let Some(bits) = self.pairs.get_mut(word) {
                    *bits |= bit;
                }
                self.second.insert((one as u32, second.label()), two as u32);
            }
        }
    }
}

impl<T: Marked + Clone> Lexicon<T> {
    /// Adds a form that no text spells: another reading of one that texts do. Gives its index.
    pub fn add_reading(&mut self, terms: impl IntoIterator<Item = T>) -> u32 {
        let mut marks = 0;
        for term in terms {
            marks |= term.marks();
            self.terms.push(term);
        }
        self.forms.push(FormEntry {
            end: self.terms.len() as u32,
            marks,
            node: ROOT,
        });
        self.forms.len() as u32 - 1
    }

    /// Adds marks to a form.
    pub fn mark(&mut self, form: u32, marks: u32) {
        if let Some(entry) = self.forms.get_mut(form as usize) {
            entry.marks |= marks;
            let node = self.nodes.get_mut(entry.node as usize);
            if let Some(node) = node.filter(|node| node.form == form + 1) {
                node.marks = entry.marks;
            }
        }
    }
}

impl<T> Lexicon<T> {
    /// Number of forms.
    pub fn len(&self) -> usize {
        self.forms.len()
    }

    /// Whether it holds no form.
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
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
            let first = self.first_node(*c);
            if first == ROOT {
                continue;
            }
            self.note(first, start, start + 1, found);
            let rest = text.get(start as usize + 1..).unwrap_or(&[]);
            let Some((next, rest)) = rest.split_first() else {
                continue;
            };
            if !self.may_begin(*c, *next) {
                continue;
            }
            let Some(mut node) = self.second.get(&(first, u32::from(*next))).copied() else {
                continue;
            };
            let mut end = start + 2;
            self.note(node, start, end, found);
            for c in rest {
                let Some(next) = self.child(node, *c) else { break };
                node = next;
                end += 1;
                self.note(node, start, end, found);
            }
        }
    }

    fn note(&self, node: u32, start: u32, end: u32, found: &mut Vec<Match>) {
        if let Some(node) = self.nodes.get(node as usize)
            && let Some(form) = node.form.checked_sub(1)
        {
            found.push(Match {
                start,
                end,
                form,
                marks: node.marks,
            });
        }
    }

    fn form_at(&self, node: u32) -> Option<u32> {
        self.nodes
            .get(node as usize)
            .and_then(|node| node.form.checked_sub(1))
    }

    fn range_of(&self, node: u32) -> std::ops::Range<usize> {
        let count = |found: &Node| if node == ROOT { self.starts } else { found.count() };
        self.nodes.get(node as usize).map_or(0..0, |node| {
            node.children as usize..(node.children + count(node)) as usize
        })
    }

    fn child(&self, node: u32, c: char) -> Option<u32> {
        let range = self.range_of(node);
        let start = range.start;
        let children = self.nodes.get(range)?;
        let place = if children.len() < MANY {
            children.iter().position(|child| child.label() == c as u32)
        } else {
            children
                .binary_search_by_key(&(c as u32), |child| child.label())
                .ok()
        };
        place.map(|place| (start + place) as u32)
    }

    fn first_node(&self, c: char) -> u32 {
        match self.first.get(c as usize) {
            Some(node) => *node,
            None => self.child(ROOT, c).unwrap_or(ROOT),
        }
    }

    fn may_begin(&self, one: char, two: char) -> bool {
        let (word, bit) = filter_place(u32::from(one), u32::from(two));
        self.pairs.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// What a form means, in table order.
    pub fn terms(&self, form: u32) -> &[T] {
        let start = (form as usize)
            .checked_sub(1)
            .and_then(|before| self.forms.get(before))
            .map_or(0, |before| before.end);
        self.forms
            .get(form as usize)
            .and_then(|entry| self.terms.get(start as usize..entry.end as usize))
            .unwrap_or(&[])
    }

    /// The marks of everything a form means, taken together.
    pub fn marks(&self, form: u32) -> u32 {
        self.forms.get(form as usize).map_or(0, |entry| entry.marks)
    }

    /// What exactly this text means, when it is a form.
    pub fn get(&self, form: &str) -> &[T] {
        self.spelled(form.chars())
    }

    /// What exactly these characters mean, when they are a form.
    pub fn spelled(&self, form: impl IntoIterator<Item = char>) -> &[T] {
        self.form_of(form).map_or(&[], |form| self.terms(form))
    }

    /// The form that exactly these characters spell.
    pub fn form_of(&self, form: impl IntoIterator<Item = char>) -> Option<u32> {
        let mut form = form.into_iter();
        let first = form
            .next()
            .map(|c| self.first_node(c))
            .filter(|node| *node != ROOT)?;
        let Some(two) = form.next() else {
            return self.form_at(first);
        };
        let second = self.second.get(&(first, u32::from(two))).copied()?;
        let end = form.try_fold(second, |node, c| self.child(node, c))?;
        self.form_at(end)
    }

    /// The forms that begin at the start of these characters, the shortest first, with their lengths.
    pub fn prefixes(&self, text: impl IntoIterator<Item = char>) -> impl Iterator<Item = (usize, u32)> {
        let mut node = Some(ROOT);
        (1..)
            .zip(text)
            .map_while(move |(length, c)| {
                node = match node? {
                    ROOT => Some(self.first_node(c)).filter(|first| *first != ROOT),
                    inner if length == 2 => self.second.get(&(inner, u32::from(c))).copied(),
                    inner => self.child(inner, c),
                };
                node.map(|node| (length, node))
            })
            .filter_map(|(length, node)| self.form_at(node).map(|form| (length, form)))
    }
}

/// Word and bit of a pair of characters in the filter.
fn filter_place(one: u32, two: u32) -> (usize, u64) {
    const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
    let mixed = (u64::from(one) << 21 | u64::from(two)).wrapping_mul(MIX);
    let place = (mixed >> 44) as usize;
    (place / 64 % FILTER_WORDS, 1 << (place % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Marked for u8 {
        fn marks(&self) -> u32 {
            1 << self
        }
    }

    fn lexicon() -> Lexicon<u8> {
        let forms = [("ab", 1), ("abc", 2), ("b", 3), ("ab", 4), ("", 5)];
        Lexicon::compile(forms.iter().map(|(form, term)| (*form, term))).unwrap()
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

    #[test]
    fn the_marks_of_a_form_are_those_of_all_its_terms() {
        let lexicon = lexicon();
        let marks: Vec<u32> = (0..3).map(|form| lexicon.marks(form)).collect();
        assert_eq!(marks, [1 << 1 | 1 << 4, 1 << 2, 1 << 3]);
    }

    #[test]
    fn forms_at_the_start_are_told_with_their_lengths() {
        let lexicon = lexicon();
        let found: Vec<(usize, &[u8])> = lexicon
            .prefixes("abcd".chars())
            .map(|(length, form)| (length, lexicon.terms(form)))
            .collect();
        assert_eq!(found, [(2, &[1, 4][..]), (3, &[2][..])]);
    }
}
