//! Text as it is searched: compatibility forms and case folded, each character still knowing where it came from.
//!
//! Folding goes cluster by cluster (a character with the marks that follow it), never over the whole text, so that a
//! place in the folded text leads back to the original. Query and document go through the same function.

use tsumugi_clinical::Span;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Folded text with the way back.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// The folded text.
    pub(crate) text: String,
    /// For each folded character: its byte offset, and the stretch of the original it came from.
    places: Vec<(usize, Span)>,
}

impl Folded {
    /// Folds a text.
    pub(crate) fn new(original: &str) -> Self {
        let mut folded = Self::default();
        let mut cluster = String::new();
        let mut start = 0;
        for (position, character) in (0_u32..).zip(original.chars()) {
            if !is_mark(character) {
                folded.push(&cluster, Span::new(start, position));
                cluster.clear();
                start = position;
            }
            cluster.push(character);
        }
        let end = start + cluster.chars().count() as u32;
        folded.push(&cluster, Span::new(start, end));
        folded
    }

    fn push(&mut self, cluster: &str, span: Span) {
        for character in cluster.nfkc().flat_map(char::to_lowercase) {
            self.places.push((self.text.len(), span));
            // A zero would end the text early inside the database.
            self.text.push(if character == '\0' { ' ' } else { character });
        }
    }

    /// Where a folded term stands, as spans of the original; at most `limit`.
    pub(crate) fn find(&self, term: &str, limit: usize) -> Vec<Span> {
        if term.is_empty() {
            return Vec::new();
        }
        let places = |(at, found): (usize, &str)| {
            let first = self.places.partition_point(|(offset, _)| *offset < at);
            let past = self
                .places
                .partition_point(|(offset, _)| *offset < at + found.len());
            let stretch = self.places.get(first..past)?;
            Some(stretch.first()?.1.hull(stretch.last()?.1))
        };
        self.text
            .match_indices(term)
            .filter_map(places)
            .take(limit)
            .collect()
    }
}

/// Marks that belong to the character before them, the half-width voicing marks among them.
fn is_mark(character: char) -> bool {
    canonical_combining_class(character) != 0 || matches!(character, '\u{FF9E}' | '\u{FF9F}')
}

/// Folds a name for finding it: as text, and katakana as hiragana, since either is typed for the other.
pub fn fold_name(text: &str) -> String {
    let to_hiragana = |character: char| match character {
        '\u{30A1}'..='\u{30F6}' => char::from_u32(u32::from(character) - 0x60).unwrap_or(character),
        other => other,
    };
    Folded::new(text).text.chars().map(to_hiragana).collect()
}

#[cfg(test)]
#[expect(clippy::non_ascii_literal, reason = "test notes are Japanese")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(original: &str, term: &str, found: &[&str]) {
        let spans = Folded::new(original).find(&Folded::new(term).text, usize::MAX);
        let pick = |span: &Span| -> String {
            original
                .chars()
                .skip(span.start as usize)
                .take(span.len() as usize)
                .collect()
        };
        assert_eq!(
            spans.iter().map(pick).collect::<Vec<_>>(),
            found,
            "{term} in {original}"
        );
    }

    #[test]
    fn finds_across_forms_and_leads_back() {
        check("ＢＴ３９．２、咳", "bt39.2", &["ＢＴ３９．２"]);
        check("ｶﾞﾝの疑い", "ガン", &["ｶﾞﾝ"]);
        check("ガン、がん", "ガン", &["ガン"]);
        check("カ\u{3099}ン", "ガン", &["カ\u{3099}ン"]);
        check("5㎎ 5mg", "mg", &["㎎", "mg"]);
        check("㎎", "g", &["㎎"]);
        check("カガ", "カ", &["カ"]);
        check("CRP crp", "Crp", &["CRP", "crp"]);
        check("\u{3099}x", "x", &["x"]);
        check("a\0b", "b", &["b"]);
        check("発熱", "", &[]);
    }

    #[test]
    fn names_fold_kana() {
        assert_eq!(fold_name("ﾔﾏﾀﾞ タロウ"), "やまだ たろう");
    }

    proptest! {
        #[test]
        fn every_stretch_is_found_where_it_is(text in "[aAｱﾞ㎎ｶ発é\u{3099} ]{0,20}", from in 0_usize..20, len in 1_usize..6) {
            let term: String = text.chars().skip(from).take(len).collect();
            let folded = Folded::new(&text);
            for span in folded.find(&Folded::new(&term).text, usize::MAX) {
                prop_assert!(span.end as usize <= text.chars().count() && !span.is_empty());
            }
            let starts_at_mark = text.chars().nth(from).is_some_and(is_mark);
            let cut_before_mark = text.chars().nth(from + len).is_some_and(is_mark);
            if !term.is_empty() && !starts_at_mark && !cut_before_mark {
                prop_assert!(!folded.find(&Folded::new(&term).text, 1).is_empty());
            }
        }
    }
}
