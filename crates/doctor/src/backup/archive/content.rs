//! From the file to the tar stream in it: decrypted, decompressed, and neither beyond its bound.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use wakeeper_private_fs::{Folder, FsError};

use super::ArchiveError;
use crate::backup::packed::Packed;
use crate::secret::Passphrase;

/// scrypt's cost in new archives: two to this power, for 128 MB and about half a second. It is what OWASP's "Password
/// Storage Cheat Sheet" asks for.
pub(crate) const SCRYPT: u8 = 17;
/// The greatest cost that is paid, for 512 MB. Older versions let the machine choose, which came to 18 or 19.
const MAX_SCRYPT: u8 = 19;
/// zstd keeps so many bytes at hand, as a power of two: 8 MB, what its levels up to 19 need.
const WINDOW: u32 = 23;
/// Bytes of an archive's file.
const COMPRESSED: u64 = 1 << 30;
/// Bytes that may be taken beyond twice what came out: zstd makes nothing longer than it was by more than a little.
const SLACK: u64 = 4 << 20;
/// Bytes of age's header. With a passphrase it has about 200; a parser of long ones works in squares.
const AGE_HEADER: u64 = 2 << 10;
/// The first bytes of an age file.
pub(super) const AGE: &[u8] = b"age-encryption.org/";
/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file without waiting on a pipe. On a container's own shelf it must be a file of that shelf, and no link to
/// another one.
pub(in crate::backup) fn open_plain(path: &Path) -> io::Result<File> {
    let (file, _) = Folder::file_named(path).map_err(FsError::into_io)?;
    Ok(file)
}

pub(in crate::backup) fn open(path: &Path) -> Result<BufReader<File>, ArchiveError> {
    let file = open_plain(path)?;
    if file.metadata()?.len() > COMPRESSED {
        return Err(ArchiveError::TooLarge { limit: COMPRESSED });
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    match Packed::of(path, file.fill_buf()?) {
        Some(packed) => Err(ArchiveError::Packed(packed)),
        None => Ok(file),
    }
}

/// What was read of an archive, and what came out of it.
#[derive(Debug)]
pub(super) struct Meter {
    taken: Cell<u64>,
    out: Cell<u64>,
    /// So much may be taken.
    limit: Cell<u64>,
}

impl Meter {
    /// What the reading cost: whichever of both is more. A file may hold much that unpacks to nothing.
    pub(super) fn spent(&self) -> u64 {
        self.taken.get().max(self.out.get())
    }

    fn allow(&self, bytes: u64) {
        self.limit.set(self.taken.get().saturating_add(bytes));
    }

    fn left(&self) -> io::Result<u64> {
        let left = self.limit.get().saturating_sub(self.taken.get());
        if left == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any backup"));
        }
        if self.taken.get() > SLACK + 2 * self.out.get() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "most of it unpacks to nothing"));
        }
        Ok(left)
    }
}

/// The tar stream inside.
pub(super) fn of<'s>(
    mut file: impl BufRead + 's,
    passphrase: Option<&Passphrase>,
) -> Result<(Box<dyn Read + 's>, Rc<Meter>), ArchiveError> {
    let start = file.fill_buf()?;
    let encrypted = start.starts_with(AGE);
    if !encrypted && !start.starts_with(ZSTD) {
        return Err(ArchiveError::NotABackup);
    }
    let meter = Rc::new(Meter { taken: Cell::new(0), out: Cell::new(0), limit: Cell::new(COMPRESSED) });
    let file = Bounded { inner: file, meter: Rc::clone(&meter) };
    let counted = Rc::clone(&meter);
    if !encrypted {
        return Ok((Box::new(Counted { inner: decompress(file)?, meter: counted }), meter));
    }
    let passphrase = passphrase.ok_or(ArchiveError::PassphraseNeeded)?;
    meter.allow(AGE_HEADER);
    let decryptor = age::Decryptor::new(file).map_err(|_| ArchiveError::NotABackup)?;
    meter.allow(COMPRESSED);
    let stream = decompress(decrypt(decryptor, passphrase)?)?;
    Ok((Box::new(Counted { inner: stream, meter: counted }), meter))
}

fn decrypt<R: Read>(
    decryptor: age::Decryptor<R>,
    passphrase: &Passphrase,
) -> Result<impl Read + use<R>, ArchiveError> {
    let mut identity = age::scrypt::Identity::new(passphrase.expose().to_owned().into());
    // The cost is the archive's choice; an absurd one would hold us for hours, and take gigabytes.
    identity.set_max_work_factor(MAX_SCRYPT);
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(|error| match error {
        age::DecryptError::ExcessiveWork { required, .. } => {
            ArchiveError::Work { required, limit: MAX_SCRYPT }
        }
        _ => ArchiveError::WrongPassphrase,
    })
}

pub(in crate::backup) fn decompress<R: Read>(compressed: R) -> Result<impl Read + use<R>, ArchiveError> {
    // One frame, as every backup is written: those that are skipped may be of any length.
    let mut decoder = zstd::stream::read::Decoder::new(compressed)?.single_frame();
    decoder.window_log_max(WINDOW)?;
    Ok(decoder)
}

/// Counts what comes out.
struct Counted<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(room)?;
        self.meter.out.set(self.meter.out.get() + read as u64);
        Ok(read)
    }
}

/// Takes no more than the meter allows.
struct Bounded<R> {
    inner: R,
    meter: Rc<Meter>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let left = usize::try_from(self.meter.left()?).unwrap_or(usize::MAX);
        let wanted = room.len().min(left);
        let read = self.inner.read(&mut room[..wanted])?;
        self.meter.taken.set(self.meter.taken.get() + read as u64);
        Ok(read)
    }
}
