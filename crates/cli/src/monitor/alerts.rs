//! Sends alerts: each is on disk until somebody took it.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha512;
use tokio_util::sync::CancellationToken;
use wakeeper_storage::AlertRow;

use super::Shared;
use crate::settings::AlertSettings;

/// How often new alerts are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Alerts sent in one go.
const BATCH: u32 = 16;
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest wait between two tries.
const LONGEST_WAIT_MS: i64 = 3_600_000;
/// After so many tries, about four days, an alert is given up.
const TRIES: i64 = 100;

/// Sends what is due until the monitor stops.
pub async fn send(shared: Shared, stop: CancellationToken) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return send_due(&shared, &client).await,
            _ = look.tick() => send_due(&shared, &client).await?,
        }
    }
}

async fn send_due(shared: &Shared, client: &reqwest::Client) -> anyhow::Result<()> {
    for alert in shared.storage.due_alerts(shared.clock.now_ms(), BATCH).await? {
        let next = match &shared.care.alert {
            // It stands in the log and in the incident; nobody else is to be told.
            None => None,
            Some(to) => match post(client, to, &alert).await {
                Ok(()) => None,
                Err(reason) if alert.attempts + 1 >= TRIES => {
                    tracing::error!(alert = alert.id, "an alert is given up: {reason}");
                    None
                }
                Err(reason) => {
                    let wait = (1000_i64 << alert.attempts.clamp(0, 12)).min(LONGEST_WAIT_MS);
                    tracing::warn!(
                        alert = alert.id,
                        "an alert was not taken, trying again in {wait} ms: {reason}"
                    );
                    Some(shared.clock.now_ms() + wait)
                }
            },
        };
        shared.storage.settle_alert(alert.id, next).await?;
    }
    Ok(())
}

async fn post(client: &reqwest::Client, to: &AlertSettings, alert: &AlertRow) -> Result<(), String> {
    let mut request = client
        .post(to.url.expose_secret())
        .header("Content-Type", "application/json")
        .header("X-Webhook-Request-Id", format!("alert-{}", alert.id))
        .header("X-Webhook-Timestamp", alert.created_ms.to_string())
        .body(alert.body.clone());
    if let Some(key) = &to.key {
        request = request
            .header("X-Webhook-Hmac", signature(key.expose_secret(), &alert.body)?)
            .header("X-Webhook-Hmac-Algorithm", "sha512");
    }
    // The address may hold a token, so it is not repeated.
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("the receiver answered {status}")) }
}

fn signature(key: &str, body: &str) -> Result<String, String> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key.as_bytes()).map_err(|error| error.to_string())?;
    mac.update(body.as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn signatures_are_hmac_sha512() {
        // RFC 4231, test case 2.
        let expected = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                        caeab1a34d4a6b4b636e070a38bce737";
        assert_eq!(signature("Jefe", "what do ya want for nothing?").unwrap(), expected);
    }
}
