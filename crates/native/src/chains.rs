//! Moving our own sending chains on, so that an older copy of a whole machine uses no key a second time.
//!
//! Such a copy cannot be told from a process that was killed: everything that could tell it was rolled back with it. What it
//! cannot know of is the server. So two things are done together. The gateway uploads one pre-key of its own before the
//! first send of a run and after every hundred or so: a copy from before such an upload sees on the server a pre-key that it
//! never made. And what was sent since the last upload is passed over: the chains move on by more steps than that, each when
//! it is loaded first.
//!
//! Receivers keep a key for each message that they did not get, and refuse a message that is more than 2,000 ahead
//! (`MAX_FORWARD_JUMPS` of libsignal; libsignal-node has the same number). A chain that moved on three times and was never
//! used is therefore left where it is.

use std::collections::HashMap;
use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use whatsapp_rust::wacore::libsignal::protocol::{SenderKeyRecord, SessionRecord};

use crate::error::{NativeError, store};
use crate::rows;

/// How far a chain moves on. The client adds up to 64, its own reserve.
pub const STEPS: u32 = 256;

/// How often a chain moves on that is not used in between.
const MOST_UNUSED: u32 = 3;

pub(crate) const MAKE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS wakeeper_epoch (
         id INTEGER PRIMARY KEY CHECK (id = 1), next_pre_key_id INTEGER NOT NULL, number INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS wakeeper_chain (
         name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, counter INTEGER NOT NULL, unused INTEGER NOT NULL)",
];

/// A chain that we encrypt with, by the name of its row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chain {
    /// The Signal session with a device.
    SignalSession(String),
    /// Our own sender key of a group.
    SenderKey(String),
}

impl Chain {
    fn name(&self) -> String {
        match self {
            Self::SignalSession(row) => format!("signal-session {row}"),
            Self::SenderKey(row) => format!("sender-key {row}"),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        match name.split_once(' ')? {
            ("signal-session", row) => Some(Self::SignalSession(row.to_owned())),
            ("sender-key", row) => Some(Self::SenderKey(row.to_owned())),
            _ => None,
        }
    }
}

/// When a chain moved on last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// In which epoch.
    pub epoch: i64,
    /// The counter it came to.
    pub counter: u32,
    /// How often it moved on since it was used.
    pub unused: u32,
}

/// What is known of the chains when a run begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Epoch {
    /// Counts the runs before which pre-keys were uploaded: in each, every chain moves on once. 0 when there was none yet.
    pub number: i64,
    /// The chains that moved on.
    pub moved: HashMap<Chain, Moved>,
}

/// A record whose chain moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    /// The record.
    pub record: Vec<u8>,
    /// What is to be stored of it once the record is.
    pub moved: Moved,
}

/// Moves the chain of a record on, unless that was done in this epoch. `None` when the record stays as it is.
pub fn advance(chain: &Chain, record: &[u8], epoch: i64, last: Option<Moved>) -> Option<Advanced> {
    if epoch == 0 || last.is_some_and(|last| last.epoch == epoch) {
        return None;
    }
    let (record, from, to) = match chain {
        Chain::SignalSession(_) => signal_session(record)?,
        Chain::SenderKey(_) => sender_key(record)?,
    };
    let unused = last.filter(|last| last.counter == from).map_or(0, |last| last.unused);
    (unused < MOST_UNUSED)
        .then_some(Advanced { record, moved: Moved { epoch, counter: to, unused: unused + 1 } })
}

/// The client's own reserve does the work: a record that is read by a new process begins at the end of it.
fn signal_session(record: &[u8]) -> Option<(Vec<u8>, u32, u32)> {
    let mut record = SessionRecord::deserialize(record).ok()?;
    let from = record.session_state()?.get_sender_chain_key().ok()?.index();
    record.reserve_sender_chain_counters(from.saturating_add(STEPS));
    Some((record.serialize().ok()?, from, record.reserved_sender_chain_index()))
}

fn sender_key(record: &[u8]) -> Option<(Vec<u8>, u32, u32)> {
    let mut record = SenderKeyRecord::deserialize(record).ok()?;
    let from = record.sender_key_state().ok()?.sender_chain_key()?.iteration();
    record.reserve_iterations(from.saturating_add(STEPS));
    Some((record.serialize().ok()?, from, record.reserved_iteration()))
}

