//! Collects what rows say, and puts it in order.

use super::report::ReadFile;
use crate::masters::{CodeRow, Entry, EntryCode, EntryForm, FormKeys, Master, MasterKind};
use tsumugi_tables::{TermKind, is_reading, to_hiragana};
use unicode_normalization::UnicodeNormalization;

/// A master that is being read.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    systems: Vec<Box<str>>,
    entries: Vec<Entry>,
    codes: Vec<(EntryCode, Box<str>)>,
    files: Vec<ReadFile>,
    edition: String,
}

impl Builder {
    /// A code of a system.
    pub(crate) fn code(&mut self, address: &str, code: &str) -> EntryCode {
        let at = self.systems.iter().position(|own| &**own == address);
        let at = at.unwrap_or_else(|| {
            self.systems.push(address.into());
            self.systems.len() - 1
        });
        EntryCode {
            // A master has a handful of systems.
            system: u8::try_from(at).unwrap_or(u8::MAX),
            code: code.into(),
        }
    }

    /// Adds an entry; the codes that it carries are mapped to it.
    pub(crate) fn add(&mut self, entry: Entry) {
        for code in &entry.codes {
            self.codes.push((code.clone(), entry.id.clone()));
        }
        self.entries.push(entry);
    }

    /// Maps a code to an entry without letting events carry it.
    pub(crate) fn map(&mut self, address: &str, code: &str, id: &str) {
        if !code.is_empty() {
            let code = self.code(address, code);
            self.codes.push((code, id.into()));
        }
    }

    /// Takes note of a date (YYYYMMDD) or version that a row names: the newest is the edition.
    pub(crate) fn date(&mut self, date: &str) {
        if date != "99999999" && date > self.edition.as_str() {
            date.clone_into(&mut self.edition);
        }
    }

    pub(crate) fn file(&mut self, file: ReadFile) {
        self.files.push(file);
    }

    /// The master: entries by id, each once, and every code with its entry, sorted.
    pub(crate) fn finish(mut self, kind: MasterKind) -> Master {
        self.entries.sort_by(|a, b| a.id.cmp(&b.id));
        self.entries.dedup_by(|later, first| {
            let is_same = later.id == first.id;
            if is_same {
                first.forms.append(&mut later.forms);
            }
            is_same
        });
        let entries = self.entries;
        let place = |id: &str| entries.binary_search_by(|entry| (*entry.id).cmp(id)).ok();
        let mut codes: Vec<CodeRow> = self
            .codes
            .into_iter()
            .filter_map(|(code, id)| {
                let entry = u32::try_from(place(&id)?).ok()?;
                Some(CodeRow { code, entry })
            })
            .collect();
        codes.sort_unstable();
        codes.dedup();
        Master {
            kind,
            edition: self.edition,
            files: self.files,
            systems: self.systems,
            entries,
            codes,
        }
    }
}

/// A name in NFKC form with its reading; what is no reading is none.
pub(crate) fn form(keys: &FormKeys, text: &str, kana: &str, in_text: bool) -> EntryForm {
    let text: String = text.nfkc().collect();
    let text = text.trim();
    EntryForm {
        kana: reading(kana).into(),
        key: keys.of(text).into(),
        text: text.into(),
        in_text,
    }
}

/// A reading in hiragana; empty where it is none.
pub(crate) fn reading(kana: &str) -> String {
    let folded: String = kana.nfkc().filter(|c| !c.is_whitespace()).collect();
    let reading = to_hiragana(&folded);
    if is_reading(&reading) {
        reading
    } else {
        String::new()
    }
}

/// Whether a name is only kana: it sounds like others and is no name that notes are searched for.
pub(crate) fn is_kana(text: &str) -> bool {
    is_reading(&to_hiragana(text))
}

/// An entry with its name alone.
pub(crate) fn entry(id: String, kind: Option<TermKind>, name: EntryForm) -> Entry {
    Entry {
        id: id.into(),
        kind,
        name,
        english: "".into(),
        forms: Vec::new(),
        icd10: "".into(),
        parents: Vec::new(),
        target: None,
        codes: Vec::new(),
    }
}
