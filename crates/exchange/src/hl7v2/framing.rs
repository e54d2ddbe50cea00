//! The minimal lower layer protocol (MLLP, HL7 v2.5 transport): `VT message FS CR`, as a pure function over bytes.

const START: u8 = 0x0B;
const END: u8 = 0x1C;

/// What came over a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message, without its frame.
    Message(Vec<u8>),
    /// A message that a new one or the end of the connection cut off; it may have been acknowledged nowhere.
    Broken(Vec<u8>),
    /// A message that is longer than allowed: its beginning, up to the limit. What follows up to its end is dropped.
    TooLong(Vec<u8>),
    /// Bytes outside any frame.
    Noise(Vec<u8>),
}

/// Finds the frames in a stream of bytes. It holds at most one message of the longest size.
#[derive(Debug, Clone)]
pub struct Framer {
    held: Vec<u8>,
    state: State,
    longest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a frame.
    Outside,
    /// In a frame.
    Inside,
    /// In a frame that is too long.
    Dropping,
    /// Behind the FS of a frame; its CR is wanted.
    Ended,
}

impl Framer {
    /// A new connection; messages longer than `longest` bytes are refused.
    pub fn new(longest: usize) -> Self {
        Self {
            held: Vec::new(),
            state: State::Outside,
            longest,
        }
    }

    /// Takes bytes as they came and gives what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            // The CR of the frame before; without it the frame holds all the same.
            if self.state == State::Ended {
                self.state = State::Outside;
                rest = rest.strip_prefix(b"\r").unwrap_or(rest);
                continue;
            }
            let at = rest.iter().position(|byte| matches!(*byte, START | END));
            let (taken, mark) = match at {
                Some(at) => (rest.get(..at).unwrap_or(rest), rest.get(at).copied()),
                None => (rest, None),
            };
            self.take(taken, &mut frames);
            rest = rest
                .get(taken.len() + usize::from(mark.is_some())..)
                .unwrap_or_default();
            match mark {
                Some(START) => self.start(&mut frames),
                Some(_) => self.end(&mut frames),
                None => {}
            }
        }
        frames
    }

    /// The connection ended; gives what was left.
    pub fn finish(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.start(&mut frames);
        self.state = State::Outside;
        frames
    }

    fn take(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) {
        match self.state {
            State::Dropping => {}
            State::Inside => {
                let room = self.longest.saturating_sub(self.held.len());
                self.held.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                if bytes.len() > room {
                    frames.push(Frame::TooLong(std::mem::take(&mut self.held)));
                    self.state = State::Dropping;
                }
            }
            State::Outside | State::Ended => {
                for chunk in bytes.chunks(self.longest.max(1)) {
                    if self.held.len() + chunk.len() > self.longest {
                        self.noise(frames);
                    }
                    self.held.extend_from_slice(chunk);
                }
            }
        }
    }

    /// A frame begins.
    fn start(&mut self, frames: &mut Vec<Frame>) {
        match self.state {
            State::Inside if !self.held.is_empty() => {
                frames.push(Frame::Broken(std::mem::take(&mut self.held)));
            }
            State::Outside => self.noise(frames),
            _ => {}
        }
        self.held.clear();
        self.state = State::Inside;
    }

    /// A frame ends.
    fn end(&mut self, frames: &mut Vec<Frame>) {
        match self.state {
            State::Inside => {
                frames.push(Frame::Message(std::mem::take(&mut self.held)));
                self.state = State::Ended;
            }
            State::Dropping => self.state = State::Ended,
            // A mark outside a frame is noise itself.
            State::Outside | State::Ended => self.take(&[END], frames),
        }
    }

    fn noise(&mut self, frames: &mut Vec<Frame>) {
        if !self.held.iter().all(u8::is_ascii_whitespace) {
            frames.push(Frame::Noise(std::mem::take(&mut self.held)));
        }
        self.held.clear();
    }
}

/// A message in its frame.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(message.len() + 3);
    framed.push(START);
    framed.extend_from_slice(message);
    framed.extend_from_slice(&[END, b'\r']);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]], longest: usize) -> Vec<Frame> {
        let mut framer = Framer::new(longest);
        let mut frames: Vec<Frame> = pieces.iter().flat_map(|piece| framer.push(piece)).collect();
        frames.extend(framer.finish());
        frames
    }

    #[test]
    fn frames_over_any_cut() {
        use Frame::{Broken, Message, Noise, TooLong};
        let of = |bytes: &[u8]| bytes.to_vec();
        assert_eq!(all(&[b"\x0Babc\x1C\r"], 9), [Message(of(b"abc"))]);
        assert_eq!(
            all(&[b"\x0Ba", b"bc\x1C", b"\r\x0Bd\x1C\r"], 9),
            [Message(of(b"abc")), Message(of(b"d"))]
        );
        assert_eq!(
            all(&[b"\x0Babc\x1C\x0Bd\x1C"], 9),
            [Message(of(b"abc")), Message(of(b"d"))]
        );
        assert_eq!(
            all(&[b"\x0Bab\x0Bc\x1C\r"], 9),
            [Broken(of(b"ab")), Message(of(b"c"))]
        );
        assert_eq!(all(&[b"\x0Bab"], 9), [Broken(of(b"ab"))]);
        assert_eq!(all(&[b"xy\x0Ba\x1C\r"], 9), [Noise(of(b"xy")), Message(of(b"a"))]);
        assert_eq!(all(&[b"\r\n\x0Ba\x1C\r\n"], 9), [Message(of(b"a"))]);
        assert_eq!(
            all(&[b"\x0Babcd", b"efgh\x1C\r\x0Bi\x1C\r"], 3),
            [TooLong(of(b"abc")), Message(of(b"i"))]
        );
        assert_eq!(all(&[b"\x1C\r"], 9), [Noise(of(b"\x1C\r"))]);
        assert_eq!(
            all(&[b"abcdefg"], 3),
            [Noise(of(b"abc")), Noise(of(b"def")), Noise(of(b"g"))]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_framed_comes_back_over_any_cut(
            messages in prop::collection::vec(prop::collection::vec(0x20_u8..=0xFF, 0..40), 0..6),
            cut in 1_usize..9,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            let pieces: Vec<&[u8]> = stream.chunks(cut).collect();
            let wanted: Vec<Frame> = messages.into_iter().map(Frame::Message).collect();
            prop_assert_eq!(all(&pieces, 100), wanted);
        }

        #[test]
        fn any_bytes_stay_bounded(bytes in prop::collection::vec(prop_oneof![Just(0x0B_u8), Just(0x1C), any::<u8>()], 0..400)) {
            let mut framer = Framer::new(16);
            for piece in bytes.chunks(7) {
                framer.push(piece);
                prop_assert!(framer.held.len() <= 17);
            }
        }
    }
}
