//! The syntax of HL7 v2 (chapter 2): separators, segments, fields, repetitions, components.
//!
//! Nothing is copied: a field is a stretch of the decoded text, and its parts are cut when they are asked for.

use super::escape::unescape;
use std::borrow::Cow;

/// Most fields of a segment that are told apart; what stands behind stays in the last one.
const MOST_FIELDS: usize = 128;
/// Most segments of a message.
const MOST_SEGMENTS: usize = 100_000;
/// Most components that are told apart.
const MOST_PARTS: usize = 64;
/// Longest segment in bytes of decoded text.
const LONGEST_SEGMENT: usize = 10_000_000;
/// Segments around messages in a batch.
const ENVELOPE: [&str; 4] = ["FHS", "BHS", "BTS", "FTS"];

/// The separators that MSH-1 and MSH-2 name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields.
    pub field: char,
    /// Between components.
    pub component: char,
    /// Between repetitions.
    pub repetition: char,
    /// Around escape sequences.
    pub escape: char,
    /// Between subcomponents.
    pub subcomponent: char,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self {
            field: '|',
            component: '^',
            repetition: '~',
            escape: '\\',
            subcomponent: '&',
        }
    }
}

/// A message, cut into segments.
#[derive(Debug, Clone)]
pub struct Message<'t> {
    /// Its separators.
    pub delimiters: Delimiters,
    /// Its segments, MSH first; envelopes of a batch are not among them.
    pub segments: Vec<Segment<'t>>,
    /// Lines that are no segments: line from 1, and whether it was taken as the text of the segment before.
    pub odd_lines: Vec<(u32, bool)>,
}

/// Why a text is no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// There is no MSH.
    #[error("there is no MSH segment")]
    NoHeader,
    /// MSH ends before the message type.
    #[error("the MSH segment ends before MSH-9")]
    TruncatedHeader,
    /// MSH-1 and MSH-2 do not name separators.
    #[error("MSH-1 and MSH-2 do not name five different separators")]
    WrongSeparators,
    /// A segment is too long.
    #[error("segment {0} is longer than 10 MB")]
    LongSegment(u32),
    /// There are too many segments.
    #[error("there are more than 100,000 segments")]
    ManySegments,
}

impl SyntaxError {
    /// A stable word for it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoHeader => "no-header",
            Self::TruncatedHeader => "truncated-header",
            Self::WrongSeparators => "wrong-separators",
            Self::LongSegment(_) => "long-segment",
            Self::ManySegments => "many-segments",
        }
    }
}

/// A segment.
#[derive(Debug, Clone)]
pub struct Segment<'t> {
    /// Its line in the file, from 1.
    pub line: u32,
    /// Three letters.
    pub name: &'t str,
    /// All of it, with its name.
    pub raw: &'t str,
    fields: Vec<&'t str>,
    delimiters: Delimiters,
}

/// One repetition of a field.
#[derive(Debug, Clone, Copy)]
pub struct Repetition<'s> {
    /// As it is written.
    pub raw: &'s str,
    delimiters: &'s Delimiters,
}

impl<'t> Message<'t> {
    /// Cuts a decoded message. `first_line` is the line of the file where it begins, from 1.
    ///
    /// # Errors
    /// When there is no usable MSH, or a limit is passed.
    pub fn parse(text: &'t str, first_line: u32) -> Result<Self, SyntaxError> {
        let mut message = Self {
            delimiters: Delimiters::default(),
            segments: Vec::new(),
            odd_lines: Vec::new(),
        };
        for (line, raw) in lines(text, first_line) {
            message.line(line, raw, text)?;
        }
        match message.segments.first() {
            None => Err(SyntaxError::NoHeader),
            Some(header) if header.field_raw(9).is_empty() => Err(SyntaxError::TruncatedHeader),
            Some(_) => Ok(message),
        }
    }

