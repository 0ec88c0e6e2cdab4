//! What the gateway finds around itself at start: folders, mounts, leftovers of other programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::mount::is_on_mount;
use wakeeper_private_fs::{FsError, create_private_folders};
use wakeeper_storage::disk::DiskCause;

/// Makes `auth_info` ready: a private folder in which files can be made and synced.
///
/// # Errors
/// One line that says which folder, what is wrong and what to do.
pub fn prepare_auth_info(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        bail!("AUTH_INFO_DIR {shown} is a file, not a folder; move it away or set AUTH_INFO_DIR");
    }
    if !folder.exists() {
        create_private_folders(folder).with_context(|| {
            format!("cannot create AUTH_INFO_DIR {shown}; mount a writable folder there or set AUTH_INFO_DIR")
        })?;
    }
    make_private(folder);
    probe(folder).map_err(|error| {
        let told = match cause(&error) {
            Some(trouble) => format!("AUTH_INFO_DIR {shown} is not writable: {trouble}"),
            None => format!(
                "AUTH_INFO_DIR {shown} is not writable by {}; change its owner (on the host: sudo chown -R {} ./auth_info), \
                 run the container as its owner (--user), or mount another folder",
                user(),
                user_ids().unwrap_or_else(|| "10001:10001".to_owned()),
            ),
        };
        anyhow::Error::from(error).context(told)
    })
}

/// What is wrong with the disk, when it is not a matter of whose the folder is.
fn cause(error: &std::io::Error) -> Option<&'static str> {
    match DiskCause::of_io(error) {
        DiskCause::Full => Some("its disk is full; free some room on it, and start again"),
        DiskCause::Quota => Some("the disk quota is used up; raise it or free some room, and start again"),
        DiskCause::ReadOnly if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem => {
            Some("it is on a read-only file system; mount it writable, and start again")
        }
        DiskCause::Failed => Some("its disk failed; look at that disk"),
        _ => None,
    }
}

fn probe(folder: &Path) -> std::io::Result<()> {
    wakeeper_private_fs::probe(folder, ".write-probe").map_err(FsError::into_io)
}

/// The image's program that gives mounted folders to the user this runs as.
const ADOPT: &str = "/usr/local/libexec/wakeeper-adopt";

/// In the image: makes folders that Docker made as root, or that another gateway's user owns, usable. Elsewhere, and
/// where the container may not change owners, nothing happens, and whoever needs the folder says what is wrong.
pub fn adopt_mounts(paths: &[&Path]) {
    let unusable = |path: &&Path| path.exists() && !is_usable(path);
    if !Path::new(ADOPT).exists() || !paths.iter().any(unusable) {
        return;
    }
    match std::process::Command::new(ADOPT).env_clear().output() {
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
#[cfg(unix)]
pub fn make_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let open = fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open && let Err(error) = fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
        tracing::warn!(folder = %folder.display(), %error, "the folder is readable by others and its mode cannot be changed to 0700");
    }
}

#[cfg(not(unix))]
pub fn make_private(_folder: &Path) {}

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
pub fn warnings(auth_info: &Path, baileys_store: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    if baileys_store.is_dir() {
        warnings.push(format!(
            "{} is a directory: Docker makes one when the file to mount does not exist. wakeeper does not need it; \
             to mount a file, stop the container, remove the directory and run: echo '{{}}' > baileys_store.json",
            baileys_store.display()
        ));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let folder = fs::canonicalize(auth_info).unwrap_or_else(|_| auth_info.to_owned());
    if in_container() && !is_on_mount(&mounts, &folder) {
        warnings.push(format!(
            "{} is not on a mount: the login will be lost with this container. Mount a folder or volume there, \
             for example: -v $(pwd)/auth_info:{}",
            auth_info.display(),
            folder.display()
        ));
    }
    warnings
}

/// What is wrong with the place of the witnesses, which are to outlive the data folder and are believed. Nothing where it is
/// made at the first use.
pub fn of_witnesses(witnesses: &Path, data_dir: &Path) -> Option<String> {
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
            "other users may write to STATE_DIR {shown} (mode {:04o}), so what it tells cannot be trusted; run: chmod 700 \
             {shown}",
            mode & 0o7777
        )
    })
}

/// Whether this process runs in a container.
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
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
        let told = |kind: std::io::ErrorKind| cause(&kind.into());
        assert!(told(std::io::ErrorKind::StorageFull).is_some_and(|told| told.contains("full")));
        assert!(told(std::io::ErrorKind::ReadOnlyFilesystem).is_some_and(|told| told.contains("read-only")));
        assert_eq!(told(std::io::ErrorKind::PermissionDenied), None);
    }

    #[test]
    fn a_directory_in_place_of_the_store_is_mentioned() {
        let folder = tempfile::tempdir().unwrap();
        let warnings = warnings(folder.path(), folder.path());
        assert!(warnings.iter().any(|warning| warning.contains("is a directory")));
    }
}
