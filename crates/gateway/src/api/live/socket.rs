//! WAHA's WebSocket: `/ws?session=*&events=message&events=session.status&x-api-key=...`.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, interval_at, timeout};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_access::Caller;
use wakeeper_delivery::streams::Stream;

use super::{End, WishParameters, holder, start};
use crate::api::access::Asking;
use crate::api::document::Failures;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::Parameters;
use crate::api::state::Api;

/// Nothing that readers write is read, so it need not be long.
const LONGEST: usize = 16 << 10;
/// How often a reader is pinged, and its key looked at.
const PING: Duration = Duration::from_secs(20);
/// A reader that was silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(70);
/// How long a reader may take for one event.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a reader may take for the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(socket))
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct SocketParameters {
    /// Only events of this session; `*`, or nothing, for all that the key is good for.
    #[param(example = "*")]
    session: Option<String>,
    /// Only events of these names: given more than once, or separated by commas; `*`, or nothing, for all.
    events: Vec<String>,
    /// Resume behind this event (`evt_...`), or behind the `id` of a stream of `GET /api/events`. Not WAHA's.
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
}

/// Hear of events as they happen, by WebSocket
///
/// Each message is the body that a webhook would be sent. The gateway pings, and closes with a reason. With `lastEventId`, a message
/// `{"event":"stream.gap"}` says first that events may be missing, when they may.
#[utoipa::path(get, path = "/ws", tag = "events", params(SocketParameters),
    responses((status = 101, description = "The events follow"), Failures))]
async fn socket(
    State(api): State<Api>,
    Asking(caller): Asking,
    headers: HeaderMap,
    Parameters(asked): Parameters<SocketParameters>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    if !api.asks_for_keys {
        require_own_page(&headers)?;
    }
    let upgrade = upgrade.map_err(|_| {
        ApiError::invalid("This address is for WebSocket clients").hint("GET /api/events is for all others")
    })?;
    let SocketParameters { session, events, last_event_id } = asked;
    let start = start(last_event_id.as_deref());
    let wish = WishParameters { session, events }.wish(&api, &caller).await?;
    let stream = api.webhooks.streams().open(wish, start, &holder(&caller)).await?;
    let upgrade = upgrade.max_message_size(LONGEST).max_frame_size(LONGEST);
    Ok(upgrade.on_upgrade(move |socket| tell(socket, stream, caller)))
}

/// A page of any site may open a WebSocket to this machine, and browsers ask nobody first. Where no key proves who asks, the page
/// must be one of this machine's own.
fn require_own_page(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let url = origin.to_str().ok().and_then(|origin| url::Url::parse(origin).ok());
    let host = url.as_ref().and_then(url::Url::host_str).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        return Ok(());
    }
    Err(ApiError::new(
        ErrorCode::Forbidden,
        "Without an API key only pages of this machine may open a WebSocket",
    )
    .hint("set API_KEY"))
}

async fn tell(mut socket: WebSocket, stream: Stream, caller: Caller) {
    if let Some(end) = told(&mut socket, stream, &caller).await {
        tracing::debug!(reason = end.as_str(), "a WebSocket of events ends");
        let code = match end {
            End::ShuttingDown | End::Silent => axum::extract::ws::close_code::AWAY,
            End::KeyChanged => axum::extract::ws::close_code::POLICY,
            End::Failed => axum::extract::ws::close_code::ERROR,
            End::TooSlow => axum::extract::ws::close_code::AGAIN,
        };
        let frame = CloseFrame { code, reason: end.as_str().into() };
        let _ = timeout(FAREWELL, async {
            socket.send(Message::Close(Some(frame))).await?;
            // Until the reader says goodbye as well.
            while let Some(Ok(_)) = socket.recv().await {}
            Ok::<_, axum::Error>(())
        })
        .await;
    }
}

/// Answers why it ends; `None` when the reader went.
async fn told(socket: &mut WebSocket, mut stream: Stream, caller: &Caller) -> Option<End> {
    if stream.gap() {
        let gap = json!({"event": "stream.gap", "payload": {"reason": "events may be missing before the next one"}});
        if let Err(end) = say(socket, Message::Text(gap.to_string().into())).await? {
            return Some(end);
        }
    }
    let mut heard = Instant::now();
    let mut pings = interval_at(heard + PING, PING);
    loop {
        let message = tokio::select! {
            next = stream.next() => match next {
                Ok(Some(told)) => Message::Text(told.body.into()),
                Ok(None) => return Some(End::ShuttingDown),
                Err(error) => {
                    tracing::warn!(%error, "a WebSocket of events ends");
                    return Some(End::Failed);
                }
            },
            said = socket.recv() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return None,
                // Pings are answered by the protocol; nothing that is said means anything.
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = pings.tick() => {
                if heard.elapsed() > SILENCE {
                    return Some(End::Silent);
                }
                Message::Ping(Bytes::new())
            }
        };
        if !caller.is_current() {
            return Some(End::KeyChanged);
        }
        match say(socket, message).await {
            Some(Ok(())) => {}
            Some(Err(end)) => return Some(end),
            None => return None,
        }
    }
}

/// `None` when the reader is gone.
async fn say(socket: &mut WebSocket, message: Message) -> Option<Result<(), End>> {
    match timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Some(Ok(())),
        Ok(Err(_)) => None,
        Err(_) => Some(Err(End::TooSlow)),
    }
}
