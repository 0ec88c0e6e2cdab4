//! How a session is reached from outside its actor.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::bulk::Bulks;
use crate::life::actor::Command;
use crate::life::state::SessionState;
use crate::media::download::Downloads;
use crate::outbound::Outbound;

/// A session of this process.
pub(crate) struct Handle {
    pub state: Arc<SessionState>,
    pub outbound: Arc<Outbound>,
    pub bulks: Arc<Bulks>,
    pub downloads: Downloads,
    pub mailbox: mpsc::Sender<Command>,
    pub tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    pub gone: CancellationToken,
}

impl Handle {
    /// Gives a command and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.try_send(command(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => EngineError::Busy(self.state.name().clone()),
            mpsc::error::TrySendError::Closed(_) => EngineError::Gone(self.state.name().clone()),
        })?;
        receiver.await.map_err(|_| EngineError::Gone(self.state.name().clone()))
    }

    /// Ends the session's tasks after its client has flushed and closed.
    pub(crate) async fn leave(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.mailbox.send(Command::Shutdown(sender)).await.is_ok() {
            let _ = receiver.await;
        }
        self.gone.cancel();
        for task in self.tasks.lock().await.drain(..) {
            let _ = task.await;
        }
        // How its last sends ended, and the last receipts: before the ownership of its rows may end.
        self.outbound.journal.storage().settle().await;
    }
}
