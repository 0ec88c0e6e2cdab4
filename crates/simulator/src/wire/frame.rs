//! Frames (a three-byte big-endian length, then that many bytes) and what precedes the first.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Longest frame that a client may send before the handshake is done. Real ones stay below 2 KiB.
pub(super) const MAX_HANDSHAKE_FRAME: usize = 64 << 10;
/// Longest frame that a proven client may send. Messages to groups of 1,024 stay below 1 MiB.
pub const MAX_FRAME: usize = 4 << 20;
/// Longest routing information before the prologue. The server hands out a few bytes.
const MAX_ROUTING_INFO: usize = 4 << 10;
/// Bytes of the length that precedes a frame.
pub(super) const LENGTH: usize = 3;

/// Why the bytes of a connection cannot be cut into frames.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// The first bytes are no prologue.
    #[error("read prologue: the first bytes are not WhatsApp's")]
    Prologue,
    /// The client names a token dictionary that is not known.
    #[error("read prologue: dictionary {0} is not known")]
    Dictionary(u8),
    /// A length is larger than allowed at this point.
    #[error("read frame: {0} bytes are more than allowed here")]
    TooLarge(usize),
    /// A frame without content, which no client sends.
    #[error("read frame: it is empty")]
    Empty,
}

/// The four bytes that a connection starts with. They are mixed into the handshake's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prologue(pub [u8; 4]);

impl Prologue {
    /// The token dictionary that the client speaks.
    pub(super) fn dictionary(self) -> u8 {
        self.0[3]
    }
}

/// Cuts a connection's bytes into frames, however the transport splits or merges them.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// Takes bytes from the transport. The caller drains the reader before it feeds it again, so
    /// that at most one frame and one transport message are held.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The connection's prologue, without the routing information that may precede it
    /// (`E D 00 01`, three-byte length, bytes), which is not part of the handshake. `None` until
    /// all of it has arrived.
    pub(super) fn prologue(&mut self) -> Result<Option<Prologue>, FrameError> {
        if !starts_alike(&self.buffer, b"ED\x00\x01") {
            return self.bare_prologue(0);
        }
        let Some(length) = self.buffer.get(4..7) else { return Ok(None) };
        let length = big_endian(length);
        if length > MAX_ROUTING_INFO {
            return Err(FrameError::TooLarge(length));
        }
        self.bare_prologue(7 + length)
    }

    fn bare_prologue(&mut self, skip: usize) -> Result<Option<Prologue>, FrameError> {
        let Some(start) = self.buffer.get(skip..) else { return Ok(None) };
        if !starts_alike(start, b"WA\x06") {
            return Err(FrameError::Prologue);
        }
        let Some(&[w, a, magic, dictionary]) = start.first_chunk::<4>() else { return Ok(None) };
        if super::dictionary::Dictionary::of(dictionary).is_none() {
            return Err(FrameError::Dictionary(dictionary));
        }
        self.buffer.advance(skip + 4);
        Ok(Some(Prologue([w, a, magic, dictionary])))
    }

    /// The next whole frame, `None` until it has arrived. A length above `limit` is refused as
    /// soon as it is seen.
    pub(super) fn frame(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.buffer.get(..LENGTH) else { return Ok(None) };
        let length = big_endian(length);
        if length == 0 {
            return Err(FrameError::Empty);
        }
        if length > limit {
            return Err(FrameError::TooLarge(length));
        }
        if self.buffer.len() < LENGTH + length {
            return Ok(None);
        }
        self.buffer.advance(LENGTH);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// The length that precedes a frame of `length` bytes, which must be below 16 MiB.
pub(super) fn header(length: usize) -> Result<[u8; LENGTH], FrameError> {
    match u32::try_from(length).map(u32::to_be_bytes) {
        Ok([0, a, b, c]) => Ok([a, b, c]),
        _ => Err(FrameError::TooLarge(length)),
    }
}

fn big_endian(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Could these bytes, once there are enough of them, start with `wanted`?
fn starts_alike(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.iter().zip(wanted).all(|(byte, wanted)| byte == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fed(bytes: &[u8]) -> FrameReader {
        let mut reader = FrameReader::default();
        reader.feed(bytes);
        reader
    }

    #[test]
    fn routing_information_is_skipped() {
        let mut reader = fed(b"ED\x00\x01\x00\x00\x02xyWA\x06\x03\x00\x00\x01!");
        assert_eq!(reader.prologue(), Ok(Some(Prologue(*b"WA\x06\x03"))));
        assert_eq!(reader.frame(9).unwrap().unwrap(), "!");
        assert_eq!(reader.frame(9), Ok(None));
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(fed(b"GET / HTTP").prologue(), Err(FrameError::Prologue));
        assert_eq!(fed(b"WA\x05\x03").prologue(), Err(FrameError::Prologue));
        assert_eq!(fed(b"WA\x06\x09").prologue(), Err(FrameError::Dictionary(9)));
        assert_eq!(fed(b"ED\x00\x01\xff\xff\xff").prologue(), Err(FrameError::TooLarge(0xff_ffff)));
        assert_eq!(fed(b"").prologue(), Ok(None));
        assert_eq!(fed(b"ED\x00\x01\x00\x00\x02xyGE").prologue(), Err(FrameError::Prologue));
    }

    #[test]
    fn sizes_are_checked_before_the_bytes_arrive() {
        assert_eq!(fed(b"\x00\x00\x0a").frame(9), Err(FrameError::TooLarge(10)));
        assert_eq!(fed(b"\x00\x00\x00").frame(9), Err(FrameError::Empty));
        assert_eq!(header(1 << 24), Err(FrameError::TooLarge(1 << 24)));
        assert_eq!(header(0x01_0203), Ok([1, 2, 3]));
    }

    proptest! {
        #[test]
        fn frames_survive_any_splitting(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in prop::collection::vec(1_usize..40, 1..20),
        ) {
            let mut bytes = b"WA\x06\x02".to_vec();
            for frame in &frames {
                bytes.extend(header(frame.len()).unwrap());
                bytes.extend(frame);
            }
            let (mut reader, mut prologue, mut read) = (FrameReader::default(), None, Vec::new());
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (part, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                rest = later;
                reader.feed(part);
                if prologue.is_none() {
                    prologue = reader.prologue().unwrap();
                }
                while prologue.is_some() && let Some(frame) = reader.frame(300).unwrap() {
                    read.push(frame.to_vec());
                }
            }
            prop_assert_eq!(prologue.unwrap().dictionary(), 2);
            prop_assert_eq!(read, frames);
        }

        #[test]
        fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600), limit in 0_usize..900) {
            let mut reader = fed(&bytes);
            let _ = reader.prologue();
            while let Ok(Some(frame)) = reader.frame(limit) {
                prop_assert!(frame.len() <= limit);
            }
        }
    }
}
