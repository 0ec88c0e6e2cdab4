//! What is told to a session's actor of its client: waits here until the actor takes it.
//!
//! Whoever tells does not wait, and a server may make a client tell the same again and again. So the same is kept once of each
//! connection.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::life::client_events::{ClientEvent, ConnectionEvent};

/// Different stream errors that wait; each ends a connection.
const STREAM_ERRORS: usize = 16;

/// From the client to its session's actor.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    waiting: Mutex<VecDeque<ConnectionEvent>>,
    more: Notify,
}

impl Signals {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<ConnectionEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the actor something.
    pub(crate) fn tell(&self, round: u64, event: ClientEvent) {
        let mut waiting = self.waiting();
        let is_error = |event: &ClientEvent| matches!(event, ClientEvent::StreamError(_));
        let too_many = is_error(&event)
            && waiting.iter().filter(|known| is_error(&known.event)).count() >= STREAM_ERRORS;
        match waiting.iter_mut().find(|known| known.round == round && says_the_same(&known.event, &event)) {
            // Only the newest code can be scanned, and the newest challenge answered.
            Some(known) if matches!(event, ClientEvent::Qr(..) | ClientEvent::PasskeyRequired(_)) => {
                known.event = event;
            }
            Some(_) => {}
            None if too_many => {}
            None => waiting.push_back(ConnectionEvent { round, event }),
        }
        drop(waiting);
        self.more.notify_one();
    }

    /// The next thing that was told. The actor alone asks.
    pub(crate) async fn next(&self) -> ConnectionEvent {
        loop {
            if let Some(next) = self.waiting().pop_front() {
                return next;
            }
            self.more.notified().await;
        }
    }
}

/// Whether the actor would learn nothing from the second one.
fn says_the_same(known: &ClientEvent, new: &ClientEvent) -> bool {
    match (known, new) {
        (ClientEvent::StreamError(known), ClientEvent::StreamError(new)) => known == new,
        (ClientEvent::Compared(known), ClientEvent::Compared(new)) => {
            discriminant(known) == discriminant(new)
        }
        (ClientEvent::QrExpired(known), ClientEvent::QrExpired(new)) => known == new,
        (known, new) => discriminant(known) == discriminant(new),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;

    fn taken(signals: &Signals) -> Vec<String> {
        std::iter::from_fn(|| signals.next().now_or_never()).map(|told| format!("{:?}", told.event)).collect()
    }

    #[test]
    fn the_same_is_told_once_of_each_connection_and_in_its_order() {
        let signals = Signals::default();
        for second in 1..1000 {
            signals.tell(1, ClientEvent::Qr(format!("code {second}"), Duration::from_secs(second)));
            signals.tell(1, ClientEvent::PushName);
            signals.tell(1, ClientEvent::StreamError("515".to_owned()));
        }
        signals.tell(1, ClientEvent::StreamError("503".to_owned()));
        signals.tell(1, ClientEvent::Ended);
        signals.tell(2, ClientEvent::Ended);
        let expected = [
            r#"Qr("code 999", 999s)"#,
            "PushName",
            r#"StreamError("515")"#,
            r#"StreamError("503")"#,
            "Ended",
            "Ended",
        ];
        assert_eq!(taken(&signals), expected);
        signals.tell(1, ClientEvent::PushName);
        assert_eq!(taken(&signals), ["PushName"], "it is news once the one before was taken");
    }

    #[test]
    fn a_server_cannot_fill_the_memory_with_stream_errors() {
        let signals = Signals::default();
        for code in 0..1000 {
            signals.tell(1, ClientEvent::StreamError(code.to_string()));
        }
        signals.tell(1, ClientEvent::Ended);
        assert_eq!(taken(&signals).len(), STREAM_ERRORS + 1);
    }
}
