//! Sent messages that a device asked for once more, kept until that device has them.
//!
//! A device that cannot decrypt a message asks its sender for it with a retry receipt. The client acknowledges such a receipt
//! at once and answers it later: a process that is killed in between never answers, WhatsApp does not tell it again, and the
//! message is lost although its send was answered. So each request is written down before it is acknowledged, and taken out
//! when the device confirms the message; what is left from an earlier connection is answered by the next one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Folder, FsError, read_own};
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore::protocol::retry::MAX_RETRY_COUNT;
use whatsapp_rust::wacore::store::error::StoreError;
use whatsapp_rust::wacore::types::events::Receipt;
use whatsapp_rust::wacore_binary::{JidExt as _, NodeRef};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Client, Jid, MessageRetransmission};

use super::address;
use super::state::SessionState;

/// The file, in the session's folder.
const FILE: &str = "asked-again.json";
/// How many requests are kept, and of one account. Beyond that only the client answers, while its connection lasts.
const MAX_REQUESTS: usize = 1_000;
const MAX_OF_ACCOUNT: usize = 100;
/// Ids of messages are much shorter.
const MAX_ID: usize = 128;
/// How often a request is answered again whose device does not confirm.
const MAX_ANSWERS: u8 = 3;
/// A request that nobody confirmed for so long was not answered: the client drops answers beyond 20 at once, and ten a minute,
/// to a chat (`resend_rate_limiter.rs` of whatsapp-rust 0.7.0), and counts on the device to ask again.
const UNANSWERED_MS: i64 = 20_000;
/// How many of a chat's requests are answered when a connection begins. The client has the same limit.
const BURST: usize = 20;
/// How often unanswered ones are looked for; one of each chat is answered then, about as many as the client allows.
const LOOK: Duration = Duration::from_secs(5);
const MAX_FILE: u64 = 1 << 20;
/// As long as the client keeps what it sent.
const MAX_AGE_MS: i64 = 24 * 60 * 60 * 1_000;

/// What one device asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    id: String,
    chat: String,
    /// The device.
    requester: String,
    /// The chat, when another device of this account asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    /// How often it asked.
    count: u8,
    asked_ms: i64,
    /// How often it was answered by [`answer`] without being confirmed.
    #[serde(default)]
    answers: u8,
    /// The connection whose client answers it, or answered it last; 0 for one of an earlier run.
    #[serde(skip)]
    connection: u64,
    /// When it was answered last, or came.
    #[serde(skip)]
    tried_ms: i64,
}

impl Request {
    /// What a retry receipt asks for; `None` for one that says it wrongly, or asked too often.
    fn of(receipt: &NodeRef<'_>, is_own: impl Fn(&Jid) -> bool, now_ms: i64) -> Option<Self> {
        let retry = receipt.get_optional_child("retry")?;
        let id = retry.attrs().optional_string("id")?.into_owned();
        let count = retry.attrs().optional_string("count").and_then(|count| count.parse().ok()).unwrap_or(1);
        if id.is_empty() || id.len() > MAX_ID || !(1..MAX_RETRY_COUNT).contains(&count) {
            return None;
        }
        let mut attributes = receipt.attrs();
        let from = attributes.optional_jid("from")?;
        let participant = attributes.optional_jid("participant");
        let recipient = attributes.optional_jid("recipient");
        // Others have no say in which chat is meant.
        let mut own_chat = None;
        let (chat, requester) = if from.is_group() || from.is_status_broadcast() {
            (from, participant?)
        } else if is_own(&from) {
            own_chat = recipient;
            (own_chat.as_ref()?.to_non_ad(), from)
        } else {
            (from.to_non_ad(), from)
        };
        Some(Self {
            id,
            chat: chat.to_string(),
            requester: requester.to_string(),
            recipient: own_chat.map(|jid| jid.to_string()),
            count,
            asked_ms: now_ms,
            answers: 0,
            connection: 0,
            tried_ms: now_ms,
        })
    }

    fn is_of(&self, id: &str, device: &str) -> bool {
        self.id == id && self.requester == device
    }

