//! Sessions: states and what callers see of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::{ChatId, SessionName};

use super::config::SessionConfig;

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
    /// The name other people see; empty while it is unknown.
    #[serde(default, with = "crate::or_empty")]
    #[schema(value_type = String)]
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

/// What others see of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OwnPresence {
    /// It is shown as online; the phone gets no notifications meanwhile.
    Online,
    /// It is not.
    Offline,
}

/// An app of WAHA's, such as `chatwoot`. wakeeper has none, so that a session never shows one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its id.
    #[serde(default)]
    pub id: String,
    /// The session's name.
    #[serde(default)]
    pub session: String,
    /// Which app.
    #[serde(default)]
    pub app: String,
    /// Its settings.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub config: serde_json::Value,
    /// It is on.
    #[serde(default)]
    #[schema(nullable = false)]
    pub enabled: Option<bool>,
}

/// The WhatsApp client that runs a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Engine {
    /// Its name.
    #[schema(example = "WHATSAPP-RUST")]
    pub engine: String,
}

impl Default for Engine {
    fn default() -> Self {
        Self { engine: crate::webhook::ENGINE.to_owned() }
    }
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
    /// What others see of the account; `null` while it is not connected.
    #[serde(default)]
    pub presence: Option<OwnPresence>,
    /// Times.
    pub timestamps: Timestamps,
    /// The WhatsApp client that runs it.
    #[serde(default)]
    pub engine: Engine,
    /// Its apps: none. Only with `expand=apps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub apps: Option<Vec<App>>,
    /// The machine that runs it; see `worker` of `GET /api/server/version`. Not while it is another wakeeper's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub assigned_worker: Option<String>,
    /// Why it failed or waits, in plain words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last three changes of status, oldest first.
    pub statuses: Vec<StatusChange>,
}

#[cfg(test)]
mod tests {
    use super::*;

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
