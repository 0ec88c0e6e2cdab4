//! Who is there and who is writing: what is shown of this account, and what is seen of others.

use std::time::Duration;

use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_storage::NewEvent;
use wakeeper_waha::{ChatPresences, EventName, OwnPresence, Presence};
use whatsapp_rust::prelude::Event;
use whatsapp_rust::wacore::types::presence::{ChatPresence, ChatPresenceMedia};

use super::asking::{AskError, jid};
use crate::address;
use crate::inbound::inbox::Inbox;
use crate::life::registry::Sessions;

/// How long the first sight of somebody is waited for.
const FIRST_SIGHT: Duration = Duration::from_secs(2);

impl Sessions {
    /// Shows this account as there or not there to everybody, or as writing in a chat.
    ///
    /// # Errors
    /// When the session does not work, or a chat is missing.
    pub async fn show_presence(
        &self,
        name: &SessionName,
        presence: Presence,
        chat: Option<&ChatId>,
    ) -> Result<(), AskError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        let shown = match presence {
            Presence::Online => Some(OwnPresence::Online),
            Presence::Offline => Some(OwnPresence::Offline),
            Presence::Typing | Presence::Recording | Presence::Paused => None,
        };
        let unsent =
            |error: &dyn std::fmt::Display| AskError::unanswered("what it was to be shown as", error);
        if let Some(shown) = shown {
            let own = client.presence();
            let sent = if shown == OwnPresence::Online {
                own.set_available().await
            } else {
                own.set_unavailable().await
            };
            sent.map_err(|error| unsent(&error))?;
            handle.state.presences().set_own(shown);
            return Ok(());
        }
        let Some(chat) = chat else {
            return Err(AskError::InvalidRequest("chatId: in which chat?".to_owned()));
        };
        let (to, state) = (jid(chat)?, client.chatstate());
        let sent = match presence {
            Presence::Typing => state.send_composing(&to).await,
            Presence::Recording => state.send_recording(&to).await,
            _ => state.send_paused(&to).await,
        };
        sent.map_err(|error| unsent(&error))
    }

    /// What was seen in every chat.
    ///
    /// # Errors
    /// When the session is unknown.
    pub async fn presences(&self, name: &SessionName) -> Result<Vec<ChatPresences>, AskError> {
        Ok(self.handle(name).await?.state.presences().all())
    }

    /// What is seen in one chat, from now on, too. Of a person who shows nothing to this account nothing is seen.
    ///
    /// # Errors
    /// When the session does not work.
    pub async fn presence_in(&self, name: &SessionName, chat: &ChatId) -> Result<ChatPresences, AskError> {
        let seen = self.watch_presence(name, chat).await?;
        let handle = self.handle(name).await?;
        if matches!(seen.kind(), ChatKind::Phone | ChatKind::Lid) {
            let _ = tokio::time::timeout(FIRST_SIGHT, handle.state.presences().until_seen(&seen)).await;
        }
        Ok(handle.state.presences().of(&seen))
    }

    /// Asks WhatsApp to tell from now on whether a person is there. Answers the name under which they are seen.
    ///
    /// # Errors
    /// When the session does not work.
    pub async fn watch_presence(&self, name: &SessionName, chat: &ChatId) -> Result<ChatId, AskError> {
        let client = self.working(name).await?;
        if matches!(chat.kind(), ChatKind::Phone | ChatKind::Lid) {
            let asked = client.presence().subscribe(jid(chat)?).await;
            asked.map_err(|error| AskError::unanswered("whether the person is there", &error))?;
        }
        Ok(address::resolve_id(&client, chat).await.id)
    }
}

/// Notes what WhatsApp told of somebody; the event that tells of it, when somebody is to hear of it.
pub(crate) async fn take(inbox: &Inbox, event: &Event) -> Option<NewEvent> {
    let client = inbox.state.client()?;
    let (chat, who, presence, last_seen) = match event {
        Event::Presence(update) => {
            let who = address::resolve(&client, &update.from, None).await?;
            let presence = if update.unavailable { Presence::Offline } else { Presence::Online };
            let last_seen = update.last_seen.map(|time| time.timestamp());
            (who.id.clone(), who.id, presence, last_seen)
        }
        Event::ChatPresence(update) if !update.source.is_from_me => {
            let source = &update.source;
            let chat = address::resolve(&client, &source.chat, None).await?;
            let sender = address::resolve(&client, &source.sender, source.sender_alt.as_ref()).await?;
            let presence = match (&update.state, &update.media) {
                (ChatPresence::Composing, ChatPresenceMedia::Audio) => Presence::Recording,
                (ChatPresence::Composing, ChatPresenceMedia::Text) => Presence::Typing,
                (ChatPresence::Paused, _) => Presence::Paused,
            };
            (chat.id, sender.id, presence, None)
        }
        _ => return None,
    };
    let data = inbox.state.presences().note(chat.clone(), who, presence, last_seen);
    if inbox.ignores(&chat) {
        return None;
    }
    let payload = ChatPresences { id: chat.clone(), presences: vec![data] };
    inbox.journal.event(inbox.state.name(), chat.as_str(), EventName::PresenceUpdate, &payload.into())
}
