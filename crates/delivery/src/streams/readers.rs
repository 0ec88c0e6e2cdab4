//! What readers of live streams ask for, now and a while ago.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wakeeper_model::Clock;
use wakeeper_storage::{EventLogQuery, EventReaderRow, Storage, StorageError};

use super::StreamError;

/// For so long the events that a stream asked for are stored after it ended.
pub const REMEMBERED: Duration = Duration::from_hours(1);
/// Streams at the same time.
pub(super) const MOST_STREAMS: usize = 256;
/// Of those, streams of one key: a quarter, so that no key takes them from the others.
pub(super) const MOST_OF_A_KEY: usize = MOST_STREAMS / 4;
/// Of those, streams of the administrator: a quarter is always left to keys.
pub(super) const MOST_OF_THE_ADMINISTRATOR: usize = MOST_STREAMS - MOST_OF_A_KEY;
/// Different wishes at the same time, those of streams that ended included: each event is held against all.
const MOST_WISHES: usize = 256;

/// Whose a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// The administrator's, or that of whoever may ask without a key.
    Administrator,
    /// That of the key with this id.
    Key(String),
}

impl Holder {
    /// How many streams it may have at the same time.
    fn most(&self) -> usize {
        match self {
            Self::Administrator => MOST_OF_THE_ADMINISTRATOR,
            Self::Key(_) => MOST_OF_A_KEY,
        }
    }
}

/// What a stream is to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wish {
    /// Events of this session; of all without it.
    pub session: Option<String>,
    /// Events of these names; of all when there is none.
    pub names: BTreeSet<String>,
}

impl Wish {
    pub(super) fn query(&self, limit: u32) -> EventLogQuery {
        let names = self.names.iter().cloned().collect();
        EventLogQuery { after: 0, session: self.session.clone(), names, limit }
    }

    fn is_met_by(&self, session: &str, name: &str) -> bool {
        self.session.as_deref().is_none_or(|wanted| wanted == session)
            && (self.names.is_empty() || self.names.contains(name))
    }
}

/// Who reads, and who read until a while ago.
pub(crate) struct Readers {
    clock: Clock,
    wishes: Mutex<HashMap<Wish, Standing>>,
    /// How many streams each has that has any.
    held: Mutex<HashMap<Holder, usize>>,
    /// Grows with every commit.
    commits: watch::Sender<u64>,
    /// How many streams are open.
    open: watch::Sender<usize>,
    ending: CancellationToken,
    /// One write at a time, so that an older one does not come after a newer.
    keeping: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    streams: usize,
    /// Of one without a stream.
    until_ms: i64,
    /// All of its events behind this position are stored.
    since: i64,
}

impl Standing {
    fn is_alive(&self, now_ms: i64) -> bool {
        self.streams > 0 || self.until_ms > now_ms
    }
}

