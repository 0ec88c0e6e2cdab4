//! App state of the account, as far as its phone writes it: one key and the push name.
//!
//! Clients without a `setting_pushName` have no name, never become available and send their
//! receipts as inactive, so that the phone publishes one before it links its first device.

use buffa::{Message, MessageField};
use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};
use wacore::appstate::hash::{HashState, generate_patch_mac};
use wacore::appstate::{encode_record, expand_app_state_keys};
use waproto::whatsapp as wa;

/// The collection that holds the push name.
pub const PUSH_NAME_COLLECTION: &str = "critical_block";
const PUSH_NAME_INDEX: &[u8] = br#"["setting_pushName"]"#;

/// The account's app-state key and what was published under it.
#[derive(Clone, Serialize, Deserialize)]
pub struct AppState {
    key_id: [u8; 6],
    key: [u8; 32],
    created: u64,
    /// Is the push name on the server?
    pub published: bool,
}

impl AppState {
    /// Draws a key. `now` is in seconds since the Unix epoch.
    pub fn generate<R: CryptoRng>(rng: &mut R, now: u64) -> Self {
        Self { key_id: rng.random(), key: rng.random(), created: now, published: false }
    }

    /// What a companion must be sent to read the account's app state.
    pub fn key_share(&self) -> wa::message::AppStateSyncKeyShare {
        let fingerprint = wa::message::AppStateSyncKeyFingerprint {
            raw_id: Some(u32::from_be_bytes([0, self.key_id[0], self.key_id[1], self.key_id[2]])),
            current_index: Some(0),
            device_indexes: vec![0],
        };
        let data = wa::message::AppStateSyncKeyData {
            key_data: Some(self.key.to_vec()),
            fingerprint: MessageField::some(fingerprint),
            timestamp: Some(i64::try_from(self.created * 1000).unwrap_or(i64::MAX)),
        };
        let id = wa::message::AppStateSyncKeyId { key_id: Some(self.key_id.to_vec()) };
        wa::message::AppStateSyncKeyShare {
            keys: vec![wa::message::AppStateSyncKey {
                key_id: MessageField::some(id),
                key_data: MessageField::some(data),
            }],
        }
    }

    /// The first patch of [`PUSH_NAME_COLLECTION`], which sets the push name; encoded.
    pub fn push_name_patch<R: CryptoRng>(&self, name: &str, now: u64, rng: &mut R) -> Vec<u8> {
        let keys = expand_app_state_keys(&self.key);
        let value = wa::SyncActionValue {
            timestamp: Some(i64::try_from(now * 1000).unwrap_or(i64::MAX)),
            push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
                name: Some(name.to_owned()),
            }),
            ..Default::default()
        };
        let (mutation, _) = encode_record(
            wa::syncd_mutation::SyncdOperation::SET,
            PUSH_NAME_INDEX,
            &value,
            &keys,
            &self.key_id,
            &rng.random(),
            1,
        );
        let mut hash = HashState { version: 1, ..HashState::default() };
        hash.update_hash_from_records(std::slice::from_ref(&*mutation.record));
        let mut patch = wa::SyncdPatch {
            snapshot_mac: Some(hash.generate_snapshot_mac(PUSH_NAME_COLLECTION, &keys.snapshot_mac)),
            key_id: MessageField::some(wa::KeyId { id: Some(self.key_id.to_vec()) }),
            mutations: vec![mutation],
            ..Default::default()
        };
        patch.patch_mac =
            Some(generate_patch_mac(&patch, PUSH_NAME_COLLECTION, &keys.patch_mac, hash.version));
        patch.encode_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use wacore::appstate::{expand_app_state_keys, process_patch};

    use super::*;

    #[test]
    fn the_client_library_reads_the_name_and_accepts_the_macs() {
        let mut rng = StdRng::seed_from_u64(1);
        let state = AppState::generate(&mut rng, 1_700_000_000);
        let patch = state.push_name_patch("Ana", 1_700_000_000, &mut rng);
        let mut patch = wa::SyncdPatch::decode_from_slice(&patch).unwrap();
        patch.version = MessageField::some(wa::SyncdVersion { version: Some(1) });
        let keys = expand_app_state_keys(&state.key);
        let mut hash = HashState::default();
        let result = process_patch(
            &patch,
            &mut hash,
            |_| Ok(keys.clone().into()),
            |_| Ok(None),
            true,
            PUSH_NAME_COLLECTION,
        )
        .unwrap();
        let value = result.mutations[0].action_value.as_ref().unwrap();
        assert_eq!(value.push_name_setting.as_option().unwrap().name.as_deref(), Some("Ana"));
        assert_eq!(result.mutations[0].index, ["setting_pushName"]);
    }
}
