//! Records of a delimited file, one after the other: the file is never held whole.

use super::report::Fault;
use encoding_rs::SHIFT_JIS;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{BufRead, Read as _};

/// Longest record, in bytes.
const LONGEST: usize = 1 << 20;

/// A file to be imported.
pub struct SourceFile<'r> {
    /// Its name, without the folder.
    pub name: String,
    /// Its contents.
    pub reader: Box<dyn BufRead + 'r>,
}

/// How characters are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// CP932, as Japanese masters are distributed.
    Cp932,
    /// UTF-8.
    Utf8,
    /// Either, found out from the file.
    Any,
}

impl Charset {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "cp932" => Self::Cp932,
            "utf-8" => Self::Utf8,
            "any" => Self::Any,
            _ => return None,
        })
    }
}

/// Lines of a file with their numbers, and the digest of what was read.
pub(crate) struct Lines<'r> {
    reader: Box<dyn BufRead + 'r>,
    hash: Sha256,
    bytes: u64,
    line: u32,
    buffer: Vec<u8>,
}

impl<'r> Lines<'r> {
    pub(crate) fn new(reader: Box<dyn BufRead + 'r>) -> Self {
        Self {
            reader,
            hash: Sha256::new(),
            bytes: 0,
            line: 0,
            buffer: Vec::new(),
        }
    }

    /// The number of the line read last, from 1.
    pub(crate) fn number(&self) -> u32 {
        self.line
    }

    /// Digest and size of what was read so far.
    pub(crate) fn digest(&self) -> (String, u64) {
        (hex(&self.hash.clone().finalize()), self.bytes)
    }

    /// The next line without its end; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        self.buffer.clear();
        let mut limited = self.reader.by_ref().take(LONGEST as u64 + 1);
        let read = limited.read_until(b'\n', &mut self.buffer);
        let number = self.line.saturating_add(1);
        let length =
            read.map_err(|error| Fault::at(number, "unreadable", format!("cannot be read: {error}")))?;
        if length == 0 {
            return Ok(None);
        }
        if length > LONGEST {
            return Err(Fault::at(
                number,
                "layout",
                format!("longer than {LONGEST} bytes: this is no table of a master"),
            ));
        }
        self.line = number;
        self.bytes += length as u64;
        self.hash.update(&self.buffer);
        let line = self.buffer.as_slice();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// A record: its first line and its cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) line: u32,
    pub(crate) cells: Vec<String>,
}

/// Records of a file of which charset and separator are known.
pub(crate) struct Records<'r> {
    lines: Lines<'r>,
    charset: Charset,
    separator: char,
}

impl<'r> Records<'r> {
    pub(crate) fn new(lines: Lines<'r>, charset: Charset, separator: char) -> Self {
        Self {
            lines,
            charset,
            separator,
        }
    }

    pub(crate) fn digest(&self) -> (String, u64) {
        self.lines.digest()
    }

    /// The next record that is not blank.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Fault> {
        loop {
            let Some(line) = self.lines.next()? else {
                return Ok(None);
            };
            if line.iter().all(u8::is_ascii_whitespace) || line == b"\x1a" {
                continue;
            }
            let line = line.to_vec();
            let first = self.lines.number();
            return self.record(first, line).map(Some);
        }
    }

    fn record(&mut self, first: u32, mut bytes: Vec<u8>) -> Result<Record, Fault> {
        loop {
            let text = self.text(&bytes, first)?;
            if let Some(cells) = cells(&text, self.separator) {
                return Ok(Record { line: first, cells });
            }
            let open = "a quote is never closed; the file is cut or was edited";
            let Some(more) = self.lines.next()? else {
                return Err(Fault::at(first, "layout", open));
            };
            bytes.push(b'\n');
            bytes.extend_from_slice(more);
            if bytes.len() > LONGEST {
                return Err(Fault::at(first, "layout", open));
            }
        }
    }

    fn text(&mut self, bytes: &[u8], line: u32) -> Result<String, Fault> {
        decode(bytes, &mut self.charset, line)
    }
}

