//! Signal sessions, as the client's libsignal stores them.
//!
//! The two differ in conventions, and the client's own interoperability layer knows them: a chain's counter names the last
//! message in Baileys and the next one here, a skipped message key is a seed in both, archived sessions are ordered by their
//! last use instead of carrying times.

use bytes::Bytes;
use wakeeper_doctor::model::{
    BaseKeyOwner, Chain, ChainKind, Credentials, PendingPreKey, RatchetPair, SignalRecord, SignalSession,
};
use wakeeper_doctor::secret::Secret;
use whatsapp_rust::wacore::libsignal::protocol::{
    IdentityKey, LegacyIndexedSessionV1, LegacySessionBaseKeyRoleV1, LegacySessionChainCounterV1,
    LegacySessionChainKeyV1, LegacySessionChainRoleV1, LegacySessionChainV1, LegacySessionDispositionV1,
    LegacySessionIndexV1, LegacySessionInteropError, LegacySessionKeyPairV1, LegacySessionLocalContext,
    LegacySessionMessageKeyV1, LegacySessionPendingPreKeyV1, LegacySessionRatchetV1, LegacySessionRecordV1,
    LegacySessionV1, PublicKey, SessionMessageKeyComponents, SessionMessageKeyMaterial, SessionRecord,
    SignalProtocolError,
};

use crate::error::NativeError;

