//! A device of a store, read whole into the model.

use std::collections::BTreeMap;

use rusqlite::Row;

use super::login::{blob, bytes, number, pair_of, text};
use super::store::{ROWS, Store};
use super::{StoreError, signal};
use crate::address::{Address, Domain};
use crate::curve::KEY_TYPE;
use crate::examine::UnreadRow;
use crate::finding::Subject;
use crate::formats::baileys::key_pair::HIGHEST_PRE_KEY_ID;
use crate::formats::whatsmeow::records;
use crate::model::{AppStateKey, AppStateVersion, Credentials, Fingerprint, SenderKeyName, Session, Token};
use crate::secret::Secret;

/// What a device of a store holds.
#[derive(Debug)]
pub struct Reading {
    /// The device's JID.
    pub device: String,
    /// The session.
    pub session: Session,
    /// Rows that cannot be read.
    pub unread: Vec<UnreadRow>,
    /// Archived Signal sessions that cannot be used, by their devices.
    pub archived: Vec<(Address, usize)>,
}

/// A device whose login cannot be read, and why.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub device: String,
    pub reason: String,
}

/// Bytes of a token of a contact. Those that WhatsApp gives have some dozens.
const LONGEST_TOKEN: usize = 4096;
/// A Signal session under a phone number is older than one under the LID of the same device: whatsmeow moves them there.
const OLDER_MS: i64 = 1_000;

impl Store {
    /// Reads a device. `at_ms` stands for the time of the last use of its Signal sessions, which no row tells.
    ///
    /// # Errors
    /// When there is no such device, its login is damaged, or the store cannot be read.
    pub fn read(&self, named: Option<&str>, at_ms: i64) -> Result<Reading, StoreError> {
        let device = self.device(named)?;
        let path = self.path().to_owned();
        let damaged = |reason| StoreError::Login { path, device: device.jid.clone(), reason };
        let credentials = device.login.map_err(damaged)?;
        self.read_with(device.jid, credentials, at_ms)
    }

    /// Reads all devices, one after the other: each has all LIDs of the store.
    pub(super) fn read_each<T>(
        &self,
        at_ms: i64,
        mut each: impl FnMut(Result<Reading, Unreadable>) -> T,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        for device in self.devices()? {
            all.push(each(match device.login {
                Ok(credentials) => Ok(self.read_with(device.jid, credentials, at_ms)?),
                Err(reason) => Err(Unreadable { device: device.jid, reason }),
            }));
        }
        Ok(all)
    }

    fn read_with(&self, jid: String, credentials: Credentials, at_ms: i64) -> Result<Reading, StoreError> {
        self.begin_device();
        let mut reader = Reader {
            store: self,
            at_ms,
            reading: Reading {
                device: jid,
                session: Session::new(credentials),
                unread: Vec::new(),
                archived: Vec::new(),
            },
        };
        reader.pre_keys()?;
        reader.signal_sessions()?;
        reader.identities()?;
        reader.sender_keys()?;
        reader.app_state_keys()?;
        reader.app_state_versions()?;
        reader.contacts()?;
        Ok(reader.reading)
    }
}

struct Reader<'s> {
    store: &'s Store,
    at_ms: i64,
    reading: Reading,
}

