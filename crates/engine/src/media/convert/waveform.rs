//! What a voice note sounds like: its length, and the bars that WhatsApp's apps draw.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncReadExt;

use super::recipe::Recipe;
use super::{ConvertError, process};
use crate::media::spool::Spooled;

/// Bars that WhatsApp's apps draw.
const BARS: usize = 64;
/// The highest bar.
const HIGHEST: f32 = 100.0;
/// Samples in a second.
const RATE: u64 = 8_000;
/// Samples that are kept as one number: two hours are 144,000 numbers.
const BLOCK: u64 = RATE / 20;

/// What a voice note sounds like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Its length, rounded up.
    pub seconds: u32,
    /// How loud it is, from its beginning to its end: 64 numbers up to 100.
    pub waveform: Vec<u8>,
}

/// Plays a file to nobody.
pub(super) async fn listen(program: &Path, file: &Spooled) -> Result<Sound, ConvertError> {
    let recipe = Recipe::samples();
    let mut child = process::start(program, &recipe, file, Stdio::piped())?;
    let mut output = child.stdout.take();
    let mut listener = Listener::default();
    let read = async {
        let mut piece = vec![0; 64 << 10];
        while let Some(output) = &mut output {
            match output.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(length) => listener.hear(&piece[..length]),
            }
        }
    };
    if tokio::time::timeout(recipe.patience, read).await.is_err() {
        // Dropped, the process ends.
        return Err(ConvertError::TooLong(recipe.patience));
    }
    let status = process::end(&mut child, &recipe).await?;
    process::judge(status, &recipe)?;
    listener.sound().ok_or(ConvertError::Unreadable(recipe.wanted))
}

/// Hears samples of two bytes each, the low one first.
#[derive(Default)]
struct Listener {
    /// The first half of a sample.
    half: Option<u8>,
    samples: u64,
    /// The sum of the present block.
    sum: u64,
    /// How loud each block is.
    blocks: Vec<f32>,
}

impl Listener {
    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match self.half.take() {
                None => self.half = Some(*byte),
                Some(low) => self.sample(i16::from_le_bytes([low, *byte])),
            }
        }
    }

    fn sample(&mut self, sample: i16) {
        self.samples += 1;
        self.sum += u64::from(sample.unsigned_abs());
        if self.samples.is_multiple_of(BLOCK) {
            self.blocks.push(self.sum as f32 / BLOCK as f32);
            self.sum = 0;
        }
    }

    /// `None` when there was nothing to hear.
    fn sound(mut self) -> Option<Sound> {
        let rest = self.samples % BLOCK;
        if rest > 0 {
            self.blocks.push(self.sum as f32 / rest as f32);
        }
        let count = self.blocks.len();
        if count == 0 {
            return None;
        }
        let bar = |at: usize| {
            let (from, to) = (at * count / BARS, (at + 1) * count / BARS);
            let part = &self.blocks[from..to.max(from + 1)];
            part.iter().sum::<f32>() / part.len() as f32
        };
        let bars: Vec<f32> = (0..BARS).map(bar).collect();
        let loudest = bars.iter().copied().fold(0.0, f32::max);
        let height = |bar: &f32| if loudest > 0.0 { (bar / loudest * HIGHEST).round() as u8 } else { 0 };
        let seconds = u32::try_from(self.samples.div_ceil(RATE)).unwrap_or(u32::MAX);
        Some(Sound { seconds, waveform: bars.iter().map(height).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_as_high_as_the_sound_is_loud() {
        let mut listener = Listener::default();
        // One second of silence, then half of one that is loud; a piece may end within a sample.
        let samples = [[0u8; 2]].repeat(8_000).into_iter().chain([1000i16.to_le_bytes()].repeat(4_000));
        let bytes: Vec<u8> = samples.flatten().collect();
        for piece in bytes.chunks(333) {
            listener.hear(piece);
        }
        let sound = listener.sound().unwrap();
        assert_eq!((sound.seconds, sound.waveform.len()), (2, 64));
        assert_eq!((sound.waveform[0], sound.waveform[63]), (0, 100));
        assert!(Listener::default().sound().is_none());
    }
}
