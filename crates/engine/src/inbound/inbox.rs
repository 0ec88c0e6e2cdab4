//! Inbound messages: on disk before WhatsApp hears that they arrived.

use std::sync::Arc;

use wakeeper_model::{Ack, ChatId, ChatKind, MessageId};
use wakeeper_storage::{Change, StorageError};
use wakeeper_waha::Seen;
use whatsapp_rust::prelude::InboundMessage;
use whatsapp_rust::wacore::types::message::{EditAttribute, MessageInfo};
use whatsapp_rust::{Client, InboundDurabilityHook, Jid, anyhow, async_trait};

use crate::address::{self, Address};
use crate::inbound::changes::{ResolvedMessage, effects_of};
use crate::inbound::posts;
use crate::journal::Journal;
use crate::life::account;
use crate::life::state::SessionState;
use crate::life::store::{Closed, Gate};
use crate::message::{Facts, WireKey};
use crate::ops::stored::Place;

/// Stores what comes in. The client awaits it before it acknowledges a message to WhatsApp.
#[derive(Clone)]
pub(crate) struct Inbox {
    /// The session.
    pub state: Arc<SessionState>,
    /// Where rows and events go.
    pub journal: Arc<Journal>,
    /// Start of the URLs of files.
    pub public_url: Arc<str>,
}

/// The inbox of one client: what it cannot store closes the client's gate before the client hears of it.
pub(crate) struct Doorkeeper {
    /// The session's inbox.
    pub inbox: Inbox,
    /// The client's gate.
    pub gate: Gate,
}

#[async_trait]
impl InboundDurabilityHook for Doorkeeper {
    async fn on_messages(&self, client: Arc<Client>, batch: &[InboundMessage]) -> anyhow::Result<()> {
        self.gate.look().map_err(|closed| anyhow::anyhow!("{closed}"))?;
        if let Err(error) = self.inbox.commit(&client, batch).await {
            self.gate.close(Closed::from(&error));
            return Err(error.into());
        }
        // The acknowledgement rests on both databases; this one may have gone meanwhile.
        self.gate.look().map_err(|closed| anyhow::anyhow!("{closed}"))
    }
}

impl Inbox {
    /// Commits a batch with its events; a message that was committed before changes nothing.
    pub(crate) async fn commit(&self, client: &Client, batch: &[InboundMessage]) -> Result<(), StorageError> {
        account::settle(&self.state, &self.journal, client).await?;
        let mut changes: Vec<Change> = Vec::with_capacity(batch.len());
        let mut passed_over = Vec::new();
        let batch: Vec<InboundMessage> =
            batch.iter().map(|inbound| posts::read(&self.state, inbound)).collect();
        for inbound in &batch {
            let Some(resolved) = self.resolved(client, inbound).await else {
                tracing::debug!(session = %self.state.name(), "a message was passed over: its chat is ignored, or of a kind unknown here");
                passed_over.push(&inbound.info);
                continue;
            };
            // An edit, a deletion or a vote may concern a message of this very batch.
            if !changes.is_empty() && letter_changes_another(&resolved) {
                self.journal.commit(std::mem::take(&mut changes)).await?;
            }
            match effects_of(&self.journal, client, self.state.name(), &resolved).await? {
                Some(effects) => changes.push(effects.change),
                None => passed_over.push(&inbound.info),
            }
        }
        if !changes.is_empty() {
            self.journal.commit(changes).await.inspect_err(|error| {
                tracing::error!(session = %self.state.name(), %error, "messages were not stored; WhatsApp will send them again");
            })?;
        }
        for InboundMessage { info, .. } in &batch {
            let arrived =
                self.state.undecryptable().arrived(&info.source.sender.to_non_ad_string(), &info.id);
            if arrived && self.state.undecryptable().remembered() == 0 {
                self.state.saw(Seen::Resolved, "every message that could not be decrypted has arrived");
            }
        }
        // Delivered again, these are no messages that were lost.
        for info in passed_over {
            self.state.passed_over().count(&info.source.chat.to_string(), &info.id);
        }
        self.state.note(|evidence, now| evidence.inbound = Some(now));
        Ok(())
    }

