//! Snippets: text with slots, called by a short key. A slot is filled with one of its choices, or vanishes with the
//! separator before it, so that nothing is left that nobody examined.

use tsumugi_tables::{Mistake, Source, Table};

/// Where the writer fills in words of his own.
const BLANK: char = '_';

/// All snippets, sorted by key.
#[derive(Debug, Clone, Default)]
pub struct Snippets(Vec<Snippet>);

/// A snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// What calls it, e.g. `;ab`.
    pub key: Box<str>,
    /// What it is for.
    pub name: Box<str>,
    /// Reading of the name.
    pub kana: Box<str>,
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// Sections in which it is offered first; empty where in all.
    pub sections: Vec<Box<str>>,
}

/// A part of a snippet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(Box<str>),
    /// A choice of texts, each of which may hold blanks (`_`) to fill in.
    Slot(Vec<Box<str>>),
}

impl Snippets {
    /// Reads `prediction/snippets.tsv`; mistakes go to `mistakes`.
    pub fn new(sources: &[Source<'_>], mistakes: &mut Vec<Mistake>) -> Self {
        let mut all: Vec<Snippet> = Vec::new();
        for source in sources
            .iter()
            .filter(|source| source.path == "prediction/snippets.tsv")
        {
            for row in Table::parse(*source, mistakes).rows() {
                let mut wrong = |message: &str| mistakes.push(Mistake::new(source.path, row.line, message));
                let Some(parts) = parts(row.get("body")) else {
                    wrong("a slot is not closed, is empty, or stands in another");
                    continue;
                };
                if !parts.iter().any(|part| matches!(part, Part::Slot(_))) {
                    wrong("a snippet without a slot would state what nobody examined");
                }
                if all.iter().any(|own| *own.key == *row.get("key")) {
                    wrong("the key stands in another row, too");
                }
                all.push(Snippet {
                    key: row.get("key").into(),
                    name: row.get("name").into(),
                    kana: row.get("kana").into(),
                    parts,
                    sections: row.list("sections").map(Into::into).collect(),
                });
            }
        }
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Self(all)
    }

    /// All snippets.
    pub fn iter(&self) -> impl Iterator<Item = &Snippet> {
        self.0.iter()
    }

    /// The snippet of a key.
    pub fn get(&self, key: &str) -> Option<&Snippet> {
        let at = self.0.binary_search_by(|own| own.key.as_ref().cmp(key)).ok()?;
        self.0.get(at)
    }

    /// The snippets whose key, name or reading begins so.
    pub fn beginning_with(&self, typed: &str) -> impl Iterator<Item = &Snippet> {
        let begins = move |own: &&Snippet| {
            !typed.is_empty()
                && (own.key.starts_with(typed) || own.name.starts_with(typed) || own.kana.starts_with(typed))
        };
        self.0.iter().filter(begins)
    }
}

impl Snippet {
    /// The slots.
    pub fn slots(&self) -> impl Iterator<Item = &[Box<str>]> {
        self.parts.iter().filter_map(|part| match part {
            Part::Slot(choices) => Some(choices.as_slice()),
            Part::Text(_) => None,
        })
    }

    /// The text with the slots filled, in order; a slot that is none, empty, or still has a blank vanishes, and with it
    /// the separator before it (behind it, at the beginning). Nothing at all when no slot is filled.
    pub fn filled(&self, fills: &[Option<&str>]) -> String {
        let mut fills = fills.iter();
        let mut text = String::new();
        let mut separator = String::new();
        let (mut is_filled, mut is_open) = (false, true);
        for part in &self.parts {
            match part {
                Part::Text(words) if words.chars().all(is_separator) => {
                    if !is_open {
                        separator = words.to_string();
                    }
                    is_open = true;
                }
                Part::Text(words) => {
                    // A heading with its own blank behind stands before the first slot.
                    text.push_str(&std::mem::take(&mut separator));
                    text.push_str(words);
                    is_open = true;
                }
                Part::Slot(_) => {
                    let fill = fills.next().copied().flatten().unwrap_or("");
                    if fill.is_empty() || fill.contains(BLANK) {
                        continue;
                    }
                    text.push_str(&std::mem::take(&mut separator));
                    text.push_str(fill);
                    (is_filled, is_open) = (true, false);
                }
            }
        }
        if is_filled { text } else { String::new() }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{3001}' | ',' | '\u{FF0C}')
}

/// The parts of a body; none where its slots are not well formed.
pub(crate) fn parts(body: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = body;
    while let Some((text, behind)) = rest.split_once('{') {
        let (slot, after) = behind.split_once('}')?;
        if slot.contains('{') || text.contains('}') {
            return None;
        }
        let choices: Vec<Box<str>> = slot.split('|').map(Into::into).collect();
        if choices.iter().any(|choice| choice.is_empty()) {
            return None;
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        parts.push(Part::Slot(choices));
        rest = after;
    }
    if rest.contains('}') {
        return None;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::non_ascii_literal, reason = "notes are Japanese")]

    use super::*;

    #[track_caller]
    fn check(body: &str, fills: &[Option<&str>], wanted: &str) {
        let snippet = Snippet {
            key: ";x".into(),
            name: "x".into(),
            kana: "x".into(),
            parts: parts(body).unwrap(),
            sections: Vec::new(),
        };
        assert_eq!(snippet.filled(fills), wanted);
    }

    #[test]
    fn an_empty_slot_vanishes_with_its_separator() {
        let body = "腹部 {平坦|膨満}、{軟|硬}、{圧痛なし|_圧痛}";
        check(
            body,
            &[Some("平坦"), Some("軟"), Some("圧痛なし")],
            "腹部 平坦、軟、圧痛なし",
        );
        check(body, &[None, Some("軟"), None], "腹部 軟");
        check(
            body,
            &[Some("平坦"), None, Some("右下腹部圧痛")],
            "腹部 平坦、右下腹部圧痛",
        );
        check(body, &[None, None, None], "");
        check(body, &[Some("平坦")], "腹部 平坦");
    }

    #[test]
    fn a_choice_with_an_open_blank_counts_as_nothing() {
        check(
            "{HR _ 整|HR _ 不整}、{RR _}",
            &[Some("HR _ 整"), Some("RR 18")],
            "RR 18",
        );
    }

    #[test]
    fn a_broken_body_is_told() {
        for body in ["{a", "a}", "{a|}", "{a{b}}", "{}"] {
            assert_eq!(parts(body), None, "{body}");
        }
        let text = "key\tname\tkana\tbody\tsections\n;a\tx\tx\t{a\t\n;b\tx\tx\tplain\t\n";
        let mut mistakes = Vec::new();
        Snippets::new(
            &[Source {
                path: "prediction/snippets.tsv",
                text,
            }],
            &mut mistakes,
        );
        let lines: Vec<u32> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
