//! Takes damaged keys out of the engine's way, as it comes upon them.
//!
//! A record that cannot be decoded fails every message that needs it, for ever: the client asks the store and gives up. An
//! absent one is made or negotiated anew. So each record is judged when it is read; a damaged one is set aside beside the
//! database, removed, and reported as absent. Our own sender key is then made anew and handed to the whole group before the
//! message that needed it goes out; a Signal session comes from a new bundle or a retry; a pre-key fails once, and the retry
//! receipt brings a new one.

mod pass_through;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Notify, OnceCell};
use wakeeper_engine_store::chains::ChainKind;
use wakeeper_engine_store::sound::{self, Unsound};
use wakeeper_model::{Clock, SessionName};
use whatsapp_rust::async_trait;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{Backend, SignalStore};

use crate::life::chains::Chains;
use crate::life::credentials;
use crate::life::incidents::SessionIncidents;

/// Folder of damaged records, in the session's folder.
const ASIDE: &str = "damaged-keys";
/// How many damaged records are kept: enough to see what happened.
const MOST_ASIDE: usize = 200;

/// Who is told what, and where damaged records go.
#[derive(Clone)]
pub(crate) struct RepairContext {
    /// Whose keys.
    pub session: SessionName,
    /// The session's folder.
    pub folder: PathBuf,
    /// For names of files.
    pub clock: Clock,
    /// Told when a pre-key was asked for and is not there: what the server has should be compared.
    pub missing: Arc<Notify>,
    /// Where our sending chains stand.
    pub chains: Arc<Chains>,
    /// Hears of repairs.
    pub incidents: SessionIncidents,
}

/// Makes a signed pre-key for a session whose own is damaged: without one its login would not open. What fails here is said
/// again by whoever opens the database next. Answers whether one was made.
pub(crate) async fn renew_signed_pre_key(folder: &Path, session: &SessionName) -> bool {
    let database = folder.join(wakeeper_engine_store::DATABASE);
    if !database.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    match wakeeper_engine_store::renew_signed_pre_key(&database).await {
        Ok(None) => false,
        Ok(Some(why)) => {
            metrics::counter!("wakeeper_damaged_keys_total", "kind" => "signed pre-key").increment(1);
            tracing::warn!(%session, %why, "the signed pre-key was damaged; a new one was made and will be uploaded");
            true
        }
        Err(error) => {
            tracing::debug!(%session, %error, "the signed pre-key was not looked at");
            false
        }
    }
}

/// A store whose damaged keys are absent.
pub(crate) struct RepairingStore {
    store: Arc<dyn Backend>,
    context: RepairContext,
    own: OnceCell<sound::OwnAddresses>,
}

impl RepairingStore {
    pub(crate) fn over(store: Arc<dyn Backend>, context: RepairContext) -> Arc<Self> {
        Arc::new(Self { store, context, own: OnceCell::new() })
    }

    /// The group, when the row is our own sender key.
    async fn own_group(&self, row: &str) -> Option<String> {
        let own = self
            .own
            .get_or_try_init(|| async {
                let device = self.store.load().await.ok().flatten().ok_or(())?;
                let own = sound::own_addresses(&device);
                // Not linked yet: asked again the next time.
                if own.is_empty() { Err(()) } else { Ok(own) }
            })
            .await
            .ok()?;
        sound::own_group(row, own)
    }

    /// Our own sender key as it is to be stored; `None` for one of somebody else, which never encrypts.
    async fn sender_key_to_store(&self, row: &str, record: &[u8]) -> Option<Bytes> {
        self.own_group(row).await?;
        Some(self.context.chains.to_store(ChainKind::SenderKey, row, record))
    }

    /// Says that a record is damaged and keeps it. That it cannot be kept must not keep messages from flowing.
    fn set_aside(&self, kind: &'static str, row: &str, record: &[u8], why: &Unsound) {
        metrics::counter!("wakeeper_damaged_keys_total", "kind" => kind).increment(1);
        tracing::warn!(session = %self.context.session, kind, %why, "a damaged key is set aside and made anew");
        let found = format!("a damaged key was found: a {kind}");
        self.context.incidents.repaired(&found, "it was set aside and is made anew");
        if let Err(error) = self.keep(kind, row, record) {
            tracing::warn!(session = %self.context.session, kind, %error, "the damaged key could not be kept");
        }
    }

