//! The two names of people: hidden id (LID) and phone number.

use wakeeper_model::{ChatId, ChatKind, SessionName};
use wakeeper_waha::LidToPhoneNumber;
use whatsapp_rust::wacore::store::traits::LidPnMappingEntry;

use super::asking::{AskError, jid};
use crate::address;
use crate::life::registry::Sessions;

impl Sessions {
    /// Every pair of names that the session learnt, by LID.
    ///
    /// # Errors
    /// When the session does not work or its database cannot be read.
    pub async fn lids(&self, name: &SessionName) -> Result<Vec<LidToPhoneNumber>, AskError> {
        let client = self.working(name).await?;
        let known = client.persistence_manager().backend().get_all_lid_mappings().await;
        let mut known: Vec<LidPnMappingEntry> =
            known.map_err(|error| AskError::unanswered("the names in the session's database", &error))?;
        known.sort_unstable_by(|one, other| one.lid.cmp(&other.lid));
        Ok(known.iter().map(pair).collect())
    }

    /// Both names of one person. For a phone number that is unknown WhatsApp is asked.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn names_of(&self, name: &SessionName, who: &ChatId) -> Result<LidToPhoneNumber, AskError> {
        let client = self.working(name).await?;
        let is_phone = who.kind() == ChatKind::Phone;
        if is_phone && client.get_lid_pn_entry(&jid(who)?).await.ok().flatten().is_none() {
            self.number_exists(name, who).await?;
        }
        let address = address::resolve_id(&client, who).await;
        let known = [Some(address.id), address.alt];
        let of = |kind: ChatKind| known.iter().flatten().find(|id| id.kind() == kind).cloned();
        Ok(LidToPhoneNumber { lid: of(ChatKind::Lid), pn: of(ChatKind::Phone) })
    }
}

fn pair(entry: &LidPnMappingEntry) -> LidToPhoneNumber {
    LidToPhoneNumber {
        lid: format!("{}@lid", entry.lid).parse().ok(),
        pn: format!("{}@c.us", entry.phone_number).parse().ok(),
    }
}
