//! From the file to the tar stream in it: decrypted, decompressed, and neither beyond its bound.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use wakeeper_private_fs::{Folder, FsError};

use super::ArchiveError;
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
/// Bytes of age's header. With a passphrase it has about 200; a parser of long ones works in squares.
const AGE_HEADER: u64 = 2 << 10;
/// The first bytes of an age file.
pub(super) const AGE: &[u8] = b"age-encryption.org/";
/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file without waiting on a pipe. On a container's own shelf it must be a file of that shelf, and no link to
/// another one.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    let (file, _) = Folder::file_named(path).map_err(FsError::into_io)?;
    Ok(file)
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, ArchiveError> {
    let file = open_plain(path)?;
    if file.metadata()?.len() > COMPRESSED {
        return Err(ArchiveError::TooLarge { limit: COMPRESSED });
    }
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// The tar stream inside.
pub(super) fn of<'s>(
    mut file: impl BufRead + 's,
    passphrase: Option<&Passphrase>,
) -> Result<Box<dyn Read + 's>, ArchiveError> {
    let start = file.fill_buf()?;
    let encrypted = start.starts_with(AGE);
    if !encrypted && !start.starts_with(ZSTD) {
        return Err(ArchiveError::NotABackup);
    }
    let left = Rc::new(Cell::new(COMPRESSED));
    let file = Bounded { inner: file, left: Rc::clone(&left) };
    if !encrypted {
        return Ok(Box::new(decompress(file)?));
    }
    let passphrase = passphrase.ok_or(ArchiveError::PassphraseNeeded)?;
    left.set(AGE_HEADER);
    let decryptor = age::Decryptor::new(file).map_err(|_| ArchiveError::NotABackup)?;
    left.set(COMPRESSED);
    Ok(Box::new(decompress(decrypt(decryptor, passphrase)?)?))
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

fn decompress<R: Read>(compressed: R) -> Result<impl Read + use<R>, ArchiveError> {
    let mut decoder = zstd::stream::read::Decoder::new(compressed)?;
    decoder.window_log_max(WINDOW)?;
    Ok(decoder)
}

/// Gives out no more than what is left, which others may change.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        if left == 0 && !room.is_empty() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any backup"));
        }
        let wanted = room.len().min(left);
        let read = self.inner.read(&mut room[..wanted])?;
        self.left.set(self.left.get() - read as u64);
        Ok(read)
    }
}
