//! A session's settings: WAHA's `config` object.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Settings of one session. Fields of WAHA that wakeeper has no use for are kept and given back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionConfig {
    /// Where this session's events go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookConfig>,
    /// Labels of the caller, repeated in every event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Kept, not yet used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyConfig>,
    /// Chats whose messages are neither stored nor reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<IgnoreConfig>,
    /// How the device shows in the phone's list of linked devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientConfig>,
    /// Everything else.
    #[serde(flatten)]
    #[schema(ignore)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// One receiver of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookConfig {
    /// Where to POST, `http` or `https`.
    pub url: String,
    /// Names of events, or `*`.
    pub events: Vec<String>,
    /// Signs the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HmacConfig>,
    /// What happens when the receiver does not answer 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetriesConfig>,
    /// Headers added to every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_headers: Option<Vec<CustomHeader>>,
}

/// The key that signs webhook bodies. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HmacConfig {
    /// The shared secret.
    pub key: Option<String>,
}

impl fmt::Debug for HmacConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacConfig").field("key", &self.key.as_ref().map(|_| "..")).finish()
    }
}

/// How the waits between attempts grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetryPolicy {
    /// Always the same wait.
    Constant,
    /// The wait grows by itself with every attempt.
    Linear,
    /// The wait doubles with every attempt.
    Exponential,
}

/// Retries of one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetriesConfig {
    /// How the waits grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<RetryPolicy>,
    /// The first wait, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u32>,
    /// How many attempts before the event is a dead letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// One added header. `Debug` hides the value, which is often a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for CustomHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomHeader").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A proxy for the session's connection. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProxyConfig {
    /// `host:port`.
    pub server: String,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Chats to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct IgnoreConfig {
    /// Status updates.
    pub status: bool,
    /// Groups.
    pub groups: bool,
    /// Channels.
    pub channels: bool,
    /// Broadcast lists.
    pub broadcast: bool,
}

/// How the device names itself when it is linked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfig {
    /// Operating system shown, for example `Ubuntu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    /// Browser shown, for example `Chrome`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wahas_example_survives_a_round_trip() {
        let text = serde_json::json!({
            "metadata": {"user.id": "123"},
            "debug": false,
            "noweb": {"store": {"enabled": true}},
            "ignore": {"status": null, "groups": true},
            "webhooks": [{
                "url": "https://httpbin.org/post",
                "events": ["message", "session.status"],
                "hmac": {"key": "secret"},
                "retries": {"policy": "exponential", "delaySeconds": 2, "attempts": 15},
                "customHeaders": [{"name": "X-A", "value": "b"}]
            }]
        });
        let mut without_null = text.clone();
        without_null["ignore"] = serde_json::json!({"groups": true});
        let config: SessionConfig = serde_json::from_value(without_null).unwrap();
        assert_eq!(config.webhooks[0].retries.unwrap().policy, Some(RetryPolicy::Exponential));
        let back = serde_json::to_value(&config).unwrap();
        assert_eq!(back["noweb"], text["noweb"]);
        assert_eq!(back["webhooks"], text["webhooks"]);
        assert!(!format!("{config:?}").contains("secret"));
    }
}
