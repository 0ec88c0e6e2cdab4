//! Reads a session out of its store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wakeeper_doctor::address::Address;
use wakeeper_doctor::examine::UnreadRow;
use wakeeper_doctor::finding::Subject;
use wakeeper_doctor::formats::baileys::credentials::Account;
use wakeeper_doctor::formats::baileys::key_pair::KeyPair as StoredPair;
use wakeeper_doctor::model::{
    AppStateKey, AppStateVersion, Credentials, Fingerprint, Leftovers, Me, SenderKeyName, Session,
    SignedPreKey, Token,
};
use wakeeper_doctor::secret::Secret;
use wakeeper_doctor::transfer::LeftOut;
use whatsapp_rust::Jid;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::store::Device;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::wacore::store::traits::{AppSyncStore, DeviceStore, ProtocolStore, SignalStore};
use whatsapp_rust::waproto::codec;

use crate::error::{NativeError, store};
use crate::rows::{self, Keys, MacRow};
use crate::sqlite::SqliteBackend;
use crate::{address, sender_key, signal, sound, write};

/// A store that was read whole.
#[derive(Debug)]
pub struct NativeReading {
    /// What it holds.
    pub session: Session,
    /// What could not be read.
    pub left_out: Vec<LeftOut>,
    /// The same, by what it should be.
    pub unread: Vec<UnreadRow>,
    /// Rows that the client cannot use.
    pub damaged: BTreeSet<Subject>,
}

/// Reads a store that its caller holds the lock of. Bringing it to the client's newest schema is all that changes in it.
///
/// # Errors
/// When it cannot be opened or holds no login.
pub async fn read(database: &Path, now_ms: i64) -> Result<NativeReading, NativeError> {
    let opened = write::open(database).await?;
    let failed = store("read", database);
    let device = opened.load().await.map_err(&failed)?;
    let no_login = || NativeError::NoLogin { path: database.to_owned() };
    let credentials = device.as_ref().and_then(credentials).ok_or_else(no_login)?;
    let mut connection = rows::connect(database, false).await?;
    let keys = rows::keys(&mut connection, database).await?;
    let macs = rows::macs(&mut connection, database).await?;
    drop(connection);
    let own = device.as_ref().map(sound::own_addresses).unwrap_or_default();
    let session = Session::new(credentials);
    let (unread, damaged) = (Vec::new(), BTreeSet::new());
    let mut reader = Reader { store: opened, session, unread, damaged, own, now_ms };
    reader.everything(&keys, macs).await.map_err(&failed)?;
    let Reader { mut session, unread, damaged, .. } = reader;
    sender_key::by_device(&mut session);
    let left_out = unread.iter().map(left_out).collect();
    Ok(NativeReading { session, left_out, unread, damaged })
}

fn left_out(row: &UnreadRow) -> LeftOut {
    // Our own is known by the group.
    let peer = row.subject.peer().filter(|_| !row.is_own).map(ToString::to_string);
    LeftOut { path: row.what.clone(), peer, reason: row.reason.clone() }
}

struct Reader {
    store: SqliteBackend,
    session: Session,
    unread: Vec<UnreadRow>,
    damaged: BTreeSet<Subject>,
    own: Vec<Address>,
    now_ms: i64,
}

impl Reader {
    fn leave_out(&mut self, subject: Subject, what: impl Into<String>, reason: impl std::fmt::Display) {
        let (what, reason) = (what.into(), reason.to_string());
        self.unread.push(UnreadRow { subject, is_own: false, what, reason });
    }

    async fn everything(&mut self, keys: &Keys, macs: Vec<MacRow>) -> Result<(), StoreError> {
        self.pre_keys(&keys.pre_keys).await?;
        self.signal_sessions(&keys.sessions).await?;
        for key in &keys.identities {
            if let (Some(peer), Some(raw)) = (address::of_row_key(key), self.store.load_identity(key).await?)
            {
                self.session.identities.insert(peer, typed(&raw));
            }
        }
        self.sender_keys(keys).await?;
        self.app_state(keys, macs).await?;
        self.contacts(keys).await
    }

