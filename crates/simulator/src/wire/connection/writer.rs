//! The way from the server to the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::ws::Message;
use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{Sink, SinkExt, StreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::long_way::LongWay;
use super::{End, Signals, WireConfig};
use crate::node::Node;
use crate::server::Downstream;
use crate::wire::dictionary::Dictionary;
use crate::wire::handshake::Sealer;
use crate::wire::{frame, stanza};

/// How many frames leave before the socket is flushed.
const BATCH: usize = 64;
/// How long the first frame to a dictionary-2 client waits for each of its pongs.
const PONG: Duration = Duration::from_secs(2);

/// Something that has to leave in its turn.
enum Outgoing {
    /// An encoded stanza, not yet encrypted.
    Stanza(Vec<u8>),
    Close,
    Stall,
    HalfOpen,
}

/// What waits to be sent. Its size is bounded: when too much waits, the connection ends.
pub(super) struct Queue<'a> {
    dictionary: &'a Dictionary,
    limit: usize,
    waiting: Arc<AtomicUsize>,
    outgoing: UnboundedSender<Outgoing>,
}

/// The other end of a [`Queue`].
pub(super) struct QueueEnd {
    waiting: Arc<AtomicUsize>,
    outgoing: UnboundedReceiver<Outgoing>,
}

/// A queue of stanzas in the tokens of `dictionary` that may hold `limit` bytes.
pub(super) fn queue(dictionary: &Dictionary, limit: usize) -> (Queue<'_>, QueueEnd) {
    let (sender, receiver) = unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (
        Queue { dictionary, limit, waiting: waiting.clone(), outgoing: sender },
        QueueEnd { waiting, outgoing: receiver },
    )
}

impl Queue<'_> {
    /// Sends a last stanza and closes the connection.
    pub(super) fn refuse(&self, node: &Node) {
        if let Some(bytes) = self.encode(node) {
            self.push(Outgoing::Stanza(bytes));
        }
        self.push(Outgoing::Close);
    }

    /// A stanza that cannot be written is a mistake of the server or came from a client in that
    /// form; it is left out.
    fn encode(&self, node: &Node) -> Option<Vec<u8>> {
        match stanza::encode(node, self.dictionary) {
            Ok(bytes) if bytes.len() < MAX_PLAIN => {
                self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
                Some(bytes)
            }
            Ok(bytes) => {
                warn!(tag = node.tag, bytes = bytes.len(), "a stanza is too large for a frame");
                None
            }
            Err(error) => {
                warn!(tag = node.tag, %error, "a stanza could not be written");
                None
            }
        }
    }

    fn push(&self, outgoing: Outgoing) {
        // The receiving end lives as long as the connection, and afterwards nothing is missed.
        let _ = self.outgoing.send(outgoing);
    }
}

/// Longest stanza: a frame is below 16 MiB and encryption adds 16 bytes.
const MAX_PLAIN: usize = (1 << 24) - 64;

/// Moves what the server sends into the queue, delayed stanzas when they are due.
pub(super) async fn take_in(mut downstream: UnboundedReceiver<Downstream>, queue: &Queue<'_>) -> End {
    let mut delayed = FuturesUnordered::new();
    let mut way = LongWay::default();
    loop {
        let next = tokio::select! {
            Some(bytes) = delayed.next() => {
                queue.push(Outgoing::Stanza(bytes));
                continue;
            }
            bytes = way.arrived() => {
                queue.push(Outgoing::Stanza(bytes));
                continue;
            }
            next = downstream.recv() => next,
        };
        match next {
            Some(Downstream::Stanza(node)) => {
                if let Some(bytes) = queue.encode(&node)
                    && let Some(bytes) = way.enter(bytes)
                {
                    queue.push(Outgoing::Stanza(bytes));
                }
            }
            Some(Downstream::LongWay(delay)) => way.lengthen(delay),
            Some(Downstream::Delayed(delay, node)) => {
                if let Some(bytes) = queue.encode(&node) {
                    delayed.push(async move {
                        sleep(delay).await;
                        bytes
                    });
                }
            }
            Some(Downstream::Stall) => queue.push(Outgoing::Stall),
            Some(Downstream::HalfOpen) => queue.push(Outgoing::HalfOpen),
            Some(Downstream::Drop) => return End::Cut,
            // For phones inside the process only.
            Some(Downstream::Phone(_)) => {}
            Some(Downstream::Close) => queue.push(Outgoing::Close),
            // The server forgot the connection: what was sent before still leaves.
            None => {
                queue.push(Outgoing::Close);
                return std::future::pending().await;
            }
        }
        if queue.waiting.load(Ordering::Relaxed) > queue.limit {
            return End::SlowReader;
        }
    }
}

