use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{SqliteConnection, query, query_scalar};
use tokio::sync::watch;

use super::SqliteStorage;
use super::rebuild::forget;
use crate::disk::DiskTrouble;
use crate::{Ownership, Retention, Storage, StorageError};

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

    async fn prune(&self, retention: Retention) -> Result<u64, StorageError> {
        self.writer
            .write("forgetting old rows", move |connection| Box::pin(prune(connection, retention)))
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

async fn prune(connection: &mut SqliteConnection, retention: Retention) -> Result<u64, sqlx::Error> {
    let mut pruned = 0;
    // The numbers of the events that go are given to no others.
    query(
        "UPDATE sessions SET last_event = (SELECT max(number) FROM events WHERE events.session = sessions.id)
         WHERE last_event < (SELECT max(number) FROM events WHERE events.session = sessions.id)
             AND id IN (SELECT session FROM events WHERE timestamp_ms < $1)",
    )
    .bind(retention.delivered_before_ms)
    .execute(&mut *connection)
    .await?;
    for (sql, before_ms) in [
        (
            "DELETE FROM outbox WHERE id IN
                 (SELECT id FROM outbox WHERE state = 2 AND ended_ms < $1 LIMIT $2)",
            retention.dead_before_ms,
        ),
        (
            "DELETE FROM events WHERE rowid IN
                 (SELECT rowid FROM events WHERE timestamp_ms < $1 AND NOT EXISTS
                      (SELECT 1 FROM outbox WHERE outbox.session = events.session AND outbox.number = events.number)
                  LIMIT $2)",
            retention.delivered_before_ms,
        ),
        (
            "DELETE FROM sends WHERE seq IN
                 (SELECT seq FROM sends WHERE state >= 2 AND updated_ms < $1 LIMIT $2)",
            retention.sends_before_ms,
        ),
    ] {
        let deleted = query(sql).bind(before_ms).bind(retention.limit).execute(&mut *connection).await?;
        pruned += deleted.rows_affected();
    }
    Ok(pruned)
}