    async fn pre_keys(&mut self, ids: &[u32]) -> Result<(), StoreError> {
        for (id, record) in self.store.load_prekeys_batch(ids).await? {
            let (subject, what) = (Subject::PreKey(id), format!("pre-key {id}"));
            if let Err(why) = sound::pre_key(&record) {
                self.damaged.insert(subject.clone());
                self.leave_out(subject, what, format!("{why}; whoever uses it writes again"));
                continue;
            }
            let pair = codec::pre_key_record_decode(&record).ok().and_then(|record| {
                Some(StoredPair {
                    private: Secret::new(record.private_key?.as_slice().try_into().ok()?),
                    public: record.public_key?.last_chunk().copied()?,
                })
            });
            match pair {
                Some(pair) => drop(self.session.pre_keys.insert(id, pair)),
                None => self.leave_out(subject, what, "it is no pre-key"),
            }
        }
        Ok(())
    }

    async fn signal_sessions(&mut self, keys: &[String]) -> Result<(), StoreError> {
        for key in keys {
            let (Some(peer), Some(bytes)) = (address::of_row_key(key), self.store.get_session(key).await?)
            else {
                continue;
            };
            let subject = Subject::SignalSession(peer.clone());
            if sound::signal_session(&bytes).is_err() {
                self.damaged.insert(subject.clone());
            }
            match signal::of_store(&bytes, self.now_ms) {
                Ok((record, given_up)) => {
                    if given_up > 0 {
                        let reason =
                            format!("{given_up} key(s) of late messages were stored without their seed");
                        self.leave_out(subject, "Signal sessions", reason);
                    }
                    self.session.signal_sessions.insert(peer, record);
                }
                Err(error) => {
                    let reason = format!("{error}; the next message makes a new one");
                    self.leave_out(subject, "Signal sessions", reason);
                }
            }
        }
        Ok(())
    }

    async fn sender_keys(&mut self, keys: &Keys) -> Result<(), StoreError> {
        for key in &keys.sender_keys {
            let (Some((group, sender)), Some(bytes)) =
                (address::of_sender_key(key), self.store.get_sender_key(key).await?)
            else {
                continue;
            };
            let name = SenderKeyName { group, sender };
            let is_own = sound::own_group(key, &self.own).is_some();
            if let Err(why) = sound::sender_key(&bytes, is_own) {
                let subject = Subject::SenderKey(name.clone());
                self.damaged.insert(subject.clone());
                if is_own {
                    let what = format!("our own sender key of {}", name.group);
                    self.unread.push(UnreadRow { subject, is_own, what, reason: why.to_string() });
                    continue;
                }
            }
            match sender_key::of_store(&bytes) {
                Ok(Some(record)) => {
                    self.session.sender_keys.insert(name, record);
                }
                Ok(None) => {}
                Err(error) => {
                    let reason = format!("{error}; the sender hands out a new one");
                    let what = format!("sender key of {}", name.group);
                    self.leave_out(Subject::SenderKey(name), what, reason);
                }
            }
        }
        for group in &keys.groups {
            let told = self.store.get_sender_key_devices(group).await?;
            let devices: Vec<Address> =
                told.iter().filter(|(_, has)| *has).filter_map(|(jid, _)| Address::from_jid(jid)).collect();
            if !devices.is_empty() {
                self.session.sender_key_memory.insert(group.clone(), devices);
            }
        }
        Ok(())
    }

