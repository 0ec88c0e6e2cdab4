use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query, query_scalar, sqlite::SqliteRow};

use super::{SqliteStorage, unknown};
use crate::{
    AlertRow, IncidentQuery, IncidentRow, IncidentRows, IncidentSource, IncidentState, IncidentStep,
    IncidentUpdate, NewIncident, NewStep, StorageError,
};

#[async_trait]
impl IncidentRows for SqliteStorage {
    async fn open_incident(&self, incident: NewIncident) -> Result<i64, StorageError> {
        self.writer.write("opening an incident", |connection| Box::pin(open(connection, incident))).await
    }

    async fn update_incident(&self, update: IncidentUpdate) -> Result<bool, StorageError> {
        self.writer.write("storing an incident", |connection| Box::pin(store(connection, update))).await
    }

    async fn incident(&self, id: i64) -> Result<Option<IncidentRow>, StorageError> {
        query("SELECT * FROM incidents WHERE id = $1")
            .bind(id)
            .try_map(read)
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading an incident"))
    }

    async fn incident_steps(&self, id: i64) -> Result<Vec<IncidentStep>, StorageError> {
        query("SELECT * FROM incident_steps WHERE incident = $1 ORDER BY id")
            .bind(id)
            .try_map(read_step)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading the steps of an incident"))
    }

    async fn incidents(&self, asked: IncidentQuery) -> Result<Vec<IncidentRow>, StorageError> {
        let rows = page(&asked).build().try_map(read).fetch_all(&self.readers).await;
        rows.map_err(StorageError::during("reading incidents"))
    }

    async fn due_alerts(
        &self,
        source: IncidentSource,
        now_ms: i64,
        limit: u32,
    ) -> Result<Vec<AlertRow>, StorageError> {
        query("SELECT * FROM alerts WHERE source = $1 AND next_attempt_ms <= $2 ORDER BY id LIMIT $3")
            .bind(source_number(source))
            .bind(now_ms)
            .bind(limit)
            .try_map(read_alert)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading alerts"))
    }

    async fn settle_alert(&self, id: i64, next_attempt_ms: Option<i64>) -> Result<(), StorageError> {
        self.writer
            .write("storing what became of an alert", move |connection| {
                Box::pin(settle(connection, id, next_attempt_ms))
            })
            .await
    }

    async fn checkpoint(&self, source: &str) -> Result<Option<String>, StorageError> {
        query_scalar("SELECT position FROM checkpoints WHERE source = $1")
            .bind(source)
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading how far a log was read"))
    }

    async fn put_checkpoint(&self, source: &str, position: &str, now_ms: i64) -> Result<(), StorageError> {
        let (source, position) = (source.to_owned(), position.to_owned());
        self.writer
            .write("storing how far a log was read", move |connection| {
                Box::pin(put_checkpoint(connection, source, position, now_ms))
            })
            .await
    }

    async fn prune_incidents(&self, closed_before_ms: i64, limit: u32) -> Result<u64, StorageError> {
        self.writer
            .write("forgetting old incidents", move |connection| {
                Box::pin(prune(connection, closed_before_ms, limit))
            })
            .await
    }
}

