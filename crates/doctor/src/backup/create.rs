//! Makes a backup: hash everything, write, read back, and only then let it count.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wakeeper_model::time;
use wakeeper_private_fs::shown;

use super::archive::{self, MANIFEST, SESSION, STORE};
use super::manifest::read::{BYTES, FILES, LEFT_OUT};
use super::manifest::{FileRow, LAYOUT, LeftOut, Manifest, account_mark, content_hash};
use super::place::place_mark;
use super::shelf::Shelf;
use super::{BackupError, Reason};
use crate::examine::{Examination, Options};
use crate::finding::{Finding, Severity};
use crate::formats::baileys::name::Name;
use crate::inventory::{Facts, FileReport};
use crate::secret::Passphrase;
use crate::source::{Entry, Folder, Limits, ReadError};

/// zstd's own default: session files are mostly random bytes, harder work gains nothing.
const LEVEL: i32 = 3;

/// How a backup is to be made.
#[derive(Clone, Copy)]
pub struct CreateOptions<'a> {
    /// The backup folder; made, with mode 0700, when it does not exist.
    pub shelf: &'a Path,
    /// The session's name: letters, digits, `_` and `-`.
    pub label: &'a str,
    /// Encrypts the archive.
    pub passphrase: Option<&'a Passphrase>,
    /// Makes a new archive even when the newest one holds exactly the same.
    pub always: bool,
}

/// A backup that was made and read back.
#[derive(Debug, serde::Serialize)]
pub struct Created {
    /// The archive.
    #[serde(serialize_with = "super::info::as_shown")]
    pub path: PathBuf,
    /// What it holds.
    pub manifest: Manifest,
    /// The newest archive held exactly this already, so no new one was written.
    pub unchanged: bool,
}

/// Backs a session folder up. The archive appears under its name only when it is complete, on disk, and was read
/// back with every hash compared.
pub fn create(
    folder: &Folder,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
) -> Result<Created, BackupError> {
    create_because(folder, options, how, None)
}

/// The same, and says why.
pub fn create_because(
    folder: &Folder,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
    reason: impl Into<Option<Reason>>,
) -> Result<Created, BackupError> {
    let stock = Stock::of(&Examination::of_folder(folder, options)?, options, how.label);
    create_from(folder, stock.because(reason), options, how)
}

/// Backs up a folder that was examined already.
pub(crate) fn create_from(
    folder: &Folder,
    stock: Stock,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
) -> Result<Created, BackupError> {
    let shelf = Shelf::make(how.shelf)?;
    let manifest = stock.count(folder, options)?;
    if !how.always
        && let Some(path) = shelf.newest_with(how, &manifest, &options.limits)
    {
        return Ok(Created { path, manifest, unchanged: true });
    }
    let name = free_name(&shelf, how, manifest.login(), options.now_ms);
    let draft = format!(".{}.tmp", name.display());
    let (temporary, path) = (shelf.path().join(&draft), shelf.path().join(&name));
    let place = shelf.folder()?;
    // What another run of the same moment left; a file of that name that is there is never written into.
    let _ = place.remove(&draft);
    let file = place.create(&draft).map_err(shelf.failed("make an archive in"))?;
    let written = write(folder, options, how, &manifest, (&file, &temporary)).and_then(|()| {
        let unsound = |reason| BackupError::Unsound { path: shown(&temporary), reason };
        archive::read(&temporary, how.passphrase, &options.limits, |_| Ok(())).map_err(unsound)?;
        place.rename(&draft, &name.to_string_lossy()).map_err(shelf.failed("name the archive in"))?;
        shelf.sync()
    });
    if let Err(error) = written {
        // Half an archive is of no use, and its absence no further harm.
        let _ = place.remove(&draft);
        return Err(error);
    }
    Ok(Created { path, manifest, unchanged: false })
}

fn failed<'p>(action: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> BackupError + 'p {
    move |reason| BackupError::Io { action, path: shown(path), reason }
}

