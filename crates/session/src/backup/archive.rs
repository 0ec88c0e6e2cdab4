//! The archive itself, read as hostile input: it may have come from anywhere. Members must be plain files, named
//! in the manifest, within bounds, unlike each other, and hash to what the manifest says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wakeeper_private_fs::{Folder, FsError};

use super::manifest::{FileRow, LAYOUT, Manifest};
use crate::secret::Passphrase;
use crate::source::Limits;

/// The manifest's name in the archive.
pub(super) const MANIFEST: &str = "wakeeper-backup.json";
/// Where the session's own files are.
pub(crate) const SESSION: &str = "session/";
/// Where the store is.
pub(crate) const STORE: &str = "store/";
/// A manifest of 300,000 files has about 64 MB.
const MANIFEST_LIMIT: u64 = 256 << 20;
/// The first bytes of an age file.
const AGE: &[u8] = b"age-encryption.org/";
/// The first bytes of a zstd frame.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// scrypt's cost is two to this power; age itself chooses about 18.
const MAX_SCRYPT: u8 = 22;

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read from disk.
    #[error("reading it failed: {0}")]
    Io(#[from] std::io::Error),
    /// Another kind of file.
    #[error("it is not a backup of wakeeper")]
    NotABackup,
    /// A newer layout.
    #[error("it was written by a newer wakeeper (layout {0})")]
    Newer(u32),
    /// It is encrypted and no passphrase was given.
    #[error("it is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase does not open it.
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    /// Something in it is not what an honest archive holds.
    #[error("member {member}: {reason}")]
    Member {
        /// The member's path, shortened.
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

/// One file of the archive, its hash already compared.
pub struct Member<'a> {
    /// Its row in the manifest.
    pub row: &'a FileRow,
    /// Its content.
    pub content: &'a [u8],
}

impl Member<'_> {
    /// Its name in the session folder, unless it is the store.
    pub fn session_file(&self) -> Option<&str> {
        self.row.path.strip_prefix(SESSION)
    }

    /// Its name, when it is the store.
    pub fn store_file(&self) -> Option<&str> {
        self.row.path.strip_prefix(STORE)
    }
}

/// Reads a whole archive and hands over its files one by one.
pub fn read(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    read_stream(open(path)?, passphrase, limits, each)
}

