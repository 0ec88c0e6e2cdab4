//! Replaces a torn `baileys_store.json` by an empty one.

use std::io::Write;
use std::path::Path;

use crate::backup::Manifest;
use crate::backup::archive::STORE;

const EMPTY: &[u8] = b"{}\n";

/// Replaces the store, provided that the backup holds it. A file that Docker mounts cannot be replaced by a rename,
/// so it is overwritten then.
pub(super) fn reset(path: &Path, manifest: &Manifest) -> std::io::Result<()> {
    if !manifest.files.iter().any(|row| row.path.starts_with(STORE)) {
        return Err(std::io::Error::other("it could not be backed up, so it is left alone"));
    }
    let permissions = std::fs::metadata(path)?.permissions();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".wakeeper.tmp");
    let draft = path.with_file_name(name);
    let replaced = write(&draft, permissions).and_then(|()| std::fs::rename(&draft, path));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&draft);
        let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path)?;
        file.write_all(EMPTY)?;
        return file.sync_all();
    }
    Ok(())
}

fn write(path: &Path, permissions: std::fs::Permissions) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(permissions)?;
    file.write_all(EMPTY)?;
    file.sync_all()
}
