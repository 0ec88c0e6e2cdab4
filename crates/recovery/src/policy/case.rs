//! The one incident about a session's stored state, and where it is.

use std::collections::BTreeSet;

use wakeeper_doctor::address::Address;

use crate::ladder::Rung;
use crate::session::Examined;

/// Contacts named in one incident; more make no difference.
const PEERS: usize = 512;

/// Where the incident is; times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The retry handshake has until then to heal it.
    Waiting(i64),
    /// The stored state is being examined.
    Looking,
    /// A repair is being carried out.
    Repairing(Rung),
    /// A repair was carried out; until then it is watched.
    Verifying(i64),
    /// The last examination of a repair.
    Confirming,
    /// Nothing happens before then.
    CoolingDown(i64),
    /// Nothing more is tried.
    LeftAlone,
    /// Nothing is tried at all.
    Reported,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) phase: Phase,
    /// The session as a whole is concerned.
    pub(super) severe: bool,
    pub(super) messages: u64,
    pub(super) peers: BTreeSet<Address>,
    /// Repairs that were carried out or failed.
    pub(super) tries: usize,
    /// Repairs of the stored state, empty plans included.
    pub(super) state_repairs: usize,
    pub(super) restarted: bool,
    pub(super) reset: bool,
    /// The end of the last repair.
    pub(super) repaired_ms: Option<i64>,
    /// No repair waits longer than until then for messages to be asked for; absent until one waits.
    pub(super) latest_wait_ms: Option<i64>,
    /// How often verification was prolonged.
    pub(super) prolonged: u32,
    /// A person was told.
    pub(super) alerted: bool,
    /// It was said that another incident stands in the way.
    pub(super) hindered: bool,
    pub(super) look: Option<Examined>,
}

impl Case {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            phase,
            severe: false,
            messages: 0,
            peers: BTreeSet::new(),
            tries: 0,
            state_repairs: 0,
            restarted: false,
            reset: false,
            repaired_ms: None,
            latest_wait_ms: None,
            prolonged: 0,
            alerted: false,
            hindered: false,
            look: None,
        }
    }

    /// The same incident with nothing tried yet.
    pub(super) fn afresh(&mut self) -> Self {
        Self {
            messages: self.messages,
            peers: std::mem::take(&mut self.peers),
            alerted: self.alerted,
            ..Self::new(self.phase)
        }
    }

    /// Another message failed.
    pub(super) fn note(&mut self, peer: Option<&Address>) {
        self.messages += 1;
        if let Some(peer) = peer.filter(|_| self.peers.len() < PEERS) {
            self.peers.insert(peer.clone());
        }
    }
}
