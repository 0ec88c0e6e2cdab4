//! Writes a session into a store of its own: whole under its name, or not there at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::formats::baileys::key_pair::KeyPair as StoredPair;
use wakeeper_doctor::model::{Credentials, Session};
use wakeeper_doctor::transfer::LeftOut;
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PrivateKey, PublicKey};
use whatsapp_rust::wacore::libsignal::store::record_helpers::encode_pre_key_record_to;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::traits::{
    AppStateSyncKey, AppSyncStore, DeviceInfo, DeviceListRecord, DeviceStore, LidPnMappingEntry,
    ProtocolStore, SignalStore, TcTokenEntry,
};
use whatsapp_rust::waproto::codec;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::error::{NativeError, io, store};
use crate::sqlite::SqliteBackend;
use crate::{DATABASE, address, rows, sender_key, signal};

/// Where a database is made before it gets its name.
const DRAFT: &str = ".import";

/// What was written, and what could not be.
#[derive(Debug)]
pub struct Written {
    /// The database.
    pub database: PathBuf,
    /// What had to be left behind.
    pub left_out: Vec<LeftOut>,
}

/// Writes a session into `folder`, which the caller holds the lock of. A session that is there already is never touched.
///
/// # Errors
/// When there is one, a key of the login is not one, or the store fails; nothing is left behind then.
pub async fn write(session: &Session, folder: &Path, now_ms: i64) -> Result<Written, NativeError> {
    let database = folder.join(DATABASE);
    if database.exists() {
        return Err(NativeError::Exists { path: database });
    }
    let draft = folder.join(DRAFT);
    remove(&draft)?;
    make_private_folder(&draft)?;
    let written = fill(session, &draft.join(DATABASE), now_ms).await;
    let left_out = match written {
        Ok(left_out) => left_out,
        Err(error) => {
            // What is half written is of no use; the failure is what counts.
            let _ = std::fs::remove_dir_all(&draft);
            return Err(error);
        }
    };
    std::fs::rename(draft.join(DATABASE), &database).map_err(io("put in place", &database))?;
    let opened = std::fs::File::open(folder).map_err(io("open", folder))?;
    opened.sync_all().map_err(io("sync", folder))?;
    remove(&draft)?;
    Ok(Written { database, left_out })
}

async fn fill(session: &Session, database: &Path, now_ms: i64) -> Result<Vec<LeftOut>, NativeError> {
    // Made before SQLite does, so that it is never readable by others.
    std::os::unix::fs::OpenOptionsExt::mode(std::fs::OpenOptions::new().append(true).create_new(true), 0o600)
        .open(database)
        .map_err(io("create", database))?;
    let mut session = session.clone();
    session.unite_addresses();
    let mut writer = Writer {
        store: open(database).await?,
        failed: store("write", database),
        left_out: Vec::new(),
        now: now_ms / 1000,
    };
    writer.device(&session.credentials).await?;
    writer.pre_keys(&session).await?;
    writer.signal_sessions(&session).await?;
    writer.identities(&session).await?;
    writer.sender_keys(&session).await?;
    writer.app_state(&session).await?;
    writer.contacts(&session).await?;
    let Writer { store: opened, left_out, .. } = writer;
    drop(opened);
    rows::settle(database).await?;
    Ok(left_out)
}

/// Opens a store as the gateway does.
pub(crate) async fn open(database: &Path) -> Result<SqliteBackend, NativeError> {
    SqliteBackend::open(database).await.map_err(store("open", database))
}

struct Writer<F> {
    store: SqliteBackend,
    failed: F,
    left_out: Vec<LeftOut>,
    now: i64,
}

impl<F: Fn(whatsapp_rust::wacore::store::error::StoreError) -> NativeError> Writer<F> {
    fn leave_out(&mut self, path: String, peer: Option<&Address>, reason: impl std::fmt::Display) {
        let peer = peer.map(ToString::to_string);
        self.left_out.push(LeftOut { path, peer, reason: reason.to_string() });
    }

