//! One life of a client: from building it until its run loop is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use whatsapp_rust::bot::Bot;
use whatsapp_rust::{Client, RawNodeLease};

use super::signals::{Signal, Signalled};

/// How long a client may take to flush and leave.
const LEAVE: Duration = Duration::from_secs(15);

/// A running client.
pub(super) struct Connection {
    /// The client.
    pub client: Arc<Client>,
    task: JoinHandle<()>,
    /// Keeps stream errors coming, which the client tells nobody otherwise.
    _stanzas: RawNodeLease,
}

impl Connection {
    /// Starts the client; its end is signalled.
    pub(super) fn start(round: u64, bot: Bot, signals: UnboundedSender<Signalled>) -> Self {
        let client = bot.client();
        // One client, one connection: the session's actor decides when the next one is made, so that each is seen, counted and
        // held back by its cause.
        client.enable_auto_reconnect.store(false, Ordering::Relaxed);
        let stanzas = client.acquire_raw_node_forwarding();
        let task = tokio::spawn(async move {
            bot.run().await;
            let _ = signals.send(Signalled { round, signal: Signal::Ended });
        });
        Self { client, task, _stanzas: stanzas }
    }

    /// Flushes ratchets and receipts, closes the connection and waits for the run loop to end.
    pub(super) async fn close(self) {
        let Self { client, mut task, .. } = self;
        let leave = async {
            if let Err(error) = client.flush_pending_signal_state().await {
                tracing::warn!(%error, "Signal state was not flushed before closing; the client does it once more");
            }
            client.disconnect().await;
            let _ = (&mut task).await;
        };
        if tokio::time::timeout(LEAVE, leave).await.is_err() {
            tracing::warn!("a client did not leave in time and is abandoned");
            task.abort();
        }
    }
}
