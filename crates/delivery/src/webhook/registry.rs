//! Who must hear of what: the global subscriptions and those of every session.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use wakeeper_waha::{Me, SessionConfig, WebhookConfig};

use super::subscription::{Subscription, WebhookConfigError, subscriptions};

/// The scope of subscriptions for every session. No session can be called so.
const GLOBAL: &str = "*";

/// What webhook bodies say of a session, and who receives them.
pub struct SessionContext {
    subscriptions: Vec<Arc<Subscription>>,
    metadata: Value,
    me: Value,
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionContext").field("subscriptions", &self.subscriptions).finish_non_exhaustive()
    }
}

impl SessionContext {
    /// From a session's settings and its account, once that is known.
    ///
    /// # Errors
    /// When one of the session's webhooks cannot work.
    pub fn new(session: &str, config: &SessionConfig, me: Option<&Me>) -> Result<Self, WebhookConfigError> {
        Ok(Self {
            subscriptions: subscriptions(session, &config.webhooks)?.into_iter().map(Arc::new).collect(),
            metadata: metadata(&config.metadata),
            me: me.and_then(|me| serde_json::to_value(me).ok()).unwrap_or(Value::Null),
        })
    }
}

fn metadata(entries: &BTreeMap<String, Value>) -> Value {
    Value::Object(entries.clone().into_iter().collect())
}

/// Who hears of one event, and what its body says of the session.
pub(crate) struct Audience {
    pub subscriptions: Vec<String>,
    pub metadata: Value,
    pub me: Value,
}

/// Knows every subscription by its key.
pub(crate) struct Registry {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    global: Vec<Arc<Subscription>>,
    sessions: HashMap<String, SessionContext>,
    /// By key: those above, and those of deleted sessions that may still be owed something.
    by_key: HashMap<String, Arc<Subscription>>,
    retired: HashSet<String>,
}

impl Registry {
    pub fn new(global: &[WebhookConfig]) -> Result<Self, WebhookConfigError> {
        let global: Vec<_> = subscriptions(GLOBAL, global)?.into_iter().map(Arc::new).collect();
        let by_key = global.iter().map(|made| (made.key.clone(), Arc::clone(made))).collect();
        Ok(Self { state: RwLock::new(State { global, by_key, ..State::default() }) })
    }

    pub fn set_session(&self, session: &str, context: SessionContext) {
        let mut state = self.write();
        if let Some(old) = state.sessions.remove(session) {
            for subscription in old.subscriptions {
                state.by_key.remove(&subscription.key);
            }
        }
        for subscription in &context.subscriptions {
            state.retired.remove(&subscription.key);
            state.by_key.insert(subscription.key.clone(), Arc::clone(subscription));
        }
        state.sessions.insert(session.to_owned(), context);
    }

    /// A deleted session's subscriptions stay known until [`Self::forget_retired`], so that its
    /// last events still arrive.
    pub fn remove_session(&self, session: &str) {
        let mut state = self.write();
        if let Some(old) = state.sessions.remove(session) {
            state.retired.extend(old.subscriptions.into_iter().map(|subscription| subscription.key.clone()));
        }
    }

    /// Drops the subscriptions of deleted sessions that are owed nothing any more.
    pub fn forget_retired(&self, pending: &HashSet<String>) {
        let mut state = self.write();
        let done: Vec<String> = state.retired.difference(pending).cloned().collect();
        for key in done {
            state.retired.remove(&key);
            state.by_key.remove(&key);
        }
    }

    pub fn audience(&self, session: &str, event: &str) -> Audience {
        let state = self.read();
        let context = state.sessions.get(session);
        let own = context.map(|context| context.subscriptions.as_slice()).unwrap_or_default();
        Audience {
            subscriptions: state
                .global
                .iter()
                .chain(own)
                .filter(|subscription| subscription.wants(event))
                .map(|subscription| subscription.key.clone())
                .collect(),
            metadata: context.map_or_else(|| metadata(&BTreeMap::new()), |context| context.metadata.clone()),
            me: context.map_or(Value::Null, |context| context.me.clone()),
        }
    }

    /// The keys of all subscriptions that hear of a session, whatever they ask for.
    pub fn keys_of(&self, session: &str) -> HashSet<String> {
        let state = self.read();
        let own = state.sessions.get(session).map_or(&[][..], |context| &context.subscriptions);
        state.global.iter().chain(own).map(|subscription| subscription.key.clone()).collect()
    }

    /// Whether an event has an audience.
    pub fn is_heard(&self, session: &str, event: &str) -> bool {
        let state = self.read();
        let own = state.sessions.get(session).map_or(&[][..], |context| &context.subscriptions);
        state.global.iter().chain(own).any(|subscription| subscription.wants(event))
    }

    pub(super) fn resolve(&self, key: &str) -> Option<Arc<Subscription>> {
        self.read().by_key.get(key).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(session: &str, url: &str) -> SessionContext {
        let config = serde_json::json!({
            "webhooks": [{"url": url, "events": ["message"]}],
            "metadata": {"team": "blue"},
        });
        SessionContext::new(session, &serde_json::from_value(config).unwrap(), None).unwrap()
    }

    fn global(url: &str) -> Vec<WebhookConfig> {
        vec![serde_json::from_value(serde_json::json!({"url": url, "events": ["*"]})).unwrap()]
    }

    #[test]
    fn an_event_reaches_the_global_and_its_own_sessions_receivers() {
        let registry = Registry::new(&global("http://global")).unwrap();
        registry.set_session("a", context("a", "http://a"));
        registry.set_session("b", context("b", "http://b"));
        assert_eq!(registry.audience("a", "message").subscriptions.len(), 2);
        assert_eq!(registry.audience("a", "message.ack").subscriptions.len(), 1);
        assert_eq!(registry.audience("a", "message").metadata["team"], "blue");
        assert_eq!(registry.audience("unknown", "message").subscriptions.len(), 1);
        assert!(registry.is_heard("unknown", "message"));
        let own_only = Registry::new(&[]).unwrap();
        own_only.set_session("a", context("a", "http://a"));
        assert!(own_only.is_heard("a", "message"));
        assert!(!own_only.is_heard("a", "message.ack") && !own_only.is_heard("b", "message"));
    }

    #[test]
    fn a_changed_session_forgets_its_old_receiver_at_once_a_deleted_one_when_nothing_is_owed() {
        let registry = Registry::new(&[]).unwrap();
        registry.set_session("a", context("a", "http://old"));
        let old = registry.audience("a", "message").subscriptions;
        registry.set_session("a", context("a", "http://new"));
        assert!(registry.resolve(&old[0]).is_none());

        let new = registry.audience("a", "message").subscriptions;
        registry.remove_session("a");
        assert!(registry.audience("a", "message").subscriptions.is_empty());
        registry.forget_retired(&new.iter().cloned().collect());
        assert!(registry.resolve(&new[0]).is_some());
        registry.forget_retired(&HashSet::new());
        assert!(registry.resolve(&new[0]).is_none());
    }
}
