//! What a gateway finds around itself before it starts: folders, mounts, leftovers of other programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::backup::Shelf;
use wakeeper_doctor::formats::baileys::name::{CREDENTIALS, MOVED_CREDENTIALS};
use wakeeper_doctor::mount::is_on_mount;
use wakeeper_private_fs::{FsError, create_private_folders};
use wakeeper_storage::ROWS_DATABASE;
use wakeeper_storage::disk::DiskCause;

use crate::users;

/// Why a gateway does not start on a folder.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// A file lies in the folder's place.
    #[error("AUTH_INFO_DIR {} is a file, not a folder; move it away or set AUTH_INFO_DIR", .0.display())]
    NotAFolder(PathBuf),
    /// The folder could not be made.
    #[error("cannot create AUTH_INFO_DIR {}; mount a writable folder there or set AUTH_INFO_DIR", folder.display())]
    Create {
        /// The folder.
        folder: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// No file can be made in the folder.
    #[error("AUTH_INFO_DIR {} is not writable{advice}", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// Why not, or what to do.
        advice: String,
        /// The system's words.
        source: io::Error,
    },
    /// The folder that all lies in was named, and is not there: a typing error would begin a new session.
    #[error(
        "there is no folder {folder}, which DATA_DIR or --data-dir names; correct the name, or make it: mkdir -p {folder}",
        folder = quoted(.0)
    )]
    NoDataFolder(PathBuf),
    /// A Baileys session lies in the folder, and something still runs on it.
    #[error(
        "a Baileys session lies in {} and is still in use by {}: stop it first, then wakeeper takes the session over",
        folder.display(), owners.join(", ")
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// What runs on it.
        owners: Vec<String>,
    },
}

/// Folders of a gateway that is about to start.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The folder of sessions.
    pub auth_info: &'a Path,
    /// `baileys_store.json`, which need not exist.
    pub baileys_store: &'a Path,
    /// The backup folder, which need not exist.
    pub backups: &'a Path,
    /// What all of it lies in.
    pub data: &'a Path,
    /// The folder of witnesses, when one is set.
    pub witnesses: Option<&'a Path>,
}

impl Folders<'_> {
    /// Makes them ready, and warns of what works but will surprise its owner later.
    ///
    /// # Errors
    /// When no session can be kept in the folder of sessions.
    pub fn prepare(&self, in_container: bool) -> Result<(), PreflightError> {
        prepare_auth_info(self.auth_info)?;
        make_private(self.backups);
        let witnesses = self.witnesses.and_then(|folder| of_witnesses(folder, self.data));
        for warning in warnings(self.auth_info, self.baileys_store, in_container).into_iter().chain(witnesses)
        {
            tracing::warn!("{warning}");
        }
        Ok(())
    }
}

