//! Replaces a torn `baileys_store.json` by an empty one.

use std::io::Write;
use std::path::Path;

use wakeeper_private_fs::Folder;

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
    let folder =
        Folder::named(parent.unwrap_or(Path::new("."))).map_err(wakeeper_private_fs::FsError::into_io)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let draft = format!("{name}.wakeeper.tmp");
    if replace(&folder, &draft, name).is_err() {
        let _ = folder.remove(&draft);
        let (mut file, _) = folder.open_to_overwrite(name).map_err(wakeeper_private_fs::FsError::into_io)?;
        file.set_len(0)?;
        file.write_all(EMPTY)?;
        return file.sync_all();
    }
    Ok(())
}

fn replace(folder: &Folder, draft: &str, name: &str) -> Result<(), wakeeper_private_fs::FsError> {
    let (_, before) = folder.open_file(name)?;
    let mut file = folder.create(draft)?;
    folder.make_like(&file, before.st_uid, before.st_gid, before.st_mode)?;
    file.write_all(EMPTY)?;
    file.sync_all()?;
    folder.rename(draft, name)
}
