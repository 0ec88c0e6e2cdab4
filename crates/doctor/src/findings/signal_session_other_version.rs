//! A Signal session is named as another release of Baileys names it.
//!
//! Baileys 7 looks for the sessions of a LID under `session-<lid>_1.<device>.json`, every Baileys 6 without the `_1`.
//! After an upgrade or a downgrade the sessions are there but not found: `No session record`. Renaming them loses
//! nothing. When both names exist, the one used last is kept. Where nothing tells which of the two runs, nothing is
//! renamed until `--baileys VERSION` does.

use super::FolderView;
use crate::address::{Address, Domain};
use crate::finding::{Code, Finding, Repair};
use crate::inventory::{Inventory, session_file};
use crate::state::SignalFacts;

pub(crate) const CODE: Code = Code("signal_session_other_version");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let lids = view.inventory.known_lids();
    let to_7 = |address: &Address| {
        Inventory::is_bare_lid(address, &lids).then(|| address.moved_to(&address.user, Domain::Lid))
    };
    let to_6 = |address: &Address| {
        (address.domain != Domain::Phone).then(|| address.moved_to(&address.user, Domain::Phone))
    };
    let Some(version) = view.version else { return Vec::new() };
    // Sessions under both kinds of name tell, by their last use, which kind is in use.
    let is_known = view.told.is_some()
        || view.inventory.sessions().any(|(_, address, _)| address.domain != Domain::Phone);
    view.inventory
        .sessions()
        .filter_map(|(file, address, facts)| {
            let right = if version.knows_lids() { to_7(address)? } else { to_6(address)? };
            let evidence = format!("Baileys {version} looks for it as {}", session_file(&right));
            let finding = if is_known {
                let repair = rename_unless_newer(view, facts, &right);
                Finding::error(CODE, &file.entry.name, evidence).repair(repair)
            } else {
                let ask = Repair::Manual("say which Baileys runs on the session: --baileys VERSION");
                Finding::warning(CODE, &file.entry.name, evidence).repair(ask)
            };
            Some(finding.peer(Some(address)))
        })
        .collect()
}

/// Renames, unless a file of the right name was used later.
pub(super) fn rename_unless_newer(view: &FolderView<'_>, facts: &SignalFacts, right: &Address) -> Repair {
    match view.inventory.session(right) {
        Some(other) if other.used >= facts.used => Repair::RemoveFile,
        _ => Repair::Rename { to: session_file(right) },
    }
}
