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
use crate::inventory::Inventory;
use crate::json::Defect;
use crate::layout::Layout;
use crate::model::SenderKeyName;
use crate::source::{Entry, ReadError};
use crate::state::SessionState;

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
    /// There is no login, and copies of one lie near it.
    pub(crate) has_copies: bool,
}

/// Findings about an entry that cannot be read, or should not be there.
pub(crate) fn for_entry(entry: &Entry, name: &Name, error: Option<&ReadError>) -> Vec<Finding> {
    let read = [
        file_not_regular::detect(entry, name),
        error.and_then(|error| file_foreign::detect(entry, name, error)),
        error.and_then(|error| file_unreadable::detect(entry, name, error)),
        error.and_then(|error| file_too_large::detect(entry, name, error)),
        file_unknown::detect(entry, name),
        file_temporary::detect(entry, name),
        permissions_open::detect(entry, name),
        session_moved::detect(entry),
        repair_unfinished::detect(entry),
    ];
    read.into_iter().flatten().collect()
}

/// Findings about a file whose text is damaged.
pub(crate) fn for_torn(torn: &Torn<'_>) -> Vec<Finding> {
    if *torn.name == Name::Credentials {
        return vec![credentials_torn::detect(torn)];
    }
    let detected = match torn.defect {
        Defect::Empty => file_empty::detect(torn),
        Defect::AllNul => file_all_nul::detect(torn),
        Defect::Truncated { at } => file_truncated::detect(torn, at),
        Defect::Trailing { at } => file_two_writers::detect(torn, at),
        Defect::Syntax { .. } | Defect::TooComplex => file_garbled::detect(torn),
    };
    vec![detected]
}

/// Findings about the credentials alone.
pub(crate) fn for_credentials(credentials: &Credentials) -> Vec<Finding> {
    let broken = [credentials_incomplete::detect(credentials), credentials_key_invalid::detect(credentials)];
    let broken: Vec<_> = broken.into_iter().flatten().collect();
    if !broken.is_empty() {
        return broken;
    }
    let contradictions = credentials_key_mismatch::detect(credentials).map(|finding| vec![finding]);
    // A key that is not its pair's also fails every signature: one cause, one finding.
    contradictions.unwrap_or_else(|| {
        [
            signed_pre_key_signature::detect(credentials),
            account_signature::detect(credentials),
            device_signature::detect(credentials),
            registration_id_range::detect(credentials),
            credentials_half_registered::detect(credentials),
        ]
        .into_iter()
        .flatten()
        .collect()
    })
}

/// Findings about one pre-key.
pub(crate) fn for_pre_key(id: u32, pre_key: &PreKey) -> Vec<Finding> {
    [pre_key_malformed::detect(id, pre_key), pre_key_mismatch::detect(id, pre_key)]
        .into_iter()
        .flatten()
        .collect()
}