fn free_name(shelf: &Shelf, how: &CreateOptions<'_>, login: Option<&str>, now_ms: i64) -> PathBuf {
    // Two backups in one millisecond: the next free one.
    (now_ms..now_ms.saturating_add(1_000_000))
        .map(|ms| archive::file_name(how.label, &time::stamp(ms), how.passphrase.is_some(), login))
        .find(|name| shelf.path().join(name).symlink_metadata().is_err())
        .unwrap_or_default()
}

/// What an examination tells a backup.
pub(crate) struct Stock {
    names: Vec<String>,
    /// Without its files.
    manifest: Manifest,
}

impl Stock {
    /// One file, and what is known of it already.
    pub(crate) fn of_file(name: String, manifest: Manifest) -> Self {
        Self { names: vec![name], manifest }
    }

    pub(crate) fn of(examination: &Examination, options: &Options<'_>, label: &str) -> Self {
        let files = &examination.inventory.files;
        // Who runs on the folder, where it lies and what a log says are no properties of the copy.
        let of_files =
            Options { owners: &[], on_mount: None, peer_failures: &[], peers: &[], groups: &[], ..*options };
        let findings = examination.findings(&of_files);
        let is_error = |finding: &&Finding| finding.severity == Severity::Error;
        let credentials = examination.inventory.credentials();
        let manifest = Manifest {
            layout: LAYOUT,
            wakeeper: env!("CARGO_PKG_VERSION").to_owned(),
            created_ms: options.now_ms,
            label: label.to_owned(),
            reason: None,
            format: "baileys".to_owned(),
            version: examination.inventory.written_by(),
            account: credentials
                .filter(|c| c.is_linked())
                .and_then(|c| c.identity_public())
                .map(account_mark),
            place: None,
            credentials: examination.credentials_state(&findings),
            errors: Some(findings.iter().filter(is_error).count()),
            next_pre_key_id: credentials.and_then(|credentials| credentials.next_pre_key_id),
            signal_sessions: files.values().filter(|file| matches!(file.facts, Facts::Session(_))).count(),
            content: String::new(),
            files: Vec::new(),
            left_out: Vec::new(),
        };
        // What wakeeper keeps for itself is no part of the session.
        let is_part = |file: &&FileReport| file.name != Name::Own;
        Self { names: files.values().filter(is_part).map(|file| file.entry.name.clone()).collect(), manifest }
    }

    /// Says why the backup is made.
    pub(crate) fn because(mut self, reason: impl Into<Option<Reason>>) -> Self {
        self.manifest.reason = reason.into();
        self
    }

    /// Hashes every file; the archive must later hold exactly these bytes.
    fn count(self, folder: &Folder, options: &Options<'_>) -> Result<Manifest, BackupError> {
        let mut manifest = self.manifest;
        let place = manifest.place.take();
        manifest.place = place.or_else(|| Some(place_mark(options.home.unwrap_or_else(|| folder.path()))));
        let mut bytes = 0;
        for name in self.names {
            // Told before everything was read.
            if manifest.files.len() > FILES || bytes > archive::CONTENT {
                return Err(BackupError::TooLarge { files: manifest.files.len(), bytes });
            }
            match folder.open_file(&name, &options.limits) {
                Ok((file, entry)) => {
                    bytes += entry.len;
                    manifest.files.push(row(SESSION, file, &entry)?);
                }
                Err(ReadError::Missing) => {}
                Err(error) => manifest.left_out.push(LeftOut { name, reason: error.to_string() }),
            }
        }
        if let Some((file, entry)) = options.store.and_then(open_store) {
            manifest.files.push(row(STORE, file, &entry)?);
        }
        if manifest.left_out.len() > LEFT_OUT {
            let more = manifest.left_out.len() - LEFT_OUT + 1;
            manifest.left_out.truncate(LEFT_OUT - 1);
            manifest
                .left_out
                .push(LeftOut { name: format!("and {more} more"), reason: "not listed".to_owned() });
        }
        let bytes = manifest.files.iter().map(|row| row.len).sum();
        // What could not be read back is not written. The rest of an archive's bytes are headers, of 1 KiB at most.
        if manifest.files.len() > FILES || bytes > archive::CONTENT {
            return Err(BackupError::TooLarge { files: manifest.files.len(), bytes });
        }
        manifest.content = content_hash(&manifest.files);
        Ok(manifest)
    }
}

