//! One HTTP request to a receiver.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use super::request::{Answered, post, set, sign};
use super::retry::Outcome;
use super::signature;
use super::subscription::Subscription;
use crate::addresses::{AddressPolicy, CheckedResolver, RefusedAddress};

/// What one attempt came to.
pub(super) struct Attempted {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub duration: Duration,
}

impl Attempted {
    /// Why it failed, if it did.
    pub fn why(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Delivered => None,
            Outcome::Failed { why, .. } => Some(why.clone()),
            Outcome::Gone => Some("the receiver answered 410".to_owned()),
        }
    }
}

/// The client that all deliveries share.
pub(super) fn client(timeout: Duration, policy: AddressPolicy) -> Result<Client, reqwest::Error> {
    Client::builder()
        .dns_resolver(Arc::new(CheckedResolver { policy }))
        .user_agent(concat!("wakeeper/", env!("CARGO_PKG_VERSION")))
        // A redirect would carry body and signature to a place nobody configured.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(10)))
        .pool_idle_timeout(Duration::from_secs(30))
        .build()
}

/// Sends one event once.
pub(super) async fn attempt(
    client: &Client,
    policy: &AddressPolicy,
    subscription: &Subscription,
    event_id: &str,
    body: String,
    now_ms: i64,
) -> Attempted {
    let started = Instant::now();
    // The client's resolver is asked for names only.
    if let Err(refused) = policy.check_url(&subscription.url) {
        let outcome = Outcome::Failed { why: refused.to_string(), retry_after: None };
        return Attempted { outcome, status: None, duration: started.elapsed() };
    }
    let headers = headers(subscription, event_id, body.as_bytes(), now_ms);
    let (outcome, status) = match post(client, subscription.url.clone(), headers, body).await {
        Ok(answered) => (judge(&answered), Some(answered.status.as_u16())),
        Err(error) => (Outcome::Failed { why: describe(&error), retry_after: None }, None),
    };
    Attempted { outcome, status, duration: started.elapsed() }
}

fn headers(subscription: &Subscription, event_id: &str, body: &[u8], now_ms: i64) -> HeaderMap {
    let mut headers = subscription.headers.clone();
    let timestamp_s = now_ms / 1000;
    let mut put = |name, value| set(&mut headers, name, Some(value));
    put("content-type", "application/json".to_owned());
    put("x-webhook-request-id", Uuid::now_v7().to_string());
    put("x-webhook-timestamp", now_ms.to_string());
    put("webhook-id", event_id.to_owned());
    put("webhook-timestamp", timestamp_s.to_string());
    if let Some(secret) = &subscription.secret {
        sign(&mut headers, secret, body);
        let standard = signature::standard(secret, event_id, timestamp_s, body);
        set(&mut headers, "webhook-signature", standard);
    }
    headers
}

fn judge(answered: &Answered) -> Outcome {
    let status = answered.status;
    if status.is_success() {
        Outcome::Delivered
    } else if status == StatusCode::GONE {
        Outcome::Gone
    } else {
        let why = format!("the receiver answered {}", status.as_u16());
        Outcome::Failed { why, retry_after: answered.retry_after }
    }
}

/// In words of ours: the client's own message names the address, which may hold a token.
fn describe(error: &reqwest::Error) -> String {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<RefusedAddress>() {
            return refused.to_string();
        }
        cause = inner.source();
    }
    let why = if error.is_timeout() {
        "the receiver did not answer in time"
    } else if error.is_connect() {
        "no connection to the receiver"
    } else {
        "the connection broke before an answer"
    };
    why.to_owned()
}
