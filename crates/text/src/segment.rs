//! Cuts a folded note into sections, lines and sentences.
//!
//! A heading stands at the start of a line or sentence, bare on its line or closed by a bracket, colon or parenthesis
//! (`S)`, `【現病歴】`, `既往歴：`). The table `lexicon/sections.tsv` says which words are headings.

use crate::normalize::IDEOGRAPHIC_STOP;
use rustc_hash::FxHashMap;
use tsumugi_clinical::{SectionKind, Span};
use tsumugi_tables::{Mistake, Source, Table};

/// The known headings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headings {
    table: FxHashMap<Vec<char>, SectionKind>,
    /// Lengths of the headings that begin with a character, the longest first: most lines begin with none of these.
    lengths: FxHashMap<char, Vec<usize>>,
}

/// A sentence of the folded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// Where, without the mark that ends it.
    pub span: Span,
    /// The section it stands in.
    pub section: Option<SectionKind>,
    /// The heading that opens its section, when it stands right before it.
    pub heading: Option<Span>,
    /// Index of the line.
    pub line: u32,
}

/// What stands around a sentence and says how it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The section it stands in.
    pub section: Option<SectionKind>,
    /// The row of the heading right before it that says what a lone denial denies.
    pub heading: Option<u32>,
}

impl Headings {
    /// Reads the table.
    pub(crate) fn new(source: Source<'_>, mistakes: &mut Vec<Mistake>) -> Self {
        let table = Table::parse(source, mistakes);
        let mut headings = Self::default();
        for row in table.rows() {
            let kind = serde_json::from_value(serde_json::Value::String(row.get("section").to_owned()));
            if let Ok(kind) = kind {
                let form: Vec<char> = row.get("form").chars().collect();
                if let Some(first) = form.first() {
                    let lengths = headings.lengths.entry(*first).or_default();
                    if let Err(place) = lengths.binary_search_by(|length| form.len().cmp(length)) {
                        lengths.insert(place, form.len());
                    }
                }
                headings.table.entry(form).or_insert(kind);
            } else {
                let message = format!("unknown section \"{}\"", row.get("section"));
                mistakes.push(Mistake::new(source.path, row.line, message));
            }
        }
        headings
    }

    /// The heading at `start`, and the first character after it with its closing mark.
    fn at(&self, chars: &[char], start: usize) -> Option<(SectionKind, usize)> {
        let mut open = start;
        while chars.get(open).is_some_and(|c| OPENERS.contains(c)) {
            open += 1;
        }
        let decorated = open > start;
        let lengths = self.lengths.get(chars.get(open)?)?;
        lengths.iter().find_map(|length| {
            let name = chars.get(open..open + length)?;
            let kind = *self.table.get(name)?;
            let end = Self::close(chars, open + length, decorated, *length)?;
            Some((kind, end))
        })
    }

    /// What must follow a heading: a closing mark, or the end of the line; gives the end of the mark.
    fn close(chars: &[char], end: usize, decorated: bool, length: usize) -> Option<usize> {
        let mut at = end;
        let mut closed = false;
        while let Some(c) = chars.get(at) {
            match c {
                ':' | ')' | ']' | '>' | '\u{3011}' | '\u{25BC}' => closed = true,
                '.' if length <= 3 => closed = true,
                '\u{3002}' | '.' if length == 1 && !closed => closed = true,
                ' ' => {}
                _ => break,
            }
            at += 1;
        }
        let at_line_end = matches!(chars.get(at), None | Some('\n'));
        let spaced_soap = length == 1 && at > end && chars.get(at).is_some_and(|c| !c.is_ascii());
        let spaced_word = length >= 2 && decorated && at > end;
        (closed || at_line_end || spaced_soap || spaced_word).then_some(at)
    }
}

/// Marks that may stand before a heading.
const OPENERS: [char; 12] = [
    '\u{3010}', '[', '<', '\u{25A0}', '\u{25A1}', '#', '\u{25C6}', '\u{25C7}', '*', '\u{25B6}', '\u{30FB}',
    '(',
];

