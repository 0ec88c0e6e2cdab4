//! Asking for a message once more: the receipt that tells its sender that it could not be read.

use std::sync::Arc;

use wakeeper_storage::{MessageRef, MessageRow, SendRow, SendState};
use whatsapp_rust::wacore_binary::JidExt;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::{Client, Jid, async_trait};

use crate::address::{self, Address};
use crate::journal::Journal;
use crate::life::client::KEEP_SENT;
use crate::life::state::SessionState;
use crate::life::store::Ledger;

/// What a session knows of its messages.
pub(crate) struct Again {
    /// The session.
    pub state: Arc<SessionState>,
    /// Its rows.
    pub journal: Arc<Journal>,
}

#[async_trait]
impl Ledger for Again {
    async fn knows(&self, chat: &str, sender: &str, id: &str) -> Result<bool, String> {
        if self.is_own(chat) && self.is_own(sender) {
            // This account's devices among themselves: keys and settings, which are no messages.
            return Ok(true);
        }
        if self.state.passed_over().contains(chat, id) {
            return Ok(true);
        }
        let target = MessageRef {
            session: self.state.name().as_str().to_owned(),
            id: id.to_owned(),
            from_me: None,
            chat: None,
        };
        let row = self.journal.storage().message(&target).await.map_err(|error| error.to_string())?;
        Ok(row.is_some())
    }

    fn asked(&self, chat: &str, id: &str) -> u8 {
        self.state.asked_again().count(chat, id)
    }

    fn repeats_to(&self, group: &str) -> bool {
        self.state.group_sends().note(group)
    }

    fn keeps_sent(&self, id: &str, message: &[u8]) -> bool {
        self.state.handed_over().keeps(id, message)
    }

    async fn sent(&self, chat: &str, id: &str) -> Result<Option<Vec<u8>>, String> {
        let session = self.state.name().as_str();
        let storage = self.journal.storage();
        let send = storage.send_by_id(session, id).await.map_err(|error| error.to_string())?;
        let now_ms = self.state.clock().now_ms();
        let Some(send) = send.filter(|send| is_kept(send, now_ms)) else { return Ok(None) };
        // Whoever asks names the chat by one of its two names, and gets what was sent to that chat alone.
        let names = self.names(chat).await?;
        if names.contains(&send.chat) {
            return Ok(Some(send.proto));
        }
        // Names are learnt and change. The message's row has those under which it went out.
        let target =
            MessageRef { session: session.to_owned(), id: id.to_owned(), from_me: Some(true), chat: None };
        let row = storage.message(&target).await.map_err(|error| error.to_string())?;
        Ok(row.is_some_and(|row| went_to(&row, chat, &names)).then_some(send.proto))
    }

    async fn ask_again(&self, chat: &str, sender: &str, id: &str, count: u8) {
        let Some(client) = self.state.client() else { return };
        tracing::warn!(session = %self.state.name(), id, count,
            "a message was decrypted and not stored, by an earlier process or before the disk failed; its sender is asked for it again");
        if let Err(error) = self.send(&client, chat, sender, id, count).await {
            tracing::warn!(session = %self.state.name(), error, "the request for a message did not go out; WhatsApp delivers it again");
        }
    }
}

impl Again {
    /// Both names of a chat, as rows have them.
    async fn names(&self, chat: &str) -> Result<Vec<String>, String> {
        let jid: Jid = chat.parse().map_err(|_| format!("{chat} is no address"))?;
        let address = match self.state.client() {
            Some(client) => address::resolve(&client, &jid, None).await,
            None => address::chat_id(&jid).map(|id| Address { id, alt: None }),
        };
        let names = address.into_iter().flat_map(|address| std::iter::once(address.id).chain(address.alt));
        Ok(names.map(|name| name.as_str().to_owned()).collect())
    }

    fn is_own(&self, name: &str) -> bool {
        let user = |name: &str| name.split(['@', ':']).next().map(str::to_owned);
        let Some(me) = self.state.me() else { return false };
        let names = [Some(me.id.to_wire()), me.lid.map(|lid| lid.to_wire())];
        names.into_iter().flatten().any(|own| user(&own) == user(name))
    }

