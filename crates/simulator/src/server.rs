//! The server side of WhatsApp: accounts, linked devices, stanza handling and relay.
//!
//! A synchronous core under one mutex. It does no I/O: stanzas come in through
//! [`Server::receive`] and leave through the channel that was given to [`Server::connect`] or
//! [`Server::attach_phone`]. What clients demand is recorded in the project's protocol notes; the
//! section numbers in this module's comments point there.

mod account;
mod app_state;
pub(crate) mod base64_bytes;
mod bundles;
mod calls;
mod contract;
mod devices;
mod dispatch;
mod entry;
mod groups;
mod mex;
mod offline;
mod pairing;
mod passkeys;
mod pictures;
mod presence;
mod profile;
mod receipts;
mod relay;
mod report;
mod settings;
mod snapshot;
mod usync;
mod withheld;
mod world;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

pub use contract::{
    AccountInfo, Addressing, CiphertextObserver, Clock, CodeOffer, CompanionFinish, DeviceInfo, Downstream,
    KeyIndexGrant, Link, NewAccount, PairingGrant, PairingOffer, PasskeyStep, PhoneEvent, PrimaryHello,
    RelayedCiphertext, ServerConfig, ServerError, SnapshotError, SystemClock,
};
pub use passkeys::Passkey;

use world::World;

pub(crate) use account::Address;
pub use account::StanzaClass;
pub use snapshot::SavedServer;

use crate::faults::Fault;
use crate::node::Node;
use crate::phone::keys::PhoneKeys;
use crate::wire::ClientHello;

/// A handle to one simulated WhatsApp server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    world: Arc<Mutex<World>>,
}

