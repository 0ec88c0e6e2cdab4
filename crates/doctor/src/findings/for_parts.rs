//! Which findings are looked for, by what is looked at.

#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the parent lists the findings"))]
use super::*;

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
