//! Whoever takes part in a conversation, so that one story can be told with every kind of client.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::PATIENCE;
use crate::address::Address;
use crate::gateway::Gateway;
use crate::journal::eventually;
use crate::peer::Peer;
use crate::simulator::Phone;
use crate::webhook::{Delivery, Webhooks};

mod seen;

pub use seen::{Seen, What, stanza_id};

/// Where a message goes.
#[derive(Debug, Clone)]
pub enum Chat {
    /// To one person.
    Person(Address),
    /// To a group, by its JID.
    Group(String),
}

/// What to send.
#[derive(Debug, Clone)]
pub enum Message {
    /// A text.
    Text(String),
    /// A PNG picture.
    Image(Vec<u8>),
    /// A reaction to the message of that id.
    Reaction(String, &'static str),
    /// Another text for an own message.
    Edit(String, &'static str),
    /// An own message taken back for everyone.
    Delete(String),
}

/// How far a message got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ack {
    /// The server has it.
    Server = 1,
    /// A device of the recipient has it.
    Device = 2,
    /// It was read.
    Read = 3,
}

enum Role {
    Gateway(Box<Gateway>, Webhooks),
    Baileys(Box<Peer>),
    Phone,
}

/// Someone with a phone, and what speaks for them.
pub struct Party {
    /// Its name in logs.
    pub name: String,
    /// The phone whose account this is.
    pub phone: Phone,
    role: Role,
}

impl Party {
    /// A gateway whose session `default` is linked.
    pub fn gateway(name: &str, phone: Phone, gateway: Gateway, webhooks: Webhooks) -> Self {
        Self { name: name.to_owned(), phone, role: Role::Gateway(Box::new(gateway), webhooks) }
    }

    /// A linked Baileys client.
    pub fn baileys(name: &str, phone: Phone, peer: Peer) -> Self {
        Self { name: name.to_owned(), phone, role: Role::Baileys(Box::new(peer)) }
    }

    /// Only the phone itself.
    pub fn phone(name: &str, phone: Phone) -> Self {
        Self { name: name.to_owned(), phone, role: Role::Phone }
    }

    /// Who it is.
    pub fn address(&self) -> &Address {
        &self.phone.address
    }

    /// The chat with this person.
    pub fn chat(&self) -> Chat {
        Chat::Person(self.address().clone())
    }

    /// The gateway.
    ///
    /// # Panics
    /// When it is none.
    pub fn as_gateway(&mut self) -> (&mut Gateway, &Webhooks) {
        match &mut self.role {
            Role::Gateway(gateway, webhooks) => (gateway, webhooks),
            _ => panic!("{} is no gateway", self.name),
        }
    }

    /// The Baileys client.
    ///
    /// # Panics
    /// When it is none.
    pub fn as_peer(&self) -> &Peer {
        match &self.role {
            Role::Baileys(peer) => peer,
            _ => panic!("{} is no Baileys client", self.name),
        }
    }

    /// The Baileys client, to be stopped or handed on.
    ///
    /// # Panics
    /// When it is none.
    pub fn into_peer(self) -> Peer {
        match self.role {
            Role::Baileys(peer) => *peer,
            _ => panic!("{} is no Baileys client", self.name),
        }
    }

    /// Sends, waits until that is done, and returns the message's id without any prefix.
    pub async fn send(&self, chat: &Chat, message: &Message) -> String {
        match &self.role {
            Role::Gateway(gateway, webhooks) => send_by_gateway(gateway, webhooks, chat, message).await,
            Role::Baileys(peer) => {
                let to = match chat {
                    Chat::Person(address) => address.jid(),
                    Chat::Group(jid) => jid.clone(),
                };
                let sent = peer.call("send", json!({"to": to, "content": baileys_content(message)})).await;
                sent["key"]["id"].as_str().expect("a message id").to_owned()
            }
            Role::Phone => {
                let to = match chat {
                    Chat::Person(address) => address.jid(),
                    Chat::Group(jid) => jid.clone(),
                };
                let Message::Text(text) = message else { panic!("a contact only sends texts") };
                self.phone.send_text(&to, text).await
            }
        }
    }

    /// Waits until what arrived from others satisfies `look`.
    pub async fn wait_seen<R>(&self, what: &str, mut look: impl FnMut(&[Seen]) -> Option<R>) -> R {
        let what = format!("{} to see {what}", self.name);
        match &self.role {
            Role::Gateway(_, webhooks) => {
                let look = |all: &[Delivery]| look(&seen::in_webhooks(all));
                webhooks.deliveries().wait(&what, PATIENCE, look).await
            }
            Role::Baileys(peer) => {
                peer.events().wait(&what, PATIENCE, |all: &[Value]| look(&seen::in_baileys(all))).await
            }
            Role::Phone => {
                eventually(&what, PATIENCE, async || {
                    let inbox = seen::in_inbox(&self.phone.inbox().await);
                    look(&inbox).ok_or_else(|| format!("{} messages", inbox.len()))
                })
                .await
            }
        }
    }

