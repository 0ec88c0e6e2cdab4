//! Taking single rows out of a store.

use std::path::Path;

use wakeeper_doctor::address::Address;
use wakeeper_doctor::formats::baileys::name::Name;
use whatsapp_rust::wacore::store::traits::{DeviceStore, ProtocolStore, SignalStore};

use crate::error::{NativeError, io, store};
use crate::{address, rows, sound, write};

/// A row that a session can do without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Who was told our sender key. Goes before the key itself: who is thought to have a key that is gone gets no other.
    SenderKeyMemory {
        /// The group's JID.
        group: String,
    },
    /// A group ratchet.
    SenderKey {
        /// The group's JID.
        group: String,
        /// Whose.
        sender: Address,
    },
    /// The Signal sessions with a device.
    SignalSession(Address),
    /// A one-time pre-key.
    PreKey(u32),
}

impl Row {
    /// The row that stands for a file of Baileys, where it is one that a session can do without.
    pub fn of_file(name: &str) -> Option<Self> {
        match Name::parse(name) {
            Name::Session(peer) => Some(Self::SignalSession(peer)),
            Name::SenderKey { group, sender } => Some(Self::SenderKey { group, sender }),
            Name::SenderKeyMemory { group } => Some(Self::SenderKeyMemory { group }),
            Name::PreKey(id) => Some(Self::PreKey(id)),
            _ => None,
        }
    }

    /// Who was told the key that a row holds, when it is one that others are told.
    pub(crate) fn memory(&self) -> Option<Self> {
        match self {
            Self::SenderKey { group, .. } => Some(Self::SenderKeyMemory { group: group.clone() }),
            _ => None,
        }
    }
}

/// Takes rows out of a store that nobody else has open, and gives their room back. Answers how many bytes that were.
///
/// # Errors
/// When the store fails. Rows that were taken out by then are gone; the same call takes out the rest.
pub async fn remove(database: &Path, unwanted: &[Row]) -> Result<u64, NativeError> {
    let size = || std::fs::metadata(database).map(|file| file.len()).map_err(io("examine", database));
    // What lies in the log beside the database belongs to its size.
    rows::settle(database).await?;
    let before = size()?;
    let mut connection = rows::connect(database, true).await?;
    let sender_keys = rows::keys(&mut connection, database).await?.sender_keys;
    drop(connection);
    let opened = write::open(database).await?;
    let failed = store("write", database);
    let mut unwanted: Vec<&Row> = unwanted.iter().collect();
    unwanted.sort_unstable();
    for row in unwanted {
        match row {
            Row::SenderKeyMemory { group } => opened.clear_sender_key_devices(group).await,
            Row::SenderKey { group, sender } => {
                for key in sender_keys.iter().filter(|key| is_of(key, group, sender)) {
                    opened.delete_sender_key(key).await.map_err(&failed)?;
                }
                Ok(())
            }
            Row::SignalSession(peer) => match address::row_key(peer) {
                Some(key) => opened.delete_session(&key).await,
                None => Ok(()),
            },
            Row::PreKey(id) => opened.remove_prekey(*id).await,
        }
        .map_err(&failed)?;
    }
    drop(opened);
    rows::shrink(database).await?;
    rows::settle(database).await?;
    Ok(before.saturating_sub(size()?))
}

/// The rows of a store that its client cannot use. Looks at a copy: the store may be in use.
///
/// # Errors
/// When the store cannot be copied or read.
pub async fn damaged(database: &Path) -> Result<Vec<Row>, NativeError> {
    let scratch = tempfile::tempdir().map_err(io("make a private folder for a copy of", database))?;
    let copy = scratch.path().join(crate::DATABASE);
    rows::copy(database, &copy).await?;
    let opened = write::open(&copy).await?;
    let failed = store("read", database);
    let own = opened.load().await.map_err(&failed)?.map(|device| sound::own_addresses(&device));
    let mut connection = rows::connect(&copy, true).await?;
    let keys = rows::keys(&mut connection, &copy).await?;
    let mut found = Vec::new();
    for key in &keys.sender_keys {
        let Some(record) = opened.get_sender_key(key).await.map_err(&failed)? else { continue };
        let own = sound::own_group(key, own.as_deref().unwrap_or_default());
        if sound::sender_key(&record, own.is_some()).is_err()
            && let Some((group, sender)) = address::of_sender_key(key)
        {
            found.push(Row::SenderKey { group, sender });
        }
    }
    for key in &keys.sessions {
        let Some(record) = opened.get_session(key).await.map_err(&failed)? else { continue };
        if sound::signal_session(&record).is_err() {
            found.extend(address::of_row_key(key).map(Row::SignalSession));
        }
    }
    for (id, record) in opened.load_prekeys_batch(&keys.pre_keys).await.map_err(&failed)? {
        if sound::pre_key(&record).is_err() {
            found.push(Row::PreKey(id));
        }
    }
    Ok(found)
}

/// Whether a sender key is the device's. Baileys' name for it does not say whether the user is a number or a LID.
fn is_of(key: &str, group: &str, sender: &Address) -> bool {
    address::of_sender_key(key).is_some_and(|(of_group, of_sender)| {
        of_group == group && of_sender.user == sender.user && of_sender.device == sender.device
    })
}
