//! A Signal session is named as another major version of Baileys names it.
//!
//! Baileys 7 looks for the sessions of a LID under `session-<lid>_1.<device>.json`, Baileys 6 without the `_1`.
//! After an upgrade or a downgrade the sessions are there but not found: `No session record`. Renaming them loses
//! nothing. When both names exist, the one used last is kept.

use super::FolderView;
use crate::address::{Address, Domain};
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::Version;
use crate::inventory::session_file;
use crate::state::SignalFacts;

pub(crate) const CODE: Code = Code("signal_session_other_version");

/// Phone numbers of so many digits are all but unknown, LIDs have no fewer.
const LID_DIGITS: usize = 14;

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let lids = view.inventory.known_lids();
    let to_7 = |address: &Address| {
        let is_lid = lids.contains(address.user.as_str()) || address.user.len() > LID_DIGITS;
        (address.domain == Domain::Phone && is_lid).then(|| address.moved_to(&address.user, Domain::Lid))
    };
    let to_6 = |address: &Address| {
        (address.domain != Domain::Phone).then(|| address.moved_to(&address.user, Domain::Phone))
    };
    let Some(version) = view.version else { return Vec::new() };
    view.inventory
        .sessions()
        .filter_map(|(file, address, facts)| {
            let right = match version {
                Version::V7 => to_7(address)?,
                Version::V6 => to_6(address)?,
            };
            let evidence = format!("Baileys {version} looks for it as {}", session_file(&right));
            let repair = rename_unless_newer(view, facts, &right);
            Some(Finding::error(CODE, &file.entry.name, evidence).repair(repair).peer(Some(address)))
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