    /// Waits until `texts` arrived from `sender`, all of them, once, in this order. Only Baileys 7 is not asked for the
    /// order: it reports two messages that it decrypted at once in either one.
    pub async fn wait_texts(&self, sender: &Address, texts: &[String]) {
        if let Role::Baileys(peer) = &self.role
            && peer.version().is_seven()
        {
            return self.wait_texts_in_any_order(sender, texts).await;
        }
        let arrived = self.all_of(sender, texts).await;
        assert_eq!(arrived, texts, "{}: wrong order or repeats", self.name);
    }

    /// Waits until `texts` arrived from `sender`, all of them, once. For groups: Baileys decrypts their
    /// messages at the same time, and one that it takes up too late comes again behind the others.
    pub async fn wait_texts_in_any_order(&self, sender: &Address, texts: &[String]) {
        let mut arrived = self.all_of(sender, texts).await;
        arrived.sort_by_key(|text| texts.iter().position(|wanted| wanted == text));
        assert_eq!(arrived, texts, "{}: repeats", self.name);
    }

    /// Waits until each of `texts` arrived from `sender`; answers them as they came, repeats included.
    async fn all_of(&self, sender: &Address, texts: &[String]) -> Vec<String> {
        let wanted: HashSet<_> = texts.iter().collect();
        let of_sender = |all: &[Seen]| {
            let all = all.iter().filter(|seen| sender.is(&seen.sender));
            let texts = all.filter_map(Seen::text).filter(|text| wanted.contains(text)).cloned();
            texts.collect::<Vec<_>>()
        };
        let complete = |all: &[Seen]| {
            let arrived = of_sender(all);
            let distinct: HashSet<_> = arrived.iter().collect();
            (distinct.len() == wanted.len()).then_some(arrived)
        };
        let what = format!("{} texts such as {:?}", texts.len(), texts.first());
        self.wait_seen(&what, complete).await
    }

    /// Waits until an own message got as far as `wanted`.
    pub async fn wait_ack(&self, id: &str, wanted: Ack) {
        let what = format!("{}: {wanted:?} of {id}", self.name);
        match &self.role {
            Role::Gateway(_, webhooks) => {
                let level = wanted as i64;
                let look = |all: &[Delivery]| {
                    let mut acks = all.iter().filter(|d| d.event().starts_with("message.ack"));
                    acks.any(|d| {
                        let of = seen::stanza_id(d.payload()["id"].as_str().unwrap_or_default());
                        of == id && d.payload()["ack"].as_i64() >= Some(level)
                    })
                    .then_some(())
                };
                webhooks.deliveries().wait(&what, PATIENCE, look).await;
            }
            Role::Baileys(peer) => {
                // Baileys counts from 0 (error), 1 (pending).
                let level = wanted as i64 + 1;
                let look = |all: &[Value]| {
                    let mut all = all.iter().filter(|e| e["key"]["id"] == id);
                    all.any(|e| match e["event"].as_str() {
                        Some("status") => e["status"].as_i64() >= Some(level),
                        // Groups have no status but receipts of each member.
                        Some("receipt") => e["kind"] == "read" || wanted < Ack::Read,
                        _ => false,
                    })
                    .then_some(())
                };
                peer.events().wait(&what, PATIENCE, look).await;
            }
            Role::Phone => panic!("contacts keep no receipts"),
        }
    }

    /// Marks messages of a chat as read.
    pub async fn read(&self, chat: &Chat, ids: &[&str]) {
        match &self.role {
            Role::Gateway(gateway, webhooks) => {
                let full: Vec<_> = ids.iter().map(|id| full_id(webhooks, id)).collect();
                let body = json!({"session": "default", "chatId": chat_id(chat), "messageIds": full});
                gateway.call(Method::POST, "/api/sendSeen", Some(body)).await;
            }
            Role::Baileys(peer) => {
                peer.call("read", json!({"ids": ids})).await;
            }
            Role::Phone => {
                self.phone.post("read", json!({"ids": ids})).await;
            }
        }
    }

