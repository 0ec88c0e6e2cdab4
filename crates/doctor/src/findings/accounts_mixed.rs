//! Files of two accounts are mixed in one folder.
//!
//! `creds.json` is of one account, and keys beside it were made by another: a login was restored into the wrong folder, or
//! two profiles of a gateway share one. Each of these is proof: a sender key with its private half under a number that is
//! not this account's, a Signal session of this device with itself under its number, and Signal sessions with the account's own phone under
//! another identity than the one that linked this device. An account that changed its number is still the same one: its LID
//! stays, and so does its phone's identity. What was made under its former number is no proof, and neither is a session with
//! whoever had the new number before. Whichever account runs on the folder spoils the other one's
//! keys. No program can tell which one belongs here, so nothing is repaired before a person decided: put the right
//! `creds.json` back (`wakeeper restore`), or give the account an empty folder and link it there.

use super::StateView;
use super::account_signature::account_key;
use crate::address::{Address, Domain};
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::{Credentials, Me};
use crate::inventory::LID_DIGITS;

pub(crate) const CODE: Code = Code("accounts_mixed");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(credentials) = view.state.credentials().filter(|credentials| credentials.is_linked()) else {
        return Vec::new();
    };
    let Some(me) = &credentials.me else { return Vec::new() };
    let former = former_numbers(view, credentials, me);
    let mut numbers = view.state.numbers_of(&me.phone.user);
    if !former.is_empty() {
        // Who had the new number before is no proof: the LID alone tells.
        numbers.retain(|number| *number != me.phone.user);
    }
    let own: Vec<&str> =
        numbers.iter().copied().chain([me.phone.user.as_str()]).chain(former.clone()).collect();
    let evidence = foreign_sender_key(view, me, &own)
        .or_else(|| former.is_empty().then(|| session_with_itself(view, me)).flatten())
        .or_else(|| phone_of_another(view, credentials, &numbers));
    let advice =
        "put the creds.json of the other files' account back, or give this account a folder of its own";
    let found = evidence.map(|evidence| {
        let evidence = format!("creds.json is of {}, but {evidence}", me.phone.user);
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::Manual(advice))
    });
    found.into_iter().collect()
}

/// Phone numbers that were this account's: those of its LID, and those whose phone has the identity that linked this device.
fn former_numbers<'v>(view: &StateView<'v>, credentials: &Credentials, me: &Me) -> Vec<&'v str> {
    let state = view.state;
    let lid = me.lid.as_ref().map(|lid| lid.user.as_str());
    let mapped = state.lid_mappings.iter().filter(|(_, of)| lid == Some(of.as_str()));
    let key = linking_phone(credentials);
    let phones = state.signal_sessions.iter().filter(|(address, facts)| {
        address.device == 0
            && key.is_some()
            && facts.identity == key
            && !is_lid(&address.user, address.domain)
    });
    let numbers =
        mapped.map(|(phone, _)| phone.as_str()).chain(phones.map(|(address, _)| address.user.as_str()));
    numbers.filter(|number| *number != me.phone.user && lid != Some(*number)).collect()
}

fn is_lid(user: &str, domain: Domain) -> bool {
    domain.is_lid() || user.len() > LID_DIGITS
}

fn foreign_sender_key(view: &StateView<'_>, me: &Me, numbers: &[&str]) -> Option<String> {
    let is_foreign = |user: &str, domain: Domain| {
        // Credentials that do not know their LID say nothing about LIDs.
        !numbers.contains(&user) && (!is_lid(user, domain) || me.lid.is_some())
    };
    let own = view.state.sender_keys.iter().filter(|(_, facts)| facts.own);
    let mut foreign = own.filter(|(name, _)| is_foreign(&name.sender.user, name.sender.domain));
    let (name, _) = foreign.next()?;
    Some(format!("{} was made by {}", Subject::SenderKey(name.clone()).file(), name.sender.user))
}

/// Under a number alone: Baileys leaves its own number out, and not its own LID, when it sends to all devices of its account.
fn session_with_itself(view: &StateView<'_>, me: &Me) -> Option<String> {
    let mut sessions = view.state.signal_sessions.keys();
    let own = (me.phone.user.as_str(), me.phone.device);
    let is_own = |address: &&Address| {
        !address.domain.is_lid() && address.device != 0 && (address.user.as_str(), address.device) == own
    };
    let address = sessions.find(is_own)?;
    let file = Subject::SignalSession(address.clone()).file();
    Some(format!("{file} is a Signal session with this very device"))
}

/// The identity of the phone that linked this device, as Signal sessions tell it.
fn linking_phone(credentials: &Credentials) -> Option<u64> {
    let key = account_key(credentials.account.as_ref()?)?;
    key.first_chunk().map(|start| u64::from_le_bytes(*start))
}

fn phone_of_another(view: &StateView<'_>, credentials: &Credentials, numbers: &[&str]) -> Option<String> {
    let key = linking_phone(credentials)?;
    let mut sessions = view.state.signal_sessions.iter();
    let (address, _) = sessions.find(|(address, facts)| {
        let is_phone = address.device == 0 && numbers.contains(&address.user.as_str());
        is_phone && facts.identity.is_some_and(|identity| identity != key)
    })?;
    let file = Subject::SignalSession(address.clone()).file();
    Some(format!("{file} is with a phone of another identity than the one that linked this device"))
}
