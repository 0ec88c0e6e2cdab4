//! Keeping what a session leaves behind.

use std::path::Path;

use wakeeper_private_fs::{Folder, FsError, create_private_folders};

/// Moves a folder. Backups are often on another mount, and that may be a container's: what is made there is made by handle.
pub(super) fn move_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    let name = to.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parent = to.parent().unwrap_or(Path::new("."));
    if !parent.is_dir() {
        create_private_folders(parent)?;
    }
    let copied = || {
        let (source, shelf) = (Folder::named(from)?, Folder::named(parent)?);
        shelf.make_folder(name)?;
        let kept = shelf.below(Path::new(name))?;
        let mut names = Vec::new();
        source.list(|name, _| {
            names.extend(name.into_string());
            true
        })?;
        for name in names {
            let (mut file, _) = source.open_file(&name)?;
            std::io::copy(&mut file, &mut kept.create(&name)?)?;
        }
        Ok::<_, FsError>(())
    };
    copied().map_err(FsError::into_io)?;
    std::fs::remove_dir_all(from)
}

/// Bytes of all that is in a folder.
pub(super) fn size_of(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    items
        .map(|item| match item.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&item.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
