//! The whole simulator on one loopback port: WebSocket, media, control API, and the same in
//! process.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::control;
use crate::faults::Fault;
use crate::media::{MediaState, MediaStore};
use crate::oracle::Oracle;
use crate::phone::{Phone, PhoneConfig, PhoneError, PhoneHost, PhoneKeys, PhoneState};
use crate::server::{
    Addressing, Clock, NewAccount, SavedServer, Server, ServerConfig, ServerError, SystemClock,
};
use crate::tls::{Front, TlsError};
use crate::wire::{IdentityError, SavedIdentity, ServerIdentity, Validity};

mod file;

/// How a simulator is set up.
#[derive(Clone)]
pub struct SimulatorConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seed of everything random.
    pub seed: u64,
    /// File that the whole state is read from at the start (when it exists) and written to at the
    /// end and on demand. It holds private keys.
    pub state_file: Option<PathBuf>,
    /// How people are addressed.
    pub addressing: Addressing,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Ratchet keys that the oracle remembers.
    pub oracle_limit: usize,
    /// Messages that each phone's log keeps.
    pub log_limit: usize,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            state_file: None,
            addressing: Addressing::default(),
            clock: Arc::new(SystemClock),
            oracle_limit: 1_000_000,
            log_limit: PhoneConfig::default().log_limit,
        }
    }
}

