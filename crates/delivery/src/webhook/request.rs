//! Requests to receivers: headers, signature, and the answer read to its end.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, IntoUrl, Response, StatusCode};
use secrecy::SecretString;

use super::signature;

/// Bytes of an answer that are read, so that the connection can be used again.
const ANSWER_LIMIT: usize = 64 * 1024;

/// What a receiver answered.
pub(crate) struct Answered {
    pub status: StatusCode,
    /// The wait that it asked for.
    pub retry_after: Option<Duration>,
}

/// Sends a body once.
pub(crate) async fn post(
    client: &Client,
    url: impl IntoUrl,
    headers: HeaderMap,
    body: String,
) -> Result<Answered, reqwest::Error> {
    let answer = client.post(url).headers(headers).body(body).send().await?;
    let retry_after = answer.headers().get(RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let answered = Answered { status: answer.status(), retry_after: retry_after.map(Duration::from_secs) };
    drain(answer).await;
    Ok(answered)
}

/// Sets a header, when there is a value that one can have.
pub(crate) fn set(headers: &mut HeaderMap, name: &'static str, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Signs a body as WAHA does.
pub(crate) fn sign(headers: &mut HeaderMap, key: &SecretString, body: &[u8]) {
    set(headers, "x-webhook-hmac", signature::waha(key, body));
    set(headers, "x-webhook-hmac-algorithm", Some("sha512".to_owned()));
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
