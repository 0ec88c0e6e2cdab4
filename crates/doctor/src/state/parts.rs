//! The parts of a session that was read whole from another store than Baileys' files: what findings about single parts look
//! at. Nothing is missing in them; whether it fits together is for the findings to tell.

use crate::formats::baileys::credentials::{Credentials, Me};
use crate::formats::baileys::field::encode;
use crate::formats::baileys::sender_key::State;
use crate::formats::baileys::session::{Chain, Entry, RatchetPair, Record};
use crate::model;

impl Credentials {
    /// The credentials of a session that was read whole.
    pub fn of_model(credentials: &model::Credentials) -> Self {
        let me = &credentials.me;
        Self {
            noise: Some(credentials.noise.clone()),
            identity: Some(credentials.identity.clone()),
            pairing: credentials.pairing.clone(),
            signed_pre_key: Some(credentials.signed_pre_key.pair.clone()),
            signed_pre_key_signature: Some(credentials.signed_pre_key.signature),
            registration_id: Some(i64::from(credentials.registration_id)),
            adv_secret: Some(credentials.adv_secret.clone()),
            next_pre_key_id: Some(i64::from(credentials.next_pre_key_id)),
            first_unuploaded_pre_key_id: Some(i64::from(credentials.first_unuploaded_pre_key_id)),
            account: Some(credentials.account.clone()),
            me: Some(Me { phone: me.phone.clone(), lid: me.lid.clone() }),
            app_state_key_id: credentials.app_state_key_id.as_deref().map(encode),
            ..Self::default()
        }
    }
}

impl State {
    /// A state of a sender key that was read whole.
    pub fn of_model(state: &model::SenderKeyState) -> Self {
        Self {
            own: state.signing_private.is_some(),
            chain: Some((i64::from(state.id), i64::from(state.iteration))),
            skipped: state.message_keys.len(),
            unusable: 0,
            carried_over: false,
            defect: None,
        }
    }
}

impl Record {
    /// The record of Signal sessions that were read whole.
    pub fn of_model(record: &model::SignalRecord) -> Self {
        Self { entries: record.sessions.iter().map(Entry::of_model).collect() }
    }
}

impl Entry {
    fn of_model(session: &model::SignalSession) -> Self {
        let owner = match session.base_key_owner {
            model::BaseKeyOwner::Ours => 1,
            model::BaseKeyOwner::Theirs => 2,
        };
        let ratchet =
            RatchetPair { public: session.ratchet.public, private: session.ratchet.private.clone() };
        let mut this = Self {
            index: encode(&session.base_key),
            registration_id: Some(i64::from(session.registration_id)),
            ratchet: Some(ratchet),
            last_remote: Some(session.last_remote),
            previous_counter: Some(session.previous_counter),
            base_key: Some(session.base_key),
            base_key_type: Some(owner),
            closed: Some(session.closed.unwrap_or(-1)),
            used: Some(session.used),
            created: Some(session.created),
            remote_identity: Some(session.remote_identity),
            chains: session.chains.iter().map(Chain::of_model).collect(),
            pending: session.pending.as_ref().map(|pending| Some(pending.base_key)),
            defects: Vec::new(),
        };
        let mut defects = Vec::new();
        this.check_points(&mut defects);
        this.defects = defects;
        this
    }
}

impl Chain {
    fn of_model(chain: &model::Chain) -> Self {
        let kind = match chain.kind {
            model::ChainKind::Sending => 1,
            model::ChainKind::Receiving => 2,
        };
        Self {
            key: Some(chain.ratchet_key),
            kind: Some(kind),
            counter: Some(chain.counter),
            has_key: chain.key.is_some(),
            skipped: chain.skipped(),
            skipped_max: chain
                .message_keys
                .iter()
                .map(|(index, _)| *index)
                .chain(chain.derived_keys.iter().map(|keys| keys.index))
                .map(i64::from)
                .max(),
        }
    }
}
