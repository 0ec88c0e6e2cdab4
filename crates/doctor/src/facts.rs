//! What is known of a session besides its files.

use std::path::Path;

use crate::address::Address;
use crate::backup::{Reached, Shelf};
use crate::examine::Options;
use crate::formats::baileys::Version;
use crate::secret::Passphrase;
use crate::symptoms::{LogFacts, PeerFailures};

/// What is known of a session besides its files.
#[derive(Debug, Clone, Default)]
pub struct KnownFacts {
    /// What its log says, when one was read.
    pub log: Option<LogFacts>,
    /// The same contact by contact, and what is known from elsewhere.
    pub peer_failures: Vec<PeerFailures>,
    /// How far its ratchets are known to have come: what its newest backup holds.
    pub reached: Option<Reached>,
    /// Contacts that a person named.
    pub peers: Vec<Address>,
    /// Groups that a person named.
    pub groups: Vec<String>,
    /// Processes or containers that run on it.
    pub owners: Vec<String>,
    /// What could not be seen of who runs on it, and what to do about that.
    pub unseen: Option<String>,
    /// Whether its folder is on a mount; `None` outside a container.
    pub on_mount: Option<bool>,
    /// The Baileys that will run on it, when that is not the one that wrote it.
    pub version: Option<Version>,
}

impl KnownFacts {
    /// Adds what its log says.
    #[must_use]
    pub fn with_log(self, log: Option<LogFacts>) -> Self {
        let peer_failures = log.as_ref().map_or(self.peer_failures, |log| log.peer_failures.clone());
        Self { log, peer_failures, ..self }
    }

    /// Adds what the newest backup tells.
    #[must_use]
    pub fn with_backups(self, shelf: &Path, label: &str, passphrase: Option<&Passphrase>) -> Self {
        Self { reached: Reached::of_newest(&Shelf::at(shelf), label, passphrase), ..self }
    }

    /// What the examiner is told, of something that has no store and no backups. `now_ms` is the present time, milliseconds
    /// since 1970.
    pub fn options(&self, now_ms: i64) -> Options<'_> {
        Options {
            version: self.version,
            peer_failures: &self.peer_failures,
            log: self.log.as_ref(),
            reached: self.reached.as_ref(),
            peers: &self.peers,
            groups: &self.groups,
            owners: &self.owners,
            on_mount: self.on_mount,
            ..Options::at(now_ms)
        }
    }
}
