use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{SqliteConnection, query, query_scalar};
use tokio::sync::watch;

use super::rebuild::forget;
use super::{SqliteStorage, prune, room};
use crate::disk::DiskTrouble;
use crate::{Ownership, Pruned, Retention, Storage, StorageError};

#[async_trait]
impl Storage for SqliteStorage {
    async fn acquire(&self, session: &str) -> Result<Ownership, StorageError> {
        self.claims.acquire(session, Arc::clone(&self.writer))
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.writer.write("writing a probe row", |connection| Box::pin(write_probe(connection))).await?;
        query_scalar::<_, i64>("SELECT writes FROM probe")
            .fetch_one(&self.readers)
            .await
            .map(drop)
            .map_err(StorageError::during("reading the probe row"))
    }

    fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>> {
        self.writer.disk()
    }

    async fn settle(&self) {
        self.writer.settle().await;
    }

    async fn prune(&self, retention: Retention) -> Result<Pruned, StorageError> {
        let walk = *self.walk();
        let step = self.writer.write("forgetting old rows", move |connection| {
            Box::pin(prune::step(connection, retention, walk))
        });
        let (pruned, walk) = step.await?;
        *self.walk() = walk;
        Ok(pruned)
    }

    async fn give_back_room(&self, pages: u32) -> Result<u64, StorageError> {
        self.writer
            .write("giving room back", move |connection| Box::pin(room::give_back(connection, pages)))
            .await
    }

    async fn close(&self) {
        if self.told {
            // Closed already, or in trouble: then the next start says it again.
            let forgotten = self
                .writer
                .write("forgetting how the database was made", |connection| Box::pin(forget(connection)));
            let _ = forgotten.await;
        }
        // Readers first: the last connection to close folds the WAL in, and readers must not write.
        self.readers.close().await;
        self.writer.close().await;
    }
}

pub(super) async fn write_probe(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    query("INSERT INTO probe (id, writes) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET writes = probe.writes + 1")
        .execute(connection)
        .await
        .map(drop)
}
