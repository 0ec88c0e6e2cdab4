//! A sender key is stored as another major version of Baileys stores it.
//!
//! Neither version reads the other's: after an upgrade every message of that sender in the group fails with
//! `SyntaxError: Unexpected token`, and one's own sending to the group too, for ever. The file is removed; another
//! sender's key comes again with a retry, our own is made anew and handed out to the whole group.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::inventory::Facts;

pub(crate) const CODE: Code = Code("sender_key_other_version");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let Some(version) = view.version else { return Vec::new() };
    view.inventory
        .files
        .values()
        .filter_map(|file| {
            let Facts::SenderKey { version: written, .. } = &file.facts else { return None };
            let written = written.filter(|written| *written != version)?;
            let evidence = format!("written by Baileys {written}; Baileys {version} cannot read it");
            let finding = Finding::error(CODE, &file.entry.name, evidence);
            Some(finding.repair(Repair::RemoveFile).peer(file.name.peer()))
        })
        .collect()
}
