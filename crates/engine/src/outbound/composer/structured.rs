//! Messages with a structure of their own, made ready: polls are looked up, pictures uploaded.

use std::sync::Arc;

use wakeeper_model::MessageId;
use whatsapp_rust::media::{self, ImageOptions};
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::wacore::download::MediaType;
use whatsapp_rust::wacore::webp;

use super::Composer;
use super::upload::{Loaded, Source};
use crate::media::convert::Target;
use crate::media::spool::Spooled;
use crate::message::{
    Ballot, Thumbnail, VoteError, button_reply_message, buttons_message, contact_message, event_message,
    forwarded_message, is_jpeg, is_webp, jpeg_size, link_message, list_message, location_message,
    pin_message, poll_message, sticker_message, text_message, vote_message,
};
use crate::ops::stored;
use crate::outbound::channel;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{FileBody, Mentions};
use crate::structured::{Buttons, Link, Pin, Structure, Structured, Vote};

/// Largest picture of a preview inside a message, in bytes: it goes to every device of every receiver.
const LARGEST_INSIDE: u64 = 64 << 10;
/// Largest sticker or picture of a preview, in bytes: they are looked into, in memory.
const LARGEST_PICTURE: u64 = 5 << 20;

impl Composer<'_> {
    /// The message that `structured` makes.
    pub(super) async fn structured(&self, structured: Structured) -> Result<wa::Message, SendError> {
        let Structured { chat, content, reply_to, id: _ } = structured;
        let context = self.context(&chat, reply_to.as_ref(), &Mentions::default()).await?;
        let mut message = match content {
            Structure::Location(place) => location_message(place),
            Structure::Contacts(cards) => contact_message(cards),
            Structure::Poll(poll) => poll_message(poll, rand::random()),
            Structure::Vote(vote) => self.vote(&vote).await?,
            Structure::Event(event) => event_message(event, rand::random()),
            Structure::Forward(message) => self.forward(&message).await?,
            Structure::Sticker(file) => self.sticker(file).await?,
            Structure::Link(link) => self.link(link).await?,
            Structure::List(list) => list_message(&list),
            Structure::Buttons(buttons) => self.buttons(buttons).await?,
            Structure::ButtonReply(press) => button_reply_message(press),
            Structure::Pin(pin) => self.pin(&pin).await?,
        };
        if let Some(context) = context
            && !message.set_context_info(context)
        {
            return Err(SendError::InvalidRequest("reply_to: this kind of message answers none".to_owned()));
        }
        Ok(message)
    }

    async fn vote(&self, vote: &Vote) -> Result<wa::Message, SendError> {
        let row = self.find(&vote.poll).await?.filter(|row| !row.hidden && !row.revoked);
        let row = row.ok_or(SendError::MessageNotFound)?;
        let poll = stored::protobuf(&row)?.ok_or(SendError::MessageNotFound)?;
        let author = self.author(&row, &vote.poll).await;
        // The voter's name must be of the same kind as the author's, or the author's devices cannot open the vote.
        let voters = [self.own_jid(author.ends_with("@lid"))];
        let authors = [author];
        let key = self.key(&vote.poll).await?;
        let ballot = Ballot { poll: &poll, poll_id: &row.id, authors: &authors, voters: &voters };
        let message = vote_message(key, &ballot, &vote.options, self.state.clock().now_ms());
        message.map_err(|error| match error {
            VoteError::Sealing => SendError::Failed { reason: "the vote could not be encrypted" },
            error => SendError::InvalidRequest(error.to_string()),
        })
    }

    async fn pin(&self, pin: &Pin) -> Result<wa::Message, SendError> {
        let row = self.find(&pin.message).await?.filter(|row| !row.hidden && !row.revoked);
        row.ok_or(SendError::MessageNotFound)?;
        let key = self.key(&pin.message).await?;
        Ok(pin_message(key, pin.seconds, self.state.clock().now_ms()))
    }

    async fn forward(&self, id: &MessageId) -> Result<wa::Message, SendError> {
        let row = self.find(id).await?.filter(|row| !row.hidden && !row.revoked);
        let row = row.ok_or(SendError::MessageNotFound)?;
        let message = match stored::protobuf(&row)? {
            Some(message) => message,
            // Of an imported one only its text may be known.
            None if row.kind == "text" => {
                text_message(row.described.body.ok_or(SendError::MessageNotFound)?, None)
            }
            None => return Err(SendError::MessageNotFound),
        };
        if self.in_the_open {
            channel::refuse_sealed_file(&message)?;
        }
        forwarded_message(&message, rand::random()).ok_or_else(|| {
            let reason =
                "messageId: this message cannot be forwarded; it may be looked at once, or says nothing";
            SendError::InvalidRequest(reason.to_owned())
        })
    }

    async fn sticker(&self, file: FileBody) -> Result<wa::Message, SendError> {
        let mut loaded = self.file(file).await?;
        let may_be_webp = loaded.source.length() <= LARGEST_PICTURE;
        let mut bytes = if may_be_webp { self.content(&loaded).await? } else { Vec::new() };
        if !is_webp(&bytes) {
            loaded = self.made(&loaded, Target::Sticker).await?;
            bytes = self.content(&loaded).await?;
        }
        let animated = webp::is_animated(&bytes);
        Ok(sticker_message(self.upload(loaded.source, MediaType::Sticker).await?, animated))
    }

    async fn link(&self, mut link: Link) -> Result<wa::Message, SendError> {
        let Some(image) = link.image.take() else { return Ok(link_message(link, None)) };
        let (mut loaded, mut bytes) = self.looked_into(image).await?;
        let fits = link.large || bytes.len() as u64 <= LARGEST_INSIDE;
        if !is_jpeg(&bytes) || !fits {
            let target = if link.large { Target::Large } else { Target::Small };
            loaded = self.made(&loaded, target).await?;
            bytes = self.content(&loaded).await?;
        }
        let thumbnail = if link.large {
            let uploaded = self.upload(loaded.source, MediaType::LinkThumbnail).await?;
            Thumbnail::Uploaded(Box::new(uploaded), jpeg_size(&bytes))
        } else if bytes.len() as u64 <= LARGEST_INSIDE {
            Thumbnail::Inside(bytes)
        } else {
            return Err(SendError::InvalidRequest(format!(
                "preview.image: at most {LARGEST_INSIDE} bytes without linkPreviewHighQuality"
            )));
        };
        Ok(link_message(link, Some(thumbnail)))
    }

    /// The large picture of a link's preview, JPEG, uploaded.
    pub(super) async fn thumbnail(&self, picture: Arc<Spooled>) -> Result<Thumbnail, SendError> {
        let loaded = Loaded { source: Source::File(picture), mimetype: None, filename: None };
        let size = jpeg_size(&self.content(&loaded).await?);
        let uploaded = self.upload(loaded.source, MediaType::LinkThumbnail).await?;
        Ok(Thumbnail::Uploaded(Box::new(uploaded), size))
    }

    async fn buttons(&self, mut buttons: Buttons) -> Result<wa::Message, SendError> {
        let Some(image) = buttons.image.take() else { return Ok(buttons_message(&buttons, None)) };
        let (mut file, bytes) = self.looked_into(image).await?;
        match picture_type(&bytes) {
            Some(kind) => file.mimetype = Some(kind.to_owned()),
            None => file = self.made(&file, Target::Large).await?,
        }
        let uploaded = self.upload(file.source, MediaType::Image).await?;
        let options = ImageOptions { mimetype: file.mimetype, ..Default::default() };
        let picture = media::image_message(uploaded, options).image_message.into_option();
        Ok(buttons_message(&buttons, picture))
    }

    /// A small file, and its bytes.
    async fn looked_into(&self, file: FileBody) -> Result<(Loaded, Vec<u8>), SendError> {
        let loaded = self.file(file).await?;
        if loaded.source.length() > LARGEST_PICTURE {
            return Err(SendError::TooLarge { limit: LARGEST_PICTURE });
        }
        let bytes = self.content(&loaded).await?;
        Ok((loaded, bytes))
    }

    async fn content(&self, loaded: &Loaded) -> Result<Vec<u8>, SendError> {
        let source = loaded.source.clone();
        let read = tokio::task::spawn_blocking(move || Source::bytes(source));
        match read.await {
            Ok(Ok(bytes)) => Ok(bytes),
            _ => Err(SendError::Failed { reason: "its file cannot be read any more" }),
        }
    }
}

/// What kind of picture a file is, of those that WhatsApp's apps show, by its first bytes.
fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    if is_jpeg(bytes) {
        return Some("image/jpeg");
    }
    bytes.starts_with(b"\x89PNG\r\n\x1a\n").then_some("image/png")
}
