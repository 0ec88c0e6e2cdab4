//! `POST /send-bulk-message`: a bulk send, answered when it has ended, as that app answered, or after some minutes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wakeeper_engine::bulk::{BulkStatus, MOST_RECIPIENTS, NewBulk};
use wakeeper_model::ChatId;

use super::body::Fields;
use super::{OldApp, Refusal, session};
use crate::api::error::ApiError;
use crate::api::sending::text;

/// How often it is looked whether it has ended, and how long: callers of that app waited for minutes, and no longer.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(4);
/// Pauses when none are asked for, in milliseconds, and the longest.
const DELAYS: (u64, u64) = (1_000, 3_000);
const LONGEST_DELAY: u64 = 3_600_000;

/// `message`, `numbers`, `minDelay` and `maxDelay` in milliseconds.
pub(super) async fn send(State(app): State<OldApp>, fields: Fields) -> Result<Json<Value>, Refusal> {
    let numbers = fields.list("numbers");
    let message =
        fields.text("message").ok_or_else(|| Refusal::Fields(vec![("message", "a text is needed")]))?;
    if numbers.is_empty() || numbers.len() > MOST_RECIPIENTS {
        return Err(Refusal::Fields(vec![("numbers", "1 to 10000 phone numbers are needed")]));
    }
    let message = text("message", message)?;
    let (mut known, mut recipients) = (HashSet::new(), Vec::new());
    for number in &numbers {
        let chat = app.number(number)?;
        if known.insert(chat.clone()) {
            recipients.push((chat, None));
        }
    }
    let min = fields.number("minDelay").unwrap_or(DELAYS.0).min(LONGEST_DELAY);
    let max = fields.number("maxDelay").unwrap_or(DELAYS.1).clamp(min, LONGEST_DELAY);
    let name = session()?;
    let request_hash = hash(&message, &recipients);
    // Whoever lost patience and asks again means the one that goes on.
    let unfinished = app.api.sessions.unfinished_bulk(&name, &request_hash).await.map_err(ApiError::from)?;
    let begun = if let Some(bulk) = unfinished {
        bulk
    } else {
        let new = NewBulk {
            name: Some("send-bulk-message".to_owned()),
            text: message,
            recipients,
            start_ms: None,
            min_delay_ms: i64::try_from(min).unwrap_or(i64::MAX),
            max_delay_ms: i64::try_from(max).unwrap_or(i64::MAX),
            typing: false,
            new_per_day: None,
            key: None,
            request_hash,
        };
        app.api.sessions.begin_bulk(&name, new).await.map_err(ApiError::from)?.0
    };
    let until = Instant::now() + PATIENCE;
    loop {
        let bulk = app.api.sessions.bulk(&name, &begun.id).await.map_err(ApiError::from)?;
        let (sent, failed) = (bulk.sent, bulk.failed);
        match bulk.status {
            BulkStatus::Done if failed == 0 => {
                let message = format!("Bulk messages sent: {sent}");
                return Ok(Json(json!({"status": true, "message": message, "id": bulk.id})));
            }
            BulkStatus::Done => {
                let message = format!(
                    "Bulk messages sent: {sent}; failed: {failed}. GET /api/default/bulk/{}/recipients says why",
                    bulk.id
                );
                return Ok(Json(json!({"status": sent > 0, "message": message, "id": bulk.id})));
            }
            // It goes on by itself, perhaps in hours.
            BulkStatus::Held | BulkStatus::Paused | BulkStatus::Cancelled => {
                let reason = bulk.reason.unwrap_or_default();
                return Err(Refusal::Wrong(format!(
                    "{sent} were sent; the rest is {}: {reason}. GET /api/default/bulk/{} tells how far it is",
                    bulk.status, bulk.id
                )));
            }
            BulkStatus::Scheduled | BulkStatus::Running if Instant::now() < until => {
                tokio::time::sleep(LOOK).await;
            }
            BulkStatus::Scheduled | BulkStatus::Running => {
                let message = format!(
                    "{sent} of {} were sent; it goes on by itself. GET /api/default/bulk/{} tells how far it is",
                    bulk.waiting + sent + failed,
                    bulk.id
                );
                return Ok(Json(json!({"status": true, "message": message, "id": bulk.id})));
            }
        }
    }
}

/// The same text to the same people has the same hash.
fn hash<T>(message: &str, recipients: &[(ChatId, T)]) -> String {
    let mut hash = Sha256::new();
    hash.update(message.as_bytes());
    for (chat, _) in recipients {
        hash.update(b"\0");
        hash.update(chat.as_str().as_bytes());
    }
    format!("send-bulk-message {}", hex::encode(hash.finalize()))
}
