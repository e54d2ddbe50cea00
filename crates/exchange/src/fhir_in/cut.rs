//! Cuts a stream of JSON into values, without reading them: a value that is broken or too deep ends where its brackets
//! do, so that its neighbours stay readable, and however deep it is, nothing recurses.

use std::io::Read;

/// A value as it was cut.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// Its bytes as they came, or the first of them where it is longer than the limit.
    pub(crate) bytes: Vec<u8>,
    /// How deep its brackets go.
    pub(crate) depth: usize,
    /// Whether it ended; not where the stream ended within it, or the limit was met.
    pub(crate) whole: bool,
    in_string: bool,
    escaped: bool,
    open: usize,
    scalar: bool,
}

/// A stream of bytes with the line that is read, from 1.
pub(crate) struct Cutter<'r> {
    input: &'r mut dyn Read,
    chunk: Vec<u8>,
    at: usize,
    /// Line of the next byte, from 1.
    pub(crate) line: u32,
    ended: bool,
    /// Why the stream could not be read further.
    pub(crate) failed: Option<std::io::Error>,
}

const CHUNK: usize = 64 * 1024;

impl<'r> Cutter<'r> {
    pub(crate) fn new(input: &'r mut dyn Read, line: u32) -> Self {
        Self {
            input,
            chunk: Vec::new(),
            at: 0,
            line,
            ended: false,
            failed: None,
        }
    }

    /// The next byte, which stays.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        if self.at >= self.chunk.len() {
            self.fill();
        }
        self.chunk.get(self.at).copied()
    }

    fn fill(&mut self) {
        if self.ended {
            return;
        }
        self.chunk.resize(CHUNK, 0);
        self.at = 0;
        let read = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let length = read.unwrap_or_else(|error| {
            self.failed = Some(error);
            0
        });
        self.ended = length == 0;
        self.chunk.truncate(length);
    }

    /// The next byte, which is taken.
    pub(crate) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        Some(byte)
    }

    /// Steps over blanks, and the mark of the byte order at the start of a file.
    pub(crate) fn skip_blank(&mut self) {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF) {
                break;
            }
            self.take();
        }
    }

    /// Cuts the next value, up to `limit` bytes; what is longer is gone on with by [`Self::go_on`].
    pub(crate) fn value(&mut self, limit: usize) -> Cut {
        let mut cut = Cut::default();
        self.go_on(&mut cut, limit);
        cut
    }

    /// Goes on with a value that is not whole: `cut.bytes` holds the bytes that come next.
    pub(crate) fn go_on(&mut self, cut: &mut Cut, limit: usize) {
        while cut.bytes.len() < limit && !cut.whole {
            let Some(byte) = self.peek() else { return };
            if cut.ends_before(byte) {
                cut.whole = true;
                return;
            }
            self.take();
            cut.bytes.push(byte);
            cut.step(byte);
        }
    }

    /// Everything that is left, in pieces of `limit` bytes.
    pub(crate) fn rest(&mut self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < limit
            && let Some(byte) = self.take()
        {
            bytes.push(byte);
        }
        bytes
    }

    /// The rest of the line with its end, up to `limit` bytes.
    pub(crate) fn line(&mut self, limit: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < limit
            && let Some(byte) = self.take()
        {
            bytes.push(byte);
            if byte == b'\n' {
                break;
            }
        }
        bytes
    }
}

impl Cut {
    /// A number or word ends before what is no part of it; a closing bracket that nothing opened is no value.
    fn ends_before(&self, byte: u8) -> bool {
        self.scalar
            && self.open == 0
            && !self.in_string
            && matches!(
                byte,
                b',' | b']' | b'}' | b':' | b'[' | b'{' | b'"' | b' ' | b'\t' | b'\r' | b'\n'
            )
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.whole = self.open == 0;
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.open += 1;
                self.depth = self.depth.max(self.open);
            }
            b'}' | b']' => {
                self.open = self.open.saturating_sub(1);
                self.whole = self.open == 0;
            }
            _ => self.scalar |= self.open == 0,
        }
    }
}