/// Findings about a file of Signal sessions that is no readable record.
pub(crate) fn for_session_file(entry: &Entry, address: &Address, file: &SessionFile) -> Vec<Finding> {
    [
        signal_session_empty::detect(entry, address, file),
        signal_session_version::detect(entry, address, file),
        signal_session_future_format::detect(entry, address, file),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type RecordRule = fn(&SessionRecord<'_>) -> Option<Finding>;

/// Findings about a record of Signal sessions.
pub(crate) fn for_record(record: &SessionRecord<'_>) -> Vec<Finding> {
    // Rules about contents mean nothing while fields are missing, so the first group that fires ends it.
    let groups: [&[RecordRule]; 2] = [
        &[signal_session_incomplete::detect, signal_session_key_invalid::detect],
        &[
            signal_session_index_mismatch::detect,
            signal_session_contaminated::detect,
            signal_session_many_open::detect,
            signal_session_key_mismatch::detect,
            signal_session_sending_chain::detect,
            signal_session_receiving_chain::detect,
            signal_session_counters::detect,
            signal_session_skipped_many::detect,
            signal_session_pending_mismatch::detect,
            signal_session_identity_changed::detect,
        ],
    ];
    groups
        .iter()
        .map(|group| group.iter().filter_map(|detect| detect(record)).collect::<Vec<_>>())
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// Findings about one sender key.
pub(crate) fn for_sender_key(name: &SenderKeyName, states: &[State]) -> Vec<Finding> {
    [
        sender_key_malformed::detect(name, states),
        sender_key_empty::detect(name, states),
        sender_key_carried_over::detect(name, states),
        sender_key_unusable_skipped::detect(name, states),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The finding about a sender key that holds no states at all.
pub(crate) fn malformed_sender_key(name: &SenderKeyName, reason: &str) -> Finding {
    sender_key_malformed::found(name, reason)
}

/// The finding about a file whose JSON is whole but is not what its name promises.
pub(crate) fn wrong_shape(entry: &Entry, name: &Name) -> Finding {
    file_wrong_shape::detect(entry, name)
}

type StateRule = fn(&StateView<'_>) -> Vec<Finding>;

/// What a gateway of ours does not see and repair by itself when it runs.
const TOLD_BY_MORE: [StateRule; 4] = [
    ratchet_rolled_back::detect,
    signal_session_chosen::detect,
    sender_key_memory_chosen::detect,
    sender_key_chosen::detect,
];

/// Findings about a session as a whole, however it is stored.
pub(crate) fn for_state(view: &StateView<'_>) -> Vec<Finding> {
    let rules: [StateRule; 16] = [
        credentials_reinitialised::detect,
        credentials_not_linked::detect,
        pre_key_counter_behind::detect,
        pre_key_counter_range::detect,
        pre_key_counters_crossed::detect,
        pre_keys_missing::detect,
        signal_session_none_open::detect,
        signal_session_predates_pairing::detect,
        signal_session_failing::detect,
        messages_failing::detect,
        messages_not_decrypted::detect,
        log_not_understood::detect,
        sender_key_memory_orphan::detect,
        sender_key_memory_stale::detect,
        accounts_mixed::detect,
        app_state_key_missing::detect,
    ];
    rules.iter().chain(&TOLD_BY_MORE).flat_map(|rule| rule(view)).collect()
}

/// Those of them that only the whole session, its backups or a person can tell: a gateway of ours repairs the others itself.
pub(crate) fn told_by_more(view: &StateView<'_>) -> Vec<Finding> {
    TOLD_BY_MORE.iter().flat_map(|rule| rule(view)).collect()
}

/// Findings about files of a folder that need more than one of them.
pub(crate) fn for_folder(view: &FolderView<'_>) -> Vec<Finding> {
    let detectors: [fn(&FolderView<'_>) -> Vec<Finding>; 11] = [
        credentials_missing::detect,
        folder_not_on_mount::detect,
        folder_many_owners::detect,
        folder_changing::detect,
        signal_session_other_version::detect,
        signal_session_lid_and_phone::detect,
        signal_session_stranded::detect,
        sender_key_other_version::detect,
        lid_mapping_asymmetric::detect,
        permissions_open::detect_folder,
        file_unknown::detect_folder,
    ];
    detectors.iter().flat_map(|detect| detect(view)).collect()
}

/// The finding that an archive holds more than one session.
pub(crate) fn for_packed(folders: &[String]) -> Option<Finding> {
    sessions_inside::detect_packed(folders)
}

/// The finding that a folder is no session's own.
pub(crate) fn for_layout(layout: &Layout) -> Option<Finding> {
    not_a_session::detect(layout).or_else(|| sessions_inside::detect(layout))
}

/// Findings about `baileys_store.json`.
pub(crate) fn for_store(path: &str, entry: &Entry, content: Result<(), &str>) -> Vec<Finding> {
    [store_is_directory::detect(path, entry), store_torn::detect(path, entry, content)]
        .into_iter()
        .flatten()
        .map(|finding| finding.about(Subject::ChatStore))
        .collect()
}

/// Findings about wakeeper's own store.
pub(crate) fn for_native(view: &crate::examine::NativeView<'_>) -> Vec<Finding> {
    if let Some(other) = file_not_regular::detect_database(view) {
        return vec![other];
    }
    native_database_damaged::detect(view)
        .into_iter()
        .chain(native_row_unreadable::detect(view))
        .chain(native_own_sender_key::detect(view))
        .chain(native_pre_keys_missing::detect(view))
        .collect()
}

/// Codes that others ask for.
pub mod codes {
    use super::Code;

    /// A folder holds sessions, and is none itself.
    pub const SESSIONS_INSIDE: Code = super::sessions_inside::CODE;
    /// A row of a store cannot be read.
    pub const ROW_UNREADABLE: Code = super::native_row_unreadable::CODE;
    /// Published pre-keys are gone.
    pub const PRE_KEYS_MISSING: Code = super::pre_keys_missing::CODE;
    /// A ratchet lies behind the newest backup: an older copy was put back.
    pub const RATCHET_ROLLED_BACK: Code = super::ratchet_rolled_back::CODE;
    /// A database is an older copy, or was put back.
    pub const OLDER_COPY: Code = super::older_copy::CODE;
    /// The log shows that a contact's messages cannot be decrypted.
    pub const SIGNAL_SESSION_FAILING: Code = super::signal_session_failing::CODE;
}

/// Whether a code is of a finding about rows of a store that only the whole session, its backups or a person can tell.
pub fn is_told_by_more(code: Code) -> bool {
    [
        ratchet_rolled_back::CODE,
        signal_session_chosen::CODE,
        sender_key_memory_chosen::CODE,
        sender_key_chosen::CODE,
    ]
    .contains(&code)
}

/// Whether a code is of the finding that there is no login yet.
pub fn is_of_no_login(code: Code) -> bool {
    code == credentials_not_linked::CODE
}

/// A finding that follows from how a release stores, where nobody knows how that release does: told, and nothing is done.
pub(crate) fn only_told(finding: Finding) -> Finding {
    let by_release = [
        signal_session_other_version::CODE,
        signal_session_lid_and_phone::CODE,
        signal_session_stranded::CODE,
        sender_key_other_version::CODE,
    ];
    if !by_release.contains(&finding.code) {
        return finding;
    }
    let advice = "nothing by itself: wakeeper does not know this release; where it stores as a known one does, name that one, as \
                  --baileys 7.0.0-rc14";
    Finding { severity: Severity::Warning, ..finding }.repair(Repair::Manual(advice))
}

/// Whether a finding tells that a gateway keeps its login elsewhere.
pub(crate) fn is_of_login_elsewhere(finding: &Finding) -> bool {
    finding.code == credentials_missing::CODE && finding.severity == Severity::Warning
}

/// The finding that no device is linked in a whatsmeow store.
pub(crate) fn whatsmeow_not_linked() -> Finding {
    credentials_not_linked::in_store()
}

/// Whether a code is of the finding that files of two accounts are mixed.
pub(crate) fn is_of_two_accounts(code: Code) -> bool {
    code == accounts_mixed::CODE
}

/// Whether a code is of a finding about the signed pre-key.
pub(crate) fn is_about_signed_pre_key(code: Code) -> bool {
    code == signed_pre_key_signature::CODE
}

/// The finding that a repair of a database was interrupted.
pub fn repair_unfinished(file: &str) -> Finding {
    repair_unfinished::found(file, "the note of an interrupted repair is still here")
}

/// Whether a code is of a finding about rows of a store that cannot be read, and are taken out.
pub fn is_damaged_row(code: Code) -> bool {
    [native_row_unreadable::CODE, native_own_sender_key::CODE].contains(&code)
}

/// The finding that a session's login is lost, and what tells so.
pub fn native_login_lost(file: &str, evidence: String) -> Finding {
    native_login_lost::found(file, evidence)
}

/// The finding that a database is an older copy, which nobody has acted on yet.
pub fn older_copy(file: &str, evidence: String) -> Finding {
    older_copy::found(file, evidence)
}

/// The finding that a database was an older copy, and that its sending chains were negotiated anew.
pub fn older_copy_settled(file: &str, evidence: String) -> Finding {
    older_copy::settled(file, evidence)
}

/// Findings about rows of a whatsmeow store that cannot be read.
pub(crate) fn for_whatsmeow_rows(unread: &[crate::examine::UnreadRow]) -> Vec<Finding> {
    whatsmeow_row_unreadable::detect(unread)
}

/// The finding that a whatsmeow store is damaged.
pub(crate) fn whatsmeow_database_damaged(file: &str, reason: &str) -> Finding {
    whatsmeow_database_damaged::found(file, reason)
}

/// The finding that the login of a device in a whatsmeow store is damaged.
pub(crate) fn whatsmeow_login_damaged(file: &str, evidence: String) -> Finding {
    whatsmeow_login_damaged::found(file, evidence)
}

/// The finding about a store that a session was moved out of.
pub(crate) fn moved_from_store(file: &str, evidence: String) -> Finding {
    session_moved::in_store(file, evidence)
}

/// The finding about a place that a session was moved out of.
pub(crate) fn moved_marker(to: Option<&str>) -> Finding {
    session_moved::found(to)
}

/// A database without a login.
pub(crate) fn no_login_in_database() -> Finding {
    credentials_not_linked::in_database()
}

#[cfg(test)]
mod tests;
