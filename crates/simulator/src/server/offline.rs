//! What waits for a device, and how it gets it after a login (section 9, "Offline").

use super::account::{Address, Phase, StanzaClass};
use super::contract::{Link, PhoneEvent};
use super::dispatch::Caller;
use super::world::World;
use crate::jid::SERVER_JID;
use crate::node::Node;

/// How many stanzas a client gets per batch when it does not say.
const USUAL_BATCH: usize = 100;
/// No batch is larger than this.
const LARGEST_BATCH: usize = 1000;

impl World {
    /// A client is ready for stanzas: what waited comes first, then a marker, then live traffic.
    pub fn become_active(&mut self, caller: &Caller) {
        let Some(device) = self.device(&caller.address) else { return };
        if device.session.is_none_or(|session| session.phase != Phase::Passive) {
            return;
        }
        let until = device.queue.back().map_or(0, |pending| pending.sequence);
        let counts = |class| device.queue.iter().filter(|pending| pending.class == class).count();
        let total = device.queue.len();
        let preview = Node::new("offline_preview")
            .attr("count", total.to_string())
            .attr("message", counts(StanzaClass::Message).to_string())
            .attr("receipt", counts(StanzaClass::Receipt).to_string())
            .attr("notification", counts(StanzaClass::Notification).to_string())
            .attr("appdata", "0");
        let routing: [u8; 8] = self.random();
        let routing = Node::new("edge_routing").child(Node::new("routing_info").bytes(routing));
        let dirty = Node::new("dirty")
            .attr("type", "account_sync")
            .attr("timestamp", self.seconds_for(&caller.address).to_string());
        self.send_stanza(caller.link, ib(routing));
        self.send_stanza(caller.link, ib(dirty));
        self.set_phase(
            &caller.address,
            Phase::Draining { until, announced: total, sent: 0, batch: USUAL_BATCH },
        );
        self.send_stanza(caller.link, ib(preview));
        if total == 0 {
            self.finish_drain(&caller.address);
        }
    }

    /// A client asked to be passive again: everything waits.
    pub fn become_passive(&mut self, address: &Address) {
        self.set_phase(address, Phase::Passive);
    }

    fn set_phase(&mut self, address: &Address, phase: Phase) {
        if let Some(session) = self.device_mut(address).and_then(|device| device.session.as_mut()) {
            session.phase = phase;
        }
    }

    /// A client asks for its next stanzas.
    pub fn offline_batch(&mut self, address: &Address, count: Option<usize>) {
        let session = self.device_mut(address).and_then(|device| device.session.as_mut());
        let Some(Phase::Draining { batch, .. }) = session.map(|session| &mut session.phase) else { return };
        *batch = count.unwrap_or(USUAL_BATCH).clamp(1, LARGEST_BATCH);
        self.drain(address);
    }

    /// Sends the next batch of what waited, or the marker when nothing is left.
    ///
    /// whatsapp-rust asks for every batch. Baileys asks once, so that every confirmation also
    /// counts as a question.
    pub fn drain(&mut self, address: &Address) {
        let Some(device) = self.device_mut(address) else { return };
        let Some(session) = device.session else { return };
        let Phase::Draining { until, announced, sent, batch } = session.phase else { return };
        let mut stanzas = Vec::new();
        for pending in device.queue.iter_mut().filter(|pending| !pending.sent) {
            if stanzas.len() >= batch || pending.sequence > until {
                break;
            }
            pending.sent = true;
            let offline = (sent + stanzas.len()).to_string();
            stanzas.push((pending.class, pending.stanza.clone().attr("offline", offline)));
        }
        let sent = sent + stanzas.len();
        self.set_phase(address, Phase::Draining { until, announced, sent, batch });
        self.counters.add_many("delivered_offline", stanzas.len() as u64);
        for (class, stanza) in stanzas {
            self.transmit(session.link, address, class, stanza, std::time::Duration::ZERO);
        }
        let left = self.device(address).is_some_and(|device| {
            device.queue.iter().any(|pending| !pending.sent && pending.sequence <= until)
        });
        if !left {
            self.finish_drain(address);
        }
    }

    /// Everything that waited was sent: the marker, then what came in meanwhile, then live traffic.
    fn finish_drain(&mut self, address: &Address) {
        let Some(session) = self.device(address).and_then(|device| device.session) else { return };
        let Phase::Draining { sent, .. } = session.phase else { return };
        self.set_phase(address, Phase::Live);
        let marker = Node::new("offline").attr("count", sent.to_string());
        self.send_stanza(session.link, ib(marker));
        self.send_waiting(address);
        self.check_ready(address);
    }

    /// Sends a live device what still waits for it.
    pub fn send_waiting(&mut self, address: &Address) {
        let Some(device) = self.device_mut(address) else { return };
        let Some(link) = device.link() else { return };
        let mut stanzas = Vec::new();
        for pending in device.queue.iter_mut().filter(|pending| !pending.sent) {
            pending.sent = true;
            stanzas.push((pending.class, pending.stanza.clone()));
        }
        for (class, stanza) in stanzas {
            self.transmit(link, address, class, stanza, std::time::Duration::ZERO);
        }
    }

    /// A device confirmed a stanza. `all` takes every stanza with this class and id.
    pub fn confirm(&mut self, link: Link, address: &Address, class: StanzaClass, id: &str, all: bool) {
        let Some(device) = self.device_mut(address) else { return };
        if device.link() != Some(link) || !device.confirm(class, id, all) {
            return;
        }
        self.counters.add("stanzas_confirmed");
        self.drain_if_waiting(address);
    }

    fn drain_if_waiting(&mut self, address: &Address) {
        let phase = self.device(address).and_then(|device| device.session).map(|session| session.phase);
        // Before the first request (`sent` 0) the client is not asking for anything.
        if matches!(phase, Some(Phase::Draining { sent: 1.., .. })) {
            self.drain(address);
        }
    }

    /// Tells the phone, once, that a companion is through its first login and can take messages.
    pub fn check_ready(&mut self, address: &Address) {
        let Some(device) = self.device_mut(address) else { return };
        let live = device.is_live();
        let Some(companion) = device.companion.as_mut() else { return };
        if !live || companion.ready || companion.prekeys.is_empty() {
            return;
        }
        companion.ready = true;
        let event = PhoneEvent::CompanionReady { device: address.device, dictionary: companion.dictionary };
        self.tell_phone(&address.number, event);
    }
}

fn ib(child: Node) -> Node {
    Node::new("ib").attr("from", SERVER_JID).child(child)
}
