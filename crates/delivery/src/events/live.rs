//! What live readers hear of a commit: its events in their order, also those that nobody is owed and that are not stored.

use wakeeper_storage::{Change, CommitBatch, CommitOutcome, EventRow, NewEvent, SecondName};

/// What is told of one event of a change that was applied.
enum Told {
    /// As so many rows of the outcome say.
    Stored(usize),
    /// As it is told here.
    Unstored(Vec<EventRow>),
}

/// What is told of a commit once it is done, for each of its changes.
pub(super) struct Telling(Vec<Vec<Told>>);

impl Telling {
    /// Takes what nobody is owed out of a batch: it is not stored.
    pub(super) fn of(batch: &mut CommitBatch) -> Self {
        Self(batch.changes.iter_mut().map(take_unowed).collect())
    }

    /// The events of the changes that were applied.
    pub(super) fn after(self, outcome: &CommitOutcome) -> Vec<EventRow> {
        let mut stored = outcome.events.iter().cloned();
        let mut told = Vec::new();
        for (change, applied) in self.0.into_iter().zip(&outcome.applied) {
            if !applied {
                continue;
            }
            for event in change {
                match event {
                    Told::Stored(rows) => told.extend(stored.by_ref().take(rows)),
                    Told::Unstored(rows) => told.extend(rows),
                }
            }
        }
        told
    }
}

fn take_unowed(change: &mut Change) -> Vec<Told> {
    let (Change::Message { events, .. }
    | Change::Ack { events, .. }
    | Change::Status { events, .. }
    | Change::Events(events)) = change
    else {
        return Vec::new();
    };
    let mut told = Vec::with_capacity(events.len());
    let mut owed = Vec::with_capacity(events.len());
    for event in events.drain(..) {
        if is_owed(&event) {
            told.push(Told::Stored(1 + usize::from(event.also.is_some())));
            owed.push(event);
        } else {
            told.push(Told::Unstored(rows(event)));
        }
    }
    *events = owed;
    told
}

fn is_owed(event: &NewEvent) -> bool {
    !event.subscriptions.is_empty() || event.also.as_ref().is_some_and(|also| !also.subscriptions.is_empty())
}

/// The event under each of its names. One that is not stored has no number.
fn rows(event: NewEvent) -> Vec<EventRow> {
    let NewEvent { id, session, chat, name, rest, timestamp_ms, also, .. } = event;
    let first = EventRow { seq: 0, id, session, chat, name, rest, timestamp_ms };
    let second = also.map(|SecondName { id, name, .. }| EventRow { id, name, ..first.clone() });
    [Some(first), second].into_iter().flatten().collect()
}