impl Reader<'_> {
    /// Goes through the rows of a table that are the device's. What `take` refuses is noted.
    fn rows(
        &mut self,
        sql: &str,
        mut take: impl FnMut(&mut Reading, &Row<'_>) -> Result<(), UnreadRow>,
    ) -> Result<(), StoreError> {
        let jid = self.reading.device.clone();
        let reading = &mut self.reading;
        self.store.each(sql, &[&jid], ROWS, |row| {
            if let Err(unread) = take(reading, row) {
                reading.unread.push(unread);
            }
            Ok(())
        })
    }

    fn pre_keys(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT key_id, key, uploaded FROM whatsmeow_pre_keys WHERE jid = ?1 ORDER BY key_id";
        let (mut greatest, mut greatest_uploaded) = (0, 0);
        self.rows(sql, |reading, row| {
            let id = pre_key_id(row).map_err(|reason| other("a pre-key", reason))?;
            greatest = greatest.max(id);
            if row.get::<_, bool>(2).unwrap_or(true) {
                greatest_uploaded = greatest_uploaded.max(id);
            }
            let private = blob("key", row, 1)
                .map_err(|reason| unread(Subject::PreKey(id), format!("pre-key {id}"), reason))?;
            reading.session.pre_keys.insert(id, pair_of(private));
            Ok(())
        })?;
        // whatsmeow marks all up to the greatest that the server has.
        let credentials = &mut self.reading.session.credentials;
        credentials.next_pre_key_id = greatest + 1;
        credentials.first_unuploaded_pre_key_id = greatest_uploaded + 1;
        Ok(())
    }

    fn signal_sessions(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT their_id, session FROM whatsmeow_sessions WHERE our_jid = ?1 ORDER BY their_id";
        let identity = self.reading.session.credentials.identity.public;
        let at_ms = self.at_ms;
        self.rows(sql, |reading, row| {
            let address = address(row, 0).map_err(|reason| other("a Signal session", reason))?;
            let at_ms = at_ms - if address.domain.is_lid() { 0 } else { OLDER_MS };
            let record = bytes("session", row, 1).and_then(|bytes| signal::record(bytes, &identity, at_ms));
            let (record, dropped) = record.map_err(|reason| {
                unread(Subject::SignalSession(address.clone()), "Signal sessions".to_owned(), reason)
            })?;
            if dropped > 0 {
                reading.archived.push((address.clone(), dropped));
            }
            reading.session.signal_sessions.insert(address, record);
            Ok(())
        })
    }

    fn identities(&mut self) -> Result<(), StoreError> {
        let sql =
            "SELECT their_id, identity FROM whatsmeow_identity_keys WHERE our_jid = ?1 ORDER BY their_id";
        self.rows(sql, |reading, row| {
            let key = |reason| other("an identity key", reason);
            let (address, raw) =
                (address(row, 0).map_err(key)?, blob::<32>("identity", row, 1).map_err(key)?);
            let mut public = [KEY_TYPE; 33];
            public[1..].copy_from_slice(&raw);
            reading.session.identities.insert(address, public);
            Ok(())
        })
    }

    fn sender_keys(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT chat_id, sender_id, sender_key FROM whatsmeow_sender_keys WHERE our_jid = ?1 \
                   ORDER BY chat_id, sender_id";
        self.rows(sql, |reading, row| {
            let nameless = |reason| other("a sender key", reason);
            let group = text(row, 0).filter(|group| is_group(group));
            let group = group.ok_or_else(|| nameless("its group is none".to_owned()))?;
            let sender = address(row, 1).map_err(nameless)?;
            let is_own = is_own(&reading.session, &sender);
            let name = SenderKeyName { group, sender };
            let key = bytes("sender_key", row, 2).and_then(signal::sender_key);
            let key = key.map_err(|reason| UnreadRow {
                is_own,
                what: format!("sender key of {}", name.group),
                subject: Subject::SenderKey(name.clone()),
                reason,
            })?;
            reading.session.sender_keys.insert(name, key);
            Ok(())
        })
    }

    fn app_state_keys(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT key_id, key_data, timestamp, fingerprint FROM whatsmeow_app_state_sync_keys \
                   WHERE jid = ?1 ORDER BY timestamp, key_id";
        self.rows(sql, |reading, row| {
            let key = |reason| other("a key of shared settings", reason);
            let id = bytes("key_id", row, 0).map_err(key)?.to_vec();
            let data = Secret::new(blob("key_data", row, 1).map_err(key)?);
            let timestamp = number("timestamp", row, 2).map_err(key)?;
            let fingerprint = bytes("fingerprint", row, 3).map_err(key)?;
            let fingerprint = <records::Fingerprint as prost::Message>::decode(fingerprint).ok();
            let fingerprint = fingerprint.map(|read| Fingerprint {
                raw_id: read.raw_id,
                current_index: read.current_index,
                device_indexes: read.device_indexes,
            });
            reading.session.app_state_keys.insert(id.clone(), AppStateKey { data, fingerprint, timestamp });
            // The newest comes last, and is the one in use.
            reading.session.credentials.app_state_key_id = Some(id);
            Ok(())
        })
    }

    fn app_state_versions(&mut self) -> Result<(), StoreError> {
        let sql = "SELECT name, version, hash FROM whatsmeow_app_state_version WHERE jid = ?1 ORDER BY name";
        self.rows(sql, |reading, row| {
            let settings = |reason| other("the state of shared settings", reason);
            let name = text(row, 0).ok_or_else(|| settings("it has no name".to_owned()))?;
            let version = number("version", row, 1).map_err(settings)?;
            let hash = blob("hash", row, 2).map_err(settings)?;
            let known = AppStateVersion { version, hash, value_macs: Vec::new() };
            reading.session.app_state_versions.insert(name, known);
            Ok(())
        })?;
        // Of one index, the MAC of its newest version counts.
        let sql = "SELECT name, index_mac, value_mac FROM whatsmeow_app_state_mutation_macs WHERE jid = ?1 \
                   ORDER BY name, version, index_mac";
        let mut macs: BTreeMap<(String, Vec<u8>), Vec<u8>> = BTreeMap::new();
        self.rows(sql, |_, row| {
            let settings = |reason| other("a MAC of shared settings", reason);
            let name = text(row, 0).ok_or_else(|| settings("it has no name".to_owned()))?;
            let index = blob::<32>("index_mac", row, 1).map_err(settings)?;
            let value = blob::<32>("value_mac", row, 2).map_err(settings)?;
            macs.insert((name, index.to_vec()), value.to_vec());
            Ok(())
        })?;
        for ((name, index), value) in macs {
            if let Some(known) = self.reading.session.app_state_versions.get_mut(&name) {
                known.value_macs.push((index, value));
            }
        }
        Ok(())
    }

    /// LIDs, which all devices of the store share, and tokens.
    fn contacts(&mut self) -> Result<(), StoreError> {
        if self.store.has_table("whatsmeow_lid_map")? {
            let mappings = &mut self.reading.session.lid_mappings;
            self.store.each("SELECT pn, lid FROM whatsmeow_lid_map", &[], 10 * ROWS, |row| {
                let user = |at| text(row, at).filter(|user| is_number(user));
                mappings.extend(user(0).zip(user(1)));
                Ok(())
            })?;
        }
        if !self.store.has_table("whatsmeow_privacy_tokens")? {
            return Ok(());
        }
        let dated = self.store.has_column("whatsmeow_privacy_tokens", "sender_timestamp")?;
        let sender = if dated { "sender_timestamp" } else { "NULL" };
        let sql = format!(
            "SELECT their_jid, token, timestamp, {sender} FROM whatsmeow_privacy_tokens WHERE our_jid = ?1"
        );
        self.rows(&sql, |reading, row| {
            let token = |reason| other("a token of a contact", reason);
            let jid = text(row, 0).filter(|jid| Address::from_jid(jid).is_some());
            let jid = jid.ok_or_else(|| token("its JID is none".to_owned()))?;
            let bytes = bytes("token", row, 1).map_err(token)?;
            if bytes.len() > LONGEST_TOKEN {
                return Err(token(format!("token has {} bytes, more than {LONGEST_TOKEN}", bytes.len())));
            }
            let read = Token {
                token: Some(bytes.to_vec()),
                timestamp: number("timestamp", row, 2).ok(),
                sender_timestamp: number("sender_timestamp", row, 3).ok(),
            };
            reading.session.tokens.insert(jid, read);
            Ok(())
        })
    }
}

