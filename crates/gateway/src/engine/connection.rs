//! One life of a client: from building it until its run loop is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use whatsapp_rust::Client;
use whatsapp_rust::bot::Bot;

use super::signals::{Signal, Signalled};
use super::tasks::ClientTasks;

/// How long a client may take to flush and leave.
const LEAVE: Duration = Duration::from_secs(15);
/// How long the run loop of a client that was connected may take to end after that.
const LAST_TURN: Duration = Duration::from_secs(2);
/// How long the tasks of a linked client may take to finish what they hold.
const FINISH: Duration = Duration::from_secs(3);

/// A running client.
pub(super) struct Connection {
    /// The client.
    pub client: Arc<Client>,
    /// The run loop, until it was seen to end.
    task: Option<JoinHandle<()>>,
    tasks: ClientTasks,
}

impl Connection {
    /// Starts the client, whose runtime is `tasks`; its end is signalled.
    pub(super) fn start(
        round: u64,
        bot: Bot,
        tasks: ClientTasks,
        signals: UnboundedSender<Signalled>,
    ) -> Self {
        let client = bot.client();
        let task = tokio::spawn(async move {
            bot.run().await;
            let _ = signals.send(Signalled { round, signal: Signal::Ended });
        });
        Self { client, task: Some(task), tasks }
    }

    /// The client's tasks.
    pub(super) fn tasks(&self) -> &ClientTasks {
        &self.tasks
    }

    /// Flushes ratchets and receipts, closes the connection, and waits until nothing of the client runs any more.
    pub(super) async fn close(mut self) {
        let connected = self.client.is_connected();
        let leave = async {
            if let Err(error) = self.client.flush_pending_signal_state().await {
                tracing::warn!(%error, "Signal state was not flushed before closing; the client does it once more");
            }
            self.client.disconnect().await;
        };
        if tokio::time::timeout(LEAVE, leave).await.is_err() {
            tracing::warn!("a client did not leave in time and is abandoned");
        } else if connected
            && let Some(task) = &mut self.task
            && tokio::time::timeout(LAST_TURN, task).await.is_ok()
        {
            self.task = None;
        }
        self.ended().await;
    }

    /// Ends the run loop, if it still runs, and waits until nothing of the client runs any more, so that its database is closed before
    /// anybody opens, moves or removes it.
    pub(super) async fn ended(self) {
        let Self { client, task, tasks } = self;
        // Only a linked client has anything to lose.
        let grace = if client.pn().is_some() { FINISH } else { Duration::ZERO };
        drop(client);
        if let Some(task) = task {
            // One that still tries to reach its server notices the end only after its own time-out.
            task.abort();
            let _ = task.await;
        }
        tasks.end(grace).await;
    }
}
