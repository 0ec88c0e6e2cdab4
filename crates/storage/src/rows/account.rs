use std::fmt;

/// The account whose rows a session shows.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its chat id, `628...@c.us`.
    pub id: String,
    /// Its hidden id, `123...@lid`, when WhatsApp told it.
    pub lid: Option<String>,
}

impl fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRow").finish_non_exhaustive()
    }
}

/// Another account is linked in a session's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose the rows were.
    pub former: AccountRow,
    /// Whose they are from now on.
    pub present: AccountRow,
    /// Why sends of the former that were not finished failed, for whoever asks for them.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub now_ms: i64,
}

/// The name under which the rows of an account that is not linked any more are set apart. No session has such a name.
pub(crate) fn set_apart(session: &str, account: &AccountRow) -> String {
    format!("{session}/{}", account.id)
}
