//! The archive itself, read as hostile input: it may have come from anywhere. Members must be plain files, named
//! in the manifest, within bounds, unlike each other, and hash to what the manifest says.
//!
//! Everything is read as a stream. What is in memory at one time is the manifest's rows, one member, and what zstd keeps;
//! each has its bound, and so have the sums, so that an archive of a few kilobytes cannot take gigabytes or minutes.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wakeeper_bounded_tar::{Bounds, Entry, Kind, Reader, TarError, shown};

use super::manifest::read::{self as manifest_text, Refused};
use super::manifest::{FileRow, Manifest, Summary};
use super::packed::Packed;
use crate::secret::Passphrase;
use crate::source::Limits;

pub(super) mod content;

pub(super) use content::{SCRYPT, open_plain};

/// The manifest's name in the archive.
pub(super) const MANIFEST: &str = "wakeeper-backup.json";
/// Where the session's own files are.
pub(crate) const SESSION: &str = "session/";
/// Where the store is.
pub(crate) const STORE: &str = "store/";
/// Bytes of one member. Members that are longer than [`Limits::file`] are compared and not handed out: the store, and
/// what older versions took along.
pub(crate) const MEMBER: u64 = 64 << 20;
/// Bytes of everything in an archive, headers included.
const TOTAL: u64 = 1 << 30;
/// Bytes of the files that are put into one: 200,000 files have headers and filling of 200 MB.
pub(super) const CONTENT: u64 = 800_000_000;
/// What a tar stream may hold at most; names are `session/` and a file name of at most 255 bytes.
const BOUNDS: Bounds = Bounds {
    total: TOTAL,
    entries: manifest_text::FILES + 1,
    entry: MEMBER,
    name: 264,
    extensions: 16 << 10,
    records: 64,
};

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read from disk.
    #[error("reading it failed: {0}")]
    Io(#[from] std::io::Error),
    /// Another kind of file.
    #[error("it is not a backup of wakeeper")]
    NotABackup,
    /// An archive of another kind, which is not read.
    #[error("it is an archive of the kind {}, which is not read here: unpack it first (`{}`), and name the folder", .0.kind, .0.command)]
    Packed(Packed),
    /// A newer layout.
    #[error("it was written by a newer wakeeper (layout {0})")]
    Newer(u32),
    /// It is encrypted and no passphrase was given.
    #[error("it is encrypted, and a passphrase is needed: set BACKUP_PASSPHRASE or BACKUP_PASSPHRASE_FILE")]
    PassphraseNeeded,
    /// The passphrase does not open it.
    #[error("BACKUP_PASSPHRASE does not open it")]
    WrongPassphrase,
    /// To open it would take too long.
    #[error("opening it takes an scrypt work factor of {required}, more than the limit of {limit}")]
    Work {
        /// The power of two that it asks for.
        required: u8,
        /// The greatest that is taken.
        limit: u8,
    },
    /// Its file is larger than any backup.
    #[error("its file is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It was not opened.
    #[error("it was not looked into: the newer ones beside it took more reading than one command does")]
    NotLookedInto,
    /// The tar stream is broken, or holds more than any backup.
    #[error("{0}")]
    Tar(TarError),
    /// Something in it is not what an honest archive holds.
    #[error("member {member}: {reason}")]
    Member {
        /// The member's path, escaped and shortened.
        member: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A member's content is not what the manifest says.
    #[error("{0} does not hash to what the manifest says")]
    Hash(String),
    /// The manifest names files that are not there.
    #[error("{0} files that the manifest names are missing")]
    Missing(usize),
}

impl ArchiveError {
    /// It is encrypted, and the right passphrase was not given.
    pub(crate) fn is_of_the_passphrase(&self) -> bool {
        matches!(self, Self::PassphraseNeeded | Self::WrongPassphrase)
    }
}

impl From<TarError> for ArchiveError {
    fn from(error: TarError) -> Self {
        match error {
            TarError::Io(error) => Self::Io(error),
            error => Self::Tar(error),
        }
    }
}

/// One file of the session in the archive, its hash already compared.
pub struct Member<'a> {
    /// Its row in the manifest.
    pub row: &'a FileRow,
    /// Its content.
    pub content: &'a [u8],
}

impl Member<'_> {
    /// Its name in the session folder.
    pub fn session_file(&self) -> Option<&str> {
        self.row.path.strip_prefix(SESSION)
    }
}

/// What opening an archive costs at least: ten thousand of them are a list.
const FLOOR: u64 = 32 << 10;

/// What one command may spend on the archives of a folder, however many there are and whatever they say.
#[derive(Debug)]
pub(crate) struct Effort {
    /// Bytes that may still go into decompression, or come out of it, whichever is more.
    bytes: u64,
    /// Encrypted archives that may still be opened: about a second each.
    opened: u32,
}

impl Effort {
    /// For looking into the manifests of a folder: a shelf of genuine ones takes a small part of it.
    pub(super) fn of_a_list() -> Self {
        Self { bytes: 1 << 30, opened: 32 }
    }

