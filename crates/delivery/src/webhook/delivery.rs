//! One HTTP request to a receiver.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use uuid::Uuid;

use super::retry::Outcome;
use super::signature;
use super::subscription::Subscription;
use crate::addresses::{AddressPolicy, CheckedResolver, RefusedAddress};

/// Bytes of an answer that are read, so that the connection can be used again.
const ANSWER_LIMIT: usize = 64 * 1024;

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
    let request = client.post(subscription.url.clone()).headers(headers).body(body);
    let (outcome, status) = match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            let outcome = judge(&answer);
            drain(answer).await;
            (outcome, Some(status.as_u16()))
        }
        Err(error) => (Outcome::Failed { why: describe(&error), retry_after: None }, None),
    };
    Attempted { outcome, status, duration: started.elapsed() }
}

fn headers(subscription: &Subscription, event_id: &str, body: &[u8], now_ms: i64) -> HeaderMap {
    let mut headers = subscription.headers.clone();
    let timestamp_s = now_ms / 1000;
    let mut set = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("content-type", Some("application/json".to_owned()));
    set("x-webhook-request-id", Some(Uuid::now_v7().to_string()));
    set("x-webhook-timestamp", Some(now_ms.to_string()));
    set("webhook-id", Some(event_id.to_owned()));
    set("webhook-timestamp", Some(timestamp_s.to_string()));
    if let Some(secret) = &subscription.secret {
        set("x-webhook-hmac", signature::waha(secret, body));
        set("x-webhook-hmac-algorithm", Some("sha512".to_owned()));
        set("webhook-signature", signature::standard(secret, event_id, timestamp_s, body));
    }
    headers
}

fn judge(answer: &Response) -> Outcome {
    let status = answer.status();
    if status.is_success() {
        Outcome::Delivered
    } else if status == StatusCode::GONE {
        Outcome::Gone
    } else {
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Outcome::Failed { why: format!("the receiver answered {}", status.as_u16()), retry_after }
    }
}

/// The status has decided; an answer that is long or breaks off changes nothing.
async fn drain(mut answer: Response) {
    let mut left = ANSWER_LIMIT;
    while let Ok(Some(chunk)) = answer.chunk().await {
        if chunk.len() >= left {
            break;
        }
        left -= chunk.len();
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
