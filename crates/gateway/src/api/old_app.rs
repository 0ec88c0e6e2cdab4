//! The calls of the app that wakeeper takes the place of (`widjis/whatsapp_api_n8n`), for flows that use them: `/send-message`,
//! `/send-group-message`, `/send-bulk-message`, `/templates`, `/session-health` and `/session-cleanup`. Paths, fields and answers are
//! that app's; they concern the session `default`.
//!
//! That app asked for no key and believed the header `X-Forwarded-For`. Here the calls are off until the setting `OLD_APP_NETWORKS`
//! names the networks that may use them, and only the address of the connection counts. A browser is refused: a page that
//! somebody in such a network opens could send in their place.

mod body;
mod bulk;
mod sending;
mod session;
mod templates;

use std::net::IpAddr;
use std::path::PathBuf;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use ipnet::IpNet;
use serde_json::{Value, json};
use wakeeper_model::{ChatId, ChatKind, SessionName};

use self::templates::Templates;
use super::error::ApiError;
use super::state::Api;
use crate::serving::Peer;

/// Who may use the old app's calls, and what they need.
#[derive(Clone, Debug)]
pub struct OldAppConfig {
    /// The networks that may.
    pub networks: Vec<IpNet>,
    /// What stands for the 0 at the beginning of a number, for example `62`.
    pub country_code: Option<String>,
    /// The folder of the sessions, which holds the templates, too.
    pub auth_info: PathBuf,
    /// `baileys_store.json`.
    pub store: PathBuf,
}

/// What the calls share.
#[derive(Clone)]
struct OldApp {
    api: Api,
    config: std::sync::Arc<OldAppConfig>,
    templates: Templates,
}

/// The routes, for those networks alone.
pub(super) fn router(api: Api, config: OldAppConfig) -> Router<Api> {
    let templates = Templates::in_folder(config.auth_info.clone());
    let state = OldApp { api, config: std::sync::Arc::new(config), templates };
    Router::new()
        .route("/send-message", post(sending::to_person))
        .route("/send-group-message", post(sending::to_group))
        .route("/send-bulk-message", post(bulk::send))
        .route("/templates", get(templates::list).post(templates::put))
        .route("/templates/{name}", delete(templates::remove))
        .route("/session-health", get(session::health))
        .route("/session-cleanup", post(session::cleanup))
        .layer(middleware::from_fn_with_state(state.clone(), admit))
        .with_state(state)
}

async fn admit(State(app): State<OldApp>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.to_canonical());
    let is_named = |peer: IpAddr| app.config.networks.iter().any(|network| network.contains(&peer));
    let why = if !peer.is_some_and(is_named) {
        "OLD_APP_NETWORKS does not name the address that it came from"
    } else if is_of_a_page(request.headers()) {
        "it came from a page in a browser, or through a name that may be anybody's"
    } else {
        return next.run(request).await;
    };
    tracing::debug!(why, "a call of the old app was refused");
    metrics::counter!("wakeeper_old_app_refused_total").increment(1);
    (StatusCode::FORBIDDEN, Json(json!({"message": "Forbidden"}))).into_response()
}

/// Whether a page that somebody opened makes the request. Browsers say where a page is from when it writes; when it only reads from
/// the name that it came by, they do not, and that name may have been made to lead here. So a name with dots is refused: programs
/// use an address, `localhost` or the name of a container.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = url::Url::parse(&format!("http://{host}")).ok();
    match name.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => {
            name.trim_end_matches('.').contains('.') && name != "host.docker.internal"
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) => false,
        None => true,
    }
}

/// An answer that says no.
enum Refusal {
    /// 422: something in the request.
    Wrong(String),
    /// 422: fields that are missing or wrong.
    Fields(Vec<(&'static str, &'static str)>),
    /// What the API says.
    Api(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Wrong(message) => {
                (StatusCode::UNPROCESSABLE_ENTITY, json!({"status": false, "message": message}))
            }
            Self::Fields(fields) => {
                let errors: serde_json::Map<String, Value> = fields
                    .into_iter()
                    .map(|(name, wrong)| {
                        (name.to_owned(), json!({"msg": wrong, "path": name, "location": "body"}))
                    })
                    .collect();
                (StatusCode::UNPROCESSABLE_ENTITY, json!({"status": false, "errors": errors}))
            }
            Self::Api(error) => {
                // The old app knew 422 for what a caller did wrong and 500 for the rest.
                let status = error.code().status();
                let status = if status.is_client_error() { StatusCode::UNPROCESSABLE_ENTITY } else { status };
                (
                    status,
                    json!({"status": false, "message": error.message(), "error": error.message(), "code": error.code()}),
                )
            }
        };
        (status, Json(body)).into_response()
    }
}

/// The session that all calls are about.
fn session() -> Result<SessionName, ApiError> {
    "default".parse().map_err(|_| ApiError::session_not_found())
}

impl OldApp {
    /// A number as that app took it: with signs, with a 0 in place of the country.
    fn number(&self, written: &str) -> Result<ChatId, Refusal> {
        let wrong = || Refusal::Fields(vec![("number", "a phone number in international form")]);
        let written = written.trim();
        if let Ok(chat) = written.parse::<ChatId>()
            && !written.starts_with('0')
        {
            return Some(chat)
                .filter(|chat| matches!(chat.kind(), ChatKind::Phone | ChatKind::Lid))
                .ok_or_else(wrong);
        }
        let mut digits: String = written.chars().filter(char::is_ascii_digit).collect();
        if let Some(rest) = digits.strip_prefix('0') {
            let Some(country) = &self.config.country_code else {
                return Err(Refusal::Wrong(
                    "the number begins with 0: write the country's code, or set OLD_APP_COUNTRY_CODE"
                        .to_owned(),
                ));
            };
            digits = format!("{country}{}", rest.trim_start_matches('0'));
        }
        digits.parse().map_err(|_| wrong())
    }
}
