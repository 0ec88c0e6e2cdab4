//! Status updates, made ready: who is to see them, and what they look like.

use wakeeper_model::{ChatId, ChatKind, MessageId};
use whatsapp_rust::Jid;
use whatsapp_rust::media::{self, ImageOptions, VideoOptions};
use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::wacore::download::MediaType;
use whatsapp_rust::waproto::whatsapp::message::extended_text_message::FontType;

use super::{Composer, PreparedMessage, voice_options};
use crate::message::text_message;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::Delete;
use crate::status::{Status, StatusContent};

/// White, as Baileys and WhatsApp's apps write texts of statuses.
const WHITE: u32 = 0xffff_ffff;

impl Composer<'_> {
    /// The message that `status` makes, and who gets it.
    pub(super) async fn status(&self, status: Status) -> Result<PreparedMessage, SendError> {
        let chat = status.chat().clone();
        let recipients = match &status.content {
            StatusContent::Delete(id) if status.contacts.is_empty() => self.saw(id).await?,
            _ => self.recipients(&status.contacts).await?,
        };
        let message = match status.content {
            StatusContent::Text { text, background, font, link_preview } => {
                let font = u8::try_from(font).ok().and_then(|font| font_of(font.into()));
                let font = font.ok_or_else(|| {
                    SendError::InvalidRequest("font: WhatsApp has 0, 1, 2, 6, 7, 8, 9 and 10".to_owned())
                })?;
                let message = text_message(text.clone(), Some(wa::ContextInfo::default()));
                let mut message = self.previewed(message, &text, link_preview).await;
                if let Some(text) = message.extended_text_message.as_option_mut() {
                    text.context_info = MessageField::default();
                    text.background_argb = Some(background);
                    text.text_argb = Some(WHITE);
                    text.font = Some(font);
                }
                message
            }
            StatusContent::Image { file, caption } => {
                let file = self.file(file).await?;
                let uploaded = self.upload(file.source, MediaType::Image).await?;
                let caption = Some(caption).filter(|caption| !caption.is_empty());
                let options = ImageOptions { caption, mimetype: file.mimetype, ..Default::default() };
                media::image_message(uploaded, options)
            }
            StatusContent::Video { file, caption, convert } => {
                let file = self.video(file, convert).await?;
                let uploaded = self.upload(file.source, MediaType::Video).await?;
                let caption = Some(caption).filter(|caption| !caption.is_empty());
                let options = VideoOptions { caption, mimetype: file.mimetype, ..Default::default() };
                media::video_message(uploaded, options)
            }
            StatusContent::Voice { file, background, convert } => {
                let (file, sound) = self.voice(file, convert).await?;
                let uploaded = self.upload(file.source, MediaType::Audio).await?;
                let mut message = media::audio_message(uploaded, voice_options(file.mimetype, sound));
                if let Some(audio) = message.audio_message.as_option_mut() {
                    audio.background_argb = Some(background);
                }
                message
            }
            StatusContent::Delete(id) => self.taken_back(id).await?,
        };
        Ok(PreparedMessage { chat, message, recipients })
    }

    async fn taken_back(&self, id: MessageId) -> Result<wa::Message, SendError> {
        if !id.from_me {
            return Err(SendError::InvalidRequest("only own statuses can be deleted".to_owned()));
        }
        self.delete(&Delete { message: id }).await
    }

    /// Those for whom a status was posted.
    async fn saw(&self, id: &MessageId) -> Result<Vec<String>, SendError> {
        let storage = self.journal.storage();
        let send = storage.send_by_id(self.state.name().as_str(), &id.stanza_id).await?;
        let recipients = send.map(|send| send.recipients).filter(|recipients| !recipients.is_empty());
        recipients.ok_or_else(|| {
            SendError::InvalidRequest(
                "contacts: give those who saw the status; it was not posted through this gateway, or long ago"
                    .to_owned(),
            )
        })
    }

    /// People as the wire names them: those who are named, all of whom must be on WhatsApp, or else those whom the account shows its
    /// statuses to, as far as they are.
    async fn recipients(&self, contacts: &[ChatId]) -> Result<Vec<String>, SendError> {
        if contacts.is_empty() {
            let mut people = self.audience().await?;
            let strangers = self.strangers(&people).await?;
            people.retain(|jid| !strangers.contains(jid));
            return if people.is_empty() {
                let reason = "contacts: nobody in the account's address book is on WhatsApp; give those who are to see it";
                Err(SendError::InvalidRequest(reason.to_owned()))
            } else {
                Ok(people.iter().map(Jid::to_non_ad_string).collect())
            };
        }
        let refused = |at: usize, why: &str| SendError::InvalidRequest(format!("contacts[{at}]: {why}"));
        let mut people = Vec::with_capacity(contacts.len());
        for (at, contact) in contacts.iter().enumerate() {
            let person = matches!(contact.kind(), ChatKind::Phone | ChatKind::Lid);
            let jid: Option<Jid> = contact.to_wire().parse().ok().filter(|_| person);
            people.push(jid.ok_or_else(|| refused(at, "a phone number or LID"))?);
        }
        let strangers = self.strangers(&people).await?;
        if let Some(at) = people.iter().position(|jid| strangers.contains(jid)) {
            return Err(refused(at, "nobody on WhatsApp has that number"));
        }
        Ok(people.iter().map(Jid::to_non_ad_string).collect())
    }

    /// Who of them is not on WhatsApp. whatsapp-rust sends statuses by LID and passes over whom it knows none of, so WhatsApp is asked
    /// for those.
    async fn strangers(&self, people: &[Jid]) -> Result<Vec<Jid>, SendError> {
        let mut unknown = Vec::new();
        for jid in people {
            if !self.is_known(jid).await {
                unknown.push(jid.clone());
            }
        }
        if unknown.is_empty() {
            return Ok(unknown);
        }
        let asked = self.client.contacts().is_on_whatsapp(&unknown).await;
        asked.map_err(|_| SendError::Failed { reason: "WhatsApp did not tell who is on it" })?;
        let mut strangers = Vec::new();
        for jid in unknown {
            if !self.is_known(&jid).await {
                strangers.push(jid);
            }
        }
        Ok(strangers)
    }

    async fn is_known(&self, jid: &Jid) -> bool {
        jid.is_lid() || self.client.get_lid_pn_entry(jid).await.ok().flatten().is_some()
    }
}

/// The font of that number, as WhatsApp's protobuf has them.
fn font_of(number: i32) -> Option<FontType> {
    Some(match number {
        0 => FontType::SYSTEM,
        1 => FontType::SYSTEM_TEXT,
        2 => FontType::FB_SCRIPT,
        6 => FontType::SYSTEM_BOLD,
        7 => FontType::MORNINGBREEZE_REGULAR,
        8 => FontType::CALISTOGA_REGULAR,
        9 => FontType::EXO2_EXTRABOLD,
        10 => FontType::COURIERPRIME_BOLD,
        _ => return None,
    })
}
