//! The findings: one file for each, with its detection, its evidence and the repair it proposes.
//!
//! The doc comment of each file is its page in `docs/findings.md`. To add a finding, add its file, its name
//! in the list below, a call in the `for_*` function of what it looks at, and a damaged fixture.

use std::path::Path;

use crate::address::Address;
use crate::examine::Options;
use crate::finding::{Code, Finding, Repair, Severity, Subject};
use crate::formats::baileys::Version;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::PreKey;
use crate::formats::baileys::name::Name;
use crate::formats::baileys::sender_key::State;
use crate::formats::baileys::session::{Record, SessionFile};
use crate::inventory::{Inventory, Near};
use crate::json::Defect;
use crate::layout::Layout;
use crate::model::SenderKeyName;
use crate::source::{Entry, ReadError};
use crate::state::SessionState;

mod by_code;
mod for_parts;
mod ready_made;

pub use by_code::*;
pub(crate) use for_parts::*;
pub use ready_made::*;

macro_rules! findings {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every code, in the order of the documentation.
        pub const CODES: &[crate::finding::Code] = &[$($name::CODE),*];

        #[cfg(test)]
        const SOURCES: &[(&str, crate::finding::Code, &str)] = &[
            $((stringify!($name), $name::CODE, include_str!(concat!("findings/", stringify!($name), ".rs")))),*
        ];
    };
}

findings! {
    file_empty, file_all_nul, file_truncated, file_two_writers, file_garbled, file_not_regular,
    file_foreign, file_unreadable, file_too_large, file_wrong_shape, file_unknown, file_temporary,
    permissions_open, folder_not_on_mount, folder_many_owners, folder_changing,
    not_a_session, sessions_inside,
    repair_unfinished, session_moved,
    credentials_missing, credentials_torn, credentials_incomplete, credentials_key_invalid,
    credentials_key_mismatch, credentials_reinitialised, credentials_not_linked,
    credentials_half_registered, registration_id_range, signed_pre_key_signature, account_signature,
    device_signature, accounts_mixed, pre_key_counter_behind, pre_key_counter_range,
    pre_key_counters_crossed,
    pre_key_malformed, pre_key_mismatch, pre_keys_missing,
    signal_session_empty, signal_session_version, signal_session_future_format,
    signal_session_incomplete, signal_session_key_invalid, signal_session_key_mismatch,
    signal_session_index_mismatch, signal_session_many_open, signal_session_none_open,
    signal_session_sending_chain, signal_session_receiving_chain, signal_session_counters,
    signal_session_skipped_many, signal_session_pending_mismatch, signal_session_contaminated,
    signal_session_identity_changed, signal_session_predates_pairing,
    signal_session_other_version, signal_session_lid_and_phone, signal_session_stranded,
    signal_session_failing, messages_failing, messages_not_decrypted, log_not_understood, signal_session_chosen, ratchet_rolled_back,
    sender_key_empty, sender_key_malformed, sender_key_other_version, sender_key_carried_over, sender_key_unusable_skipped,
    sender_key_memory_orphan, sender_key_memory_stale, sender_key_memory_chosen, sender_key_chosen,
    app_state_key_missing, lid_mapping_asymmetric,
    store_torn, store_is_directory,
    native_database_damaged, native_login_lost, native_own_sender_key, native_pre_keys_missing, native_row_unreadable,
    older_copy,
    whatsmeow_database_damaged, whatsmeow_login_damaged, whatsmeow_row_unreadable,
}

/// A file whose text is not one JSON document.
pub(crate) struct Torn<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) name: &'a Name,
    pub(crate) text: &'a [u8],
    pub(crate) defect: Defect,
}

/// A record of Signal sessions, parsed.
pub(crate) struct SessionRecord<'a> {
    pub(crate) address: &'a Address,
    pub(crate) record: &'a Record,
}

impl SessionRecord<'_> {
    pub(crate) fn subject(&self) -> Subject {
        Subject::SignalSession(self.address.clone())
    }
}

/// The parts of a session, however it is stored.
pub(crate) struct StateView<'a> {
    pub(crate) state: &'a SessionState,
    pub(crate) options: &'a Options<'a>,
    /// The release of Baileys that will run on it, where one will.
    pub(crate) version: Option<Version>,
    /// What lies near a folder that has no login.
    pub(crate) near: Option<&'a Near>,
}

/// A whole folder after each of its files was examined.
pub(crate) struct FolderView<'a> {
    pub(crate) inventory: &'a Inventory,
    /// The folder, as people know it.
    pub(crate) path: &'a Path,
    /// The release that will run on the folder, when the caller or the gateway beside it says so.
    pub(crate) told: Option<Version>,
    pub(crate) options: &'a Options<'a>,
    /// The release that will run on the folder: the one that is told, else the one that wrote it last.
    pub(crate) version: Option<Version>,
    /// Permission bits of the folder, when it is one of the file system.
    pub(crate) mode: Option<u32>,
    /// How many files changed while they were read.
    pub(crate) changed: usize,
}

#[cfg(test)]
mod tests;
