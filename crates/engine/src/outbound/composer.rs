//! What exactly a send sends: made once, before anything leaves, and kept on disk so that it can be
//! sent again under the same id after a crash.

mod audience;
mod converted;
mod status;
mod structured;
mod upload;

use std::io::Read;

use sha2::{Digest, Sha256};
use wakeeper_model::{ChatId, MessageId};
use wakeeper_storage::{MessageRef, MessageRow, SendRow};
use whatsapp_rust::media::{AudioOptions, DocumentOptions, ImageOptions, VideoOptions};
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::wacore::download::MediaType;
use whatsapp_rust::wacore::types::message::AddressingMode;
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, Jid, media};

use crate::journal::Journal;
use crate::life::state::SessionState;
use crate::media::convert::Sound;
use crate::media::fetch::Limits;
use crate::message::{
    self, Incoming, Quote, WireKey, edit_message, quote_context, reaction_message, revoke_message,
    text_message, with_caption, with_preview,
};
use crate::ops::stored;
use crate::outbound::channel;
use crate::outbound::error::SendError;
use crate::outbound::link_preview;
use crate::outbound::outgoing::{
    Delete, Edit, LinkPreview, Media, MediaKind, MediaSource, Mentions, Outgoing, Reaction, Text,
};

/// A message ready to be encrypted.
#[derive(Clone)]
pub(crate) struct PreparedMessage {
    /// To whom, as callers write it.
    pub chat: ChatId,
    /// What.
    pub message: wa::Message,
    /// Of a status update: who is to see it, as the wire names them.
    pub recipients: Vec<String>,
}

impl PreparedMessage {
    /// As the row of the send keeps it.
    pub(crate) fn proto(&self) -> Vec<u8> {
        codec::message_to_vec(&self.message)
    }

    /// From the row of a send; `None` when it is damaged.
    pub(crate) fn stored(row: &SendRow) -> Option<Self> {
        if row.proto.is_empty() {
            return None;
        }
        Some(Self {
            chat: row.chat.parse().ok()?,
            message: codec::message_decode(&row.proto).ok()?,
            recipients: row.recipients.clone(),
        })
    }

    /// The message that it reacts to, edits, deletes or votes in, as its own key names it.
    pub(crate) fn target(&self) -> Option<MessageId> {
        let (Incoming::Reaction { target, .. }
        | Incoming::Edit { target, .. }
        | Incoming::Revoke { target }
        | Incoming::Vote { target, .. }
        | Incoming::EventAnswer { target, .. }) = message::read(&self.message)
        else {
            return None;
        };
        Some(MessageId {
            from_me: target.from_me.unwrap_or(false),
            chat: self.chat.clone(),
            stanza_id: target.id.clone().filter(|id| !id.is_empty())?,
            participant: target.participant.as_deref().and_then(|jid| jid.parse().ok()),
        })
    }
}

/// Tells one request from another under the same idempotency key. Reading a file that came with
/// the request blocks.
pub(crate) fn fingerprint(outgoing: &Outgoing) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(outgoing.name().as_bytes());
    add(outgoing.chat().as_str().as_bytes());
    let mut add_all = |parts: Vec<String>| parts.iter().for_each(|part| add(part.as_bytes()));
    let list = |mentions: &Mentions| {
        let all = mentions.all.then_some("all");
        mentions.people.iter().map(ChatId::as_str).chain(all).collect::<Vec<_>>().join(",")
    };
    match outgoing {
        Outgoing::Text(text) => {
            add_all(vec![text.text.clone(), optional(text.reply_to.as_ref()), list(&text.mentions)]);
            // Only where there is one, so that requests without are known again by what an earlier version stored.
            add_all(text.id.iter().map(ToString::to_string).collect());
        }
        Outgoing::Media(media) => {
            add_all(vec![
                media.caption.clone().unwrap_or_default(),
                optional(media.reply_to.as_ref()),
                list(&media.mentions),
                media.file.mimetype.clone().unwrap_or_default(),
                media.file.filename.clone().unwrap_or_default(),
                (media.kind == MediaKind::Video { as_note: true }).to_string(),
            ]);
            if media.convert {
                // Only where it is asked for, as above.
                add_all(vec!["convert".to_owned()]);
            }
            add_file(&mut hash, &media.file.source)?;
        }
        Outgoing::Reaction(reaction) => add_all(vec![reaction.message.to_string(), reaction.emoji.clone()]),
        Outgoing::Edit(edit) => {
            add_all(vec![edit.message.to_string(), edit.text.clone(), list(&edit.mentions)]);
        }
        Outgoing::Delete(delete) => add_all(vec![delete.message.to_string()]),
        Outgoing::Structured(structured) => {
            add_all(structured.parts());
            if let Some(file) = structured.file() {
                add_file(&mut hash, &file.source)?;
            }
        }
        Outgoing::Status(status) => {
            add_all(status.parts());
            if let Some(file) = status.file() {
                add_file(&mut hash, &file.source)?;
            }
        }
        Outgoing::Seen(_) | Outgoing::Typing(_) => {}
    }
    Ok(hex::encode(hash.finalize()))
}