    /// For looking for a file in archives that have to be read to their ends.
    pub(super) fn of_a_search() -> Self {
        Self { bytes: 3 * TOTAL, opened: 16 }
    }

    /// For telling what archives are as far as that costs next to nothing: no encrypted one is opened.
    pub(super) fn of_a_glance() -> Self {
        Self { bytes: 1 << 30, opened: 0 }
    }

    /// For reading a list of archives to their ends. Encrypted ones would take long.
    pub(super) fn of_reading_back() -> Self {
        Self { bytes: 3 * TOTAL, opened: 0 }
    }

    #[cfg(test)]
    pub(super) fn just_for_one_manifest() -> Self {
        Self { bytes: manifest_text::BYTES, opened: 0 }
    }

    #[cfg(test)]
    pub(super) fn is_more_than(&self, bytes: u64) -> bool {
        self.bytes > bytes
    }

    pub(super) fn of_one() -> Self {
        Self { bytes: TOTAL, opened: 1 }
    }

    fn start(&mut self, encrypted: bool, needed: u64) -> Result<(), ArchiveError> {
        if self.bytes < needed || (encrypted && self.opened == 0) {
            return Err(ArchiveError::NotLookedInto);
        }
        self.opened -= u32::from(encrypted);
        // Whatever is in it, it is opened.
        self.bytes -= FLOOR.min(self.bytes);
        Ok(())
    }
}

/// Reads a whole archive and hands over the session's files one by one.
pub fn read(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    read_with(path, passphrase, limits, &mut Effort::of_one(), each)
}

/// The same, out of what may be spent on several.
pub(super) fn read_with(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    effort: &mut Effort,
    each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    effort.start(is_encrypted(path)? && passphrase.is_some(), TOTAL)?;
    let mut spent = 0;
    let result = read_counted(content::open(path)?, passphrase, limits, &mut spent, each);
    effort.bytes = effort.bytes.saturating_sub(spent);
    result
}

/// Reads a whole archive from anywhere and hands over the session's files one by one.
pub fn read_stream(
    stream: impl BufRead,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    read_counted(stream, passphrase, limits, &mut 0, each)
}

fn read_counted(
    stream: impl BufRead,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    spent: &mut u64,
    each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    let (stream, meter) = content::of(stream, passphrase)?;
    let result = read_members(&mut Reader::new(stream, BOUNDS), limits, each);
    *spent = meter.spent();
    result
}

fn read_members<R: Read>(
    archive: &mut Reader<R>,
    limits: &Limits,
    mut each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    let manifest: Manifest = first(archive)?;
    check(&manifest, limits)?;
    let mut expected = Expected::of(&manifest)?;
    let mut content = Vec::new();
    while let Some(mut entry) = archive.next_entry()? {
        let path = member_path(&entry)?.to_owned();
        let row = expected.take(&path).ok_or_else(|| member(&path, "the manifest does not name it"))?;
        if entry.size != row.len {
            return Err(member(&path, "it is not as long as the manifest says"));
        }
        let keep = path.starts_with(SESSION) && row.len <= limits.file;
        if !hash_of(&mut entry, keep.then_some(&mut content))?.eq_ignore_ascii_case(&row.sha256) {
            return Err(ArchiveError::Hash(shown(&path)));
        }
        if keep {
            each(Member { row, content: &content })?;
        }
    }
    archive.finish()?;
    match expected.left {
        0 => Ok(manifest),
        missing => Err(ArchiveError::Missing(missing)),
    }
}

/// The SHA-256 of a member, in hex; its content too where that is wanted.
fn hash_of<R: Read>(
    entry: &mut Entry<'_, R>,
    mut keep: Option<&mut Vec<u8>>,
) -> Result<String, ArchiveError> {
    let mut hash = Sha256::new();
    let mut room = [0; 16 << 10];
    if let Some(content) = &mut keep {
        content.clear();
    }
    loop {
        match entry.piece(&mut room)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => {
                hash.update(&room[..read]);
                if let Some(content) = &mut keep {
                    content.extend_from_slice(&room[..read]);
                }
            }
        }
    }
}

/// The rows that have not come yet, found by their paths.
struct Expected<'m> {
    files: &'m [FileRow],
    /// Positions of the rows, sorted by path, and whether each has come.
    order: Vec<(u32, bool)>,
    left: usize,
}

impl<'m> Expected<'m> {
    fn of(manifest: &'m Manifest) -> Result<Self, ArchiveError> {
        let files = manifest.files.as_slice();
        let mut order: Vec<(u32, bool)> = (0..).take(files.len()).map(|at| (at, false)).collect();
        order.sort_unstable_by_key(|(at, _)| files[*at as usize].path.as_str());
        if order.windows(2).any(|two| files[two[0].0 as usize].path == files[two[1].0 as usize].path) {
            return Err(member(MANIFEST, "it names a file twice"));
        }
        Ok(Self { files, order, left: files.len() })
    }

