//! Sender keys, as the client's libsignal stores them: the newest state first.

use wakeeper_session::model::{SenderKey, SenderKeyState};
use wakeeper_session::secret::Secret;
use whatsapp_rust::wacore::libsignal::protocol::{
    SenderChainKeyComponents, SenderKeyRecord, SenderKeyRecordComponents, SenderKeyStateComponents,
    SenderMessageKeyComponents, SenderSigningKeyComponents, SignalProtocolError,
};

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