    async fn device(&self, credentials: &Credentials) -> Result<(), NativeError> {
        let me = &credentials.me;
        let signed = &credentials.signed_pre_key;
        let account = &credentials.account;
        let mut device = Device::new();
        device.pn = address::jid(&me.phone);
        device.lid = me.lid.as_ref().and_then(address::jid);
        device.registration_id = credentials.registration_id;
        device.noise_key = key_pair("Noise key", &credentials.noise)?;
        device.identity_key = key_pair("identity key", &credentials.identity)?;
        device.signed_pre_key = key_pair("signed pre-key", &signed.pair)?;
        device.signed_pre_key_id = signed.id;
        device.signed_pre_key_signature = signed.signature;
        device.adv_secret_key = *credentials.adv_secret.expose();
        device.account = Some(Arc::new(wa::ADVSignedDeviceIdentity {
            details: Some(account.details.clone()),
            account_signature_key: Some(account.account_signature_key.clone()),
            account_signature: Some(account.account_signature.clone()),
            device_signature: Some(account.device_signature.clone()),
        }));
        device.push_name = me.name.clone().unwrap_or_default();
        device.edge_routing_info.clone_from(&credentials.routing_info);
        device.next_pre_key_id = credentials.next_pre_key_id;
        device.first_unupload_pre_key_id = credentials.first_unuploaded_pre_key_id;
        device.server_has_prekeys = credentials.first_unuploaded_pre_key_id > 1;
        // Which server settings are known says nothing here: what they are has not been kept.
        device.props_hash = None;
        // Zero lets the client count from its first start instead of renewing the signed pre-key at once.
        device.last_signed_pre_key_rotation_ms = 0;
        self.store.save(&device).await.map_err(&self.failed)
    }

    async fn pre_keys(&mut self, session: &Session) -> Result<(), NativeError> {
        let first = session.credentials.first_unuploaded_pre_key_id;
        let mut batches = [Vec::new(), Vec::new()];
        for (id, pair) in &session.pre_keys {
            match key_pair("pre-key", pair) {
                Ok(pair) => {
                    let mut record = Vec::new();
                    encode_pre_key_record_to(*id, &pair, &mut record);
                    batches[usize::from(*id < first)].push((*id, Bytes::from(record)));
                }
                Err(error) => self.leave_out(format!("pre-key {id}"), None, error),
            }
        }
        for (uploaded, batch) in [false, true].into_iter().zip(&batches) {
            self.store.store_prekeys_batch(batch, uploaded).await.map_err(&self.failed)?;
        }
        Ok(())
    }

    async fn signal_sessions(&mut self, session: &Session) -> Result<(), NativeError> {
        let context = signal::context(&session.credentials)?;
        let mut batch = Vec::new();
        for (peer, record) in &session.signal_sessions {
            let Some(key) = address::row_key(peer) else { continue };
            match signal::to_store(record, context) {
                Ok((bytes, dropped)) => {
                    if dropped > 0 {
                        let reason = format!("{dropped} archived Signal session(s) break libsignal's rules");
                        self.leave_out("Signal sessions".to_owned(), Some(peer), reason);
                    }
                    batch.push((Arc::from(key), Bytes::from(bytes)));
                }
                Err(error) => {
                    let reason = format!("{error}; the next message makes a new one");
                    self.leave_out("Signal sessions".to_owned(), Some(peer), reason);
                }
            }
        }
        self.store.put_sessions_batch(&batch).await.map_err(&self.failed)
    }

    async fn identities(&mut self, session: &Session) -> Result<(), NativeError> {
        // What the open Signal session was made with counts; a key stored by itself fills the gaps.
        let mut keys = session.identities.clone();
        for (peer, record) in &session.signal_sessions {
            keys.extend(record.current().map(|current| (peer.clone(), current.remote_identity)));
        }
        let batch: Vec<(Arc<str>, [u8; 32])> = keys
            .iter()
            .filter_map(|(peer, key)| Some((address::row_key(peer)?.into(), *key.last_chunk::<32>()?)))
            .collect();
        self.store.put_identities_batch(&batch).await.map_err(&self.failed)
    }

    async fn sender_keys(&mut self, session: &Session) -> Result<(), NativeError> {
        let mut batch = Vec::new();
        for (name, key) in &sender_key::by_account(session) {
            let Some(sender) = address::row_key(&name.sender) else { continue };
            match sender_key::to_store(key) {
                Ok(bytes) => batch.push((Arc::from(format!("{}:{sender}", name.group)), Bytes::from(bytes))),
                Err(error) => {
                    let reason = format!("{error}; the sender hands out a new one");
                    self.leave_out(format!("sender key of {}", name.group), Some(&name.sender), reason);
                }
            }
        }
        self.store.put_sender_keys_batch(&batch).await.map_err(&self.failed)?;
        for (group, devices) in &session.sender_key_memory {
            let devices: Vec<String> =
                devices.iter().filter_map(address::jid).map(|jid| jid.to_string()).collect();
            let told: Vec<(&str, bool)> = devices.iter().map(|device| (device.as_str(), true)).collect();
            self.store.set_sender_key_status(group, &told).await.map_err(&self.failed)?;
        }
        Ok(())
    }

