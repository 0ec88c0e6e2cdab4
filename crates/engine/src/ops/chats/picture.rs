//! Where the picture of a chat can be fetched.

use wakeeper_model::{ChatId, SessionName};
use whatsapp_rust::Client;

use crate::address;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;
use crate::ops::asking::{AskError, jid};

impl Sessions {
    /// Where the picture of a person or a group can be fetched; `None` where none is shown to this account. What WhatsApp said
    /// within the last day is not asked again, unless the picture changed or `refresh` says so.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn chat_picture(
        &self,
        name: &SessionName,
        chat: &ChatId,
        refresh: bool,
    ) -> Result<Option<String>, AskError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        let id = address::resolve_id(&client, chat).await.id;
        let known = handle.state.pictures().get(&id, handle.state.clock().now_ms());
        match known.filter(|_| !refresh) {
            Some(url) => Ok(url),
            None => asked(&handle.state, &client, chat).await,
        }
    }
}

/// Asks WhatsApp, and remembers the answer.
pub(super) async fn asked(
    state: &SessionState,
    client: &Client,
    chat: &ChatId,
) -> Result<Option<String>, AskError> {
    let found = client.contacts().get_profile_picture(&jid(chat)?, false).await;
    let found = found.map_err(|error| AskError::unanswered("the picture", &error))?;
    let url = found.map(|picture| picture.url);
    let address = address::resolve_id(client, chat).await;
    state.pictures().keep(address.id, address.alt, url.clone(), state.clock().now_ms());
    Ok(url)
}
