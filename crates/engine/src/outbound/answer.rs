//! What a send is answered with: when WhatsApp has it, and again whenever it is repeated.

use wakeeper_model::{Ack, ChatKind, MessageId};
use wakeeper_storage::{Change, MessageRef, SendRow, SendState, StorageError};
use wakeeper_waha::Payload;
use whatsapp_rust::Client;

use super::Outbound;
use super::composer::PreparedMessage;
use super::error::SendError;
use crate::address::{self, Address};
use crate::inbound::changes::{ResolvedMessage, effects_of};
use crate::message::{self, Facts, Incoming, WireKey};
use crate::ops::stored;

impl Outbound {
    /// What the caller of a finished send was answered, made anew of what is stored.
    pub(super) async fn answer(&self, send: &SendRow) -> Result<Option<Payload>, SendError> {
        let prepared =
            PreparedMessage::stored(send).ok_or(SendError::Failed { reason: "its row is damaged" })?;
        let storage = self.journal.storage();
        let find = |id: &str, from_me: bool, chat: Option<String>| MessageRef {
            session: send.session.clone(),
            id: id.to_owned(),
            from_me: Some(from_me),
            chat,
        };
        let media_url = self.place().media_url(&send.message_id, &prepared.message);
        let (facts, target) = match storage.message(&find(&send.message_id, true, None)).await? {
            Some(row) => {
                let facts = Facts { ack: Ack::Server, ..stored::facts(&row, media_url)? };
                (facts, stored::target(&row)?)
            }
            // Its message was removed since; the send says all but what was learnt of the chat's other name.
            None => (self.facts_of_send(send, &prepared, media_url), prepared.target()),
        };
        // Only a deletion tells what the message was, and of a damaged one it tells that it is gone; a vote is read with it.
        let told =
            matches!(message::read(&prepared.message), Incoming::Revoke { .. } | Incoming::Vote { .. });
        let before = match target.as_ref().filter(|_| told) {
            Some(target) => {
                let chat = Some(target.chat.to_string());
                match storage.message(&find(&target.stanza_id, target.from_me, chat)).await {
                    Err(StorageError::DamagedRow { .. }) => None,
                    // Its chat may have got another name since.
                    Ok(None) => storage.message(&find(&target.stanza_id, target.from_me, None)).await?,
                    found => found?,
                }
            }
            None => None,
        };
        let own = self.state.me().as_ref().map(address::names_of).unwrap_or_default();
        Ok(stored::answer(&facts, &prepared.message, target.as_ref(), before.as_ref(), &own, self.place())?)
    }

    fn facts_of_send(&self, send: &SendRow, prepared: &PreparedMessage, media_url: Option<String>) -> Facts {
        let own = self.state.own_id();
        Facts {
            id: MessageId {
                from_me: true,
                chat: prepared.chat.clone(),
                stanza_id: send.message_id.clone(),
                participant: own.clone().filter(|_| names_senders(prepared.chat.kind())),
            },
            wire: WireKey { chat: prepared.chat.to_wire(), ..WireKey::default() },
            me: own,
            timestamp_s: send.updated_ms / 1000,
            ack: Ack::Server,
            from_api: true,
            push_name: self.state.me().and_then(|me| me.push_name),
            media_url,
        }
    }

    /// The server has it: message, events and the end of the send are stored in one go, soon.
    pub(super) async fn acknowledged(
        &self,
        client: &Client,
        prepared: &PreparedMessage,
        id: &str,
        timestamp_s: Option<i64>,
    ) -> Result<Option<Payload>, SendError> {
        let now_ms = self.state.clock().now_ms();
        let resolved = self.resolve(client, prepared, id, timestamp_s.unwrap_or(now_ms / 1000)).await;
        let effects = loop {
            match effects_of(&self.journal, client, self.state.name(), &resolved).await {
                Err(error) if error.disk_cause().is_some() => self.journal.pause().await,
                effects => break effects?,
            }
        };
        let payload = effects.as_ref().map(|effects| effects.payload.clone());
        let mut changes: Vec<Change> = effects.map(|effects| effects.change).into_iter().collect();
        changes.push(Change::Send {
            message_id: id.to_owned(),
            state: SendState::Acked,
            error: None,
            now_ms,
        });
        // WhatsApp has it. Whatever the disk does, the caller is not told that it failed: they would send it twice. The
        // row still says that it was accepted, so a process that dies here goes on with it under the same id. That is why the
        // caller need not wait for the disk either: what is told is that WhatsApp has it.
        self.journal.commit_soon(&self.state, changes).await?;
        self.state.note(|evidence, now| evidence.acknowledged = Some(now));
        Ok(payload)
    }

    async fn resolve<'a>(
        &'a self,
        client: &Client,
        prepared: &'a PreparedMessage,
        id: &str,
        timestamp_s: i64,
    ) -> ResolvedMessage<'a> {
        let chat = address::resolve_id(client, &prepared.chat).await;
        let me = self.state.me();
        let own = me.as_ref().map_or_else(|| chat.id.clone(), |me| me.id.clone());
        let in_group = names_senders(chat.id.kind());
        let wire_chat = prepared.chat.to_wire();
        let facts = Facts {
            id: MessageId {
                from_me: true,
                chat: chat.id.clone(),
                stanza_id: id.to_owned(),
                participant: in_group.then(|| own.clone()),
            },
            wire: WireKey {
                chat_alt: names(&chat).find(|name| *name != wire_chat),
                chat: wire_chat,
                participant: None,
                participant_alt: None,
            },
            me: Some(own.clone()),
            timestamp_s,
            ack: Ack::Server,
            from_api: true,
            push_name: me.as_ref().and_then(|me| me.push_name.clone()),
            media_url: self.place().media_url(id, &prepared.message),
        };
        ResolvedMessage {
            message: &prepared.message,
            facts,
            sender: own,
            sender_alt: me.and_then(|me| me.lid),
            by_admin: false,
            place: self.place(),
        }
    }
}

/// Whether the ids of messages in such a chat name their sender.
fn names_senders(kind: ChatKind) -> bool {
    matches!(kind, ChatKind::Group | ChatKind::Broadcast)
}

fn names(address: &Address) -> impl Iterator<Item = String> + '_ {
    [Some(&address.id), address.alt.as_ref()].into_iter().flatten().map(wakeeper_model::ChatId::to_wire)
}
