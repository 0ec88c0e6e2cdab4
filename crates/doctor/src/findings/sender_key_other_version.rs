//! A sender key is stored as another release of Baileys stores it.
//!
//! There are two shapes: 6.7.18 and before write one, 6.17.16 too; 6.7.19 and all that came later write the other. No
//! release reads both. After an upgrade every message of that sender in the group fails with `SyntaxError: Unexpected
//! token` (6.7.19 to 7.0.0-rc.3: it cannot be decrypted), after a downgrade with `Cannot create property
//! 'senderMessageKeys' on number`, and one's own sending to the group fails too, for ever. The file is removed; another
//! sender's key comes again with a retry, our own is made anew and handed out to the whole group. Where files of both
//! shapes are as old as each other, nothing is removed until `--baileys VERSION` tells which release runs.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::inventory::Facts;

pub(crate) const CODE: Code = Code("sender_key_other_version");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let Some(version) = view.version else { return Vec::new() };
    let is_unsure = view.told.is_none() && view.inventory.is_of_two_releases();
    view.inventory
        .files
        .values()
        .filter_map(|file| {
            let Facts::SenderKey { shape, .. } = &file.facts else { return None };
            let written = shape.filter(|written| *written != version.sender_keys())?;
            let finding = if is_unsure {
                let evidence = format!("written by Baileys {written}, and others of this folder were not");
                Finding::warning(CODE, &file.entry.name, evidence)
                    .repair(Repair::Manual("say which Baileys runs on the session: --baileys VERSION"))
            } else {
                let evidence = format!("written by Baileys {written}; Baileys {version} cannot read it");
                Finding::error(CODE, &file.entry.name, evidence).repair(Repair::RemoveFile)
            };
            Some(finding.peer(file.name.peer()))
        })
        .collect()
}
