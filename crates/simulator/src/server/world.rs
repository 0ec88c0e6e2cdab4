//! The server's whole state, and the two ways a stanza leaves it: at once, or through a device's
//! queue until the device confirms it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc::UnboundedSender;

use super::account::{Account, Address, Device, Pending, Phase, Session, StanzaClass};
use super::contract::{CiphertextObserver, Downstream, Link, PhoneEvent, RelayedCiphertext, ServerConfig};
use super::groups::Group;
use super::newsletters::Newsletter;
use super::pairing::{CodePairing, Registration};
use crate::faults::{FaultTable, StanzaFate};
use crate::jid::{Jid, SERVER_JID};
use crate::node::Node;

/// Distinct unknown stanzas that are counted by name; further ones are counted together.
const UNKNOWN_KINDS: usize = 256;

/// Everything the server knows.
pub(super) struct World {
    pub config: ServerConfig,
    pub rng: StdRng,
    pub accounts: HashMap<String, Account>,
    /// LID to number.
    pub lids: HashMap<String, String>,
    pub groups: HashMap<String, Group>,
    pub newsletters: HashMap<String, Newsletter>,
    pub connections: HashMap<Link, Connection>,
    /// Pairing reference to the connection that was given it.
    pub references: HashMap<String, Link>,
    /// Number to the newest pairing by code for it.
    pub codes: HashMap<String, CodePairing>,
    pub counters: Counters,
    pub faults: FaultTable,
    /// Acknowledgements that a fault holds back.
    pub withheld: VecDeque<(Link, Node)>,
    pub observer: Option<Arc<dyn CiphertextObserver>>,
    /// Ciphertexts that the observer has yet to see.
    pub relayed: Vec<RelayedCiphertext>,
    next_link: u64,
    next_stanza: u64,
}

/// One live connection.
pub(super) struct Connection {
    pub down: UnboundedSender<Downstream>,
    pub dictionary: u8,
    pub noise_public: Option<[u8; 32]>,
    pub role: Role,
    /// A stanza that a fault holds back until the next one has passed it.
    pub held: Option<Node>,
    /// Fault: whatever the device sends is discarded.
    pub unheard: bool,
}

/// What a connection is for.
pub(super) enum Role {
    /// A new device that waits to be linked.
    Registering(Box<Registration>),
    /// A device that is logged in.
    Device(Address),
    /// Refused or told to go; nothing that it sends is heard.
    Closed,
}

/// What happened so far.
#[derive(Default, Clone)]
pub(super) struct Counters {
    pub named: BTreeMap<&'static str, u64>,
    pub unknown: BTreeMap<String, u64>,
}

impl Counters {
    /// Counts one event.
    pub fn add(&mut self, name: &'static str) {
        self.add_many(name, 1);
    }

    /// Counts several events.
    pub fn add_many(&mut self, name: &'static str, count: u64) {
        *self.named.entry(name).or_default() += count;
    }

    /// Counts a stanza that no one handles, by its tag and namespace.
    pub fn unknown(&mut self, what: &str) {
        tracing::debug!(stanza = what, "unknown stanza answered harmlessly");
        self.add("unknown_stanzas");
        let what: String = what.chars().take(64).collect();
        if self.unknown.len() < UNKNOWN_KINDS || self.unknown.contains_key(&what) {
            *self.unknown.entry(what).or_default() += 1;
        }
    }
}

impl World {
    pub fn new(config: ServerConfig) -> Self {
        Self {
            rng: StdRng::seed_from_u64(config.seed),
            config,
            accounts: HashMap::new(),
            lids: HashMap::new(),
            groups: HashMap::new(),
            newsletters: HashMap::new(),
            connections: HashMap::new(),
            references: HashMap::new(),
            codes: HashMap::new(),
            counters: Counters::default(),
            faults: FaultTable::default(),
            withheld: VecDeque::new(),
            observer: None,
            relayed: Vec::new(),
            next_link: 0,
            next_stanza: 0,
        }
    }

    /// Time since the Unix epoch as the server's own records use it.
    pub fn now(&self) -> Duration {
        self.config.clock.now()
    }

    /// Seconds since the Unix epoch.
    pub fn seconds(&self) -> u64 {
        self.now().as_secs()
    }

    /// Seconds since the Unix epoch as this device is told, which a fault may have skewed.
    pub fn seconds_for(&self, address: &Address) -> u64 {
        let now = self.now();
        now.as_secs().saturating_add_signed(self.faults.clock_skew(address, now))
    }

