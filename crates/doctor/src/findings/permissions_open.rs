//! Other users of the machine can read or change the keys.
//!
//! Baileys creates its files readable by everyone, so on a shared machine anyone can take the login over.
//! The folder should be 0700 and the files 0600. That others may read is only mentioned, because Baileys
//! writes every folder so; a file that everyone may *change* is a warning, and its permissions are narrowed.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::source::{Entry, EntryKind};

pub(crate) const CODE: Code = Code("permissions_open");

pub(crate) fn detect(entry: &Entry, name: &Name) -> Option<Finding> {
    if entry.kind != EntryKind::File || entry.mode & 0o002 == 0 || !name.is_baileys() {
        return None;
    }
    let evidence = format!("everyone on this machine may change it (mode {:04o})", entry.mode);
    let repair = Repair::SetPermissions { mode: entry.mode & 0o700 };
    Some(Finding::warning(CODE, &entry.name, evidence).repair(repair).peer(name.peer()))
}

/// One finding for all files that others may read, provided that the folder lets them in.
pub(crate) fn detect_folder(view: &FolderView<'_>) -> Vec<Finding> {
    let reachable = view.mode.is_some_and(|mode| mode & 0o011 != 0);
    let open = view.inventory.files.values().filter(|file| {
        file.name.is_baileys() && file.entry.kind == EntryKind::File && file.entry.mode & 0o044 != 0
    });
    match open.count() {
        0 => Vec::new(),
        _ if !reachable => Vec::new(),
        count => {
            let evidence =
                format!("other users of this machine may read {count} files; `chmod 700` the folder");
            vec![Finding::info(CODE, ".", evidence)]
        }
    }
}