    fn keep(&self, kind: &str, row: &str, record: &[u8]) -> std::io::Result<()> {
        let folder = self.context.folder.join(ASIDE);
        credentials::create_folder(&folder).map_err(std::io::Error::other)?;
        if std::fs::read_dir(&folder)?.count() >= MOST_ASIDE {
            return Ok(());
        }
        // Rows are named after chats and people: none of that in a file's name that could be more than a name.
        let row: String =
            row.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(100).collect();
        let path = folder.join(format!("{}-{}-{row}", self.context.clock.now_ms(), kind.replace(' ', "-")));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(record)
    }

    async fn pre_key(&self, id: u32, record: Bytes) -> Result<Option<Bytes>> {
        let Err(why) = sound::pre_key(&record) else { return Ok(Some(record)) };
        self.set_aside("pre-key", &id.to_string(), &record, &why);
        self.store.remove_prekey(id).await?;
        Ok(None)
    }
}

#[async_trait]
impl SignalStore for RepairingStore {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.store.put_identity(address, key).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        self.store.put_identities_batch(identities).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        self.store.load_identity(address).await
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.store.delete_identity(address).await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        let Some(record) = self.store.get_session(address).await? else { return Ok(None) };
        let Err(why) = sound::signal_session(&record) else {
            return Ok(Some(self.context.chains.loaded(ChainKind::SignalSession, address, &record)));
        };
        self.set_aside("Signal session", address, &record, &why);
        self.store.delete_session(address).await?;
        Ok(None)
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        let stored = self.context.chains.to_store(ChainKind::SignalSession, address, session);
        self.store.put_session(address, &stored).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        let chains = &self.context.chains;
        let stored = |(address, record): &(Arc<str>, Bytes)| {
            (Arc::clone(address), chains.to_store(ChainKind::SignalSession, address, record))
        };
        self.store.put_sessions_batch(&sessions.iter().map(stored).collect::<Vec<_>>()).await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.store.delete_session(address).await
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        // A damaged one does not count: who asks goes on to fetch a bundle.
        Ok(self.store.has_session(address).await? && self.get_session(address).await?.is_some())
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        self.store.has_signal_state_for_user(user).await
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        self.store.store_prekey(id, record, uploaded).await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        self.store.store_prekeys_batch(keys, uploaded).await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        let found = match self.store.load_prekey(id).await? {
            Some(record) => self.pre_key(id, record).await?,
            None => None,
        };
        if found.is_none() {
            self.context.missing.notify_one();
        }
        Ok(found)
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let mut found = self.store.load_prekeys_batch(ids).await?;
        let damaged: Vec<(u32, Bytes)> =
            found.iter().filter(|(_, record)| sound::pre_key(record).is_err()).cloned().collect();
        for (id, record) in damaged {
            self.pre_key(id, record).await?;
            found.retain(|(other, _)| *other != id);
        }
        Ok(found)
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        self.store.mark_prekeys_uploaded(ids).await
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.store.remove_prekey(id).await
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        self.store.get_max_prekey_id().await
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.store.store_signed_prekey(id, record).await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        let Some(record) = self.store.load_signed_prekey(id).await? else { return Ok(None) };
        let Err(why) = sound::signed_pre_key_record(&record) else { return Ok(Some(record)) };
        self.set_aside("signed pre-key", &id.to_string(), &record, &why);
        self.store.remove_signed_prekey(id).await?;
        Ok(None)
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        self.store.load_all_signed_prekeys().await
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.store.remove_signed_prekey(id).await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        let stored = self.sender_key_to_store(address, record).await;
        self.store.put_sender_key(address, stored.as_deref().unwrap_or(record)).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        let mut stored = Vec::with_capacity(sender_keys.len());
        for (address, record) in sender_keys {
            let own = self.sender_key_to_store(address, record).await;
            stored.push((Arc::clone(address), own.unwrap_or_else(|| record.clone())));
        }
        self.store.put_sender_keys_batch(&stored).await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        let Some(record) = self.store.get_sender_key(address).await? else { return Ok(None) };
        let own = self.own_group(address).await;
        match (sound::sender_key(&record, own.is_some()), &own) {
            (Ok(()), None) => return Ok(Some(record)),
            (Ok(()), Some(_)) => {
                return Ok(Some(self.context.chains.loaded(ChainKind::SenderKey, address, &record).into()));
            }
            (Err(why), _) => self.set_aside("sender key", address, &record, &why),
        }
        if let Some(group) = own {
            // Whoever is thought to have a key that is gone would get no other.
            self.store.clear_sender_key_devices(&group).await?;
        }
        self.store.delete_sender_key(address).await?;
        Ok(None)
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.store.delete_sender_key(address).await
    }
}
