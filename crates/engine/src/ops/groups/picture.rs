//! A group's picture.

use wakeeper_model::ChatId;
use whatsapp_rust::ContactError;

use super::{Groups, GroupsError, jid};
use crate::media::small;
use crate::outbound::outgoing::FileBody;

/// Largest picture, in bytes. WhatsApp's apps send some 100 KB.
const LARGEST: u64 = 5 << 20;
/// How every JPEG begins.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

impl Groups {
    /// Where a group's picture can be fetched; `None` when it has none, or the account may not see it.
    ///
    /// # Errors
    /// When there is no such group, or WhatsApp does not answer.
    pub async fn picture(&self, group: &ChatId) -> Result<Option<String>, GroupsError> {
        let group = jid(group)?;
        // A picture that is not there and a group that is not there have the same answer.
        self.described(&group).await?;
        match self.client.contacts().get_profile_picture(&group, false).await {
            Ok(picture) => Ok(picture.map(|picture| picture.url)),
            Err(ContactError::Iq(error)) => Err(error.into()),
            Err(_) => Err(GroupsError::Failed("WhatsApp's answer could not be understood")),
        }
    }

    /// Gives a group another picture: a square JPEG, which is sent as it is.
    ///
    /// # Errors
    /// When it is no JPEG or cannot be fetched, there is no such group, or the account may not do that.
    pub async fn set_picture(&self, group: &ChatId, file: FileBody) -> Result<(), GroupsError> {
        let group = jid(group)?;
        let bytes = small::bytes(file, &self.outbound.limits, LARGEST).await?;
        if !bytes.starts_with(&JPEG) {
            return Err(GroupsError::InvalidRequest(
                "file: a group's picture must be a JPEG; other kinds are not converted by this version",
            ));
        }
        self.client.groups().set_profile_picture(&group, bytes).await?;
        Ok(())
    }

    /// Takes a group's picture away.
    ///
    /// # Errors
    /// When there is no such group, or the account may not do that.
    pub async fn remove_picture(&self, group: &ChatId) -> Result<(), GroupsError> {
        self.client.groups().remove_profile_picture(&jid(group)?).await?;
        Ok(())
    }
}
