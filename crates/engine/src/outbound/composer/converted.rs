//! Files made into what WhatsApp's apps show: where the caller asks for it, and where nothing else would be shown.

use std::io::Read;
use std::sync::Arc;

use super::Composer;
use super::upload::{Loaded, Source};
use crate::media::convert::{ConvertError, Converted, Sound, Target};
use crate::media::fetch::FetchError;
use crate::media::spool::Spooled;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::FileBody;

/// As much of a file as tells whether it is a voice note.
const BEGINNING: u64 = 64;

impl Composer<'_> {
    /// The file of a voice note and, with `convert`, what it sounds like.
    ///
    /// Where there is no ffmpeg, a file of which its caller says that phones play it goes out as it is.
    pub(super) async fn voice(
        &self,
        file: FileBody,
        convert: bool,
    ) -> Result<(Loaded, Option<Sound>), SendError> {
        let loaded = self.file(file).await?;
        if !convert {
            return Ok((loaded, None));
        }
        let file = self.spooled(loaded.source.clone()).await?;
        if is_voice_note(&beginning(&file).await?) {
            let sound = match self.limits.converter.listen(&file).await {
                Err(ConvertError::Missing) => None,
                heard => Some(heard?),
            };
            let converted = Converted { file, mimetype: "audio/ogg; codecs=opus" };
            return Ok((loaded.replaced(converted), sound));
        }
        match self.limits.converter.voice(&file).await {
            Err(ConvertError::Missing) if loaded.is_of("audio/ogg") => Ok((loaded, None)),
            made => {
                let (converted, sound) = made?;
                Ok((loaded.replaced(converted), Some(sound)))
            }
        }
    }

    /// The file of a video, converted when that is asked for.
    ///
    /// Where there is no ffmpeg, a file of which its caller says that phones play it goes out as it is.
    pub(super) async fn video(&self, file: FileBody, convert: bool) -> Result<Loaded, SendError> {
        let loaded = self.file(file).await?;
        if !convert {
            return Ok(loaded);
        }
        match self.made(&loaded, Target::Video).await {
            Err(SendError::Convert(ConvertError::Missing)) if loaded.is_of("video/mp4") => Ok(loaded),
            made => made,
        }
    }

    /// The file as something else.
    pub(super) async fn made(&self, loaded: &Loaded, target: Target) -> Result<Loaded, SendError> {
        let file = self.spooled(loaded.source.clone()).await?;
        Ok(loaded.replaced(self.limits.converter.convert(&file, target).await?))
    }

    /// A file on disk, where ffmpeg reads it.
    async fn spooled(&self, source: Source) -> Result<Arc<Spooled>, SendError> {
        match source {
            Source::File(file) => Ok(file),
            Source::Bytes(bytes) => Ok(self.limits.spool.keep(&bytes).await.map_err(FetchError::Spool)?),
        }
    }
}

impl Loaded {
    /// Does the caller, or whoever gave the file, say that it is of this type?
    fn is_of(&self, kind: &str) -> bool {
        let essence = self.mimetype.as_deref().and_then(|mimetype| mimetype.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(kind))
    }

    fn replaced(&self, converted: Converted) -> Self {
        let Converted { file, mimetype } = converted;
        let filename = self.filename.clone();
        Self { source: Source::File(file), mimetype: Some(mimetype.to_owned()), filename }
    }
}

async fn beginning(file: &Arc<Spooled>) -> Result<Vec<u8>, SendError> {
    let mut reader = file.reader(0).take(BEGINNING);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    match read.await {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(SendError::Failed { reason: "its file cannot be read any more" }),
    }
}

/// Is this OGG with one channel of Opus, as phones record voice notes? (RFC 3533, section 6; RFC 7845, section 5.1)
fn is_voice_note(beginning: &[u8]) -> bool {
    let Some((page, packet)) = beginning.split_at_checked(28) else { return false };
    page.starts_with(b"OggS") && packet.starts_with(b"OpusHead") && packet.get(9) == Some(&1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_note_is_told_by_its_first_page() {
        let mut file = b"OggS\0\x02".to_vec();
        file.resize(27, 0);
        file.extend(b"\x13OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
        assert!(is_voice_note(&file));
        file[37] = 2;
        assert!(!is_voice_note(&file), "two channels");
        assert!(!is_voice_note(&file[..30]) && !is_voice_note(b"RIFF"));
    }
}
