//! Working on a copy: what the engine hands out as a tar stream, changed here, and what goes back.
//!
//! The engine works as root, and follows links on the way. So it is asked for every folder on the way first, and of what
//! it hands out only that is taken which the container's user may read itself.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use futures::StreamExt;
use tempfile::TempDir;
use wakeeper_bounded_tar::shown;

use super::{Purpose, VolumeError};
use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::docker::entry::is_no_such_file;
use crate::docker::error::EngineError;
use crate::docker::user::{self, User};

mod changes;
mod helper;
mod unpack;
mod way;

use changes::{Changes, walk};
use unpack::{LeftOut, unpack};

/// No session is larger; what is, is something else.
const BYTES: u64 = 4 << 30;

/// What an entry was, and must be again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Was {
    uid: u64,
    gid: u64,
    mode: u32,
    mtime: u64,
    /// SHA-256; `None` for a folder.
    content: Option<[u8; 32]>,
}

/// A folder or file of a container, copied into a private folder.
#[derive(Debug)]
pub(super) struct Copy {
    folder: TempDir,
    /// The copy of the path in it.
    local: PathBuf,
    /// The path in the container.
    remote: PathBuf,
    /// On a mount, whose root cannot be replaced.
    mounted: bool,
    /// By the path below the parent of `remote`; the first is the folder or file itself.
    was: BTreeMap<PathBuf, Was>,
    left_out: LeftOut,
    container: Container,
    user: User,
    purpose: Purpose,
}

impl Copy {
    /// Copies a path here, as far as the container's user may read it; `None` when the container has none.
    ///
    /// # Errors
    /// When the way to it leads over a link, or is not the container's user's.
    pub(super) async fn fetch(
        engine: &Engine,
        container: &Container,
        remote: &Path,
        purpose: Purpose,
    ) -> Result<Option<Self>, VolumeError> {
        let Some(user) = user::inside(engine, container).await? else {
            let (container, user) = (container.name.clone(), container.user.clone());
            return Err(VolumeError::UnknownUser { container, user });
        };
        if !way::leads_there(engine, container, &user, remote, purpose).await? {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("wakeeper-").permissions(private(0o700)).tempdir();
        let folder = folder.map_err(local("make a folder for", &std::env::temp_dir()))?;
        let Some(archive) = download(engine, container, remote).await? else { return Ok(None) };
        // A container that runs can have changed the way meanwhile.
        if container.is_up() && !way::leads_there(engine, container, &user, remote, purpose).await? {
            return Ok(None);
        }
        let (root, may_read) = (folder.path().to_owned(), user.clone());
        let unpacked = blocking(move || unpack(archive, &root, &may_read)).await?;
        let top = unpacked.was.keys().next().cloned().unwrap_or_default();
        Ok(Some(Self {
            local: folder.path().join(top),
            folder,
            remote: remote.to_owned(),
            mounted: container.mount_of(remote).is_some(),
            was: unpacked.was,
            left_out: unpacked.left_out,
            container: container.clone(),
            user,
            purpose,
        }))
    }

    /// The copy.
    pub(super) fn path(&self) -> &Path {
        &self.local
    }

    /// Sends changes and removals back into a stopped container.
    pub(super) async fn put_back(self, engine: &Engine, name: &str) -> Result<(), VolumeError> {
        match self.send(engine).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                let kept = self.folder.keep();
                Err(VolumeError::NotPutBack { container: name.to_owned(), reason, kept })
            }
        }
    }

    async fn send(&self, engine: &Engine) -> Result<(), String> {
        let changes = Changes::between(&self.was, self.folder.path()).map_err(|error| error.to_string())?;
        if changes.is_empty() {
            return Ok(());
        }
        let id = &self.container.id;
        let parent = self.remote.parent().unwrap_or(Path::new("/")).to_owned();
        let leads = way::leads_there(engine, &self.container, &self.user, &self.remote, self.purpose).await;
        if !leads.map_err(|error| error.to_string())? {
            return Err(format!("{} is not there any more", self.remote.display()));
        }
        if changes.removed.is_empty() {
            return self.upload(engine, id, &parent, &changes.put, false).await;
        }
        self.removals_lose_nothing(&changes)?;
        if self.mounted {
            self.upload(engine, id, &parent, &changes.put, false).await?;
            return helper::remove_in_volume(engine, id, &parent, &changes.removed).await;
        }
        // A container's own layer: the archive can only add, except that a file in place of a folder replaces it.
        let all: Vec<PathBuf> = walk(self.folder.path()).map_err(|error| error.to_string())?;
        self.upload(engine, id, &parent, &all, true).await
    }

    /// Refuses removals that would take with them what the copy is without. In a volume single files are removed.
    fn removals_lose_nothing(&self, changes: &Changes) -> Result<(), String> {
        let is_folder = |path: &PathBuf| self.was.get(path).is_some_and(|was| was.content.is_none());
        let whole = !self.mounted || changes.removed.iter().any(is_folder);
        if self.left_out.count == 0 || !whole {
            return Ok(());
        }
        Err(format!(
            "files are to be removed, for which the engine can only replace the whole folder {}, and {} that would be \
             lost with it; move them out of the folder, or keep the session on a volume",
            self.remote.display(),
            self.left_out
        ))
    }

    async fn upload(
        &self,
        engine: &Engine,
        id: &str,
        parent: &Path,
        paths: &[PathBuf],
        replace: bool,
    ) -> Result<(), String> {
        let archive = self.pack(paths, replace).map_err(|error| error.to_string())?;
        let stream = pieces_of(archive);
        let options =
            UploadToContainerOptions { path: parent.to_string_lossy().into_owned(), ..Default::default() };
        let sent =
            engine.docker.upload_to_container(id, Some(options), bollard::body_try_stream(stream)).await;
        sent.map_err(|error| EngineError::of("take the files", id, error).to_string())
    }

    /// A tar archive of these entries, with the owners and modes that they had; new ones are like their folder.
    fn pack(&self, paths: &[PathBuf], replace: bool) -> std::io::Result<File> {
        let mut tar = tar::Builder::new(tempfile::tempfile()?);
        let root = self.was.values().next();
        if replace && let Some(top) = self.top() {
            let mut header = Self::header(root, 0o600, 0);
            header.set_entry_type(tar::EntryType::Regular);
            tar.append_data(&mut header, &top, std::io::empty())?;
        }
        for path in paths {
            let local = self.folder.path().join(path);
            let metadata = local.symlink_metadata()?;
            let was = self.was.get(path);
            if metadata.is_dir() {
                let mut header = Self::header(was.or(root), was.map_or(0o700, |was| was.mode), 0);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, format!("{}/", path.display()), std::io::empty())?;
            } else {
                let mode = was.map_or(metadata.permissions().mode() & 0o777, |was| was.mode);
                let mut header = Self::header(was.or(root), mode, metadata.len());
                header.set_entry_type(tar::EntryType::Regular);
                tar.append_data(&mut header, path, File::open(&local)?.take(metadata.len()))?;
            }
        }
        let mut archive = tar.into_inner()?;
        archive.flush()?;
        archive.seek(SeekFrom::Start(0))?;
        Ok(archive)
    }

    fn top(&self) -> Option<PathBuf> {
        self.remote.file_name().map(PathBuf::from)
    }

    fn header(owner: Option<&Was>, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_uid(owner.map_or(0, |was| was.uid));
        header.set_gid(owner.map_or(0, |was| was.gid));
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(owner.map_or(0, |was| was.mtime));
        header
    }
}