impl Server {
    /// An empty server.
    pub fn new(config: ServerConfig) -> Self {
        Self { world: Arc::new(Mutex::new(World::new(config))) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A panic in the middle of a stanza would leave the state consistent enough to go on: it
        // is better to serve the other clients than to stop.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a client whose handshake is done. A new device is sent pairing references; a known
    /// one `<success>`; any other `<failure>`. Answers come through `down`.
    pub fn connect(&self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link {
        self.world().connect(client, down)
    }

    /// Takes one stanza of a connection. Anything is survived; unknown things are counted.
    #[allow(clippy::needless_pass_by_value, reason = "the connection is done with the stanza")]
    pub fn receive(&self, link: Link, stanza: Node) {
        let (observer, relayed) = {
            let mut world = self.world();
            world.receive(link, &stanza);
            let relayed = std::mem::take(&mut world.relayed);
            (if relayed.is_empty() { None } else { world.observer.clone() }, relayed)
        };
        if let Some(observer) = observer {
            for ciphertext in &relayed {
                observer.relayed(ciphertext);
            }
        }
    }

    /// Takes note that a connection is gone. Stanzas it did not confirm return to the queue.
    pub fn disconnect(&self, link: Link) {
        self.world().disconnect(link);
    }

    /// Makes an account with its phone (device 0).
    pub fn create_account(&self, account: NewAccount) -> Result<AccountInfo, ServerError> {
        self.world().create_account(account)
    }

    /// An account by its number or its LID.
    pub fn account(&self, user: &str) -> Option<AccountInfo> {
        let world = self.world();
        let number = world.lids.get(user).map_or(user, String::as_str);
        world.accounts.get(number).map(account::Account::info)
    }

    /// Connects an account's phone in process: no Noise and no login. Stanzas that waited are
    /// sent first. An earlier attachment of the same phone is closed.
    pub fn attach_phone(&self, number: &str, down: UnboundedSender<Downstream>) -> Result<Link, ServerError> {
        self.world().attach_phone(number, down)
    }

    /// The device that shows a QR code with this reference, while the reference is valid.
    pub fn pairing_by_ref(&self, reference: &str) -> Option<PairingOffer> {
        self.world().pairing_by_ref(reference)
    }

    /// The newest device that asked to be linked to this number by pairing code.
    pub fn pairing_code_offer(&self, number: &str) -> Option<CodeOffer> {
        self.world().pairing_code_offer(number)
    }

    /// Sends the phone's half of the pairing-code exchange to the device. Its answer arrives on
    /// the phone's link as [`PhoneEvent::CompanionFinish`].
    pub fn send_primary_hello(&self, link: Link, hello: PrimaryHello) -> Result<(), ServerError> {
        self.world().send_primary_hello(link, hello)
    }

    /// Gives an account a passkey: from now on its phone links no device without.
    pub fn set_passkey(&self, number: &str, passkey: Passkey) -> Result<(), ServerError> {
        self.world().set_passkey(number, passkey)
    }

    /// Whether an account's phone asks for a passkey.
    pub fn needs_passkey(&self, number: &str) -> bool {
        self.world().needs_passkey(number)
    }

    /// Asks a device that waits to be linked for an assertion of the account's passkey.
    pub fn ask_for_passkey(&self, link: Link, number: &str) -> Result<(), ServerError> {
        self.world().ask_for_passkey(link, number)
    }

    /// Sends the phone's ephemeral identity to a device that is linked by passkey.
    pub fn send_primary_identity(&self, link: Link, identity: Vec<u8>) -> Result<(), ServerError> {
        self.world().send_primary_identity(link, identity)
    }

    /// Reserves a key index for a companion that is about to be linked.
    pub fn reserve_key_index(&self, number: &str) -> Result<KeyIndexGrant, ServerError> {
        self.world().reserve_key_index(number)
    }

    /// Sends `<pair-success>` to a device that waits to be linked and returns its device id. The
    /// device signs, is told to reconnect (515), and is linked from then on.
    #[allow(clippy::needless_pass_by_value, reason = "a grant is used once")]
    pub fn complete_pairing(
        &self,
        link: Link,
        number: &str,
        grant: PairingGrant,
    ) -> Result<u16, ServerError> {
        self.world().complete_pairing(link, number, &grant)
    }

    /// Unlinks a companion as its phone does: it is logged out at once or at its next login.
    pub fn remove_device(&self, number: &str, device: u16) -> Result<(), ServerError> {
        let mut world = self.world();
        if !world.accounts.contains_key(number) {
            return Err(ServerError::UnknownAccount);
        }
        if world.remove_device(&Address::new(number, device)) {
            Ok(())
        } else {
            Err(ServerError::UnknownDevice)
        }
    }

    /// Every device of an account, the phone included.
    pub fn devices(&self, number: &str) -> Result<Vec<DeviceInfo>, ServerError> {
        self.world().devices(number)
    }

    /// Provokes a fault. Connection faults and stream errors hit live connections at once.
    pub fn set_fault(&self, fault: Fault) {
        self.world().set_fault(fault);
    }

    /// Disarms every fault. Acknowledgements that were withheld are sent.
    pub fn clear_faults(&self) {
        let mut world = self.world();
        world.faults.clear();
        world.let_acks_go();
    }

    /// Sets who sees every relayed ciphertext.
    pub fn set_ciphertext_observer(&self, observer: Arc<dyn CiphertextObserver>) {
        self.world().observer = Some(observer);
    }

    /// Accounts, devices, queues and counters, for `GET /sim/state`.
    pub fn state(&self) -> serde_json::Value {
        self.world().report()
    }

    /// Everything the server must know after a restart. The phones' keys are not part of it: their
    /// owner saves them.
    pub fn saved(&self) -> SavedServer {
        self.world().saved()
    }

    /// A server with a saved state. `keys` gives an account's keys by its number.
    pub fn restore(
        config: ServerConfig,
        saved: SavedServer,
        keys: impl Fn(&str) -> Option<Arc<PhoneKeys>>,
    ) -> Result<Self, ServerError> {
        Ok(Self { world: Arc::new(Mutex::new(World::restore(config, saved, keys)?)) })
    }

    /// Writes [`Self::saved`] to a file, atomically and readable by its owner only.
    pub fn save(&self, path: &Path) -> Result<(), ServerError> {
        let saved = self.saved();
        snapshot::write(&saved, path).map_err(|error| ServerError::StateFile("write", error))
    }

    /// A server with the state that [`Self::save`] wrote.
    pub fn load(
        config: ServerConfig,
        path: &Path,
        keys: impl Fn(&str) -> Option<Arc<PhoneKeys>>,
    ) -> Result<Self, ServerError> {
        let saved = snapshot::read(path).map_err(|error| ServerError::StateFile("read", error))?;
        Self::restore(config, saved, keys)
    }
}

#[cfg(test)]
mod tests;