/// Decodes a line; a charset that is open is settled by the first line that says.
pub(crate) fn decode(bytes: &[u8], charset: &mut Charset, line: u32) -> Result<String, Fault> {
    let bytes = match line {
        1 => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
        _ => bytes,
    };
    if bytes.is_ascii() {
        return Ok(String::from_utf8_lossy(bytes).into_owned());
    }
    if *charset != Charset::Cp932 {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                *charset = Charset::Utf8;
                return Ok(text.to_owned());
            }
            Err(error) if *charset == Charset::Utf8 => {
                let at = error.valid_up_to() + 1;
                return Err(Fault::at(
                    line,
                    "charset",
                    format!(
                        "byte {at} of the line is no UTF-8: save the file as UTF-8, or set its charset in files.tsv"
                    ),
                ));
            }
            Err(_) => *charset = Charset::Cp932,
        }
    }
    let (text, _, is_broken) = SHIFT_JIS.decode(bytes);
    if is_broken {
        return Err(Fault::at(
            line,
            "charset",
            "bytes that are no CP932: import the file as its owner distributes it, or set its charset in files.tsv",
        ));
    }
    Ok(text.into_owned())
}

/// Refuses a file in UTF-8 where CP932 is expected, by what it begins with.
pub(crate) fn check_charset(start: &[u8], charset: Charset) -> Result<(), Fault> {
    let is_utf8 = match std::str::from_utf8(start) {
        Ok(text) => !text.is_ascii(),
        // The beginning may end inside a character.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0 && !start.is_ascii(),
    };
    if charset == Charset::Cp932 && is_utf8 {
        return Err(Fault::at(
            1,
            "charset",
            "the file is UTF-8, the master is distributed in CP932: import it as it came, or set its charset in files.tsv",
        ));
    }
    Ok(())
}

/// The cells of a line; nothing while a quote is open. A quote opens a cell only at its beginning, and tabs need none.
fn cells(text: &str, separator: char) -> Option<Vec<String>> {
    if separator == '\t' {
        return Some(text.split('\t').map(str::to_owned).collect());
    }
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(' ');
        let (cell, after) = if let Some(quoted) = trimmed.strip_prefix('"') {
            quoted_cell(quoted)?
        } else {
            let end = rest.find(separator).unwrap_or(rest.len());
            let (cell, after) = rest.split_at_checked(end)?;
            (cell.to_owned(), after)
        };
        all.push(cell);
        let end = after.find(separator).unwrap_or(after.len());
        match after.get(end..).and_then(|after| after.strip_prefix(separator)) {
            Some(next) => rest = next,
            None => return Some(all),
        }
    }
}

/// A quoted cell and what stands behind it; a doubled quote is one.
fn quoted_cell(text: &str) -> Option<(String, &str)> {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        cell.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Some((cell, after)),
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, wanted: Option<&[&str]>) {
        let found = cells(line, ',');
        assert_eq!(
            found
                .as_ref()
                .map(|cells| cells.iter().map(String::as_str).collect::<Vec<_>>()),
            wanted.map(<[&str]>::to_vec),
            "{line}"
        );
    }

    #[test]
    fn cells_are_cut_at_separators_outside_quotes() {
        check("a,b,", Some(&["a", "b", ""]));
        check("\"a,b\",\"c\"\"d\"", Some(&["a,b", "c\"d"]));
        check("\"\",x\"y", Some(&["", "x\"y"]));
        check("\"open,x", None);
        check("", Some(&[""]));
    }

    #[test]
    fn a_quoted_cell_may_hold_a_line_break_and_an_open_one_is_refused() {
        let records = |text: &'static str| {
            let lines = Lines::new(Box::new(text.as_bytes()));
            Records::new(lines, Charset::Utf8, ',')
        };
        let mut two = records("\"a\nb\",c\r\nd,e\r\n");
        assert_eq!(two.next().unwrap().unwrap().cells, ["a\nb", "c"]);
        assert_eq!(
            two.next().unwrap().unwrap(),
            Record {
                line: 3,
                cells: vec!["d".into(), "e".into()]
            }
        );
        assert_eq!(two.next().unwrap(), None);
        let fault = records("a,\"b\nc\n").next().unwrap_err();
        assert_eq!((fault.line, fault.code), (Some(1), "layout"));
    }

    #[test]
    fn another_charset_is_refused_with_its_line() {
        let mut charset = Charset::Utf8;
        let fault = decode(b"ab\x82\xa0", &mut charset, 7).unwrap_err();
        assert_eq!((fault.line, fault.code), (Some(7), "charset"));
        assert!(fault.message.contains("byte 3"), "{}", fault.message);
        let mut charset = Charset::Any;
        assert_eq!(decode(b"\x82\xa0", &mut charset, 1).unwrap(), "\u{3042}");
        assert_eq!(charset, Charset::Cp932);
        assert!(check_charset("\u{3042}\u{3042}".as_bytes(), Charset::Cp932).is_err());
        assert!(check_charset(b"\x82\xa0\x82\xa2", Charset::Cp932).is_ok());
        assert!(check_charset(b"abc", Charset::Cp932).is_ok());
    }
}
