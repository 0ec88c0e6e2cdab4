use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::any;
use buffa::{Message as _, MessageField};
use futures::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Raw;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use wacore::libsignal::protocol::KeyPair;
use wacore::noise::{IkHandshakeState, IkServerHelloOutcome, NoiseCipher};
use waproto::whatsapp as wa;

use super::*;
use crate::wire::identity::Validity;
use crate::wire::stanza;

/// Far more than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection told the server behind it.
#[derive(Debug, PartialEq)]
enum Seen {
    Connected(u8),
    Received(Node),
    Disconnected,
}

/// Reports everything and answers nothing by itself.
#[derive(Clone)]
struct Recorder {
    seen: mpsc::UnboundedSender<Seen>,
    down: Arc<Mutex<Option<UnboundedSender<Downstream>>>>,
}

impl StanzaHandler for Recorder {
    fn connect(&self, client: ClientHello, down: UnboundedSender<Downstream>) -> Link {
        *self.down.lock().unwrap() = Some(down);
        self.seen.send(Seen::Connected(client.dictionary)).unwrap();
        Link(7)
    }

    fn receive(&self, link: Link, stanza: Node) {
        assert_eq!(link, Link(7));
        let _ = self.seen.send(Seen::Received(stanza));
    }

    fn disconnect(&self, link: Link) {
        assert_eq!(link, Link(7));
        let _ = self.seen.send(Seen::Disconnected);
    }
}

struct Bench {
    addr: SocketAddr,
    identity: Arc<ServerIdentity>,
    seen: mpsc::UnboundedReceiver<Seen>,
    down: Arc<Mutex<Option<UnboundedSender<Downstream>>>>,
}

impl Bench {
    async fn start(config: WireConfig) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let identity = Arc::new(ServerIdentity::generate(&mut rng, Validity::around(1_800_000_000)).unwrap());
        let (sender, seen) = mpsc::unbounded_channel();
        let recorder = Recorder { seen: sender, down: Arc::default() };
        let down = recorder.down.clone();
        let served = identity.clone();
        let router = Router::new().route(
            "/ws/chat",
            any(move |request: WebSocketUpgrade| async move {
                limited(request).on_upgrade(move |socket| serve(socket, recorder, served, config))
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, identity, seen, down }
    }

    async fn socket(&self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        connect_async(format!("ws://{}/ws/chat", self.addr)).await.unwrap().0
    }

    async fn client(&self, dictionary: u8) -> Client {
        let payload = wa::ClientPayload { username: Some(4_915_100_000_001), ..Default::default() };
        let prologue = [b'W', b'A', 6, dictionary];
        let key = KeyPair::generate(&mut rand::rng());
        let mut noise =
            IkHandshakeState::new(key, self.identity.static_public(), payload.encode_to_vec(), &prologue)
                .unwrap();
        let mut socket = self.socket().await;
        let mut bytes = prologue.to_vec();
        bytes.extend(framed(&noise.build_client_hello().unwrap()));
        // In two parts, to see that frames may be split.
        let rest = bytes.split_off(20);
        socket.send(Raw::Binary(bytes.into())).await.unwrap();
        socket.send(Raw::Binary(rest.into())).await.unwrap();
        let answer = next_binary(&mut socket).await.unwrap();
        let IkServerHelloOutcome::Continue(outcome) = noise.read_server_hello(&answer[3..]).unwrap() else {
            panic!("IK was not accepted");
        };
        Client {
            socket,
            dictionary: Dictionary::of(dictionary).unwrap(),
            write: (outcome.write_cipher, 0),
            read: (outcome.read_cipher, 0),
        }
    }

    async fn seen(&mut self) -> Seen {
        timeout(PATIENCE, self.seen.recv()).await.expect("the server hears of it in time").unwrap()
    }

    fn down(&self, downstream: Downstream) {
        self.down.lock().unwrap().as_ref().unwrap().send(downstream).unwrap();
    }
}

struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    dictionary: &'static Dictionary,
    write: (NoiseCipher, u32),
    read: (NoiseCipher, u32),
}

impl Client {
    fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        let sealed = self.write.0.encrypt_with_counter(self.write.1, plain).unwrap();
        self.write.1 += 1;
        framed(&sealed)
    }

    async fn send(&mut self, node: &Node) {
        let plain = stanza::encode(node, self.dictionary).unwrap();
        let bytes = self.seal(&plain);
        self.socket.send(Raw::Binary(bytes.into())).await.unwrap();
    }

    /// The next stanza, `None` when the server ended the connection.
    async fn receive(&mut self) -> Option<Node> {
        let bytes = next_binary(&mut self.socket).await?;
        let mut frame = bytes[3..].to_vec();
        self.read.0.decrypt_in_place_with_counter(self.read.1, &mut frame).unwrap();
        self.read.1 += 1;
        Some(stanza::decode(&frame, self.dictionary).unwrap())
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&frame::header(bytes.len()).unwrap()[..], bytes].concat()
}