    fn take(&mut self, path: &str) -> Option<&'m FileRow> {
        let found = self.order.binary_search_by_key(&path, |(at, _)| self.files[*at as usize].path.as_str());
        let (at, came) = &mut self.order[found.ok()?];
        if std::mem::replace(came, true) {
            return None;
        }
        self.left -= 1;
        Some(&self.files[*at as usize])
    }
}

/// Reads only what the manifest tells at a glance; nothing is compared, and nothing behind it is decompressed.
pub(super) fn summary(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    effort: &mut Effort,
) -> Result<Summary, ArchiveError> {
    effort.start(is_encrypted(path)? && passphrase.is_some(), manifest_text::BYTES)?;
    let (stream, meter) = content::of(content::open(path)?, passphrase)?;
    let mut archive = Reader::new(stream, BOUNDS);
    let few = |summary: &Summary| summary.files <= limits.entries;
    let result = first(&mut archive).and_then(|summary| {
        few(&summary).then_some(summary).ok_or_else(|| member(MANIFEST, "it names too many files"))
    });
    effort.bytes = effort.bytes.saturating_sub(meter.spent());
    result
}

/// Whether a file begins as an encrypted backup does.
pub fn is_encrypted(path: &Path) -> std::io::Result<bool> {
    let mut start = [0; 19];
    let mut file = content::open_plain(path)?;
    Ok(file.read_exact(&mut start).is_ok() && start == *content::AGE)
}

/// The manifest, which comes first.
fn first<R: Read, T>(archive: &mut Reader<R>) -> Result<T, ArchiveError>
where
    T: serde::de::DeserializeOwned + manifest_text::Layered,
{
    let entry = match archive.next_entry() {
        Ok(Some(entry)) => entry,
        Ok(None) | Err(TarError::Broken(_)) => return Err(ArchiveError::NotABackup),
        Err(TarError::Io(error)) => return Err(broken(error)),
        Err(error) => return Err(error.into()),
    };
    if member_path(&entry).ok() != Some(MANIFEST) {
        return Err(ArchiveError::NotABackup);
    }
    if entry.size > manifest_text::BYTES {
        return Err(member(MANIFEST, "it is too large"));
    }
    manifest_text::read(entry).map_err(|refused| match refused {
        Refused::Newer(layout) => ArchiveError::Newer(layout),
        Refused::NoLayout => ArchiveError::NotABackup,
        Refused::Because(reason) => member(MANIFEST, reason),
        Refused::Stream(error) => ArchiveError::Io(error),
    })
}

/// What the rows say, before anything behind them is read.
fn check(manifest: &Manifest, limits: &Limits) -> Result<(), ArchiveError> {
    if manifest.files.len() > limits.entries {
        return Err(member(MANIFEST, "it names too many files"));
    }
    if let Some(row) = manifest.files.iter().find(|row| !is_plain(&row.path)) {
        return Err(member(&row.path, "its name leads out of the session"));
    }
    let sum = manifest.files.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.len));
    if sum.is_none_or(|sum| sum > TOTAL) {
        return Err(ArchiveError::Tar(TarError::Total { limit: TOTAL }));
    }
    Ok(())
}

/// `session/<name>` or `store/<name>`, the name without any way out.
fn is_plain(path: &str) -> bool {
    let name = path.strip_prefix(SESSION).or_else(|| path.strip_prefix(STORE));
    name.is_some_and(|name| name.len() <= 255 && crate::source::is_plain(name))
}

fn member_path<'e, R: Read>(entry: &'e Entry<'_, R>) -> Result<&'e str, ArchiveError> {
    match std::str::from_utf8(&entry.name) {
        Ok(path) if entry.kind == Kind::File => Ok(path),
        Ok(path) => Err(member(path, "it is not a regular file")),
        Err(_) => Err(member(&String::from_utf8_lossy(&entry.name), "its name is not Unicode")),
    }
}

pub(super) fn member(path: &str, reason: &'static str) -> ArchiveError {
    ArchiveError::Member { member: shown(path), reason }
}

/// Why the very beginning cannot be read.
fn broken(error: std::io::Error) -> ArchiveError {
    match error.kind() {
        // What zstd says of a window that is larger than it was allowed.
        std::io::ErrorKind::Other if error.to_string().contains("too much memory") => ArchiveError::Io(error),
        std::io::ErrorKind::Other | std::io::ErrorKind::InvalidData => ArchiveError::NotABackup,
        _ => ArchiveError::Io(error),
    }
}

/// The archive's path and those of its neighbours share this shape; see [`super::shelf`]. Whose login an encrypted one holds
/// stands in its name: nobody can look into it to tell it from those of another session of the same name.
pub(super) fn file_name(label: &str, stamp: &str, encrypted: bool, login: Option<&str>) -> PathBuf {
    PathBuf::from(match (encrypted, login) {
        (true, Some(login)) => format!("{label}_{stamp}.{login}.tar.zst.age"),
        (true, None) => format!("{label}_{stamp}.tar.zst.age"),
        (false, _) => format!("{label}_{stamp}.tar.zst"),
    })
}
