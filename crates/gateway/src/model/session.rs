//! Sessions: names, states and what callers see of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::chat::ChatId;
use super::config::SessionConfig;

/// Longest session name.
const MAX_NAME: usize = 54;

/// The name of a session, `^[A-Za-z0-9_-]{1,54}$`. Safe as the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Why a text is not a [`SessionName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session name has 1 to {MAX_NAME} letters, digits, underscores or dashes")]
pub struct SessionNameError;

impl SessionName {
    /// The session that exists from the start, `default`.
    #[must_use]
    pub fn default_session() -> Self {
        Self("default".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = SessionNameError;

    fn from_str(text: &str) -> Result<Self, SessionNameError> {
        let good = !text.is_empty()
            && text.len() <= MAX_NAME
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if good { Ok(Self(text.to_owned())) } else { Err(SessionNameError) }
    }
}

impl TryFrom<String> for SessionName {
    type Error = SessionNameError;

    fn try_from(text: String) -> Result<Self, SessionNameError> {
        text.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a session stands. Names are WAHA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SessionStatus {
    /// Not running, and not asked to.
    Stopped,
    /// Connecting or logging in.
    Starting,
    /// Waiting for a phone to scan the QR code or enter a pairing code.
    ScanQrCode,
    /// WhatsApp wants a passkey before it links the device.
    PasskeyRequired,
    /// The passkey was accepted; its code is to be confirmed.
    PasskeyConfirmationRequired,
    /// Logged in, connected, sending and receiving.
    Working,
    /// Cannot work; `reason` of [`SessionInfo`] says why and what helps.
    Failed,
}

impl SessionStatus {
    /// Whether it waits for a phone to link this device.
    #[must_use]
    pub fn is_linking(self) -> bool {
        matches!(self, Self::ScanQrCode | Self::PasskeyRequired | Self::PasskeyConfirmationRequired)
    }

    /// The name on the wire, for example `SCAN_QR_CODE`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Starting => "STARTING",
            Self::ScanQrCode => "SCAN_QR_CODE",
            Self::PasskeyRequired => "PASSKEY_REQUIRED",
            Self::PasskeyConfirmationRequired => "PASSKEY_CONFIRMATION_REQUIRED",
            Self::Working => "WORKING",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The account that a session is logged in to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// `628...@c.us`.
    #[schema(value_type = String)]
    pub id: ChatId,
    /// The hidden id, `123...@lid`, when WhatsApp told it.
    #[schema(value_type = Option<String>)]
    pub lid: Option<ChatId>,
    /// The linked device, `628...:3@s.whatsapp.net`.
    pub jid: String,
    /// The name other people see.
    pub push_name: Option<String>,
}

impl fmt::Debug for Me {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Me").field("id", &self.id).field("lid", &self.lid).finish_non_exhaustive()
    }
}

/// One change of a session's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusChange {
    /// The new status.
    pub status: SessionStatus,
    /// When, in milliseconds since 1970.
    pub timestamp: i64,
}

/// Times of a session, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timestamps {
    /// The last frame seen, message sent or change of status.
    pub activity: Option<i64>,
}

/// What callers see of a session (WAHA's `SessionInfo`, plus `reason` and `statuses`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// Its name.
    #[schema(value_type = String)]
    pub name: SessionName,
    /// Where it stands.
    pub status: SessionStatus,
    /// Its settings, as given.
    pub config: SessionConfig,
    /// The account, once linked.
    pub me: Option<Me>,
    /// Times.
    pub timestamps: Timestamps,
    /// Why it failed or waits, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last changes of status, oldest first.
    pub statuses: Vec<StatusChange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folder_safe() {
        for good in ["default", "A-b_9", &"x".repeat(54)] {
            assert!(good.parse::<SessionName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a.b", &"x".repeat(55)] {
            assert_eq!(bad.parse::<SessionName>(), Err(SessionNameError), "{bad}");
        }
    }

    #[test]
    fn statuses_are_named_as_waha_names_them() {
        for status in [
            SessionStatus::Stopped,
            SessionStatus::Starting,
            SessionStatus::ScanQrCode,
            SessionStatus::PasskeyRequired,
            SessionStatus::PasskeyConfirmationRequired,
            SessionStatus::Working,
            SessionStatus::Failed,
        ] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