    fn account(&self) -> &str {
        self.requester.split([':', '@']).next().unwrap_or_default()
    }

    fn retransmission(&self, message: wa::Message) -> Option<MessageRetransmission> {
        let (chat, requester) = (self.chat.parse().ok()?, self.requester.parse().ok()?);
        let retransmission =
            MessageRetransmission::new(chat, requester, message, self.id.clone(), self.count);
        match &self.recipient {
            Some(recipient) => Some(retransmission.with_recipient(recipient.parse().ok()?)),
            None => Some(retransmission),
        }
    }
}

/// The requests that are open.
#[derive(Debug, Default)]
pub(super) struct Asked {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    folder: PathBuf,
    open: Vec<Request>,
    connection: u64,
}

impl Asked {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins in this folder. A file that cannot be read counts as empty.
    pub(super) fn begin(&self, folder: &Path, now_ms: i64) {
        let mut open: Vec<Request> = read_own(&folder.join(FILE), MAX_FILE)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        open.retain(|request| now_ms.saturating_sub(request.asked_ms) < MAX_AGE_MS);
        open.truncate(MAX_REQUESTS);
        *self.inner() = Inner { folder: folder.to_owned(), open, connection: 1 };
    }

    /// The connection was lost, and with it what the client had not answered yet.
    pub(super) fn disconnected(&self) {
        self.inner().connection += 1;
    }

    /// A retry receipt came. It is on the disk when this returns, and is acknowledged after that.
    pub(super) fn note(&self, receipt: &NodeRef<'_>, state: &SessionState) {
        let client = state.client();
        let is_own = |jid: &Jid| client.as_ref().is_some_and(|client| address::is_own(client, jid));
        let Some(request) = Request::of(receipt, is_own, state.clock().now_ms()) else { return };
        if let Err(error) = self.inner().add(request) {
            tracing::warn!(session = %state.name(), %error,
                "a request for a sent message could not be written down; a lost connection or a restart may forget it");
        }
    }

    /// A device confirmed messages.
    pub(super) fn confirmed(&self, receipt: &Receipt, state: &SessionState) {
        let mut inner = self.inner();
        if inner.open.is_empty() {
            return;
        }
        let before = inner.open.len();
        let devices: Vec<String> = [Some(&receipt.source.sender), receipt.source.sender_alt.as_ref()]
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        inner.open.retain(|request| {
            !receipt.message_ids.iter().any(|id| devices.iter().any(|device| request.is_of(id, device)))
        });
        if inner.open.len() != before {
            inner.note_written(state);
        }
    }

    /// What is to be answered now.
    fn due(&self, now_ms: i64) -> Vec<Request> {
        let inner = self.inner();
        let is_due = |request: &&Request| {
            request.connection != inner.connection || now_ms.saturating_sub(request.tried_ms) >= UNANSWERED_MS
        };
        inner.open.iter().filter(is_due).cloned().collect()
    }

    fn is_open(&self, request: &Request) -> bool {
        self.inner().open.iter().any(|open| open.is_of(&request.id, &request.requester))
    }

    /// Counts an answer, or drops the request with its last one.
    fn answered(&self, request: &Request, state: &SessionState) {
        let now_ms = state.clock().now_ms();
        let mut inner = self.inner();
        let connection = inner.connection;
        for open in inner.open.iter_mut().filter(|open| open.is_of(&request.id, &request.requester)) {
            open.answers += 1;
            open.connection = connection;
            open.tried_ms = now_ms;
        }
        inner.open.retain(|open| open.answers < MAX_ANSWERS);
        inner.note_written(state);
    }

    fn remove(&self, request: &Request, state: &SessionState) {
        let mut inner = self.inner();
        inner.open.retain(|open| !open.is_of(&request.id, &request.requester));
        inner.note_written(state);
    }
}

