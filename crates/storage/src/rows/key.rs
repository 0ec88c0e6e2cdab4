use std::fmt;

/// A key of the API, as it is kept: what it opens, and a digest to know it by.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Its name among the keys; no secret.
    pub id: String,
    /// The SHA-512 of the key.
    pub hash: Vec<u8>,
    /// The beginning of the key, for lists.
    pub hint: String,
    /// Whether it opens anything now.
    pub is_active: bool,
    /// Whether it opens everything, as the administrator's does.
    pub is_admin: bool,
    /// The one session that it is good for; `None` for all.
    pub session: Option<String>,
    /// What it may do, as a JSON object; `None` for all that concerns sessions.
    pub actions_json: Option<String>,
    /// How many requests it may make in a minute; `None` for as many as it likes.
    pub rate_per_minute: Option<u32>,
    /// When it was made.
    pub created_ms: i64,
    /// When it was changed last.
    pub updated_ms: i64,
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A call that changed something, about to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at_ms: i64,
    /// The id of the key that was used; `None` for the administrator's.
    pub key: Option<String>,
    /// The method of the request.
    pub method: String,
    /// Its route, with `{session}` and the like in it: a path may hold numbers of people.
    pub route: String,
    /// The session that it was about.
    pub session: Option<String>,
    /// The status that it was answered with.
    pub status: u16,
}

/// A call that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; grows, and is never given twice.
    pub id: i64,
    /// What was noted.
    pub entry: NewAudit,
}
