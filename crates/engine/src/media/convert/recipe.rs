//! What ffmpeg is asked to make.

use std::time::Duration;

/// Formats that hold everything in themselves, by ffmpeg's names. Left out are those that name other files or addresses:
/// playlists, lists of files, slideshows, subtitles, drawings.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,wav,w64,mp3,flac,aac,amr,caf,aiff,au,asf,avi,flv,mpeg,mpegts,gif,\
                       jpeg_pipe,png_pipe,webp_pipe,bmp_pipe,tiff_pipe";
/// Pixels of the largest picture: a phone's with 50 megapixels.
const MOST_PIXELS: &str = "52000000";
/// Where the two files are: each is opened anew, so that ffmpeg can go back and forth in it.
const INPUT: &str = "file:/proc/self/fd/0";
const OUTPUT: &str = "file:/proc/self/fd/1";
const OUTPUT_IN_A_ROW: &str = "pipe:1";

/// What a file is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A voice note: OGG with the Opus codec, one channel.
    Voice,
    /// A video: MP4 with H.264 and AAC.
    Video,
    /// A sticker: WebP, 512 by 512 pixels, animated when the file moves.
    Sticker,
    /// The picture of an account, a group or a channel: a square JPEG.
    Portrait,
    /// The picture of a link, or above buttons: JPEG.
    Large,
    /// The same, small enough to go inside of a message.
    Small,
}

/// How it is made.
pub(super) struct Recipe {
    /// What must be in the file.
    pub wanted: &'static str,
    /// What comes out.
    pub mimetype: &'static str,
    /// Most bytes that come out.
    pub most_bytes: u64,
    /// How long it may take.
    pub patience: Duration,
    arguments: Vec<&'static str>,
    output: &'static str,
}

impl Recipe {
    /// The recipe for a file that begins like this.
    pub(super) fn of(target: Target, beginning: &[u8]) -> Self {
        match target {
            Target::Voice => Self {
                wanted: "sound",
                mimetype: "audio/ogg; codecs=opus",
                most_bytes: 16 << 20,
                patience: Duration::from_mins(1),
                arguments: words(
                    "-map 0:a:0 -vn -sn -dn -t 7200 -ac 1 -ar 48000 -c:a libopus -b:a 32k -application voip -f ogg",
                ),
                output: OUTPUT,
            },
            Target::Video => Self {
                wanted: "video",
                mimetype: "video/mp4",
                most_bytes: 64 << 20,
                patience: Duration::from_mins(5),
                arguments: words(
                    "-map 0:V:0 -map 0:a:0? -sn -dn -vf \
                     scale=w='min(1280,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2,format=yuv420p \
                     -c:v libx264 -preset veryfast -crf 26 -profile:v main -c:a aac -b:a 128k -ac 2 -movflags +faststart -f mp4",
                ),
                output: OUTPUT,
            },
            Target::Sticker if is_still(beginning) => Self::sticker(words(
                "-map 0:v:0 -an -sn -dn -frames:v 1 -vf \
                 scale=512:512:force_original_aspect_ratio=decrease,format=rgba,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=#00000000 \
                 -c:v libwebp -quality 80 -f webp",
            )),
            Target::Sticker => Self::sticker(words(
                "-map 0:v:0 -an -sn -dn -t 6 -vf \
                 fps=12,scale=512:512:force_original_aspect_ratio=decrease,format=rgba,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=#00000000 \
                 -c:v libwebp_anim -loop 0 -quality 40 -f webp",
            )),
            Target::Portrait => Self::picture(words(
                "-map 0:v:0 -an -sn -dn -frames:v 1 -vf \
                 crop='min(iw,ih)':'min(iw,ih)',scale=640:640,format=yuvj420p -c:v mjpeg -q:v 4 -f image2pipe",
            )),
            Target::Large => Self::picture(words(
                "-map 0:v:0 -an -sn -dn -frames:v 1 -vf \
                 scale=w='min(1200,iw)':h='min(1200,ih)':force_original_aspect_ratio=decrease,format=yuvj420p \
                 -c:v mjpeg -q:v 4 -f image2pipe",
            )),
            Target::Small => Self::picture(words(
                "-map 0:v:0 -an -sn -dn -frames:v 1 -vf \
                 scale=w='min(300,iw)':h='min(300,ih)':force_original_aspect_ratio=decrease,format=yuvj420p \
                 -c:v mjpeg -q:v 6 -f image2pipe",
            )),
        }
    }

    /// A sticker that moves, with fewer and coarser pictures, for what is too large otherwise.
    pub(super) fn coarse_sticker() -> Self {
        Self::sticker(words(
            "-map 0:v:0 -an -sn -dn -t 6 -vf \
             fps=8,scale=512:512:force_original_aspect_ratio=decrease,format=rgba,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=#00000000 \
             -c:v libwebp_anim -loop 0 -quality 15 -f webp",
        ))
    }

    /// The same with at most so many bytes.
    pub(super) fn within(mut self, most_bytes: u64) -> Self {
        self.most_bytes = self.most_bytes.min(most_bytes);
        self
    }

    /// Plain samples, 8,000 a second in one channel, for whoever listens.
    pub(super) fn samples() -> Self {
        Self {
            wanted: "sound",
            mimetype: "audio/x-raw",
            most_bytes: 0,
            patience: Duration::from_mins(1),
            arguments: words("-map 0:a:0 -vn -sn -dn -t 7200 -ac 1 -ar 8000 -c:a pcm_s16le -f s16le"),
            output: OUTPUT_IN_A_ROW,
        }
    }

    fn sticker(arguments: Vec<&'static str>) -> Self {
        let patience = Duration::from_mins(1);
        Self {
            wanted: "picture",
            mimetype: "image/webp",
            most_bytes: 1 << 20,
            patience,
            arguments,
            output: OUTPUT,
        }
    }

    fn picture(arguments: Vec<&'static str>) -> Self {
        let patience = Duration::from_secs(30);
        Self {
            wanted: "picture",
            mimetype: "image/jpeg",
            most_bytes: 5 << 20,
            patience,
            arguments,
            output: OUTPUT,
        }
    }

    /// ffmpeg's command line.
    pub(super) fn command_line(&self) -> Vec<&'static str> {
        let mut line = words("-nostdin -hide_banner -loglevel quiet -threads 1 -filter_threads 1");
        line.extend([
            "-protocol_whitelist",
            "file",
            "-format_whitelist",
            FORMATS,
            "-max_pixels",
            MOST_PIXELS,
        ]);
        line.extend(["-i", INPUT]);
        line.extend(&self.arguments);
        line.extend(words("-threads 2 -map_metadata -1 -map_chapters -1 -y"));
        line.push(self.output);
        line
    }
}

/// Does a file that begins like this hold one picture that does not move?
fn is_still(beginning: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*"];
    starts.iter().any(|start| beginning.starts_with(start))
}

fn words(text: &'static str) -> Vec<&'static str> {
    text.split_ascii_whitespace().collect()
}
