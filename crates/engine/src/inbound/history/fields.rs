//! The top-level fields of a part, one after the other, as they come out of the decompression.
//!
//! A part is a compressed `HistorySync` (whatsapp.proto). Decoded in one piece it may take many times the memory of its bytes, so
//! nothing but single entries is ever decoded.

use whatsapp_rust::wacore::history_sync::MAX_DECOMPRESSED;
use whatsapp_rust::wacore_binary::zlib_pool::InflateReader;

use super::walk::WalkError;

/// A number takes so many bytes at most.
const VARINT: usize = 10;

/// A field: its number, how it is encoded, and what it holds.
pub(super) struct Field<'b> {
    pub number: u64,
    pub kind: u64,
    /// Its content; of a text or a message without its length.
    pub content: &'b [u8],
}

/// The bounds of the field that begins at a place: its number, its kind, and where its content begins and it ends.
pub(super) fn bounds(bytes: &[u8], at: usize) -> Option<(u64, u64, usize, usize)> {
    let (tag, value) = varint(bytes, at)?;
    let (start, end) = match tag & 7 {
        0 => (value, varint(bytes, value)?.1),
        1 => (value, value.checked_add(8)?),
        2 => {
            let (length, start) = varint(bytes, value)?;
            (start, start.checked_add(usize::try_from(length).ok()?)?)
        }
        5 => (value, value.checked_add(4)?),
        _ => return None,
    };
    Some((tag >> 3, tag & 7, start, end))
}

/// The number at a place, and where it ends.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    None
}

/// Reads a part's fields.
pub(super) struct Fields<'a> {
    reader: InflateReader<'a>,
    /// Bytes of the field that was read last.
    read: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(compressed: &'a [u8]) -> Self {
        Self { reader: InflateReader::new(compressed, MAX_DECOMPRESSED), read: 0 }
    }

    /// The next field; `None` at the end of the part.
    ///
    /// # Errors
    /// When the part is cut off, too large when it is decompressed, or no `HistorySync`.
    pub(super) fn next(&mut self) -> Result<Option<Field<'_>>, WalkError> {
        self.reader.consume(self.read);
        self.read = 0;
        let there =
            |result: std::io::Result<bool>| result.map_err(|error| WalkError::Damaged(error.to_string()));
        if !there(self.reader.ensure(1))? {
            return if self.reader.stream_ended() { Ok(None) } else { Err(WalkError::cut_off()) };
        }
        // A tag and a length; near the end of the part there may be fewer bytes.
        there(self.reader.ensure(2 * VARINT))?;
        let Some((number, kind, start, end)) = bounds(self.reader.available(), 0) else {
            return Err(WalkError::Damaged("a field is malformed".to_owned()));
        };
        if !there(self.reader.ensure(end))? {
            return Err(WalkError::cut_off());
        }
        self.read = end;
        let bytes = self.reader.available();
        Ok(Some(Field { number, kind, content: &bytes[start..end] }))
    }
}
