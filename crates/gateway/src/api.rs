//! The HTTP surface: WAHA's paths, bodies and answers. Each resource has its own file with its
//! types, handlers and routes.

mod access;
pub mod auth;
mod backups;
mod bulk;
mod calls;
mod care;
mod channels;
mod chats;
mod contacts;
mod converting;
mod divert;
mod document;
pub mod error;
mod extract;
mod files;
mod groups;
mod health;
mod incidents;
mod intake;
mod keys;
mod labels;
mod lenient;
mod lids;
mod limits;
mod live;
mod mcp;
mod media;
mod messages;
mod naming;
pub mod old_app;
mod paging;
mod pairing;
mod pairs;
mod passkey;
mod presence;
mod profile;
mod qr_image;
mod receivers;
mod scopes;
mod search;
mod sending;
mod server;
mod sessions;
mod sessions_by_name;
mod state;
mod status;
mod strict;
mod webhooks;
mod worker;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;
use wakeeper_access::Keys;

use access::Guard;
use auth::KeyPolicy;
use error::{ApiError, ErrorCode};
use extract::Bodies;
use state::Api;

pub use state::{ApiConfig, EvidenceSource};
use wakeeper_delivery::webhook::Webhooks;
use wakeeper_engine::Sessions;

/// Everything that is served. `stopping` turns requests away once it is cancelled; a caller who wants that cancels it, and before it
/// `at_once` when nothing is to be finished.
pub fn router(
    config: ApiConfig,
    sessions: Sessions,
    webhooks: Webhooks,
    keys: Keys,
    stopping: CancellationToken,
    at_once: CancellationToken,
) -> Router {
    let asks_for_keys = matches!(config.keys, KeyPolicy::Required(_));
    let sessions_clock = sessions.clock().clone();
    let state = Api {
        sessions,
        webhooks,
        access: keys.clone(),
        asks_for_keys,
        metrics: config.metrics,
        backups: config.backups,
        incidents: config.incidents,
        clock: sessions_clock,
        settings: Arc::new(config.settings),
        stopping: stopping.clone(),
        at_once,
        started: Instant::now(),
    };
    let (public, mut document) = documented(server::public_router()).split_for_parts();
    let (protected, api_document) = protected_router().split_for_parts();
    document.merge(api_document);
    document::complete(&mut document);
    let bodies = Bodies::new(config.body_limit, asks_for_keys, state.sessions.spool().clone());
    let guard = Guard { keys: config.keys, access: keys, stopping: stopping.clone() };
    let searches = state.sessions.are_searched();
    let served = served(&document);
    let docs = SwaggerUi::new("/docs")
        .config(utoipa_swagger_ui::Config::from("../openapi.json").try_it_out_enabled(true));
    let old_app = config.old_app.map_or_else(Router::new, |old_app| old_app::router(state.clone(), old_app));
    let surface = public
        .merge(protected)
        .merge(old_app)
        .route("/openapi.json", axum::routing::get(move || std::future::ready(json(&served))))
        .merge(wakeeper_dashboard::router())
        .merge(Router::from(docs).layer(set_policy(DOCS_POLICY)))
        .fallback(|| async { not_found() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(ErrorCode::MethodNotAllowed, "This path has no such method")
        })
        .layer(Extension(bodies));
    let surface = watched(surface, guard.clone()).with_state(state);
    if !config.mcp {
        return surface;
    }
    let tools = mcp::service(surface.clone(), searches, stopping);
    surface.merge(watched(Router::new().route_service(mcp::PATH, tools), guard))
}

/// What holds for every request, whatever it asks for.
fn watched<S: Clone + Send + Sync + 'static>(router: Router<S>, guard: Guard) -> Router<S> {
    router
        .layer(middleware::from_fn_with_state(guard, access::admit))
        .layer(middleware::from_fn(measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(intake::watch))
        .layer(set_policy(USUAL_POLICY))
        .layer(set(header::REFERRER_POLICY, "no-referrer"))
        .layer(set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// The OpenAPI document of everything that is served.
#[must_use]
pub fn document() -> OpenApiDocument {
    let mut document = documented(server::public_router()).into_openapi();
    document.merge(protected_router().into_openapi());
    document::complete(&mut document);
    document
}

fn documented(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::Document::openapi()).merge(routes)
}

fn protected_router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(sessions::router())
        .merge(sessions_by_name::router())
        .merge(limits::router())
        .merge(pairing::router())
        .merge(passkey::router())
        .merge(sending::router())
        .merge(bulk::router())
        .merge(messages::router())
        .merge(search::router())
        .merge(chats::router())
        .merge(presence::router())
        .merge(contacts::router())
        .merge(lids::router())
        .merge(groups::router())
        .merge(labels::router())
        .merge(calls::router())
        .merge(profile::router())
        .merge(channels::router())
        .merge(status::router())
        .merge(files::router())
        .merge(converting::router())
        .merge(webhooks::router())
        .merge(live::router())
        .merge(keys::router())
        .merge(health::router())
        .merge(care::router())
        .merge(backups::router())
        .merge(incidents::router())
        .merge(server::router())
}

/// The document as it is served, made once: it has some hundred kilobytes.
fn served(document: &OpenApiDocument) -> Bytes {
    serde_json::to_vec(document).map(Bytes::from).unwrap_or_default()
}

fn json(document: &Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response()
}

/// Answers hold nothing that a browser should run or show inside another page.
const USUAL_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Swagger UI brings everything along and sets styles from its scripts.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

/// Gives answers a header that they do not set themselves.
fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn set_policy(policy: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    set(header::CONTENT_SECURITY_POLICY, policy)
}

fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this path").hint("/docs shows all paths")
}

/// Counts and times requests by route, never by path: paths hold numbers of people.
async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [("method", method.to_owned()), ("route", route), ("status", status)];
    metrics::counter!("wakeeper_http_requests_total", &labels).increment(1);
    metrics::histogram!("wakeeper_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    response
}

/// Anybody may invent methods, and every one would be a new row of every metric for as long as the
/// process lives.
fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The panic's text may hold anything, so it is not answered; the panic hook has logged it.
fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::new(ErrorCode::Internal, "A fault of wakeeper broke this request; its log says more")
        .into_response()
}

#[cfg(test)]
mod tests;
