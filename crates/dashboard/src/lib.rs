//! The page: sessions, linking, chats, webhooks, health, backups, keys. Files as they are, embedded; all that the page shows and does goes
//! through the API, with the key that it asks for.
//!
//! `page/vendor` holds Preact (MIT) and htm (Apache-2.0), as their npm packages have them: 18 kB that keep what is shown in step with what
//! is known, and set every value as text or attribute. Nothing is built: what lies in `page/` is what browsers get.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Nothing from elsewhere, nothing inline: data that finds its way into the page cannot run. `blob:` is for files of messages, which are
/// fetched with the key.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      media-src blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

macro_rules! files {
    ($($path:literal)*) => { &[$(($path, include_str!(concat!("../page/", $path)))),*] };
}

/// Every file of the page, by its path in `page/`.
const FILES: &[(&str, &str)] = files! {
    "api.js"
    "app.js"
    "backups.js"
    "base.css"
    "chats.js"
    "composer.js"
    "dead-letters.js"
    "deliveries.js"
    "events.js"
    "evidence.js"
    "figures.js"
    "first-steps.js"
    "header.js"
    "health.js"
    "icon.svg"
    "incidents.js"
    "index.html"
    "key-form.js"
    "keys.js"
    "languages/id.json"
    "linking.js"
    "live.js"
    "log.js"
    "media.js"
    "message.js"
    "new-session.js"
    "overview.js"
    "parts.css"
    "passkey.js"
    "repair.js"
    "restore.js"
    "route.js"
    "row.js"
    "session.js"
    "sessions.js"
    "settings.js"
    "start.js"
    "thread.js"
    "trouble.js"
    "ui.js"
    "vendor/LICENSE-htm"
    "vendor/LICENSE-preact"
    "vendor/hooks.js"
    "vendor/htm.js"
    "vendor/preact.js"
    "verifying.js"
    "webhook-form.js"
    "webhooks.js"
    "words.js"
};

/// The page and its files, each under its path.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { answer("index.html", &headers) }))
        .route("/icon.svg", get(|headers: HeaderMap| async move { answer("icon.svg", &headers) }))
        .route(
            "/page/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move { answer(&path, &headers) }),
        )
}

/// The text of one of the page's files.
#[must_use]
pub fn file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

fn answer(path: &str, asked: &HeaderMap) -> Response {
    let Some(text) = file(path) else { return StatusCode::NOT_FOUND.into_response() };
    let tag = tag(text);
    let is_known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind(path))),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // Asked for anew each time, so that a new version of the gateway shows at once, and sent only when it changed.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let tag = [(header::ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, headers, tag).into_response();
    }
    (headers, tag, text).into_response()
}

fn tag(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests;
