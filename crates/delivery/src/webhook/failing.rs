//! Receivers that fail: since when, why, and when they are tried again. Kept in memory, one for each subscription.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Url;

/// A receiver that fails now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Its address without what may be a secret: user, path and query are left out.
    pub url: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
    /// What the newest attempt came to.
    pub reason: String,
    /// When it is tried next, in milliseconds since 1970.
    pub next_try_ms: Option<i64>,
}

/// Those of all subscriptions, by key.
#[derive(Default)]
pub(super) struct FailingReceivers(Mutex<BTreeMap<String, Failing>>);

impl FailingReceivers {
    /// An attempt failed. Answers whether it is the first in a row.
    pub fn note(&self, key: &str, url: &Url, reason: &str, next_try_ms: Option<i64>, now_ms: i64) -> bool {
        let mut all = self.all_now();
        if let Some(known) = all.get_mut(key) {
            reason.clone_into(&mut known.reason);
            known.next_try_ms = next_try_ms;
            return false;
        }
        let first = Failing { url: redacted(url), since_ms: now_ms, reason: reason.to_owned(), next_try_ms };
        all.insert(key.to_owned(), first);
        true
    }

    /// It answers well again, or is no receiver any more. Answers whether it failed.
    pub fn forget(&self, key: &str) -> bool {
        self.all_now().remove(key).is_some()
    }

    /// Those whose key is meant, the longest failing first.
    pub fn all(&self, is_meant: impl Fn(&str) -> bool) -> Vec<Failing> {
        let all = self.all_now();
        let mut meant: Vec<Failing> =
            all.iter().filter(|(key, _)| is_meant(key)).map(|(_, failing)| failing.clone()).collect();
        meant.sort_by_key(|failing| failing.since_ms);
        meant
    }

    fn all_now(&self) -> MutexGuard<'_, BTreeMap<String, Failing>> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address without what may be a secret: services put tokens into paths, queries and names of users.
pub(super) fn redacted(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let more = if url.path() == "/" && url.query().is_none() { "" } else { "…" };
    format!("{}://{host}{port}/{more}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_fails_since_its_first_failure_until_it_answers_well() {
        let all = FailingReceivers::default();
        let url: Url = "https://me:token@hooks.example:8443/secret?key=1#x".parse().unwrap();
        assert!(all.note("a", &url, "no connection", Some(9), 5));
        assert!(!all.note("a", &url, "the receiver answered 500", Some(20), 10));
        let failing = all.all(|_| true);
        assert_eq!(
            failing,
            [Failing {
                url: "https://hooks.example:8443/…".to_owned(),
                since_ms: 5,
                reason: "the receiver answered 500".to_owned(),
                next_try_ms: Some(20),
            }]
        );
        assert!(all.all(|key| key == "b").is_empty());
        assert!(all.forget("a") && !all.forget("a"));
        assert_eq!(redacted(&"http://n8n:5678/".parse().unwrap()), "http://n8n:5678/");
    }
}
