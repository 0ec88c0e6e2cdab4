//! Stanza-level tests: clients and phones are in-memory channels, no sockets and no encryption.

mod administration;
mod keys;
mod linking;
mod newsletters;
mod offline;
mod properties;
mod relay;
mod requests;
mod saving;
mod teams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::wire::{ClientPayloadInfo, SignedPreKeyPublic};

/// A clock that the test moves, in milliseconds.
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hands {
    fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

/// A server with a clock that stands still.
struct Sim {
    server: Server,
    clock: Arc<Hands>,
}

impl Sim {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000_000)));
        let mut config = ServerConfig::new(7, "127.0.0.1:1");
        config.clock = clock.clone();
        change(&mut config);
        Self { server: Server::new(config), clock }
    }

    fn account(&self, number: &str) -> AccountInfo {
        let keys = keys_of(number);
        self.server
            .create_account(NewAccount { number: number.into(), name: format!("N{number}"), lid: None, keys })
            .unwrap()
    }

    fn phone(&self, number: &str) -> Client {
        let (down, up) = unbounded_channel();
        let link = self.server.attach_phone(number, down).unwrap();
        Client { server: self.server.clone(), link, up, id: 0 }
    }

    fn connect(&self, hello: ClientHello) -> Client {
        let (down, up) = unbounded_channel();
        let link = self.server.connect(hello, down);
        Client { server: self.server.clone(), link, up, id: 0 }
    }

    /// A new device that shows its pairing references.
    fn register(&self, seed: u8) -> Client {
        self.connect(ClientHello {
            noise_public: [seed; 32],
            dictionary: 3,
            payload: ClientPayloadInfo::Registration {
                registration_id: u32::from(seed),
                identity: [seed; 32],
                signed_prekey: SignedPreKeyPublic { id: 1, key: [seed; 32], signature: vec![seed; 64] },
                device_props: Vec::new(),
            },
            version: (2, 3000, 1),
        })
    }

    fn try_login(&self, number: &str, device: u16, noise: u8) -> Client {
        self.connect(ClientHello {
            noise_public: [noise; 32],
            dictionary: 3,
            payload: ClientPayloadInfo::Login { number: number.into(), device, passive: true },
            version: (2, 3000, 1),
        })
    }

    /// Links a companion, as far as the phone and the device are concerned.
    fn link(&self, number: &str, seed: u8) -> u16 {
        let mut client = self.register(seed);
        client.take();
        let grant = self.server.reserve_key_index(number).unwrap();
        let device = self
            .server
            .complete_pairing(
                client.link,
                number,
                PairingGrant { container: vec![1], key_index: grant.key_index, platform: "android".into() },
            )
            .unwrap();
        client.sign();
        device
    }

    /// Logs a linked companion in and takes it live.
    fn login(&self, number: &str, device: u16, noise: u8) -> Client {
        let mut client = self.try_login(number, device, noise);
        assert_eq!(client.take()[0].tag, "success");
        client.active();
        client
    }

    /// A live companion of a new account.
    fn companion(&self, number: &str, seed: u8) -> Client {
        let device = self.link(number, seed);
        let mut client = self.login(number, device, seed);
        client.take();
        client
    }

    fn counter(&self, name: &str) -> u64 {
        self.server.state()["counters"][name].as_u64().unwrap_or_default()
    }
}

/// Keys of an account, by its number.
fn keys_of(number: &str) -> Arc<PhoneKeys> {
    Arc::new(PhoneKeys::generate(&mut StdRng::seed_from_u64(number.parse().unwrap())))
}

/// The client's end of one connection.
struct Client {
    server: Server,
    link: Link,
    up: UnboundedReceiver<Downstream>,
    id: u32,
}

impl Client {
    /// Everything the server sent since the last look.
    fn take_all(&mut self) -> Vec<Downstream> {
        std::iter::from_fn(|| self.up.try_recv().ok()).collect()
    }

    /// The stanzas among it, delayed ones too.
    fn take(&mut self) -> Vec<Node> {
        self.take_all()
            .into_iter()
            .filter_map(|down| match down {
                Downstream::Stanza(node) | Downstream::Delayed(_, node) => Some(node),
                _ => None,
            })
            .collect()
    }

    /// The stanzas with this tag.
    fn take_only(&mut self, tag: &str) -> Vec<Node> {
        self.take().into_iter().filter(|node| node.tag == tag).collect()
    }

    fn send(&self, stanza: Node) {
        self.server.receive(self.link, stanza);
    }

    /// Asks and returns the answer.
    fn ask(&mut self, kind: &str, namespace: &str, to: &str, children: Vec<Node>) -> Node {
        self.id += 1;
        let id = format!("q{}", self.id);
        let iq = Node::new("iq").attr("id", &*id).attr("type", kind).attr("xmlns", namespace);
        self.send(iq.attr("to", to).children(children));
        let answer = self.take().into_iter().find(|node| node.tag == "iq" && node.get("id") == Some(&id));
        answer.expect("an answer")
    }

    fn active(&mut self) {
        self.send(
            Node::new("iq")
                .attr("id", "act")
                .attr("type", "set")
                .attr("xmlns", "passive")
                .child(Node::new("active")),
        );
    }

    /// Answers `<pair-success>`.
    fn sign(&mut self) {
        let sign = Node::new("pair-device-sign").child(Node::new("device-identity").bytes(*b"\x0a\x01x"));
        self.send(Node::new("iq").attr("id", "s").attr("type", "result").child(sign));
    }

    fn upload(&mut self, count: u32) {
        let keys = (1..=count).map(|id| {
            Node::new("key")
                .child(Node::new("id").bytes(id.to_be_bytes()[1..].to_vec()))
                .child(Node::new("value").bytes([id as u8; 32]))
        });
        let list = Node::new("list").children(keys);
        let answer = self.ask("set", "encrypt", "@s.whatsapp.net", vec![list]);
        assert_eq!(answer.get("type"), Some("result"));
    }

    fn message(&self, id: &str, to: &str, devices: &[&str]) {
        let to_each = devices.iter().map(|jid| Node::new("to").attr("jid", *jid).child(enc("msg", jid)));
        let participants = Node::new("participants").children(to_each);
        self.send(
            Node::new("message").attr("id", id).attr("to", to).attr("type", "text").child(participants),
        );
    }

    fn receipt(&self, id: &str, to: &str) {
        self.send(Node::new("receipt").attr("id", id).attr("to", to));
    }
}

fn enc(kind: &str, content: &str) -> Node {
    Node::new("enc").attr("v", "2").attr("type", kind).bytes(content.as_bytes())
}

fn pn(number: &str) -> String {
    format!("{number}@s.whatsapp.net")
}

const ALICE: &str = "62811100001";
const BOB: &str = "62811100002";
const CAROL: &str = "62811100003";
