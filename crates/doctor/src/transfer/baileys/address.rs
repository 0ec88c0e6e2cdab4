//! Whether a bare number in a file name is a phone number or a LID: 6.x does not write that down.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Domain};
use crate::formats::baileys::Version;
use crate::inventory::Inventory;
use crate::model::Session;

/// No phone number has so many digits, and LIDs that WhatsApp gives out have this many or more.
const LID_DIGITS: usize = 14;

/// What is known of the numbers of a folder.
pub(super) struct Numbers {
    lids: BTreeSet<String>,
    phone: Option<String>,
    /// 7.x writes LIDs down as such; only in its absence does the length of a number count.
    by_length: bool,
}

impl Numbers {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let me = inventory.credentials().and_then(|credentials| credentials.me.as_ref());
        Self {
            lids: inventory.known_lids().into_iter().map(str::to_owned).collect(),
            phone: me.map(|me| me.phone.user.clone()),
            by_length: !inventory.written_by().is_some_and(Version::knows_lids),
        }
    }

    /// The address that a file name means.
    pub(super) fn resolve(&self, address: &Address) -> Address {
        let user = &address.user;
        let own_phone = self.phone.as_ref() == Some(user);
        let lid = self.lids.contains(user) || (self.by_length && !own_phone && user.len() >= LID_DIGITS);
        super::read_files::with_domain(address, lid)
    }
}

/// Learns which phone number has which LID from identity keys: the same device has the same one under both.
pub(super) fn learn_mappings(session: &mut Session) -> usize {
    let mut phones: BTreeMap<([u8; 33], u32), &str> = BTreeMap::new();
    let mut lids: BTreeMap<([u8; 33], u32), &str> = BTreeMap::new();
    for (address, record) in &session.signal_sessions {
        let Some(current) = record.current() else { continue };
        let key = (current.remote_identity, address.device);
        match address.domain {
            Domain::Phone => phones.insert(key, &address.user),
            Domain::Lid => lids.insert(key, &address.user),
            Domain::Hosted | Domain::HostedLid => None,
        };
    }
    let learnt: Vec<(String, String)> = phones
        .iter()
        .filter_map(|(key, phone)| Some(((*phone).to_owned(), (*lids.get(key)?).to_owned())))
        .filter(|(phone, _)| session.lid_of(phone).is_none())
        .collect();
    let count = learnt.len();
    session.lid_mappings.extend(learnt);
    count
}
