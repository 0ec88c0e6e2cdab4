//! Webhooks: the one for every session, and where any may go.

use wakeeper_delivery::addresses::{AddressPolicy, AllowedTarget};
use wakeeper_delivery::webhook::{WebhookConfigError, check_webhooks};
use wakeeper_settings::{SettingsError, Values};
use wakeeper_waha::{CustomHeader, HmacConfig, RetriesConfig, WebhookConfig};

/// The settings of the webhook, the address first: without it the others mean nothing.
const WEBHOOK: [&str; 7] = [
    "WHATSAPP_HOOK_URL",
    "WHATSAPP_HOOK_EVENTS",
    "WHATSAPP_HOOK_HMAC_KEY",
    "WHATSAPP_HOOK_RETRIES_POLICY",
    "WHATSAPP_HOOK_RETRIES_DELAY_SECONDS",
    "WHATSAPP_HOOK_RETRIES_ATTEMPTS",
    "WHATSAPP_HOOK_CUSTOM_HEADERS",
];

/// In place of an address that was refused.
const STAND_IN: &str = "http://localhost/";

/// Where webhooks may go.
pub(super) fn addresses(values: &Values) -> Result<AddressPolicy, SettingsError> {
    let private = values.flag("WEBHOOK_PRIVATE_ADDRESSES", true)?;
    let allowed = values.read("WEBHOOK_ALLOWED_TARGETS", parse_targets, Vec::new())?;
    if private && !allowed.is_empty() {
        return Err(SettingsError::Conflict {
            name: "WEBHOOK_ALLOWED_TARGETS",
            reason: "has no effect unless WEBHOOK_PRIVATE_ADDRESSES is false".to_owned(),
        });
    }
    Ok(AddressPolicy { private, allowed })
}

fn parse_targets(text: &str) -> Option<Vec<AllowedTarget>> {
    text.split(',').map(|target| target.trim().parse().ok()).collect()
}

/// The webhook for every session, when its address is set.
pub(super) fn of_every_session(
    values: &Values,
    allowed: &AddressPolicy,
) -> Result<Option<WebhookConfig>, SettingsError> {
    let [address, events, key, policy, delay, attempts, headers] = WEBHOOK;
    let url = values.get(address);
    // The others are checked all the same, so that everything that is wrong is told at once.
    let text = url.map(|url| url.text.as_str()).or_else(|| values.is_refused(address).then_some(STAND_IN));
    let Some(text) = text else {
        return match WEBHOOK.into_iter().find(|name| values.get(name).is_some()) {
            Some(name) => {
                Err(SettingsError::Conflict { name, reason: format!("needs {address} to be set too") })
            }
            None => Ok(None),
        };
    };
    let config = WebhookConfig {
        url: text.to_owned(),
        events: values.read(events, parse_events, vec!["*".to_owned()])?,
        hmac: values.get(key).map(|value| HmacConfig { key: Some(value.text.as_str().into()) }),
        retries: Some(RetriesConfig {
            policy: values.read(policy, |text| serde_json::from_value(text.into()).ok().map(Some), None)?,
            delay_seconds: values.number_if_set(delay)?,
            attempts: values.number_if_set(attempts)?,
        }),
        custom_headers: values.read(headers, |text| parse_headers(text).map(Some), None)?,
    };
    match check_webhooks(std::slice::from_ref(&config), allowed) {
        Ok(()) => Ok(Some(config)),
        Err(error) => {
            let conflict = |name| Err(SettingsError::Conflict { name, reason: error.to_string() });
            let name = match error {
                WebhookConfigError::Refused(_) => return conflict(address),
                WebhookConfigError::ReservedHeader(_)
                | WebhookConfigError::HeaderName
                | WebhookConfigError::HeaderValue(_) => return conflict(headers),
                WebhookConfigError::Url => address,
                WebhookConfigError::Event { .. } => return conflict(events),
                WebhookConfigError::Key => key,
                WebhookConfigError::Delay => delay,
                WebhookConfigError::Attempts => attempts,
                WebhookConfigError::Headers => headers,
            };
            match values.get(name).or(url) {
                Some(value) => Err(value.malformed()),
                None => Ok(None),
            }
        }
    }
}

fn parse_events(text: &str) -> Option<Vec<String>> {
    let events: Vec<String> = text.split(',').map(|event| event.trim().to_owned()).collect();
    events.iter().all(|event| !event.is_empty()).then_some(events)
}

fn parse_headers(text: &str) -> Option<Vec<CustomHeader>> {
    let pairs = text.split(';').filter(|pair| !pair.trim().is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once(':')?;
        Some(CustomHeader { name: name.trim().to_owned(), value: value.trim().into() })
    };
    pairs.map(header).collect()
}
