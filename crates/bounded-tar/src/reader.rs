//! The reader: header, extension headers, content, padding; again and again until two blocks of zeros.

use std::borrow::Cow;
use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::bounds::{Bounds, TarError};
use crate::pax::Records;
use crate::shown;

/// Everything is in blocks of so many bytes.
const BLOCK: usize = 512;
/// Extension headers before one entry: a long name, a long link, PAX records of the entry and of all that follow, and
/// as many again for odd writers.
const EXTENSIONS: usize = 8;
/// Zeros that may follow the end: GNU tar fills up to 10 KiB by default.
const FILLING: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// One more name of a file that came before in the stream, see [`Entry::link`].
    HardLink,
    /// A symbolic link, a pipe, a device, or something that only another tar knows.
    Other,
}

/// A tar stream.
#[derive(Debug)]
pub struct Reader<R> {
    stream: R,
    bounds: Bounds,
    /// Bytes that were read.
    read: u64,
    entries: usize,
    /// Content of the entry that was handed out last, and the filling behind it.
    left: u64,
    filling: u64,
    ended: bool,
}

/// One entry; reading it reads its content.
#[derive(Debug)]
pub struct Entry<'r, R> {
    reader: &'r mut Reader<R>,
    /// Its name, as it stands there: any bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// What a link leads to, as it stands there: any bytes. Empty for what is no link.
    pub link: Vec<u8>,
    /// Bytes of its content.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// Last change of its content, seconds since 1970.
    pub mtime: u64,
}

/// What extension headers told of the entry that follows.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Records,
    bytes: usize,
    headers: usize,
}

impl<R: Read> Reader<R> {
    /// Begins to read.
    pub fn new(stream: R, bounds: Bounds) -> Self {
        Self { stream, bounds, read: 0, entries: 0, left: 0, filling: 0, ended: false }
    }

