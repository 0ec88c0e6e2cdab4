//! Live streams of events, and the log that they are read from.
//!
//! A stream is a place in the log of all events and a wish: of which session, which events. It is read from the rows, a page
//! at a time, whenever something was committed; so a slow reader costs no memory, and one that broke off goes on where it was.
//!
//! **What is there when it comes back.** An event is stored when a receiver of webhooks asked for it or a stream did: also
//! while the stream is away, for [`REMEMBERED`], through restarts. Stored events stay for a day. Whoever stays away for longer
//! is told that there is a gap: see [`Stream::gap`].

mod readers;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wakeeper_model::RowsFailure;
use wakeeper_storage::{EventLogQuery, LoggedEvent, Storage, StorageError};

pub(crate) use self::readers::Readers;
use self::readers::Reading;
pub use self::readers::{Holder, REMEMBERED, Wish};
use crate::events::body;

/// How often what streams ask for is stored.
const KEPT_EVERY: Duration = Duration::from_mins(1);
/// Events that are read at once.
const PAGE: u32 = 100;

/// A stream could not begin or go on.
#[derive(Debug, Error)]
pub enum StreamError {
    /// There are as many as there may be.
    #[error("{0} live streams are open already")]
    TooMany(usize),
    /// One caller has as many as it may have.
    #[error("this key has {0} live streams open already, as many as it may")]
    TooManyOfOne(usize),
    /// Too many different wishes are remembered.
    #[error("live streams of {0} different kinds are open or remembered already")]
    TooManyWishes(usize),
    /// The rows could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl StreamError {
    /// What a caller can know of rows that could not be read or written; `None` when that was not it.
    #[must_use]
    pub fn failure(&self) -> Option<RowsFailure> {
        match self {
            Self::Storage(error) => Some(error.failure()),
            Self::TooMany(_) | Self::TooManyOfOne(_) | Self::TooManyWishes(_) => None,
        }
    }
}

/// An event as readers are told it.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Its position in the log of all events.
    pub position: i64,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The session that it happened in.
    pub session: String,
    /// The body, as webhooks have it.
    pub body: String,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl From<LoggedEvent> for Told {
    fn from(LoggedEvent { position, event }: LoggedEvent) -> Self {
        let body = body(&event.id, event.timestamp_ms, &event.name, &event.rest);
        Self { position, body, id: event.id, name: event.name, session: event.session }
    }
}

/// A page of the log.
#[derive(Debug)]
pub struct Page {
    /// Its events, the oldest first.
    pub events: Vec<Told>,
    /// Where the next page begins; what is passed over is not looked at again.
    pub upto: i64,
}

/// Where a stream begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    Now,
    /// Behind a position that a stream was at.
    Behind(i64),
    /// Behind an event, by its id.
    Event(String),
}

/// Opens streams, and reads the log. Cheap to clone.
#[derive(Clone)]
pub struct Streams {
    storage: Arc<dyn Storage>,
    readers: Arc<Readers>,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Streams {
    pub(crate) fn new(storage: Arc<dyn Storage>, readers: Arc<Readers>) -> Self {
        Self { storage, readers }
    }

    /// Takes up what streams asked for before this process began, so that its first events are there when they come back.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn remember(&self) -> Result<(), StreamError> {
        self.readers.load(self.storage.event_readers().await?);
        Ok(())
    }

    /// Opens a stream of this holder.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn open(&self, wish: Wish, start: Start, holder: &Holder) -> Result<Stream, StreamError> {
        let reading = self.readers.open(&self.storage, &wish, holder).await?;
        let bounds = self.storage.event_log_bounds().await?;
        let wanted = match start {
            Start::Now => None,
            Start::Behind(position) => Some(Some(position)),
            Start::Event(id) => Some(self.storage.event_position(&id).await?),
        };
        // Behind the end of the log is where only another log was.
        let known = wanted.flatten().filter(|position| *position <= bounds.last);
        let has_gap = wanted.is_some()
            && known.is_none_or(|position| position < bounds.forgotten || position < reading.since);
        let (position, wake) = (known.unwrap_or(bounds.last), self.readers.wake());
        let storage = Arc::clone(&self.storage);
        let query = wish.query(PAGE);
        let ready = VecDeque::new();
        Ok(Stream {
            storage,
            query,
            position,
            has_gap,
            ready,
            wake,
            ending: self.readers.ending(),
            _reading: reading,
        })
    }

    /// A page of the log behind a position.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn page(&self, wish: &Wish, after: i64, limit: u32) -> Result<Page, StreamError> {
        let page = self.storage.event_log(EventLogQuery { after, ..wish.query(limit) }).await?;
        Ok(Page { events: page.events.into_iter().map(Told::from).collect(), upto: page.upto })
    }

    /// The position of an event, by its id.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn position(&self, id: &str) -> Result<Option<i64>, StreamError> {
        Ok(self.storage.event_position(id).await?)
    }

    /// Stores what streams ask for, and for how long their events are kept.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub(crate) async fn keep(&self) -> Result<(), StorageError> {
        self.readers.keep(&self.storage).await
    }

    /// Ends all streams once they have told what is committed, and waits for that, at most for so long.
    pub async fn end(&self, patience: Duration) {
        if let Err(error) = self.keep().await {
            tracing::warn!(%error, "what live streams asked for is not stored; they may have a gap when they come back");
        }
        self.readers.end(patience).await;
    }
}

/// Once a minute: stores until when what streams ask for is remembered, so that a process that was killed has not forgotten it.
pub(crate) async fn keep_up(streams: Streams) {
    let ending = streams.readers.ending();
    let mut ticks = tokio::time::interval(KEPT_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first comes at once.
    ticks.tick().await;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ending.cancelled() => return,
        }
        if streams.readers.is_idle() {
            continue;
        }
        if let Err(error) = streams.keep().await {
            tracing::warn!(%error, "what live streams asked for is not stored");
        }
    }
}

/// Events as they happen, from a place in the log on.
pub struct Stream {
    storage: Arc<dyn Storage>,
    query: EventLogQuery,
    position: i64,
    has_gap: bool,
    ready: VecDeque<LoggedEvent>,
    wake: watch::Receiver<u64>,
    ending: CancellationToken,
    _reading: Reading,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Stream {
    /// Whether events may be missing between where it was to begin and where it does: they are too old, nobody asked for them
    /// then, or the place is not known.
    #[must_use]
    pub fn gap(&self) -> bool {
        self.has_gap
    }

    /// Where it is: behind everything that was told.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.position
    }

    /// The next event; `None` at the end, which comes when the gateway shuts down. Nothing is lost when it is not waited for.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn next(&mut self) -> Result<Option<Told>, StreamError> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                self.position = next.position;
                return Ok(Some(next.into()));
            }
            // What is committed from here on wakes it.
            self.wake.mark_unchanged();
            let is_last = self.ending.is_cancelled();
            let query = EventLogQuery { after: self.position, ..self.query.clone() };
            let page = self.storage.event_log(query).await?;
            if page.events.is_empty() {
                let more = page.upto > self.position;
                self.position = page.upto;
                if !more && is_last {
                    return Ok(None);
                }
                if !more {
                    tokio::select! {
                        _ = self.wake.changed() => {}
                        () = self.ending.cancelled() => {}
                    }
                }
            }
            self.ready = page.events.into();
        }
    }
}