    async fn app_state(&mut self, keys: &Keys, macs: Vec<MacRow>) -> Result<(), StoreError> {
        for id in &keys.app_state_keys {
            let Some(key) = self.store.get_sync_key(id).await? else { continue };
            let Ok(data) = key.key_data.as_slice().try_into() else { continue };
            let fingerprint = codec::app_state_sync_key_fingerprint_decode(&key.fingerprint).ok();
            let fingerprint = fingerprint.map(|fingerprint| Fingerprint {
                raw_id: fingerprint.raw_id,
                current_index: fingerprint.current_index,
                device_indexes: fingerprint.device_indexes,
            });
            let key = AppStateKey { data: Secret::new(data), fingerprint, timestamp: key.timestamp };
            self.session.app_state_keys.insert(id.clone(), key);
        }
        self.session.credentials.app_state_key_id = self.store.get_latest_sync_key_id().await?;
        let mut by_collection = BTreeMap::<String, Vec<_>>::new();
        for (collection, index, value) in macs {
            by_collection.entry(collection).or_default().push((index, value));
        }
        for collection in &keys.app_state_versions {
            let state = self.store.get_version(collection).await?;
            let value_macs = by_collection.remove(collection).unwrap_or_default();
            // A collection whose aggregate is known to be wrong is better fetched anew.
            if state.version > 0 && !state.mac_mismatch_fatal {
                let known = AppStateVersion { version: state.version, hash: state.hash, value_macs };
                self.session.app_state_versions.insert(collection.clone(), known);
            }
        }
        Ok(())
    }

    async fn contacts(&mut self, keys: &Keys) -> Result<(), StoreError> {
        let mut mappings = self.store.get_all_lid_mappings().await?;
        mappings.sort_by_key(|mapping| mapping.updated_at);
        for mapping in mappings {
            self.session.lid_mappings.insert(mapping.phone_number, mapping.lid);
        }
        for user in &keys.device_lists {
            if let Some(list) = self.store.get_devices(user).await? {
                let devices = list.devices.iter().map(|device| device.device_id).collect();
                self.session.device_lists.insert(user.clone(), devices);
            }
        }
        for user in self.store.get_all_tc_token_jids().await? {
            if let Some(entry) = self.store.get_tc_token(&user).await? {
                let token = Token {
                    timestamp: (!entry.token.is_empty()).then_some(entry.token_timestamp),
                    token: (!entry.token.is_empty()).then_some(entry.token),
                    sender_timestamp: entry.sender_timestamp,
                };
                let jid = if user.contains('@') { user } else { format!("{user}@lid") };
                self.session.tokens.insert(jid, token);
            }
        }
        Ok(())
    }
}

fn credentials(device: &Device) -> Option<Credentials> {
    let account = device.account.as_deref()?;
    let address = |jid: &Jid| Address::from_jid(&jid.to_string());
    let next = device.next_pre_key_id.max(1);
    Some(Credentials {
        noise: stored(&device.noise_key)?,
        identity: stored(&device.identity_key)?,
        pairing: None,
        signed_pre_key: SignedPreKey {
            id: device.signed_pre_key_id,
            pair: stored(&device.signed_pre_key)?,
            signature: device.signed_pre_key_signature,
        },
        registration_id: device.registration_id,
        adv_secret: Secret::new(device.adv_secret_key),
        account: Account {
            details: account.details.clone()?,
            account_signature_key: account.account_signature_key.clone()?,
            account_signature: account.account_signature.clone()?,
            device_signature: account.device_signature.clone()?,
        },
        me: Me {
            phone: address(device.pn.as_ref()?)?,
            lid: device.lid.as_ref().and_then(address),
            name: Some(device.push_name.clone()).filter(|name| !name.is_empty()),
        },
        next_pre_key_id: next,
        // Zero stands for a store that has not counted yet: everything it has was given to the server.
        first_unuploaded_pre_key_id: match device.first_unupload_pre_key_id {
            0 => next,
            first => first.min(next),
        },
        platform: None,
        routing_info: device.edge_routing_info.clone(),
        props_hash: None,
        app_state_key_id: None,
        leftovers: Leftovers::default(),
    })
}

fn stored(pair: &KeyPair) -> Option<StoredPair> {
    Some(StoredPair {
        private: Secret::new(*pair.private_key.serialize()),
        public: pair.public_key.public_key_bytes().try_into().ok()?,
    })
}

/// A public key with its type byte.
fn typed(raw: &[u8; 32]) -> [u8; 33] {
    let mut key = [wakeeper_doctor::curve::KEY_TYPE; 33];
    key[1..].copy_from_slice(raw);
    key
}
