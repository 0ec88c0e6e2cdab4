//! One life of a client: from building it until its run loop is over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wakeeper_storage::disk::DiskTrouble;
use whatsapp_rust::bot::Bot;
use whatsapp_rust::{Client, RawNodeLease};

use crate::life::client_events::ClientEvent;
use crate::life::signals::Signals;
use crate::life::store::{Closed, EngineStore, Gate, OpenStore};
use crate::life::tasks::ClientTasks;

/// How long a client may take to flush and leave.
const LEAVE: Duration = Duration::from_secs(15);
/// How long the run loop of a client that was connected may take to end after that.
const LAST_TURN: Duration = Duration::from_secs(2);
/// How long the tasks of a linked client may take to finish what they hold.
const FINISH: Duration = Duration::from_secs(3);

/// How often it is looked whether the database is still at its path.
const LOOK: Duration = Duration::from_secs(1);

/// A running client.
pub(crate) struct Connection {
    /// The client.
    pub client: Arc<Client>,
    /// Its database.
    pub store: Arc<EngineStore>,
    /// The run loop, until it was seen to end.
    task: Option<JoinHandle<()>>,
    tasks: ClientTasks,
    watch: JoinHandle<()>,
    /// Keeps stream errors coming, which the client tells nobody otherwise.
    stanzas: RawNodeLease,
}

impl Connection {
    /// Starts the client, whose runtime is `tasks`; its end is told.
    pub(crate) fn start(
        round: u64,
        bot: Bot,
        tasks: ClientTasks,
        store: Arc<EngineStore>,
        rows: watch::Receiver<Option<Arc<DiskTrouble>>>,
        events: Arc<Signals>,
    ) -> Self {
        let client = bot.client();
        let watch = tokio::spawn(watch_disk(store.gate().clone(), rows, round, Arc::clone(&events)));
        // One client, one connection: the session's actor decides when the next one is made, so that each is seen, counted and
        // held back by its cause.
        client.enable_auto_reconnect.store(false, Ordering::Relaxed);
        let stanzas = client.acquire_raw_node_forwarding();
        let task = tokio::spawn(async move {
            bot.run().await;
            events.tell(round, ClientEvent::Ended);
        });
        Self { client, store, task: Some(task), tasks, watch, stanzas }
    }

    /// The client's tasks.
    pub(crate) fn tasks(&self) -> &ClientTasks {
        &self.tasks
    }

    /// Flushes ratchets and receipts, closes the connection, and waits until nothing of the client runs any more. When the
    /// gate is closed, nothing is flushed: every write is refused.
    ///
    /// Gives back the connection to the database, which nobody uses any more.
    pub(crate) async fn close(mut self) -> Option<OpenStore> {
        self.watch.abort();
        let connected = self.client.is_connected();
        let leave = async {
            if self.store.gate().closed_by().is_none()
                && let Err(error) = self.client.flush_pending_signal_state().await
            {
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
        self.ended().await
    }

    /// Ends the run loop, if it still runs, and waits until nothing of the client runs any more, so that its database is
    /// closed before anybody opens, moves or removes it. Gives back the connection to the database.
    pub(crate) async fn ended(self) -> Option<OpenStore> {
        let Self { client, store, task, tasks, watch, stanzas } = self;
        watch.abort();
        // Only a linked client has anything to lose, and only when it can still be written.
        let keeps = client.pn().is_some() && store.gate().closed_by().is_none();
        let grace = if keeps { FINISH } else { Duration::ZERO };
        drop(stanzas);
        drop(client);
        if let Some(task) = task {
            // One that still tries to reach its server notices the end only after its own time-out.
            task.abort();
            let _ = task.await;
        }
        tasks.end(grace).await;
        store.leave().await
    }
}

/// Closes the gate when a database is in trouble that no write has met yet, and tells the session's actor when it is closed.
async fn watch_disk(
    gate: Gate,
    mut rows: watch::Receiver<Option<Arc<DiskTrouble>>>,
    round: u64,
    events: Arc<Signals>,
) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        if let Some(trouble) = rows.borrow_and_update().clone() {
            gate.close(Closed::Disk(trouble));
        }
        tokio::select! {
            biased;
            () = gate.closed() => break,
            // The sender lives as long as the rows are open.
            Ok(()) = rows.changed() => {}
            _ = ticks.tick() => {
                // A closed gate ends the loop.
                let _ = gate.look();
            }
        }
    }
    events.tell(round, ClientEvent::Disk);
}