/// Reads a whole archive from anywhere and hands over its files one by one.
pub fn read_stream(
    stream: impl BufRead,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
    mut each: impl FnMut(Member<'_>) -> Result<(), ArchiveError>,
) -> Result<Manifest, ArchiveError> {
    let mut archive = tar::Archive::new(content(stream, passphrase)?);
    let mut entries = archive.entries().map_err(|_| ArchiveError::NotABackup)?;
    let manifest = manifest(&mut entries, limits)?;
    let mut expected: BTreeMap<&str, &FileRow> =
        manifest.files.iter().map(|row| (row.path.as_str(), row)).collect();
    if expected.len() != manifest.files.len() {
        return Err(member(MANIFEST, "it names a file twice"));
    }
    let mut content = Vec::new();
    for entry in entries {
        let mut entry = entry?;
        let path = member_path(&entry)?;
        let row =
            expected.remove(path.as_str()).ok_or_else(|| member(&path, "the manifest does not name it"))?;
        if row.len > limits.file || entry.size() != row.len {
            return Err(member(&path, "it is not as long as the manifest says"));
        }
        content.clear();
        entry.read_to_end(&mut content)?;
        if hex::encode(Sha256::digest(&content)) != row.sha256 {
            return Err(ArchiveError::Hash(path));
        }
        each(Member { row, content: &content })?;
    }
    match expected.len() {
        0 => Ok(manifest),
        missing => Err(ArchiveError::Missing(missing)),
    }
}

/// Reads only the manifest; nothing is compared.
pub fn read_manifest(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Manifest, ArchiveError> {
    let mut archive = tar::Archive::new(content(open(path)?, passphrase)?);
    let mut entries = archive.entries().map_err(|_| ArchiveError::NotABackup)?;
    manifest(&mut entries, limits)
}

/// Whether a file begins as an encrypted backup does.
pub fn is_encrypted(path: &Path) -> std::io::Result<bool> {
    let mut start = [0; 19];
    let mut file = open_plain(path)?;
    Ok(file.read_exact(&mut start).is_ok() && start == *AGE)
}

fn manifest<R: Read>(entries: &mut tar::Entries<'_, R>, limits: &Limits) -> Result<Manifest, ArchiveError> {
    let first = entries.next().ok_or(ArchiveError::NotABackup)?;
    let mut first = first.map_err(|error| broken(error, ArchiveError::NotABackup))?;
    if member_path(&first).ok().as_deref() != Some(MANIFEST) {
        return Err(ArchiveError::NotABackup);
    }
    if first.size() > MANIFEST_LIMIT {
        return Err(member(MANIFEST, "it is too large"));
    }
    let mut text = Vec::new();
    first.read_to_end(&mut text)?;
    let layout = serde_json::from_slice::<Layout>(&text).map_err(|_| ArchiveError::NotABackup)?.layout;
    if layout > LAYOUT {
        return Err(ArchiveError::Newer(layout));
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| member(MANIFEST, "it is not a manifest"))?;
    if manifest.files.len() > limits.entries {
        return Err(member(MANIFEST, "it names too many files"));
    }
    match manifest.files.iter().find(|row| !is_plain(&row.path)) {
        Some(row) => Err(member(&row.path, "its name leads out of the session")),
        None => Ok(manifest),
    }
}

#[derive(serde::Deserialize)]
struct Layout {
    layout: u32,
}

/// `session/<name>` or `store/<name>`, the name without any way out.
fn is_plain(path: &str) -> bool {
    let name = path.strip_prefix(SESSION).or_else(|| path.strip_prefix(STORE));
    name.is_some_and(|name| name.len() <= 255 && crate::source::is_plain(name))
}

fn member_path<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String, ArchiveError> {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    match entry.header().entry_type() {
        tar::EntryType::Regular => Ok(path),
        _ => Err(member(&path, "it is not a regular file")),
    }
}

fn member(path: &str, reason: &'static str) -> ArchiveError {
    ArchiveError::Member { member: path.chars().take(120).collect(), reason }
}

fn broken(error: std::io::Error, otherwise: ArchiveError) -> ArchiveError {
    match error.kind() {
        std::io::ErrorKind::Other | std::io::ErrorKind::InvalidData => otherwise,
        _ => ArchiveError::Io(error),
    }
}

/// Opens a file without waiting on a pipe.
fn open_plain(path: &Path) -> std::io::Result<File> {
    // On a container's own shelf it must be a file of that shelf, and no link to another one.
    let (file, _) = Folder::file_named(path).map_err(FsError::into_io)?;
    Ok(file)
}

fn open(path: &Path) -> Result<BufReader<File>, ArchiveError> {
    Ok(BufReader::with_capacity(1 << 16, open_plain(path)?))
}

/// The tar stream inside.
fn content<'s>(
    mut file: impl BufRead + 's,
    passphrase: Option<&Passphrase>,
) -> Result<Box<dyn Read + 's>, ArchiveError> {
    let start = file.fill_buf()?;
    if start.starts_with(AGE) {
        let passphrase = passphrase.ok_or(ArchiveError::PassphraseNeeded)?;
        return Ok(Box::new(decompress(decrypt(file, passphrase)?)?));
    }
    if !start.starts_with(ZSTD) {
        return Err(ArchiveError::NotABackup);
    }
    Ok(Box::new(decompress(file)?))
}

fn decrypt<R: Read>(file: R, passphrase: &Passphrase) -> Result<impl Read + use<R>, ArchiveError> {
    let wrong = |_| ArchiveError::WrongPassphrase;
    let mut identity = age::scrypt::Identity::new(passphrase.expose().to_owned().into());
    // The cost is the archive's choice; an absurd one would hold us for hours.
    identity.set_max_work_factor(MAX_SCRYPT);
    let decryptor = age::Decryptor::new(file).map_err(wrong)?;
    decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(wrong)
}

fn decompress<R: Read>(compressed: R) -> Result<impl Read + use<R>, ArchiveError> {
    let mut decoder = zstd::stream::read::Decoder::new(compressed)?;
    // 32 MB: what a hostile archive may make us hold.
    decoder.window_log_max(25)?;
    Ok(decoder)
}

/// The archive's path and those of its neighbours share this shape; see [`super::shelf`].
pub(super) fn file_name(label: &str, stamp: &str, encrypted: bool) -> PathBuf {
    let ending = if encrypted { "tar.zst.age" } else { "tar.zst" };
    PathBuf::from(format!("{label}_{stamp}.{ending}"))
}