    async fn app_state(&self, session: &Session) -> Result<(), NativeError> {
        for (id, key) in &session.app_state_keys {
            let fingerprint = key.fingerprint.clone().unwrap_or_default();
            let fingerprint = wa::message::AppStateSyncKeyFingerprint {
                raw_id: fingerprint.raw_id,
                current_index: fingerprint.current_index,
                device_indexes: fingerprint.device_indexes,
            };
            let key = AppStateSyncKey {
                key_data: key.data.expose().to_vec(),
                fingerprint: codec::app_state_sync_key_fingerprint_to_vec(&fingerprint),
                timestamp: key.timestamp,
            };
            self.store.set_sync_key(id, key).await.map_err(&self.failed)?;
        }
        for (collection, known) in &session.app_state_versions {
            let macs: Vec<AppStateMutationMAC> = known
                .value_macs
                .iter()
                .map(|(index, value)| AppStateMutationMAC {
                    index_mac: index.clone(),
                    value_mac: value.clone(),
                })
                .collect();
            let state = HashState { version: known.version, hash: known.hash, ..HashState::default() };
            self.store.put_mutation_macs(collection, known.version, &macs).await.map_err(&self.failed)?;
            self.store.set_version(collection, state).await.map_err(&self.failed)?;
        }
        Ok(())
    }

    /// What is known of contacts: LIDs, devices, tokens.
    async fn contacts(&self, session: &Session) -> Result<(), NativeError> {
        let me = &session.credentials.me;
        let own = me.lid.as_ref().map(|lid| (&me.phone.user, &lid.user, "pairing"));
        let known = session.lid_mappings.iter().map(|(phone, lid)| (phone, lid, "other"));
        let mappings: Vec<LidPnMappingEntry> = known
            .chain(own)
            .map(|(phone, lid, source)| LidPnMappingEntry {
                lid: lid.clone(),
                phone_number: phone.clone(),
                created_at: self.now,
                updated_at: self.now,
                learning_source: source.to_owned(),
            })
            .collect();
        self.store.put_lid_mappings(&mappings).await.map_err(&self.failed)?;
        let lists = session.device_lists.iter().map(|(user, devices)| DeviceListRecord {
            user: user.clone(),
            devices: devices.iter().map(|device| DeviceInfo::new(*device, None)).collect(),
            timestamp: self.now,
            phash: None,
            raw_id: None,
        });
        self.store.update_device_lists(lists.collect()).await.map_err(&self.failed)?;
        for (jid, token) in &session.tokens {
            let Some(contact) = Address::from_jid(jid) else { continue };
            let lid = if contact.domain.is_lid() {
                Some(contact.user.as_str())
            } else {
                session.lid_of(&contact.user)
            };
            let Some(lid) = lid else { continue };
            let entry = TcTokenEntry {
                token: token.token.clone().unwrap_or_default(),
                token_timestamp: token.timestamp.unwrap_or(0),
                sender_timestamp: token.sender_timestamp,
            };
            self.store.put_tc_token(lid, &entry).await.map_err(&self.failed)?;
        }
        Ok(())
    }
}

fn key_pair(what: &'static str, pair: &StoredPair) -> Result<KeyPair, NativeError> {
    let wrong = |error: &dyn std::fmt::Display| NativeError::Key { what, reason: error.to_string() };
    let public = PublicKey::from_djb_public_key_bytes(&pair.public).map_err(|error| wrong(&error))?;
    let private = PrivateKey::deserialize(pair.private.expose()).map_err(|error| wrong(&error))?;
    Ok(KeyPair::new(public, private))
}

fn make_private_folder(path: &Path) -> Result<(), NativeError> {
    wakeeper_private_fs::create_private_folders(path).map_err(io("create", path))
}

fn remove(path: &Path) -> Result<(), NativeError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}