/// Cuts the text; every character but marks and headings is in exactly one sentence.
pub(crate) fn segment(headings: &Headings, chars: &[char]) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut section = None;
    let mut outer = None;
    let mut heading = None;
    let mut start = 0;
    let mut line = 0;
    let mut at = 0;
    let mut fresh = true;
    let mut brackets = 0u32;
    while at <= chars.len() {
        if fresh
            && at < chars.len()
            && let Some((kind, end)) = headings.at(chars, at)
        {
            push(&mut sentences, chars, (start, at), section, &mut heading, line);
            let has_body = !matches!(chars.get(end), None | Some('\n'));
            if !(has_body && ends_with_line(kind)) {
                outer = Some(kind);
            }
            section = Some(kind);
            heading = Some(Span::new(at as u32, end as u32));
            start = end;
            at = end;
            fresh = end > at;
            if start < chars.len() && !matches!(chars.get(at), Some('\n')) {
                continue;
            }
        }
        let ends = is_end(chars, at);
        if ends || at == chars.len() {
            push(&mut sentences, chars, (start, at), section, &mut heading, line);
            start = at + 1;
            if matches!(chars.get(at), Some('\n')) {
                line += 1;
                // A line that is indented goes on with what the line before began.
                if chars.get(at + 1) != Some(&' ') {
                    section = outer;
                }
            }
        }
        brackets = match chars.get(at) {
            Some('(') => brackets + 1,
            Some(')') => brackets.saturating_sub(1),
            Some('\n') => 0,
            _ => brackets,
        };
        let is_blank = matches!(chars.get(at), Some(' '));
        fresh = ends || (is_blank && closes_heading_ahead(chars, at + 1, brackets > 0));
        at += 1;
    }
    sentences
}

/// Sections whose heading with text on its own line speaks of that line only (家族歴：父 糖尿病).
fn ends_with_line(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::Complaint
            | SectionKind::History
            | SectionKind::Family
            | SectionKind::Social
            | SectionKind::Allergy
            | SectionKind::Medication
            | SectionKind::Preference
            | SectionKind::Vaccination
            | SectionKind::Diagnosis
            | SectionKind::Imaging
            | SectionKind::Pathology
    )
}

/// Whether a heading inside a line may start here: a word closed by a colon or a bracket within twelve characters. Within
/// brackets a bracket closes them and no heading (Child-Pugh A).
fn closes_heading_ahead(chars: &[char], start: usize, in_brackets: bool) -> bool {
    let ahead = chars.get(start..chars.len().min(start + 12)).unwrap_or(&[]);
    let stop = ahead
        .iter()
        .position(|c| matches!(c, ':' | '\u{3011}' | ')' | '\n' | ' ' | '\u{3001}'));
    stop.and_then(|stop| ahead.get(stop))
        .is_some_and(|c| matches!(c, ':' | '\u{3011}') || (*c == ')' && !in_brackets))
}

fn is_end(chars: &[char], at: usize) -> bool {
    match chars.get(at) {
        Some('\n' | '!') => true,
        Some(c) if *c == IDEOGRAPHIC_STOP => true,
        Some('?') => !matches!(chars.get(at + 1), Some(')')) && matches!(chars.get(at + 1), Some(' ' | '\n')),
        _ => false,
    }
}

fn push(
    sentences: &mut Vec<Sentence>,
    chars: &[char],
    (start, end): (usize, usize),
    section: Option<SectionKind>,
    heading: &mut Option<Span>,
    line: u32,
) {
    let body = chars.get(start..end).unwrap_or(&[]);
    let lead = body.iter().take_while(|c| **c == ' ').count();
    let tail = body.iter().rev().take_while(|c| **c == ' ').count();
    if lead < body.len() {
        let span = Span::new((start + lead) as u32, (end - tail) as u32);
        sentences.push(Sentence {
            span,
            section,
            heading: heading.take(),
            line,
        });
    }
}
