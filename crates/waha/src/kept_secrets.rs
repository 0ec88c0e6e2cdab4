//! A change that gives the placeholder back keeps the stored secret, for the same target only.

use thiserror::Error;
use url::Url;

use super::config::{CustomHeader, SessionConfig, WebhookConfig};
use super::secret::{PLACEHOLDER, Secret, shown_address};

/// A placeholder stands where no secret is stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{field}: {PLACEHOLDER} stands for a stored secret, and none can be told to be meant here (another address or \
     name, or several that are alike); give the secret itself, or leave the field out"
)]
pub struct NoStoredSecret {
    /// Where, for example `config.webhooks[0].hmac.key`.
    pub field: String,
}

impl SessionConfig {
    /// Puts the secrets of `stored` where this holds placeholders.
    ///
    /// A webhook is the same when its address is: a secret never follows to another target. Where several have one
    /// address, they are told apart by their order, as long as their number did not change.
    ///
    /// # Errors
    /// When a placeholder stands for nothing that is stored.
    pub fn keep_secrets(&mut self, stored: &Self) -> Result<(), NoStoredSecret> {
        let addresses: Vec<String> = self.webhooks.iter().map(|webhook| target(&webhook.url)).collect();
        for (index, webhook) in self.webhooks.iter_mut().enumerate() {
            let before = addresses[..index].iter().filter(|other| **other == addresses[index]).count();
            let alike = addresses.iter().filter(|other| **other == addresses[index]).count();
            let old = stored.webhooks.iter().filter(|old| target(&old.url) == addresses[index]).collect();
            webhook.keep_secrets(&format!("config.webhooks[{index}]"), &nth(old, before, alike))?;
        }
        let old = stored.proxy.as_ref();
        if let Some(proxy) = &mut self.proxy
            && let Some(password) = &mut proxy.password
        {
            let old = old.filter(|old| old.server == proxy.server && old.username == proxy.username);
            let old = old.and_then(|old| old.password.as_ref());
            keep(password, "config.proxy.password".to_owned(), &Vec::from_iter(old))?;
        }
        Ok(())
    }
}

impl WebhookConfig {
    fn keep_secrets(&mut self, field: &str, stored: &[&Self]) -> Result<(), NoStoredSecret> {
        if has_placeholder(&self.url) {
            let kept = match stored {
                [first, others @ ..] if others.iter().all(|other| other.url == first.url) => Some(first),
                _ => None,
            };
            let kept = kept.filter(|old| !has_placeholder(&old.url));
            let kept = kept.ok_or_else(|| NoStoredSecret { field: format!("{field}.url") })?;
            self.url.clone_from(&kept.url);
        }
        if let Some(key) = self.hmac.as_mut().and_then(|hmac| hmac.key.as_mut()) {
            let keys = stored.iter().filter_map(|old| old.hmac.as_ref()?.key.as_ref());
            keep(key, format!("{field}.hmac.key"), &keys.collect::<Vec<_>>())?;
        }
        let headers = self.custom_headers.as_deref_mut().unwrap_or_default();
        let names: Vec<String> = headers.iter().map(|header| header.name.to_ascii_lowercase()).collect();
        for (index, header) in headers.iter_mut().enumerate() {
            let before = names[..index].iter().filter(|other| **other == names[index]).count();
            let alike = names.iter().filter(|other| **other == names[index]).count();
            let mut values = Vec::new();
            for old in stored {
                let old = old.custom_headers.iter().flatten();
                let old: Vec<&CustomHeader> =
                    old.filter(|old| old.name.eq_ignore_ascii_case(&header.name)).collect();
                values.extend(nth(old, before, alike).into_iter().map(|old| &old.value));
            }
            keep(&mut header.value, format!("{field}.customHeaders[{index}].value"), &values)?;
        }
        Ok(())
    }
}

/// Of several that are alike the `n`th, when there are as many as before; else all that it could be.
fn nth<T: Copy>(found: Vec<T>, n: usize, alike: usize) -> Vec<T> {
    match found.get(n) {
        Some(one) if found.len() == alike => vec![*one],
        _ => found,
    }
}

fn keep(secret: &mut Secret, field: String, stored: &[&Secret]) -> Result<(), NoStoredSecret> {
    if !secret.is_placeholder() {
        return Ok(());
    }
    match stored {
        // A stored placeholder is no secret; there is none then.
        [first, others @ ..] if !first.is_placeholder() && others.iter().all(|other| other == first) => {
            *secret = (*first).clone();
            Ok(())
        }
        _ => Err(NoStoredSecret { field }),
    }
}

/// An address, such that two ways to write one target are equal and passwords do not count.
fn target(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) => shown_address(url.as_str()),
        Err(_) => address.to_owned(),
    }
}

