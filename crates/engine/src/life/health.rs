//! Evidence of health: when things last worked, not whether they should.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use wakeeper_model::SessionName;
use wakeeper_waha::SessionStatus;

use crate::life::state::SessionState;
use crate::life::store::Closed;

/// The engine's health.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EngineHealth {
    /// Rows could be written and read just now.
    pub storage: bool,
    /// What the storage said when it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_error: Option<String>,
    /// Why the rows were made anew at the start, when they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_lost: Option<String>,
    /// Every session.
    pub sessions: Vec<SessionHealth>,
}

/// Evidence of one session. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionHealth {
    /// Which session.
    #[schema(value_type = String)]
    pub name: SessionName,
    /// Where it stands.
    pub status: SessionStatus,
    /// The connection last opened.
    pub last_connected: Option<i64>,
    /// A message last came in and was stored.
    pub last_received: Option<i64>,
    /// A message last could not be decrypted.
    pub last_undecryptable: Option<i64>,
    /// The server last acknowledged a send.
    pub last_acknowledged: Option<i64>,
    /// Since when the server owes an acknowledgement on an open connection, when that is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unacknowledged_since: Option<i64>,
    /// The server was last heard: anything that it sent, answers to pings too.
    pub last_heard: Option<i64>,
    /// How often a connection was tried since this process started.
    pub connection_attempts: u64,
    /// How many connections and attempts ended, by cause.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub connection_ends: BTreeMap<&'static str, u64>,
    /// The newest of these causes.
    pub last_end: Option<&'static str>,
    /// Messages that could not be decrypted and did not arrive again so far.
    pub undecryptable_waiting: u64,
    /// Sends that wait for the server now.
    pub sends_under_way: usize,
    /// How often, since the gateway started, an older copy was noticed and all sending chains were negotiated anew.
    pub chains_renewed: u64,
    /// How often, since the gateway started, the login was taken from a backup.
    pub logins_restored: u64,
    /// What keeps its databases from being written, by the file's name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

impl SessionHealth {
    pub(crate) fn of(state: &SessionState, sends_under_way: usize) -> Self {
        let evidence = state.evidence();
        let (chains_renewed, logins_restored) = state.repairs();
        let (connection_ends, last_end) = state.lost();
        Self {
            name: state.name().clone(),
            status: state.status(),
            last_connected: evidence.connected,
            last_received: evidence.inbound,
            last_undecryptable: evidence.undecryptable,
            last_acknowledged: evidence.acknowledged,
            unacknowledged_since: state.unacknowledged_since(),
            last_heard: state.line().last_frame(),
            connection_attempts: state.line().attempts(),
            connection_ends,
            last_end,
            undecryptable_waiting: state.undecryptable().waiting(),
            sends_under_way,
            chains_renewed,
            logins_restored,
            disk: state.trouble().map(|closed| shown(&closed)),
        }
    }
}

/// Why a database cannot be written, without the folder: anybody may ask for the health.
fn shown(closed: &Closed) -> String {
    match closed.trouble() {
        Some(trouble) => {
            let file = trouble.path.file_name().unwrap_or_default().to_string_lossy();
            format!("{file} cannot be written ({}); {}", trouble.cause.name(), trouble.advice())
        }
        None => "messages could not be stored; the log says why".to_owned(),
    }
}
