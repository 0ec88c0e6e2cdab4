//! A device has Signal sessions under its phone number and under its LID.
//!
//! Baileys 7 will overwrite the one under the LID with the one under the phone number, whichever is newer, and the
//! ratchets then disagree with the contact's. The one that was used last is kept, under the LID.

use super::FolderView;
use super::signal_session_other_version::rename_unless_newer;
use crate::address::Domain;
use crate::finding::{Code, Finding};
use crate::formats::baileys::Version;

pub(crate) const CODE: Code = Code("signal_session_lid_and_phone");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    if !view.version.is_some_and(Version::knows_lids) {
        return Vec::new();
    }
    view.inventory
        .sessions()
        .filter(|(_, address, _)| address.domain == Domain::Phone)
        .filter_map(|(file, address, facts)| {
            let lid = address.moved_to(view.inventory.confirmed_lid_of(&address.user)?, Domain::Lid);
            view.inventory.session(&lid)?;
            let evidence = format!("the same device also has one under its LID, {lid}");
            let repair = rename_unless_newer(view, facts, &lid);
            Some(Finding::warning(CODE, &file.entry.name, evidence).repair(repair).peer(Some(address)))
        })
        .collect()
}