/// The store may be far larger than what may be read into memory; larger ones are left out.
fn open_store(path: &Path) -> Option<(File, Entry)> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new("."))).ok()?;
    let limits = Limits { file: archive::MEMBER, ..Limits::default() };
    folder.open_file(path.file_name()?.to_str()?, &limits).ok()
}

fn row(area: &str, file: File, entry: &Entry) -> Result<FileRow, BackupError> {
    let mut hash = Sha256::new();
    let mut file = file.take(entry.len);
    let mut room = [0; 16 * 1024];
    let mut len = 0;
    loop {
        match file.read(&mut room).map_err(failed("read", Path::new(&entry.name)))? {
            0 => break,
            read => {
                hash.update(&room[..read]);
                len += read as u64;
            }
        }
    }
    Ok(FileRow {
        path: format!("{area}{}", entry.name),
        len,
        sha256: hex::encode(hash.finalize()),
        mode: entry.mode,
        modified_ms: i64::try_from(entry.modified_ns / 1_000_000).unwrap_or(0),
    })
}

fn write(
    folder: &Folder,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
    manifest: &Manifest,
    (file, path): (&File, &Path),
) -> Result<(), BackupError> {
    let io = failed("write", path);
    let synced = match how.passphrase {
        None => fill(folder, options, manifest, file)?,
        Some(passphrase) => {
            let mut recipient = age::scrypt::Recipient::new(passphrase.expose().to_owned().into());
            // The same on every machine, so that what one writes another one reads.
            recipient.set_work_factor(archive::SCRYPT);
            let recipients = std::iter::once(&recipient as &dyn age::Recipient);
            let encryptor = age::Encryptor::with_recipients(recipients)
                .map_err(|error| io(std::io::Error::other(error)))?;
            let output = encryptor.wrap_output(file).map_err(&io)?;
            fill(folder, options, manifest, output)?.finish().map_err(&io)?
        }
    };
    synced.sync_all().map_err(&io)
}

fn fill<W: Write>(
    folder: &Folder,
    options: &Options<'_>,
    manifest: &Manifest,
    output: W,
) -> Result<W, BackupError> {
    let io = failed("write", Path::new("the archive"));
    let encoder = zstd::stream::write::Encoder::new(output, LEVEL).map_err(&io)?;
    let mut tar = tar::Builder::new(encoder);
    let text = serde_json::to_vec(manifest).map_err(|error| io(error.into()))?;
    if text.len() as u64 > BYTES {
        let bytes = manifest.files.iter().map(|row| row.len).sum();
        return Err(BackupError::TooLarge { files: manifest.files.len(), bytes });
    }
    append(&mut tar, MANIFEST, &text, manifest.created_ms).map_err(&io)?;
    for row in &manifest.files {
        let changing = || BackupError::Changing { name: row.path.clone() };
        let content = match (row.path.strip_prefix(SESSION), options.store) {
            (Some(name), _) => folder.read(name, &options.limits).map_err(|_| changing())?,
            (None, Some(store)) => read_store(store).ok_or_else(changing)?,
            (None, None) => return Err(changing()),
        };
        if hex::encode(Sha256::digest(&content)) != row.sha256 {
            return Err(changing());
        }
        append(&mut tar, &row.path, &content, row.modified_ms).map_err(&io)?;
    }
    tar.into_inner().map_err(&io)?.finish().map_err(&io)
}

fn read_store(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let (file, entry) = open_store(path)?;
    file.take(entry.len).read_to_end(&mut content).ok()?;
    Some(content)
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    path: &str,
    content: &[u8],
    modified_ms: i64,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(modified_ms / 1000).unwrap_or(0));
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, path, content)
}
