//! Connections: a new device, a login, a phone that attaches in process (sections 4 to 6).

use tokio::sync::mpsc::UnboundedSender;

use super::account::{Address, Phase};
use super::contract::{Downstream, Link, ServerError};
use super::world::{Role, World};
use crate::faults::{self, Fault, FaultKind};
use crate::node::Node;
use crate::wire::{ClientHello, ClientPayloadInfo};

/// Why an account is banned: it sent to too many people.
const BAN_TOO_MANY_MESSAGES: &str = "101";
/// How long a ban lasts.
const BAN_SECONDS: &str = "3600";

impl World {
    /// Takes a client whose handshake is done.
    pub fn connect(&mut self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link {
        let link = self.open(down, client.dictionary, Some(client.noise_public));
        let old = client.version < self.config.oldest_version;
        match client.payload {
            ClientPayloadInfo::Registration { registration_id, identity, signed_prekey, .. } => {
                if old || self.version_rejected(None) {
                    self.fail_login(link, 405);
                } else {
                    self.start_registration(link, registration_id, identity, signed_prekey);
                }
            }
            ClientPayloadInfo::Login { number, device, .. } => {
                let address = Address::new(&number, device);
                if old || self.version_rejected(Some(&address)) {
                    self.fail_login(link, 405);
                } else if self.banned(&address) {
                    self.refuse_banned(link);
                } else if self.may_login(&address, &client.noise_public) {
                    self.log_in(link, &address, client.dictionary);
                } else {
                    self.fail_login(link, 401);
                }
            }
        }
        link
    }

    fn version_rejected(&mut self, address: Option<&Address>) -> bool {
        let now = self.now();
        self.faults.happens(FaultKind::RejectedVersion, address, now)
    }

    fn banned(&mut self, address: &Address) -> bool {
        let now = self.now();
        self.faults.happens(FaultKind::Banned, Some(address), now)
    }

    /// As whatsapp-rust 0.7.0 reads it (`node_io.rs`, `TempBanned`): why as a code, and for how many seconds.
    fn refuse_banned(&mut self, link: Link) {
        self.counters.add("logins_banned");
        let failure = Node::new("failure")
            .attr("reason", "402")
            .attr("code", BAN_TOO_MANY_MESSAGES)
            .attr("expire", BAN_SECONDS)
            .attr("location", "sim");
        self.send_stanza(link, failure);
        self.send(link, Downstream::Close);
    }

    /// Only a linked companion with the Noise key it was linked with may log in.
    fn may_login(&self, address: &Address, noise_public: &[u8; 32]) -> bool {
        self.device(address)
            .and_then(|device| device.companion.as_ref())
            .is_some_and(|companion| companion.noise_public == *noise_public)
    }

    fn fail_login(&mut self, link: Link, reason: u16) {
        self.counters.add(if reason == 405 { "logins_version_rejected" } else { "logins_refused" });
        let failure = Node::new("failure").attr("reason", reason.to_string()).attr("location", "sim");
        self.send_stanza(link, failure);
        self.send(link, Downstream::Close);
    }

    fn log_in(&mut self, link: Link, address: &Address, dictionary: u8) {
        self.counters.add("logins");
        self.bind(link, address, Phase::Passive);
        if let Some(companion) = self.device_mut(address).and_then(|device| device.companion.as_mut()) {
            companion.dictionary = dictionary;
        }
        let success = self.success(address);
        self.send_stanza(link, success);
        let now = self.now();
        if let Some(fault) = self.faults.at_login(address, now) {
            self.break_connection(link, &fault);
        }
    }

    fn success(&self, address: &Address) -> Node {
        let lid = self.account_of(address).map(|account| {
            let mut lid = account.lid_jid();
            lid.device = address.device;
            lid.to_string()
        });
        Node::new("success")
            .attr("t", self.seconds_for(address).to_string())
            .attr("props", "27")
            .attr("abprops", "1")
            .attr("group_abprops", "1")
            .attr("location", "sim")
            .attr("creation", self.seconds().to_string())
            .attr_opt("lid", lid)
    }

    /// Connects a phone in process.
    pub fn attach_phone(
        &mut self,
        number: &str,
        down: UnboundedSender<Downstream>,
    ) -> Result<Link, ServerError> {
        let address = Address::new(number, 0);
        if self.device(&address).is_none() {
            return Err(ServerError::UnknownAccount);
        }
        let link = self.open(down, 3, None);
        self.bind(link, &address, Phase::Live);
        self.send_waiting(&address);
        Ok(link)
    }

    /// Provokes a fault: at once on live connections, or armed for later.
    pub fn set_fault(&mut self, fault: Fault) {
        let now = self.now();
        let mut used = 0;
        if fault.kind.is_connection_fault() {
            let live: Vec<Link> = self
                .connections
                .iter()
                .filter(|(_, connection)| match &connection.role {
                    Role::Device(address) => address.device != 0 && faults::hits(&fault.target, address),
                    _ => false,
                })
                .map(|(link, _)| *link)
                .collect();
            for link in &live {
                self.break_connection(*link, &fault);
            }
            used = u32::from(!live.is_empty());
        }
        self.faults.arm(fault, used, now);
    }

    /// Ends or cripples a connection as a fault wants it.
    fn break_connection(&mut self, link: Link, fault: &Fault) {
        self.counters.add("connection_faults");
        if let Some(error) = fault.kind.stream_error() {
            self.end_stream(link, error);
            return;
        }
        match fault.kind {
            FaultKind::Dropped => {
                self.send(link, Downstream::Drop);
                self.detach(link);
            }
            FaultKind::Stalled => self.send(link, Downstream::Stall),
            FaultKind::HalfOpen => self.send(link, Downstream::HalfOpen),
            FaultKind::LongWay => self.send(link, Downstream::LongWay(fault.delay())),
            FaultKind::Unheard => {
                if let Some(connection) = self.connections.get_mut(&link) {
                    connection.unheard = true;
                }
            }
            _ => {}
        }
    }
}