fn has_placeholder(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.password() == Some(PLACEHOLDER))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn config(webhooks: &Value) -> SessionConfig {
        serde_json::from_value(json!({ "webhooks": webhooks })).unwrap()
    }

    fn hook(url: &str, key: &str, header: &str) -> Value {
        json!({
            "url": url, "events": ["*"], "hmac": {"key": key},
            "customHeaders": [{"name": "Authorization", "value": header}]
        })
    }

    fn merged(stored: &Value, new: &Value) -> Result<SessionConfig, String> {
        let mut config = config(new);
        config.keep_secrets(&self::config(stored)).map(|()| config).map_err(|error| error.field)
    }

    fn keys(config: &SessionConfig) -> Vec<&str> {
        config
            .webhooks
            .iter()
            .map(|hook| hook.hmac.as_ref().unwrap().key.as_ref().unwrap().expose())
            .collect()
    }

    const P: &str = PLACEHOLDER;

    #[test]
    fn what_is_shown_can_be_given_back_in_any_order() {
        let stored = json!([
            hook("http://a/", "k1", "h1"),
            hook("http://b/", "k2", "h2"),
            hook("http://c/", "k3", "h3")
        ]);
        let shown = serde_json::to_value(config(&stored)).unwrap()["webhooks"].clone();
        assert!(!shown.to_string().contains("k1"));
        assert_eq!(merged(&stored, &shown).unwrap(), config(&stored));
        let turned = json!([shown[2], shown[0]]);
        assert_eq!(keys(&merged(&stored, &turned).unwrap()), ["k3", "k1"]);
        let spelled = json!([hook("HTTP://A:80", P, P)]);
        assert_eq!(keys(&merged(&stored, &spelled).unwrap()), ["k1"], "the same target, written otherwise");
    }

    #[test]
    fn a_new_secret_replaces_the_old_one() {
        let stored = json!([hook("http://a/", "k1", "h1")]);
        let changed = merged(&stored, &json!([hook("http://a/", "new", P)])).unwrap();
        assert_eq!(keys(&changed), ["new"]);
        assert_eq!(changed.webhooks[0].custom_headers.as_ref().unwrap()[0].value.expose(), "h1");
        let without = merged(&stored, &json!([{"url": "http://a/", "events": ["*"]}])).unwrap();
        assert!(without.webhooks[0].hmac.is_none());
    }

    #[test]
    fn a_secret_does_not_follow_to_another_target() {
        let stored = json!([hook("http://a/", "k1", "h1")]);
        for url in
            ["http://b/", "https://a/", "http://a:81/", "http://a/other", "http://a/?x", "http://user@a/"]
        {
            assert_eq!(
                merged(&stored, &json!([hook(url, P, "h")])).unwrap_err(),
                "config.webhooks[0].hmac.key",
                "{url}"
            );
            assert_eq!(
                merged(&stored, &json!([hook(url, "k", P)])).unwrap_err(),
                "config.webhooks[0].customHeaders[0].value",
                "{url}"
            );
        }
        let renamed = json!([{"url": "http://a/", "events": ["*"], "customHeaders": [{"name": "X-Other", "value": P}]}]);
        assert_eq!(merged(&stored, &renamed).unwrap_err(), "config.webhooks[0].customHeaders[0].value");
        assert_eq!(merged(&json!([]), &stored).map(|_| ()), Ok(()));
        assert!(merged(&json!([]), &json!([hook("http://a/", P, "h")])).is_err());
    }

    #[test]
    fn webhooks_of_one_address_are_told_apart_by_order_or_not_at_all() {
        let stored =
            json!([hook("http://a/", "k1", "h"), hook("http://b/", "kb", "h"), hook("http://a/", "k2", "h")]);
        let both = json!([hook("http://a/", P, P), hook("http://a/", P, P)]);
        assert_eq!(keys(&merged(&stored, &both).unwrap()), ["k1", "k2"]);
        let one = json!([hook("http://a/", P, "h")]);
        assert_eq!(merged(&stored, &one).unwrap_err(), "config.webhooks[0].hmac.key", "which of the two?");
        let alike = json!([hook("http://a/", "k", "h"), hook("http://a/", "k", "h")]);
        assert_eq!(keys(&merged(&alike, &one).unwrap()), ["k"]);
    }

    #[test]
    fn a_password_in_an_address_is_kept_too() {
        let stored = json!([hook("http://bot:p%40ss@a/x", "k", "h")]);
        let shown = serde_json::to_value(config(&stored)).unwrap()["webhooks"].clone();
        assert_eq!(shown[0]["url"], "http://bot:********@a/x");
        assert_eq!(merged(&stored, &shown).unwrap(), config(&stored));
        let elsewhere = json!([hook("http://bot:********@b/x", "k", "h")]);
        assert_eq!(merged(&stored, &elsewhere).unwrap_err(), "config.webhooks[0].url");
    }
}
