//! Media of received messages.

use std::fmt::Write;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Bytes, Failures};
use super::error::ApiError;
use super::state::Api;

/// So much of a file is in memory while it is answered.
const PIECE: usize = 64 << 10;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(file))
}

/// Read the file of a message
///
/// The address stands in the message's `media.url`.
#[utoipa::path(get, path = "/api/files/{session}/{file}", tag = "files",
    params(("session" = String, Path, description = "Name of the session"),
        ("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "The file", body = Bytes, content_type = "*/*"),
        Failures))]
async fn file(
    State(api): State<Api>,
    Path((session, file)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (name, _) = api.session(&session).await?;
    let media = api.sessions.media(&name, &file).await?;
    let kind = HeaderValue::from_str(&media.mimetype)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition(media.filename.as_deref().unwrap_or(&file))),
        // Strangers choose these files: a browser must neither guess their type nor run them.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable")),
    ];
    let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(media.file).take(media.length), PIECE);
    Ok((headers, [(header::CONTENT_LENGTH, media.length)], Body::from_stream(pieces)).into_response())
}

/// `attachment` with the name percent-encoded (RFC 6266), so that no name can break the header.
fn disposition(name: &str) -> HeaderValue {
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_header() {
        assert_eq!(
            disposition("a b\"\r\nX: é.pdf"),
            "attachment; filename*=UTF-8''a%20b%22%0D%0AX%3A%20%C3%A9.pdf"
        );
    }
}
