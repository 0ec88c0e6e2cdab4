//! A Signal session under a phone number can no longer be reached.
//!
//! Once Baileys 7 knows the LID of a phone number it looks for the sessions under the LID only. It moves them
//! there itself when it knows the account's devices; here it does not, so the session is never found again:
//! `No session record`. Renaming it loses nothing.

use super::FolderView;
use crate::address::Domain;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::Version;
use crate::inventory::session_file;

pub(crate) const CODE: Code = Code("signal_session_stranded");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    if !view.version.is_some_and(Version::knows_lids) {
        return Vec::new();
    }
    view.inventory
        .sessions()
        .filter(|(_, address, _)| address.domain == Domain::Phone)
        .filter_map(|(file, address, _)| {
            let lid = address.moved_to(view.inventory.confirmed_lid_of(&address.user)?, Domain::Lid);
            let devices_known =
                view.inventory.files.contains_key(&format!("device-list-{}.json", address.user));
            if devices_known || view.inventory.session(&lid).is_some() {
                return None;
            }
            let evidence = "the account's LID is known and its devices are not, so Baileys never finds it";
            let repair = Repair::Rename { to: session_file(&lid) };
            Some(Finding::warning(CODE, &file.entry.name, evidence).repair(repair).peer(Some(address)))
        })
        .collect()
}
