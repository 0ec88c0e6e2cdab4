//! Received files: fetched from WhatsApp's media servers when somebody asks for them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use wakeeper_model::{ChatId, SessionName};
use wakeeper_storage::{MessageRef, StorageError};
use whatsapp_rust::download::DownloadParams;
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::wacore::download::Downloadable;

use crate::EngineError;
use crate::media::cache::{Bounded, Cache, Kept};
use crate::media::file::MediaFile;
use crate::message::{content, media_part};
use crate::outbound::{Locks, Outbound, lock};

/// Why a received file cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The session cannot be asked, or cannot fetch it now.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// There is no such message, or it has no file.
    #[error("the message has no file")]
    NoFile,
    /// The file is larger than allowed.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It could not be fetched from WhatsApp's media servers.
    #[error("WhatsApp's media servers did not give the file")]
    Download,
}

impl From<StorageError> for MediaError {
    fn from(error: StorageError) -> Self {
        Self::Session(error.into())
    }
}

/// What the file of a post is named by that is not stored: its channel, and WhatsApp's number for it. No stanza id is like this:
/// those hold no `@`.
pub(crate) fn post_name(channel: &ChatId, number: u64) -> String {
    format!("{channel}_{number}")
}

/// Where the file of a message can be fetched: `/api/files/{session}/{name}.{extension}`, by its stanza id or by [`post_name`]. Holds
/// no phone number, so that access logs hold none.
pub(crate) fn url(public_url: &str, session: &SessionName, name: &str, message: &wa::Message) -> String {
    let info = content(message.get_base_message()).and_then(|content| content.media);
    let extension = info.map_or("bin", |info| extension(&info.mimetype));
    format!("{}/api/files/{session}/{name}.{extension}", public_url.trim_end_matches('/'))
}

fn extension(mimetype: &str) -> &'static str {
    match mimetype.split(';').next().unwrap_or_default().trim() {
        "image/jpeg" => "jpeg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "video/mp4" => "mp4",
        "video/3gpp" => "3gp",
        "audio/ogg" => "oga",
        "audio/mpeg" => "mp3",
        "audio/mp4" | "audio/aac" => "m4a",
        "audio/wav" | "audio/x-wav" => "wav",
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/csv" => "csv",
        "application/json" => "json",
        "application/zip" => "zip",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        _ => "bin",
    }
}

/// Fetches files of one session.
pub(crate) struct Downloads {
    /// Files fetched before.
    cache: Cache,
    /// Largest file, in bytes.
    limit: u64,
    /// Held while a file is fetched, by its hash: whoever wants it too waits and finds it kept.
    under_way: Locks,
    /// Messages that are not stored, with their [`post_name`]s: shown lately, so that their files may be asked for.
    shown: Mutex<VecDeque<(String, Vec<u8>)>>,
}

/// Messages that are not stored and whose files may be asked for.
const SHOWN: usize = 1_000;
/// Largest of them, in bytes; a longer one has no file to ask for.
const LARGEST_SHOWN: usize = 64 << 10;

impl Downloads {
    pub(crate) fn new(cache: Cache, limit: u64) -> Self {
        Self { cache, limit, under_way: Locks::default(), shown: Mutex::default() }
    }

    /// The file that [`url`] names.
    pub(crate) async fn file(&self, outbound: &Outbound, file: &str) -> Result<MediaFile, MediaError> {
        let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
        if let Some(proto) = self.shown_lately(name) {
            return self.of_message(outbound, &proto).await;
        }
        let target = MessageRef {
            session: outbound.state.name().as_str().to_owned(),
            id: name.to_owned(),
            from_me: None,
            chat: None,
        };
        let row = outbound.journal.storage().message(&target).await?.ok_or(MediaError::NoFile)?;
        self.of_message(outbound, &row.proto).await
    }

    /// Lets the file of a message be asked for that is not stored: a post of a channel that was looked at, by its
    /// [`post_name`]. The oldest are forgotten first.
    pub(crate) fn keep_for_later(&self, name: &str, proto: &[u8]) {
        if proto.len() > LARGEST_SHOWN {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.retain(|(known, _)| known != name);
        if shown.len() == SHOWN {
            shown.pop_front();
        }
        shown.push_back((name.to_owned(), proto.to_vec()));
    }

    fn shown_lately(&self, name: &str) -> Option<Vec<u8>> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.iter().find(|(known, _)| known == name).map(|(_, proto)| proto.clone())
    }

