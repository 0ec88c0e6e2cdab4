//! Folders and files that are this user's own and nobody else's.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use wakeeper_bounded_tar::quoted;

use crate::error::FsError;
use crate::folder::Folder;

/// Makes a folder that only this user may use (0700), with those above it, where they are missing.
///
/// # Errors
/// What the system says when it cannot be made.
pub fn create_private_folders(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a folder that only this user may use, and makes it (0700), with those above it, when it is missing. One without
/// content that others may only look into is closed to them.
/// Notes that are acted on later live in such folders only.
///
/// # Errors
/// When it is a link, belongs to somebody else, others may write into it, or they may look into it and it holds something.
pub fn own_folder(path: &Path) -> Result<Folder, FsError> {
    create_private_folders(path)?;
    if path.symlink_metadata()?.is_symlink() {
        return Err(FsError::NotPrivate(format!("{} is a link; name the folder itself", path.display())));
    }
    let folder = Folder::named(path)?;
    let stat = folder.stat()?;
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != own {
        let text = format!(
            "{} belongs to user {}, not to user {own} who runs this; name another folder, or give this one to user {own}",
            path.display(),
            stat.st_uid
        );
        return Err(FsError::NotPrivate(text));
    }
    if stat.st_mode & 0o022 != 0 {
        let text = format!(
            "other users may write to {0}, so nothing in it can be trusted; look what is there, and run: chmod 700 {1}",
            path.display(),
            quoted(path)
        );
        return Err(FsError::NotPrivate(text));
    }
    if stat.st_mode & 0o077 != 0 {
        // What somebody keeps there for others to read stays readable.
        let mut holds = None;
        folder.list(|name, _| {
            holds = Some(name).filter(|name| name != "lost+found");
            holds.is_none()
        })?;
        if let Some(name) = holds {
            let text = format!(
                "other users may look into {0}, and it holds {1}: name a folder of its own, or, if nobody else needs what is \
                 there, run: chmod 700 {2}",
                path.display(),
                name.to_string_lossy(),
                quoted(path)
            );
            return Err(FsError::NotPrivate(text));
        }
        rustix::fs::fchmod(folder.fd(), rustix::fs::Mode::from_raw_mode(0o700))?;
    }
    Ok(folder)
}

/// Reads a file that wakeeper made itself. A link is refused, and so is whatever is no regular file: somebody else put
/// it there. Files that the operator names, such as `*_FILE` secrets, may be links and are not read by this.
pub fn read_own(path: &Path, limit: u64) -> Result<Vec<u8>, FsError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = std::fs::File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(link_or)?;
    if !file.metadata()?.is_file() {
        return Err(FsError::NotRegular);
    }
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        let text = format!("{} has more than {limit} bytes", path.display());
        return Err(FsError::Io(std::io::Error::other(text)));
    }
    Ok(content)
}

/// Writes a new file that only this user may use (0600) and makes it durable.
///
/// # Errors
/// When anything has the name already, a link that leads nowhere included.
pub fn write_own(path: &Path, content: &[u8]) -> Result<(), FsError> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// What the kernel says of a link where none is followed.
fn link_or(error: std::io::Error) -> FsError {
    match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => FsError::NotRegular,
        Some(errno) => errno.into(),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_folder_of_others_is_not_private() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("state/wakeeper");
        let made = own_folder(&path).unwrap();
        assert_eq!(made.stat().unwrap().st_mode & 0o777, 0o700);
        assert!(own_folder(&path).is_ok());
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(own_folder(&path).unwrap().stat().unwrap().st_mode & 0o777, 0o700);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(path.join("readme"), "for all").unwrap();
        assert!(own_folder(&path).unwrap_err().to_string().contains("holds readme"));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755, "left as it is");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o770)).unwrap();
        assert!(own_folder(&path).unwrap_err().to_string().contains("chmod 700"));
        let link = base.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(own_folder(&link).unwrap_err().to_string().contains("is a link"));
        if rustix::process::geteuid().is_root() {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
            std::os::unix::fs::chown(&path, Some(10_001), None).unwrap();
            assert!(own_folder(&path).unwrap_err().to_string().contains("belongs to user 10001"));
        }
    }

    #[test]
    fn own_files_are_no_links() {
        let base = tempfile::tempdir().unwrap();
        let (target, link) = (base.path().join("target"), base.path().join("key"));
        std::fs::write(&target, "somebody's").unwrap();
        symlink(&target, &link).unwrap();
        assert!(matches!(read_own(&link, 100), Err(FsError::NotRegular)));
        assert!(write_own(&link, b"x").is_err());
        std::fs::remove_file(&target).unwrap();
        assert!(write_own(&link, b"x").is_err(), "through a link that leads nowhere");
        assert!(!target.exists());
        std::fs::remove_file(&link).unwrap();
        write_own(&link, b"mine").unwrap();
        assert_eq!(read_own(&link, 100).unwrap(), b"mine");
        assert_eq!(link.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(read_own(&link, 3).is_err());
        std::fs::remove_file(&link).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &link, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(read_own(&link, 100), Err(FsError::NotRegular)));
        assert!(matches!(read_own(&base.path().join("none"), 100), Err(FsError::Missing)));
    }
}
