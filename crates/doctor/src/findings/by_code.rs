//! What follows from a code alone, for whoever does not know the findings one by one.

#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the parent lists the findings"))]
use super::*;

/// Codes that others ask for.
pub mod codes {
    use super::Code;

    /// A folder holds sessions, and is none itself.
    pub const SESSIONS_INSIDE: Code = super::sessions_inside::CODE;
    /// A row of a store cannot be read.
    pub const ROW_UNREADABLE: Code = super::native_row_unreadable::CODE;
    /// A person named a group.
    pub const SENDER_KEY_CHOSEN: Code = super::sender_key_chosen::CODE;
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

/// Whether a code is of a finding about rows of a store that cannot be read, and are taken out.
pub fn is_damaged_row(code: Code) -> bool {
    [native_row_unreadable::CODE, native_own_sender_key::CODE].contains(&code)
}