impl Inner {
    fn add(&mut self, request: Request) -> Result<(), FsError> {
        if let Some(open) = self.open.iter_mut().find(|open| open.is_of(&request.id, &request.requester)) {
            // On the disk already; the number matters only for a next time.
            open.count = open.count.max(request.count);
            open.connection = self.connection;
            open.tried_ms = request.tried_ms;
            return Ok(());
        }
        let of_account = self.open.iter().filter(|open| open.account() == request.account()).count();
        if self.open.len() >= MAX_REQUESTS || of_account >= MAX_OF_ACCOUNT {
            return Ok(());
        }
        self.open.push(Request { connection: self.connection, ..request });
        self.write()
    }

    /// Writes what nothing depends on: at worst a device gets a message once more, and drops the copy.
    fn note_written(&self, state: &SessionState) {
        if let Err(error) = self.write() {
            tracing::debug!(session = %state.name(), %error, "an answered request was not taken out");
        }
    }

    fn write(&self) -> Result<(), FsError> {
        let text = serde_json::to_vec(&self.open).map_err(std::io::Error::other)?;
        Folder::named(&self.folder)?.replace(FILE, &text)
    }
}

/// Answers, while a connection works, what earlier ones left and what nobody confirms. It begins once the client took what
/// waited for it: a request that it acknowledged does not come again, and a device that has its message said so.
pub(super) async fn answer(state: Arc<SessionState>, client: Arc<Client>) {
    let mut at_once = BURST;
    loop {
        let mut answered: HashMap<String, usize> = HashMap::new();
        for request in state.asked().due(state.clock().now_ms()) {
            let of_chat = answered.entry(request.chat.clone()).or_default();
            if *of_chat < at_once && client.is_connected() && state.asked().is_open(&request) {
                *of_chat += 1;
                answer_one(&state, &client, &request).await;
            }
        }
        at_once = 1;
        tokio::time::sleep(LOOK).await;
    }
}

/// What was sent. The client keeps it under the chat's LID when it knows one, whichever name the receipt has.
async fn sent(client: &Client, request: &Request) -> Result<Option<wa::Message>, StoreError> {
    let store = client.persistence_manager().backend();
    let mut names = vec![request.chat.clone()];
    if let Ok(chat) = request.chat.parse::<Jid>()
        && let Ok(Some(entry)) = client.get_lid_pn_entry(&chat).await
    {
        let (lid, number) = (Jid::lid(&*entry.lid), Jid::pn(&*entry.phone_number));
        names.push(if chat.is_lid() { number } else { lid }.to_string());
    }
    for name in names {
        if let Some(bytes) = store.take_sent_message(&name, &request.id).await? {
            return Ok(wa::Message::decode_from_slice(&bytes).ok());
        }
    }
    Ok(None)
}