    async fn resolved<'a>(
        &'a self,
        client: &Client,
        inbound: &'a InboundMessage,
    ) -> Option<ResolvedMessage<'a>> {
        let info = &inbound.info;
        let (mut facts, sender) = self.described(client, info).await?;
        let place = Place { session: self.state.name(), public_url: &self.public_url };
        facts.media_url = place.media_url(&facts.id.stanza_id, &inbound.message);
        let by_admin = info.source.is_group && info.edit == EditAttribute::AdminRevoke;
        Some(ResolvedMessage {
            message: &inbound.message,
            facts,
            sender: sender.id,
            sender_alt: sender.alt,
            by_admin,
            place,
        })
    }

    /// Who, where and when of a message, and who sent it; `None` when its chat is ignored, or of a kind unknown here.
    pub(super) async fn described(&self, client: &Client, info: &MessageInfo) -> Option<(Facts, Address)> {
        let source = &info.source;
        let chat = address::resolve(client, &source.chat, chat_hint(info)).await?;
        if self.ignores(&chat.id) {
            return None;
        }
        let me = address::me(client).or_else(|| self.state.me());
        let sender = match &me {
            Some(me) if source.is_from_me => Address { id: me.id.clone(), alt: me.lid.clone() },
            _ => address::resolve(client, &source.sender, source.sender_alt.as_ref()).await?,
        };
        let in_group = source.is_group || matches!(chat.id.kind(), ChatKind::Group | ChatKind::Broadcast);
        let id = MessageId {
            from_me: source.is_from_me,
            chat: chat.id.clone(),
            stanza_id: info.id.clone(),
            participant: in_group.then(|| sender.id.clone()),
        };
        let facts = Facts {
            wire: WireKey {
                chat: source.chat.to_non_ad_string(),
                chat_alt: other_name(&chat, &source.chat),
                participant: in_group.then(|| source.sender.to_non_ad_string()),
                participant_alt: other_name(&sender, &source.sender).filter(|_| in_group),
            },
            id,
            me: me.map(|me| me.id),
            timestamp_s: info.timestamp.timestamp(),
            ack: if source.is_from_me { Ack::Server } else { Ack::Device },
            from_api: false,
            push_name: (!info.push_name.is_empty()).then(|| info.push_name.clone()),
            media_url: None,
        };
        Some((facts, sender))
    }

    /// Does the owner want to hear nothing of chats of this kind?
    pub(crate) fn ignores(&self, chat: &ChatId) -> bool {
        let ignore = self.state.config().ignore.unwrap_or_default();
        match chat.kind() {
            ChatKind::Group => ignore.groups,
            ChatKind::Channel => ignore.channels,
            ChatKind::Broadcast if chat.is_status() => ignore.status,
            ChatKind::Broadcast => ignore.broadcast,
            ChatKind::Phone | ChatKind::Lid => false,
        }
    }
}

/// The other name of a one-to-one chat, as the stanza told it.
fn chat_hint(info: &MessageInfo) -> Option<&Jid> {
    let source = &info.source;
    if source.is_group {
        return None;
    }
    if source.is_from_me {
        source.recipient_alt.as_ref().or(info.peer_recipient_pn.as_ref())
    } else {
        source.sender_alt.as_ref()
    }
}

fn letter_changes_another(resolved: &ResolvedMessage<'_>) -> bool {
    use whatsapp_rust::prelude::MessageExt;
    let message = resolved.message.get_base_message();
    message.protocol_message.is_set()
        || message.poll_update_message.is_set()
        || message.enc_event_response_message.is_set()
}

/// The name of `address` that is not `jid`, as the wire writes it.
pub(super) fn other_name(address: &Address, jid: &Jid) -> Option<String> {
    let wire = jid.to_non_ad_string();
    [Some(&address.id), address.alt.as_ref()]
        .into_iter()
        .flatten()
        .map(ChatId::to_wire)
        .find(|name| *name != wire)
}
