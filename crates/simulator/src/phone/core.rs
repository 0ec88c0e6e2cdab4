//! The phone as a client of the server: its connection, its requests, and the loop that takes
//! what the server sends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::PhoneConfig;
use super::error::PhoneError;
use super::keys::PhoneKeys;
use super::state::State;
use crate::jid::{Jid, LID_SERVER, PHONE_SERVER};
use crate::media::MediaStore;
use crate::node::Node;
use crate::server::{AccountInfo, Clock, CompanionFinish, Downstream, Link, PhoneEvent, Server};

/// How long the phone waits for the answer to a request before it asks again.
const ANSWER: Duration = Duration::from_secs(10);
/// How often it asks.
const ATTEMPTS: u32 = 3;
/// Pause before a phone whose connection was cut comes back.
const RETURN: Duration = Duration::from_millis(200);

/// Everything that the tasks of one phone share.
pub(super) struct Core {
    pub account: AccountInfo,
    pub keys: Arc<PhoneKeys>,
    pub server: Server,
    pub media: MediaStore,
    pub clock: Arc<dyn Clock>,
    pub config: PhoneConfig,
    /// Held while one message is sent, so that messages leave in the order of the calls.
    pub turn: tokio::sync::Mutex<()>,
    /// Rises with every change that someone may wait for.
    pub changed: watch::Sender<u64>,
    pub stop: CancellationToken,
    state: Mutex<State>,
    waiting: Mutex<Waiting>,
}

/// Answers that someone waits for.
#[derive(Default)]
struct Waiting {
    link: Option<Link>,
    next_request: u64,
    answers: HashMap<String, oneshot::Sender<Node>>,
    finish: Option<oneshot::Sender<CompanionFinish>>,
}

/// What the account, the server and the rest of the simulator give to a phone.
pub(super) struct Parts {
    pub account: AccountInfo,
    pub keys: Arc<PhoneKeys>,
    pub server: Server,
    pub media: MediaStore,
    pub clock: Arc<dyn Clock>,
    pub config: PhoneConfig,
    pub stop: CancellationToken,
}

impl Core {
    pub fn new(parts: Parts, state: State) -> Self {
        Self {
            account: parts.account,
            keys: parts.keys,
            server: parts.server,
            media: parts.media,
            clock: parts.clock,
            config: parts.config,
            turn: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(0),
            stop: parts.stop,
            state: Mutex::new(state),
            waiting: Mutex::default(),
        }
    }

    /// The phone's state. Never held across a call to the server.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phone's own address by number or by LID.
    pub fn me(&self, lid: bool) -> Jid {
        if lid {
            Jid::new(&self.account.lid, LID_SERVER)
        } else {
            Jid::new(&self.account.number, PHONE_SERVER)
        }
    }

    /// Is this one of the account's own addresses?
    pub fn is_me(&self, jid: &Jid) -> bool {
        (jid.is_phone_number() && jid.user == self.account.number)
            || (jid.is_lid() && jid.user == self.account.lid)
    }

    /// The address by phone number, as a person knows it.
    pub fn by_number(&self, jid: &Jid) -> Jid {
        if !jid.is_lid() {
            return jid.clone();
        }
        match self.server.account(&jid.user) {
            Some(account) => {
                Jid { user: account.number, device: jid.device, server: PHONE_SERVER.to_owned() }
            }
            None => jid.clone(),
        }
    }

