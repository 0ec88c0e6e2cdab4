//! Waiting for a session's status.

use std::sync::Arc;
use std::time::Duration;

use wakeeper_waha::SessionStatus;
use whatsapp_rust::Client;

use super::SessionState;

impl SessionState {
    /// Waits until the session works and gives its client. While it is starting, at most `patience`;
    /// in any other state the answer is its status, at once.
    pub(crate) async fn working(&self, patience: Duration) -> Result<Arc<Client>, SessionStatus> {
        let mut status = self.status.subscribe();
        let settled = status.wait_for(|status| *status != SessionStatus::Starting);
        let status = match tokio::time::timeout(patience, settled).await {
            Ok(Ok(status)) => *status,
            _ => SessionStatus::Starting,
        };
        match (status, self.client()) {
            (SessionStatus::Working, Some(client)) => Ok(client),
            (SessionStatus::Working, None) => Err(SessionStatus::Starting),
            (status, _) => Err(status),
        }
    }

    /// Waits, however long, until the session works, and gives its client with its number.
    pub(crate) async fn until_working(&self) -> Option<(Arc<Client>, u64)> {
        let mut status = self.status.subscribe();
        loop {
            status.wait_for(|status| *status == SessionStatus::Working).await.ok()?;
            let (client, number) = {
                let inner = self.inner();
                (inner.client.clone(), inner.client_number)
            };
            if let Some(client) = client {
                return Some((client, number));
            }
            status.changed().await.ok()?;
        }
    }

    /// Waits until the client of this number is not the session's any more.
    pub(crate) async fn until_other_client(&self, number: u64) {
        let _ = self.clients.subscribe().wait_for(|now| *now != number).await;
    }

    /// Waits until the session no longer works.
    pub(crate) async fn until_not_working(&self) {
        let mut status = self.status.subscribe();
        let _ = status.wait_for(|status| *status != SessionStatus::Working).await;
    }

    /// Waits for any status that `wanted` accepts.
    pub(crate) async fn until(&self, wanted: impl FnMut(&SessionStatus) -> bool) {
        let mut status = self.status.subscribe();
        let _ = status.wait_for(wanted).await;
    }
}
