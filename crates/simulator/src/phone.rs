//! Simulated phones and contacts: device 0 of an account, with real Signal state.
//!
//! A phone is a client of the server like any other, only without a socket: it exchanges the same
//! stanzas, decrypts and encrypts everything itself, and links devices as a real phone does.

pub mod adv;
mod app_state;
mod bootstrap;
pub mod cipher;
mod core;
mod devices;
mod error;
mod groups;
pub mod keys;
mod linking;
pub mod log;
pub mod media;
pub mod message;
pub mod pair_code;
mod past;
pub mod qr;
mod receipts;
mod receive;
mod send;
mod state;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::CryptoRng;
use tokio_util::sync::CancellationToken;

pub use error::PhoneError;
pub use keys::{KeysError, PhoneKeys, PhoneKeysState};
pub use past::Past;
pub use state::PhoneState;

use self::core::{Core, Parts};
use self::log::Entry;
use self::message::{Body, Kind, Outgoing};
use self::receive::read_receipt;
use self::state::State;
use crate::jid::Jid;
use crate::media::MediaStore;
use crate::node::Node;
use crate::server::{AccountInfo, Clock, Server};

/// How a phone behaves.
#[derive(Clone, Copy, Debug)]
pub struct PhoneConfig {
    /// Messages that the log keeps; older ones are forgotten.
    pub log_limit: usize,
    /// Address people by LID where their number was given?
    pub prefer_lid: bool,
}

impl Default for PhoneConfig {
    fn default() -> Self {
        Self { log_limit: 20_000, prefer_lid: false }
    }
}

/// A simulated phone. Cheap to clone; all clones are the same phone.
#[derive(Clone)]
pub struct Phone {
    core: Arc<Core>,
}

/// What the simulator gives to its phones.
#[derive(Clone)]
pub struct PhoneHost {
    /// The server that they are clients of. Their accounts must exist there.
    pub server: Server,
    /// Where they put media.
    pub media: MediaStore,
    /// Where they take the time from.
    pub clock: Arc<dyn Clock>,
    /// How they behave.
    pub config: PhoneConfig,
    /// Ends them all.
    pub stop: CancellationToken,
}

impl PhoneHost {
    /// Switches on a new phone of an account. It runs until [`PhoneHost::stop`] is cancelled.
    pub fn switch_on<R: CryptoRng>(
        &self,
        account: AccountInfo,
        keys: Arc<PhoneKeys>,
        rng: &mut R,
    ) -> Result<Phone, PhoneError> {
        let state = State::new(&keys, self.config.log_limit, self.clock.now().as_secs(), rng);
        self.start(account, keys, state)
    }

    /// Switches on a phone with the state that it had when it was saved.
    pub fn switch_on_again<R: CryptoRng>(
        &self,
        account: AccountInfo,
        keys: Arc<PhoneKeys>,
        saved: &PhoneState,
        rng: &mut R,
    ) -> Result<Phone, PhoneError> {
        let state = saved.restore(&keys, self.config.log_limit, rng)?;
        self.start(account, keys, state)
    }

    fn start(&self, account: AccountInfo, keys: Arc<PhoneKeys>, state: State) -> Result<Phone, PhoneError> {
        let parts = Parts {
            account,
            keys,
            server: self.server.clone(),
            media: self.media.clone(),
            clock: Arc::clone(&self.clock),
            config: self.config,
            stop: self.stop.child_token(),
        };
        let core = Arc::new(Core::new(parts, state));
        core::start(&core)?;
        Ok(Phone { core })
    }
}

impl Phone {
    /// The account that this is the phone of.
    pub fn account(&self) -> &AccountInfo {
        &self.core.account
    }

    /// The phone's keys.
    pub fn keys(&self) -> &Arc<PhoneKeys> {
        &self.core.keys
    }

    /// The phone as it is written to a state file.
    pub fn save(&self) -> Result<PhoneState, PhoneError> {
        self.core.state().save(&self.core.account.number, &self.core.keys)
    }

    /// Switches the phone off. Messages wait on the server until it is on again.
    pub fn switch_off(&self) {
        self.core.stop.cancel();
        self.core.detach();
    }

    /// Links the device that shows this QR code; returns its device id.
    pub async fn scan(&self, qr: &str) -> Result<u16, PhoneError> {
        self.core.scan(qr).await
    }

    /// Links the device that shows this pairing code; returns its device id.
    pub async fn confirm_code(&self, code: &str) -> Result<u16, PhoneError> {
        self.core.confirm_code(code).await
    }

    /// Unlinks a companion.
    pub fn log_out(&self, device: u16) -> Result<(), PhoneError> {
        Ok(self.core.server.remove_device(&self.core.account.number, device)?)
    }

    /// Sends a message to a number, a JID or a group; returns its id once the server has it.
    pub async fn send(&self, to: &str, message: &Outgoing) -> Result<String, PhoneError> {
        self.core.send_message(to, message, None).await
    }

    /// Like [`Self::send`], under a given id.
    pub async fn send_as(&self, to: &str, message: &Outgoing, id: String) -> Result<String, PhoneError> {
        self.core.send_message(to, message, Some(id)).await
    }

