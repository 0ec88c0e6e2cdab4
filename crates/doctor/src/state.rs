//! What a session holds, whatever it is stored as: what findings about the session as a whole look at, and what repairs are
//! chosen from.
//!
//! It is filled by the reader of Baileys' folders, and by whoever opens the gateway's own store. It keeps only what is
//! compared: a session may have a hundred thousand parts. What is wrong with files as such is no part of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::field::encode;
use crate::formats::baileys::sender_key::State;
use crate::formats::baileys::session::{Entry, Record};
use crate::model::{SenderKeyName, Session};

mod memory;
mod parts;

pub use memory::{Devices, MemoryFacts};

/// The parts of a session.
#[derive(Debug, Default)]
pub struct SessionState {
    /// The credentials.
    pub login: StoredLogin,
    /// Anything is there that only a linked session has, whether it can be read or not.
    pub is_used: bool,
    /// The Signal sessions that can be read, by the device they are shared with.
    pub signal_sessions: BTreeMap<Address, SignalFacts>,
    /// Devices whose Signal sessions are there and cannot be read.
    pub unread_signal_sessions: BTreeSet<Address>,
    /// The sender keys that can be read.
    pub sender_keys: BTreeMap<SenderKeyName, SenderKeyFacts>,
    /// Who was told our sender key, by group.
    pub sender_key_memory: BTreeMap<String, MemoryFacts>,
    /// When each pre-key that can be read was written (milliseconds since 1970), where the store tells.
    pub pre_keys: BTreeMap<u32, Option<i64>>,
    /// Ids of the keys of shared settings, in base64.
    pub app_state_keys: BTreeSet<String>,
    /// Phone number to LID.
    pub lid_mappings: BTreeMap<String, String>,
    /// Devices of accounts, by user.
    pub device_lists: BTreeMap<String, Vec<u32>>,
}

/// The credentials, as far as they are there.
#[derive(Debug, Default)]
pub enum StoredLogin {
    /// There are none.
    #[default]
    Missing,
    /// Nothing was ever written where they belong, and nothing else of a session is there.
    Blank,
    /// They are there and cannot be read.
    Unreadable,
    /// What they hold, which may be damaged.
    Read(Box<Credentials>),
}

/// What is compared of the Signal sessions with one device.
#[derive(Debug, Clone, Default)]
pub struct SignalFacts {
    /// How many sessions the record holds.
    pub sessions: usize,
    /// When the open one was made, milliseconds since 1970; `None` when none is open.
    pub open_created: Option<i64>,
    /// Latest use of any session, milliseconds since 1970.
    pub used: i64,
    /// Latest making of any session, milliseconds since 1970.
    pub created: i64,
    /// The open one's ratchet key, shortened, and how far its sending chain is.
    pub sending: Option<(u64, i64)>,
    /// The start of the identity key that the open one is with.
    pub identity: Option<u64>,
    /// The open one is with another identity than one that was archived: the contact has a new phone.
    pub identity_changed: bool,
    /// Nothing was sent in the open one yet.
    pub unsent: bool,
    /// When the record was written, milliseconds since 1970, where the store tells.
    pub written_ms: Option<i64>,
}

/// What is compared of a sender key.
#[derive(Debug, Clone, Default)]
pub struct SenderKeyFacts {
    /// It is well formed and holds something.
    pub usable: bool,
    /// It is our own, not another sender's.
    pub own: bool,
    /// The newest state's id, and how far its chain is.
    pub chain: Option<(i64, i64)>,
}

impl SessionState {
    /// The state of a session that was read whole from a store that dates nothing.
    pub fn of(session: &Session) -> Self {
        let signal =
            |(address, record): (&Address, &_)| (address.clone(), SignalFacts::of(&Record::of_model(record)));
        let sender_key = |(name, key): (&SenderKeyName, &crate::model::SenderKey)| {
            let states: Vec<State> = key.states.iter().map(State::of_model).collect();
            (name.clone(), SenderKeyFacts::of(&states))
        };
        let memory = session.sender_key_memory.iter();
        Self {
            login: StoredLogin::Read(Box::new(Credentials::of_model(&session.credentials))),
            is_used: true,
            signal_sessions: session.signal_sessions.iter().map(signal).collect(),
            unread_signal_sessions: BTreeSet::new(),
            sender_keys: session.sender_keys.iter().map(sender_key).collect(),
            sender_key_memory: memory
                .map(|(group, told)| (group.clone(), MemoryFacts::of(!told.is_empty(), told)))
                .collect(),
            pre_keys: session.pre_keys.keys().map(|id| (*id, None)).collect(),
            app_state_keys: session.app_state_keys.keys().map(|id| encode(id)).collect(),
            lid_mappings: session.lid_mappings.clone(),
            device_lists: session.device_lists.clone(),
        }
    }

    /// The credentials, when they can be read.
    pub fn credentials(&self) -> Option<&Credentials> {
        match &self.login {
            StoredLogin::Read(credentials) => Some(credentials),
            StoredLogin::Missing | StoredLogin::Blank | StoredLogin::Unreadable => None,
        }
    }

