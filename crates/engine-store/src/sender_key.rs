//! Sender keys, as the client's libsignal stores them: the newest state first, and those of all devices of an account in one
//! record, since a state's id tells which one a message needs. Only our own sender key has a record of its own.

use std::collections::{BTreeMap, BTreeSet};

use wakeeper_doctor::address::Address;
use wakeeper_doctor::model::{SenderKey, SenderKeyName, SenderKeyState, Session};
use wakeeper_doctor::secret::Secret;
use whatsapp_rust::wacore::libsignal::protocol::{
    SenderChainKeyComponents, SenderKeyRecord, SenderKeyRecordComponents, SenderKeyStateComponents,
    SenderMessageKeyComponents, SenderSigningKeyComponents, SignalProtocolError,
};

/// The sender keys as the store groups them.
pub(crate) fn by_account(session: &Session) -> BTreeMap<SenderKeyName, SenderKey> {
    let mut grouped: BTreeMap<SenderKeyName, Vec<&SenderKey>> = BTreeMap::new();
    for (name, key) in &session.sender_keys {
        let device = if key.is_own() { name.sender.device } else { 0 };
        let name =
            SenderKeyName { group: name.group.clone(), sender: Address { device, ..name.sender.clone() } };
        grouped.entry(name).or_default().push(key);
    }
    grouped.into_iter().map(|(name, keys)| (name, merged(&keys))).collect()
}

/// The states of several devices, in turns, so that the newest of each is among the newest of all.
fn merged(keys: &[&SenderKey]) -> SenderKey {
    let longest = keys.iter().map(|key| key.states.len()).max().unwrap_or(0);
    let mut states: Vec<SenderKeyState> = Vec::new();
    for age in 0..longest {
        for state in keys.iter().filter_map(|key| key.states.iter().rev().nth(age)) {
            let same = |known: &&mut SenderKeyState| {
                known.id == state.id && known.signing_public == state.signing_public
            };
            match states.iter_mut().find(same) {
                // A copy: the one that went on counts.
                Some(known) if known.iteration < state.iteration => known.clone_from(state),
                Some(_) => {}
                None => states.push(state.clone()),
            }
        }
    }
    states.reverse();
    SenderKey { states }
}

/// The sender keys of an account as Baileys keeps them: a record for each of its devices. Which device a state belongs to is
/// not kept here, so each gets all of them; its id tells which one a message needs.
pub(crate) fn by_device(session: &mut Session) {
    let grouped = std::mem::take(&mut session.sender_keys);
    for (name, key) in grouped {
        if key.is_own() {
            session.sender_keys.insert(name, key);
            continue;
        }
        for device in devices_of(session, &name.sender) {
            let sender = Address { device, ..name.sender.clone() };
            // Our own sender key has the name already that another device's copy would get.
            let name = SenderKeyName { group: name.group.clone(), sender };
            session.sender_keys.entry(name).or_insert_with(|| key.clone());
        }
    }
}

/// Every device of an account that the session knows of, under either number.
fn devices_of(session: &Session, sender: &Address) -> BTreeSet<u32> {
    let other =
        if sender.domain.is_lid() { session.phone_of(&sender.user) } else { session.lid_of(&sender.user) };
    let users = [Some(sender.user.as_str()), other];
    let known = |user: &str| users.contains(&Some(user));
    let sessions = session.signal_sessions.keys().filter(|address| known(&address.user));
    let mut devices: BTreeSet<u32> = sessions.map(|address| address.device).collect();
    devices
        .extend(session.device_lists.iter().filter(|(user, _)| known(user)).flat_map(|(_, devices)| devices));
    devices.insert(0);
    devices
}

/// A sender key as the store keeps it.
pub(crate) fn to_store(key: &SenderKey) -> Result<Vec<u8>, SignalProtocolError> {
    let states = key.states.iter().rev().map(components).collect();
    SenderKeyRecord::from_components(SenderKeyRecordComponents { states })?.serialize()
}

fn components(state: &SenderKeyState) -> SenderKeyStateComponents {
    // Baileys keeps keys of its own messages that it skipped; nobody will ever ask for those.
    let own = state.signing_private.is_some();
    let message_keys = state.message_keys.iter().filter(|_| !own).map(|(iteration, seed)| {
        SenderMessageKeyComponents { iteration: *iteration, seed: seed.expose().to_vec() }
    });
    SenderKeyStateComponents {
        key_id: state.id,
        chain_key: SenderChainKeyComponents {
            iteration: state.iteration,
            seed: state.chain_key.expose().to_vec(),
        },
        signing_key: SenderSigningKeyComponents {
            public: state.signing_public.to_vec(),
            private: state.signing_private.as_ref().map(|private| private.expose().to_vec()),
        },
        message_keys: message_keys.collect(),
    }
}

/// A stored sender key in the model. Numbers that may have been used already are skipped.
pub(crate) fn of_store(bytes: &[u8]) -> Result<Option<SenderKey>, SignalProtocolError> {
    let components = SenderKeyRecord::deserialize(bytes)?.into_components()?;
    let states: Option<Vec<SenderKeyState>> = components.states.iter().rev().map(state).collect();
    Ok(states.filter(|states| !states.is_empty()).map(|states| SenderKey { states }))
}

fn state(components: &SenderKeyStateComponents) -> Option<SenderKeyState> {
    let secret = |bytes: &[u8]| Some(Secret::new(bytes.try_into().ok()?));
    Some(SenderKeyState {
        id: components.key_id,
        iteration: components.chain_key.iteration,
        chain_key: secret(&components.chain_key.seed)?,
        signing_public: components.signing_key.public.as_slice().try_into().ok()?,
        signing_private: match components.signing_key.private.as_deref() {
            Some(private) if !private.is_empty() => Some(secret(private)?),
            _ => None,
        },
        message_keys: components
            .message_keys
            .iter()
            .map(|key| Some((key.iteration, secret(&key.seed)?)))
            .collect::<Option<_>>()?,
    })
}