impl Readers {
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            wishes: Mutex::default(),
            held: Mutex::default(),
            commits: watch::Sender::new(0),
            open: watch::Sender::new(0),
            ending: CancellationToken::new(),
            keeping: tokio::sync::Mutex::new(()),
        })
    }

    /// Whether an event is to be stored for a reader.
    pub fn want(&self, session: &str, name: &str) -> bool {
        let wishes = self.wishes();
        if wishes.is_empty() {
            return false;
        }
        let now_ms = self.clock.now_ms();
        wishes.iter().any(|(wish, standing)| standing.is_alive(now_ms) && wish.is_met_by(session, name))
    }

    /// Something was committed.
    pub fn committed(&self) {
        self.commits.send_modify(|commits| *commits = commits.wrapping_add(1));
    }

    pub(super) fn wake(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Takes up what an earlier process remembered.
    pub(super) fn load(&self, rows: Vec<EventReaderRow>) {
        let now_ms = self.clock.now_ms();
        let mut wishes = self.wishes();
        for EventReaderRow { reader, since, until_ms } in rows {
            let Ok(wish) = serde_json::from_str::<Wish>(&reader) else {
                tracing::warn!(
                    "what a live stream asked for cannot be read; it may have a gap when it comes back"
                );
                continue;
            };
            let standing = Standing { streams: 0, until_ms, since };
            if standing.is_alive(now_ms) && wishes.len() < MOST_WISHES {
                wishes.entry(wish).or_insert(standing);
            }
        }
    }

    /// A stream of this wish begins. From the answer on its events are stored.
    pub(super) async fn open(
        self: &Arc<Self>,
        storage: &Arc<dyn Storage>,
        wish: &Wish,
        holder: &Holder,
    ) -> Result<Reading, StreamError> {
        let mut reading = self.enter(wish, holder)?;
        if reading.is_new {
            // Whoever was anywhere before it has a gap, also where nothing was stored since.
            reading.since = storage.mark_event_log().await?;
            if let Some(standing) = self.wishes().get_mut(wish) {
                standing.since = reading.since;
            }
            self.keep(storage).await?;
        }
        Ok(reading)
    }

    fn enter(self: &Arc<Self>, wish: &Wish, holder: &Holder) -> Result<Reading, StreamError> {
        let now_ms = self.clock.now_ms();
        let mut held = self.held();
        let its = held.get(holder).copied().unwrap_or_default();
        if its >= holder.most() {
            return Err(StreamError::TooManyOfOne(its));
        }
        let mut wishes = self.wishes();
        if wishes.values().map(|standing| standing.streams).sum::<usize>() >= MOST_STREAMS {
            return Err(StreamError::TooMany(MOST_STREAMS));
        }
        wishes.retain(|_, standing| standing.is_alive(now_ms));
        if !wishes.contains_key(wish) && wishes.len() >= MOST_WISHES {
            // Whoever is away makes room for whoever is there.
            let away = wishes.iter().filter(|(_, standing)| standing.streams == 0);
            let oldest = away.min_by_key(|(_, standing)| standing.until_ms).map(|(wish, _)| wish.clone());
            wishes.remove(&oldest.ok_or(StreamError::TooManyWishes(MOST_WISHES))?);
        }
        let fresh = Standing { streams: 0, until_ms: 0, since: i64::MAX };
        let standing = wishes.entry(wish.clone()).or_insert(fresh);
        standing.streams += 1;
        held.insert(holder.clone(), its + 1);
        let since = standing.since;
        let is_new = since == i64::MAX;
        self.open.send_modify(|open| *open += 1);
        metrics::gauge!("wakeeper_live_streams").set(*self.open.borrow() as f64);
        Ok(Reading { readers: Arc::clone(self), wish: wish.clone(), holder: holder.clone(), since, is_new })
    }

    /// Stores what is asked for, for as long as it is remembered.
    pub async fn keep(&self, storage: &Arc<dyn Storage>) -> Result<(), StorageError> {
        let _alone = self.keeping.lock().await;
        let now_ms = self.clock.now_ms();
        let rows = {
            let mut wishes = self.wishes();
            wishes.retain(|_, standing| standing.is_alive(now_ms));
            let row = |(wish, standing): (&Wish, &Standing)| EventReaderRow {
                reader: serde_json::to_string(wish).unwrap_or_default(),
                since: standing.since,
                until_ms: if standing.streams > 0 { remembered(now_ms) } else { standing.until_ms },
            };
            wishes.iter().map(row).collect::<Vec<_>>()
        };
        storage.put_event_readers(rows).await
    }

    /// Whether anything is or was remembered, so that there is something to store.
    pub fn is_idle(&self) -> bool {
        self.wishes().is_empty()
    }

    pub(super) async fn end(&self, patience: Duration) {
        self.ending.cancel();
        let mut open = self.open.subscribe();
        let ended = tokio::time::timeout(patience, open.wait_for(|open| *open == 0)).await;
        if ended.is_err() {
            tracing::warn!("live streams that nobody reads were cut off");
        }
    }

    fn leave(&self, wish: &Wish, holder: &Holder) {
        let mut held = self.held();
        match held.get_mut(holder) {
            Some(its) if *its > 1 => *its -= 1,
            _ => drop(held.remove(holder)),
        }
        drop(held);
        if let Some(standing) = self.wishes().get_mut(wish) {
            standing.streams = standing.streams.saturating_sub(1);
            standing.until_ms = remembered(self.clock.now_ms());
        }
        self.open.send_modify(|open| *open = open.saturating_sub(1));
        metrics::gauge!("wakeeper_live_streams").set(*self.open.borrow() as f64);
    }

    /// Taken before the wishes, where both are.
    fn held(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wishes(&self) -> MutexGuard<'_, HashMap<Wish, Standing>> {
        // Nothing panics while it holds the lock.
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remembered(now_ms: i64) -> i64 {
    now_ms.saturating_add(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX))
}

/// A stream is open until this is dropped.
pub(super) struct Reading {
    readers: Arc<Readers>,
    wish: Wish,
    holder: Holder,
    pub(super) since: i64,
    is_new: bool,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.readers.leave(&self.wish, &self.holder);
    }
}