/// Encrypts and sends what waits in the queue.
pub(super) struct Pump<'a, S> {
    sink: &'a mut S,
    sealer: Sealer,
    queue: QueueEnd,
    signals: &'a Signals,
    config: &'a WireConfig,
    /// A fault swallows everything from here on.
    muted: bool,
}

impl<'a, S: Sink<Message, Error = axum::Error> + Unpin> Pump<'a, S> {
    pub(super) fn new(
        sink: &'a mut S,
        sealer: Sealer,
        queue: QueueEnd,
        signals: &'a Signals,
        config: &'a WireConfig,
    ) -> Self {
        Self { sink, sealer, queue, signals, config, muted: false }
    }

    /// Sends until the connection is to be closed. `settle` is how long the first frame waits.
    pub(super) async fn run(mut self, settle: Option<Duration>) -> End {
        if let Some(delay) = settle
            && let Err(end) = self.settle(delay).await
        {
            return end;
        }
        let mut batch = Vec::with_capacity(BATCH);
        while self.queue.outgoing.recv_many(&mut batch, BATCH).await > 0 {
            match timeout(self.config.write, self.send(&mut batch)).await {
                Ok(Ok(())) => {}
                Ok(Err(end)) => return end,
                Err(_) => return End::SlowReader,
            }
        }
        End::ClosedByServer
    }

    /// Waits until the client has surely derived its transport keys: its event loop turned after
    /// its last handshake message, then had `delay`, then turned again.
    async fn settle(&mut self, delay: Duration) -> Result<(), End> {
        for pause in [Duration::ZERO, delay] {
            sleep(pause).await;
            self.sink.send(Message::Ping(Bytes::new())).await?;
            // A client that answers no pings is served all the same.
            let _ = timeout(PONG, self.signals.pong.notified()).await;
        }
        Ok(())
    }

    async fn send(&mut self, batch: &mut Vec<Outgoing>) -> Result<(), End> {
        for outgoing in batch.drain(..) {
            match outgoing {
                Outgoing::Stanza(bytes) => {
                    self.queue.waiting.fetch_sub(bytes.len(), Ordering::Relaxed);
                    if !self.muted {
                        let frame = self.seal(bytes)?;
                        self.sink.feed(frame).await?;
                    }
                }
                Outgoing::Close if self.muted => return Err(End::Cut),
                Outgoing::Close => {
                    self.sink.flush().await?;
                    return Err(End::ClosedByServer);
                }
                Outgoing::HalfOpen => self.muted = true,
                Outgoing::Stall => {
                    self.muted = true;
                    self.signals.stalled.notify_one();
                }
            }
        }
        Ok(self.sink.flush().await?)
    }

    fn seal(&mut self, mut stanza: Vec<u8>) -> Result<Message, End> {
        self.sealer.seal(&mut stanza).map_err(End::Seal)?;
        let mut frame = Vec::with_capacity(frame::LENGTH + stanza.len());
        frame.extend(frame::header(stanza.len())?);
        frame.extend(stanza);
        Ok(Message::Binary(frame.into()))
    }
}