async fn download(
    engine: &Engine,
    container: &Container,
    remote: &Path,
) -> Result<Option<File>, VolumeError> {
    let temporary = std::env::temp_dir();
    let mut file = tempfile::tempfile().map_err(local("make a file in", &temporary))?;
    let options = DownloadFromContainerOptions { path: remote.to_string_lossy().into_owned() };
    let mut stream = Box::pin(engine.docker.download_from_container(&container.id, Some(options)));
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) if is_no_such_file(&error) => return Ok(None),
            Err(error) => {
                let action = format!("read {} of container {}", remote.display(), container.name);
                return Err(EngineError::of(action, &container.name, error).into());
            }
        };
        size += piece.len() as u64;
        if size > BYTES {
            return Err(strange(remote, "it is larger than any session"));
        }
        file.write_all(&piece).map_err(local("write to", &temporary))?;
    }
    file.seek(SeekFrom::Start(0)).map_err(local("read from", &temporary))?;
    Ok(Some(file))
}

/// A file in pieces.
fn pieces_of(
    file: File,
) -> impl futures::Stream<Item = Result<bytes::Bytes, std::io::Error>> + Send + 'static {
    let file = tokio::fs::File::from_std(file);
    futures::stream::unfold(file, |mut file| async move {
        let mut room = bytes::BytesMut::with_capacity(64 * 1024);
        match tokio::io::AsyncReadExt::read_buf(&mut file, &mut room).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(room.freeze()), file)),
            Err(error) => Some((Err(error), file)),
        }
    })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VolumeError> + Send + 'static,
) -> Result<T, VolumeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(strange(Path::new("the archive"), &error.to_string())),
    }
}

fn private(mode: u32) -> std::fs::Permissions {
    std::fs::Permissions::from_mode(mode)
}

fn local<'p>(action: &'static str, path: &'p Path) -> impl Fn(std::io::Error) -> VolumeError + 'p {
    move |reason| VolumeError::Local { action, path: path.to_owned(), reason }
}

fn strange(path: &Path, reason: &str) -> VolumeError {
    // The container chose the name, and people read it.
    let path = PathBuf::from(shown(&path.to_string_lossy()));
    VolumeError::Strange { path, reason: reason.to_owned() }
}
