//! A test event: sent at once, once, to see whether a receiver takes it.

use serde::Serialize;
use thiserror::Error;
use wakeeper_model::SessionName;
use wakeeper_waha::{EventName, WebhookConfig};

use super::recent::{DeliveryOutcome, RecentDelivery};
use super::subscription::{WebhookConfigError, check_webhooks, subscriptions};
use super::{Webhooks, delivery};
use crate::events::body;

/// What a test event came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The status of the answer, when one came.
    pub status: Option<u16>,
    /// Why it was not taken, if it was not.
    pub error: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

/// Why no test event was sent.
#[derive(Debug, Error)]
pub enum TestError {
    /// The webhook cannot work, or its address is not allowed.
    #[error(transparent)]
    Config(#[from] WebhookConfigError),
    /// The event cannot be written.
    #[error("the test event cannot be written as JSON: {0}")]
    Body(#[from] serde_json::Error),
}

impl Webhooks {
    /// Sends an event of a session to one webhook, which need not be among its settings: as deliveries are sent and signed, to where they
    /// may go. It is neither stored nor repeated, and shows among [`Webhooks::recent`].
    ///
    /// # Errors
    /// When it cannot be sent; what the receiver did with it is no error.
    pub async fn test(
        &self,
        session: &SessionName,
        webhook: &WebhookConfig,
        name: EventName,
        payload: &impl Serialize,
    ) -> Result<Tested, TestError> {
        let webhook = std::slice::from_ref(webhook);
        check_webhooks(webhook, &self.addresses)?;
        let event = self.sink.event(session, "", name, payload)?;
        let shared = self.dispatcher.shared();
        let started_ms = shared.clock.now_ms();
        let text = body(&event.id, event.timestamp_ms, &event.name, &event.rest);
        let mut tested = Tested { status: None, error: None, milliseconds: 0 };
        for subscription in subscriptions(session.as_str(), webhook)? {
            let attempted = delivery::attempt(
                &shared.client,
                &shared.policy,
                &subscription,
                &event.id,
                text.clone(),
                started_ms,
            )
            .await;
            let what = (event.id.clone(), event.name.clone());
            let outcome = DeliveryOutcome::Test;
            let delivery = RecentDelivery::of(&attempted, outcome, started_ms, what, subscription.key, 1);
            let RecentDelivery { status, error, milliseconds, .. } = delivery.clone();
            tested = Tested { status, error, milliseconds };
            shared.recent.add(session.as_str(), delivery);
        }
        Ok(tested)
    }
}
