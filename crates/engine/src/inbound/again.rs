//! Asking for a message once more: the receipt that tells its sender that it could not be read.

use std::sync::Arc;

use wakeeper_storage::{MessageRef, SendRow, SendState};
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
        let send = self.journal.storage().send_by_id(session, id).await.map_err(|error| error.to_string())?;
        let Some(send) = send.filter(|send| self.is_kept(send)) else { return Ok(None) };
        // Whoever asks names the chat by one of its two names, and gets what was sent to that chat alone.
        Ok(self.names(chat).await?.contains(&send.chat).then_some(send.proto))
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
    /// As long as the client keeps what it stores by itself; what WhatsApp refused, nobody has to ask for.
    fn is_kept(&self, send: &SendRow) -> bool {
        let age_ms = self.state.clock().now_ms().saturating_sub(send.created_ms);
        send.state != SendState::Failed
            && u128::try_from(age_ms).is_ok_and(|age_ms| age_ms < KEEP_SENT.as_millis())
    }

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
