//! From the bytes of a log file to text: compressed files are unpacked within bounds, UTF-16 becomes UTF-8.

use std::io::{self, BufRead, BufReader, Read};

/// What a compressed log unpacks to at most; the rest is not read, and that is said.
const UNPACKED_LIMIT: u64 = 2 << 30;
/// The largest window of a zstd frame, as a power of two.
const ZSTD_WINDOW: u32 = 27;

/// What a log is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stored {
    /// gzip, as log rotation leaves it.
    Gzip,
    /// zstd.
    Zstd,
    /// UTF-16, as PowerShell writes it.
    Utf16,
}

impl Stored {
    /// For people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Utf16 => "UTF-16",
        }
    }
}

/// A log as UTF-8.
pub(super) struct Text<'r> {
    /// What had to be undone.
    pub(super) stored: Vec<Stored>,
    reader: Box<dyn BufRead + 'r>,
    /// How much may still be unpacked; `None` for what is not compressed.
    left: Option<u64>,
    /// Why it ended before its end.
    pub(super) broke_off: Option<String>,
    utf16: Option<Utf16>,
}

/// Kinds of files that are not read, by how they begin.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
];

impl<'r> Text<'r> {
    /// Looks at how a log begins.
    pub(super) fn of(reader: impl Read + 'r) -> io::Result<Self> {
        let mut reader: Box<dyn BufRead + 'r> = Box::new(BufReader::with_capacity(1 << 16, reader));
        let mut stored = Vec::new();
        let head = beginning(&mut reader)?;
        if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            let text = format!("it is {what}: unpack it first, and name what comes out of it");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        if head.starts_with(&[0x1f, 0x8b]) {
            stored.push(Stored::Gzip);
            reader =
                Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(reader)));
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            stored.push(Stored::Zstd);
            let mut decoder = zstd::Decoder::with_buffer(reader)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            reader = Box::new(BufReader::with_capacity(1 << 16, decoder));
        }
        let left = (!stored.is_empty()).then_some(UNPACKED_LIMIT);
        let mut text = Self { stored, reader, left, broke_off: None, utf16: None };
        let head = match beginning(&mut text.reader) {
            Err(error) if text.left.is_some() => {
                text.broke_off = Some(damaged(&error));
                return Ok(text);
            }
            head => head?,
        };
        text.utf16 = Utf16::of(&head);
        if text.utf16.is_some() {
            text.stored.push(Stored::Utf16);
        } else if head.starts_with(b"\xef\xbb\xbf") {
            text.reader.consume(3);
        }
        Ok(text)
    }

    #[cfg(test)]
    fn with_limit(mut self, limit: u64) -> Self {
        self.left = Some(limit);
        self
    }
}

impl Read for Text<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.broke_off.is_some() || into.is_empty() {
                return Ok(0);
            }
            let (filled, read) = match &mut self.utf16 {
                None => self.reader.read(into).map(|read| (read, read)),
                Some(utf16) => utf16.read(&mut self.reader, into),
            }
            .or_else(|error| match self.left {
                // What is left of a compressed file that was cut off says something, too.
                Some(_) if error.kind() != io::ErrorKind::Interrupted => {
                    self.broke_off = Some(damaged(&error));
                    Ok((0, 0))
                }
                _ => Err(error),
            })?;
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(read as u64);
                if *left == 0 {
                    self.broke_off =
                        Some(format!("only the first {UNPACKED_LIMIT} bytes that it unpacks to were read"));
                }
            }
            if filled > 0 || read == 0 {
                return Ok(filled);
            }
        }
    }
}

fn damaged(error: &io::Error) -> String {
    format!("the compressed file is cut off or damaged: {error}")
}