    /// The header.
    pub fn header(&self) -> Option<&Segment<'t>> {
        self.segments.first()
    }

    /// The first segment of a name.
    pub fn segment(&self, name: &str) -> Option<&Segment<'t>> {
        self.segments.iter().find(|segment| segment.name == name)
    }

    fn line(&mut self, line: u32, raw: &'t str, text: &'t str) -> Result<(), SyntaxError> {
        if raw.len() > LONGEST_SEGMENT {
            return Err(SyntaxError::LongSegment(line));
        }
        if raw
            .chars()
            .all(|letter| letter.is_whitespace() || letter.is_control())
        {
            return Ok(());
        }
        if self.segments.is_empty() {
            if ENVELOPE.iter().any(|name| raw.starts_with(name)) {
                return Ok(());
            }
            self.delimiters = delimiters(raw)?;
            self.segments
                .push(Segment::cut(line, "MSH", raw, self.delimiters));
            return Ok(());
        }
        if self.segments.len() >= MOST_SEGMENTS {
            return Err(SyntaxError::ManySegments);
        }
        let Some(name) = segment_name(raw, self.delimiters.field) else {
            self.odd_line(line, raw, text);
            return Ok(());
        };
        if !ENVELOPE.contains(&name) {
            self.segments.push(Segment::cut(line, name, raw, self.delimiters));
        }
        Ok(())
    }

    /// A line that is no segment: a line break inside a text belongs to the segment before.
    fn odd_line(&mut self, line: u32, raw: &'t str, text: &'t str) {
        let base = text.as_ptr().addr();
        let mut is_text = false;
        if let Some(before) = self
            .segments
            .last_mut()
            .filter(|before| matches!(before.name, "OBX" | "NTE"))
        {
            let start = before.raw.as_ptr().addr() - base;
            let end = raw.as_ptr().addr() - base + raw.len();
            let joined = text
                .get(start..end)
                .filter(|joined| joined.len() <= LONGEST_SEGMENT);
            if let Some(joined) = joined.filter(|_| !raw.contains(before.delimiters.field)) {
                *before = Segment {
                    raw: joined,
                    // Cut once more only when it is asked for: a text of many lines would be cut as often.
                    fields: Vec::new(),
                    ..before.clone()
                };
                is_text = true;
            }
        }
        if self.odd_lines.len() < 100 {
            self.odd_lines.push((line, is_text));
        }
    }
}

impl<'t> Segment<'t> {
    fn cut(line: u32, name: &'t str, raw: &'t str, delimiters: Delimiters) -> Self {
        let fields = raw.splitn(MOST_FIELDS, delimiters.field).collect();
        Self {
            line,
            name,
            raw,
            fields,
            delimiters,
        }
    }

    /// A field as it is written, from 1; empty when the segment ends before it.
    pub fn field_raw(&self, number: usize) -> &'t str {
        // MSH-1 is the separator itself.
        let index = if self.name == "MSH" {
            number.saturating_sub(1)
        } else {
            number
        };
        if self.fields.is_empty() {
            return self.raw.split(self.delimiters.field).nth(index).unwrap_or("");
        }
        self.fields.get(index).copied().unwrap_or("")
    }

    /// The separators.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The repetitions of a field, without empty ones.
    pub fn repetitions(&self, number: usize) -> impl Iterator<Item = Repetition<'_>> {
        self.field_raw(number)
            .split(self.delimiters.repetition)
            .map(|raw| Repetition {
                raw,
                delimiters: &self.delimiters,
            })
            .filter(|repetition| !repetition.raw.is_empty())
    }

    /// The first repetition of a field.
    pub fn field(&self, number: usize) -> Repetition<'_> {
        let raw = self.field_raw(number);
        Repetition {
            raw: raw.split(self.delimiters.repetition).next().unwrap_or(raw),
            delimiters: &self.delimiters,
        }
    }

    /// A component of the first repetition, from 1, without escapes; empty when there is none.
    pub fn text(&self, number: usize, component: usize) -> String {
        self.field(number).text(component)
    }
}

