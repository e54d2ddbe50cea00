//! The bytes of each patient of a message, so that each part can be kept and read again alone.

/// Longest front of a message that is repeated for each of its patients, in bytes.
const LONGEST_REPEATED: usize = 4_000;

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
