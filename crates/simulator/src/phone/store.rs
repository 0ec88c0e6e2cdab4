//! The phone's Signal stores: in memory, saved and loaded as a whole.
//!
//! Every answer is ready at once, so the futures of the Signal library never wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wacore::libsignal::protocol::error::Result;
use wacore::libsignal::protocol::{
    Direction, GenericSignedPreKey, IdentityChange, IdentityKey, IdentityKeyPair, IdentityKeyStore, PreKeyId,
    PreKeyRecord, PreKeyStore, ProtocolAddress, SenderKeyName, SenderKeyRecord, SenderKeyStore,
    SessionRecord, SessionStore, SignalProtocolError, SignedPreKeyId, SignedPreKeyRecord, SignedPreKeyStore,
    Timestamp,
};

use super::keys::PhoneKeys;

/// Stored Signal state that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A Signal session or sender key could not be turned into bytes.
    #[error("cannot save the phone's {0}")]
    Save(&'static str),
    /// A saved Signal session, identity or sender key is not what it should be.
    #[error("cannot load the phone's {0}")]
    Load(&'static str),
}

/// Everything that the Signal library asks for, in the parts that it borrows separately.
pub struct Stores {
    /// Signal sessions by address.
    pub sessions: Sessions,
    /// Own identity and those of the peers.
    pub identities: Identities,
    /// One-time and signed pre-keys.
    pub prekeys: PreKeys,
    /// The same pre-keys, borrowed a second time for the signed ones.
    pub signed_prekeys: PreKeys,
    /// Sender keys by group and sender.
    pub sender_keys: SenderKeys,
}

/// [`Stores`] as they are written to a state file. The bytes are secret.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct StoresState {
    sessions: Vec<(String, u32, Vec<u8>)>,
    identities: Vec<(String, u32, Vec<u8>)>,
    sender_keys: Vec<(String, String, Vec<u8>)>,
}

impl fmt::Debug for StoresState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoresState(..)")
    }
}

impl Stores {
    /// Empty stores over these keys.
    pub fn new(keys: &Arc<PhoneKeys>) -> Self {
        Self {
            sessions: Sessions::default(),
            identities: Identities { keys: Arc::clone(keys), known: HashMap::new() },
            prekeys: PreKeys(Arc::clone(keys)),
            signed_prekeys: PreKeys(Arc::clone(keys)),
            sender_keys: SenderKeys::default(),
        }
    }

    /// Brings back saved stores. Sending chains skip the counters that were reserved when they
    /// were saved, so that none is used twice.
    pub fn restore(keys: &Arc<PhoneKeys>, state: &StoresState) -> std::result::Result<Self, StoreError> {
        let mut stores = Self::new(keys);
        for (name, device, bytes) in &state.sessions {
            let record = SessionRecord::deserialize(bytes).map_err(|_| StoreError::Load("Signal session"))?;
            stores.sessions.0.insert(address(name, *device), record);
        }
        for (name, device, bytes) in &state.identities {
            let identity = IdentityKey::decode(bytes).map_err(|_| StoreError::Load("identity"))?;
            stores.identities.known.insert(address(name, *device), identity);
        }
        for (group, sender, bytes) in &state.sender_keys {
            let record = SenderKeyRecord::deserialize(bytes).map_err(|_| StoreError::Load("sender key"))?;
            stores.sender_keys.0.insert((group.clone(), sender.clone()), record);
        }
        Ok(stores)
    }

    /// The stores as they are written to a state file.
    pub fn state(&self) -> std::result::Result<StoresState, StoreError> {
        let mut state = StoresState::default();
        for (address, record) in &self.sessions.0 {
            let bytes = record.serialize().map_err(|_| StoreError::Save("Signal session"))?;
            state.sessions.push((address.name().to_owned(), address.device_id().into(), bytes));
        }
        for (address, identity) in &self.identities.known {
            let bytes = identity.serialize().to_vec();
            state.identities.push((address.name().to_owned(), address.device_id().into(), bytes));
        }
        for ((group, sender), record) in &self.sender_keys.0 {
            let bytes = record.serialize().map_err(|_| StoreError::Save("sender key"))?;
            state.sender_keys.push((group.clone(), sender.clone(), bytes));
        }
        Ok(state)
    }
}

fn address(name: &str, device: u32) -> ProtocolAddress {
    ProtocolAddress::new(name, device.into())
}

/// Signal sessions by address.
#[derive(Default)]
pub struct Sessions(HashMap<ProtocolAddress, SessionRecord>);

