//! Records of Go's libsignal in the model. A chain's index names the next message there, and the last one in the model; keys
//! of late messages are derived already; nothing is dated, so the order in the record tells which was used later.

use crate::curve;
use crate::formats::whatsmeow::records::{self, Chain, MessageKeys, SessionState};
use crate::model::{self, BaseKeyOwner, ChainKind, DerivedKeys, RatchetPair, SignalRecord, SignalSession};
use crate::secret::Secret;

/// Version of the protocol that WhatsApp speaks.
const VERSION: u32 = 3;
/// What Go's `Index()-1` is before the first message.
const BEFORE_FIRST: u32 = u32::MAX;

/// Reads the Signal sessions with one device, and how many archived ones cannot be used. `at_ms` stands for the time of the
/// last use, in milliseconds since 1970.
pub(super) fn record(bytes: &[u8], identity: &[u8; 32], at_ms: i64) -> Result<(SignalRecord, usize), String> {
    let read = records::session(bytes).map_err(|error| error.to_string())?;
    let current = read.session_state.filter(is_begun);
    let mut sessions = Vec::new();
    if let Some(state) = current {
        sessions.push(session(state, identity, at_ms, None)?);
    }
    let mut dropped = 0;
    for (state, age) in read.previous_states.into_iter().filter(is_begun).zip(1_i64..) {
        let used = at_ms - age;
        match session(state, identity, used, Some(used)) {
            Ok(session) => sessions.push(session),
            Err(_) => dropped += 1,
        }
    }
    if sessions.is_empty() {
        return Err("it holds no Signal session that can be used".to_owned());
    }
    sessions.reverse();
    Ok((SignalRecord { sessions }, dropped))
}

/// Archiving leaves an empty one in the first place.
fn is_begun(state: &SessionState) -> bool {
    state.session_version != 0 || state.sender_chain.is_some()
}

fn session(
    state: SessionState,
    identity: &[u8; 32],
    used: i64,
    closed: Option<i64>,
) -> Result<SignalSession, String> {
    if state.session_version != VERSION {
        return Err(format!("it is of version {} of the protocol", state.session_version));
    }
    if state.local_identity_public.get(1..) != Some(identity.as_slice()) {
        return Err("it was made under another identity key than this login's".to_owned());
    }
    let sending = state.sender_chain.ok_or("it has no sending chain")?;
    let public = exact("its own ratchet key", &sending.sender_ratchet_key_public)?;
    let private =
        Secret::new(exact("the private half of its ratchet key", &sending.sender_ratchet_key_private)?);
    let base_key = exact("its base key", &state.sender_base_key)?;
    let mut chains = vec![chain(sending, ChainKind::Sending)?];
    for receiving in state.receiver_chains {
        chains.push(chain(receiving, ChainKind::Receiving)?);
    }
    let newest = chains.last().filter(|chain| chain.kind == ChainKind::Receiving);
    let last_remote = newest.map_or(base_key, |chain| chain.ratchet_key);
    let pending = state.pending_pre_key.map(|pending| {
        Ok::<_, String>(model::PendingPreKey {
            signed_pre_key_id: pending.signed_pre_key_id,
            base_key: exact("the base key of its key exchange", &pending.base_key)?,
            pre_key_id: pending.pre_key_id.filter(|id| !id.is_empty).map(|id| id.value),
        })
    });
    let pending = pending.transpose()?;
    Ok(SignalSession {
        registration_id: state.remote_registration_id,
        ratchet: RatchetPair { public, private },
        last_remote,
        previous_counter: match state.previous_counter {
            BEFORE_FIRST => -1,
            counter => i64::from(counter),
        },
        root_key: Secret::new(exact("its root key", &state.root_key)?),
        base_key,
        base_key_owner: if pending.is_some() { BaseKeyOwner::Ours } else { BaseKeyOwner::Theirs },
        closed,
        used,
        created: used,
        remote_identity: exact("the contact's identity key", &state.remote_identity_public)?,
        chains,
        pending,
    })
}

fn chain(chain: Chain, kind: ChainKind) -> Result<model::Chain, String> {
    let key = chain.chain_key.ok_or("a chain has no key")?;
    let derived = chain.message_keys.iter().map(derived).collect::<Result<_, _>>()?;
    Ok(model::Chain {
        ratchet_key: exact("a chain's ratchet key", &chain.sender_ratchet_key_public)?,
        kind,
        counter: i64::from(key.index) - 1,
        key: Some(Secret::new(exact("a chain's key", &key.key)?)),
        message_keys: Vec::new(),
        derived_keys: derived,
    })
}

fn derived(keys: &MessageKeys) -> Result<DerivedKeys, String> {
    Ok(DerivedKeys {
        index: keys.index,
        cipher: Secret::new(exact("the key of a late message", &keys.cipher_key)?),
        mac: Secret::new(exact("the MAC key of a late message", &keys.mac_key)?),
        iv: exact("the start value of a late message", &keys.iv)?,
    })
}

/// Reads a sender key.
pub(super) fn sender_key(bytes: &[u8]) -> Result<model::SenderKey, String> {
    let read = records::sender_key(bytes).map_err(|error| error.to_string())?;
    let mut states =
        read.sender_key_states.into_iter().map(sender_key_state).collect::<Result<Vec<_>, _>>()?;
    if states.is_empty() {
        return Err("it holds no key".to_owned());
    }
    states.reverse();
    Ok(model::SenderKey { states })
}

fn sender_key_state(state: records::SenderKeyState) -> Result<model::SenderKeyState, String> {
    let chain = state.sender_chain_key.ok_or("it has no chain key")?;
    let signing_public: [u8; 33] = exact("its signing key", &state.signing_key_public)?;
    // Only ours has the half that belongs to the public one.
    let private = <[u8; 32]>::try_from(state.signing_key_private.as_slice()).ok();
    let own = private.filter(|private| curve::public_of(private)[..] == signing_public[1..]);
    let message_keys = state.keys.iter().map(|key| {
        Ok::<_, String>((key.iteration, Secret::new(exact("the key of a late message", &key.seed)?)))
    });
    Ok(model::SenderKeyState {
        id: state.key_id,
        iteration: chain.iteration,
        chain_key: Secret::new(exact("its chain key", &chain.chain_key)?),
        signing_public,
        signing_private: own.map(Secret::new),
        message_keys: message_keys.collect::<Result<_, _>>()?,
    })
}

fn exact<const N: usize>(what: &str, bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{what} has {} bytes instead of {N}", bytes.len()))
}
