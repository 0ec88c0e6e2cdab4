//! Contacts: who is on WhatsApp, what they show, who is blocked, what the phone's address book says.

use wakeeper_model::{ChatId, SessionName};
use wakeeper_waha::{About, NumberExists, ProfilePicture};
use whatsapp_rust::{Client, Jid};

use super::asking::{AskError, jid};
use crate::address;
use crate::life::registry::Sessions;

impl Sessions {
    /// Whether a number is on WhatsApp.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn number_exists(&self, name: &SessionName, who: &ChatId) -> Result<NumberExists, AskError> {
        let client = self.working(name).await?;
        if !registered(&client, &jid(who)?).await? {
            return Ok(NumberExists { number_exists: false, chat_id: None, pn: None });
        }
        let address = address::resolve_id(&client, who).await;
        let pn = Some(address.id.clone()).filter(|id| id.server() == "c.us");
        Ok(NumberExists { number_exists: true, chat_id: Some(address.id), pn })
    }

    /// What a person wrote about themselves.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn about(&self, name: &SessionName, who: &ChatId) -> Result<About, AskError> {
        let client = self.working(name).await?;
        let infos = client.contacts().get_user_info(&[jid(who)?]).await;
        let infos = infos.map_err(|error| AskError::unanswered("what the person shows", &error))?;
        let about = infos.into_values().find_map(|info| info.status);
        Ok(About { about: about.filter(|text| !text.is_empty()) })
    }

    /// The picture of a person or a group, as WhatsApp has it now.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn profile_picture(
        &self,
        name: &SessionName,
        who: &ChatId,
    ) -> Result<ProfilePicture, AskError> {
        let client = self.working(name).await?;
        let found = client.contacts().get_profile_picture(&jid(who)?, false).await;
        let found = found.map_err(|error| AskError::unanswered("the picture", &error))?;
        Ok(ProfilePicture { url: found.map(|picture| picture.url) })
    }

    /// Blocks a person, or lets them write again.
    ///
    /// # Errors
    /// When the session does not work, nobody on WhatsApp has that number, or WhatsApp does not answer.
    pub async fn block(&self, name: &SessionName, who: &ChatId, blocked: bool) -> Result<(), AskError> {
        let client = self.working(name).await?;
        let jid = jid(who)?;
        // WhatsApp blocks people by both of their names, so both must be known.
        let known = client.get_lid_pn_entry(&jid).await.ok().flatten().is_some();
        if !known && !registered(&client, &jid).await? {
            return Err(AskError::InvalidRequest("contactId: nobody on WhatsApp has that number".to_owned()));
        }
        let blocking = client.blocking();
        let done = if blocked { blocking.block(&jid).await } else { blocking.unblock(&jid).await };
        // Also when there was no answer: it may be so all the same.
        self.handle(name).await?.state.blocked().forget();
        done.map_err(|error| AskError::unanswered("the change of the block list", &error))
    }

    /// Writes a name into the address book of the account's phone.
    ///
    /// # Errors
    /// When the session does not work, the contact is no phone number, or WhatsApp does not take it.
    pub async fn save_contact(
        &self,
        name: &SessionName,
        who: &ChatId,
        first_name: String,
        last_name: &str,
    ) -> Result<(), AskError> {
        let client = self.working(name).await?;
        let address = address::resolve_id(&client, who).await;
        let full_name = format!("{first_name} {last_name}").trim().to_owned();
        let (who, actions) = (jid(&address.id)?, client.chat_actions());
        let saved = actions.save_contact(&who, Some(full_name), Some(first_name), true).await;
        saved.map_err(|error| AskError::unanswered("the change of the address book", &error))
    }
}

/// Asks whether somebody is on WhatsApp; the client remembers both names of who is.
async fn registered(client: &Client, who: &Jid) -> Result<bool, AskError> {
    let found = client.contacts().is_on_whatsapp(std::slice::from_ref(who)).await;
    let found = found.map_err(|error| AskError::unanswered("whether the number is on WhatsApp", &error))?;
    Ok(found.iter().any(|one| one.is_registered))
}
