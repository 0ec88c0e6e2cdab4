//! A session's settings: WAHA's `config` object.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::secret::{Secret, shown_address};

/// Settings of one session. Answers show the secrets in them as `********`.
// Only `to_stored` writes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionConfig {
    /// Where this session's events go.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<WebhookConfig>,
    /// Labels of the caller, repeated in every event. Usually texts; other values come back as they are.
    #[serde(default, deserialize_with = "labels", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    pub metadata: BTreeMap<String, Value>,
    /// The proxy for all that goes to WhatsApp for this session: the socket, media, and the look-ups of names. When it fails, the
    /// session waits for it, and never connects without it. Webhooks and files by URL do not go through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyConfig>,
    /// Chats whose messages are neither stored nor reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<IgnoreConfig>,
    /// How the device shows in the phone's list of linked devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientConfig>,
    /// For WAHA's own engines, and not needed here: `RUST_LOG` sets what is logged. Given back as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    pub debug: Option<Value>,
    /// For another engine of WAHA, and not needed here. Given back as it is; refused where it asks for what wakeeper does
    /// in another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub noweb: Option<Value>,
    /// For another engine of WAHA; see `noweb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub gows: Option<Value>,
    /// For another engine of WAHA; see `noweb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub webjs: Option<Value>,
}

/// WAHA's clients write `null` for what they leave out.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
    let labels = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?;
    Ok(labels.unwrap_or_default().into_iter().filter(|(_, value)| !value.is_null()).collect())
}

impl SessionConfig {
    /// The JSON that is stored, secrets included. For the session's row and nothing else.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let mut stored = serde_json::to_value(self).unwrap_or_else(|_| Value::Object(serde_json::Map::new()));
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let into = &mut stored["webhooks"][index];
            into["url"] = Value::from(webhook.url.clone());
            if let Some(key) = webhook.hmac.as_ref().and_then(|hmac| hmac.key.as_ref()) {
                into["hmac"]["key"] = Value::from(key.expose());
            }
            for (index, header) in webhook.custom_headers.iter().flatten().enumerate() {
                into["customHeaders"][index]["value"] = Value::from(header.value.expose());
            }
        }
        if let Some(password) = self.proxy.as_ref().and_then(|proxy| proxy.password.as_ref()) {
            stored["proxy"]["password"] = Value::from(password.expose());
        }
        stored.to_string()
    }
}

/// One receiver of events. `Debug` hides the address, which often holds a token.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookConfig {
    /// Where to POST, `http` or `https`. A password in it is a secret.
    #[serde(serialize_with = "without_password")]
    pub url: String,
    /// Names of events, or `*`.
    pub events: Vec<String>,
    /// Signs the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HmacConfig>,
    /// What happens when the receiver does not answer 2xx.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetriesConfig>,
    /// Headers added to every request; those of the signature and of the connection are not the caller's to set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_headers: Option<Vec<CustomHeader>>,
}

impl fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookConfig").field("events", &self.events).finish_non_exhaustive()
    }
}

impl WebhookConfig {
    /// The address as answers show it, without a password.
    #[must_use]
    pub fn shown_url(&self) -> String {
        shown_address(&self.url)
    }
}

fn without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown_address(url))
}

/// The key that signs webhook bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HmacConfig {
    /// The shared secret.
    #[serde(default)]
    pub key: Option<Secret>,
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

/// One added header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomHeader {
    /// Its name.
    pub name: String,
    /// Its value, which is often a token.
    pub value: Secret,
}

/// A proxy for the session's connection.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProxyConfig {
    /// `host:port` of an HTTP proxy, or `http://`, `https://` or `socks5://` before it.
    pub server: String,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl ProxyConfig {
    /// Is a proxy asked for? An empty one, as forms send it, asks for none.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let empty = |text: Option<&str>| text.is_none_or(str::is_empty);
        !(self.server.trim().is_empty()
            && empty(self.username.as_deref())
            && empty(self.password.as_ref().map(Secret::expose)))
    }
}

impl fmt::Debug for ProxyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // People write the password into the address, too.
        f.debug_struct("ProxyConfig").finish_non_exhaustive()
    }
}

/// Chats to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct IgnoreConfig {
    /// Status updates.
    #[serde(deserialize_with = "null_as_default")]
    pub status: bool,
    /// Groups.
    #[serde(deserialize_with = "null_as_default")]
    pub groups: bool,
    /// Channels.
    #[serde(deserialize_with = "null_as_default")]
    pub channels: bool,
    /// Broadcast lists.
    #[serde(deserialize_with = "null_as_default")]
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
        let config: SessionConfig = serde_json::from_value(text.clone()).unwrap();
        assert_eq!(config.webhooks[0].retries.unwrap().policy, Some(RetryPolicy::Exponential));
        let back = serde_json::to_value(&config).unwrap();
        assert_eq!(back["noweb"], text["noweb"]);
        let mut shown = text["webhooks"].clone();
        shown[0]["hmac"]["key"] = "********".into();
        shown[0]["customHeaders"][0]["value"] = "********".into();
        assert_eq!(back["webhooks"], shown);
        assert!(!format!("{config:?}").contains("secret"));

        let stored: Value = serde_json::from_str(&config.to_stored()).unwrap();
        assert_eq!(stored["webhooks"], text["webhooks"]);
        assert_eq!(serde_json::from_value::<SessionConfig>(stored).unwrap(), config);
    }

    #[test]
    fn every_secret_is_stored_and_none_is_shown() {
        let given = serde_json::json!({
            "proxy": {"server": "proxy:3128", "username": "u", "password": "hush-1"},
            "webhooks": [{
                "url": "http://bot:hush-2@n8n:5678/hook",
                "events": ["*"],
                "hmac": {"key": "hush-3"},
                "customHeaders": [{"name": "Authorization", "value": "hush-4"}, {"name": "X-A", "value": "hush-5"}]
            }]
        });
        let config: SessionConfig = serde_json::from_value(given).unwrap();
        for shown in [serde_json::to_string(&config).unwrap(), format!("{config:?}")] {
            assert!(!shown.contains("hush"), "{shown}");
        }
        let stored = config.to_stored();
        for number in 1..=5 {
            assert!(stored.contains(&format!("hush-{number}")), "{number}");
        }
        assert_eq!(serde_json::from_str::<SessionConfig>(&stored).unwrap(), config);
    }

    #[test]
    fn null_is_the_same_as_nothing() {
        let nulls = serde_json::json!({
            "webhooks": null, "metadata": {"a": null, "b": "c"}, "proxy": null, "client": null,
            "ignore": {"status": null, "groups": true, "channels": null, "broadcast": null},
        });
        let config: SessionConfig = serde_json::from_value(nulls).unwrap();
        assert_eq!(config.metadata, BTreeMap::from([("b".to_owned(), Value::from("c"))]));
        assert!(config.ignore.unwrap().groups && !config.ignore.unwrap().status);
    }

    #[test]
    fn an_empty_proxy_asks_for_nothing() {
        let asks = |proxy: Value| {
            let config: SessionConfig = serde_json::from_value(serde_json::json!({"proxy": proxy})).unwrap();
            config.proxy.is_some_and(|proxy| proxy.is_set())
        };
        assert!(!asks(Value::Null) && !asks(serde_json::json!({"server": "", "password": null})));
        assert!(asks(serde_json::json!({"server": "proxy:3128"})));
    }
}
