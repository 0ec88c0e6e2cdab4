//! Calls, as WhatsApp tells of them, to events; and those that ring now, for callers to decline.
//!
//! The signals are those of whatsapp-rust's `wacore::types::call`. A call that rings here ends once for whoever listens: it is
//! taken, declined, or given up by who called.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use wakeeper_model::ChatId;
use wakeeper_storage::NewEvent;
use wakeeper_waha::{CallData, EventName};
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::types::call::{CallAction, IncomingCall};

use crate::address;
use crate::inbound::inbox::Inbox;

/// Calls that ring at the same time, and those that are remembered when they ended; beyond these the oldest is forgotten.
const MOST: usize = 100;
/// How long a call rings at most. WhatsApp's apps give up after about a minute; the signal of that may be lost.
const LONGEST_MS: i64 = 90_000;
/// Longest id of a call, in bytes. WhatsApp's have 32.
const LONGEST_ID: usize = 128;
/// Another device of this account took the call.
const ACCEPTED_ELSEWHERE: &str = "accepted_elsewhere";
/// The device that says so cannot take the call; the others still ring.
const BUSY: &str = "busy";

/// A call that rings.
#[derive(Clone)]
pub(crate) struct Ringing {
    /// Its id.
    pub id: String,
    /// The device that calls.
    pub peer: Jid,
    /// Who began it, as every later signal must name them.
    pub creator: Jid,
    /// Who calls, as callers of the API know them.
    pub from: Option<ChatId>,
    /// Their other name.
    pub from_alt: Option<ChatId>,
    video: bool,
    group: bool,
}

/// The calls that ring now, and those that did lately.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Each with the moment when it began, in Unix milliseconds.
    ringing: VecDeque<(i64, Ringing)>,
    /// The ids of the last that ended: a signal that comes late, or again, begins none anew.
    ended: VecDeque<String>,
}

impl Inner {
    fn over(&mut self, id: String) {
        if self.ended.len() == MOST {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
    }

    /// Takes out what rings no more, though nobody said so.
    fn forget_old(&mut self, now_ms: i64) {
        while self.ringing.front().is_some_and(|(since, _)| now_ms.saturating_sub(*since) > LONGEST_MS)
            && let Some((_, call)) = self.ringing.pop_front()
        {
            self.over(call.id);
        }
    }
}

impl Calls {
    fn inner(&self, now_ms: i64) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.forget_old(now_ms);
        inner
    }

    /// The call of that id, if it rings.
    pub(crate) fn find(&self, id: &str, now_ms: i64) -> Option<Ringing> {
        let inner = self.inner(now_ms);
        inner.ringing.iter().find(|(_, call)| call.id == id).map(|(_, call)| call.clone())
    }

    /// It rings no more; what it was, if it rang.
    pub(crate) fn end(&self, id: &str, now_ms: i64) -> Option<Ringing> {
        let mut inner = self.inner(now_ms);
        let at = inner.ringing.iter().position(|(_, call)| call.id == id)?;
        let (_, call) = inner.ringing.remove(at)?;
        inner.over(call.id.clone());
        Some(call)
    }

    /// It rings; `false` when it did before.
    fn begin(&self, call: Ringing, now_ms: i64) -> bool {
        let mut inner = self.inner(now_ms);
        if inner.ringing.iter().any(|(_, known)| known.id == call.id) || inner.ended.contains(&call.id) {
            return false;
        }
        if inner.ringing.len() == MOST
            && let Some((_, oldest)) = inner.ringing.pop_front()
        {
            inner.over(oldest.id);
        }
        inner.ringing.push_back((now_ms, call));
        true
    }

    /// They were another account's.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Inner::default();
    }
}

/// The events of one signal; none when it tells nothing new.
pub(super) async fn events(inbox: &Inbox, call: &IncomingCall) -> Vec<NewEvent> {
    let calls = inbox.state.calls();
    let (name, ringing) = match &call.action {
        CallAction::Offer { call_id, call_creator, caller_pn, is_video, group_jid, .. } => {
            let begun = (call_id, call_creator, caller_pn.as_ref());
            let Some(ringing) = rings(inbox, call, begun, *is_video, group_jid.is_some()).await else {
                return Vec::new();
            };
            (EventName::CallReceived, ringing)
        }
        CallAction::OfferNotice { call_id, call_creator, is_video, is_group } => {
            let begun = (call_id, call_creator, None);
            let Some(ringing) = rings(inbox, call, begun, *is_video, *is_group).await else {
                return Vec::new();
            };
            (EventName::CallReceived, ringing)
        }
        action => {
            let Some(name) = ended(action) else { return Vec::new() };
            let Some(ringing) = calls.end(action.call_id(), inbox.state.clock().now_ms()) else {
                return Vec::new();
            };
            (name, ringing)
        }
    };
    let data = serde_json::to_value(call).unwrap_or_else(|_| json!({}));
    event(inbox, name, &ringing, call.timestamp.timestamp(), data).into_iter().collect()
}