async fn next_binary(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<Vec<u8>> {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("the server acts in time")? {
            Ok(Raw::Binary(bytes)) => return Some(bytes.to_vec()),
            Ok(Raw::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn numbered(number: usize) -> Node {
    Node::new("iq").attr("id", number.to_string()).attr("to", "@s.whatsapp.net")
}

#[tokio::test]
async fn stanzas_travel_both_ways_in_order_in_both_dictionaries() {
    for dictionary in [2, 3] {
        let mut bench = Bench::start(WireConfig::default()).await;
        let mut client = bench.client(dictionary).await;
        assert_eq!(bench.seen().await, Seen::Connected(dictionary));
        for number in 0..200 {
            bench.down(Downstream::Stanza(numbered(number)));
        }
        for number in 0..200 {
            assert_eq!(client.receive().await, Some(numbered(number)));
            client.send(&numbered(number)).await;
        }
        for number in 0..200 {
            assert_eq!(bench.seen().await, Seen::Received(numbered(number)));
        }
        client.socket.close(None).await.unwrap();
        assert_eq!(bench.seen().await, Seen::Disconnected);
    }
}

#[tokio::test]
async fn many_frames_may_share_one_message() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    let mut message = Vec::new();
    for number in 0..50 {
        let plain = stanza::encode(&numbered(number), client.dictionary).unwrap();
        message.extend(client.seal(&plain));
    }
    client.socket.send(Raw::Binary(message.into())).await.unwrap();
    for number in 0..50 {
        assert_eq!(bench.seen().await, Seen::Received(numbered(number)));
    }
}

#[tokio::test]
async fn a_client_with_dictionary_2_is_not_spoken_to_at_once() {
    let delay = Duration::from_millis(300);
    let bench = Bench::start(WireConfig { first_frame: delay, ..WireConfig::default() }).await;
    let mut old = bench.client(2).await;
    let start = tokio::time::Instant::now();
    bench.down(Downstream::Stanza(numbered(1)));
    assert_eq!(old.receive().await, Some(numbered(1)));
    assert!(start.elapsed() >= delay);
}

#[tokio::test]
async fn delayed_stanzas_are_overtaken_and_arrive() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    bench.down(Downstream::Delayed(Duration::from_millis(200), numbered(1)));
    bench.down(Downstream::Stanza(numbered(2)));
    assert_eq!(client.receive().await, Some(numbered(2)));
    assert_eq!(client.receive().await, Some(numbered(1)));
}

#[tokio::test]
async fn close_lets_everything_before_it_arrive() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    for number in 0..500 {
        bench.down(Downstream::Stanza(numbered(number)));
    }
    bench.down(Downstream::Close);
    // What the client sends at the same time must not cost it the last stanzas.
    for number in 0..20 {
        client.send(&numbered(number)).await;
    }
    for number in 0..500 {
        assert_eq!(client.receive().await, Some(numbered(number)));
    }
    assert_eq!(client.receive().await, None);
    while bench.seen().await != Seen::Disconnected {}
}

#[tokio::test]
async fn drop_cuts_the_connection() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    bench.down(Downstream::Drop);
    assert_eq!(bench.seen().await, Seen::Disconnected);
    let end = timeout(PATIENCE, client.socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(Raw::Close(_)))), "a cut connection has no closing handshake");
}

#[tokio::test]
async fn half_open_hears_but_does_not_speak() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    bench.down(Downstream::Stanza(numbered(1)));
    bench.down(Downstream::HalfOpen);
    bench.down(Downstream::Stanza(numbered(2)));
    assert_eq!(client.receive().await, Some(numbered(1)));
    client.send(&numbered(3)).await;
    assert_eq!(bench.seen().await, Seen::Received(numbered(3)));
    // The server gives up: the connection ends without the swallowed stanza.
    bench.down(Downstream::Close);
    assert_eq!(client.receive().await, None);
    assert_eq!(bench.seen().await, Seen::Disconnected);
}

#[tokio::test]
async fn a_stalled_connection_neither_reads_nor_writes_and_ends_at_last() {
    let config = WireConfig { stall: Duration::from_millis(500), ..WireConfig::default() };
    let mut bench = Bench::start(config).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    bench.down(Downstream::Stall);
    bench.down(Downstream::Stanza(numbered(1)));
    bench.down(Downstream::Stanza(numbered(2)));
    assert_eq!(client.receive().await, None);
    assert_eq!(bench.seen().await, Seen::Disconnected);
}

