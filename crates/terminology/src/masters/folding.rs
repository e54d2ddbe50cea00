//! The form by which names of different tables are compared: as notes are folded, in small letters, without blanks.

use rustc_hash::FxHashMap;
use std::borrow::Cow;
use tsumugi_tables::{Source, Table};
use unicode_normalization::UnicodeNormalization;

/// Folds names; built from `lexicon/folding.tsv`, as the reader of notes is.
#[derive(Debug, Clone, Default)]
pub(crate) struct FormKeys {
    table: FxHashMap<char, Box<str>>,
}

impl FormKeys {
    /// Reads the table; its mistakes are the reader's to report.
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        let mut keys = Self::default();
        let source = sources.iter().find(|source| source.path == "lexicon/folding.tsv");
        if let Some(source) = source {
            let table = Table::parse(*source, &mut Vec::new());
            for row in table.rows() {
                let mut from = row.get("from").chars();
                if let (Some(c), None) = (from.next(), from.next()) {
                    keys.table.insert(c, row.get("to").into());
                }
            }
        }
        keys
    }

    /// The folded form of a name.
    pub(crate) fn of<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let stays = |c: char| match c {
            '0'..='9' | 'a'..='z' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FC}' => true,
            '\u{4E00}'..='\u{9FFF}' => !self.table.contains_key(&c),
            _ => false,
        };
        if text.chars().all(stays) {
            return Cow::Borrowed(text);
        }
        let mut folded = String::with_capacity(text.len());
        for c in text.chars() {
            match self.table.get(&c) {
                Some(to) => folded.push_str(to),
                None => folded.push(c),
            }
        }
        let mut key = String::with_capacity(folded.len());
        for c in folded.nfkc() {
            match self.table.get(&c) {
                Some(to) => key.push_str(to),
                None => key.push(c),
            }
        }
        let small = key.chars().flat_map(char::to_lowercase);
        Cow::Owned(small.filter(|c| !c.is_whitespace()).collect())
    }
}
