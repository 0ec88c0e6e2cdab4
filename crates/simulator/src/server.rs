//! The server side of WhatsApp: accounts, linked devices, stanza handling and relay.
//!
//! A synchronous core under one mutex. It does no I/O: stanzas come in through
//! [`Server::receive`] and leave through the channel that was given to [`Server::connect`] or
//! [`Server::attach_phone`]. What clients demand is recorded in the project's protocol notes; the
//! section numbers in this module's comments point there.

mod contract;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

pub use contract::{
    AccountInfo, Addressing, CiphertextObserver, Clock, CodeOffer, CompanionFinish, DeviceInfo, Downstream,
    KeyIndexGrant, Link, NewAccount, PairingGrant, PairingOffer, PhoneEvent, PrimaryHello,
    RelayedCiphertext, ServerConfig, ServerError, SnapshotError, SystemClock,
};

use crate::node::Node;
use crate::phone::keys::PhoneKeys;
use crate::wire::ClientHello;

/// A handle to one simulated WhatsApp server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
}

struct World {
    config: ServerConfig,
}

impl Server {
    /// An empty server.
    pub fn new(config: ServerConfig) -> Self {
        Self { shared: Arc::new(Shared { world: Mutex::new(World { config }) }) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a client whose handshake is done. A new device is sent pairing references; a known
    /// one `<success>`; any other `<failure>`. Answers come through `down`.
    pub fn connect(&self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link {
        let _ = (client, down);
        Link(0)
    }

    /// Takes one stanza of a connection. Anything is survived; unknown things are counted.
    pub fn receive(&self, link: Link, stanza: Node) {
        let _ = (link, stanza);
    }

    /// Takes note that a connection is gone. Stanzas it did not confirm return to the queue.
    pub fn disconnect(&self, link: Link) {
        let _ = link;
    }

    /// Makes an account with its phone (device 0).
    pub fn create_account(&self, account: NewAccount) -> Result<AccountInfo, ServerError> {
        let _ = account;
        Err(ServerError::UnknownAccount)
    }

    /// An account by its number or its LID.
    pub fn account(&self, user: &str) -> Option<AccountInfo> {
        let _ = user;
        None
    }

    /// Connects an account's phone in process: no Noise and no login. Stanzas that waited are
    /// sent first. An earlier attachment of the same phone is closed.
    pub fn attach_phone(
        &self,
        number: &str,
        down: UnboundedSender<Downstream>,
    ) -> Result<Link, ServerError> {
        let _ = (number, down);
        Err(ServerError::UnknownAccount)
    }

    /// The device that shows a QR code with this reference, while the reference is valid.
    pub fn pairing_by_ref(&self, reference: &str) -> Option<PairingOffer> {
        let _ = reference;
        None
    }

    /// The newest device that asked to be linked to this number by pairing code.
    pub fn pairing_code_offer(&self, number: &str) -> Option<CodeOffer> {
        let _ = number;
        None
    }

    /// Sends the phone's half of the pairing-code exchange to the device. Its answer arrives on
    /// the phone's link as [`PhoneEvent::CompanionFinish`].
    pub fn send_primary_hello(&self, link: Link, hello: PrimaryHello) -> Result<(), ServerError> {
        let _ = (link, hello);
        Err(ServerError::NotPairing)
    }

    /// Reserves a key index for a companion that is about to be linked.
    pub fn reserve_key_index(&self, number: &str) -> Result<KeyIndexGrant, ServerError> {
        let _ = number;
        Err(ServerError::UnknownAccount)
    }

    /// Sends `<pair-success>` to a device that waits to be linked and returns its device id. The
    /// device signs, is told to reconnect (515), and is linked from then on.
    pub fn complete_pairing(
        &self,
        link: Link,
        number: &str,
        grant: PairingGrant,
    ) -> Result<u16, ServerError> {
        let _ = (link, number, grant);
        Err(ServerError::NotPairing)
    }

    /// Unlinks a companion as its phone does: it is logged out at once or at its next login.
    pub fn remove_device(&self, number: &str, device: u16) -> Result<(), ServerError> {
        let _ = (number, device);
        Err(ServerError::UnknownDevice)
    }

    /// Every device of an account, the phone included.
    pub fn devices(&self, number: &str) -> Result<Vec<DeviceInfo>, ServerError> {
        let _ = number;
        Err(ServerError::UnknownAccount)
    }

    /// Sets who sees every relayed ciphertext.
    pub fn set_ciphertext_observer(&self, observer: Arc<dyn CiphertextObserver>) {
        let _ = observer;
    }

    /// Accounts, devices, queues and counters, for `GET /sim/state`.
    pub fn state(&self) -> serde_json::Value {
        let _ = self.world().config.seed;
        serde_json::Value::Null
    }

    /// Writes everything the server must know after a restart, atomically and readable by its
    /// owner only. The phones' keys are not part of it: their owner saves them.
    pub fn save(&self, path: &Path) -> Result<(), ServerError> {
        let _ = path;
        Ok(())
    }

    /// A server with the state that [`Server::save`] wrote. `keys` gives an account's keys by its
    /// number.
    pub fn load(
        config: ServerConfig,
        path: &Path,
        keys: impl Fn(&str) -> Option<Arc<PhoneKeys>>,
    ) -> Result<Self, ServerError> {
        let _ = (path, keys("0"));
        Ok(Self::new(config))
    }
}
