//! What nobody can use any more, and ratchets that are given up: chosen from the parts of a session, however it is stored.

use crate::finding::Subject;
use crate::state::{SessionState, SignalFacts};

/// A device that was silent for so long is gone, or will not mind one retry: half a year.
const IDLE_MS: i64 = 180 * 86_400_000;
/// WhatsApp holds at most the last upload of about 800 pre-keys; older ones were replaced twice over.
const PRE_KEYS_BEHIND: i64 = 2000;

/// A part that is taken out, and why.
pub type Removal = (Subject, &'static str);

/// Idle Signal sessions, sessions of devices that an account no longer has, and pre-keys far behind the counter. What a
/// store does not date is never idle.
pub fn stale(state: &SessionState, now_ms: i64) -> Vec<Removal> {
    let first = state.credentials().and_then(|c| c.first_unuploaded_pre_key_id).unwrap_or(0);
    let is_idle = |since: i64| now_ms.saturating_sub(since) > IDLE_MS;
    let old = state.pre_keys.iter().filter(|(id, written_ms)| {
        i64::from(**id) + PRE_KEYS_BEHIND < first && written_ms.is_some_and(is_idle)
    });
    let old = old.map(|(id, _)| (Subject::PreKey(*id), "WhatsApp replaced this pre-key long ago"));
    let is_idle = |facts: &SignalFacts| {
        facts.written_ms.is_some_and(|written| is_idle(written.max(facts.used).max(facts.created)))
    };
    let signal_sessions = state.signal_sessions.iter().filter_map(|(address, facts)| {
        let devices = state.device_lists.get(&address.user).filter(|devices| !devices.is_empty());
        let is_gone = address.device != 0 && devices.is_some_and(|known| !known.contains(&address.device));
        let why = match (is_idle(facts), is_gone) {
            (true, _) => "neither side has used it for half a year",
            (false, true) => "the account no longer has this device",
            (false, false) => return None,
        };
        Some((Subject::SignalSession(address.clone()), why))
    });
    old.chain(signal_sessions).collect()
}

/// Every ratchet that is ours to move: a missing one costs a retry, one that went back reuses message keys. The sender keys
/// of others stay, because they only move forward; so does the login.
pub fn ratchets(state: &SessionState) -> Vec<Removal> {
    let own = state.sender_keys.iter().filter(|(_, facts)| facts.own);
    let own = own
        .map(|(name, _)| (Subject::SenderKey(name.clone()), "made anew with the next message to the group"));
    let told = state.sender_key_memory.keys().map(|group| {
        (Subject::SenderKeyMemory(group.clone()), "the group's members are told the new sender key")
    });
    let signal_sessions = state.signal_sessions.keys().chain(&state.unread_signal_sessions);
    let signal_sessions = signal_sessions
        .map(|address| (Subject::SignalSession(address.clone()), "made anew with the next message"));
    own.chain(told).chain(signal_sessions).collect()
}
