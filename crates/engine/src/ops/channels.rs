//! Channels: made, found, followed, muted, read and ended. What WhatsApp says is asked anew each time; nothing of it is stored.

mod error;
pub(crate) mod posts;
mod query;
mod search;
mod shown;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_waha::{Channel, ChannelRole};
use whatsapp_rust::Client;
use whatsapp_rust::wacore::iq::mex_operations as operations;

pub use self::error::ChannelsError;
use self::query::Ask;
pub use self::search::{TextSearch, ViewSearch};
use crate::EngineError;
use crate::life::handle::Handle;
use crate::life::registry::Sessions;
use crate::media::picture;
use crate::outbound::outgoing::FileBody;

/// How a caller names a channel.
#[derive(Clone, PartialEq, Eq)]
pub enum ChannelName {
    /// By its id.
    Id(ChatId),
    /// By the code of its invite link.
    Invite(String),
}

/// The channels of a session that works.
pub struct Channels {
    client: Arc<Client>,
    handle: Arc<Handle>,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}

impl Sessions {
    /// The channels of a session, once it works.
    ///
    /// # Errors
    /// When the session is unknown or does not work.
    pub async fn channels(&self, name: &SessionName) -> Result<Channels, EngineError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        Ok(Channels { client, handle })
    }
}

impl Channels {
    /// Every channel that the account owns or follows, by id; with `role`, those in which it is that.
    ///
    /// # Errors
    /// When WhatsApp does not answer.
    pub async fn list(&self, role: Option<ChannelRole>) -> Result<Vec<Channel>, ChannelsError> {
        use operations::fetch_all_newsletters_metadata as operation;
        let answer = self.answer(operation::DOC_ID, &json!({}), "xwa2_newsletter_subscribed").await?;
        let mut channels = listed(answer.as_ref())?;
        channels.retain(|channel| role.is_none_or(|role| channel.role == role));
        channels.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(channels)
    }

    /// One channel.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn get(&self, name: &ChannelName) -> Result<Channel, ChannelsError> {
        use operations::fetch_newsletter as operation;
        let (kind, key) = match name {
            ChannelName::Id(id) => ("JID", channel(id)?.to_wire()),
            ChannelName::Invite(code) => ("INVITE", code.clone()),
        };
        let variables = json!({
            "input": { "key": key, "type": kind, "view_role": "GUEST" },
            "fetch_viewer_metadata": true,
            "fetch_full_image": true,
            "fetch_creation_time": true,
        });
        let answer = self.ask(operation::DOC_ID, &variables, "xwa2_newsletter").await?;
        shown::channel(&answer).ok_or(NOT_UNDERSTOOD)
    }

    /// Makes a channel; `picture` is a square JPEG, which is sent as it is.
    ///
    /// # Errors
    /// When the picture is no JPEG or cannot be fetched, or WhatsApp refuses.
    pub async fn create(
        &self,
        name: &str,
        description: &str,
        picture: Option<FileBody>,
    ) -> Result<Channel, ChannelsError> {
        use operations::create_newsletter as operation;
        let mut input = json!({ "name": name, "description": description });
        if let Some(picture) = picture {
            let bytes = picture::jpeg(&self.handle.outbound.limits, picture).await?;
            input["picture"] = Value::String(STANDARD.encode(bytes));
        }
        let answer =
            self.ask(operation::DOC_ID, &json!({ "input": input }), "xwa2_newsletter_create").await?;
        let mut made = shown::channel(&answer).ok_or(NOT_UNDERSTOOD)?;
        // Whoever makes a channel owns it, also where the answer does not say so.
        made.role = ChannelRole::Owner;
        Ok(made)
    }

    /// Ends a channel, for everybody.
    ///
    /// # Errors
    /// When the account does not own it.
    pub async fn delete(&self, id: &ChatId) -> Result<(), ChannelsError> {
        self.change(operations::delete_newsletter::DOC_ID, id, "xwa2_newsletter_delete_v2").await
    }

    /// Follows a channel: its posts come in from now on.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn follow(&self, id: &ChatId) -> Result<(), ChannelsError> {
        self.change(operations::join_newsletter::DOC_ID, id, "xwa2_newsletter_join_v2").await
    }

    /// Follows a channel no more.
    ///
    /// # Errors
    /// When the account does not follow it, or owns it.
    pub async fn unfollow(&self, id: &ChatId) -> Result<(), ChannelsError> {
        self.change(operations::leave_newsletter::DOC_ID, id, "xwa2_newsletter_leave_v2").await
    }

    /// Silences what phones tell of a channel's posts, or does so no more. Events are told all the same.
    ///
    /// # Errors
    /// When the account does not follow it.
    pub async fn mute(&self, id: &ChatId, muted: bool) -> Result<(), ChannelsError> {
        use operations::update_newsletter_user_setting as operation;
        // As WhatsApp Web does it (whatsapp-rust 0.7.0, `features/newsletter.rs`).
        let variables = json!({ "input": {
            "newsletter_id": channel(id)?.to_wire(),
            "type": "MUTE_FOLLOWER_ACTIVITY",
            "value": if muted { "ON" } else { "OFF" },
        } });
        self.ask(operation::DOC_ID, &variables, "xwa2_newsletter_update_user_setting").await.map(drop)
    }

    async fn change(&self, query: &'static str, id: &ChatId, field: &str) -> Result<(), ChannelsError> {
        let variables = json!({ "newsletter_id": channel(id)?.to_wire() });
        self.ask(query, &variables, field).await.map(drop)
    }

    /// Asks for something, and gives what lies in `field` of the answer: nothing there means that there is no such channel.
    async fn ask(&self, query: &'static str, variables: &Value, field: &str) -> Result<Value, ChannelsError> {
        let answer = self.answer(query, variables, field).await?;
        answer.filter(|answer| !answer.is_null()).ok_or(ChannelsError::NotFound)
    }

    /// Asks, and gives what lies in `field` of the answer.
    async fn answer(
        &self,
        query: &'static str,
        variables: &Value,
        field: &str,
    ) -> Result<Option<Value>, ChannelsError> {
        let mut data = self.client.execute(Ask { query, variables }).await??;
        Ok(data.get_mut(field).map(Value::take))
    }
}

/// The channels of an answer; whoever has none is answered with none, or with `null`.
fn listed(answer: Option<&Value>) -> Result<Vec<Channel>, ChannelsError> {
    match answer {
        Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => Ok(all.iter().filter_map(shown::channel).collect()),
        _ => Err(NOT_UNDERSTOOD),
    }
}

const NOT_UNDERSTOOD: ChannelsError = ChannelsError::Failed("WhatsApp's answer could not be understood");

/// The id, when it is a channel's.
fn channel(id: &ChatId) -> Result<&ChatId, ChannelsError> {
    if id.kind() == ChatKind::Channel {
        Ok(id)
    } else {
        Err(ChannelsError::InvalidRequest("id: a channel's id, such as 123123123@newsletter"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_follows_none_has_an_empty_list() {
        assert!(listed(Some(&Value::Null)).unwrap().is_empty());
        assert!(listed(Some(&json!([]))).unwrap().is_empty());
        assert_eq!(listed(Some(&json!([{"id": "1@newsletter"}, {"id": "x"}]))).unwrap().len(), 1);
        assert!(listed(Some(&json!({}))).is_err() && listed(None).is_err());
    }
}