    /// A number for the next stanza of the server's own, unique and rising.
    pub fn next_sequence(&mut self) -> u64 {
        self.next_stanza += 1;
        self.next_stanza
    }

    /// Continues after a saved sequence number.
    pub fn resume_sequence(&mut self, last: u64) {
        self.next_stanza = self.next_stanza.max(last);
    }

    /// The id of the next stanza of the server's own.
    pub fn next_id(&mut self) -> String {
        format!("{}-{}", self.seconds(), self.next_sequence())
    }

    /// Random bytes from the server's seeded generator.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Opens a connection.
    pub fn open(
        &mut self,
        down: UnboundedSender<Downstream>,
        dictionary: u8,
        noise_public: Option<[u8; 32]>,
    ) -> Link {
        self.next_link += 1;
        let link = Link(self.next_link);
        let connection =
            Connection { down, dictionary, noise_public, role: Role::Closed, held: None, unheard: false };
        self.connections.insert(link, connection);
        link
    }

    /// The account that a phone-number or LID address means.
    pub fn resolve(&self, jid: &Jid) -> Option<&Account> {
        if jid.is_lid() {
            return self.accounts.get(self.lids.get(&jid.user)?);
        }
        if jid.is_phone_number() { self.accounts.get(&jid.user) } else { None }
    }

    /// The device that an address means, whether it exists or not.
    pub fn resolve_device(&self, jid: &Jid) -> Option<Address> {
        let account = self.resolve(jid)?;
        Some(Address::new(&account.number, jid.device))
    }

    /// The account a logged-in device belongs to.
    pub fn account_of(&self, address: &Address) -> Option<&Account> {
        self.accounts.get(&address.number)
    }

    /// A device by its address.
    pub fn device(&self, address: &Address) -> Option<&Device> {
        self.accounts.get(&address.number)?.devices.get(&address.device)
    }

    /// A device by its address.
    pub fn device_mut(&mut self, address: &Address) -> Option<&mut Device> {
        self.accounts.get_mut(&address.number)?.devices.get_mut(&address.device)
    }

    /// Every device of an account.
    pub fn addresses(&self, number: &str) -> Vec<Address> {
        let Some(account) = self.accounts.get(number) else { return Vec::new() };
        account.devices.keys().map(|id| Address::new(number, *id)).collect()
    }

