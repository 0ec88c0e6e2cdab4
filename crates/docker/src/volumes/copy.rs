//! Working on a copy: what the engine hands out as a tar stream, changed here, and what goes back.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptions, RemoveContainerOptions, StartContainerOptions,
    UploadToContainerOptions,
};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wakeeper_bounded_tar::{Bounds, Entry, Kind, Reader, TarError, shown};

use super::VolumeError;
use crate::container::Container;
use crate::engine::Engine;
use crate::error::EngineError;

/// No session is larger; what is, is something else.
const BYTES: u64 = 4 << 30;
/// What the stream may hold at most: it is written by the engine, of names, sizes and attributes that the container chose.
/// Records carry the extended attributes of a file, of which Linux allows 64 KiB.
const BOUNDS: Bounds =
    Bounds { total: BYTES, entries: 500_000, entry: 1 << 30, name: 4096, extensions: 1 << 20, records: 1024 };
/// So many names fit into one command.
const NAMES: usize = 500;

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
}

impl Copy {
    /// Copies a path here; `None` when the container has none.
    pub(super) async fn fetch(
        engine: &Engine,
        container: &Container,
        remote: &Path,
    ) -> Result<Option<Self>, VolumeError> {
        let folder = tempfile::Builder::new().prefix("wakeeper-").permissions(private(0o700)).tempdir();
        let folder = folder.map_err(local("make a folder for", &std::env::temp_dir()))?;
        let Some(archive) = download(engine, container, remote).await? else { return Ok(None) };
        let (root, remote) = (folder.path().to_owned(), remote.to_owned());
        let was = blocking(move || unpack(archive, &root)).await?;
        let mounted = container.mount_of(&remote).is_some();
        let top = was.keys().next().cloned().unwrap_or_default();
        let local = folder.path().join(top);
        Ok(Some(Self { folder, local, remote, mounted, was }))
    }

    /// The copy.
    pub(super) fn path(&self) -> &Path {
        &self.local
    }

    /// Sends changes and removals back into a stopped container.
    pub(super) async fn put_back(self, engine: &Engine, name: &str, id: &str) -> Result<(), VolumeError> {
        match self.send(engine, id).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                let kept = self.folder.keep();
                Err(VolumeError::NotPutBack { container: name.to_owned(), reason, kept })
            }
        }
    }

    async fn send(&self, engine: &Engine, id: &str) -> Result<(), String> {
        let changes = Changes::between(&self.was, self.folder.path()).map_err(|error| error.to_string())?;
        if changes.is_empty() {
            return Ok(());
        }
        let parent = self.remote.parent().unwrap_or(Path::new("/")).to_owned();
        if changes.removed.is_empty() {
            return self.upload(engine, id, &parent, &changes.put, false).await;
        }
        if self.mounted {
            self.upload(engine, id, &parent, &changes.put, false).await?;
            return remove_in_volume(engine, id, &parent, &changes.removed).await;
        }
        // A container's own layer: the archive can only add, except that a file in place of a folder replaces it.
        let all: Vec<PathBuf> = walk(self.folder.path()).map_err(|error| error.to_string())?;
        self.upload(engine, id, &parent, &all, true).await
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

/// What is not as it was.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    put: Vec<PathBuf>,
    removed: Vec<PathBuf>,
}

impl Changes {
    fn between(was: &BTreeMap<PathBuf, Was>, folder: &Path) -> std::io::Result<Self> {
        let now = walk(folder)?;
        let mut changes = Self::default();
        for path in &now {
            let local = folder.join(path);
            let same = match was.get(path) {
                None => false,
                Some(Was { content: None, .. }) => local.is_dir(),
                Some(Was { content: Some(hash), .. }) => local.is_file() && hash_of(&local)? == *hash,
            };
            if !same {
                changes.put.push(path.clone());
            }
        }
        let now: std::collections::BTreeSet<_> = now.into_iter().collect();
        // Deepest first, so that a folder is empty when its turn comes.
        changes.removed = was.keys().filter(|path| !now.contains(*path)).rev().cloned().collect();
        Ok(changes)
    }

    fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
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
            Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, message })
                if !message.contains("No such container:") =>
            {
                return Ok(None);
            }
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

/// Unpacks folders and regular files, and nothing else: no links, nothing outside, nothing beyond the bounds.
fn unpack(archive: File, root: &Path) -> Result<BTreeMap<PathBuf, Was>, VolumeError> {
    let mut archive = Reader::new(BufReader::new(archive), BOUNDS);
    let mut was = BTreeMap::new();
    while let Some(mut entry) = archive.next_entry().map_err(|error| broken(&error))? {
        let path = inside(&entry.name)?;
        let mut then =
            Was { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtime: entry.mtime, content: None };
        let target = root.join(&path);
        match entry.kind {
            Kind::Folder => {
                std::fs::DirBuilder::new().mode(0o700).create(&target).map_err(local("make", &target))?;
            }
            Kind::File => {
                then.content = Some(write_hashed(&mut entry, &target)?);
                // The examination judges modes, so the copy has the original's.
                std::fs::set_permissions(&target, private(then.mode & 0o777 | 0o600))
                    .map_err(local("set the mode of", &target))?;
            }
            Kind::Other => {
                let path = shown(&path.to_string_lossy());
                tracing::warn!(path, "left out: it is neither a file nor a folder");
                continue;
            }
        }
        was.insert(path, then);
    }
    if was.is_empty() {
        return Err(strange(Path::new("the path"), "it is neither a file nor a folder"));
    }
    Ok(was)
}

/// The path that a name in the stream means below the folder.
fn inside(name: &[u8]) -> Result<PathBuf, VolumeError> {
    let path = Path::new(OsStr::from_bytes(name));
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if path.as_os_str().is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(strange(&path, "its name leads out of the folder"));
    }
    Ok(path)
}

fn broken(error: &TarError) -> VolumeError {
    strange(Path::new("the archive"), &error.to_string())
}

fn write_hashed(entry: &mut Entry<'_, BufReader<File>>, target: &Path) -> Result<[u8; 32], VolumeError> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(target);
    let mut file = file.map_err(local("write", target))?;
    let mut hash = Sha256::new();
    let mut room = vec![0; 64 * 1024];
    loop {
        match entry.piece(&mut room).map_err(|error| broken(&error))? {
            0 => return Ok(hash.finalize().into()),
            read => {
                hash.update(&room[..read]);
                file.write_all(&room[..read]).map_err(local("write", target))?;
            }
        }
    }
}

