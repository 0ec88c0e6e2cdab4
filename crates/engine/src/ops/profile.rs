//! The account's own profile: its name, what it wrote about itself, its picture.

use wakeeper_delivery::webhook::SessionContext;
use wakeeper_model::SessionName;
use wakeeper_waha::{Profile, SessionStatus};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::wa;
use whatsapp_rust::prelude::wa::sync_action_value::PushNameSetting;
use whatsapp_rust::wacore::appstate::schemas;
use whatsapp_rust::wacore::store::commands::DeviceCommand;
use whatsapp_rust::{Client, ContactError, NodeBuilder, ProfileError};

use super::asking::AskError;
use crate::life::registry::Sessions;
use crate::media::picture;
use crate::outbound::outgoing::FileBody;
use crate::{EngineError, address};

impl Sessions {
    /// The account's name, and where its picture can be fetched, as WhatsApp has it now.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn profile(&self, name: &SessionName) -> Result<Profile, AskError> {
        let client = self.working(name).await?;
        let (Some(me), Some(jid)) = (address::me(&client), client.pn()) else {
            return Err(not_linked(name).into());
        };
        let found = client.contacts().get_profile_picture(&jid.to_non_ad(), false).await;
        let found = found.map_err(|error| match error {
            ContactError::Iq(error) => AskError::of_iq("the account's picture", &error),
            error => AskError::unanswered("the account's picture", &error),
        })?;
        Ok(Profile {
            id: me.id,
            picture: found.map(|picture| picture.url),
            name: me.push_name.unwrap_or_default(),
        })
    }

    /// Gives the account another name: told to its contacts, and to its other devices as app state.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take the name.
    pub async fn set_profile_name(&self, name: &SessionName, text: &str) -> Result<(), AskError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        tell_name(&client, handle.state.clock().now_ms(), text).await?;
        let (state, journal) = (&handle.state, &handle.outbound.journal);
        state.set_me(address::me(&client));
        match SessionContext::new(name.as_str(), &state.config(), state.me().as_ref()) {
            Ok(context) => journal.sink().set_session(name, context),
            Err(error) => tracing::error!(session = %name, %error, "the session's webhooks cannot work"),
        }
        Ok(state.store(journal).await.map_err(EngineError::from)?)
    }

    /// Writes what the account says of itself (its "about" text); an empty text takes it away.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take the text.
    pub async fn set_profile_status(&self, name: &SessionName, text: &str) -> Result<(), AskError> {
        let client = self.working(name).await?;
        let done = client.profile().set_status_text(text).await;
        done.map_err(|error| refused("what the account says of itself", error))
    }

    /// Gives the account another picture: a square JPEG, which is sent as it is.
    ///
    /// # Errors
    /// When it is no JPEG or cannot be fetched, the session does not work, or WhatsApp does not take it.
    pub async fn set_profile_picture(&self, name: &SessionName, file: FileBody) -> Result<(), AskError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        let bytes = picture::jpeg(&handle.outbound.limits, file).await?;
        let done = client.profile().set_profile_picture(bytes).await;
        done.map(drop).map_err(|error| refused("the picture", error))
    }

    /// Takes the account's picture away.
    ///
    /// # Errors
    /// When the session does not work, or WhatsApp does not take it away.
    pub async fn remove_profile_picture(&self, name: &SessionName) -> Result<(), AskError> {
        let client = self.working(name).await?;
        let done = client.profile().remove_profile_picture().await;
        done.map(drop).map_err(|error| refused("the picture's removal", error))
    }
}

/// Tells WhatsApp of the account's name. What whatsapp-rust 0.7.0 does for it (`features/profile.rs`), but for its failures: there a
/// change that the other devices never hear of counts as done.
async fn tell_name(client: &Client, now_ms: i64, name: &str) -> Result<(), AskError> {
    let value = wa::SyncActionValue {
        push_name_setting: MessageField::some(PushNameSetting { name: Some(name.to_owned()) }),
        timestamp: Some(now_ms),
        ..Default::default()
    };
    let kept = client.send_app_state_action(&schemas::SETTING_PUSH_NAME, &[], &value).await;
    kept.map_err(|error| AskError::unanswered("the new name", &error))?;
    let told = client.send_node(NodeBuilder::new("presence").attr("name", name).build()).await;
    told.map_err(|error| AskError::unanswered("the new name", &error))?;
    client.persistence_manager().process_command(DeviceCommand::SetPushName(name.to_owned())).await;
    Ok(())
}

fn refused(what: &'static str, error: ProfileError) -> AskError {
    match error {
        ProfileError::Iq(error) => AskError::of_iq(what, &error),
        error => AskError::unanswered(what, &error),
    }
}

/// A client that is logged in names its account; this one lost it meanwhile.
fn not_linked(name: &SessionName) -> EngineError {
    EngineError::NotReady {
        session: name.clone(),
        status: SessionStatus::Stopped,
        expected: vec![SessionStatus::Working],
    }
}
