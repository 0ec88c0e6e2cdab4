//! Files made into what WhatsApp's apps show: voice notes, videos, stickers and pictures, by ffmpeg.
//!
//! What is converted is an enemy's, and ffmpeg reads a hundred formats, among them lists that name other files. So it runs as a
//! process of its own: no shell, no network, only formats that hold everything in themselves, and bounds on time, memory, output
//! and how many run at once. Both files have no name: ffmpeg gets them as its standard input and output. When nobody waits for
//! it any more, it is killed.

mod process;
mod recipe;
#[cfg(test)]
mod tests;
mod waveform;

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::recipe::Recipe;
pub use self::recipe::Target;
pub(crate) use self::waveform::Sound;
use crate::media::spool::{Spool, SpoolError, Spooled};

/// Conversions at the same time; each may keep two cores busy.
const AT_ONCE: usize = 2;
/// Of these, so many of videos, each of which may take minutes: sounds, pictures and stickers do not wait for all of them.
const VIDEOS_AT_ONCE: usize = 1;
/// How long one waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a file was not converted. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// There is no ffmpeg.
    #[error("the file would have to be converted, and ffmpeg, which does that, is not installed")]
    Missing,
    /// It is none of the formats that are read, is broken, or has nothing of this kind in it.
    #[error("the file cannot be converted: no {0} was found in it that can be read")]
    Unreadable(&'static str),
    /// It took too long.
    #[error("the file cannot be converted: that takes longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// What was made of it is too large.
    #[error("the file cannot be converted: what is made of it has more than {0} bytes")]
    TooLarge(u64),
    /// Too many others are being converted.
    #[error("too many files are being converted at the same time")]
    Busy,
    /// ffmpeg could not be run, or not within its bounds.
    #[error("ffmpeg cannot be run: {0}")]
    NotRun(io::Error),
    /// There is no room for the result.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// Converts files. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Converter {
    /// ffmpeg, when there is one.
    program: Option<Arc<Path>>,
    turns: Arc<Semaphore>,
    /// A video needs one of these as well.
    turns_of_videos: Arc<Semaphore>,
    spool: Spool,
    /// Largest result, whatever it is.
    most_bytes: u64,
}

/// May run until it is dropped.
struct Turn {
    _turn: OwnedSemaphorePermit,
    _of_a_video: Option<OwnedSemaphorePermit>,
}

/// What was made of a file.
#[derive(Debug)]
pub struct Converted {
    /// The new file.
    pub file: Arc<Spooled>,
    /// Its type.
    pub mimetype: &'static str,
}

impl Converter {
    /// `program` is the path of ffmpeg; results lie in `spool`, and none has more than `most_bytes`.
    pub(crate) fn new(program: Option<&Path>, spool: Spool, most_bytes: u64) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let turns_of_videos = Arc::new(Semaphore::new(VIDEOS_AT_ONCE));
        Self { program: program.map(Arc::from), turns, turns_of_videos, spool, most_bytes }
    }

    /// Makes a file into another kind.
    pub(crate) async fn convert(
        &self,
        file: &Arc<Spooled>,
        target: Target,
    ) -> Result<Converted, ConvertError> {
        let program = self.program.as_deref().ok_or(ConvertError::Missing)?;
        let _turn = self.turn(target == Target::Video).await?;
        self.made(program, file, target).await
    }

    /// The same for whoever does not wait for a turn: `Busy` when there is none.
    pub(crate) async fn convert_at_once(
        &self,
        file: &Arc<Spooled>,
        target: Target,
    ) -> Result<Converted, ConvertError> {
        let program = self.program.as_deref().ok_or(ConvertError::Missing)?;
        let _turn = self.turn_at_once(target == Target::Video)?;
        self.made(program, file, target).await
    }

    /// For whoever has a turn.
    async fn made(
        &self,
        program: &Path,
        file: &Arc<Spooled>,
        target: Target,
    ) -> Result<Converted, ConvertError> {
        let recipe = Recipe::of(target, &beginning(file).await?).within(self.most_bytes);
        let made = match process::run(program, &recipe, file, &self.spool).await {
            Err(ConvertError::TooLarge(_)) if target == Target::Sticker => {
                let coarse = Recipe::coarse_sticker().within(self.most_bytes);
                process::run(program, &coarse, file, &self.spool).await?
            }
            made => made?,
        };
        Ok(Converted { file: Arc::new(made), mimetype: recipe.mimetype })
    }

    /// A voice note, and what it sounds like: both in one turn.
    pub(crate) async fn voice(&self, file: &Arc<Spooled>) -> Result<(Converted, Sound), ConvertError> {
        let program = self.program.as_deref().ok_or(ConvertError::Missing)?;
        let _turn = self.turn(false).await?;
        let converted = self.made(program, file, Target::Voice).await?;
        let sound = waveform::listen(program, &converted.file).await?;
        Ok((converted, sound))
    }

    /// What a sound file sounds like.
    pub(crate) async fn listen(&self, file: &Arc<Spooled>) -> Result<Sound, ConvertError> {
        let program = self.program.as_deref().ok_or(ConvertError::Missing)?;
        let _turn = self.turn(false).await?;
        waveform::listen(program, file).await
    }

    async fn turn(&self, of_a_video: bool) -> Result<Turn, ConvertError> {
        let turn = async {
            // First this one: a video that waits for others stands in nobody's way.
            let video = if of_a_video {
                Some(Arc::clone(&self.turns_of_videos).acquire_owned().await.ok()?)
            } else {
                None
            };
            let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
            Some(Turn { _turn: turn, _of_a_video: video })
        };
        tokio::time::timeout(PATIENCE, turn).await.ok().flatten().ok_or(ConvertError::Busy)
    }

    fn turn_at_once(&self, of_a_video: bool) -> Result<Turn, ConvertError> {
        let free =
            |turns: &Arc<Semaphore>| Arc::clone(turns).try_acquire_owned().map_err(|_| ConvertError::Busy);
        let video = of_a_video.then(|| free(&self.turns_of_videos)).transpose()?;
        Ok(Turn { _turn: free(&self.turns)?, _of_a_video: video })
    }
}

/// As much of a file as tells its kind.
async fn beginning(file: &Arc<Spooled>) -> Result<Vec<u8>, ConvertError> {
    let mut reader = file.reader(0).take(16);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).map(|_| bytes)
    });
    read.await.map_err(io::Error::other).flatten().map_err(ConvertError::NotRun)
}
