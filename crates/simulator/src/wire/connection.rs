//! One WebSocket from its first byte to its last.

mod long_way;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::{Sink, SinkExt, Stream, StreamExt};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tracing::debug;

use self::reader::FrameSource;
use super::dictionary::Dictionary;
use super::frame::{self, FrameError, MAX_FRAME, MAX_HANDSHAKE_FRAME};
use super::handshake::{self, Accepted, Answer, HandshakeError};
use super::hello::ClientHello;
use super::identity::ServerIdentity;
use crate::node::Node;
use crate::server::{Downstream, Link, Server};

/// How patient a connection is.
#[derive(Clone, Copy, Debug)]
pub struct WireConfig {
    /// From the WebSocket's start to the end of the handshake.
    pub handshake: Duration,
    /// Between the end of the handshake and the first frame to clients with dictionary 2, after
    /// their event loop answered once. Baileys 6 derives its transport keys in the background; a
    /// frame that comes earlier is taken for a handshake message and the client hangs for good.
    pub first_frame: Duration,
    /// Without a whole frame from the client. Clients ping every 30 s or less.
    pub idle: Duration,
    /// For one batch of frames to leave.
    pub write: Duration,
    /// How long a stalled connection is kept when nobody closes it.
    pub stall: Duration,
    /// How many bytes may wait for a client that does not read. Then it is cut off, and gets from
    /// the server's offline queue what it did not confirm.
    pub backlog: usize,
}

impl Default for WireConfig {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(20),
            first_frame: Duration::from_millis(60),
            idle: Duration::from_mins(3),
            write: Duration::from_secs(30),
            stall: Duration::from_mins(10),
            backlog: 64 << 20,
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Error)]
enum End {
    #[error("the client closed it")]
    ClosedByClient,
    #[error("the server closed it")]
    ClosedByServer,
    #[error("the server cut it off")]
    Cut,
    #[error("nothing was heard for too long")]
    Idle,
    #[error("the client does not read")]
    SlowReader,
    #[error("the handshake took too long")]
    HandshakeTimeout,
    #[error("the client sent text instead of bytes")]
    Text,
    #[error(transparent)]
    Socket(#[from] axum::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    #[error("decrypt frame: {0}")]
    Open(#[source] wacore::noise::NoiseError),
    #[error("encrypt frame: {0}")]
    Seal(#[source] wacore::noise::NoiseError),
}

/// What a connection needs of the server behind it.
trait StanzaHandler: Clone + Send + Sync + 'static {
    fn connect(&self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link;
    fn receive(&self, link: Link, stanza: Node);
    fn disconnect(&self, link: Link);
}

impl StanzaHandler for Server {
    fn connect(&self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link {
        Server::connect(self, client, down)
    }

    fn receive(&self, link: Link, stanza: Node) {
        Server::receive(self, link, stanza);
    }

    fn disconnect(&self, link: Link) {
        Server::disconnect(self, link);
    }
}

/// Answers the request for a WebSocket with limits that fit the protocol, and serves it.
pub fn upgrade(request: WebSocketUpgrade, server: Server, identity: Arc<ServerIdentity>) -> Response {
    limited(request).on_upgrade(move |socket| serve_socket(socket, server, identity))
}

fn limited(request: WebSocketUpgrade) -> WebSocketUpgrade {
    request.max_message_size(2 * MAX_FRAME).max_frame_size(2 * MAX_FRAME)
}

/// Serves one WebSocket until either side closes it. Nothing that a client sends panics or
/// stalls it. The WebSocket should come from [`upgrade`], which bounds the size of messages.
pub async fn serve_socket(socket: WebSocket, server: Server, identity: Arc<ServerIdentity>) {
    serve(socket, server, identity, WireConfig::default()).await;
}

async fn serve(
    socket: WebSocket,
    server: impl StanzaHandler,
    identity: Arc<ServerIdentity>,
    config: WireConfig,
) {
    let (mut sink, stream) = socket.split();
    let mut source = FrameSource::new(stream);
    let shaken = timeout(config.handshake, shake_hands(&mut sink, &mut source, &identity)).await;
    let accepted = match shaken.unwrap_or(Err(End::HandshakeTimeout)) {
        Ok(accepted) => accepted,
        Err(end) => {
            debug!(reason = %end, "connection ended before its handshake was done");
            // The client may be gone, and then there is nobody to tell.
            let _ = timeout(config.write, sink.close()).await;
            return;
        }
    };
    debug!(pattern = ?accepted.pattern, client = ?accepted.hello, "handshake done");
    let end = exchange(&mut sink, &mut source, server, accepted, &config).await;
    debug!(reason = %end, "connection ended");
    if !matches!(end, End::Cut | End::SlowReader) {
        let _ = timeout(config.write, sink.close()).await;
        // Closing a TCP socket with unread bytes in it resets the connection, and the client
        // could lose the last stanzas: read until it closes, too.
        let _ = timeout(Duration::from_secs(2), source.drain()).await;
    }
}

async fn shake_hands<S, R>(
    sink: &mut S,
    source: &mut FrameSource<R>,
    identity: &ServerIdentity,
) -> Result<Accepted, End>
where
    S: Sink<Message, Error = axum::Error> + Unpin,
    R: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    let prologue = source.prologue().await?;
    let hello = source.frame(MAX_HANDSHAKE_FRAME).await?;
    let answer = handshake::answer(identity, prologue, &hello, &mut rand::rng())?;
    let (message, next) = match answer {
        Answer::Done(message, accepted) => (message, Err(accepted)),
        Answer::More(message, waiting) => (message, Ok(waiting)),
    };
    let mut framed = frame::header(message.len())?.to_vec();
    framed.extend(message);
    sink.send(Message::Binary(framed.into())).await?;
    match next {
        Ok(waiting) => Ok(waiting.finish(&source.frame(MAX_HANDSHAKE_FRAME).await?)?),
        Err(accepted) => Ok(*accepted),
    }
}

/// What the halves of a connection tell each other.
struct Signals {
    /// The client answered a WebSocket ping.
    pong: Notify,
    /// A fault stopped the connection.
    stalled: Notify,
}

/// Tells the server that the connection is gone, whatever the reason.
struct Disconnect<H: StanzaHandler>(H, Link);

impl<H: StanzaHandler> Drop for Disconnect<H> {
    fn drop(&mut self) {
        self.0.disconnect(self.1);
    }
}

async fn exchange<S, R>(
    sink: &mut S,
    source: &mut FrameSource<R>,
    server: impl StanzaHandler,
    accepted: Accepted,
    config: &WireConfig,
) -> End
where
    S: Sink<Message, Error = axum::Error> + Unpin,
    R: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    let Some(dictionary) = Dictionary::of(accepted.hello.dictionary) else {
        return End::Frame(FrameError::Dictionary(accepted.hello.dictionary));
    };
    let signals = Signals { pong: Notify::new(), stalled: Notify::new() };
    let (queue, outgoing) = writer::queue(dictionary, config.backlog);
    let (down, downstream) = unbounded_channel();
    let link = server.connect(accepted.hello, down);
    let gone = Disconnect(server, link);
    let pump = writer::Pump::new(sink, accepted.sender, outgoing, &signals, config);
    let settle = (dictionary.version() == 2).then_some(config.first_frame);
    let receive = |stanza| gone.0.receive(link, stanza);
    tokio::select! {
        end = reader::run(source, accepted.receiver, dictionary, receive, &queue, &signals, config) => end,
        end = writer::take_in(downstream, &queue) => end,
        end = pump.run(settle) => end,
    }
}