/// Which end of its ringing a signal is; `None` when it still rings.
fn ended(action: &CallAction) -> Option<EventName> {
    match action {
        CallAction::Accept { .. } => Some(EventName::CallAccepted),
        CallAction::Terminate { reason, .. } if reason.as_deref() == Some(ACCEPTED_ELSEWHERE) => {
            Some(EventName::CallAccepted)
        }
        CallAction::Reject { reason, .. } if reason.as_deref() == Some(BUSY) => None,
        CallAction::Reject { .. } | CallAction::Terminate { .. } => Some(EventName::CallRejected),
        _ => None,
    }
}

/// A call that begins to ring; `None` when it rings already, or when this account began it.
async fn rings(
    inbox: &Inbox,
    call: &IncomingCall,
    (id, creator, caller_pn): (&String, &Jid, Option<&Jid>),
    video: bool,
    group: bool,
) -> Option<Ringing> {
    if id.is_empty() || id.len() > LONGEST_ID || inbox.state.is_own(creator) {
        return None;
    }
    let from = match inbox.state.client() {
        Some(client) => address::resolve(&client, creator, caller_pn).await,
        None => address::chat_id(creator).map(|id| address::Address { id, alt: None }),
    };
    let (from, from_alt) = from.map_or((None, None), |address| (Some(address.id), address.alt));
    let (id, peer, creator) = (id.clone(), call.from.clone(), creator.clone());
    let ringing = Ringing { id, peer, creator, from, from_alt, video, group };
    let now_ms = inbox.state.clock().now_ms();
    inbox.state.calls().begin(ringing.clone(), now_ms).then_some(ringing)
}

fn event(inbox: &Inbox, name: EventName, call: &Ringing, timestamp: i64, data: Value) -> Option<NewEvent> {
    let payload = payload(call, timestamp, data);
    let chat = call.from.as_ref().map(ToString::to_string).unwrap_or_default();
    inbox.journal.event(inbox.state.name(), &chat, name, &payload.into())
}

/// What is told of a call.
pub(crate) fn payload(call: &Ringing, timestamp: i64, data: Value) -> CallData {
    CallData {
        id: call.id.clone(),
        from: call.from.clone(),
        timestamp,
        is_video: call.video,
        is_group: call.group,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ringing(id: usize) -> Ringing {
        let jid: Jid = "628111@s.whatsapp.net".parse().unwrap();
        Ringing {
            id: id.to_string(),
            peer: jid.clone(),
            creator: jid,
            from: None,
            from_alt: None,
            video: false,
            group: false,
        }
    }

    #[test]
    fn a_call_begins_and_ends_once() {
        let calls = Calls::default();
        assert!(calls.begin(ringing(1), 0) && !calls.begin(ringing(1), 1));
        assert!(calls.find("1", 1).is_some());
        assert!(calls.end("1", 2).is_some() && calls.end("1", 2).is_none());
        assert!(!calls.begin(ringing(1), 3), "it ended; its offer came again");
        for id in 2..MOST + 2 {
            assert!(calls.begin(ringing(id), 4) && calls.end(&id.to_string(), 4).is_some());
        }
        assert!(calls.begin(ringing(1), 5), "so many ended since that it is not known any more");
    }

    #[test]
    fn no_call_rings_for_ever() {
        let calls = Calls::default();
        assert!(calls.begin(ringing(1), 0) && calls.begin(ringing(2), 1));
        assert!(calls.find("1", LONGEST_MS).is_some() && calls.find("1", LONGEST_MS + 1).is_none());
        assert!(!calls.begin(ringing(1), LONGEST_MS + 1), "it is not told a second time");
        assert!(calls.end("2", LONGEST_MS + 1).is_some());
    }

    #[test]
    fn many_calls_push_the_oldest_out() {
        let calls = Calls::default();
        for id in 0..=MOST {
            assert!(calls.begin(ringing(id), 0));
        }
        assert!(calls.find("0", 0).is_none() && calls.find("1", 0).is_some());
    }

    #[test]
    fn another_account_has_other_calls() {
        let calls = Calls::default();
        assert!(calls.begin(ringing(1), 0) && calls.begin(ringing(2), 0) && calls.end("2", 0).is_some());
        calls.clear();
        assert!(calls.find("1", 0).is_none() && calls.begin(ringing(2), 0));
    }

    #[test]
    fn what_ends_the_ringing_is_told_apart() {
        let (call_id, call_creator) = ("1".to_owned(), ringing(1).creator);
        let reject = |reason: Option<&str>| CallAction::Reject {
            call_id: call_id.clone(),
            call_creator: call_creator.clone(),
            reason: reason.map(str::to_owned),
        };
        let terminate = |reason: Option<&str>| CallAction::Terminate {
            call_id: call_id.clone(),
            call_creator: call_creator.clone(),
            reason: reason.map(str::to_owned),
            duration: None,
            audio_duration: None,
        };
        assert_eq!(ended(&reject(Some("busy"))), None);
        assert_eq!(ended(&reject(None)), Some(EventName::CallRejected));
        assert_eq!(ended(&terminate(Some("accepted_elsewhere"))), Some(EventName::CallAccepted));
        for reason in [None, Some("timeout"), Some("rejected_elsewhere")] {
            assert_eq!(ended(&terminate(reason)), Some(EventName::CallRejected));
        }
    }
}