    /// Bytes of the stream that were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next entry; what was not read of the one before is passed over.
    ///
    /// # Errors
    /// When the stream is broken, or larger than the bounds allow.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, TarError> {
        let mut extended = Extended::default();
        loop {
            self.pass_over()?;
            let Some(header) = self.header()? else {
                return if extended.headers == 0 { Ok(None) } else { Err(TarError::Short) };
            };
            match header.entry_type() {
                EntryType::GNULongName => {
                    let size = self.extension(&header, &mut extended)?;
                    extended.name = Some(self.long_name(size)?);
                }
                EntryType::XHeader => {
                    let size = self.extension(&header, &mut extended)?;
                    let text = self.records_text(size, &mut extended)?;
                    extended.records.read(&text, self.bounds.records)?;
                }
                EntryType::GNULongLink => {
                    let size = self.extension(&header, &mut extended)?;
                    extended.link = Some(self.long_name(size)?);
                }
                // What holds for all entries does not matter here.
                EntryType::XGlobalHeader => {
                    let size = self.extension(&header, &mut extended)?;
                    self.records_text(size, &mut extended)?;
                }
                _ => return self.entry(&header, extended).map(Some),
            }
        }
    }

    /// Reads to the end of the stream: only zeros may follow the last entry.
    ///
    /// # Errors
    /// When something else follows, or the stream breaks.
    pub fn finish(&mut self) -> Result<(), TarError> {
        while self.next_entry()?.is_some() {}
        let mut room = [0; 4096];
        let mut filling = 0;
        loop {
            let read = self.some(&mut room)?;
            filling += read as u64;
            if read == 0 {
                return Ok(());
            }
            if filling > FILLING || room[..read].iter().any(|byte| *byte != 0) {
                return Err(TarError::Broken("something follows its end"));
            }
        }
    }

    fn extension(&mut self, header: &Header, extended: &mut Extended) -> Result<u64, TarError> {
        extended.headers += 1;
        if extended.headers > EXTENSIONS {
            return Err(TarError::Broken("an entry in it has too many headers"));
        }
        let size = size_of(header)?;
        self.expect(size)?;
        Ok(size)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        // It ends with a NUL.
        if size > self.bounds.name as u64 + 1 {
            return Err(TarError::Name { size, limit: self.bounds.name });
        }
        let mut name = self.whole(size)?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    fn records_text(&mut self, size: u64, extended: &mut Extended) -> Result<Vec<u8>, TarError> {
        let limit = self.bounds.extensions;
        let room = limit - extended.bytes;
        let wanted = usize::try_from(size).ok().filter(|size| *size <= room);
        extended.bytes += wanted.ok_or(TarError::Extensions { limit })?;
        self.whole(size)
    }

    fn entry(&mut self, header: &Header, extended: Extended) -> Result<Entry<'_, R>, TarError> {
        if self.entries == self.bounds.entries {
            return Err(TarError::Entries { limit: self.bounds.entries });
        }
        self.entries += 1;
        let records = extended.records;
        let name = records.path.or(extended.name).unwrap_or_else(|| header.path_bytes().into_owned());
        if name.len() > self.bounds.name {
            return Err(TarError::Name { size: name.len() as u64, limit: self.bounds.name });
        }
        let link = records.link.or(extended.link).or_else(|| header.link_name_bytes().map(Cow::into_owned));
        let link = link.unwrap_or_default();
        if link.len() > self.bounds.name {
            return Err(TarError::Name { size: link.len() as u64, limit: self.bounds.name });
        }
        let told = || shown(&String::from_utf8_lossy(&name));
        if records.sparse || header.entry_type() == EntryType::GNUSparse {
            return Err(TarError::Sparse(told()));
        }
        let size = records.size.map_or_else(|| size_of(header), Ok)?;
        if size > self.bounds.entry {
            return Err(TarError::Entry { name: told(), size, limit: self.bounds.entry });
        }
        self.expect(size)?;
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Link => Kind::HardLink,
            _ => Kind::Other,
        };
        let fields = header.as_old();
        let mode = field(&fields.mode, || header.mode().map(u64::from))? as u32 & 0o7777;
        let uid = records.uid.map_or_else(|| field(&fields.uid, || header.uid()), Ok)?;
        let gid = records.gid.map_or_else(|| field(&fields.gid, || header.gid()), Ok)?;
        let mtime = field(&fields.mtime, || header.mtime())?;
        Ok(Entry { reader: self, name, kind, link, size, mode, uid, gid, mtime })
    }

    /// Refuses content that would go beyond the sum, and remembers that it comes.
    fn expect(&mut self, size: u64) -> Result<(), TarError> {
        let limit = self.bounds.total;
        if size > limit.saturating_sub(self.read) {
            return Err(TarError::Total { limit });
        }
        self.left = size;
        self.filling = size.next_multiple_of(BLOCK as u64) - size;
        Ok(())
    }

    /// All of the content that was announced; the caller knows that it is little.
    fn whole(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let mut content = vec![0; usize::try_from(size).unwrap_or(0)];
        self.exactly(&mut content)?;
        self.left = 0;
        Ok(content)
    }

    /// `None` at the end.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let mut header = Header::new_old();
        let mut filled = 0;
        while filled < BLOCK {
            match self.some(&mut header.as_mut_bytes()[filled..])? {
                // Some writers leave the two blocks of zeros away.
                0 if filled == 0 => {
                    self.ended = true;
                    return Ok(None);
                }
                0 => return Err(TarError::Short),
                read => filled += read,
            }
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum = bytes[..148].iter().chain(&bytes[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        if header.cksum().ok() != Some(sum) {
            return Err(TarError::Broken("it is not a tar stream, or a header in it is damaged"));
        }
        Ok(Some(header))
    }

    fn pass_over(&mut self) -> Result<(), TarError> {
        let mut room = [0; 4096];
        let mut left = std::mem::take(&mut self.left) + std::mem::take(&mut self.filling);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(room.len()).min(room.len());
            match self.some(&mut room[..wanted])? {
                0 => return Err(TarError::Short),
                read => left -= read as u64,
            }
        }
        Ok(())
    }

    fn exactly(&mut self, room: &mut [u8]) -> Result<(), TarError> {
        let mut filled = 0;
        while filled < room.len() {
            match self.some(&mut room[filled..])? {
                0 => return Err(TarError::Short),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// The only place that reads, so that nothing escapes the count.
    fn some(&mut self, room: &mut [u8]) -> Result<usize, TarError> {
        let limit = self.bounds.total;
        loop {
            match self.stream.read(room) {
                Ok(read) => {
                    self.read += read as u64;
                    return if self.read > limit { Err(TarError::Total { limit }) } else { Ok(read) };
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<R: Read> Entry<'_, R> {
    /// The next piece of its content; 0 at its end.
    ///
    /// # Errors
    /// When the stream ends or breaks before.
    pub fn piece(&mut self, room: &mut [u8]) -> Result<usize, TarError> {
        let left = self.reader.left;
        let wanted = usize::try_from(left).unwrap_or(room.len()).min(room.len());
        if wanted == 0 {
            return Ok(0);
        }
        match self.reader.some(&mut room[..wanted])? {
            0 => Err(TarError::Short),
            read => {
                self.reader.left -= read as u64;
                Ok(read)
            }
        }
    }
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.piece(room).map_err(|error| match error {
            TarError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        })
    }
}

/// A number; what was left empty is 0.
fn field(bytes: &[u8], read: impl Fn() -> io::Result<u64>) -> Result<u64, TarError> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(0);
    }
    read().map_err(|_| TarError::Broken("a header in it cannot be read"))
}

fn size_of(header: &Header) -> Result<u64, TarError> {
    header.entry_size().map_err(|_| TarError::Broken("a size in it cannot be read"))
}

#[cfg(test)]
mod tests;
