//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::crowd::{Occupied, Seat};
use super::wire::Wire;
use super::{Peer, ServeLimits};

/// What a connection needs.
pub(super) struct Connection {
    pub router: Router,
    pub limits: ServeLimits,
    pub seat: Arc<Seat>,
    pub peer: Peer,
    pub stopping: CancellationToken,
}

impl Connection {
    pub(super) async fn run(self, wire: Wire) {
        let Self { router, limits, seat, peer, stopping } = self;
        let service = service_fn(|request| answer(router.clone(), request, peer, seat.occupy()));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.silence)
            .max_buf_size(limits.head.max(8 << 10))
            .max_headers(100);
        let connection = builder.serve_connection(TokioIo::new(wire), service).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut asked_to_end = false;
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = seat.dismissed() => return,
                () = stopping.cancelled(), if !asked_to_end => {
                    asked_to_end = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        };
        if let Err(error) = ended {
            // Clients that go away, send no HTTP or stay silent: their doing, and there may be many.
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

async fn answer(
    mut router: Router,
    mut request: Request<Incoming>,
    peer: Peer,
    occupied: Occupied,
) -> Result<Response<Watched>, Infallible> {
    request.extensions_mut().insert(peer);
    let response = router.call(request.map(Body::new)).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        occupied.for_good();
        return Ok(response.map(|body| Watched { body, _occupied: None }));
    }
    Ok(response.map(|body| Watched { body, _occupied: Some(occupied) }))
}

/// The body of an answer; the request is over when it is dropped.
struct Watched {
    body: Body,
    _occupied: Option<Occupied>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The answer to a connection for which there is no place. The request is not read: it may never come.
const NO_PLACE: &str = "{\"statusCode\":503,\"error\":\"Service Unavailable\",\"message\":\"Too many connections are busy\",\
     \"code\":\"overloaded\",\"hint\":\"try again in a moment; the setting MAX_CONNECTIONS sets how many there may be\"}";

pub(super) async fn refuse(mut wire: Wire) {
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Retry-After: 1\r\nConnection: close\r\n\r\n{NO_PLACE}",
        NO_PLACE.len()
    );
    let _ = wire.write_all(answer.as_bytes()).await;
}
