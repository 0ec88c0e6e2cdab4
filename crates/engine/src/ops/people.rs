//! People as the rows know them: listed, or one by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_storage::{ContactQuery, ContactRow};
use wakeeper_waha::Contact;

use super::asking::AskError;
use super::chats::{ContactListQuery, contact};
use crate::EngineError;
use crate::address;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;
use crate::ops::reading;

impl Sessions {
    /// People in an order: everybody who wrote, was written to, or stands in the address book.
    ///
    /// # Errors
    /// When the session is unknown or the rows cannot be read.
    pub async fn contact_list(
        &self,
        name: &SessionName,
        query: &ContactListQuery,
    ) -> Result<Vec<Contact>, EngineError> {
        let handle = self.handle(name).await?;
        let rows = ContactQuery {
            by_name: query.by_name,
            descending: query.descending,
            limit: query.limit,
            offset: query.offset,
        };
        let rows = handle.outbound.journal.storage().contacts(name.as_str(), rows).await?;
        let (me, blocked) = (handle.state.own_id(), blocked(&handle.state).await);
        let shown = rows.iter().map(|row| {
            let is_blocked = blocked.as_ref().map(|blocked| is_in(blocked, row));
            Ok(contact(row, me.as_ref(), is_blocked)?)
        });
        shown.collect()
    }

    /// One person or group. Of a person whom the rows do not know WhatsApp is asked.
    ///
    /// # Errors
    /// When the session is unknown, the person is as well and the session does not work, or WhatsApp does not answer.
    pub async fn contact_of(&self, name: &SessionName, who: &ChatId) -> Result<Contact, AskError> {
        let handle = self.handle(name).await?;
        let storage = handle.outbound.journal.storage();
        let names = reading::names(&handle.state, who).await;
        if !matches!(who.kind(), ChatKind::Phone | ChatKind::Lid) {
            let chat = storage.chat(name.as_str(), &names).await.map_err(EngineError::from)?;
            let called = chat.and_then(|chat| chat.shown_name().map(str::to_owned));
            return Ok(no_person(who, called));
        }
        let me = handle.state.own_id();
        let known = storage.contact(name.as_str(), &names).await.map_err(EngineError::from)?;
        if let Some(row) = known {
            let blocked = blocked(&handle.state).await;
            let is_blocked = blocked.as_ref().map(|blocked| is_in(blocked, &row));
            return Ok(contact(&row, me.as_ref(), is_blocked).map_err(EngineError::from)?);
        }
        let exists = self.number_exists(name, who).await?.number_exists;
        let client = self.working(name).await?;
        let names = address::resolve_id(&client, who).await;
        let row = ContactRow {
            id: names.id.to_string(),
            lid: names.alt.filter(|alt| alt.kind() == ChatKind::Lid).map(String::from),
            ..ContactRow::default()
        };
        let blocked = blocked(&handle.state).await;
        let is_blocked = blocked.as_ref().map(|blocked| is_in(blocked, &row));
        let shown = contact(&row, me.as_ref(), is_blocked).map_err(EngineError::from)?;
        Ok(Contact { is_wa_contact: exists, ..shown })
    }
}

/// A group or channel, which WAHA's clients look up as contacts, too.
fn no_person(id: &ChatId, name: Option<String>) -> Contact {
    Contact {
        id: id.clone(),
        lid: None,
        number: None,
        name,
        pushname: None,
        short_name: None,
        is_me: false,
        is_group: id.is_group(),
        is_wa_contact: true,
        is_my_contact: false,
        is_blocked: None,
    }
}

/// Whom the account blocked, under each name that is known; `None` when WhatsApp cannot be asked.
async fn blocked(state: &SessionState) -> Option<Arc<BTreeSet<String>>> {
    let now_ms = state.clock().now_ms();
    if let Some(known) = state.blocked().get(now_ms) {
        return Some(known);
    }
    let client = state.client()?;
    let list = client.blocking().get_blocklist().await;
    let list = list.inspect_err(|error| tracing::debug!(%error, "the block list was not given")).ok()?;
    let mut names = BTreeSet::new();
    for entry in list {
        if let Some(address) = address::resolve(&client, &entry.jid, None).await {
            names.extend([Some(address.id), address.alt].into_iter().flatten().map(String::from));
        }
    }
    let names = Arc::new(names);
    state.blocked().keep(Arc::clone(&names), now_ms);
    Some(names)
}

fn is_in(blocked: &BTreeSet<String>, row: &ContactRow) -> bool {
    blocked.contains(&row.id) || row.lid.as_ref().is_some_and(|lid| blocked.contains(lid))
}