/// The id of a pre-key; a greater one is nobody's.
fn pre_key_id(row: &Row<'_>) -> Result<u32, String> {
    let id: u32 = number("key_id", row, 0)?;
    let is_one = (1..=HIGHEST_PRE_KEY_ID).contains(&id);
    is_one.then_some(id).ok_or_else(|| format!("key_id is {id}, and ids are 1 to {HIGHEST_PRE_KEY_ID}"))
}

fn unread(subject: Subject, what: String, reason: String) -> UnreadRow {
    UnreadRow { subject, is_own: false, what, reason }
}

/// A row that does not say what it is about, or of which nothing hangs.
fn other(what: &str, reason: String) -> UnreadRow {
    unread(Subject::Storage, what.to_owned(), reason)
}

/// libsignal's address in Go: the account, for some with what it is, and the device after a colon.
fn address(row: &Row<'_>, at: usize) -> Result<Address, String> {
    let written = text(row, at).ok_or("it does not say whose it is")?;
    let (user, device) = written.rsplit_once(':').ok_or("it does not say whose it is")?;
    Address::from_parts(user, device).ok_or_else(|| "it does not say whose it is".to_owned())
}

fn is_own(session: &Session, sender: &Address) -> bool {
    let me = &session.credentials.me;
    let own = if sender.domain.is_lid() { me.lid.as_ref() } else { Some(&me.phone) };
    own == Some(sender)
}

/// A group's JID, or the list of those who see our status: no steering characters, no colon.
fn is_group(chat: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '@' | '_');
    chat.len() <= 100 && chat.contains('@') && chat.chars().all(plain)
}

fn is_number(user: &str) -> bool {
    Address::from_parts(user, "0").is_some_and(|address| address.domain == Domain::Phone)
}