    /// The bytes of a picture that arrived.
    pub async fn image(&self, id: &str) -> Vec<u8> {
        match &self.role {
            Role::Gateway(gateway, webhooks) => {
                let url = webhooks.deliveries().read(|all| {
                    let of = |d: &&Delivery| {
                        d.event() == "message"
                            && seen::stanza_id(d.payload()["id"].as_str().unwrap_or("")) == id
                    };
                    all.iter().find(of).and_then(|d| d.payload()["media"]["url"].as_str()).map(str::to_owned)
                });
                let url = url.expect("the URL of received media");
                let path = url.find("/api/").map_or(url.as_str(), |start| &url[start..]);
                let response = gateway.request(Method::GET, path).send().await.expect("received media");
                assert!(response.status().is_success(), "{path}: {}", response.status());
                response.bytes().await.expect("the bytes of received media").to_vec()
            }
            Role::Baileys(peer) => {
                let got = peer.call("download", json!({"message": id})).await;
                STANDARD.decode(got["data"].as_str().expect("data")).expect("base64")
            }
            Role::Phone => panic!("contacts show no media"),
        }
    }

    /// Leaves: a gateway's process ends gracefully, a Baileys client closes its connection.
    pub async fn go_offline(&mut self) {
        match &mut self.role {
            Role::Gateway(gateway, _) => {
                let status = gateway.terminate().await;
                assert!(status.success(), "the gateway ended with {status}");
            }
            Role::Baileys(peer) => {
                peer.call("disconnect", json!({})).await;
            }
            Role::Phone => panic!("contacts are always there"),
        }
    }

    /// Is killed, as by a power cut.
    pub async fn kill(self) {
        match self.role {
            Role::Gateway(mut gateway, _) => gateway.kill().await,
            Role::Baileys(peer) => peer.kill().await,
            Role::Phone => panic!("contacts are always there"),
        }
    }

    /// Comes back with the same login.
    pub async fn go_online(&mut self) {
        match &mut self.role {
            Role::Gateway(gateway, _) => {
                gateway.start().await;
                gateway.wait_working().await;
            }
            Role::Baileys(peer) => {
                peer.call("connect", json!({})).await;
                peer.call("wait-open", json!({})).await;
            }
            Role::Phone => panic!("contacts are always there"),
        }
    }
}

/// The chat as WAHA names it.
pub fn chat_id(chat: &Chat) -> String {
    match chat {
        Chat::Person(address) => address.chat_id(),
        Chat::Group(jid) => jid.clone(),
    }
}

/// The gateway's full id of a message it told about, sent or received.
fn full_id(webhooks: &Webhooks, id: &str) -> String {
    let found = webhooks.deliveries().read(|all| {
        let mut ids = all.iter().filter_map(|d| d.payload()["id"].as_str());
        ids.find(|full| seen::stanza_id(full) == id).map(str::to_owned)
    });
    found.unwrap_or_else(|| panic!("no webhook told about message {id}"))
}

async fn send_by_gateway(gateway: &Gateway, webhooks: &Webhooks, chat: &Chat, message: &Message) -> String {
    let to = chat_id(chat);
    let known = |id: &str| {
        let own = format!("true_{to}_{id}");
        webhooks.deliveries().read(|all| {
            let mut ids = all.iter().filter_map(|d| d.payload()["id"].as_str());
            ids.find(|full| seen::stanza_id(full) == id).map_or(own, str::to_owned)
        })
    };
    let (method, path, body) = match message {
        Message::Text(text) => (Method::POST, "/api/sendText".to_owned(), Gateway::text(&to, text)),
        Message::Image(bytes) => {
            let file = json!({"mimetype": "image/png", "filename": "a.png", "data": STANDARD.encode(bytes)});
            let body = json!({"session": "default", "chatId": to, "file": file, "caption": "a picture"});
            (Method::POST, "/api/sendImage".to_owned(), body)
        }
        Message::Reaction(id, emoji) => {
            let body = json!({"session": "default", "messageId": known(id), "reaction": emoji});
            (Method::PUT, "/api/reaction".to_owned(), body)
        }
        Message::Edit(id, text) => {
            let path = format!("/api/default/chats/{to}/messages/{}", known(id));
            (Method::PUT, path, json!({"text": text}))
        }
        Message::Delete(id) => {
            let path = format!("/api/default/chats/{to}/messages/{}", known(id));
            (Method::DELETE, path, Value::Null)
        }
    };
    let body = Some(body).filter(|body| !body.is_null());
    let answer = gateway.call(method, &path, body).await;
    seen::stanza_id(answer["id"].as_str().unwrap_or_default()).to_owned()
}

fn baileys_content(message: &Message) -> Value {
    match message {
        Message::Text(text) => json!({"kind": "text", "text": text}),
        Message::Image(bytes) => {
            json!({"kind": "image", "data": STANDARD.encode(bytes), "mimetype": "image/png", "caption": "a picture"})
        }
        Message::Reaction(id, emoji) => json!({"kind": "reaction", "target": id, "text": emoji}),
        Message::Edit(id, text) => json!({"kind": "edit", "target": id, "text": text}),
        Message::Delete(id) => json!({"kind": "delete", "target": id}),
    }
}