/// The first bytes, without taking them.
fn beginning(reader: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    loop {
        match reader.fill_buf() {
            Ok(head) => return Ok(head[..head.len().min(64)].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The way from UTF-16 to UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Utf16 {
    big: bool,
    /// A byte whose other half has not come.
    odd: Option<u8>,
    /// The first half of a pair.
    high: Option<u16>,
}

impl Utf16 {
    /// Whether a text begins as UTF-16 does: with its mark, or with ASCII in every second byte.
    pub fn of(head: &[u8]) -> Option<Self> {
        let of = |big| Some(Self { big, ..Self::default() });
        match head {
            [0xff, 0xfe, ..] => return of(false),
            [0xfe, 0xff, ..] => return of(true),
            _ => {}
        }
        let units = &head[..head.len() / 2 * 2];
        let ascii =
            |at: usize| units.len() >= 8 && units.chunks(2).all(|unit| unit[at] == 0 && unit[1 - at] != 0);
        if ascii(1) {
            of(false)
        } else if ascii(0) {
            of(true)
        } else {
            None
        }
    }

    /// Fills a buffer; how much of it, and how many bytes were taken.
    fn read(&mut self, reader: &mut dyn BufRead, into: &mut [u8]) -> io::Result<(usize, usize)> {
        // Two bytes become three at most.
        let room = (into.len() / 2).max(2);
        let raw = reader.fill_buf()?;
        let raw = &raw[..raw.len().min(room)];
        let taken = raw.len();
        let text = self.text(raw);
        reader.consume(taken);
        let filled = text.len().min(into.len());
        into[..filled].copy_from_slice(&text.as_bytes()[..filled]);
        Ok((filled, taken))
    }

    /// Where a line ends in whole units.
    pub fn line_end(&self, raw: &[u8]) -> Option<usize> {
        let end: &[u8] = if self.big { &[0, b'\n'] } else { &[b'\n', 0] };
        raw.chunks_exact(2).position(|unit| unit == end).map(|at| at * 2)
    }

    /// The text of these bytes, as far as it is complete.
    pub fn text(&mut self, raw: &[u8]) -> String {
        let mut units = Vec::with_capacity(raw.len() / 2 + 2);
        units.extend(self.high.take());
        for byte in raw {
            match self.odd.take() {
                None => self.odd = Some(*byte),
                Some(first) if self.big => units.push(u16::from_be_bytes([first, *byte])),
                Some(first) => units.push(u16::from_le_bytes([first, *byte])),
            }
        }
        if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            self.high = units.pop();
        }
        char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .filter(|character| *character != '\u{feff}')
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn read(raw: &[u8]) -> (String, Vec<Stored>, Option<String>) {
        let mut text = Text::of(raw).unwrap();
        let mut out = Vec::new();
        text.read_to_end(&mut out).unwrap();
        (String::from_utf8_lossy(&out).into_owned(), text.stored, text.broke_off)
    }

    #[test]
    fn every_way_of_storing_gives_the_text() {
        let plain = "Bad MAC é 😀\n".repeat(20_000);
        let utf16 = |big: bool, mark: bool| {
            let mark = mark.then_some('\u{feff}');
            let text: String = mark.into_iter().chain(plain.chars()).collect();
            let units = text.encode_utf16();
            units
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect::<Vec<_>>()
        };
        for raw in [
            plain.clone().into_bytes(),
            [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
            gzip(plain.as_bytes()),
            [gzip(&plain.as_bytes()[..99]), gzip(&plain.as_bytes()[99..])].concat(),
            zstd::encode_all(plain.as_bytes(), 1).unwrap(),
            utf16(false, true),
            utf16(true, true),
            gzip(&utf16(false, true)),
        ] {
            let (text, stored, broke_off) = read(&raw);
            assert!(text == plain, "{stored:?}: {}", &text[..40]);
            assert_eq!(broke_off, None, "{stored:?}");
        }
        let ascii: Vec<u8> = "no mark".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&ascii), ("no mark".to_owned(), vec![Stored::Utf16], None));
        assert_eq!(read(b""), (String::new(), vec![], None));
    }

    #[test]
    fn a_torn_file_is_read_as_far_as_it_goes() {
        let whole = gzip("Bad MAC\n".repeat(200_000).as_bytes());
        let (text, _, broke_off) = read(&whole[..whole.len() / 2]);
        assert!(text.starts_with("Bad MAC\n") && broke_off.unwrap().contains("cut off"));
        let (text, _, broke_off) = read(&[0x1f, 0x8b, 1, 2, 3]);
        assert!(text.is_empty() && broke_off.is_some());
    }

    #[test]
    fn a_bomb_is_not_unpacked_to_its_end() {
        let bomb = gzip(&vec![0; 8 << 20]);
        let mut text = Text::of(&bomb[..]).unwrap().with_limit(1 << 20);
        let read = io::copy(&mut text, &mut io::sink()).unwrap();
        assert!((1 << 20..2 << 20).contains(&read), "{read}");
        assert!(text.broke_off.unwrap().contains("only the first"));
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (raw, word) in [(&b"PK\x03\x04rest"[..], "zip"), (b"BZh91", "bzip2"), (b"\xfd7zXZ\0\0", "xz")] {
            let error = Text::of(raw).err().unwrap().to_string();
            assert!(error.contains(word) && error.contains("unpack it first"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..300), kind in 0..4usize) {
            let magic: &[u8] = [&b""[..], &[0x1f, 0x8b, 8, 0], &[0x28, 0xb5, 0x2f, 0xfd], &[0xff, 0xfe]][kind];
            if let Ok(mut text) = Text::of(&[magic, &raw].concat()[..]) {
                let _ = io::copy(&mut text, &mut io::sink());
            }
        }
    }
}