impl<'s> Repetition<'s> {
    /// A component as it is written, from 1; empty when there is none.
    pub fn component(&self, number: usize) -> &'s str {
        self.raw
            .split(self.delimiters.component)
            .nth(number.saturating_sub(1))
            .unwrap_or("")
    }

    /// A component, from 1, without escapes and blanks around it; the explicit null `""` is empty.
    pub fn text(&self, number: usize) -> String {
        plain(self.component(number), self.delimiters)
    }

    /// A component with its blanks.
    pub fn exact(&self, number: usize) -> Cow<'s, str> {
        unescape(self.component(number), self.delimiters)
    }

    /// All of it as one text, with its blanks.
    pub fn whole(&self) -> Cow<'s, str> {
        unescape(self.raw, self.delimiters)
    }

    /// Its components; when there is one only, the subcomponents of that one (`code&text&system`).
    pub fn parts(&self) -> Vec<String> {
        let is_nested = !self.raw.contains(self.delimiters.component) && self.is_nested(1);
        let separator = if is_nested {
            self.delimiters.subcomponent
        } else {
            self.delimiters.component
        };
        self.raw
            .split(separator)
            .take(MOST_PARTS)
            .map(|part| plain(part, self.delimiters))
            .collect()
    }

    /// The subcomponents of a component, from 1, when it has some; else all components (`code&text&system^…`).
    pub fn parts_of(&self, number: usize) -> Vec<String> {
        if self.is_nested(number) {
            self.subcomponents(number)
        } else {
            self.parts()
        }
    }

    /// The subcomponents of a component, from 1.
    pub fn subcomponents(&self, number: usize) -> Vec<String> {
        self.component(number)
            .split(self.delimiters.subcomponent)
            .map(|part| plain(part, self.delimiters))
            .collect()
    }

    /// Whether a component has subcomponents.
    pub fn is_nested(&self, number: usize) -> bool {
        self.component(number).contains(self.delimiters.subcomponent)
    }
}

fn plain(raw: &str, delimiters: &Delimiters) -> String {
    if raw == "\"\"" {
        return String::new();
    }
    unescape(raw, delimiters).trim().to_owned()
}

/// The lines of a text with their numbers; CR, LF and CR LF end a line.
fn lines(text: &str, first: u32) -> impl Iterator<Item = (u32, &str)> {
    let mut number = first;
    let mut after_cr = false;
    text.split_inclusive(['\r', '\n']).filter_map(move |piece| {
        if after_cr && piece == "\n" {
            after_cr = false;
            return None;
        }
        let line = number;
        number = number.saturating_add(1);
        after_cr = piece.ends_with('\r');
        Some((
            line,
            piece
                .trim_end_matches(['\r', '\n', '\u{1C}'])
                .trim_start_matches('\u{B}'),
        ))
    })
}

/// The name of a segment: a capital letter and two capital letters or digits, then a separator or the end.
fn segment_name(raw: &str, separator: char) -> Option<&str> {
    let name = raw.get(..3)?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && name.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    let is_ended = raw
        .get(3..)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(separator));
    (is_name && is_ended).then_some(name)
}

fn delimiters(raw: &str) -> Result<Delimiters, SyntaxError> {
    let rest = raw.strip_prefix("MSH").ok_or(SyntaxError::NoHeader)?;
    let field = rest.chars().next().ok_or(SyntaxError::TruncatedHeader)?;
    let marks: Vec<char> = rest
        .chars()
        .skip(1)
        .take(6)
        .take_while(|letter| *letter != field)
        .collect();
    let usual = Delimiters::default();
    let named = Delimiters {
        field,
        component: marks.first().copied().unwrap_or(usual.component),
        repetition: marks.get(1).copied().unwrap_or(usual.repetition),
        escape: marks.get(2).copied().unwrap_or(usual.escape),
        subcomponent: marks.get(3).copied().unwrap_or(usual.subcomponent),
    };
    let all = [
        named.field,
        named.component,
        named.repetition,
        named.escape,
        named.subcomponent,
    ];
    let are_different = all
        .iter()
        .enumerate()
        .all(|(index, mark)| !all.iter().skip(index + 1).any(|other| other == mark));
    let are_marks = all.iter().all(char::is_ascii_punctuation);
    if marks.is_empty() && rest.chars().nth(1).is_none() {
        return Err(SyntaxError::TruncatedHeader);
    }
    if are_different && are_marks && (2..=5).contains(&marks.len()) {
        Ok(named)
    } else {
        Err(SyntaxError::WrongSeparators)
    }
}
