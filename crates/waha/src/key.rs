//! Keys of the API.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key may do with sessions (WAHA's `SessionActionsDTO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SessionActionsDTO)]
pub struct SessionActions {
    /// Read what is there: chats, messages and their files, contacts, groups, events.
    pub read: bool,
    /// Send messages, reactions and read marks; show as online or writing.
    pub send: bool,
    /// Start, stop, restart, link and log out.
    pub control: bool,
    /// Change settings: of the session, its profile, groups, channels, labels, contacts.
    pub setting: bool,
    /// Of WAHA's apps. wakeeper has none, so there is nothing that it opens.
    pub app: bool,
    /// Delete sessions, chats and messages.
    pub delete: bool,
    /// Read files of messages. Not WAHA's; `read` has it with it.
    pub media: bool,
}

impl SessionActions {
    /// The name of every action.
    pub const NAMES: [&str; 7] = ["read", "send", "control", "setting", "app", "delete", "media"];

    /// The actions of these names; others are passed over.
    #[must_use]
    pub fn of(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|named| named == name);
        Self {
            read: has("read"),
            send: has("send"),
            control: has("control"),
            setting: has("setting"),
            app: has("app"),
            delete: has("delete"),
            media: has("media"),
        }
    }

    /// Every action, by its name.
    #[must_use]
    pub fn named(self) -> [(&'static str, bool); 7] {
        [
            ("read", self.read),
            ("send", self.send),
            ("control", self.control),
            ("setting", self.setting),
            ("app", self.app),
            ("delete", self.delete),
            ("media", self.media),
        ]
    }
}

/// What a key is to be (WAHA's `ApiKeyRequest`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiKeyRequest {
    /// It opens everything, as the administrator's key does. Then there is neither `session` nor `actions`.
    pub is_admin: bool,
    /// The one session that it is good for; `null` for all.
    pub session: Option<String>,
    /// `false` takes away what it opens, and keeps it.
    pub is_active: bool,
    /// What it may do; `null` for everything that concerns sessions.
    pub actions: Option<SessionActions>,
    /// How many requests it may make in a minute; `null` for as many as it likes. Not WAHA's.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub rate_limit: Option<u32>,
}

impl Default for ApiKeyRequest {
    fn default() -> Self {
        Self { is_admin: false, session: None, is_active: true, actions: None, rate_limit: None }
    }
}

/// A key (WAHA's `ApiKeyDTO`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKeyDTO)]
pub struct ApiKey {
    /// Its name among the keys; no secret.
    #[schema(example = "key_0123456789abcdef")]
    pub id: String,
    /// The key itself where it was just made; later only its beginning, because no more of it is kept.
    #[schema(example = "wk_0123456789abcdef_...")]
    pub key: String,
    /// Whether it opens anything now.
    pub is_active: bool,
    /// Whether it opens everything.
    pub is_admin: bool,
    /// The one session that it is good for; `null` for all.
    pub session: Option<String>,
    /// What it may do; `null` for everything that concerns sessions.
    pub actions: Option<SessionActions>,
    /// How many requests it may make in a minute; `null` for as many as it likes. Not WAHA's.
    pub rate_limit: Option<u32>,
    /// When it was made, in milliseconds since 1970. Not WAHA's.
    pub created_at: i64,
}

/// The session of a key that opens one kind of thing (WAHA's `ScopedApiKeyRequest`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopedApiKeyRequest {
    /// Its name.
    #[schema(example = "default")]
    pub session: String,
}

/// In words, without the key.
impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_admin {
            f.write_str("an administrator's")?;
        } else {
            match &self.session {
                Some(session) => write!(f, "for session {session}")?,
                None => f.write_str("for all sessions")?,
            }
            if let Some(actions) = self.actions {
                let named: Vec<_> =
                    actions.named().into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
                write!(f, ": {}", if named.is_empty() { "nothing".to_owned() } else { named.join(", ") })?;
            }
        }
        if let Some(rate) = self.rate_limit {
            write!(f, ", {rate} requests a minute")?;
        }
        if self.is_active { Ok(()) } else { f.write_str(", switched off") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_in_words_without_itself() {
        let actions = SessionActions::of(&["read".to_owned(), "send".to_owned()]);
        assert_eq!(actions.named().into_iter().filter(|(_, on)| *on).count(), 2);
        let mut key = ApiKey {
            id: "key_1".to_owned(),
            key: "wk_secret".to_owned(),
            is_active: true,
            is_admin: false,
            session: Some("default".to_owned()),
            actions: Some(actions),
            rate_limit: Some(60),
            created_at: 0,
        };
        assert_eq!(key.to_string(), "for session default: read, send, 60 requests a minute");
        key = ApiKey { actions: None, session: None, rate_limit: None, is_active: false, ..key };
        assert_eq!(key.to_string(), "for all sessions, switched off");
        key = ApiKey { is_admin: true, is_active: true, ..key };
        assert_eq!(key.to_string(), "an administrator's");
        for name in SessionActions::NAMES {
            let named = SessionActions::of(&[name.to_owned()]).named();
            assert_eq!(named.into_iter().find(|(_, on)| *on).map(|(name, _)| name), Some(name));
        }
    }
}
