//! Replaces a torn `baileys_store.json` by an empty one.

use std::io::Write;
use std::path::Path;

use wakeeper_private_fs::{Folder, FsError};

use crate::backup::Manifest;
use crate::backup::archive::STORE;

const EMPTY: &[u8] = b"{}\n";

/// Replaces the store, provided that the backup holds it. A file that Docker mounts cannot be replaced by a rename,
/// so it is overwritten then; through its handle, and only when it is a file of the folder's own.
pub(super) fn reset(path: &Path, manifest: &Manifest) -> std::io::Result<()> {
    if !manifest.files.iter().any(|row| row.path.starts_with(STORE)) {
        return Err(std::io::Error::other("it could not be backed up, so it is left alone"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::named(parent.unwrap_or(Path::new("."))).map_err(FsError::into_io)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let replaced = folder
        .open_file(name)
        .and_then(|(_, before)| folder.replace_with(name, Some(&before), |file| file.write_all(EMPTY)));
    if replaced.is_err() {
        let (mut file, _) = folder.open_to_overwrite(name).map_err(FsError::into_io)?;
        file.set_len(0)?;
        file.write_all(EMPTY)?;
        return file.sync_all();
    }
    Ok(())
}
