//! How a session is started: at once, or when its turn comes.

use tokio::time::Instant;
use wakeeper_storage::Desired;
use wakeeper_waha::SessionStatus;

use super::Actor;
use crate::EngineError;

/// The reason of a session that others go before.
const WAITS_FOR_TURN: &str =
    "waits for its turn to log in, so that not all sessions do at once (LOGINS_PER_SECOND)";

impl Actor {
    pub(super) async fn start(&mut self) -> Result<(), EngineError> {
        // They were given up if somebody else had taken the session over. Where the folder is still another's, the next look at
        // its lock says so again.
        self.folder_taken = false;
        self.parts.journal.own().await?;
        let wanted = self.want(Desired::Started).await;
        if self.started && self.connection.is_some() {
            return wanted;
        }
        self.started = true;
        self.connect_afresh().await;
        wanted
    }

    /// Starts a session that waits for its turn to log in.
    pub(super) async fn start_at(&mut self, moment: Instant) -> Result<(), EngineError> {
        self.parts.journal.own().await?;
        let wanted = self.want(Desired::Started).await;
        if !self.started {
            self.started = true;
            self.retry = Some(moment);
            self.enter(SessionStatus::Starting, Some(WAITS_FOR_TURN.to_owned())).await;
        }
        wanted
    }

    /// Connects as if nothing had failed before.
    pub(super) async fn connect_afresh(&mut self) {
        self.failures = 0;
        self.short_lives = 0;
        self.reason = None;
        self.connect().await;
    }
}
