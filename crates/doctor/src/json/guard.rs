//! Bounds for JSON that is read as a stream, by a parser that has none of its own.

use std::fmt;
use std::io::{self, Read};

/// Refuses text that would make its parser keep much. Only brackets and quotes need to be understood for that.
pub(crate) struct Guard<R> {
    inner: R,
    longest: usize,
    deepest: usize,
    /// Inside a string: whether the byte before was a backslash.
    string: Option<bool>,
    /// Bytes since the last bracket, comma or quote.
    token: usize,
    depth: usize,
}

/// Which bound was exceeded.
#[derive(Debug)]
pub(crate) struct Exceeded(pub &'static str);

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Exceeded {}

impl<R> Guard<R> {
    /// Passes text on as long as no name, string or number has more bytes than `longest`, and nothing is nested deeper than
    /// `deepest`.
    pub(crate) fn new(inner: R, longest: usize, deepest: usize) -> Self {
        Self { inner, longest, deepest, string: None, token: 0, depth: 0 }
    }

    fn check(&mut self, byte: u8) -> Result<(), &'static str> {
        self.token += 1;
        match (self.string, byte) {
            (Some(true), _) => self.string = Some(false),
            (Some(false), b'\\') => self.string = Some(true),
            (Some(false), b'"') => (self.string, self.token) = (None, 0),
            (None, b'"') => (self.string, self.token) = (Some(false), 0),
            (None, b'{' | b'[') => (self.depth, self.token) = (self.depth + 1, 0),
            (None, b'}' | b']') => (self.depth, self.token) = (self.depth.saturating_sub(1), 0),
            (None, b',') => self.token = 0,
            (Some(false) | None, _) => {}
        }
        if self.depth > self.deepest {
            return Err("it is nested too deeply");
        }
        if self.token > self.longest {
            return Err("a name or value in it is too long");
        }
        Ok(())
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        for byte in &room[..read] {
            self.check(*byte).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, Exceeded(what)))?;
        }
        Ok(read)
    }
}
