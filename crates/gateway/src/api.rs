//! The HTTP surface: WAHA's paths, bodies and answers. Each resource has its own file with its
//! types, handlers and routes.

pub mod auth;
mod chats;
mod document;
pub mod error;
mod extract;
mod files;
mod media;
mod page;
mod pairing;
mod qr_image;
mod sending;
mod server;
mod sessions;
mod state;
mod strict;
mod webhooks;

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as OpenApiDocument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::engine::Sessions;
use crate::webhook::Webhooks;

use auth::KeyPolicy;
use error::{ApiError, ErrorCode};
use extract::BodyLimit;
use state::Api;

pub use state::{ApiConfig, EvidenceSource, MetricsRenderer};

/// Everything that is served. `stopping` turns requests away once it is cancelled.
pub fn router(
    config: ApiConfig,
    sessions: Sessions,
    webhooks: Webhooks,
    stopping: CancellationToken,
) -> Router {
    let state = Api {
        sessions,
        webhooks,
        metrics: config.metrics,
        backups: config.backups,
        stopping: stopping.clone(),
        started: Instant::now(),
    };
    let (public, mut document) = documented(server::public_router()).split_for_parts();
    let (protected, api_document) = protected_router().split_for_parts();
    document.merge(api_document);
    let guard = Guard { keys: config.keys, stopping };
    let served = document.clone();
    let docs = SwaggerUi::new("/docs")
        .config(utoipa_swagger_ui::Config::from("/openapi.json").try_it_out_enabled(true));
    public
        .merge(protected)
        .route("/openapi.json", axum::routing::get(move || async move { Json(served) }))
        .merge(page::router())
        .merge(Router::from(docs))
        .fallback(|| async { not_found() })
        .method_not_allowed_fallback(|| async {
            ApiError::new(ErrorCode::MethodNotAllowed, "This path does not know that method")
        })
        .layer(Extension(BodyLimit(config.body_limit)))
        .layer(middleware::from_fn_with_state(guard, admit))
        .layer(middleware::from_fn(measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(SetResponseHeaderLayer::overriding(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .with_state(state)
}

/// The OpenAPI document of everything that is served.
#[must_use]
pub fn document() -> OpenApiDocument {
    let mut document = documented(server::public_router()).into_openapi();
    document.merge(protected_router().into_openapi());
    document
}

fn documented(routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(document::Document::openapi()).merge(routes)
}

fn protected_router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(sessions::router())
        .merge(pairing::router())
        .merge(sending::router())
        .merge(chats::router())
        .merge(files::router())
        .merge(webhooks::router())
        .merge(server::router())
}

fn not_found() -> ApiError {
    ApiError::new(ErrorCode::NotFound, "There is nothing at this path").hint("/docs shows all paths")
}

#[derive(Clone)]
struct Guard {
    keys: KeyPolicy,
    stopping: CancellationToken,
}

/// Asks for the key under `/api`, before anything else: a stranger learns nothing, not even which
/// paths there are. Then turns requests away while the gateway shuts down.
async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path != "/api" && !path.starts_with("/api/") {
        return next.run(request).await;
    }
    if let Err(error) = guard.keys.admits(request.headers()) {
        return error.into_response();
    }
    if guard.stopping.is_cancelled() {
        return ApiError::shutting_down().into_response();
    }
    next.run(request).await
}

/// Counts and times requests by route, never by path: paths hold numbers of people.
async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    metrics::counter!("wakeeper_http_requests_total", &labels).increment(1);
    metrics::histogram!("wakeeper_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    response
}

/// The panic's text may hold anything, so it is not answered; the panic hook has logged it.
fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::new(ErrorCode::Internal, "The request hit a fault of the gateway").into_response()
}

#[cfg(test)]
mod tests;