/// Judges the folders that the settings name, before anything is made: a data folder that somebody named is there, and the folder
/// of sessions is none or a folder.
///
/// # Errors
/// [`PreflightError::NoDataFolder`] and [`PreflightError::NotAFolder`].
pub fn judge_folders(named_data: Option<&Path>, auth_info: &Path) -> Result<(), PreflightError> {
    match named_data {
        Some(folder) if !folder.is_dir() => Err(PreflightError::NoDataFolder(folder.to_owned())),
        _ if auth_info.exists() && !auth_info.is_dir() => {
            Err(PreflightError::NotAFolder(auth_info.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Judges whether sessions can be kept in the folder, which need not be there yet. Nothing stays behind.
///
/// # Errors
/// [`PreflightError::Create`] and [`PreflightError::NotWritable`].
pub fn judge_writable(auth_info: &Path) -> Result<(), PreflightError> {
    // In the image a gateway makes its mounts usable when it starts.
    if Path::new(CHOWN_MOUNTS).exists() {
        return Ok(());
    }
    if auth_info.exists() {
        return probe(auth_info).map_err(|source| not_writable(auth_info, source));
    }
    let above = auth_info.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    probe(above).map_err(|source| PreflightError::Create { folder: auth_info.to_owned(), source })
}

/// Makes `auth_info` ready: a private folder in which files can be made and synced.
///
/// # Errors
/// One line that says which folder, what is wrong and what to do.
pub fn prepare_auth_info(folder: &Path) -> Result<(), PreflightError> {
    judge_folders(None, folder)?;
    if !folder.exists() {
        create_private_folders(folder)
            .map_err(|source| PreflightError::Create { folder: folder.to_owned(), source })?;
    }
    make_private(folder);
    probe(folder).map_err(|source| not_writable(folder, source))
}

fn not_writable(folder: &Path, source: io::Error) -> PreflightError {
    let advice = match cause(&source) {
        Some(trouble) => format!(": {trouble}"),
        None => format!(
            " by {}; change its owner (on the host: sudo chown -R {} ./auth_info), \
             run the container as its owner (--user), or mount another folder",
            user(),
            user_ids().unwrap_or_else(|| "10001:10001".to_owned()),
        ),
    };
    PreflightError::NotWritable { folder: folder.to_owned(), advice, source }
}

/// A Baileys session in the folder is taken over, but not from a program that still runs on it.
///
/// # Errors
/// [`PreflightError::InUse`].
pub fn refuse_beside_baileys(auth_info: &Path) -> Result<(), PreflightError> {
    if !auth_info.join(CREDENTIALS).exists() {
        return Ok(());
    }
    let owners = users::others(auth_info);
    if owners.is_empty() {
        Ok(())
    } else {
        Err(PreflightError::InUse { folder: auth_info.to_owned(), owners })
    }
}

/// One line of the log says what would bring the session of before back.
pub fn tell_of_backup(auth_info: &Path, shelf: &Path, label: &str) {
    let Some(newest) = backup_from_before(auth_info, shelf, label) else { return };
    // From any folder.
    let typed = |path: &Path| quoted(&path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    tracing::info!(
        "{} is empty, so a new session starts with a QR code. The newest backup of the last one is {}; stop this gateway, \
         run `wakeeper restore --auth-info-dir {} --backup-dir {} {}`, and start it again to have that login back",
        auth_info.display(),
        newest.display(),
        typed(auth_info),
        typed(shelf),
        typed(&newest),
    );
}

/// The newest backup of a session that is not here any more: a folder of sessions without anything in it is how people begin
/// anew.
fn backup_from_before(auth_info: &Path, shelf: &Path, label: &str) -> Option<PathBuf> {
    let used = [ROWS_DATABASE, CREDENTIALS, MOVED_CREDENTIALS];
    let sessions = fs::read_dir(auth_info.join("sessions")).is_ok_and(|mut items| items.next().is_some());
    if sessions || used.iter().any(|name| auth_info.join(name).exists()) {
        return None;
    }
    let shelf = Shelf::at(shelf);
    // Of several sessions of that name nothing tells which one was here.
    if shelf.accounts(label).len() > 1 {
        return None;
    }
    let archives = shelf.archives(Some(label)).unwrap_or_default();
    archives.into_iter().next().map(|(newest, ..)| newest)
}

/// What is wrong with the disk, when it is not a matter of whose the folder is.
fn cause(error: &io::Error) -> Option<&'static str> {
    match DiskCause::of_io(error) {
        DiskCause::Full => Some("its disk is full; free some room on it, and start again"),
        DiskCause::Quota => Some("the disk quota is used up; raise it or free some room, and start again"),
        DiskCause::ReadOnly if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Some("it is on a read-only file system; mount it writable, and start again")
        }
        DiskCause::Failed => Some("its disk failed; look at that disk"),
        _ => None,
    }
}

fn probe(folder: &Path) -> io::Result<()> {
    wakeeper_private_fs::probe(folder, ".write-probe").map_err(FsError::into_io)
}

/// The image's program that gives mounted folders to the user this runs as.
const CHOWN_MOUNTS: &str = "/usr/local/libexec/wakeeper-chown-mounts";

/// In the image: makes folders that Docker made as root, or that another gateway's user owns, usable. Elsewhere, and
/// where the container may not change owners, nothing happens, and whoever needs the folder says what is wrong.
pub fn chown_mounts(paths: &[&Path]) {
    let unusable = |path: &&Path| path.exists() && !is_usable(path);
    if !Path::new(CHOWN_MOUNTS).exists() || !paths.iter().any(unusable) {
        return;
    }
    match std::process::Command::new(CHOWN_MOUNTS).env_clear().output() {
        Ok(output) => {
            for line in String::from_utf8_lossy(&output.stdout).lines() {
                tracing::warn!("{line}: the mounted folders belonged to somebody else");
            }
            for line in String::from_utf8_lossy(&output.stderr).lines() {
                tracing::warn!("{line}");
            }
        }
        Err(error) => tracing::warn!(
            "the mounted folders belong to somebody else, and this container may not change that: {error}"
        ),
    }
}

/// Can it, and what a session of Baileys has in it, be read and written?
fn is_usable(path: &Path) -> bool {
    if path.is_file() {
        return fs::OpenOptions::new().read(true).append(true).open(path).is_ok();
    }
    let creds = path.join(CREDENTIALS);
    probe(path).is_ok() && (!creds.exists() || is_usable(&creds))
}

/// Other users of the machine have no business in a folder of logins, if there is one. Some mounts know no modes.
fn make_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open && let Err(error) = fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
        tracing::warn!(folder = %folder.display(), %error, "the folder is readable by others and its mode cannot be changed to 0700");
    }
}

/// The user this process runs as, for people.
fn user() -> String {
    user_ids().map_or_else(|| "this user".to_owned(), |ids| format!("user {ids}"))
}

/// The user this process runs as, the way `chown` wants it.
fn user_ids() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let id = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().nth(1).map(ToOwned::to_owned)
    };
    Some(format!("{}:{}", id("Uid:")?, id("Gid:")?))
}

