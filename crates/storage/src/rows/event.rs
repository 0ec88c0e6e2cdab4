use std::fmt;

/// The second name that an event is told under, as `message.any` is of `message`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecondName {
    /// The event's id under this name.
    pub id: String,
    /// WAHA's event name.
    pub name: String,
    /// Keys of the subscriptions that must hear of it under this name.
    pub subscriptions: Vec<String>,
}

impl fmt::Debug for SecondName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondName").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// An event about to be committed.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// `evt_` and a ULID; what receivers tell repeats by.
    pub id: String,
    /// The session it happened in.
    pub session: String,
    /// The chat whose events stay in order; empty for events of the whole session.
    pub chat: String,
    /// WAHA's event name, such as `message.any`.
    pub name: String,
    /// The webhook body as JSON text without its beginning, which differs between its names. Stored, so that every
    /// attempt sends the same bytes.
    pub rest: String,
    /// When it happened; its deliveries are due from this moment.
    pub timestamp_ms: i64,
    /// Keys of the subscriptions that must hear of it: one outbox row each.
    pub subscriptions: Vec<String>,
    /// The name that it is told under as well.
    pub also: Option<SecondName>,
    /// A live stream asked for it, so it is stored also when no receiver is owed it.
    pub kept: bool,
}

impl NewEvent {
    /// Whether somebody asked for it, under any of its names: a receiver, or a live stream.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        let also = self.also.as_ref().is_some_and(|also| !also.subscriptions.is_empty());
        also || self.kept || !self.subscriptions.is_empty()
    }
}

/// A committed event under one of its names.
#[derive(Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Position among the events of its session; grows in commit order, never reused. An event has it once, whatever its
    /// names. 0 when it was not stored, because nobody asked for it.
    pub seq: i64,
    /// `evt_` and a ULID.
    pub id: String,
    /// The session it happened in.
    pub session: String,
    /// The ordering key; empty for events of the whole session.
    pub chat: String,
    /// WAHA's event name.
    pub name: String,
    /// The webhook body without its beginning (see [`NewEvent::rest`]).
    pub rest: String,
    /// When it happened.
    pub timestamp_ms: i64,
}

impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for EventRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRow")
            .field("seq", &self.seq)
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Which part of the log of all events; see [`crate::EventRows::event_log`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLogQuery {
    /// Only what stands behind this position.
    pub after: i64,
    /// Only events of this session.
    pub session: Option<String>,
    /// Only events of these names; all when it is empty.
    pub names: Vec<String>,
    /// So many rows at most; an event of two names is one.
    pub limit: u32,
}

/// An event under one of its names, in the log of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its position; grows in commit order over all sessions, never reused.
    pub position: i64,
    /// The event.
    pub event: EventRow,
}

/// A part of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLogPage {
    /// Its events, in their order.
    pub events: Vec<LoggedEvent>,
    /// Everything up to this position was looked at.
    pub upto: i64,
}

/// What is left of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventLogBounds {
    /// The last position that was given.
    pub last: i64,
    /// Positions up to this one were forgotten because they were old.
    pub forgotten: i64,
}

/// What readers of live streams asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReaderRow {
    /// What, as text.
    pub reader: String,
    /// The position behind which all of its events are stored.
    pub since: i64,
    /// Until when its events are stored.
    pub until_ms: i64,
}