    /// The retry receipt, as WhatsApp Web sends it: `<receipt type="retry"><retry count v id t/><registration/></receipt>`.
    async fn send(
        &self,
        client: &Client,
        chat: &str,
        sender: &str,
        id: &str,
        count: u8,
    ) -> Result<(), String> {
        let parse = |name: &str| name.parse::<Jid>().map_err(|_| format!("{name} is no address"));
        let (chat, author) = (parse(chat)?, parse(sender)?);
        let retry = NodeBuilder::new("retry")
            .attr("v", "1")
            .attr("id", id)
            .attr("t", self.state.clock().now_ms() / 1000)
            .attr("count", count)
            .build();
        let device = client.persistence_manager().get_device_snapshot();
        let registration =
            NodeBuilder::new("registration").bytes(device.registration_id.to_be_bytes().to_vec()).build();
        let in_group = chat.is_group();
        let to = if in_group { &chat } else { &author };
        let mut receipt = NodeBuilder::new("receipt").attr("to", to).attr("id", id).attr("type", "retry");
        if in_group {
            receipt = receipt.attr("participant", &author);
        } else if self.is_own(sender) {
            receipt = receipt.attr("recipient", &chat);
        }
        let receipt = receipt.children([retry, registration]).build();
        client.send_node(receipt).await.map_err(|error| error.to_string())
    }
}

/// Whether a send is still given to who asks for it: as long as the client keeps what it stores by itself, from when it was
/// handed over. One that is not yet known to be is under way, or was a moment ago. A clock that was set back makes nothing
/// old. What WhatsApp refused, nobody has to ask for.
fn is_kept(send: &SendRow, now_ms: i64) -> bool {
    let keeps_ms = i64::try_from(KEEP_SENT.as_millis()).unwrap_or(i64::MAX);
    match send.state {
        SendState::Accepted => true,
        SendState::Acked => now_ms.saturating_sub(send.updated_ms) < keeps_ms,
        SendState::Failed => false,
    }
}

/// Whether a message went to the chat that is asked for: as it is called now, or as it was called then.
fn went_to(row: &MessageRow, asked: &str, names: &[String]) -> bool {
    let asked = asked.parse::<Jid>().map_or_else(|_| asked.to_owned(), |jid| jid.to_non_ad().to_string());
    let wire = [Some(&row.wire.chat), row.wire.chat_alt.as_ref()];
    names.contains(&row.chat) || wire.into_iter().flatten().any(|name| *name == asked)
}

#[cfg(test)]
mod tests {
    use wakeeper_storage::{Described, WireKey};

    use super::*;

    const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

    fn send(state: SendState, created_ms: i64, updated_ms: i64) -> SendRow {
        SendRow {
            session: "default".to_owned(),
            idempotency_key: None,
            request_hash: String::new(),
            message_id: "A".to_owned(),
            state,
            chat: "c".to_owned(),
            proto: vec![1],
            recipients: Vec::new(),
            error: None,
            created_ms,
            updated_ms,
        }
    }

    #[test]
    fn a_send_is_kept_for_a_day_after_it_was_handed_over() {
        let now_ms = 10 * DAY_MS;
        assert!(
            is_kept(&send(SendState::Acked, now_ms - 2 * DAY_MS, now_ms - 5), now_ms),
            "resumed after two days"
        );
        assert!(
            is_kept(&send(SendState::Accepted, 0, 0), now_ms),
            "handed over, and its end is not stored yet"
        );
        assert!(is_kept(&send(SendState::Acked, 0, now_ms + DAY_MS), now_ms), "the clock was set back");
        assert!(!is_kept(&send(SendState::Acked, 0, now_ms - DAY_MS), now_ms));
        assert!(!is_kept(&send(SendState::Failed, now_ms, now_ms), now_ms));
    }

    #[test]
    fn a_chat_is_known_by_the_names_that_it_had_when_the_message_went_out() {
        let wire = WireKey {
            chat: "491702000001@s.whatsapp.net".to_owned(),
            chat_alt: Some("77@lid".to_owned()),
            ..WireKey::default()
        };
        let row = MessageRow {
            session: "default".to_owned(),
            chat: "491702000001@c.us".to_owned(),
            id: "A".to_owned(),
            from_me: true,
            participant: String::new(),
            sender: "me".to_owned(),
            account: None,
            timestamp_s: 1,
            kind: "text".to_owned(),
            ack: 1,
            from_api: true,
            push_name: None,
            wire,
            target: None,
            proto: vec![1],
            described: Described::default(),
            reply_to: None,
            edited: false,
            revoked: false,
            hidden: false,
        };
        assert!(went_to(&row, "77@lid", &[]));
        assert!(went_to(&row, "491702000001@s.whatsapp.net", &[]));
        assert!(went_to(&row, "88@lid", &["491702000001@c.us".to_owned()]));
        assert!(!went_to(&row, "88@lid", &["88@lid".to_owned()]));
    }
}