/// Only what is asked for is a condition, so that an index can serve it.
pub(super) fn page(asked: &IncidentQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT * FROM incidents WHERE id < ");
    sql.push_bind(asked.before.unwrap_or(i64::MAX));
    if let Some(session) = &asked.session {
        sql.push(" AND session = ").push_bind(session.clone());
    }
    if asked.unfinished {
        sql.push(" AND state < 4");
    }
    if let Some(source) = asked.source {
        sql.push(" AND source = ").push_bind(source_number(source));
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(asked.limit);
    sql
}

async fn open(connection: &mut SqliteConnection, incident: NewIncident) -> Result<i64, sqlx::Error> {
    query_scalar(
        "INSERT INTO incidents (source, session, kind, state, summary, messages, peers_json, opened_ms, updated_ms)
         VALUES ($1, $2, $3, 0, '', 0, '[]', $4, $4) RETURNING id",
    )
    .bind(source_number(incident.source))
    .bind(incident.session)
    .bind(incident.kind)
    .bind(incident.opened_ms)
    .fetch_one(connection)
    .await
}

async fn store(connection: &mut SqliteConnection, update: IncidentUpdate) -> Result<bool, sqlx::Error> {
    let peers = serde_json::to_string(&update.peers).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let closed = (update.state == IncidentState::Closed).then_some(update.now_ms);
    let stored = query(
        // One that is open again has not ended yet.
        "UPDATE incidents SET state = $2, summary = COALESCE($4, summary), messages = $5, peers_json = $6, times = $9,
             outcome = CASE WHEN state = 4 AND $2 < 4 THEN $3 ELSE COALESCE($3, outcome) END,
             updated_ms = $7, closed_ms = $8 WHERE id = $1",
    )
    .bind(update.id)
    .bind(number(update.state))
    .bind(update.outcome)
    .bind(update.summary)
    .bind(update.messages)
    .bind(peers)
    .bind(update.now_ms)
    .bind(closed)
    .bind(update.times)
    .execute(&mut *connection)
    .await?;
    if stored.rows_affected() == 0 {
        return Ok(false);
    }
    for step in update.steps {
        query("INSERT INTO incident_steps (incident, at_ms, kind, text, detail_json) VALUES ($1, $2, $3, $4, $5)")
            .bind(update.id)
            .bind(step.at_ms)
            .bind(step.kind)
            .bind(step.text)
            .bind(step.detail_json)
            .execute(&mut *connection)
            .await?;
    }
    for body in update.alerts {
        query(
            "INSERT INTO alerts (body, created_ms, attempts, next_attempt_ms, source)
             SELECT $1, $2, 0, $2, source FROM incidents WHERE id = $3",
        )
        .bind(body)
        .bind(update.now_ms)
        .bind(update.id)
        .execute(&mut *connection)
        .await?;
    }
    Ok(true)
}

async fn settle(connection: &mut SqliteConnection, id: i64, next: Option<i64>) -> Result<(), sqlx::Error> {
    match next {
        None => query("DELETE FROM alerts WHERE id = $1").bind(id).execute(connection).await.map(drop),
        Some(next) => query("UPDATE alerts SET attempts = attempts + 1, next_attempt_ms = $2 WHERE id = $1")
            .bind(id)
            .bind(next)
            .execute(connection)
            .await
            .map(drop),
    }
}

async fn put_checkpoint(
    connection: &mut SqliteConnection,
    source: String,
    position: String,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    query(
        "INSERT INTO checkpoints (source, position, updated_ms) VALUES ($1, $2, $3)
         ON CONFLICT (source) DO UPDATE SET position = excluded.position, updated_ms = excluded.updated_ms",
    )
    .bind(source)
    .bind(position)
    .bind(now_ms)
    .execute(connection)
    .await
    .map(drop)
}

async fn prune(connection: &mut SqliteConnection, before_ms: i64, limit: u32) -> Result<u64, sqlx::Error> {
    // Steps go with their incidents.
    query(
        "DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE state = 4 AND closed_ms < $1 LIMIT $2)",
    )
    .bind(before_ms)
    .bind(limit)
    .execute(connection)
    .await
    .map(|deleted| deleted.rows_affected())
}

fn number(state: IncidentState) -> i64 {
    match state {
        IncidentState::Open => 0,
        IncidentState::Repairing => 1,
        IncidentState::Verifying => 2,
        IncidentState::LeftAlone => 3,
        IncidentState::Closed => 4,
    }
}

fn source_number(source: IncidentSource) -> i64 {
    match source {
        IncidentSource::Monitor => 0,
        IncidentSource::Gateway => 1,
    }
}

fn read(row: SqliteRow) -> Result<IncidentRow, sqlx::Error> {
    let peers: String = row.try_get("peers_json")?;
    Ok(IncidentRow {
        id: row.try_get("id")?,
        source: match row.try_get("source")? {
            0 => IncidentSource::Monitor,
            1 => IncidentSource::Gateway,
            other => return Err(unknown("source", other)),
        },
        session: row.try_get("session")?,
        kind: row.try_get("kind")?,
        state: match row.try_get("state")? {
            0 => IncidentState::Open,
            1 => IncidentState::Repairing,
            2 => IncidentState::Verifying,
            3 => IncidentState::LeftAlone,
            4 => IncidentState::Closed,
            other => return Err(unknown("state", other)),
        },
        outcome: row.try_get("outcome")?,
        summary: row.try_get("summary")?,
        messages: row.try_get("messages")?,
        peers: serde_json::from_str(&peers).map_err(|error| sqlx::Error::Decode(error.into()))?,
        times: row.try_get("times")?,
        opened_ms: row.try_get("opened_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        closed_ms: row.try_get("closed_ms")?,
    })
}

fn read_step(row: SqliteRow) -> Result<IncidentStep, sqlx::Error> {
    Ok(IncidentStep {
        id: row.try_get("id")?,
        step: NewStep {
            at_ms: row.try_get("at_ms")?,
            kind: row.try_get("kind")?,
            text: row.try_get("text")?,
            detail_json: row.try_get("detail_json")?,
        },
    })
}

fn read_alert(row: SqliteRow) -> Result<AlertRow, sqlx::Error> {
    Ok(AlertRow {
        id: row.try_get("id")?,
        body: row.try_get("body")?,
        created_ms: row.try_get("created_ms")?,
        attempts: row.try_get("attempts")?,
    })
}