    /// The file of a stored message.
    pub(crate) async fn of_message(
        &self,
        outbound: &Outbound,
        proto: &[u8],
    ) -> Result<MediaFile, MediaError> {
        let message = whatsapp_rust::waproto::codec::message_decode(proto).map_err(|_| MediaError::NoFile)?;
        let described = content(message.get_base_message()).and_then(|content| content.media);
        let info = described.ok_or(MediaError::NoFile)?;
        let parameters = media_part(&message).and_then(parameters).ok_or(MediaError::NoFile)?;
        if parameters.file_length > self.limit {
            return Err(MediaError::TooLarge { limit: self.limit });
        }
        let Kept { file, length } = self.kept(outbound, &parameters).await?;
        Ok(MediaFile { mimetype: info.mimetype, filename: info.filename, file, length })
    }

    /// Removes files that were fetched before this moment; answers how many.
    pub(crate) async fn forget_older(&self, before: SystemTime) -> std::io::Result<u64> {
        self.cache.forget_older(before).await
    }

    async fn kept(&self, outbound: &Outbound, parameters: &DownloadParams) -> Result<Kept, MediaError> {
        if let Some(kept) = self.cache.get(&parameters.file_sha256).await {
            return Ok(kept);
        }
        let _alone = lock(&self.under_way, &hex::encode(&parameters.file_sha256)).await;
        if let Some(kept) = self.cache.get(&parameters.file_sha256).await {
            return Ok(kept);
        }
        self.download(outbound, parameters).await
    }

    /// Fetches a file to disk; it is checked against its hashes on the way.
    async fn download(&self, outbound: &Outbound, parameters: &DownloadParams) -> Result<Kept, MediaError> {
        let disk = |source| EngineError::Folder {
            operation: "keep a received file in",
            path: self.cache.folder().to_owned(),
            source,
        };
        let client = outbound.ready().await?;
        let file = self.cache.begin().await.map_err(disk)?;
        let writer = Bounded { file: file.as_file().try_clone().map_err(disk)?, limit: self.limit };
        client.download_from_params_to_writer(parameters, writer).await.map_err(|error| {
            tracing::debug!(session = %outbound.state.name(), %error, "a download failed");
            MediaError::Download
        })?;
        Ok(self.cache.keep(&parameters.file_sha256, file).await.map_err(disk)?)
    }
}

/// What a download needs. The `url` field of a message is never used: its sender chose it, so it
/// could lead anywhere; the path is fetched from WhatsApp's own hosts.
fn parameters(part: &dyn Downloadable) -> Option<DownloadParams> {
    if part.media_key().is_none() {
        // Files of channels are not encrypted; their hash is checked all the same.
        return Some(DownloadParams {
            direct_path: part.direct_path()?.to_owned(),
            media_key: None,
            file_sha256: part.file_sha256()?.to_vec(),
            file_enc_sha256: None,
            file_length: part.file_length().unwrap_or_default(),
            media_type: part.app_info(),
        });
    }
    Some(DownloadParams::encrypted(
        part.direct_path()?,
        part.media_key()?,
        part.file_sha256()?,
        part.file_enc_sha256()?,
        part.file_length().unwrap_or_default(),
        part.app_info(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_no_phone_number() {
        let message = wa::Message {
            image_message: whatsapp_rust::buffa::MessageField::some(wa::message::ImageMessage {
                mimetype: Some("image/png".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let session = "default".parse().unwrap();
        assert_eq!(
            url("http://localhost:8192/", &session, "3EB0AA", &message),
            "http://localhost:8192/api/files/default/3EB0AA.png"
        );
    }

    #[test]
    fn the_file_of_a_post_has_a_name_that_no_message_has() {
        let name = post_name(&"120363012345678901@newsletter".parse().unwrap(), 100);
        assert_eq!(name, "120363012345678901@newsletter_100");
        assert!(name.parse::<wakeeper_model::StanzaId>().is_err());
    }

    #[test]
    fn codecs_do_not_change_the_extension() {
        assert_eq!(extension("audio/ogg; codecs=opus"), "oga");
        assert_eq!(extension("x/y"), "bin");
    }
}