fn add_file(hash: &mut Sha256, source: &MediaSource) -> std::io::Result<()> {
    let (length, bytes): (u64, &[u8]) = match source {
        MediaSource::Url(url) => (url.len() as u64, url.as_bytes()),
        MediaSource::Data(data) => (data.len() as u64, data),
        MediaSource::Spooled(file) => (file.length(), &[]),
    };
    hash.update(length.to_be_bytes());
    hash.update(bytes);
    if let MediaSource::Spooled(file) = source {
        let (mut reader, mut piece) = (file.reader(0), vec![0; 64 << 10]);
        loop {
            let length = reader.read(&mut piece)?;
            if length == 0 {
                break;
            }
            hash.update(&piece[..length]);
        }
    }
    Ok(())
}

fn optional(id: Option<&MessageId>) -> String {
    id.map(ToString::to_string).unwrap_or_default()
}

/// Makes plans: looks up quoted messages, fetches and uploads files.
pub(crate) struct Composer<'a> {
    /// The session's client, connected.
    pub client: &'a Client,
    /// The session.
    pub state: &'a SessionState,
    /// For messages that are answered, edited or deleted.
    pub journal: &'a Journal,
    /// For files by URL.
    pub limits: &'a Limits,
    /// It goes to a channel, where nothing is encrypted.
    pub in_the_open: bool,
}

