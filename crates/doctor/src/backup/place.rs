//! The mark of the place where a session lies: what tells the backups of two folders of one name apart where no login shows.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

/// A mark of a folder's whole path, which does not show the path: part of a hash. The folder need not exist.
pub fn place_mark(folder: &Path) -> String {
    use sha2::Digest;
    use std::os::unix::ffi::OsStrExt;
    hex::encode(&sha2::Sha256::digest(whole(&shown(folder)).as_os_str().as_bytes())[..8])
}

fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Ok(whole) = path.canonicalize() {
        return whole;
    }
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path,
    }
}