    /// Reacts to a message in the log; an empty emoji takes the reaction back.
    pub async fn react(&self, id: &str, emoji: &str) -> Result<String, PhoneError> {
        let (chat, target) = self.core.target(id)?;
        self.send(&chat, &Outgoing::new(Body::Reaction { target, emoji: emoji.to_owned() })).await
    }

    /// Changes the text of an own message.
    pub async fn edit(&self, id: &str, text: &str) -> Result<String, PhoneError> {
        let (chat, target) = self.core.target(id)?;
        self.send(&chat, &Outgoing::new(Body::Edit { target, text: text.to_owned() })).await
    }

    /// Takes an own message back for everyone.
    pub async fn revoke(&self, id: &str) -> Result<String, PhoneError> {
        let (chat, target) = self.core.target(id)?;
        self.send(&chat, &Outgoing::new(Body::Revoke { target })).await
    }

    /// Sends read receipts for these messages, or for everything in the log when none is named.
    /// Returns how many messages they were.
    pub fn read(&self, ids: &[String]) -> usize {
        let mut by_sender: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        {
            let state = self.core.state();
            let shown =
                |entry: &&Entry| !matches!(entry.content.kind, Kind::Reaction | Kind::Edit | Kind::Revoke);
            for entry in state.log.after(0).filter(|entry| !entry.from_me).filter(shown) {
                if ids.is_empty() || ids.contains(&entry.id) {
                    let key = (entry.wire_chat.clone(), entry.wire_sender.clone());
                    by_sender.entry(key).or_default().push(entry.id.clone());
                }
            }
        }
        let mut count = 0;
        for ((chat, sender), ids) in by_sender {
            if let (Some(chat), Some(sender)) = (Jid::parse(&chat), Jid::parse(&sender)) {
                count += ids.len();
                self.core.send(read_receipt(&chat, &sender, &ids));
            }
        }
        count
    }

    /// Sends read receipts for everything that arrives from now on?
    pub fn set_auto_read(&self, on: bool) {
        self.core.state().auto_read = on;
    }

    /// Shows a chat that this person is typing, recording, or no longer doing either.
    pub fn typing(&self, to: &str, state: Typing) -> Result<(), PhoneError> {
        let chat = self.core.chat(to)?;
        let child = match state {
            Typing::Composing => Node::new("composing"),
            Typing::Recording => Node::new("composing").attr("media", "audio"),
            Typing::Paused => Node::new("paused"),
        };
        self.core.send(Node::new("chatstate").attr("to", chat.to_string()).child(child));
        Ok(())
    }

    /// Gives this past to devices that are linked from now on, as part of their history.
    pub fn set_past(&self, past: Past) {
        self.core.state().past = Some(past);
    }

    /// Gives a linked device this past; answers in how many parts.
    pub async fn share_past(&self, device: u16, past: Past) -> Result<usize, PhoneError> {
        self.core.share_past(device, past).await
    }

    /// Makes a group with these people (numbers or JIDs) and returns its JID.
    pub async fn create_group(&self, subject: &str, participants: &[String]) -> Result<String, PhoneError> {
        Ok(self.core.create_group(subject, participants).await?.to_string())
    }

    /// The messages of the log after position `since`, oldest first, as `keep` wants them.
    pub fn messages(&self, since: u64, keep: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.core.state().log.after(since).filter(|entry| keep(entry)).cloned().collect()
    }

    /// One message of the log.
    pub fn message(&self, id: &str) -> Option<Entry> {
        self.core.state().log.by_id(id).cloned()
    }

    /// The plain file of a media message in the log, downloaded, checked and decrypted.
    pub fn media(&self, id: &str) -> Result<Vec<u8>, PhoneError> {
        let entry = self.message(id).ok_or(PhoneError::UnknownMessage)?;
        let info = entry.content.media.ok_or(PhoneError::NoMedia)?;
        let file = self.core.media.get(&info.direct_path).ok_or(PhoneError::MediaGone)?;
        let hashes = (Some(&*info.enc_sha256), Some(&*info.plain_sha256));
        Ok(media::decrypt(info.kind, &info.media_key, &file, hashes.0, hashes.1)?)
    }

    /// Waits until `ready` finds what it looks for; none when that takes longer than `patience`.
    pub async fn wait<T>(&self, patience: Duration, mut ready: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let mut changes = self.core.changed.subscribe();
        let found = tokio::time::timeout(patience, async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = ready(self) {
                    return found;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        });
        found.await.ok()
    }

    /// A short account of the phone for `GET /sim/state` and `GET /sim/phones/{number}`.
    pub fn report(&self) -> serde_json::Value {
        let state = self.core.state();
        let (messages, duplicates) = state.log.counts();
        serde_json::json!({
            "number": self.core.account.number,
            "lid": self.core.account.lid,
            "name": self.core.account.name,
            "messages": messages,
            "last_seq": state.log.last(),
            "duplicates": duplicates,
            "undecrypted": state.log.undecrypted(),
            "auto_read": state.auto_read,
            "chat_states": state.chat_states,
        })
    }
}

/// What a chat is shown while someone writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Typing {
    /// Writing.
    Composing,
    /// Recording a voice note.
    Recording,
    /// Neither any more.
    Paused,
}

#[cfg(test)]
mod tests;
