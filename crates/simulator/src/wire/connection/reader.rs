//! The way from the client to the server.

use axum::extract::ws::Message;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::writer::Queue;
use super::{End, Signals, WireConfig};
use crate::node::Node;
use crate::wire::dictionary::Dictionary;
use crate::wire::frame::{FrameReader, MAX_FRAME, Prologue};
use crate::wire::handshake::Opener;
use crate::wire::stanza;

/// Takes frames out of WebSocket messages.
pub(super) struct FrameSource<R> {
    stream: R,
    frames: FrameReader,
    /// Pongs since the start; compared, never read as a number.
    pongs: usize,
}

impl<R: Stream<Item = Result<Message, axum::Error>> + Unpin> FrameSource<R> {
    pub(super) fn new(stream: R) -> Self {
        Self { stream, frames: FrameReader::default(), pongs: 0 }
    }

    pub(super) async fn prologue(&mut self) -> Result<Prologue, End> {
        loop {
            if let Some(prologue) = self.frames.prologue()? {
                return Ok(prologue);
            }
            self.read().await?;
        }
    }

    pub(super) async fn frame(&mut self, limit: usize) -> Result<Bytes, End> {
        loop {
            if let Some(frame) = self.frames.frame(limit)? {
                return Ok(frame);
            }
            self.read().await?;
        }
    }

    /// Reads and forgets until the client closes the connection.
    pub(super) async fn drain(&mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    /// Takes in one WebSocket message. Can be cancelled without losing one.
    async fn read(&mut self) -> Result<(), End> {
        match self.stream.next().await {
            Some(Ok(Message::Binary(bytes))) => self.frames.feed(&bytes),
            Some(Ok(Message::Text(_))) => return Err(End::Text),
            Some(Ok(Message::Close(_))) | None => return Err(End::ClosedByClient),
            Some(Ok(Message::Pong(_))) => self.pongs += 1,
            Some(Ok(Message::Ping(_))) => {}
            Some(Err(error)) => return Err(End::Socket(error)),
        }
        Ok(())
    }
}

/// Hands the client's stanzas to `receive` until the connection ends or a fault stalls it.
pub(super) async fn run<R>(
    source: &mut FrameSource<R>,
    mut opener: Opener,
    dictionary: &Dictionary,
    receive: impl Fn(Node),
    queue: &Queue<'_>,
    signals: &Signals,
    config: &WireConfig,
) -> End
where
    R: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    loop {
        let read = tokio::select! {
            () = signals.stalled.notified() => {
                sleep(config.stall).await;
                return End::Cut;
            }
            read = timeout(config.idle, next(source, signals)) => read,
        };
        let mut frame = match read {
            Ok(Ok(frame)) => Vec::from(frame),
            Ok(Err(end)) => return end,
            Err(_) => return End::Idle,
        };
        if let Err(error) = opener.open(&mut frame) {
            return End::Open(error);
        }
        match stanza::decode(&frame, dictionary) {
            Ok(node) => receive(node),
            Err(error) => {
                debug!(%error, "a stanza could not be read");
                // As the real server answers; the queue closes the connection after it.
                queue.refuse(&Node::new("stream:error").child(Node::new("xml-not-well-formed")));
                source.drain().await;
                return End::ClosedByClient;
            }
        }
    }
}

/// The next frame; on the way, tells the writer about pongs.
async fn next<R>(source: &mut FrameSource<R>, signals: &Signals) -> Result<Bytes, End>
where
    R: Stream<Item = Result<Message, axum::Error>> + Unpin,
{
    loop {
        if let Some(frame) = source.frames.frame(MAX_FRAME)? {
            return Ok(frame);
        }
        let pongs = source.pongs;
        source.read().await?;
        if source.pongs != pongs {
            signals.pong.notify_one();
        }
    }
}