/// Things that work but will surprise their owner later, as log lines.
fn warnings(auth_info: &Path, baileys_store: &Path, in_container: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if baileys_store.is_dir() {
        warnings.push(format!(
            "{} is a directory: Docker makes one when the file to mount does not exist. wakeeper does not need it; \
             to mount a file, stop the container, remove the directory and run: echo '{{}}' > baileys_store.json",
            baileys_store.display()
        ));
    }
    if in_container && !on_mount(auth_info) {
        warnings.push(format!(
            "{} is not on a mount: the login will be lost with this container. Mount a folder or volume there, \
             for example: -v $(pwd)/auth_info:{}",
            auth_info.display(),
            real(auth_info).display()
        ));
    }
    warnings
}

/// Whether a folder of this process's file system outlives its container.
pub fn on_mount(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_on_mount(&mounts, &real(folder))
}

fn real(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned())
}

/// What is wrong with the place of the witnesses, which are to outlive the data folder and are believed. Nothing where it is
/// made at the first use.
fn of_witnesses(witnesses: &Path, data_dir: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let shown = witnesses.display();
    let real = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok();
    if real(witnesses).zip(real(data_dir)).is_some_and(|(folder, data)| folder.starts_with(data)) {
        return Some(format!(
            "STATE_DIR {shown} lies in the data folder {}: whoever puts back an older copy of that folder puts it back too, \
             and it is not noticed. Name a folder on another volume",
            data_dir.display()
        ));
    }
    let mode = fs::metadata(witnesses).ok()?.permissions().mode();
    (mode & 0o022 != 0).then(|| {
        format!(
            "other users may write to STATE_DIR {shown} (mode {:04o}), so what it tells cannot be trusted; run: chmod 700 {}",
            mode & 0o7777,
            quoted(witnesses)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_becomes_private_and_a_file_in_its_place_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let auth_info = folder.path().join("deep/auth_info");
        prepare_auth_info(&auth_info).unwrap();
        fs::set_permissions(&auth_info, fs::Permissions::from_mode(0o755)).unwrap();
        prepare_auth_info(&auth_info).unwrap();
        assert_eq!(fs::metadata(&auth_info).unwrap().permissions().mode() & 0o777, 0o700);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(prepare_auth_info(&file).expect_err("refused").to_string().contains("is a file"));
    }

    #[test]
    fn a_folder_in_which_nothing_can_be_made_is_told_before_the_start() {
        let folder = tempfile::tempdir().unwrap();
        for good in [folder.path().to_owned(), folder.path().join("deep/auth_info")] {
            judge_writable(&good).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing stays behind");
        for bad in ["/proc", "/proc/auth_info", "/sys/auth_info"] {
            let told = judge_writable(Path::new(bad)).expect_err(bad).to_string();
            assert!(told.contains("AUTH_INFO_DIR") && told.contains(bad), "{told}");
        }
    }

    #[test]
    fn a_place_for_witnesses_is_outside_and_closed() {
        use std::os::unix::fs::PermissionsExt;
        let (data, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(of_witnesses(state.path(), data.path()), None);
        let inside = data.path().join("state");
        assert!(
            of_witnesses(&inside, data.path()).is_some_and(|told| told.contains("lies in the data folder"))
        );
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(of_witnesses(state.path(), data.path()).is_some_and(|told| told.contains("0777")));
    }

    #[test]
    fn the_advice_follows_what_the_disk_says() {
        let told = |kind: io::ErrorKind| cause(&kind.into());
        assert!(told(io::ErrorKind::StorageFull).is_some_and(|told| told.contains("full")));
        assert!(told(io::ErrorKind::ReadOnlyFilesystem).is_some_and(|told| told.contains("read-only")));
        assert_eq!(told(io::ErrorKind::PermissionDenied), None);
    }

    #[test]
    fn a_directory_in_place_of_the_store_is_mentioned() {
        let folder = tempfile::tempdir().unwrap();
        let warnings = warnings(folder.path(), folder.path(), false);
        assert!(warnings.iter().any(|warning| warning.contains("is a directory")));
    }
}
