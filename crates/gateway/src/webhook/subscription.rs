//! One receiver's wishes, checked: where, which events, how signed, how retried.

use std::fmt;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::retry::Retries;
use crate::model::{EventName, WebhookConfig};

/// Longest wait between attempts and most attempts that a configuration may ask for.
const MAX_DELAY_SECONDS: u32 = 24 * 60 * 60;
const MAX_ATTEMPTS: u32 = 1000;
/// Added headers at most.
const MAX_HEADERS: usize = 50;

/// Headers that belong to the HTTP client.
const RESERVED: [&str; 6] =
    ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade"];

/// WAHA's events that wakeeper does not emit yet: may be asked for, so that a configuration made
/// for WAHA is accepted.
const KNOWN_ELSEWHERE: [&str; 22] = [
    "message.ack.group",
    "message.waiting",
    "group.v2.join",
    "group.v2.leave",
    "group.v2.update",
    "group.v2.participants",
    "presence.update",
    "poll.vote",
    "poll.vote.failed",
    "chat.archive",
    "call.received",
    "call.accepted",
    "call.rejected",
    "label.upsert",
    "label.deleted",
    "label.chat.added",
    "label.chat.deleted",
    "event.response",
    "event.response.failed",
    "group.join",
    "group.leave",
    "state.change",
];

/// WAHA leaves these out of `*`.
const NOT_IN_ALL: [&str; 2] = ["engine.event", "state.change"];

/// Why a webhook's configuration is refused. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookConfigError {
    /// Not an absolute `http` or `https` address.
    #[error("a webhook's url must be an absolute http or https address")]
    Url,
    /// An event nobody knows.
    #[error("a webhook's events name an unknown event; see the documentation, or use * for all")]
    Event,
    /// A waiting time out of bounds.
    #[error("a webhook's retries.delaySeconds must be at most {MAX_DELAY_SECONDS}")]
    Delay,
    /// A number of attempts out of bounds.
    #[error("a webhook's retries.attempts must be 1 to {MAX_ATTEMPTS}")]
    Attempts,
    /// A header that cannot be sent or is not the owner's to set.
    #[error("a webhook's customHeaders hold a name or value that cannot be sent, or more than {MAX_HEADERS}")]
    Header,
    /// A key that signs nothing.
    #[error("a webhook's hmac.key must not be empty")]
    Key,
}

/// Checks webhooks without keeping anything, for answering a request that brings them.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_webhooks(configs: &[WebhookConfig]) -> Result<(), WebhookConfigError> {
    subscriptions("", configs).map(drop)
}

/// Where a subscription comes from decides its key: the same receiver keeps its key across
/// restarts and changes of everything but its address, and with the key what is owed to it.
pub(super) fn subscriptions(
    scope: &str,
    configs: &[WebhookConfig],
) -> Result<Vec<Subscription>, WebhookConfigError> {
    let mut made: Vec<Subscription> = Vec::with_capacity(configs.len());
    for config in configs {
        let mut subscription = Subscription::new(scope, config)?;
        let base = subscription.key.clone();
        let mut nth = 1;
        while made.iter().any(|other| other.key == subscription.key) {
            nth += 1;
            subscription.key = format!("{base}-{nth}");
        }
        made.push(subscription);
    }
    Ok(made)
}

/// A receiver of events.
pub(super) struct Subscription {
    /// Its name in rows and logs: scope and a hash of the address, which may hold a token.
    pub key: String,
    pub url: Url,
    pub headers: HeaderMap,
    pub secret: Option<SecretString>,
    pub retries: Retries,
    events: Events,
}