    /// The same device under its other address.
    pub fn alias(&self, device: &Jid) -> Option<Jid> {
        let account = self.server.account(&device.user)?;
        super::cipher::alias(device, &account.number, &account.lid)
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    /// Wakes everyone who waits for a change.
    pub fn notify(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Sends a stanza that needs no answer.
    pub fn send(&self, stanza: Node) {
        let link = self.waiting().link;
        if let Some(link) = link {
            self.server.receive(link, stanza);
        }
    }

    /// Asks the server and waits for the answer.
    pub async fn request(&self, operation: &'static str, request: Node) -> Result<Node, PhoneError> {
        for _ in 0..ATTEMPTS {
            let id = {
                let mut waiting = self.waiting();
                waiting.next_request += 1;
                format!("phone-{}", waiting.next_request)
            };
            let request = request.clone().attr("id", id.clone());
            let Ok(answer) = self.exchange(&id, request).await else { continue };
            return match answer.get("type") {
                Some("error") => Err(refused(operation, answer.find("error"))),
                _ => Ok(answer),
            };
        }
        Err(PhoneError::Timeout(operation))
    }

    /// Sends a message and waits until the server has it. The same stanza is sent again when no
    /// answer comes, which the server tells from a new message by the id.
    pub async fn submit(&self, id: &str, message: Node) -> Result<(), PhoneError> {
        for _ in 0..ATTEMPTS {
            let Ok(ack) = self.exchange(id, message.clone()).await else { continue };
            return match ack.get("error") {
                Some(code) => Err(PhoneError::Refused { operation: "the message", code: code.to_owned() }),
                None => Ok(()),
            };
        }
        Err(PhoneError::Timeout("the message"))
    }

    async fn exchange(&self, id: &str, stanza: Node) -> Result<Node, PhoneError> {
        let (sender, receiver) = oneshot::channel();
        let link = {
            let mut waiting = self.waiting();
            waiting.answers.insert(id.to_owned(), sender);
            waiting.link
        };
        match link {
            Some(link) => self.server.receive(link, stanza),
            None => tokio::time::sleep(RETURN).await,
        }
        let answer = tokio::time::timeout(ANSWER, receiver).await;
        self.waiting().answers.remove(id);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(PhoneError::Offline),
        }
    }

    /// Hands an answer to whoever asked.
    pub fn answered(&self, id: &str, answer: Node) {
        let sender = self.waiting().answers.remove(id);
        if let Some(sender) = sender {
            // Whoever asked may have given up.
            let _ = sender.send(answer);
        }
    }

    /// Waits for the companion's last message in pairing by code.
    pub fn expect_finish(&self) -> oneshot::Receiver<CompanionFinish> {
        let (sender, receiver) = oneshot::channel();
        self.waiting().finish = Some(sender);
        receiver
    }

    fn attach(&self) -> Result<UnboundedReceiver<Downstream>, PhoneError> {
        let (down, receiver) = unbounded_channel();
        let link = self.server.attach_phone(&self.account.number, down)?;
        self.waiting().link = Some(link);
        Ok(receiver)
    }

    /// Leaves the server: what comes from now on waits there.
    pub fn detach(&self) {
        let link = self.waiting().link.take();
        if let Some(link) = link {
            self.server.disconnect(link);
        }
    }
}

/// Connects the phone and takes what the server sends until the simulator stops.
pub(super) fn start(core: &Arc<Core>) -> Result<(), PhoneError> {
    let receiver = core.attach()?;
    core.announce();
    tokio::spawn(run(Arc::clone(core), receiver));
    Ok(())
}

async fn run(core: Arc<Core>, mut receiver: UnboundedReceiver<Downstream>) {
    loop {
        let down = tokio::select! {
            biased;
            () = core.stop.cancelled() => break,
            down = receiver.recv() => down,
        };
        match down {
            Some(Downstream::Stanza(stanza)) => core.take(stanza),
            Some(Downstream::Delayed(delay, stanza)) => {
                let core = Arc::clone(&core);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    core.take(stanza);
                });
            }
            Some(Downstream::Phone(event)) => core.happened(event),
            Some(Downstream::Stall | Downstream::HalfOpen | Downstream::LongWay(_)) => {}
            Some(Downstream::Close | Downstream::Drop) | None => {
                core.detach();
                receiver = loop {
                    tokio::select! {
                        () = core.stop.cancelled() => return,
                        () = tokio::time::sleep(RETURN) => {}
                    }
                    if let Ok(receiver) = core.attach() {
                        break receiver;
                    }
                };
                core.announce();
            }
        }
    }
    core.detach();
}

impl Core {
    /// A phone that is on is available.
    fn announce(&self) {
        let presence = Node::new("presence").attr("type", "available").attr("name", &self.account.name);
        self.send(presence);
    }

    fn happened(self: &Arc<Self>, event: PhoneEvent) {
        match event {
            PhoneEvent::CompanionReady { device, dictionary } => {
                self.forget_devices(&self.me(false));
                let core = Arc::clone(self);
                tokio::spawn(async move { core.bootstrap(device, dictionary).await });
            }
            PhoneEvent::CompanionRemoved { device } => {
                self.forget_devices(&self.me(false));
                self.state()
                    .companion_left(&[self.me(false).with_device(device), self.me(true).with_device(device)]);
                self.notify();
            }
            PhoneEvent::CompanionFinish(finish) => {
                let sender = self.waiting().finish.take();
                if let Some(sender) = sender {
                    let _ = sender.send(finish);
                }
            }
            PhoneEvent::Passkey { offer, step } => self.passkey_step(&offer, step),
        }
    }
}

fn refused(operation: &'static str, error: Option<&Node>) -> PhoneError {
    let code = error.and_then(|error| error.get("code")).unwrap_or("unknown").to_owned();
    PhoneError::Refused { operation, code }
}
