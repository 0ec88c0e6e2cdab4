//! Restoring credentials: which backup may give them, and what must change in them.

use std::path::PathBuf;

use crate::examine::{Examination, Options};
use crate::formats::baileys::credentials::{Credentials, Salvage, pre_key_id};
use crate::formats::baileys::key_pair::past_a_gap;
use crate::formats::baileys::name::CREDENTIALS;
use crate::inventory::Inventory;
use crate::json;
use crate::source::Folder;
use crate::state::SessionState;

/// What is known of the login that the credentials must belong to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Constraint {
    /// Its public identity key.
    pub identity: Option<[u8; 32]>,
    /// Numbers of the account, one of which must be the credentials' own.
    pub users: Vec<String>,
    /// The public identity key of a login that was put here and is known not to be it.
    pub other_than: Option<[u8; 32]>,
    /// No id below this one may be given out again.
    pub next_pre_key_id: u32,
}

impl Constraint {
    /// Whether anything tells which login it is.
    pub fn tells(&self) -> bool {
        self.identity.is_some() || !self.users.is_empty()
    }

    /// Whether credentials are sound and belong to the login.
    pub fn accepts(&self, credentials: &Credentials) -> bool {
        let same =
            self.identity.as_ref().is_none_or(|identity| credentials.identity_public() == Some(identity));
        let own = self.users.is_empty() || self.users.iter().any(|user| credentials.is_own_user(user));
        let other = self.other_than.is_some() && self.other_than.as_ref() == credentials.identity_public();
        credentials.is_sound() && same && own && !other && credentials.is_linked()
    }
}

/// Sound credentials, ready to be used.
#[derive(Debug, Clone)]
pub struct RestoredCredentials {
    /// `creds.json`, its counters moved on.
    pub content: Vec<u8>,
    /// The backup or copy that it comes from.
    pub from: PathBuf,
}

impl RestoredCredentials {
    /// Makes a backup's `creds.json` ready for a folder; `None` when it is not acceptable.
    pub fn from_backup(text: &[u8], from: PathBuf, constraint: &Constraint) -> Option<Self> {
        let credentials = Credentials::read(&json::parse(text).ok()?);
        if !constraint.accepts(&credentials) {
            return None;
        }
        let theirs = credentials.pre_key_counter().unwrap_or(1);
        let next = past_a_gap(theirs.max(constraint.next_pre_key_id));
        Some(Self { content: with_counters(text, next)?, from })
    }

    /// Which login they are.
    pub(crate) fn identity(&self) -> Option<[u8; 32]> {
        Credentials::read(&json::parse(&self.content).ok()?).identity_public().copied()
    }

    /// The counter in them.
    pub(crate) fn next_pre_key_id(&self) -> Option<i64> {
        Credentials::read(&json::parse(&self.content).ok()?).next_pre_key_id
    }
}

/// What the folder still tells about its login.
pub(crate) fn constraint(creds: &[u8], inventory: &Inventory) -> Constraint {
    let salvage = Salvage::read(creds);
    let linked = inventory.credentials().is_none_or(Credentials::is_linked);
    // Credentials that were never linked are what Baileys made after it lost the real ones.
    let identity = salvage.identity.filter(|_| linked);
    let state = inventory.state();
    let greatest = state.greatest_pre_key().map_or(0, |id| id.saturating_add(1));
    let told = salvage.next_pre_key_id.filter(|_| linked).and_then(pre_key_id);
    // The account, as a sender key of its own names it.
    let own = state.sender_keys.iter().filter(|(_, facts)| facts.own);
    // It may have another number since then; the LID stays.
    let numbers = own.flat_map(|(name, _)| numbers_since(&state, &name.sender.user));
    let mut users: Vec<String> = numbers.map(str::to_owned).collect();
    // Whoever asked for a pairing code typed the number.
    let asked = inventory.credentials().filter(|_| users.is_empty()).and_then(|c| c.me.as_ref());
    users.extend(asked.map(|me| me.phone.user.clone()));
    let next_pre_key_id = greatest.max(told.unwrap_or(0));
    Constraint { identity, users, next_pre_key_id, ..Constraint::default() }
}

/// The numbers of an account, and those that its LID has had.
fn numbers_since<'s>(state: &'s SessionState, user: &'s str) -> Vec<&'s str> {
    let mut numbers: Vec<&str> = Vec::new();
    for number in state.numbers_of(user) {
        for number in std::iter::once(number).chain(state.numbers_of(number)) {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    numbers
}

/// The same for any folder. Credentials of another account that were put there tell only whose it is not.
pub(crate) fn told(folder: &Folder, examination: &Examination, options: &Options<'_>) -> Constraint {
    let current = folder.read(CREDENTIALS, &options.limits).unwrap_or_default();
    let known = constraint(&current, &examination.inventory);
    if !examination.is_of_two_accounts(options) {
        return known;
    }
    let credentials = examination.inventory.credentials();
    let is_other = |user: &String| credentials.is_none_or(|credentials| !credentials.is_own_user(user));
    let users = known.users.into_iter().filter(is_other).collect();
    let other_than = credentials.and_then(Credentials::identity_public).copied();
    Constraint { identity: None, users, other_than, next_pre_key_id: known.next_pre_key_id }
}

/// The text of credentials with both pre-key counters at this id; `None` when it has none, or they are there already.
pub fn with_counters(text: &[u8], to: u32) -> Option<Vec<u8>> {
    let credentials = Credentials::read(&json::parse(text).ok()?);
    let spans = credentials.counter_spans;
    let new = to.to_string().into_bytes();
    let edited = json::splice(text, vec![(spans.next?, new.clone()), (spans.first?, new)]);
    (edited != text).then_some(edited)
}
