//! With the real ffmpeg, which `cargo xtask setup` installs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;

fn ffmpeg() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg"));
    places.find(|path| path.is_file()).expect("ffmpeg, which `cargo xtask setup` installs")
}

struct Rig {
    folder: tempfile::TempDir,
    spool: Spool,
    converter: Converter,
}

impl Rig {
    fn open() -> Self {
        Self::with(&ffmpeg())
    }

    fn with(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), 1 << 30);
        let converter = Converter::new(Some(program), spool.clone(), 100 << 20);
        Self { folder, spool, converter }
    }

    async fn make(&self, file: &[u8], target: Target) -> Result<Vec<u8>, ConvertError> {
        let file = self.spool.keep(file).await.unwrap();
        let made = self.converter.convert(&file, target).await?;
        Ok(content(&made.file))
    }
}

fn content(file: &Arc<Spooled>) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.reader(0).read_to_end(&mut bytes).unwrap();
    bytes
}

/// What ffmpeg makes of nothing: a tone, a moving picture.
fn generated(arguments: &str) -> Vec<u8> {
    let mut command = Command::new(ffmpeg());
    command.args(["-nostdin", "-loglevel", "error"]).args(arguments.split(' ')).arg("pipe:1");
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{arguments}");
    output.stdout
}

const MOVING: &str = "-f lavfi -i testsrc=duration=1:size=321x241:rate=10";

#[tokio::test]
async fn a_sound_becomes_a_voice_note_that_can_be_listened_to() {
    let rig = Rig::open();
    for format in ["-f wav", "-c:a libmp3lame -f mp3", "-c:a aac -f adts"] {
        let sound =
            generated(&format!("-f lavfi -i sine=frequency=440:duration=2:sample_rate=44100 -ac 2 {format}"));
        let file = rig.spool.keep(&sound).await.unwrap();
        let made = rig.converter.convert(&file, Target::Voice).await.unwrap();
        let bytes = content(&made.file);
        assert_eq!((made.mimetype, &bytes[..4]), ("audio/ogg; codecs=opus", &b"OggS"[..]));
        assert_eq!((&bytes[28..36], bytes[37]), (&b"OpusHead"[..], 1), "one channel");
        let heard = rig.converter.listen(&made.file).await.unwrap();
        assert!((2..=3).contains(&heard.seconds) && heard.waveform.len() == 64, "{heard:?}");
        assert!(heard.waveform[32] > 50, "{heard:?}");
        let (made, heard_at_once) = rig.converter.voice(&file).await.unwrap();
        assert_eq!((made.mimetype, heard_at_once), ("audio/ogg; codecs=opus", heard));
    }
    assert_eq!(std::fs::read_dir(rig.folder.path()).unwrap().count(), 0, "nothing has a name");
}

