//! What one retry receipt asks for.

use serde::{Deserialize, Serialize};
use whatsapp_rust::wacore::protocol::retry::MAX_RETRY_COUNT;
use whatsapp_rust::wacore_binary::{JidExt as _, NodeRef};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Jid, MessageRetransmission};

/// Ids of messages and JIDs are much shorter.
const MAX_NAME: usize = 128;

/// A device's request for a message that was sent to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RetryRequest {
    /// Of the message.
    pub id: String,
    pub chat: String,
    /// The device.
    pub requester: String,
    /// The chat, when another device of this account asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// How often it asked.
    pub count: u8,
    pub asked_ms: i64,
    /// How often it was answered by [`super::answer`] without being confirmed.
    #[serde(default)]
    pub answers: u8,
    /// The connection whose client answers it, or answered it last; 0 for one of an earlier run.
    #[serde(skip)]
    pub connection: u64,
    /// When it was answered last, or came.
    #[serde(skip)]
    pub tried_ms: i64,
}

impl RetryRequest {
    /// What a retry receipt asks for; `None` for one that says it wrongly, or asked too often.
    pub(super) fn of(receipt: &NodeRef<'_>, is_own: impl Fn(&Jid) -> bool, now_ms: i64) -> Option<Self> {
        let retry = receipt.get_optional_child("retry")?;
        let id = retry.attrs().optional_string("id")?.into_owned();
        let count = retry.attrs().optional_string("count").and_then(|count| count.parse().ok()).unwrap_or(1);
        if id.is_empty() || !(1..MAX_RETRY_COUNT).contains(&count) {
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
        let (chat, requester) = (chat.to_string(), requester.to_string());
        let recipient = own_chat.map(|jid| jid.to_string());
        let names = [Some(&id), Some(&chat), Some(&requester), recipient.as_ref()];
        if names.into_iter().flatten().any(|name| name.len() > MAX_NAME) {
            return None;
        }
        Some(Self {
            id,
            chat,
            requester,
            recipient,
            count,
            asked_ms: now_ms,
            answers: 0,
            connection: 0,
            tried_ms: now_ms,
        })
    }

    pub(super) fn is_of(&self, id: &str, device: &str) -> bool {
        self.id == id && self.requester == device
    }

    /// Whose device asks.
    pub(super) fn account(&self) -> &str {
        self.requester.split([':', '@']).next().unwrap_or_default()
    }

    /// The answer; `None` when its names are no JIDs.
    pub(super) fn retransmission(&self, message: wa::Message) -> Option<MessageRetransmission> {
        let (chat, requester) = (self.chat.parse().ok()?, self.requester.parse().ok()?);
        let retransmission =
            MessageRetransmission::new(chat, requester, message, self.id.clone(), self.count);
        match &self.recipient {
            Some(recipient) => Some(retransmission.with_recipient(recipient.parse().ok()?)),
            None => Some(retransmission),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
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

    fn request(node: &Node) -> Option<RetryRequest> {
        RetryRequest::of(&node.as_node_ref(), |jid| jid.to_non_ad().to_string() == ME, 1)
    }

    /// A contact's device asks for a message.
    pub(in super::super) fn asked_by(device: &str, id: &str) -> RetryRequest {
        request(&receipt(device, None, None, id, 1)).expect("a request")
    }

    #[test]
    fn a_receipt_tells_who_asks_for_which_message() {
        let direct = asked_by("491702000001:3@s.whatsapp.net", "A");
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
        let long = "1".repeat(MAX_NAME + 1);
        for node in [
            receipt(ben, None, None, "", 1),
            receipt(ben, None, None, &long, 1),
            receipt(&format!("{long}@g.us"), Some(ben), None, "A", 1),
            receipt(ben, None, None, "A", MAX_RETRY_COUNT),
            receipt(ben, None, None, "A", 0),
            receipt("12036@g.us", None, None, "A", 1),
            receipt("491701000001:2@s.whatsapp.net", None, None, "A", 1),
            NodeBuilder::new("receipt").attr("from", ben).build(),
        ] {
            assert_eq!(request(&node), None, "{node:?}");
        }
    }
}
