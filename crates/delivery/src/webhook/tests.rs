//! The dispatcher against real receivers on real sockets.

mod batches;
mod confined;
mod counting;
mod delivery;
mod order;
mod receiver;
mod tested;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use wakeeper_model::SessionName;
use wakeeper_storage::{Change, Storage, open_sqlite};
use wakeeper_waha::EventName;

use super::{SessionContext, WebhookSettings, Webhooks};
use crate::addresses::AddressPolicy;

/// Longest wait for anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Webhooks over a storage in a folder of their own.
struct Rig {
    storage: Arc<dyn Storage>,
    webhooks: Webhooks,
    folder: TempDir,
}

impl Rig {
    /// With these webhooks of the session `default`; not started.
    async fn new(webhooks: Value) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), webhooks).await
    }

    async fn in_folder(folder: TempDir, webhooks: Value) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        let settings = WebhookSettings { timeout: PATIENCE * 3, ..WebhookSettings::default() };
        let made = Webhooks::new(Arc::clone(&storage), settings).unwrap();
        let rig = Self { storage, webhooks: made, folder };
        rig.configure(&webhooks);
        rig
    }

    /// With these webhooks of the session `default`, which may go to `addresses` only.
    async fn confined(addresses: AddressPolicy, webhooks: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        let settings = WebhookSettings { addresses, ..WebhookSettings::default() };
        let made = Webhooks::new(Arc::clone(&storage), settings).unwrap();
        let rig = Self { storage, webhooks: made, folder };
        rig.configure(&webhooks);
        rig
    }

    /// As after [`Rig::new`], with `webhooks` for every session instead.
    async fn with_global(webhooks: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        let settings = WebhookSettings {
            global: serde_json::from_value(webhooks).unwrap(),
            ..WebhookSettings::default()
        };
        let made = Webhooks::new(Arc::clone(&storage), settings).unwrap();
        Self { storage, webhooks: made, folder }
    }

    fn configure(&self, webhooks: &Value) {
        let config =
            serde_json::from_value(json!({"webhooks": webhooks, "metadata": {"team": "blue"}})).unwrap();
        let context = SessionContext::new("default", &config, None).unwrap();
        self.webhooks.sink().set_session(&SessionName::default_session(), context);
    }

    /// Commits an event of a chat and answers its id.
    async fn emit(&self, chat: &str, payload: Value) -> String {
        let sink = self.webhooks.sink();
        let event = sink.event(&SessionName::default_session(), chat, EventName::Message, &payload).unwrap();
        let id = event.id.clone();
        let owner = self.storage.acquire("default").await.unwrap();
        sink.commit(&owner.rows(), Change::Events(vec![event])).await.unwrap();
        id
    }

    /// Ends this run as a shutdown does and starts another on the same rows.
    async fn restart(self, webhooks: Value) -> Self {
        self.webhooks.shutdown(Duration::ZERO).await;
        self.storage.close().await;
        Self::in_folder(self.folder, webhooks).await
    }

    async fn wait_for_pending(&self, pending: i64) {
        until(|| async { self.webhooks.counts().await.unwrap().pending == pending }).await;
    }

    async fn end(self) {
        self.webhooks.shutdown(PATIENCE).await;
        self.storage.close().await;
    }
}

/// A webhook for every event that retries at once.
fn hook(url: &str) -> Value {
    json!({"url": url, "events": ["*"], "retries": {"policy": "constant", "delaySeconds": 0, "attempts": 5}})
}

/// Looks until something is so.
async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it never came to be");
}