#[tokio::test]
async fn videos_stickers_and_pictures_are_what_phones_show() {
    let rig = Rig::open();
    let video =
        generated(&format!("{MOVING} -f lavfi -i sine=duration=1 -c:v mpeg4 -c:a libmp3lame -f matroska"));
    let mp4 = rig.make(&video, Target::Video).await.unwrap();
    assert_eq!(&mp4[4..8], b"ftyp");
    for codec in [&b"avc1"[..], b"mp4a"] {
        assert!(mp4.windows(4).any(|part| part == codec), "{codec:?}");
    }
    let gif = generated(&format!("{MOVING} -f gif"));
    let png = generated(&format!("{MOVING} -frames:v 1 -c:v png -f image2pipe"));
    for (file, animated) in [(&png, false), (&gif, true), (&mp4, true)] {
        let webp = rig.make(file, Target::Sticker).await.unwrap();
        assert_eq!((&webp[..4], &webp[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
        // The canvas' width and height less one, in three bytes each (RFC 9649, section 2.7).
        assert_eq!(webp[24..30], [0xff, 1, 0, 0xff, 1, 0]);
        assert_eq!(webp.windows(4).any(|part| part == b"ANIM"), animated);
    }
    for (target, size) in
        [(Target::Portrait, (640, 640)), (Target::Large, (321, 241)), (Target::Small, (300, 225))]
    {
        let jpeg = rig.make(&png, target).await.unwrap();
        assert_eq!(crate::message::jpeg_size(&jpeg), Some(size), "{target:?}");
    }
}

#[tokio::test]
async fn what_would_be_too_large_a_sticker_is_made_coarser() {
    let rig = Rig::open();
    let noise = generated(
        "-f lavfi -i testsrc=duration=4:size=512x512:rate=12,noise=alls=50:allf=t -c:v mpeg4 -b:v 20M -f matroska",
    );
    let file = rig.spool.keep(&noise).await.unwrap();
    let fine = process::run(&ffmpeg(), &Recipe::of(Target::Sticker, &noise), &file, &rig.spool).await;
    assert!(matches!(fine, Err(ConvertError::TooLarge(_))), "{fine:?}");
    let webp = rig.make(&noise, Target::Sticker).await.unwrap();
    assert!(webp.starts_with(b"RIFF") && webp.len() <= 1 << 20);
}

#[tokio::test]
async fn files_that_name_other_files_lead_nowhere() {
    let rig = Rig::open();
    let secret = rig.folder.path().join("secret.wav");
    std::fs::write(&secret, generated("-f lavfi -i sine=duration=1 -f wav")).unwrap();
    let path = secret.display();
    let lists = [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n"),
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n".to_owned(),
        format!("ffconcat version 1.0\nfile {path}\n"),
        format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>{path}</BaseURL></MPD>"
        ),
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><image href=\"{path}\"/></svg>"
        ),
        format!("[playlist]\nFile1={path}\nNumberOfEntries=1\n"),
        "/etc/passwd".to_owned(),
    ];
    for list in lists {
        for target in [Target::Voice, Target::Video, Target::Sticker, Target::Portrait] {
            let made = rig.make(list.as_bytes(), target).await;
            assert!(matches!(made, Err(ConvertError::Unreadable(_))), "{list}: {target:?}: {made:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_sound_or_picture_is_told_so() {
    let rig = Rig::open();
    let garbage: Vec<u8> =
        (0..100_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let png = generated(&format!("{MOVING} -frames:v 1 -c:v png -f image2pipe"));
    let mut broken = b"\x89PNG\r\n\x1a\n".to_vec();
    broken.extend(&garbage[..500]);
    for (what, file, target) in [
        ("garbage", &garbage[..], Target::Voice),
        ("nothing", b"", Target::Video),
        ("a silent picture", &png, Target::Voice),
        ("broken", &broken, Target::Sticker),
    ] {
        let made = rig.make(file, target).await;
        assert!(matches!(made, Err(ConvertError::Unreadable(_))), "{what}: {made:?}");
    }
    // 20,000 by 20,000 pixels in few bytes.
    let mut bomb = png;
    bomb[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    let made = rig.make(&bomb, Target::Sticker).await;
    assert!(matches!(made, Err(ConvertError::Unreadable(_))), "{made:?}");
}

/// A program in ffmpeg's place.
fn stand_in(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("stand-in");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn a_program_that_writes_without_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    // It waits until its bounds are there, as ffmpeg's start takes longer than setting them does.
    let script = "while ! grep -q 'file size *5242880 ' /proc/self/limits; do :; done; exec cat /dev/zero";
    let rig = Rig::with(&stand_in(folder.path(), script));
    let made = rig.make(b"a picture", Target::Portrait).await;
    assert!(matches!(made, Err(ConvertError::TooLarge(5_242_880))), "{made:?}");
}

#[tokio::test]
async fn a_program_is_ended_when_nobody_waits_any_more_and_gives_up_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", note.display());
    let rig = Rig::with(&stand_in(folder.path(), &script));
    let file = rig.spool.keep(b"a sound").await.unwrap();
    let began = Instant::now();
    let pid = {
        let converting = rig.converter.convert(&file, Target::Voice);
        let noted = async {
            while !note.exists() {
                tokio::task::yield_now().await;
            }
            std::fs::read_to_string(&note).unwrap().trim().to_owned()
        };
        tokio::select! {
            made = converting => panic!("{made:?}"),
            pid = noted => pid,
        }
    };
    let status = PathBuf::from(format!("/proc/{pid}"));
    while status.exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "it runs on");
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.converter.turns.available_permits(), AT_ONCE);
}

#[tokio::test]
async fn without_ffmpeg_nothing_is_converted() {
    let rig = Rig::with(Path::new("/nonexistent/ffmpeg"));
    let none = Converter::new(None, rig.spool.clone(), 1 << 20);
    let file = rig.spool.keep(b"a sound").await.unwrap();
    for converter in [&rig.converter, &none] {
        assert!(matches!(converter.convert(&file, Target::Voice).await, Err(ConvertError::Missing)));
        assert!(matches!(converter.listen(&file).await, Err(ConvertError::Missing)));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_for_its_turn_is_told_so() {
    let rig = Rig::with(Path::new("/nonexistent/ffmpeg"));
    let file = rig.spool.keep(b"a sound").await.unwrap();
    let _others = Arc::clone(&rig.converter.turns).acquire_many_owned(AT_ONCE as u32).await.unwrap();
    assert!(matches!(rig.converter.convert(&file, Target::Voice).await, Err(ConvertError::Busy)));
}

#[tokio::test(start_paused = true)]
async fn videos_leave_a_turn_to_what_is_short() {
    let rig = Rig::with(Path::new("/nonexistent/ffmpeg"));
    let file = rig.spool.keep(b"a file").await.unwrap();
    let _video = rig.converter.turn(true).await.unwrap();
    let another = rig.converter.convert(&file, Target::Video);
    assert!(matches!(another.await, Err(ConvertError::Busy)));
    // These had their turn, and found that there is no such program.
    for short in [Target::Voice, Target::Sticker, Target::Small] {
        assert!(matches!(rig.converter.convert(&file, short).await, Err(ConvertError::Missing)), "{short:?}");
        let made = rig.converter.convert_at_once(&file, short).await;
        assert!(matches!(made, Err(ConvertError::Missing)), "{short:?}");
    }
    let _short = rig.converter.turn(false).await.unwrap();
    // With the clock stopped, whoever waits is told so after 30 seconds of it.
    let began = tokio::time::Instant::now();
    let made = rig.converter.convert_at_once(&file, Target::Small).await;
    assert!(matches!(made, Err(ConvertError::Busy)));
    assert_eq!(began.elapsed(), Duration::ZERO);
}
