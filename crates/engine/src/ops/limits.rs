//! How WhatsApp limits what the account may write to new people.

use wakeeper_model::SessionName;
use wakeeper_waha::{MessageCapping, ReachoutTimelock};
use whatsapp_rust::features::MexRequest;
use whatsapp_rust::wacore::iq::mex_operations::fetch_new_chat_message_capping_info as capping;

use super::asking::AskError;
use crate::life::registry::Sessions;

/// Which of its limits WhatsApp Web asks for.
const NEW_CHATS: &str = "INDIVIDUAL_NEW_CHAT_MSG";

impl Sessions {
    /// How many new chats the account may begin.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn capping(&self, name: &SessionName) -> Result<MessageCapping, AskError> {
        let client = self.working(name).await?;
        let input = Some(capping::Input { r#type: Some(NEW_CHATS.to_owned()) });
        let request = MexRequest::new(capping::NAME, capping::DOC_ID, capping::Variables { input });
        let unanswered =
            |error: &dyn std::fmt::Display| AskError::unanswered("its limit of new chats", error);
        let answer = client.mex().query(request).await.map_err(|error| unanswered(&error))?;
        let answer: capping::Response =
            serde_json::from_value(answer.data.unwrap_or_default()).map_err(|error| unanswered(&error))?;
        let info = answer.xwa2_message_capping_info.ok_or_else(|| unanswered(&"no data"))?;
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
        let word = |text: Option<String>| text.unwrap_or_else(|| "NONE".to_owned());
        Ok(MessageCapping {
            capping_status: word(info.capping_status),
            total_quota: number(info.total_quota),
            used_quota: number(info.used_quota),
            cycle_start: info.cycle_start_timestamp.unwrap_or_default(),
            cycle_end: info.cycle_end_timestamp.unwrap_or_default(),
            mv_status: word(info.mv_status),
            ote_status: word(info.ote_status),
        })
    }

    /// Whether WhatsApp keeps the account from writing to new people.
    ///
    /// # Errors
    /// When the session does not work or WhatsApp does not answer.
    pub async fn timelock(&self, name: &SessionName) -> Result<ReachoutTimelock, AskError> {
        let client = self.working(name).await?;
        let lock = client.mex().fetch_reachout_timelock().await;
        let lock = lock.map_err(|error| AskError::unanswered("its time lock", &error))?;
        Ok(ReachoutTimelock {
            enforcement_type: lock.enforcement_type.unwrap_or_else(|| "DEFAULT".to_owned()),
            is_active: lock.is_active.unwrap_or(false),
            time_enforcement_ends: lock.time_enforcement_ends.and_then(|time| time.parse().ok()),
        })
    }
}
