//! Acknowledgements that a fault holds back.

use super::contract::Link;
use super::dispatch::Caller;
use super::world::World;
use crate::faults::FaultKind;
use crate::node::Node;

/// Acknowledgements that are held back at once; beyond that the oldest is lost.
const MOST_WITHHELD: usize = 10_000;

impl World {
    /// Sends the acknowledgement of a message, or keeps it while a fault wants so.
    pub fn send_ack(&mut self, caller: &Caller, ack: Node) {
        let now = self.now();
        if !self.faults.happens(FaultKind::AcksWithheld, Some(&caller.address), now) {
            return self.send_stanza(caller.link, ack);
        }
        self.counters.add("acks_withheld");
        if self.withheld.len() >= MOST_WITHHELD {
            self.withheld.pop_front();
        }
        self.withheld.push_back((caller.link, ack));
    }

    /// Sends what was held back, in its order, to those that are still connected.
    pub fn let_acks_go(&mut self) {
        let withheld: Vec<(Link, Node)> = self.withheld.drain(..).collect();
        for (link, ack) in withheld {
            self.send_stanza(link, ack);
        }
    }
}