enum Events {
    All,
    Named(Vec<String>),
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Subscription {
    fn new(scope: &str, config: &WebhookConfig) -> Result<Self, WebhookConfigError> {
        let url = Url::parse(&config.url).map_err(|_| WebhookConfigError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(WebhookConfigError::Url);
        }
        let retries = config.retries.map_or_else(Retries::default, Retries::from);
        if retries.delay.as_secs() > MAX_DELAY_SECONDS.into() {
            return Err(WebhookConfigError::Delay);
        }
        if !(1..=MAX_ATTEMPTS).contains(&retries.attempts) {
            return Err(WebhookConfigError::Attempts);
        }
        let key = config.hmac.as_ref().and_then(|hmac| hmac.key.as_deref());
        if key.is_some_and(str::is_empty) {
            return Err(WebhookConfigError::Key);
        }
        Ok(Self {
            key: format!("{scope}/{}", hex::encode(&Sha256::digest(config.url.as_bytes())[..8])),
            headers: headers(config)?,
            secret: key.map(SecretString::from),
            events: events(&config.events)?,
            retries,
            url,
        })
    }

    /// Must it hear of this event?
    pub fn wants(&self, event: &str) -> bool {
        match &self.events {
            Events::All => !NOT_IN_ALL.contains(&event),
            Events::Named(names) => names.iter().any(|name| name == event),
        }
    }

    /// What receives: the address without its query. Subscriptions of many sessions that share one
    /// share its limits.
    pub fn receiver(&self) -> String {
        let mut address = self.url.clone();
        address.set_query(None);
        address.set_fragment(None);
        address.into()
    }
}

fn events(names: &[String]) -> Result<Events, WebhookConfigError> {
    let known = |name: &str| {
        name.parse::<EventName>().is_ok() || KNOWN_ELSEWHERE.contains(&name) || NOT_IN_ALL.contains(&name)
    };
    if names.iter().any(|name| name != "*" && !known(name)) {
        return Err(WebhookConfigError::Event);
    }
    if names.iter().any(|name| name == "*") {
        // What `*` leaves out can still be named beside it; one list cannot say both, and nobody
        // emits those events here.
        return Ok(Events::All);
    }
    Ok(Events::Named(names.to_vec()))
}

fn headers(config: &WebhookConfig) -> Result<HeaderMap, WebhookConfigError> {
    let custom = config.custom_headers.as_deref().unwrap_or_default();
    if custom.len() > MAX_HEADERS {
        return Err(WebhookConfigError::Header);
    }
    let mut headers = HeaderMap::with_capacity(custom.len());
    for header in custom {
        let name: HeaderName = header.name.parse().map_err(|_| WebhookConfigError::Header)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(WebhookConfigError::Header);
        }
        let mut value = HeaderValue::from_str(&header.value).map_err(|_| WebhookConfigError::Header)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CustomHeader, HmacConfig, RetriesConfig};

    fn config(url: &str) -> WebhookConfig {
        WebhookConfig {
            url: url.to_owned(),
            events: vec!["message".to_owned()],
            hmac: None,
            retries: None,
            custom_headers: None,
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        let mut cases = Vec::new();
        for url in ["", "n8n:5678/webhook", "ftp://a/b", "/hook", "http://"] {
            cases.push((config(url), WebhookConfigError::Url));
        }
        let good = || config("http://n8n:5678/webhook");
        cases
            .push((WebhookConfig { events: vec!["mesage".to_owned()], ..good() }, WebhookConfigError::Event));
        let retries = |delay_seconds, attempts| {
            Some(RetriesConfig { policy: None, delay_seconds: Some(delay_seconds), attempts: Some(attempts) })
        };
        cases.push((WebhookConfig { retries: retries(90_000, 1), ..good() }, WebhookConfigError::Delay));
        cases.push((WebhookConfig { retries: retries(1, 0), ..good() }, WebhookConfigError::Attempts));
        cases.push((
            WebhookConfig { hmac: Some(HmacConfig { key: Some(String::new()) }), ..good() },
            WebhookConfigError::Key,
        ));
        for (name, value) in [("a b", "c"), ("X-A", "line\nbreak"), ("Content-Length", "7")] {
            let header = CustomHeader { name: name.to_owned(), value: value.to_owned() };
            cases.push((
                WebhookConfig { custom_headers: Some(vec![header]), ..good() },
                WebhookConfigError::Header,
            ));
        }
        for (config, expected) in cases {
            assert_eq!(check_webhooks(std::slice::from_ref(&config)), Err(expected), "{config:?}");
        }
        assert_eq!(check_webhooks(&[good()]), Ok(()));
    }

    #[test]
    fn keys_survive_changes_and_tell_receivers_apart() {
        let key = |scope, configs: &[WebhookConfig]| {
            subscriptions(scope, configs).unwrap().into_iter().map(|made| made.key).collect::<Vec<_>>()
        };
        let plain = config("http://a/hook?token=t0p");
        let signed = WebhookConfig { hmac: Some(HmacConfig { key: Some("k".to_owned()) }), ..plain.clone() };
        assert_eq!(key("default", std::slice::from_ref(&plain)), key("default", &[signed]));
        assert_ne!(key("default", std::slice::from_ref(&plain)), key("other", std::slice::from_ref(&plain)));
        let twice = key("default", &[plain.clone(), plain.clone()]);
        assert_ne!(twice[0], twice[1]);
        assert!(!twice[0].contains("t0p"));
    }

    #[test]
    fn star_means_everything_but_what_waha_leaves_out() {
        let star = WebhookConfig { events: vec!["*".to_owned()], ..config("http://a") };
        let made = subscriptions("s", &[star, config("http://b")]).unwrap();
        assert!(made[0].wants("message.any") && !made[0].wants("engine.event"));
        assert!(made[1].wants("message") && !made[1].wants("message.any"));
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let config = WebhookConfig {
            hmac: Some(HmacConfig { key: Some("hushhush".to_owned()) }),
            ..config("http://a/?token=hushhush")
        };
        assert!(!format!("{:?}", subscriptions("s", &[config]).unwrap()).contains("hushhush"));
    }
}