/// A simulator that could not be started, saved or asked.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Only loopback addresses are served: the simulator has no access control.
    #[error("cannot listen on {0}: the simulator serves loopback addresses only")]
    NotLoopback(SocketAddr),
    /// The port could not be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server's certificates could not be made or restored.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The server refused.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A phone refused.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// There is no phone with this number.
    #[error("there is no phone with this number")]
    UnknownPhone,
    /// No state file was configured.
    #[error("no state file was configured")]
    NoStateFile,
    /// The state file could not be read or written.
    #[error("cannot {0} the state file")]
    StateFile(&'static str, #[source] std::io::Error),
    /// The state file does not hold a state.
    #[error("cannot understand the state file")]
    StateFormat(#[source] serde_json::Error),
}

/// Everything that is written to the state file.
#[derive(Serialize, Deserialize)]
struct SavedSimulator {
    identity: SavedIdentity,
    server: SavedServer,
    phones: Vec<PhoneState>,
    media: MediaState,
}

/// A running simulator. Cheap to clone; it stops on [`Simulator::stop`].
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    address: SocketAddr,
    certificate: String,
    identity: Arc<ServerIdentity>,
    server: Server,
    media: MediaStore,
    oracle: Arc<Oracle>,
    clock: Arc<dyn Clock>,
    state_file: Option<PathBuf>,
    host: PhoneHost,
    phones: RwLock<HashMap<String, Phone>>,
    rng: std::sync::Mutex<StdRng>,
    serving: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("address", &self.inner.address).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Starts a simulator, with the saved state if there is a state file.
    pub async fn start(config: SimulatorConfig) -> Result<Self, SimulatorError> {
        if !config.listen.ip().is_loopback() {
            return Err(SimulatorError::NotLoopback(config.listen));
        }
        let saved = match &config.state_file {
            Some(path) => file::read(path)?,
            None => None,
        };
        let front = Front::bind(config.listen).await?;
        let simulator = Self { inner: Arc::new(Inner::new(&config, &front, saved)?) };
        let router = control::router(&simulator);
        let stop = simulator.inner.serving.clone();
        let task = tokio::spawn(async move {
            let served =
                axum::serve(front, router).with_graceful_shutdown(async move { stop.cancelled().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "the simulator's port is no longer served");
            }
        });
        *simulator.inner.task.lock().await = Some(task);
        Ok(simulator)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// The WebSocket that clients connect to.
    pub fn websocket_url(&self) -> String {
        format!("ws://{}/ws/chat", self.inner.address)
    }

    /// `http://host:port` of the control API.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// The root key of the server's certificates, which Baileys 7 must be given.
    pub fn root_public(&self) -> [u8; 32] {
        self.inner.identity.root_public()
    }

    /// The server's keys and certificates.
    pub fn identity(&self) -> &Arc<ServerIdentity> {
        &self.inner.identity
    }

    /// The certificate of the media host, in PEM.
    pub fn certificate(&self) -> &str {
        &self.inner.certificate
    }

    /// The server behind it.
    pub fn server(&self) -> &Server {
        &self.inner.server
    }

    /// The media host.
    pub fn media(&self) -> &MediaStore {
        &self.inner.media
    }

    /// Who watches the ciphertexts.
    pub fn oracle(&self) -> &Arc<Oracle> {
        &self.inner.oracle
    }

    /// Makes an account with its phone and switches the phone on.
    pub fn create_phone(&self, number: &str, name: &str) -> Result<Phone, SimulatorError> {
        let mut rng = self.inner.rng();
        let keys = Arc::new(PhoneKeys::generate(&mut rng));
        let account = self.inner.server.create_account(NewAccount {
            number: number.to_owned(),
            name: name.to_owned(),
            lid: None,
            keys: Arc::clone(&keys),
        })?;
        let phone = self.inner.host.switch_on(account, keys, &mut rng)?;
        self.inner.add(&phone);
        Ok(phone)
    }

    /// A phone by its number.
    pub fn phone(&self, number: &str) -> Result<Phone, SimulatorError> {
        let number = number.trim_start_matches('+');
        self.inner.read_phones().get(number).cloned().ok_or(SimulatorError::UnknownPhone)
    }

    /// Every phone, by number.
    pub fn phones(&self) -> Vec<Phone> {
        let mut phones: Vec<Phone> = self.inner.read_phones().values().cloned().collect();
        phones.sort_unstable_by(|a, b| a.account().number.cmp(&b.account().number));
        phones
    }

    /// Provokes a fault.
    pub fn set_fault(&self, fault: Fault) {
        self.inner.server.set_fault(fault);
    }

    /// The server's state with what the oracle, the media host and the phones say.
    pub fn state(&self) -> serde_json::Value {
        let mut state = self.inner.server.state();
        let (files, bytes) = self.inner.media.usage();
        let mut oracle = serde_json::to_value(self.inner.oracle.summary()).unwrap_or_default();
        oracle["reuses"] = serde_json::to_value(self.inner.oracle.reuses()).unwrap_or_default();
        let root = self.root_public().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        if !state.is_object() {
            state = serde_json::json!({});
        }
        state["oracle"] = oracle;
        state["media"] = serde_json::json!({ "files": files, "bytes": bytes });
        state["root_public"] = root.into();
        state["websocket_url"] = self.websocket_url().into();
        state["phones"] = self.phones().iter().map(Phone::report).collect();
        state
    }

    /// Replaces the server's static Noise key, so that clients that resume must fall back.
    pub fn rotate_identity(&self) -> Result<(), SimulatorError> {
        let validity = Validity::around(self.inner.clock.now().as_secs());
        Ok(self.inner.identity.rotate(&mut self.inner.rng(), validity)?)
    }

    /// Writes the whole state to the state file, atomically and readable by its owner only.
    pub fn save(&self) -> Result<(), SimulatorError> {
        let path = self.inner.state_file.as_deref().ok_or(SimulatorError::NoStateFile)?;
        self.save_to(path)
    }

    /// Like [`Self::save`], to another file.
    pub fn save_to(&self, path: &Path) -> Result<(), SimulatorError> {
        // The server first: what a phone does meanwhile is then seen twice rather than never.
        let server = self.inner.server.saved();
        let phones = self.phones().iter().map(Phone::save).collect::<Result<_, _>>()?;
        let saved = SavedSimulator {
            identity: self.inner.identity.save(),
            server,
            phones,
            media: self.inner.media.state(),
        };
        file::write(&saved, path)
    }

    /// Stops serving, switches the phones off, and writes the state file if there is one.
    pub async fn stop(&self) -> Result<(), SimulatorError> {
        self.inner.serving.cancel();
        for phone in self.phones() {
            phone.switch_off();
        }
        let task = self.inner.task.lock().await.take();
        if let Some(task) = task {
            // Open WebSockets do not end by themselves.
            task.abort();
            let _ = task.await;
        }
        if self.inner.state_file.is_some() { self.save() } else { Ok(()) }
    }
}

impl Inner {
    fn new(
        config: &SimulatorConfig,
        front: &Front,
        saved: Option<SavedSimulator>,
    ) -> Result<Self, SimulatorError> {
        let mut rng = StdRng::seed_from_u64(config.seed);
        let address = front.address();
        let media = MediaStore::new(address.to_string());
        let server_config = ServerConfig {
            addressing: config.addressing,
            clock: Arc::clone(&config.clock),
            media: media.clone(),
            ..ServerConfig::new(config.seed, address.to_string())
        };
        let (identity, server, phones) = match saved {
            None => {
                let validity = Validity::around(config.clock.now().as_secs());
                (ServerIdentity::generate(&mut rng, validity)?, Server::new(server_config), Vec::new())
            }
            Some(saved) => {
                // Keys that are drawn from now on must not repeat those of the earlier run.
                rng = StdRng::from_rng(&mut rand::rng());
                media.restore(&saved.media);
                let mut keys = HashMap::new();
                for phone in &saved.phones {
                    keys.insert(phone.number.clone(), Arc::new(phone.keys(&mut rng)?));
                }
                let server =
                    Server::restore(server_config, saved.server, |number| keys.get(number).cloned())?;
                let phones = saved.phones.into_iter().map(|phone| {
                    let keys = keys.get(&phone.number).cloned();
                    (phone, keys)
                });
                (ServerIdentity::restore(saved.identity)?, server, phones.collect())
            }
        };
        let oracle = Arc::new(Oracle::new(config.oracle_limit));
        server.set_ciphertext_observer(oracle.clone());
        let host = PhoneHost {
            server: server.clone(),
            media: media.clone(),
            clock: Arc::clone(&config.clock),
            config: PhoneConfig {
                log_limit: config.log_limit,
                prefer_lid: config.addressing == Addressing::Lid,
            },
            stop: CancellationToken::new(),
        };
        let inner = Self {
            address,
            certificate: front.certificate().to_owned(),
            identity: Arc::new(identity),
            server,
            media,
            oracle,
            clock: Arc::clone(&config.clock),
            state_file: config.state_file.clone(),
            host,
            phones: RwLock::default(),
            rng: std::sync::Mutex::new(rng),
            serving: CancellationToken::new(),
            task: Mutex::default(),
        };
        inner.switch_on_again(phones)?;
        Ok(inner)
    }

    fn switch_on_again(
        &self,
        phones: Vec<(PhoneState, Option<Arc<PhoneKeys>>)>,
    ) -> Result<(), SimulatorError> {
        for (saved, keys) in phones {
            let account = self.server.account(&saved.number).ok_or(SimulatorError::UnknownPhone)?;
            let keys = keys.ok_or(SimulatorError::UnknownPhone)?;
            let phone = self.host.switch_on_again(account, keys, &saved, &mut self.rng())?;
            self.add(&phone);
        }
        Ok(())
    }

    fn add(&self, phone: &Phone) {
        let mut phones = self.phones.write().unwrap_or_else(PoisonError::into_inner);
        phones.insert(phone.account().number.clone(), phone.clone());
    }

    fn read_phones(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Phone>> {
        self.phones.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, StdRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