    /// Every device of several accounts, in the accounts' order.
    pub fn devices_of<'a>(&self, numbers: impl IntoIterator<Item = &'a String>) -> Vec<Address> {
        numbers.into_iter().flat_map(|number| self.addresses(number)).collect()
    }

    /// Sends something down a connection. A stanza that was held back follows it.
    pub fn send(&mut self, link: Link, down: Downstream) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        let stanza = matches!(down, Downstream::Stanza(_));
        // A closed channel means that the socket is gone; `disconnect` is on its way.
        let _ = connection.down.send(down);
        if stanza && let Some(held) = connection.held.take() {
            let _ = connection.down.send(Downstream::Stanza(held));
        }
    }

    /// Sends a stanza down a connection now.
    pub fn send_stanza(&mut self, link: Link, stanza: Node) {
        self.send(link, Downstream::Stanza(stanza));
    }

    /// Sends a stanza to a device if it is live; forgets it otherwise.
    pub fn send_if_live(&mut self, address: &Address, stanza: Node) {
        let Some(device) = self.device(address) else { return };
        if device.is_live()
            && let Some(link) = device.link()
        {
            self.send_stanza(link, stanza);
        }
    }

    /// Tells an account's phone something outside of stanzas.
    pub fn tell_phone(&mut self, number: &str, event: PhoneEvent) {
        let phone = Address::new(number, 0);
        if let Some(link) = self.device(&phone).and_then(Device::link) {
            self.send(link, Downstream::Phone(event));
        }
    }

    /// Puts a stanza into a device's queue and sends it if the device is live.
    pub fn deliver(&mut self, address: &Address, class: StanzaClass, id: &str, stanza: Node) {
        self.deliver_after(address, class, id, stanza, Duration::ZERO);
    }

    /// Like [`Self::deliver`], but a live device gets it no earlier than after `delay`.
    pub fn deliver_after(
        &mut self,
        address: &Address,
        class: StanzaClass,
        id: &str,
        stanza: Node,
        delay: Duration,
    ) {
        let sequence = self.next_sequence();
        let Some(device) = self.device_mut(address) else { return };
        let live = device.is_live();
        let pending = Pending { sequence, class, id: id.to_owned(), stanza, sent: live };
        let link = device.link();
        let now = live.then(|| pending.stanza.clone());
        device.queue.push_back(pending);
        if let (Some(link), Some(stanza)) = (link, now) {
            self.transmit(link, address, class, stanza, delay);
        } else {
            self.counters.add("queued_offline");
        }
    }

    /// Sends a queued stanza over a live connection, unless a fault wants otherwise.
    pub fn transmit(
        &mut self,
        link: Link,
        address: &Address,
        class: StanzaClass,
        stanza: Node,
        delay: Duration,
    ) {
        let now = self.now();
        let fate = self.faults.fate(address, class, now);
        if !matches!(fate, StanzaFate::Pass) {
            self.counters.add("stanza_faults");
        }
        let delay = match fate {
            StanzaFate::Delay(more) => delay + more,
            _ => delay,
        };
        let down = |stanza| {
            if delay.is_zero() { Downstream::Stanza(stanza) } else { Downstream::Delayed(delay, stanza) }
        };
        match fate {
            StanzaFate::Pass | StanzaFate::Delay(_) => self.send(link, down(stanza)),
            StanzaFate::Lose => {}
            StanzaFate::Corrupt => {
                let mut stanza = stanza;
                crate::faults::corrupt(&mut stanza);
                self.send(link, down(stanza));
            }
            StanzaFate::Duplicate => {
                self.send(link, down(stanza.clone()));
                self.send(link, down(stanza));
            }
            StanzaFate::Reorder => {
                if let Some(connection) = self.connections.get_mut(&link) {
                    match connection.held.take() {
                        None => connection.held = Some(stanza),
                        Some(held) => {
                            let _ = connection.down.send(Downstream::Stanza(stanza));
                            let _ = connection.down.send(Downstream::Stanza(held));
                        }
                    }
                }
            }
        }
    }

    /// Sends a stream error and closes the connection. Its stanzas wait again.
    pub fn end_stream(&mut self, link: Link, error: Node) {
        self.send_stanza(link, error);
        self.close(link);
    }

    /// Closes a connection. Its stanzas wait again.
    pub fn close(&mut self, link: Link) {
        self.send(link, Downstream::Close);
        self.detach(link);
    }

    /// Forgets that a connection belongs to anyone.
    pub fn detach(&mut self, link: Link) {
        let Some(connection) = self.connections.get_mut(&link) else { return };
        match std::mem::replace(&mut connection.role, Role::Closed) {
            Role::Device(address) => self.device_went(link, &address),
            Role::Registering(registration) => self.registration_went(link, &registration),
            Role::Closed => {}
        }
    }

    /// The connection is gone for good.
    pub fn disconnect(&mut self, link: Link) {
        self.detach(link);
        self.connections.remove(&link);
    }

    fn device_went(&mut self, link: Link, address: &Address) {
        let Some(device) = self.device_mut(address) else { return };
        if device.link() != Some(link) {
            return;
        }
        device.requeue();
        self.set_available(address, false);
    }

    /// Binds a connection to a device. An earlier connection of the device is replaced.
    pub fn bind(&mut self, link: Link, address: &Address, phase: Phase) {
        if let Some(old) = self.device(address).and_then(Device::link) {
            let conflict = Node::new("stream:error").child(Node::new("conflict").attr("type", "replaced"));
            self.counters.add("streams_replaced");
            self.end_stream(old, conflict);
        }
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.role = Role::Device(address.clone());
        }
        if let Some(device) = self.device_mut(address) {
            device.session = Some(Session { link, phase });
        }
    }

    /// The result of an `iq`, from whomever it was sent to.
    pub fn reply(&mut self, link: Link, request: &Node, children: Vec<Node>) {
        let reply = reply_to(request, "result").children(children);
        self.send_stanza(link, reply);
    }

    /// An `iq` error.
    pub fn refuse(&mut self, link: Link, request: &Node, code: u16, text: &str) {
        let error = Node::new("error").attr("code", code.to_string()).attr("text", text);
        self.send_stanza(link, reply_to(request, "error").child(error));
    }
}

fn reply_to(request: &Node, kind: &str) -> Node {
    let from = match request.get("to") {
        None | Some("s.whatsapp.net" | "") => SERVER_JID,
        Some("g.us") => "@g.us",
        Some(to) => to,
    };
    Node::new("iq").attr("from", from).attr("type", kind).attr_opt("id", request.get("id"))
}
