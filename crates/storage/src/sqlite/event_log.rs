//! The log of all events: where each stands, whatever its session, and what is read of it.
//!
//! An event has one place, and two positions, one for each of its names: twice the place, and one more.

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query, query_as, query_scalar, sqlite::SqliteRow};

use super::{SqliteStorage, damaged, event_rows, prune};
use crate::{EventLogBounds, EventLogPage, EventLogQuery, EventReaderRow, LoggedEvent, StorageError};

/// The place that the next event gets: behind all that are there, and all that were.
const NEXT: &str = "SELECT 1 + max(
     COALESCE((SELECT last FROM event_log), 0), COALESCE((SELECT max(place) FROM events), 0))";

const BOUNDS: &str = "SELECT
     max(COALESCE((SELECT last FROM event_log), 0), COALESCE((SELECT max(place) FROM events), 0)),
     COALESCE((SELECT forgotten FROM event_log), 0)";

/// The place of the next event of this commit.
pub(super) async fn next_place(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    query_scalar(NEXT).fetch_one(connection).await
}

/// Keeps the last place that was given, before events go.
pub(super) async fn keep_last(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    query(
        "INSERT INTO event_log (id, last, forgotten) SELECT 1, COALESCE(max(place), 0), 0 FROM events WHERE true
         ON CONFLICT (id) DO UPDATE SET last = max(event_log.last, excluded.last)",
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Gives a place to no event.
pub(super) async fn mark(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    query_scalar(
        "INSERT INTO event_log (id, last, forgotten) SELECT 1, 1 + COALESCE(max(place), 0), 0 FROM events WHERE true
         ON CONFLICT (id) DO UPDATE SET last = max(event_log.last + 1, excluded.last) RETURNING last",
    )
    .fetch_one(connection)
    .await
    .map(end_of)
}

/// As [`keep_last`], before old events of these rows are forgotten.
pub(super) async fn forget(connection: &mut SqliteConnection, rows: &[i64]) -> Result<(), sqlx::Error> {
    keep_last(connection).await?;
    query(
        "UPDATE event_log SET forgotten = max(forgotten, COALESCE(
             (SELECT max(place) FROM events WHERE rowid IN (SELECT value FROM json_each($1))), 0))",
    )
    .bind(prune::list(rows.iter().copied())?)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn bounds(storage: &SqliteStorage) -> Result<EventLogBounds, StorageError> {
    let (last, forgotten): (i64, i64) = query_as(BOUNDS)
        .fetch_one(&storage.readers)
        .await
        .map_err(StorageError::during("reading how far the log of events goes"))?;
    Ok(EventLogBounds { last: end_of(last), forgotten: end_of(forgotten) })
}

/// The position of the second name, whether there is one or not.
fn end_of(place: i64) -> i64 {
    2 * place + 1
}

/// Where an event stands under that of its names which has the id.
pub(super) async fn position(storage: &SqliteStorage, id: &str) -> Result<Option<i64>, StorageError> {
    let found: Option<(Option<i64>, bool)> =
        query_as("SELECT place, id <> $1 FROM events WHERE id = $1 OR also_id = $1")
            .bind(id)
            .fetch_optional(&storage.readers)
            .await
            .map_err(StorageError::during("looking for an event in the log"))?;
    Ok(found.and_then(|(place, second)| Some(2 * place? + i64::from(second))))
}

pub(super) async fn page(
    storage: &SqliteStorage,
    asked: EventLogQuery,
) -> Result<EventLogPage, StorageError> {
    // What is committed meanwhile stands behind the end, and is of the next page.
    let end = bounds(storage).await?.last.max(asked.after);
    let rows = statement(&asked, end)
        .build()
        .try_map(damaged::named(&event_rows::EVENT, read))
        .fetch_all(&storage.readers)
        .await
        .map_err(StorageError::during("reading the log of events"))?;
    let full = rows.len() == asked.limit as usize;
    let upto = rows.last().filter(|_| full).map_or(end, |(place, _)| end_of(*place));
    let mut events = Vec::with_capacity(rows.len());
    for (place, names) in rows {
        for (event, position) in names.into_iter().zip(2 * place..) {
            let wanted = asked.names.is_empty() || asked.names.contains(&event.name);
            if wanted && position > asked.after {
                events.push(LoggedEvent { position, event });
            }
        }
    }
    Ok(EventLogPage { events, upto })
}

/// The rows between two positions. Only what is asked for is a condition. The place leads, whatever the session.
pub(super) fn statement(asked: &EventLogQuery, end: i64) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT events.*, COALESCE(
             (SELECT home.name FROM sessions AS home WHERE home.id = sessions.home), sessions.name) AS session_name
         FROM events INDEXED BY events_in_log CROSS JOIN sessions ON sessions.id = events.session
         WHERE place >= ",
    );
    // The first position behind may be the second name of a place.
    sql.push_bind(asked.after.saturating_add(1) / 2).push(" AND place <= ").push_bind(end / 2);
    if let Some(session) = &asked.session {
        // Rows of a former account are its own as well.
        sql.push(" AND +events.session IN (SELECT own.id FROM sessions AS own WHERE own.name = ")
            .push_bind(session.clone())
            .push(
                " UNION ALL SELECT own.id FROM sessions AS own WHERE own.home =
                 (SELECT named.id FROM sessions AS named WHERE named.name = ",
            )
            .push_bind(session.clone())
            .push("))");
    }
    if !asked.names.is_empty() {
        let mut separate = |column: &str| {
            sql.push(column).push(" IN (");
            let mut names = sql.separated(", ");
            for name in &asked.names {
                names.push_bind(name.clone());
            }
            sql.push(")");
        };
        separate(" AND (events.name");
        separate(" OR also_name");
        sql.push(")");
    }
    sql.push(" ORDER BY place LIMIT ").push_bind(asked.limit);
    sql
}

fn read(row: &SqliteRow) -> Result<(i64, Vec<crate::EventRow>), sqlx::Error> {
    Ok((row.try_get("place")?, event_rows::read(row)?))
}

pub(super) async fn readers(storage: &SqliteStorage) -> Result<Vec<EventReaderRow>, StorageError> {
    let rows: Vec<(String, i64, i64)> =
        query_as("SELECT reader, since, until_ms FROM event_readers ORDER BY reader")
            .fetch_all(&storage.readers)
            .await
            .map_err(StorageError::during("reading what live streams asked for"))?;
    Ok(rows.into_iter().map(|(reader, since, until_ms)| EventReaderRow { reader, since, until_ms }).collect())
}

/// Replaces all of them.
pub(super) async fn put_readers(
    connection: &mut SqliteConnection,
    readers: Vec<EventReaderRow>,
) -> Result<(), sqlx::Error> {
    query("DELETE FROM event_readers").execute(&mut *connection).await?;
    for EventReaderRow { reader, since, until_ms } in readers {
        query("INSERT INTO event_readers (reader, since, until_ms) VALUES ($1, $2, $3)")
            .bind(reader)
            .bind(since)
            .bind(until_ms)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
