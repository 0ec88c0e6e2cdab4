//! One receiver's wishes, checked: where, which events, how signed, how retried.

#[cfg(test)]
mod tests;

use std::fmt;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use thiserror::Error;
use wakeeper_waha::{CustomHeader, EventName, Secret, WebhookConfig};

use super::retry::Retries;
use crate::addresses::{AddressPolicy, RefusedAddress};

/// Longest wait between attempts and most attempts that a configuration may ask for.
const MAX_DELAY_SECONDS: u32 = 24 * 60 * 60;
const MAX_ATTEMPTS: u32 = 1000;
/// Added headers at most.
const MAX_HEADERS: usize = 50;

/// Headers of the connection, of the body and of what carries it (RFC 9110, section 7.6.1): the HTTP client's alone.
const RESERVED: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Beginnings of names that are the gateway's: its signature must not be anybody's to write.
const RESERVED_PREFIXES: [&str; 3] = ["x-webhook-", "webhook-", "proxy-"];

/// Longest header name that an error repeats.
const LONGEST_NAME: usize = 100;

/// WAHA's events that wakeeper does not emit: may be asked for, so that a configuration made
/// for WAHA is accepted.
const KNOWN_ELSEWHERE: [&str; 3] = ["group.join", "group.leave", "state.change"];

/// WAHA leaves these out of `*`.
const NOT_IN_ALL: [&str; 2] = ["engine.event", "state.change"];

/// Why a webhook's configuration is refused. Names the field, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebhookConfigError {
    /// Not an absolute `http` or `https` address.
    #[error("a webhook's url must be an absolute http or https address")]
    Url,
    /// An event nobody knows.
    #[error("a webhook's events name {name:?}, which is no event{}; sent are {known}, and * stands for all", like(*.closest))]
    Event {
        /// The name, cut when it is long.
        name: String,
        /// The event that is most like it, when one is.
        closest: Option<&'static str>,
        /// Those that are sent.
        known: String,
    },
    /// A waiting time out of bounds.
    #[error("a webhook's retries.delaySeconds must be at most {MAX_DELAY_SECONDS}")]
    Delay,
    /// A number of attempts out of bounds.
    #[error("a webhook's retries.attempts must be 1 to {MAX_ATTEMPTS}")]
    Attempts,
    /// More headers than are sent.
    #[error("a webhook's customHeaders must be at most {MAX_HEADERS}")]
    Headers,
    /// A header's name that cannot be sent.
    #[error("a webhook's customHeaders hold a name that is no header name")]
    HeaderName,
    /// A header's value that cannot be sent.
    #[error(
        "a webhook's customHeaders hold a value for {0} that cannot be sent: no line breaks or control characters"
    )]
    HeaderValue(String),
    /// A header that is not the owner's to set.
    #[error("a webhook's customHeaders must not set {0}: it belongs to the signature or to the connection")]
    ReservedHeader(String),
    /// The address may not be connected to.
    #[error("a webhook's url is not allowed: {0}")]
    Refused(RefusedAddress),
    /// A key that signs nothing.
    #[error("a webhook's hmac.key must not be empty")]
    Key,
}

/// Checks webhooks without keeping anything, for answering a request that brings them. Names are not resolved: every
/// delivery does that, and checks again.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_webhooks(configs: &[WebhookConfig], policy: &AddressPolicy) -> Result<(), WebhookConfigError> {
    for config in configs {
        let custom = config.custom_headers.as_deref().unwrap_or_default();
        if custom.len() > MAX_HEADERS {
            return Err(WebhookConfigError::Headers);
        }
        custom.iter().try_for_each(|custom| header(custom).map(drop))?;
    }
    for made in subscriptions("", configs)? {
        policy.check_url(&made.url).map_err(WebhookConfigError::Refused)?;
    }
    let silent = never_sent(configs);
    if !silent.is_empty() {
        tracing::warn!(
            events = silent.join(", "),
            "a webhook asks for events of WAHA's that this version never sends; it gets the others"
        );
    }
    Ok(())
}

