//! Mutations: what faulty systems, cables and people do to a file, by a seeded generator.

/// Pieces that mean something to one reader or another.
const PIECES: [&[u8]; 40] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\0",
    b"\x1A",
    b"\x1B$B",
    b"\x1B(B",
    b"\x1B(J",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\x0B",
    b"\x1C\r",
    b"|",
    b"^",
    b"~",
    b"\\",
    b"&",
    b"\\.br\\",
    b"\\X0D\\",
    b"MSH|^~\\&|",
    b"PID|1||7\r",
    b"OBX|1|NM|A^B||1\r",
    b",",
    b",,,,",
    b"\"",
    b"\t",
    b"RE,1,1112,202604,\r\n",
    b"GO,1,1,99\r\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"null",
    b"1e999",
    b"-0",
    b"99999999999999999999",
    b"NaN",
    b"\\u0000",
    b"\\ud800",
];

/// A seeded generator (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD129_0C2B_5C6E_7A11))
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        usize::try_from(word % sides.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }
}

/// A file of the corpus with one to eight mutations.
pub(crate) fn mutated(dice: &mut Dice, corpus: &[(String, Vec<u8>)]) -> (String, Vec<u8>) {
    let (name, bytes) = &corpus[dice.roll(corpus.len())];
    let mut bytes = bytes.clone();
    for _ in 0..=dice.roll(8) {
        mutate(dice, &mut bytes, corpus);
    }
    (name.clone(), bytes)
}

fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>, corpus: &[(String, Vec<u8>)]) {
    let (one, other) = (dice.roll(bytes.len() + 1), dice.roll(bytes.len() + 1));
    let (from, to) = (one.min(other), one.max(other));
    match dice.roll(12) {
        0 => bytes.truncate(to),
        1 => drop(bytes.drain(from..to.min(from + 60))),
        2 => {
            let piece = bytes[from..to.min(from + 400)].to_vec();
            bytes.splice(from..from, piece);
        }
        3 => {
            let piece = PIECES[dice.roll(PIECES.len())];
            bytes.splice(from..from, piece.iter().copied());
        }
        4 => {
            let piece = PIECES[dice.roll(PIECES.len())].repeat(1 + dice.roll(200));
            bytes.splice(from..from, piece);
        }
        5 => {
            let (_, donor) = &corpus[dice.roll(corpus.len())];
            let begin = dice.roll(donor.len() + 1);
            let end = donor.len().min(begin + 1 + dice.roll(500));
            bytes.splice(from..from, donor[begin..end].iter().copied());
        }
        6 => {
            // Two lines change places.
            let mut lines: Vec<Vec<u8>> = bytes
                .split_inclusive(|byte| matches!(byte, b'\r' | b'\n'))
                .map(<[u8]>::to_vec)
                .collect();
            if !lines.is_empty() {
                let (one, other) = (dice.roll(lines.len()), dice.roll(lines.len()));
                lines.swap(one, other);
                *bytes = lines.concat();
            }
        }
        7 => {
            for byte in bytes.iter_mut().skip(from).take(1 + dice.roll(8)) {
                *byte = dice.byte();
            }
        }
        8 => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << dice.roll(8);
            }
        }
        9 => {
            // A number becomes another.
            let digit = bytes.iter().skip(from).position(u8::is_ascii_digit);
            if let Some(at) = digit {
                let new = [b'0', b'9', b'-', b'.', b' '][dice.roll(5)];
                bytes[from + at] = new;
            }
        }
        10 => {
            // Case of letters.
            for byte in bytes.iter_mut().skip(from).take(20) {
                *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
            }
        }
        _ => {
            let byte = dice.byte();
            bytes.insert(from, byte);
        }
    }
}