impl Composer<'_> {
    /// The message that `outgoing` makes; what is no message has none.
    pub(crate) async fn compose(&self, outgoing: Outgoing) -> Result<PreparedMessage, SendError> {
        let chat = outgoing.chat().clone();
        let mut message = match outgoing {
            Outgoing::Status(status) => return self.status(status).await,
            Outgoing::Text(text) => self.text(text).await?,
            Outgoing::Media(media) => self.media(media).await?,
            Outgoing::Reaction(reaction) => self.reaction(&reaction).await?,
            Outgoing::Edit(edit) => self.edit(edit).await?,
            Outgoing::Delete(delete) => self.delete(&delete).await?,
            Outgoing::Structured(structured) => self.structured(structured).await?,
            Outgoing::Seen(_) | Outgoing::Typing(_) => {
                return Err(SendError::InvalidRequest("this is not a message".to_owned()));
            }
        };
        if self.in_the_open {
            channel::in_the_open(&mut message);
        }
        Ok(PreparedMessage { chat, message, recipients: Vec::new() })
    }

    async fn text(&self, text: Text) -> Result<wa::Message, SendError> {
        let context = self.context(&text.chat, text.reply_to.as_ref(), &text.mentions).await?;
        let message = text_message(text.text.clone(), context);
        Ok(self.previewed(message, &text.text, text.link_preview).await)
    }

    /// The message with a preview of the page that its text links to, when that is wanted and there is one to show.
    async fn previewed(&self, message: wa::Message, text: &str, wanted: LinkPreview) -> wa::Message {
        let large = match wanted {
            LinkPreview::None => return message,
            LinkPreview::Small => false,
            LinkPreview::Large => true,
        };
        // Page, pictures and upload together: a text does not wait longer.
        let until = tokio::time::Instant::now() + link_preview::PATIENCE;
        match link_preview::of(text, self.limits, large).await {
            Some((preview, picture)) => {
                let uploaded = match picture {
                    // Without it the small one is shown.
                    Some(picture) => {
                        let uploaded = tokio::time::timeout_at(until, self.thumbnail(picture)).await;
                        uploaded.ok().and_then(Result::ok)
                    }
                    None => None,
                };
                with_preview(message, preview, uploaded)
            }
            None => message,
        }
    }

    async fn context(
        &self,
        chat: &ChatId,
        reply_to: Option<&MessageId>,
        mentions: &Mentions,
    ) -> Result<Option<wa::ContextInfo>, SendError> {
        let quote = match reply_to {
            Some(id) => Some(self.quote(id).await?),
            None => None,
        };
        Ok(quote_context(quote, &self.mentioned(chat, mentions).await?))
    }

    /// Everybody whom a message mentions, as the wire names them.
    async fn mentioned(&self, chat: &ChatId, mentions: &Mentions) -> Result<Vec<String>, SendError> {
        let mut mentioned: Vec<String> = mentions.people.iter().map(ChatId::to_wire).collect();
        if !mentions.all {
            return Ok(mentioned);
        }
        let group: Option<Jid> = chat.to_wire().parse().ok().filter(|_| chat.is_group());
        let Some(group) = group else {
            return Err(SendError::InvalidRequest("mentions: only in groups is there an \"all\"".to_owned()));
        };
        let info = self.client.groups().query_info(&group).await;
        let info =
            info.map_err(|_| SendError::Failed { reason: "WhatsApp did not tell who is in the group" })?;
        let others = info.participants.iter().filter(|jid| !self.state.is_own(jid));
        for jid in others.map(Jid::to_non_ad_string) {
            if !mentioned.contains(&jid) {
                mentioned.push(jid);
            }
        }
        Ok(mentioned)
    }

    async fn quote(&self, id: &MessageId) -> Result<Quote, SendError> {
        let row = self.find(id).await?.filter(|row| !row.hidden).ok_or(SendError::MessageNotFound)?;
        let message = stored::protobuf(&row)?.ok_or(SendError::MessageNotFound)?;
        let sender = self.author(&row, id).await;
        Ok(Quote { stanza_id: row.id, sender, message })
    }

    /// Who wrote a message, as its chat names people on the wire.
    async fn author(&self, row: &MessageRow, id: &MessageId) -> String {
        match (row.from_me, &row.wire.participant) {
            (_, Some(participant)) => participant.clone(),
            (false, None) => row.wire.chat.clone(),
            (true, None) if id.chat.is_group() => self.own_jid_in(&id.chat).await,
            (true, None) => self.own_jid(row.wire.chat.ends_with("@lid")),
        }
    }

    fn own_jid(&self, lid: bool) -> String {
        let me = self.state.me();
        let name = me.and_then(|me| if lid { me.lid.or(Some(me.id)) } else { Some(me.id) });
        name.map(|name| name.to_wire()).unwrap_or_default()
    }

    async fn find(&self, id: &MessageId) -> Result<Option<MessageRow>, SendError> {
        let target = MessageRef {
            session: self.state.name().as_str().to_owned(),
            id: id.stanza_id.clone(),
            from_me: Some(id.from_me),
            // A chat has two names; the caller may use the other one.
            chat: None,
        };
        Ok(self.journal.storage().message(&target).await?)
    }

    /// The key that names a message to the other side.
    async fn key(&self, id: &MessageId) -> Result<wa::MessageKey, SendError> {
        let wire = match self.find(id).await? {
            Some(row) => row.wire,
            None => WireKey {
                chat: id.chat.to_wire(),
                participant: id.participant.as_ref().map(ChatId::to_wire),
                ..WireKey::default()
            },
        };
        let participant = match wire.participant {
            Some(participant) => Some(participant),
            None if id.chat.is_group() && id.from_me => Some(self.own_jid_in(&id.chat).await),
            None => None,
        };
        Ok(wa::MessageKey {
            remote_jid: Some(wire.chat),
            from_me: Some(id.from_me),
            id: Some(id.stanza_id.clone()),
            participant,
        })
    }

    /// The name under which this account takes part in a group.
    async fn own_jid_in(&self, group: &ChatId) -> String {
        let lid = match group.to_wire().parse::<Jid>() {
            Ok(jid) => self
                .client
                .groups()
                .query_info(&jid)
                .await
                .is_ok_and(|info| info.addressing_mode == AddressingMode::Lid),
            Err(_) => false,
        };
        self.own_jid(lid)
    }

    async fn reaction(&self, reaction: &Reaction) -> Result<wa::Message, SendError> {
        if self.in_the_open {
            self.post_exists(&reaction.message).await?;
        }
        let key = self.key(&reaction.message).await?;
        Ok(reaction_message(key, &reaction.emoji, self.state.clock().now_ms()))
    }

    /// A reaction in a channel names its post by the server's number, which must be known.
    async fn post_exists(&self, post: &MessageId) -> Result<(), SendError> {
        let channel: Option<Jid> = post.chat.to_wire().parse().ok();
        let numbers = self.state.post_numbers();
        let found = match &channel {
            Some(channel) => numbers.find(self.client, channel, &post.stanza_id).await,
            None => Ok(None),
        };
        match found {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(SendError::MessageNotFound),
            Err(_) => Err(SendError::Failed { reason: "WhatsApp did not tell which posts the channel has" }),
        }
    }

    async fn edit(&self, edit: Edit) -> Result<wa::Message, SendError> {
        if !edit.message.from_me {
            return Err(SendError::InvalidRequest("only own messages can be edited".to_owned()));
        }
        let row = self.find(&edit.message).await?.ok_or(SendError::MessageNotFound)?;
        let key = self.key(&edit.message).await?;
        let mentioned = self.mentioned(&edit.message.chat, &edit.mentions).await?;
        let context = quote_context(None, &mentioned);
        let before = stored::protobuf(&row)?;
        let content = match before.and_then(|before| with_caption(before, &edit.text, mentioned)) {
            Some(content) => content,
            None if row.kind != "text" => {
                return Err(SendError::InvalidRequest("only texts and captions can be edited".to_owned()));
            }
            None => {
                self.previewed(text_message(edit.text.clone(), context), &edit.text, edit.link_preview).await
            }
        };
        Ok(edit_message(key, content, self.state.clock().now_ms()))
    }

    async fn delete(&self, delete: &Delete) -> Result<wa::Message, SendError> {
        let id = &delete.message;
        if !id.from_me && !id.chat.is_group() {
            return Err(SendError::InvalidRequest(
                "only own messages can be deleted for everyone".to_owned(),
            ));
        }
        self.find(id).await?.ok_or(SendError::MessageNotFound)?;
        let mut key = self.key(id).await?;
        if id.from_me {
            // The sender's own deletions name no participant.
            key.participant = None;
        }
        Ok(revoke_message(key))
    }

    async fn media(&self, media: Media) -> Result<wa::Message, SendError> {
        let context = self.context(&media.chat, media.reply_to.as_ref(), &media.mentions).await?;
        let (file, sound) = match media.kind {
            MediaKind::Voice => self.voice(media.file, media.convert).await?,
            MediaKind::Video { .. } => (self.video(media.file, media.convert).await?, None),
            MediaKind::Image | MediaKind::File => (self.file(media.file).await?, None),
        };
        let media_type = match media.kind {
            MediaKind::Image => MediaType::Image,
            MediaKind::File => MediaType::Document,
            MediaKind::Voice => MediaType::Audio,
            MediaKind::Video { .. } => MediaType::Video,
        };
        let uploaded = self.upload(file.source, media_type).await?;
        let caption = media.caption.filter(|caption| !caption.is_empty());
        let mut message = match media.kind {
            MediaKind::Image => media::image_message(
                uploaded,
                ImageOptions { caption, mimetype: file.mimetype, ..Default::default() },
            ),
            MediaKind::File => media::document_message(
                uploaded,
                DocumentOptions {
                    caption,
                    mimetype: file.mimetype,
                    title: file.filename.clone(),
                    file_name: file.filename,
                    ..Default::default()
                },
            ),
            MediaKind::Voice => media::audio_message(uploaded, voice_options(file.mimetype, sound)),
            MediaKind::Video { .. } => media::video_message(
                uploaded,
                VideoOptions { caption, mimetype: file.mimetype, ..Default::default() },
            ),
        };
        if let Some(context) = context {
            message.set_context_info(context);
        }
        if media.kind == (MediaKind::Video { as_note: true }) {
            message.ptv_message = std::mem::take(&mut message.video_message);
        }
        Ok(message)
    }
}

/// What a voice note says of its file.
fn voice_options(mimetype: Option<String>, sound: Option<Sound>) -> AudioOptions {
    let (duration_seconds, waveform) = sound.map(|sound| (sound.seconds, sound.waveform)).unzip();
    AudioOptions { mimetype, duration_seconds, ptt: Some(true), waveform, context_info: None }
}

#[cfg(test)]
mod tests;