/// What webhooks ask for and never get.
fn never_sent(configs: &[WebhookConfig]) -> Vec<&str> {
    let mut names: Vec<&str> = configs.iter().flat_map(|config| &config.events).map(String::as_str).collect();
    names.retain(|name| *name != "*" && name.parse::<EventName>().is_err());
    names.sort_unstable();
    names.dedup();
    names
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

/// By which names rows and deliveries know these webhooks of a session, in the same order; none when one of them cannot work.
#[must_use]
pub fn subscription_keys(session: &str, configs: &[WebhookConfig]) -> Vec<String> {
    let made = subscriptions(session, configs).unwrap_or_default();
    made.into_iter().map(|subscription| subscription.key).collect()
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
        let key = config.hmac.as_ref().and_then(|hmac| hmac.key.as_ref()).map(Secret::expose);
        if key.is_some_and(str::is_empty) {
            return Err(WebhookConfigError::Key);
        }
        Ok(Self {
            key: format!("{scope}/{}", hex::encode(&Sha256::digest(config.url.as_bytes())[..8])),
            headers: headers(scope, config),
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
    if let Some(name) = names.iter().find(|name| *name != "*" && !known(name)) {
        return Err(unknown_event(name));
    }
    if names.iter().any(|name| name == "*") {
        // What `*` leaves out can still be named beside it; one list cannot say both, and nobody
        // emits those events here.
        return Ok(Events::All);
    }
    Ok(Events::Named(names.to_vec()))
}

/// Whether there is an event of this name, also one that WAHA has and wakeeper does not emit.
///
/// # Errors
/// What it may have been meant to be.
pub fn check_event(name: &str) -> Result<(), WebhookConfigError> {
    events(&[name.to_owned()]).map(drop)
}

fn unknown_event(name: &str) -> WebhookConfigError {
    let all: Vec<&'static str> = EventName::ALL
        .iter()
        .map(|event| event.as_str())
        .chain(KNOWN_ELSEWHERE)
        .chain(NOT_IN_ALL.into_iter().filter(|name| !KNOWN_ELSEWHERE.contains(name)))
        .collect();
    let close = all.iter().map(|known| (strsim::levenshtein(known, name), *known)).min();
    WebhookConfigError::Event {
        name: name.chars().take(LONGEST_NAME).collect(),
        closest: close.filter(|(distance, _)| *distance <= 3).map(|(_, known)| known),
        known: EventName::ALL.map(EventName::as_str).join(", "),
    }
}

fn like(closest: Option<&'static str>) -> String {
    closest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// The headers that can be sent. Those that are not the owner's to set were stored by an older version.
fn headers(scope: &str, config: &WebhookConfig) -> HeaderMap {
    let custom = config.custom_headers.as_deref().unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(custom.len());
    for custom in custom.iter().take(MAX_HEADERS) {
        match header(custom) {
            Ok((name, value)) => {
                headers.append(name, value);
            }
            Err(error) => tracing::warn!(session = scope, %error, "a header of a webhook is left out"),
        }
    }
    headers
}

fn header(custom: &CustomHeader) -> Result<(HeaderName, HeaderValue), WebhookConfigError> {
    let name: HeaderName = custom.name.parse().map_err(|_| WebhookConfigError::HeaderName)?;
    let shown = || custom.name.chars().take(LONGEST_NAME).collect();
    let reserved = RESERVED.contains(&name.as_str())
        || RESERVED_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix));
    if reserved {
        return Err(WebhookConfigError::ReservedHeader(shown()));
    }
    let mut value =
        HeaderValue::from_str(custom.value.expose()).map_err(|_| WebhookConfigError::HeaderValue(shown()))?;
    value.set_sensitive(true);
    Ok((name, value))
}
