//! Character sets of Japanese records: what bytes are, and their text with the places that are wrong.
//!
//! Bytes are decoded before anything is split: in ISO-2022-JP the second byte of a character may be `|`, `^`, `~` or `&`
//! (ISO/IEC 2022, RFC 1468; JIS X 0201, X 0208, X 0212). Half-width kana stay as they are; folding belongs to the text engine.

mod iso2022;
mod write;

pub use write::encode;

use encoding_rs::{DecoderResult, EUC_JP, Encoding, SHIFT_JIS, UTF_8};

/// Most wrong places that are told one by one.
const MOST_PLACES: usize = 20;
/// Stands for a character that only the site has (private use).
const GETA: char = '\u{3013}';

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charset {
    /// ASCII only.
    Ascii,
    /// JIS with escape sequences, including JIS X 0201 kana and JIS X 0212.
    Iso2022Jp,
    /// UTF-8.
    Utf8,
    /// Shift_JIS with the extensions of NEC and IBM (CP932).
    Cp932,
    /// EUC-JP.
    EucJp,
}

impl Charset {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascii => "us-ascii",
            Self::Iso2022Jp => "iso-2022-jp",
            Self::Utf8 => "utf-8",
            Self::Cp932 => "cp932",
            Self::EucJp => "euc-jp",
        }
    }

    /// The character set that MSH-18 (HL7 table 0211) or a header names; `None` for an unknown name.
    pub fn named(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        Some(match plain.as_str() {
            "ASCII" | "USASCII" | "ISOIR6" | "ISOIR14" => Self::Ascii,
            "ISOIR87" | "ISOIR159" | "ISOIR13" | "ISO2022JP" | "CSISO2022JP" | "JIS" => Self::Iso2022Jp,
            "UNICODEUTF8" | "UTF8" | "UNICODE" => Self::Utf8,
            "SHIFTJIS" | "SJIS" | "CP932" | "WINDOWS31J" | "MS932" | "MSKANJI" => Self::Cp932,
            "EUCJP" | "EUC" | "XEUCJP" => Self::EucJp,
            _ => return None,
        })
    }
}

/// A place that could not be decoded; it stands as U+FFFD in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Offset into the bytes, from 0.
    pub offset: usize,
    /// Line, from 1; CR, LF and CR LF end a line.
    pub line: u32,
}

/// A decoded text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// The first wrong places, at most 20.
    pub wrong: Vec<Wrong>,
    /// How many wrong places there are.
    pub wrong_count: usize,
    /// How many characters of the site's own (gaiji in the private area) were replaced by U+3013.
    pub own_count: usize,
    /// How many lines ended inside a double-byte run.
    pub unclosed_count: usize,
}

impl Decoded {
    fn wrong_at(&mut self, offset: usize) {
        self.wrong_count += 1;
        self.text.push(char::REPLACEMENT_CHARACTER);
        if self.wrong.len() < MOST_PLACES {
            self.wrong.push(Wrong { offset, line: 0 });
        }
    }

    /// Sets the lines of the wrong places in one walk.
    fn number_lines(&mut self, bytes: &[u8]) {
        let (mut line, mut walked) = (1, 0);
        self.wrong.sort_by_key(|wrong| wrong.offset);
        for wrong in &mut self.wrong {
            line += breaks(bytes.get(walked..wrong.offset).unwrap_or_default());
            walked = walked.max(wrong.offset);
            wrong.line = line;
        }
    }
}

/// How many lines end in the bytes.
pub(crate) fn breaks(bytes: &[u8]) -> u32 {
    let mut count = 0;
    let mut previous = 0;
    for byte in bytes {
        if *byte == b'\r' || (*byte == b'\n' && previous != b'\r') {
            count += 1;
        }
        previous = *byte;
    }
    count
}

/// What the bytes look like. Exact for ASCII and ISO-2022-JP, and for UTF-8 without mistakes; else the set that leaves the
/// fewest mistakes and half-width kana.
pub fn guess(bytes: &[u8]) -> Charset {
    if has_escapes(bytes) {
        return Charset::Iso2022Jp;
    }
    if bytes.is_ascii() {
        return Charset::Ascii;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return Charset::Utf8;
    }
    [Charset::Utf8, Charset::Cp932, Charset::EucJp]
        .into_iter()
        .min_by_key(|charset| strangeness(&decode(bytes, *charset)))
        .unwrap_or(Charset::Utf8)
}

/// Decodes bytes; total: what is wrong is replaced and told.
pub fn decode(bytes: &[u8], charset: Charset) -> Decoded {
    let mut decoded = Decoded {
        text: String::with_capacity(bytes.len() + bytes.len() / 2),
        ..Decoded::default()
    };
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").map_or(0, |_| 3);
    match charset {
        Charset::Iso2022Jp => iso2022::decode(bytes, &mut decoded),
        Charset::Ascii | Charset::Utf8 => run(
            bytes.get(start..).unwrap_or_default(),
            UTF_8,
            start,
            (1, 1),
            &mut decoded,
        ),
        Charset::Cp932 => run(bytes, SHIFT_JIS, 0, (1, 1), &mut decoded),
        Charset::EucJp => run(bytes, EUC_JP, 0, (1, 1), &mut decoded),
    }
    // JIS and EUC-JP have no private area.
    let may_be_private = matches!(charset, Charset::Cp932 | Charset::Utf8) && !decoded.text.is_ascii();
    if may_be_private && decoded.text.contains(is_private) {
        decoded.own_count = decoded.text.chars().filter(|letter| is_private(*letter)).count();
        decoded.text = decoded
            .text
            .chars()
            .map(|letter| if is_private(letter) { GETA } else { letter })
            .collect();
    }
    decoded.number_lines(bytes);
    decoded
}

/// Whether a sequence designates a double-byte or kana set.
fn has_escapes(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| matches!(*byte, 0x1B | b'\\')) {
        rest = rest.get(at..).unwrap_or_default();
        let is_designation = matches!(
            rest,
            [0x1B, b'$', b'@' | b'B' | b'(', ..]
                | [0x1B, b'(' | b')', b'I' | b'J', ..]
                | [b'\\', b'M', b'2', b'4', _, _, b'\\', ..]
        );
        if is_designation {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

fn strangeness(decoded: &Decoded) -> usize {
    let kana = decoded
        .text
        .chars()
        .filter(|letter| ('\u{FF61}'..='\u{FF9F}').contains(letter))
        .count();
    decoded.wrong_count * 4 + decoded.own_count * 2 + kana
}

fn is_private(letter: char) -> bool {
    ('\u{E000}'..='\u{F8FF}').contains(&letter)
}

/// Decodes a run of one encoding into the text. `from` is where its source begins; `scale` is how many bytes of the source
/// stand for how many of the run.
fn run(bytes: &[u8], encoding: &'static Encoding, from: usize, scale: (usize, usize), decoded: &mut Decoded) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut rest = bytes;
    let mut read = 0;
    loop {
        let room = decoder
            .max_utf8_buffer_length_without_replacement(rest.len())
            .unwrap_or(rest.len());
        decoded.text.reserve(room);
        let (result, taken) = decoder.decode_to_string_without_replacement(rest, &mut decoded.text, true);
        rest = rest.get(taken..).unwrap_or_default();
        read += taken;
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, after) => {
                let at = read.saturating_sub(usize::from(length) + usize::from(after));
                decoded.wrong_at(from + at * scale.0 / scale.1.max(1));
            }
        }
    }
}

#[cfg(test)]
mod tests;
