//! Incidents read while whoever keeps them goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_model::RowsFailure;
use wakeeper_storage::{IncidentQuery, IncidentSource, IncidentState, Storage, StorageError, read_sqlite};

use super::{Incident, database};

/// Rows that are read at once to find those that are over.
const PAGE: u32 = 500;
/// Incidents of one session that are counted at most.
const COUNTED: u32 = 1_000;

/// The incidents could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the incidents cannot be read: {0}")]
pub struct ReadError(#[from] StorageError);

impl ReadError {
    /// What a caller can know of it.
    pub fn failure(&self) -> RowsFailure {
        self.0.failure()
    }
}

/// Which incidents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Only of this session.
    pub session: Option<String>,
    /// Only those of a gateway's own sessions: a monitor may watch something of the same name.
    pub own: bool,
    /// Only those that are not over, or only those that are.
    pub open: Option<bool>,
    /// Only older ones than this number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

/// Reads the incidents of a folder, which need not exist.
#[derive(Debug, Clone)]
pub struct IncidentReader(PathBuf);

impl IncidentReader {
    /// Reads those that are kept in this folder.
    pub fn of(folder: &Path) -> Self {
        Self(database(folder))
    }

    /// Incidents without their steps, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list(&self, which: &Which) -> Result<Vec<Incident>, ReadError> {
        let Some(storage) = self.open().await? else { return Ok(Vec::new()) };
        let found = list(storage.as_ref(), which).await;
        storage.close().await;
        Ok(found?)
    }

    /// One incident with all its steps. With `only`, one of another session is none, and neither is one that a monitor keeps.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn one(&self, id: i64, only: Option<&str>) -> Result<Option<Incident>, ReadError> {
        let Some(storage) = self.open().await? else { return Ok(None) };
        let found = one(storage.as_ref(), id, only).await;
        storage.close().await;
        Ok(found?)
    }

    /// How many incidents of a gateway's own session are not over.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn open_of(&self, session: &str) -> Result<usize, ReadError> {
        let which = Which {
            session: Some(session.to_owned()),
            own: true,
            open: Some(true),
            before: None,
            limit: COUNTED,
        };
        Ok(self.list(&which).await?.len())
    }

    async fn open(&self) -> Result<Option<Arc<dyn Storage>>, ReadError> {
        if self.0.exists() { Ok(Some(read_sqlite(&self.0).await?)) } else { Ok(None) }
    }
}

async fn list(storage: &dyn Storage, which: &Which) -> Result<Vec<Incident>, StorageError> {
    let (mut found, mut before) = (Vec::new(), which.before);
    let limit = which.limit as usize;
    while found.len() < limit {
        let query = IncidentQuery {
            source: which.own.then_some(IncidentSource::Gateway),
            session: which.session.clone(),
            unfinished: which.open == Some(true),
            before,
            limit: if which.open == Some(false) { PAGE } else { which.limit },
        };
        let asked = query.limit as usize;
        let rows = storage.incidents(query).await?;
        let is_last = rows.len() < asked;
        before = rows.last().map(|row| row.id);
        let over = |state: IncidentState| state == IncidentState::Closed;
        let meant = rows.into_iter().filter(|row| which.open.is_none_or(|open| open != over(row.state)));
        found.extend(meant.map(Incident::of));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

async fn one(storage: &dyn Storage, id: i64, only: Option<&str>) -> Result<Option<Incident>, StorageError> {
    let row = storage.incident(id).await?;
    let is_meant =
        |session: &str, source| only.is_none_or(|only| only == session && source == IncidentSource::Gateway);
    let Some(row) = row.filter(|row| is_meant(&row.session, row.source)) else { return Ok(None) };
    Ok(Some(Incident::of(row).with_steps(storage.incident_steps(id).await?)))
}

#[cfg(test)]
mod tests {
    use wakeeper_storage::{IncidentUpdate, NewIncident, NewStep};

    use super::*;
    use crate::incidents::IncidentFolder;

    async fn made(storage: &dyn Storage, source: IncidentSource, session: &str, over: bool) -> i64 {
        let new =
            NewIncident { source, session: session.to_owned(), kind: "backup".to_owned(), opened_ms: 7 };
        let id = storage.open_incident(new).await.unwrap();
        let step =
            NewStep { at_ms: 8, kind: "opened".to_owned(), text: "it failed".to_owned(), detail_json: None };
        let update = IncidentUpdate {
            id,
            state: if over { IncidentState::Closed } else { IncidentState::Open },
            outcome: None,
            summary: Some("it failed".to_owned()),
            messages: 0,
            peers: Vec::new(),
            times: 1,
            steps: vec![step],
            alerts: Vec::new(),
            now_ms: 8,
        };
        assert!(storage.update_incident(update).await.unwrap());
        id
    }

    #[tokio::test]
    async fn they_are_read_page_by_page_and_one_session_sees_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        let reader = IncidentReader::of(&scratch.path().join("none"));
        assert!(reader.list(&Which { limit: 5, ..Which::default() }).await.unwrap().is_empty());
        assert!(reader.one(1, None).await.unwrap().is_none());

        let folder = scratch.path().join("monitor");
        let held = IncidentFolder::open(&folder, IncidentSource::Gateway, 1_000).await.unwrap();
        let storage = held.storage.as_ref();
        let of_monitor = made(storage, IncidentSource::Monitor, "bot", false).await;
        let mut own = Vec::new();
        for over in [true, false, true, true] {
            own.push(made(storage, IncidentSource::Gateway, "bot", over).await);
        }
        let other = made(storage, IncidentSource::Gateway, "other", true).await;

        let reader = IncidentReader::of(&folder);
        let ids = async |which: Which| {
            let found = reader.list(&which).await.unwrap();
            found.into_iter().map(|incident| incident.id).collect::<Vec<_>>()
        };
        let all = Which { limit: 50, ..Which::default() };
        assert_eq!(ids(all.clone()).await, [other, own[3], own[2], own[1], own[0], of_monitor]);
        let bot = Which { session: Some("bot".to_owned()), own: true, ..all.clone() };
        assert_eq!(ids(Which { open: Some(true), ..bot.clone() }).await, [own[1]]);
        let over = Which { open: Some(false), limit: 2, ..bot.clone() };
        assert_eq!(ids(over.clone()).await, [own[3], own[2]]);
        assert_eq!(ids(Which { before: Some(own[2]), ..over }).await, [own[0]]);
        assert_eq!(reader.open_of("bot").await.unwrap(), 1);

        assert_eq!(reader.one(own[1], Some("bot")).await.unwrap().unwrap().steps.len(), 1);
        for (id, only) in [(of_monitor, "bot"), (other, "bot"), (own[0], "other"), (99, "bot")] {
            assert!(reader.one(id, Some(only)).await.unwrap().is_none(), "{id} {only}");
        }
        assert!(reader.one(of_monitor, None).await.unwrap().is_some());
        held.storage.close().await;
    }
}
