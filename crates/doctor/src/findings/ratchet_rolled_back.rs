//! A ratchet lies behind what the newest backup holds.
//!
//! Somebody put an older copy of the folder back, or the container was made anew from an image that holds one. Going on
//! would use message keys for a second time: contacts answer `Key used already or never filled`, or cannot read anything,
//! and two messages under one key are a gift to whoever listens. The Signal session, or our own sender key, is removed;
//! the next message negotiates a new one. Only backups tell: without one that is younger than the copy, `Bad MAC` in
//! the log is the first sign (`--log`), and `wakeeper clean --ratchets` the cure for all contacts at once.

use super::StateView;
use crate::backup::ReachedLogin;
use crate::backup::manifest::account_mark;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::state::{SenderKeyFacts, SignalFacts};

pub(crate) const CODE: Code = Code("ratchet_rolled_back");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(reached) = of_this_login(view) else { return Vec::new() };
    let signal_sessions = view.state.signal_sessions.iter().filter_map(|(address, now)| {
        let evidence = session_behind(now, reached.signal_sessions.get(address)?)?;
        Some((Subject::SignalSession(address.clone()), evidence))
    });
    let own = view.state.sender_keys.iter().filter(|(_, now)| now.own);
    let sender_keys = own.filter_map(|(name, now)| {
        let evidence = sender_key_behind(now, reached.sender_keys.get(name)?)?;
        Some((Subject::SenderKey(name.clone()), evidence))
    });
    let behind = signal_sessions.chain(sender_keys).map(|(subject, evidence)| {
        let peer = subject.peer().cloned();
        Finding::error(CODE, subject, evidence).repair(Repair::RemoveFile).peer(peer.as_ref())
    });
    behind.collect()
}

fn of_this_login<'v>(view: &StateView<'v>) -> Option<&'v ReachedLogin> {
    let identity = view.state.credentials()?.identity_public()?;
    let reached = view.options.reached?.of_login(&account_mark(identity))?;
    // A clock that was set back makes every state look older than it is.
    (reached.created_ms <= view.options.now_ms).then_some(reached)
}

fn session_behind(now: &SignalFacts, then: &SignalFacts) -> Option<String> {
    if let (Some((key, now)), Some((key_then, then))) = (now.sending, then.sending)
        && key == key_then
        && now < then
    {
        return Some(format!("its sending chain is at {now}, and was at {then} in the newest backup"));
    }
    if now.open_created.unwrap_or(0) < then.open_created.unwrap_or(0) || now.used < then.used {
        return Some("the newest backup holds a later state of it".to_owned());
    }
    None
}

fn sender_key_behind(now: &SenderKeyFacts, then: &SenderKeyFacts) -> Option<String> {
    let ((id, now), (id_then, then)) = (now.chain?, then.chain?);
    (id == id_then && now < then)
        .then(|| format!("its chain is at {now}, and was at {then} in the newest backup"))
}
