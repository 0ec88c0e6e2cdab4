//! What happens to the bodies of requests, whoever answers them: they must come at a least rate, and
//! one that an answer left unread does not spoil the next request on the same connection.
//!
//! A server that answers without reading the body has two honest ways on: read the rest after all,
//! or say `Connection: close`. A small rest is read. With a large one the answer says that the
//! connection ends; [`crate::serving`] then reads on for a while, so that the client sees the answer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use wakeeper_engine::pace::{LeastRate, Pace, TooSlow};

/// How much of a body that nobody wanted is read, in bytes.
const DRAINED: u64 = 256 << 10;
/// How long reading it may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Watches the body of a request, and settles what is left of it after the answer.
pub(super) async fn watch(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let expects = parts.headers.contains_key(header::EXPECT);
    let least = *parts.extensions.get_or_insert_default::<LeastRate>();
    let state = State { body, pace: Pace::new(least), asked: false, ended: false };
    let state = Arc::new(Mutex::new(state));
    let watched = Body::new(Watched(Arc::clone(&state)));
    let mut response = next.run(Request::from_parts(parts, watched)).await;
    // Whoever still holds the body reads it while the answer goes out.
    let Some(state) = Arc::into_inner(state) else { return response };
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A client that waits for `100 Continue` has sent nothing yet, and whether it will is not known.
    let unsent = expects && !state.asked;
    if unsent || !state.drain().await {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

struct State {
    body: Body,
    pace: Pace,
    asked: bool,
    ended: bool,
}

impl State {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.asked = true;
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                self.pace.came(data.map_or(0, Bytes::len));
                self.ended = frame.is_none();
                Poll::Ready(frame)
            }
            Poll::Pending => self.pace.poll_wait(context).map(|slow| Some(Err(axum::Error::new(slow)))),
        }
    }

    /// Reads a small rest; false when it is too large, too slow or broken.
    async fn drain(mut self) -> bool {
        if self.ended || self.body.is_end_stream() {
            return true;
        }
        if self.body.size_hint().lower() > DRAINED {
            return false;
        }
        let read = async {
            let mut left = DRAINED;
            loop {
                match std::future::poll_fn(|context| self.poll(context)).await {
                    None => return true,
                    Some(Err(_)) => return false,
                    Some(Ok(frame)) => {
                        let came = frame.data_ref().map_or(0, Bytes::len) as u64;
                        let Some(rest) = left.checked_sub(came) else { return false };
                        left = rest;
                    }
                }
            }
        };
        tokio::time::timeout(DRAIN_TIME, read).await.unwrap_or(false)
    }
}

/// A request's body as handlers see it.
struct Watched(Arc<Mutex<State>>);

impl Watched {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|state| state.poll(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|state| state.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|state| state.body.size_hint())
    }
}

/// Did reading the body fail because it came too slowly?
pub(super) fn too_slow(error: &axum::Error) -> Option<TooSlow> {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(slow) = error.downcast_ref::<TooSlow>() {
            return Some(*slow);
        }
        source = error.source();
    }
    None
}