async fn answer_one(state: &SessionState, client: &Client, request: &Request) {
    // A store that fails closes the connection; the next one tries again.
    let Ok(message) = sent(client, request).await else { return };
    let Some(retransmission) = message.and_then(|message| request.retransmission(message)) else {
        tracing::debug!(session = %state.name(), "a message that was asked for again is kept no longer");
        state.asked().remove(request, state);
        return;
    };
    state.server_witness().before_send(client, state.name()).await;
    match client.retransmit_message(retransmission).await {
        Ok(()) => {
            tracing::info!(session = %state.name(), id = request.id,
                "a message was sent once more to a device that had asked for it");
            state.asked().answered(request, state);
        }
        // The next connection tries again.
        Err(_) if !client.is_connected() => {}
        Err(error) => {
            tracing::warn!(session = %state.name(), id = request.id, %error,
                "a message that a device asked for again was not sent");
            state.asked().answered(request, state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore_binary::Node;
    use whatsapp_rust::wacore_binary::builder::NodeBuilder;

    const ME: &str = "491701000001@s.whatsapp.net";

    fn receipt(from: &str, participant: Option<&str>, recipient: Option<&str>, id: &str, count: u8) -> Node {
        let retry = NodeBuilder::new("retry").attr("id", id).attr("count", count.to_string()).build();
        let mut node = NodeBuilder::new("receipt").attr("from", from).attr("type", "retry").attr("id", id);
        if let Some(participant) = participant {
            node = node.attr("participant", participant);
        }
        if let Some(recipient) = recipient {
            node = node.attr("recipient", recipient);
        }
        node.children([retry]).build()
    }

    fn request(node: &Node) -> Option<Request> {
        Request::of(&node.as_node_ref(), |jid| jid.to_non_ad().to_string() == ME, 1)
    }

    fn of_ben(id: &str) -> Request {
        request(&receipt("491702000001:3@s.whatsapp.net", None, None, id, 1)).expect("a request")
    }

    fn in_folder(folder: &Path) -> Asked {
        let asked = Asked::default();
        asked.begin(folder, 2);
        asked
    }

    #[test]
    fn a_receipt_tells_who_asks_for_which_message() {
        let direct = of_ben("A");
        assert_eq!(direct.chat, "491702000001@s.whatsapp.net");
        assert_eq!(direct.requester, "491702000001:3@s.whatsapp.net");
        let group = request(&receipt("12036@g.us", Some("77:1@lid"), None, "A", 2)).expect("a request");
        assert_eq!(
            (group.chat.as_str(), group.requester.as_str(), group.count),
            ("12036@g.us", "77:1@lid", 2)
        );
        let own = receipt("491701000001:2@s.whatsapp.net", None, Some("491702000001@s.whatsapp.net"), "A", 1);
        let own = request(&own).expect("a request");
        assert_eq!(own.chat, "491702000001@s.whatsapp.net");
        assert_eq!(own.recipient.as_deref(), Some("491702000001@s.whatsapp.net"));
        let message = wa::Message::default();
        assert!(own.retransmission(message.clone()).is_some() && group.retransmission(message).is_some());
    }

    #[test]
    fn what_the_client_does_not_answer_is_not_kept() {
        let ben = "491702000001@s.whatsapp.net";
        let long = "A".repeat(MAX_ID + 1);
        for node in [
            receipt(ben, None, None, "", 1),
            receipt(ben, None, None, &long, 1),
            receipt(ben, None, None, "A", MAX_RETRY_COUNT),
            receipt(ben, None, None, "A", 0),
            receipt("12036@g.us", None, None, "A", 1),
            receipt("491701000001:2@s.whatsapp.net", None, None, "A", 1),
            NodeBuilder::new("receipt").attr("from", ben).build(),
        ] {
            assert_eq!(request(&node), None, "{node:?}");
        }
    }

    #[test]
    fn a_request_outlives_the_process_and_is_due_in_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = in_folder(folder.path());
        asked.inner().add(of_ben("A")).expect("written");
        assert!(asked.due(2).is_empty(), "the client answers it");
        assert_eq!(asked.due(2 + UNANSWERED_MS).len(), 1, "unless it does not");
        asked.disconnected();
        assert_eq!(asked.due(2).len(), 1, "or its connection is lost");
        assert_eq!(in_folder(folder.path()).due(2).len(), 1);
        let later = Asked::default();
        later.begin(folder.path(), MAX_AGE_MS + 1);
        assert!(later.due(i64::MAX).is_empty(), "nobody waits any more");
    }

    #[test]
    fn nobody_fills_the_disk_with_requests() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = in_folder(folder.path());
        for n in 0..=MAX_OF_ACCOUNT {
            asked.inner().add(of_ben(&n.to_string())).expect("written");
        }
        assert_eq!(asked.inner().open.len(), MAX_OF_ACCOUNT);
        let other = request(&receipt("1@s.whatsapp.net", None, None, "A", 1)).expect("a request");
        asked.inner().add(other).expect("written");
        assert_eq!(asked.inner().open.len(), MAX_OF_ACCOUNT + 1);
    }

    #[test]
    fn a_file_that_is_damaged_counts_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        for content in [&b"{"[..], b"[{\"id\":1}]", b""] {
            std::fs::write(folder.path().join(FILE), content).expect("written");
            assert!(in_folder(folder.path()).due(2).is_empty());
        }
        in_folder(folder.path()).inner().add(of_ben("A")).expect("written over");
        assert_eq!(in_folder(folder.path()).due(2).len(), 1);
    }
}