    /// The LID of a phone number, as far as it is known.
    pub fn lid_of(&self, phone: &str) -> Option<&str> {
        self.lid_mappings.get(phone).map(String::as_str)
    }

    /// All numbers of an account, as far as they are known: the given one first.
    pub fn numbers_of<'s>(&'s self, user: &'s str) -> Vec<&'s str> {
        let me = self.credentials().and_then(|credentials| credentials.me.as_ref());
        let own = me.and_then(|me| Some((me.phone.user.as_str(), me.lid.as_ref()?.user.as_str())));
        let mapped = self.lid_mappings.iter().map(|(phone, lid)| (phone.as_str(), lid.as_str()));
        let mut numbers = vec![user];
        for (phone, lid) in own.into_iter().chain(mapped) {
            let other = if phone == user {
                lid
            } else if lid == user {
                phone
            } else {
                continue;
            };
            if !numbers.contains(&other) {
                numbers.push(other);
            }
        }
        numbers
    }

    /// The greatest pre-key id that is there.
    pub fn greatest_pre_key(&self) -> Option<u32> {
        self.pre_keys.keys().next_back().copied()
    }

    /// No pre-key id below this one may be given out again, as far as the session still tells.
    pub fn free_pre_key_id(&self) -> u32 {
        let counter = self.credentials().and_then(Credentials::pre_key_counter);
        self.greatest_pre_key().map_or(0, |id| id.saturating_add(1)).max(counter.unwrap_or(0))
    }
}

impl SignalFacts {
    /// The facts of a record.
    pub(crate) fn of(record: &Record) -> Self {
        let open = record.entries.iter().find(|entry| entry.is_open());
        let latest = |times: &mut dyn Iterator<Item = i64>| times.max().unwrap_or(0);
        Self {
            sessions: record.entries.len(),
            open_created: open.map(|entry| entry.created.unwrap_or(0)),
            used: latest(&mut record.entries.iter().filter_map(|entry| entry.used)),
            created: latest(&mut record.entries.iter().filter_map(|entry| entry.created)),
            sending: open.and_then(sending),
            identity: open.and_then(|open| short(open.remote_identity.as_ref()?)),
            identity_changed: open.is_some_and(|open| {
                record.entries.iter().any(|entry| entry.remote_identity != open.remote_identity)
            }),
            unsent: open.is_some_and(is_unsent),
            written_ms: None,
        }
    }
}

/// The contact began it, and only one of its ratchet keys is known: an answer of ours would have brought a second one.
fn is_unsent(entry: &Entry) -> bool {
    let counter = entry.sending().next().and_then(|chain| chain.counter);
    entry.base_key_type == Some(2) && counter == Some(-1) && entry.receiving().count() <= 1
}

/// The ratchet key, shortened to what tells it apart, and how far its chain is.
fn sending(entry: &Entry) -> Option<(u64, i64)> {
    let chain = entry.sending().next()?;
    Some((short(&chain.key?)?, chain.counter?))
}

/// A public key, shortened to what tells it apart.
pub(crate) fn short(key: &[u8; 33]) -> Option<u64> {
    key[1..].first_chunk().map(|start| u64::from_le_bytes(*start))
}

impl SenderKeyFacts {
    /// The facts of the states of a sender key, the newest last.
    pub(crate) fn of(states: &[State]) -> Self {
        Self {
            usable: !states.is_empty(),
            own: states.iter().any(|state| state.own),
            chain: states.last().and_then(|state| state.chain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::{Examination, Options};
    use crate::transfer;

    const NOW_MS: i64 = 1_893_456_000_000;

    /// What both ways of filling it tell: only files are dated.
    fn undated(state: &SessionState) -> String {
        let signal = state.signal_sessions.iter().map(|(address, facts)| {
            format!("{address} {:?}", SignalFacts { written_ms: None, ..facts.clone() })
        });
        let credentials = state.credentials().unwrap();
        let memory = state.sender_key_memory.iter().map(|(group, told)| (group, told.clone().written(None)));
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            credentials.me,
            credentials.next_pre_key_id,
            signal.collect::<Vec<_>>(),
            state.sender_keys,
            memory.collect::<Vec<_>>(),
            state.pre_keys.keys().collect::<Vec<_>>(),
            state.app_state_keys,
            state.lid_mappings,
            state.device_lists
        )
    }

    #[test]
    fn a_folder_and_the_session_in_it_are_in_the_same_state() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/baileys7");
        let options = Options::at(NOW_MS);
        let of_files = Examination::of(&folder, &options).unwrap().state();
        let of_model = SessionState::of(&transfer::read(&folder, &options).unwrap().session);
        assert!(of_files.signal_sessions.len() > 1 && !of_files.sender_keys.is_empty());
        assert_eq!(undated(&of_files), undated(&of_model));
    }
}