/// Begins an epoch when pre-keys were made since the last run began.
pub(crate) async fn begin(connection: &mut SqliteConnection) -> Result<Epoch, sqlx::Error> {
    sqlx::query(
        "INSERT INTO wakeeper_epoch (id, next_pre_key_id, number) SELECT 1, next_pre_key_id, 0 FROM device LIMIT 1
         ON CONFLICT (id) DO UPDATE SET number = number + (next_pre_key_id <> excluded.next_pre_key_id),
             next_pre_key_id = excluded.next_pre_key_id",
    )
    .execute(&mut *connection)
    .await?;
    let number: Option<i64> =
        sqlx::query_scalar("SELECT number FROM wakeeper_epoch").fetch_optional(&mut *connection).await?;
    let mut epoch = Epoch { number: number.unwrap_or(0), moved: HashMap::new() };
    let rows = sqlx::query("SELECT name, epoch, counter, unused FROM wakeeper_chain");
    for row in rows.fetch_all(connection).await? {
        let moved = Moved {
            epoch: row.try_get("epoch")?,
            counter: row.try_get("counter")?,
            unused: row.try_get("unused")?,
        };
        if let Some(chain) = Chain::of_name(row.try_get("name")?) {
            epoch.moved.insert(chain, moved);
        }
    }
    Ok(epoch)
}

/// Forgets all chains, because they are negotiated anew.
pub(crate) async fn forget(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM wakeeper_chain").execute(connection).await.map(drop)
}

/// Stores which chains moved on, after their records were stored.
///
/// # Errors
/// When the database cannot be written. Then they move on once more in the next run, which costs nothing but numbers.
pub async fn stored(database: &Path, moved: &[(Chain, Moved)]) -> Result<(), NativeError> {
    let failed = || store("mark the chains of", database);
    let mut connection = rows::connect(database, false).await?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed())?;
    for (chain, moved) in moved {
        sqlx::query(
            "INSERT INTO wakeeper_chain (name, epoch, counter, unused) VALUES (?, ?, ?, ?)
             ON CONFLICT (name) DO UPDATE
             SET epoch = excluded.epoch, counter = excluded.counter, unused = excluded.unused",
        )
        .bind(chain.name())
        .bind(moved.epoch)
        .bind(moved.counter)
        .bind(moved.unused)
        .execute(&mut *transaction)
        .await
        .map_err(failed())?;
    }
    transaction.commit().await.map_err(failed())?;
    connection.close().await.map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore::libsignal::protocol::{
        SenderChainKeyComponents, SenderKeyRecordComponents, SenderKeyStateComponents,
        SenderSigningKeyComponents,
    };

    fn chain() -> Chain {
        Chain::SenderKey("group:user@lid:0".to_owned())
    }

    fn record(iteration: u32) -> Vec<u8> {
        let state = SenderKeyStateComponents {
            key_id: 7,
            chain_key: SenderChainKeyComponents { iteration, seed: vec![1; 32] },
            signing_key: SenderSigningKeyComponents {
                public: [&[5_u8][..], &[9; 32]].concat(),
                private: Some(vec![3; 32]),
            },
            message_keys: Vec::new(),
        };
        SenderKeyRecord::from_components(SenderKeyRecordComponents { states: vec![state] })
            .unwrap()
            .serialize()
            .unwrap()
    }

    fn iteration(record: &[u8]) -> u32 {
        let record = SenderKeyRecord::deserialize(record).unwrap();
        record.sender_key_state().unwrap().sender_chain_key().unwrap().iteration()
    }

    #[test]
    fn a_chain_moves_on_once_in_an_epoch_and_by_more_than_a_run_may_send() {
        assert_eq!(advance(&chain(), &record(10), 0, None), None, "nothing was ever uploaded");
        let first = advance(&chain(), &record(10), 1, None).unwrap();
        assert!(iteration(&first.record) >= 10 + STEPS, "came to {}", iteration(&first.record));
        assert_eq!(first.moved, Moved { epoch: 1, counter: iteration(&first.record), unused: 1 });
        assert_eq!(advance(&chain(), &first.record, 1, Some(first.moved)), None);
    }

    #[test]
    fn a_chain_that_nobody_uses_stays_within_what_receivers_accept() {
        let (mut stored, mut last) = (record(10), None);
        for epoch in 1..20 {
            if let Some(advanced) = advance(&chain(), &stored, epoch, last) {
                (stored, last) = (advanced.record, Some(advanced.moved));
            }
        }
        assert!(iteration(&stored) < 10 + 2_000, "came to {}", iteration(&stored));
        // One message later it moves on again.
        let mut used = SenderKeyRecord::deserialize(&stored).unwrap();
        used.reserve_iterations(iteration(&stored));
        let before = used.reserved_iteration();
        let advanced = advance(&chain(), &used.serialize().unwrap(), 20, last).unwrap();
        assert!(iteration(&advanced.record) >= before + STEPS);
        assert_eq!(advanced.moved.unused, 1);
    }

    #[test]
    fn what_is_no_record_stays_as_it_is() {
        assert_eq!(advance(&chain(), b"no record", 1, None), None);
        assert_eq!(advance(&Chain::SignalSession("a.0".into()), b"", 1, None), None);
    }

    #[test]
    fn a_chain_is_found_again_by_its_name() {
        for chain in [chain(), Chain::SignalSession("1@s.whatsapp.net.0".into())] {
            assert_eq!(Chain::of_name(&chain.name()), Some(chain));
        }
        assert_eq!(Chain::of_name("something else"), None);
    }
}
