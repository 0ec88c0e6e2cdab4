//! The start page: shows the sessions and the QR code to scan. Static; it asks for the API key.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// Nothing from elsewhere, nothing inline: data that finds its way into the page cannot run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The page and its parts, each under its path.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(|| async { part("text/html; charset=utf-8", include_str!("../page/index.html")) }))
        .route(
            "/page.js",
            get(|| async { part("text/javascript; charset=utf-8", include_str!("../page/page.js")) }),
        )
        .route(
            "/page.css",
            get(|| async { part("text/css; charset=utf-8", include_str!("../page/page.css")) }),
        )
        .route("/icon.svg", get(|| async { part("image/svg+xml", include_str!("../page/icon.svg")) }))
}

fn part(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text)
}

#[cfg(test)]
mod tests {
    const PAGE: &str = include_str!("../page/index.html");

    /// What the policy forbids would be dead in a browser, and no other test would tell.
    #[test]
    fn the_page_has_nothing_inline_and_nothing_from_elsewhere() {
        for forbidden in ["<script>", "<style", " style=", " onclick=", "http://", "https://"] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
        for part in ["page.js", "page.css", "icon.svg"] {
            assert!(PAGE.contains(&format!("\"{part}\"")), "{part}");
        }
    }
}