#[tokio::test]
async fn silence_ends_a_connection() {
    let config = WireConfig { idle: Duration::from_millis(200), ..WireConfig::default() };
    let mut bench = Bench::start(config).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    assert_eq!(client.receive().await, None);
    assert_eq!(bench.seen().await, Seen::Disconnected);
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_with_a_bounded_backlog() {
    let mut bench = Bench::start(WireConfig { backlog: 1 << 20, ..WireConfig::default() }).await;
    let client = bench.client(3).await;
    bench.seen().await;
    let large = Node::new("x").bytes(vec![0; 100_000]);
    let down = bench.down.lock().unwrap().clone().unwrap();
    // Sockets buffer some megabytes; soon after, the connection must be gone.
    let flood = async {
        while down.send(Downstream::Stanza(large.clone())).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, flood).await.expect("the backlog is bounded");
    assert_eq!(bench.seen().await, Seen::Disconnected);
    drop(client);
}

#[tokio::test]
async fn an_unreadable_stanza_is_answered_and_the_connection_closed() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    let bytes = client.seal(&[0, 248, 9, 9]);
    client.socket.send(Raw::Binary(bytes.into())).await.unwrap();
    let refusal = client.receive().await.unwrap();
    assert_eq!(
        (refusal.tag.as_str(), refusal.nodes()[0].tag.as_str()),
        ("stream:error", "xml-not-well-formed")
    );
    assert_eq!(client.receive().await, None);
    assert_eq!(bench.seen().await, Seen::Disconnected);
}

#[tokio::test]
async fn a_changed_frame_ends_the_connection() {
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut client = bench.client(3).await;
    bench.seen().await;
    let plain = stanza::encode(&numbered(1), client.dictionary).unwrap();
    let mut bytes = client.seal(&plain);
    *bytes.last_mut().unwrap() ^= 1;
    client.socket.send(Raw::Binary(bytes.into())).await.unwrap();
    assert_eq!(client.receive().await, None);
    assert_eq!(bench.seen().await, Seen::Disconnected);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_ended() {
    let config = WireConfig { handshake: Duration::from_millis(200), ..WireConfig::default() };
    let bench = Bench::start(config).await;
    for start in [&b""[..], b"WA", b"WA\x06\x03", b"ED\x00\x01\x00\x00\x09"] {
        let mut socket = bench.socket().await;
        socket.send(Raw::Binary(start.to_vec().into())).await.unwrap();
        assert_eq!(next_binary(&mut socket).await, None);
    }
}

/// Sixty-four clients send noise of all sorts at once; a good client gets through meanwhile and
/// afterwards, and the noise never reaches the server.
#[tokio::test]
async fn noise_on_the_socket_does_not_hold_up_the_listener() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut bench = Bench::start(WireConfig::default()).await;
    let mut noisy = Vec::new();
    for number in 0..64 {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(number));
        let mut socket = bench.socket().await;
        noisy.push(tokio::spawn(async move {
            let mut bytes = match number % 4 {
                0 => Vec::new(),
                1 => b"WA\x06\x03".to_vec(),
                2 => b"WA\x06\x02\x00\x00\x40".to_vec(),
                // A clientHello with plausible keys and nonsense in them.
                _ => {
                    let hello = wa::HandshakeMessage {
                        client_hello: MessageField::some(wa::handshake_message::ClientHello {
                            ephemeral: Some(rng.random::<[u8; 32]>().to_vec()),
                            r#static: Some(rng.random::<[u8; 32]>().to_vec()),
                            payload: Some(rng.random::<[u8; 32]>().to_vec()),
                            ..Default::default()
                        }),
                        ..Default::default()
                    };
                    [b"WA\x06\x03".to_vec(), framed(&hello.encode_to_vec())].concat()
                }
            };
            for _ in 0..20 {
                let length = rng.random_range(0..5000);
                bytes.extend((0..length).map(|_| rng.random::<u8>()));
                if socket.send(Raw::Binary(std::mem::take(&mut bytes).into())).await.is_err() {
                    return;
                }
            }
            let _ = socket.send(Raw::Text("noise".into())).await;
            while let Some(Ok(_)) = socket.next().await {}
        }));
    }
    let mut client = bench.client(3).await;
    assert_eq!(bench.seen().await, Seen::Connected(3));
    for socket in noisy {
        timeout(PATIENCE, socket).await.expect("noise is refused, not kept").unwrap();
    }
    client.send(&numbered(1)).await;
    assert_eq!(bench.seen().await, Seen::Received(numbered(1)));
    assert!(bench.seen.is_empty());
}
