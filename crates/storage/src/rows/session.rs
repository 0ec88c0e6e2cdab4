use std::fmt;

/// What the owner wants a session to be doing; reconciled at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Desired {
    /// Connected (or trying to be).
    Started,
    /// Left alone.
    Stopped,
}

/// Where a session stood when its owner last said so. It is no proof that it stands there now: the owner may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredStatus {
    /// WAHA's word for it.
    pub status: String,
    /// Since when.
    pub since_ms: i64,
}

/// One session: its name, configuration and desired state.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session's name, `^[A-Za-z0-9_-]{1,54}$`.
    pub name: String,
    /// WAHA's `config` object as JSON text. Holds webhook keys: never log it.
    pub config_json: String,
    /// What the owner wants.
    pub desired: Desired,
    /// When the session was made. Kept as first stored.
    pub created_ms: i64,
    /// When the row was last changed.
    pub updated_ms: i64,
    /// WAHA's `me` object (`{id,lid,jid,pushName}`) as JSON text, once linked.
    pub me_json: Option<String>,
    /// What its owner last said of it, if ever. Kept as first stored; it moves on with [`crate::Change::Status`].
    pub status: Option<StoredStatus>,
}

impl fmt::Debug for SessionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRow")
            .field("name", &self.name)
            .field("desired", &self.desired)
            .finish_non_exhaustive()
    }
}
