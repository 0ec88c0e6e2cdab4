//! A ratchet lies behind what the newest backup holds.
//!
//! Somebody put an older copy of the folder back, or the container was made anew from an image that holds one. Going on
//! would use message keys for a second time: contacts answer `Key used already or never filled`, or cannot read anything,
//! and two messages under one key are a gift to whoever listens. The Signal session, or our own sender key, is removed;
//! the next message negotiates a new one. Only backups tell: without one that is younger than the copy, `Bad MAC` in
//! the log is the first sign (`--log`), and `wakeeper clean --ratchets` the cure for all contacts at once.

use super::FolderView;
use crate::backup::Reached;
use crate::backup::manifest::account_mark;
use crate::finding::{Code, Finding, Repair};
use crate::inventory::{Facts, SenderKeyFacts, SessionFacts};

pub(crate) const CODE: Code = Code("ratchet_rolled_back");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let Some(reached) = view.options.reached.filter(|reached| is_of_this_login(view, reached)) else {
        return Vec::new();
    };
    let files = view.inventory.files.iter();
    let behind = files.filter_map(|(name, file)| {
        let evidence = match &file.facts {
            Facts::Session(now) => session_behind(now, reached.sessions.get(name)?)?,
            Facts::SenderKey(now) if now.own => sender_key_behind(now, reached.sender_keys.get(name)?)?,
            _ => return None,
        };
        Some(Finding::error(CODE, name, evidence).repair(Repair::RemoveFile).peer(file.name.peer()))
    });
    behind.collect()
}

fn is_of_this_login(view: &FolderView<'_>, reached: &Reached) -> bool {
    // A clock that was set back makes every state look older than it is.
    if reached.created_ms > view.options.now_ms {
        return false;
    }
    let credentials = view.inventory.credentials();
    let identity = credentials.and_then(|credentials| credentials.identity_public());
    identity.map(account_mark).as_ref() == Some(&reached.account)
}

fn session_behind(now: &SessionFacts, then: &SessionFacts) -> Option<String> {
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
