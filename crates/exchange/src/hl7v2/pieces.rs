//! The bytes of each message of a file, and of each patient of a message, so that each part can be kept and read again
//! alone.

use std::ops::Range;

/// Longest front of a message that is repeated for each of its patients, in bytes.
const LONGEST_REPEATED: usize = 4_000;

/// Bytes up to the MSH of the next message. An envelope in front belongs to the first message, one behind to the last.
pub(super) fn message_length(bytes: &[u8]) -> usize {
    let mut has_header = false;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
        let is_header = plain.strip_prefix(b"MSH").is_some_and(|behind| {
            behind
                .first()
                .is_none_or(|mark| !mark.is_ascii_alphanumeric() && !mark.is_ascii_whitespace())
        });
        let starts_here = rest.starts_with(b"\x0BMSH");
        if (is_header || starts_here) && has_header {
            return at;
        }
        has_header |= is_header || starts_here;
        if !has_header && !is_envelope(rest) {
            // Something else stands in front: it is a piece of its own, up to the first message.
            return if at == 0 { next_header(bytes) } else { at };
        }
        match rest.iter().position(|byte| matches!(*byte, b'\r' | b'\n')) {
            Some(end) => at += end + 1,
            None => break,
        }
    }
    bytes.len()
}

fn is_envelope(line: &[u8]) -> bool {
    [
        b"FHS".as_slice(),
        b"BHS",
        b"\r",
        b"\n",
        b"\xEF\xBB\xBF",
        b"\x0B",
        b" ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

fn next_header(bytes: &[u8]) -> usize {
    let is_start = |four: &[u8]| matches!(four, [b'\r' | b'\n' | 0x0B, b'M', b'S', b'H']);
    bytes
        .windows(4)
        .position(is_start)
        .map_or(bytes.len(), |at| at + 1)
}

/// Where the parts of the patients begin in the bytes; `starts` are their lines, from 0.
pub(super) fn offsets(bytes: &[u8], starts: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut offsets = Vec::new();
    let (mut at, mut line) = (0, 0);
    for start in starts {
        while line < start {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| matches!(*byte, b'\r' | b'\n')) else {
                break;
            };
            let is_pair = rest.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
            at += end + 1 + usize::from(is_pair);
            line += 1;
        }
        offsets.push(at);
    }
    offsets
}

/// The bytes of one patient's part, the header in front so that it can be read again. A message of one patient stays whole.
pub(super) fn piece(bytes: &[u8], offsets: &[usize], number: usize) -> Vec<u8> {
    let (Some(first), Some(start), false) = (offsets.first(), offsets.get(number), offsets.len() < 2) else {
        return bytes.to_vec();
    };
    let front = bytes.get(..*first).unwrap_or_default();
    // A header as long as a message would be copied as often as there are patients.
    let is_repeated = number == 0 || front.len() <= LONGEST_REPEATED;
    let end = offsets.get(number + 1).copied().unwrap_or(bytes.len());
    let own = bytes.get(*start..end).unwrap_or_default();
    [if is_repeated { front } else { &[] }, own].concat()
}

/// The bytes of the parts of a patient, so that each can be read again alone: `front` (what stands before the patient), and
/// the segments of the part. A patient of one part keeps `whole`.
pub(super) struct Cut<'c> {
    /// All bytes of the message.
    pub(super) bytes: &'c [u8],
    /// Those before its first patient.
    pub(super) front: &'c [u8],
    /// Where each segment of the patient begins.
    pub(super) starts: Vec<usize>,
    /// Where the patient ends.
    pub(super) end: usize,
}

impl Cut<'_> {
    /// The bytes of a part whose segments stand in these ranges of the patient's.
    pub(super) fn of(&self, ranges: &[Range<usize>]) -> Vec<u8> {
        let at = |index: usize| self.starts.get(index).copied().unwrap_or(self.end);
        let mut all = self.front.to_vec();
        for range in ranges {
            let own = self.bytes.get(at(range.start)..at(range.end));
            all.extend_from_slice(own.unwrap_or_default());
        }
        all
    }
}
