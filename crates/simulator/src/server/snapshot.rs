//! Saving the server's state and bringing it back, so that a restarted server knows its devices.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::account::{Account, Address, Companion, Device, Pending, RecentSends};
use super::app_state::Collection;
use super::contract::{ServerConfig, ServerError, SnapshotError};
use super::groups::{Group, Picture};
use super::newsletters::Newsletter;
use super::passkeys::Passkey;
use super::world::World;
use crate::phone::keys::PhoneKeys;

/// Everything that a server must know after a restart, except the phones' keys.
///
/// It holds no private keys, but ciphertexts and phone numbers: keep it as private as a session.
#[derive(Serialize, Deserialize)]
pub struct SavedServer {
    sequence: u64,
    accounts: Vec<SavedAccount>,
    groups: Vec<Group>,
    #[serde(default)]
    newsletters: Vec<Newsletter>,
}

#[derive(Serialize, Deserialize)]
struct SavedAccount {
    number: String,
    lid: String,
    name: String,
    raw_id: u32,
    last_key_index: u32,
    last_device: u16,
    devices_changed: u64,
    devices: Vec<SavedDevice>,
    privacy: BTreeMap<String, String>,
    blocked: Vec<String>,
    collections: BTreeMap<String, Collection>,
    acquainted: Vec<String>,
    #[serde(default)]
    picture: Option<Picture>,
    #[serde(default)]
    about: Option<String>,
    #[serde(default)]
    passkey: Option<Passkey>,
}

#[derive(Serialize, Deserialize)]
struct SavedDevice {
    id: u16,
    companion: Option<Companion>,
    queue: Vec<Pending>,
    sends: Vec<(String, Vec<Address>)>,
}

impl std::fmt::Debug for SavedServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedServer")
            .field("accounts", &self.accounts.len())
            .field("groups", &self.groups.len())
            .finish_non_exhaustive()
    }
}

impl World {
    /// The state as it is saved.
    pub fn saved(&mut self) -> SavedServer {
        let mut accounts: Vec<SavedAccount> = self.accounts.values().map(save_account).collect();
        accounts.sort_unstable_by(|a, b| a.number.cmp(&b.number));
        let mut groups: Vec<Group> = self.groups.values().cloned().collect();
        groups.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let mut newsletters: Vec<Newsletter> = self.newsletters.values().cloned().collect();
        newsletters.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        SavedServer { sequence: self.next_sequence(), accounts, groups, newsletters }
    }

    /// A world with a saved state. `keys` gives an account's keys by its number.
    pub fn restore(
        config: ServerConfig,
        saved: SavedServer,
        keys: impl Fn(&str) -> Option<Arc<PhoneKeys>>,
    ) -> Result<Self, ServerError> {
        let seed = config.seed.wrapping_add(saved.sequence);
        let mut world = Self::new(config);
        // The restored server must not repeat what the saved one drew.
        world.rng = StdRng::seed_from_u64(seed);
        world.resume_sequence(saved.sequence);
        for account in saved.accounts {
            let keys = keys(&account.number).ok_or(ServerError::MissingKeys)?;
            world.lids.insert(account.lid.clone(), account.number.clone());
            world.accounts.insert(account.number.clone(), restore_account(account, keys));
        }
        for group in saved.groups {
            for number in group.members.keys() {
                if let Some(account) = world.accounts.get_mut(number) {
                    account.groups.insert(group.id.clone());
                }
            }
            world.groups.insert(group.id.clone(), group);
        }
        world.newsletters =
            saved.newsletters.into_iter().map(|channel| (channel.id.clone(), channel)).collect();
        Ok(world)
    }
}

fn save_account(account: &Account) -> SavedAccount {
    let sorted = |set: &HashSet<String>| {
        let mut all: Vec<String> = set.iter().cloned().collect();
        all.sort_unstable();
        all
    };
    SavedAccount {
        number: account.number.clone(),
        lid: account.lid.clone(),
        name: account.name.clone(),
        raw_id: account.raw_id,
        last_key_index: account.last_key_index,
        last_device: account.last_device,
        devices_changed: account.devices_changed,
        devices: account
            .devices
            .iter()
            .map(|(id, device)| SavedDevice {
                id: *id,
                companion: device.companion.clone(),
                queue: device.queue.iter().cloned().collect(),
                sends: device.sends.entries(),
            })
            .collect(),
        privacy: account.privacy.clone(),
        blocked: sorted(&account.blocked),
        collections: account.collections.clone(),
        acquainted: sorted(&account.acquainted),
        picture: account.picture.clone(),
        about: account.about.clone(),
        passkey: account.passkey.clone(),
    }
}

fn restore_account(saved: SavedAccount, keys: Arc<PhoneKeys>) -> Account {
    let devices = saved.devices.into_iter().map(|device| {
        let restored = Device {
            companion: device.companion,
            session: None,
            queue: device.queue.into(),
            sends: RecentSends::from_entries(device.sends),
        };
        (device.id, restored)
    });
    Account {
        number: saved.number,
        lid: saved.lid,
        name: saved.name,
        keys,
        raw_id: saved.raw_id,
        last_key_index: saved.last_key_index,
        last_device: saved.last_device,
        devices_changed: saved.devices_changed,
        devices: devices.collect(),
        privacy: saved.privacy,
        blocked: saved.blocked.into_iter().collect(),
        collections: saved.collections,
        groups: BTreeSet::new(),
        acquainted: saved.acquainted.into_iter().collect(),
        watchers: HashMap::new(),
        key_index_list: None,
        available: HashSet::new(),
        last_seen: None,
        picture: saved.picture,
        about: saved.about,
        passkey: saved.passkey,
    }
}

/// Writes a state to a file: all of it or nothing, readable by its owner only.
pub(super) fn write(saved: &SavedServer, path: &Path) -> Result<(), SnapshotError> {
    let bytes = serde_json::to_vec(saved)?;
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Reads what [`write`] wrote.
pub(super) fn read(path: &Path) -> Result<SavedServer, SnapshotError> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