fn hash_of(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut HashWriter(&mut hash))?;
    Ok(hash.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything below a folder, folders before what is in them, as paths below it.
fn walk(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(path.clone());
            }
            if kind.is_dir() || kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Removes files in the volumes of a stopped container: a helper of the same image, which mounts the same volumes,
/// has no network and runs nothing but `rm`.
async fn remove_in_volume(engine: &Engine, id: &str, parent: &Path, paths: &[PathBuf]) -> Result<(), String> {
    let container = engine.find(id).await.map_err(|error| error.to_string())?;
    for names in paths.chunks(NAMES) {
        let mut command = vec!["-rf".to_owned(), "--".to_owned()];
        command.extend(names.iter().map(|name| parent.join(name).to_string_lossy().into_owned()));
        let body = ContainerCreateBody {
            image: Some(container.image_id.clone()),
            entrypoint: Some(vec!["rm".to_owned()]),
            cmd: Some(command),
            user: Some("0:0".to_owned()),
            host_config: Some(HostConfig {
                volumes_from: Some(vec![id.to_owned()]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = engine.docker.create_container(None::<CreateContainerOptions>, body).await;
        let helper =
            made.map_err(|error| EngineError::of("make a helper container", id, error).to_string())?.id;
        let result = run_helper(engine, &helper).await;
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
        if let Err(error) = engine.docker.remove_container(&helper, Some(options)).await {
            tracing::warn!(%error, "the helper container {helper} could not be removed");
        }
        result?;
    }
    Ok(())
}

async fn run_helper(engine: &Engine, helper: &str) -> Result<(), String> {
    let started = engine.docker.start_container(helper, None::<StartContainerOptions>).await;
    started.map_err(|error| {
        let reason = EngineError::of("remove files in the volume", helper, error);
        format!("{reason} (the container's image has no `rm`, which is needed to remove files in a volume)")
    })?;
    let options = None::<bollard::query_parameters::WaitContainerOptions>;
    let ended = Box::pin(engine.docker.wait_container(helper, options)).next().await;
    match ended {
        Some(Ok(_)) | None => Ok(()),
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => {
            Err(format!("removing files in the volume ended with exit code {code}"))
        }
        Some(Err(error)) => Err(EngineError::of("remove files in the volume", helper, error).to_string()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, Option<&str>)]) -> File {
        let mut tar = tar::Builder::new(tempfile::tempfile().unwrap());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_uid(10001);
            header.set_gid(10001);
            header.set_mode(if content.is_some() { 0o644 } else { 0o755 });
            header.set_size(content.map_or(0, |content| content.len() as u64));
            header.set_entry_type(if content.is_some() {
                tar::EntryType::Regular
            } else {
                tar::EntryType::Directory
            });
            let bytes = content.unwrap_or_default().as_bytes();
            // Names that lead out are refused by the builder, so they are written raw.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, bytes).unwrap();
        }
        let mut file = tar.into_inner().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file
    }

    #[test]
    fn changes_and_removals_are_seen() {
        let root = tempfile::tempdir().unwrap();
        let entries = [
            ("a/", None),
            ("a/creds.json", Some("{}")),
            ("a/gone.json", Some("1")),
            ("a/same.json", Some("2")),
        ];
        let was = unpack(archive(&entries), root.path()).unwrap();
        assert!(Changes::between(&was, root.path()).unwrap().is_empty());
        std::fs::write(root.path().join("a/creds.json"), "{\"x\":1}").unwrap();
        std::fs::write(root.path().join("a/new.json"), "n").unwrap();
        std::fs::remove_file(root.path().join("a/gone.json")).unwrap();
        let changes = Changes::between(&was, root.path()).unwrap();
        assert_eq!(changes.put, [PathBuf::from("a/creds.json"), PathBuf::from("a/new.json")]);
        assert_eq!(changes.removed, [PathBuf::from("a/gone.json")]);
    }

    /// Each is a header alone: were it believed, gigabytes would be taken for it.
    #[test]
    fn what_a_container_announces_is_bounded() {
        use tar::EntryType::{GNULongName, Regular, XHeader};
        for (kind, size, expected) in [
            (GNULongName, 1 << 30, "a name in it"),
            (XHeader, 1 << 30, "extensions of more than"),
            (Regular, 2 << 30, "more than the limit"),
            (Regular, 5 << 30, "more than the limit"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(size);
            header.as_old_mut().name[0] = b'a';
            header.set_cksum();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(header.as_bytes()).unwrap();
            file.seek(SeekFrom::Start(0)).unwrap();
            let root = tempfile::tempdir().unwrap();
            let error = unpack(file, root.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} should tell: {expected}");
        }
    }

    #[test]
    fn names_that_are_told_do_not_steer_the_terminal() {
        let root = tempfile::tempdir().unwrap();
        let error = unpack(archive(&[("../\u{1b}[2J", Some("x"))]), root.path()).unwrap_err().to_string();
        assert!(error.contains("\\u{1b}[2J") && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn nothing_leaves_the_folder() {
        for name in ["../evil", "/etc/evil", "a/../../evil"] {
            let root = tempfile::tempdir().unwrap();
            let error = unpack(archive(&[("a/", None), (name, Some("x"))]), root.path()).unwrap_err();
            assert!(error.to_string().contains("leads out"), "{name}: {error}");
        }
    }
}