/// Why a record could not be carried over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignalError {
    #[error(transparent)]
    Interop(#[from] LegacySessionInteropError),
    #[error(transparent)]
    Protocol(#[from] SignalProtocolError),
    #[error("it holds nothing that can be used")]
    Nothing,
}

/// What the store keeps of ourselves in every Signal session.
pub(crate) fn context(credentials: &Credentials) -> Result<LegacySessionLocalContext, NativeError> {
    let public = PublicKey::from_djb_public_key_bytes(&credentials.identity.public)
        .map_err(|error| NativeError::Key { what: "identity key", reason: error.to_string() })?;
    Ok(LegacySessionLocalContext {
        identity_key: IdentityKey::new(public),
        registration_id: credentials.registration_id,
    })
}

/// A record as the store keeps it, and how many of its Signal sessions had to be left out.
pub(crate) fn to_store(
    record: &SignalRecord,
    context: LegacySessionLocalContext,
) -> Result<(Vec<u8>, usize), SignalError> {
    if let Ok(converted) = convert(&record.sessions, context) {
        return Ok((converted.serialize()?, 0));
    }
    // One that breaks the rules must not cost the others.
    let sound: Vec<SignalSession> = record
        .sessions
        .iter()
        .filter(|session| convert(std::slice::from_ref(session), context).is_ok())
        .cloned()
        .collect();
    if sound.is_empty() {
        return Err(SignalError::Nothing);
    }
    let left_out = record.sessions.len() - sound.len();
    Ok((convert(&sound, context)?.serialize()?, left_out))
}

fn convert(
    sessions: &[SignalSession],
    context: LegacySessionLocalContext,
) -> Result<SessionRecord, SignalError> {
    let indexed = sessions.iter().map(legacy).collect::<Result<Vec<_>, _>>()?;
    let record = LegacySessionRecordV1::from_indexed_sessions(indexed)?.into_session_record(context)?;
    with_derived_keys(record, sessions)
}

/// The interoperability layer knows seeds alone; keys that are derived already are put into the record itself.
fn with_derived_keys(
    record: SessionRecord,
    sessions: &[SignalSession],
) -> Result<SessionRecord, SignalError> {
    if sessions.iter().flat_map(|session| &session.chains).all(|chain| chain.derived_keys.is_empty()) {
        return Ok(record);
    }
    let mut components = record.into_components()?;
    for stored in components.current_session.iter_mut().chain(&mut components.previous_sessions) {
        let is_it = |session: &&SignalSession| stored.alice_base_key.as_deref() == Some(&session.base_key);
        let Some(session) = sessions.iter().find(is_it) else { continue };
        for chain in &mut stored.receiver_chains {
            let is_it = |known: &&Chain| chain.sender_ratchet_key.as_deref() == Some(&known.ratchet_key);
            let known = session.chains.iter().find(is_it);
            let derived = known.into_iter().flat_map(|known| &known.derived_keys);
            chain.message_keys.extend(derived.map(|keys| SessionMessageKeyComponents {
                index: keys.index,
                material: SessionMessageKeyMaterial::Derived {
                    cipher_key: *keys.cipher.expose(),
                    mac_key: *keys.mac.expose(),
                    iv: keys.iv,
                },
            }));
        }
    }
    Ok(SessionRecord::from_components(components)?)
}

fn legacy(session: &SignalSession) -> Result<LegacyIndexedSessionV1, LegacySessionInteropError> {
    let bytes = Bytes::copy_from_slice;
    let base_key = bytes(&session.base_key);
    let chains = session.chains.iter().map(legacy_chain).collect::<Result<Vec<_>, _>>()?;
    let pending = session.pending.as_ref().map(|pending| LegacySessionPendingPreKeyV1 {
        pre_key_id: pending.pre_key_id,
        signed_pre_key_id: pending.signed_pre_key_id,
        base_key: bytes(&pending.base_key),
    });
    let at = |ms: i64| u64::try_from(ms).unwrap_or(0);
    let session = LegacySessionV1 {
        registration_id: session.registration_id,
        ratchet: LegacySessionRatchetV1 {
            key_pair: LegacySessionKeyPairV1 {
                public: bytes(&session.ratchet.public),
                private: bytes(session.ratchet.private.expose()),
            },
            last_remote_ephemeral_key: bytes(&session.last_remote),
            previous_counter: session.previous_counter,
            root_key: bytes(session.root_key.expose()),
        },
        index: LegacySessionIndexV1 {
            base_key: base_key.clone(),
            base_key_role: match session.base_key_owner {
                BaseKeyOwner::Ours => LegacySessionBaseKeyRoleV1::Local,
                BaseKeyOwner::Theirs => LegacySessionBaseKeyRoleV1::Remote,
            },
            disposition: match session.closed {
                None => LegacySessionDispositionV1::Current,
                Some(ms) => LegacySessionDispositionV1::Archived { closed_at_ms: ms.max(0) },
            },
            used_at_ms: at(session.used),
            created_at_ms: at(session.created),
            remote_identity_key: bytes(&session.remote_identity),
        },
        chains,
        pending_pre_key: pending,
    };
    Ok(LegacyIndexedSessionV1 { index_key: base_key, session })
}

fn legacy_chain(chain: &Chain) -> Result<LegacySessionChainV1, LegacySessionInteropError> {
    let bytes = Bytes::copy_from_slice;
    Ok(LegacySessionChainV1 {
        ratchet_key: bytes(&chain.ratchet_key),
        role: match chain.kind {
            ChainKind::Sending => LegacySessionChainRoleV1::Sending,
            ChainKind::Receiving => LegacySessionChainRoleV1::Receiving,
        },
        chain_key: LegacySessionChainKeyV1 {
            counter: LegacySessionChainCounterV1::new(chain.counter)?,
            key: chain.key.as_ref().map(|key| bytes(key.expose())),
        },
        message_keys: chain
            .message_keys
            .iter()
            .map(|(index, seed)| LegacySessionMessageKeyV1 { index: *index, seed: bytes(seed.expose()) })
            .collect(),
    })
}

/// A stored record in the model, and how many keys of late messages had to be given up: those whose seed the store did not
/// keep. Counters that may have been used already are skipped, so that none is used twice.
pub(crate) fn of_store(bytes: &[u8], now_ms: i64) -> Result<(SignalRecord, usize), SignalError> {
    let mut components = SessionRecord::deserialize(bytes)?.into_components()?;
    let mut given_up = 0;
    for session in components.current_session.iter_mut().chain(&mut components.previous_sessions) {
        session.needs_refresh = None;
        session.pending_key_exchange = None;
        for chain in session.receiver_chains.iter_mut().chain(&mut session.sender_chain) {
            let before = chain.message_keys.len();
            chain.message_keys.retain(|key| matches!(key.material, SessionMessageKeyMaterial::Seed(_)));
            given_up += before - chain.message_keys.len();
        }
    }
    let legacy = SessionRecord::from_components(components)?.into_legacy_session_v1_operational()?;
    let mut sessions: Vec<SignalSession> = legacy
        .into_indexed_sessions()
        .into_iter()
        .map(|indexed| model(indexed.session, now_ms).ok_or(SignalError::Nothing))
        .collect::<Result<_, _>>()?;
    // Times are ranks there: the greatest belongs to the one used last.
    let newest = sessions.iter().map(|session| session.used).max().unwrap_or(0);
    for session in &mut sessions {
        session.used = now_ms - (newest - session.used);
        session.closed = session.closed.map(|rank| now_ms - (newest - rank));
    }
    sessions.sort_by_key(|session| session.used);
    if sessions.is_empty() {
        return Err(SignalError::Nothing);
    }
    Ok((SignalRecord { sessions }, given_up))
}

fn model(session: LegacySessionV1, now_ms: i64) -> Option<SignalSession> {
    let LegacySessionV1 { registration_id, ratchet, index, chains, pending_pre_key } = session;
    Some(SignalSession {
        registration_id,
        ratchet: RatchetPair {
            public: exact(&ratchet.key_pair.public)?,
            private: Secret::new(exact(&ratchet.key_pair.private)?),
        },
        last_remote: exact(&ratchet.last_remote_ephemeral_key)?,
        previous_counter: ratchet.previous_counter,
        root_key: Secret::new(exact(&ratchet.root_key)?),
        base_key: exact(&index.base_key)?,
        base_key_owner: match index.base_key_role {
            LegacySessionBaseKeyRoleV1::Local => BaseKeyOwner::Ours,
            LegacySessionBaseKeyRoleV1::Remote => BaseKeyOwner::Theirs,
        },
        closed: match index.disposition {
            LegacySessionDispositionV1::Current => None,
            LegacySessionDispositionV1::Archived { closed_at_ms } => Some(closed_at_ms),
        },
        used: i64::try_from(index.used_at_ms).ok()?,
        // The store does not keep it; this copy is made now.
        created: now_ms,
        remote_identity: exact(&index.remote_identity_key)?,
        chains: chains.into_iter().map(model_chain).collect::<Option<_>>()?,
        pending: match pending_pre_key {
            Some(pending) => Some(PendingPreKey {
                signed_pre_key_id: pending.signed_pre_key_id,
                base_key: exact(&pending.base_key)?,
                pre_key_id: pending.pre_key_id,
            }),
            None => None,
        },
    })
}

fn model_chain(chain: LegacySessionChainV1) -> Option<Chain> {
    Some(Chain {
        ratchet_key: exact(&chain.ratchet_key)?,
        kind: match chain.role {
            LegacySessionChainRoleV1::Sending => ChainKind::Sending,
            LegacySessionChainRoleV1::Receiving => ChainKind::Receiving,
        },
        counter: chain.chain_key.counter.value(),
        key: match chain.chain_key.key {
            Some(key) => Some(Secret::new(exact(&key)?)),
            None => None,
        },
        message_keys: chain
            .message_keys
            .iter()
            .map(|key| Some((key.index, Secret::new(exact(&key.seed)?))))
            .collect::<Option<_>>()?,
        derived_keys: Vec::new(),
    })
}

fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wakeeper_doctor::examine::Options;
    use wakeeper_doctor::model::DerivedKeys;

    #[test]
    fn keys_that_are_derived_already_are_stored_beside_their_chain() {
        let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures/baileys7");
        let session = wakeeper_doctor::transfer::read(&fixture, &Options::at(0)).unwrap().session;
        let context = context(&session.credentials).unwrap();
        let has_late =
            |record: &&SignalRecord| record.sessions.iter().flat_map(|s| &s.chains).any(|c| c.skipped() > 0);
        let mut record = session.signal_sessions.values().find(has_late).unwrap().clone();
        let mut expected = Vec::new();
        for chain in record.sessions.iter_mut().flat_map(|session| &mut session.chains) {
            for (index, seed) in chain.message_keys.drain(..) {
                let (cipher, mac) = (seed.clone(), Secret::new([9; 32]));
                expected.push((chain.ratchet_key.to_vec(), index, *cipher.expose()));
                chain.derived_keys.push(DerivedKeys { index, cipher, mac, iv: [7; 16] });
            }
        }
        let (stored, dropped) = to_store(&record, context).unwrap();
        assert_eq!(dropped, 0);
        let stored = SessionRecord::deserialize(&stored).unwrap().into_components().unwrap();
        let sessions = stored.current_session.iter().chain(&stored.previous_sessions);
        let mut found = Vec::new();
        for chain in sessions.flat_map(|session| &session.receiver_chains) {
            for key in &chain.message_keys {
                let SessionMessageKeyMaterial::Derived { cipher_key, mac_key, iv } = key.material else {
                    panic!("a seed out of nothing");
                };
                assert_eq!((mac_key, iv), ([9; 32], [7; 16]));
                found.push((chain.sender_ratchet_key.clone().unwrap(), key.index, cipher_key));
            }
        }
        expected.sort();
        found.sort();
        assert!(!expected.is_empty() && found == expected);
    }
}
