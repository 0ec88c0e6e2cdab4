//! Reads requests strictly and says what is wrong with them without repeating what they held.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use super::error::{ApiError, ErrorCode};
use super::strict;

/// A body that pauses for longer than this is given up.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read and thrown away, so that its sender gets to hear
/// why: one that is cut off in the middle of writing often sees nothing but a reset connection.
const THROWN_AWAY: usize = 256 << 20;

/// Largest body in bytes; every request carries it.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit(pub usize);

/// A JSON body. A field that is unknown, at any depth, is refused by its name; see [`super::strict`].
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        require_json(request.headers())?;
        strict::from_slice(&read(request).await?).map(Self)
    }
}

/// A JSON body that may be missing altogether.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let json = require_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        json?;
        strict::from_slice(&bytes).map(Self)
    }
}

/// No body, or an empty object.
#[derive(Default, serde::Deserialize)]
pub(super) struct NoFields {}

/// The query string.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(parameters) =
            Query::from_request_parts(parts, state).await.map_err(|error: QueryRejection| {
                let text = std::error::Error::source(&error).map_or_else(String::new, ToString::to_string);
                ApiError::invalid(format!("Bad query parameter: {}", strict::without_values(&text)))
            })?;
        Ok(Self(parameters))
    }
}

/// Browsers send forms and plain text to any host without asking; JSON they ask about first. So
/// insisting on the type also keeps other web pages from driving a gateway on this machine.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, "The body must be JSON")
        .hint("send the header Content-Type: application/json"))
}

async fn read(request: Request) -> Result<Bytes, ApiError> {
    let limit = request.extensions().get::<BodyLimit>().map_or(0, |limit| limit.0);
    let mut chunks = request.into_body().into_data_stream();
    let mut bytes = BytesMut::new();
    loop {
        let Ok(chunk) = tokio::time::timeout(LONGEST_PAUSE, chunks.next()).await else {
            return Err(ApiError::invalid("The body stopped before its end"));
        };
        match chunk {
            None => return Ok(bytes.freeze()),
            Some(Ok(chunk)) if bytes.len() + chunk.len() <= limit => bytes.extend_from_slice(&chunk),
            Some(Ok(_)) => {
                drop(bytes);
                throw_away(chunks).await;
                return Err(too_large());
            }
            Some(Err(_)) => return Err(ApiError::invalid("The body could not be read")),
        }
    }
}

async fn throw_away(mut chunks: axum::body::BodyDataStream) {
    let mut read = 0;
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(LONGEST_PAUSE, chunks.next()).await {
        read += chunk.len();
        if read > THROWN_AWAY {
            return;
        }
    }
}

/// The body is larger than the setting allows.
fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, "The body is too large")
        .hint("the setting REQUEST_BODY_LIMIT sets the limit; large files can be sent by url")
}