impl Sessions {
    /// Is there a session that can encrypt?
    pub fn has(&self, address: &ProtocolAddress) -> bool {
        self.0
            .get(address)
            .and_then(SessionRecord::session_state)
            .is_some_and(|state| state.has_usable_sender_chain().unwrap_or(false))
    }

    /// Forgets the session with one device.
    pub fn remove(&mut self, address: &ProtocolAddress) {
        self.0.remove(address);
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, address: &ProtocolAddress) -> Result<Option<SessionRecord>> {
        Ok(self.0.get(address).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> Result<bool> {
        Ok(self.0.contains_key(address))
    }

    async fn store_session(&mut self, address: &ProtocolAddress, mut record: SessionRecord) -> Result<()> {
        // The map is the store, so a reservation needs no later flush.
        record.clear_pending_reservation();
        self.0.insert(address.clone(), record);
        Ok(())
    }
}

/// Own identity and those of the peers. Every identity is trusted: a simulated person never
/// compares security codes.
pub struct Identities {
    keys: Arc<PhoneKeys>,
    known: HashMap<ProtocolAddress, IdentityKey>,
}

#[async_trait]
impl IdentityKeyStore for Identities {
    async fn get_identity_key_pair(&self) -> Result<IdentityKeyPair> {
        Ok(self.keys.identity().clone())
    }

    async fn get_local_registration_id(&self) -> Result<u32> {
        Ok(self.keys.registration_id())
    }

    async fn save_identity(
        &mut self,
        address: &ProtocolAddress,
        identity: &IdentityKey,
    ) -> Result<IdentityChange> {
        let old = self.known.insert(address.clone(), *identity);
        Ok(IdentityChange::from_changed(old.is_some_and(|old| old != *identity)))
    }

    async fn is_trusted_identity(
        &self,
        _address: &ProtocolAddress,
        _identity: &IdentityKey,
        _direction: Direction,
    ) -> Result<bool> {
        Ok(true)
    }

    async fn get_identity(&self, address: &ProtocolAddress) -> Result<Option<IdentityKey>> {
        Ok(self.known.get(address).copied())
    }
}

/// The phone's own pre-keys.
pub struct PreKeys(Arc<PhoneKeys>);

#[async_trait]
impl PreKeyStore for PreKeys {
    async fn get_pre_key(&self, id: PreKeyId) -> Result<PreKeyRecord> {
        let pair = self.0.one_time_pair(id.into()).ok_or(SignalProtocolError::InvalidPreKeyId)?;
        Ok(PreKeyRecord::new(id, &pair))
    }

    async fn save_pre_key(&mut self, _id: PreKeyId, _record: &PreKeyRecord) -> Result<()> {
        Ok(()) // Pre-keys are made by `PhoneKeys` alone; the library never saves one.
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> Result<()> {
        self.0.consume_one_time(id.into());
        Ok(())
    }
}

#[async_trait]
impl SignedPreKeyStore for PreKeys {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> Result<SignedPreKeyRecord> {
        let (pair, signature) =
            self.0.signed_prekey_pair(id.into()).ok_or(SignalProtocolError::InvalidSignedPreKeyId)?;
        Ok(SignedPreKeyRecord::new(id, Timestamp::from_epoch_millis(0), pair, signature))
    }

    async fn save_signed_pre_key(&mut self, _id: SignedPreKeyId, _record: &SignedPreKeyRecord) -> Result<()> {
        Ok(()) // As above.
    }
}

/// Sender keys by group and sender.
#[derive(Default)]
pub struct SenderKeys(HashMap<(String, String), SenderKeyRecord>);

impl SenderKeys {
    /// Forgets one sender's key of a group, so that the next message starts a new one.
    pub fn remove(&mut self, name: &SenderKeyName) {
        self.0.remove(&key(name));
    }

    /// Is there a sender key of this sender?
    pub fn has(&self, name: &SenderKeyName) -> bool {
        self.0.contains_key(&key(name))
    }
}

#[async_trait]
impl SenderKeyStore for SenderKeys {
    async fn store_sender_key(&mut self, name: &SenderKeyName, record: SenderKeyRecord) -> Result<()> {
        self.0.insert(key(name), record);
        Ok(())
    }

    async fn load_sender_key(&self, name: &SenderKeyName) -> Result<Option<SenderKeyRecord>> {
        Ok(self.0.get(&key(name)).cloned())
    }
}

fn key(name: &SenderKeyName) -> (String, String) {
    (name.group_id().to_owned(), name.sender_id().to_owned())
}
