//! Log lines: text for people, JSON for machines, one line flushed at a time on standard output, and for programs that
//! run on and on also in files.

mod files;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use wakeeper_recovery::SystemClock;

use crate::settings::{LogFolder, LogSettings};
pub use files::LogFiles;

/// What is shown when `RUST_LOG` is not set.
const DEFAULT_LEVEL: &str = "info";
/// The target of lines that hold a secret on purpose: whoever starts the program reads it once on standard output, and
/// it is not kept in files.
pub const SHOWN_ONCE: &str = "wakeeper::shown_once";
/// Digits in a row that may be a phone number or a LID.
const LONGEST_PLAIN_NUMBER: usize = 6;
/// Hexadecimal digits in a row that may be a key.
const LONGEST_PLAIN_HEX: usize = 23;

/// Where log lines go.
#[cfg(feature = "demo")]
pub enum Output {
    /// Standard output, with colours when it is a terminal.
    Stdout,
    /// A file; for commands that use standard output themselves.
    File(std::fs::File),
}

/// Starts logging. Records of libraries that use the `log` crate come through here too.
#[cfg(feature = "demo")]
pub fn init(settings: &LogSettings, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Stdout => start(settings, colours(settings), io::stdout, None),
        Output::File(file) => {
            let file = Arc::new(file);
            start(settings, false, move || Arc::clone(&file), None)
        }
    }
}

/// Starts logging on standard output and, once [`begin_files`] was called, in files.
pub fn init_with_files(settings: &LogSettings, program: &'static str) -> anyhow::Result<LogFiles> {
    let files = LogFiles::of(program, Arc::new(SystemClock));
    start(settings, colours(settings), io::stdout, Some(files.clone()))?;
    Ok(files)
}

/// Writes log files from now on, if the settings want any. Whatever is wrong with their folder is told; nothing depends
/// on them.
pub fn begin_files(files: &LogFiles, settings: &LogSettings) {
    let folder = match &settings.folder {
        LogFolder::Named(path) => Some(path),
        LogFolder::IfPresent(path) => Some(path).filter(|path| path.is_dir()),
        LogFolder::Off => None,
    };
    match (files.begin(folder.map(PathBuf::as_path)), folder) {
        (Ok(()), Some(folder)) => tracing::info!("log files are in {}", folder.display()),
        (Ok(()) | Err(_), None) => {}
        (Err(error), Some(folder)) => tracing::warn!(
            "no log files can be written in {}: {error}; make it writable, or set LOG_DIR to another folder or to off",
            folder.display()
        ),
    }
}

fn colours(settings: &LogSettings) -> bool {
    io::stdout().is_terminal() && !settings.json && std::env::var_os("NO_COLOR").is_none()
}

fn start<W, F>(
    settings: &LogSettings,
    colours: bool,
    writer: F,
    files: Option<LogFiles>,
) -> anyhow::Result<()>
where
    W: Write,
    F: Fn() -> W + Clone + Send + Sync + 'static,
{
    let filter = directives(settings.filter.as_deref().unwrap_or(DEFAULT_LEVEL));
    let registry = tracing_subscriber::registry().with(EnvFilter::try_new(filter)?);
    let mut layers = Vec::from(both(settings.json, colours, writer, |_| true));
    if let Some(files) = files {
        layers.extend(both(settings.json, false, move || files.clone(), |target| target != SHOWN_ONCE));
    }
    registry.with(layers).try_init()?;
    Ok(())
}

/// wakeeper redacts in its types. Libraries do not, so their lines are redacted as text.
fn both<S, W, F>(json: bool, colours: bool, writer: F, wanted: fn(&str) -> bool) -> [BoxedLayer<S>; 2]
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: Write,
    F: Fn() -> W + Clone + Send + Sync + 'static,
{
    let is_ours = |target: &str| target.starts_with("wakeeper");
    let ours = FilterFn::new(move |metadata| is_ours(metadata.target()) && wanted(metadata.target()));
    let theirs = FilterFn::new(move |metadata| !is_ours(metadata.target()));
    let redacting = writer.clone();
    [
        lines(json, colours, writer).with_filter(ours).boxed(),
        lines(json, colours, move || Redacting(redacting())).with_filter(theirs).boxed(),
    ]
}

type BoxedLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// A bare level is meant for wakeeper: its libraries tell too much at `info`, and under names that
/// change. Whoever writes `target=level` pairs gets exactly those.
pub fn directives(filter: &str) -> String {
    if filter.contains(['=', ',']) { filter.to_owned() } else { format!("warn,wakeeper={filter}") }
}

fn lines<S, W>(json: bool, colours: bool, writer: W) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    if json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_target(false).boxed()
    }
}

/// Takes the middle out of long numbers and long hexadecimal digits, whatever they are: a library's line
/// may hold a phone number or a key.
struct Redacting<W>(W);

impl<W: Write> Write for Redacting<W> {
    /// The formatter hands over whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(&redact(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn redact(line: &[u8]) -> Vec<u8> {
    let keys_gone = shorten(line, u8::is_ascii_hexdigit, LONGEST_PLAIN_HEX);
    shorten(&keys_gone, u8::is_ascii_digit, LONGEST_PLAIN_NUMBER)
}

/// Leaves two bytes at each end of what is longer than `longest` in a row.
fn shorten(line: &[u8], belongs: impl Fn(&u8) -> bool, longest: usize) -> Vec<u8> {
    let mut shortened = Vec::with_capacity(line.len());
    for run in line.chunk_by(|left, right| belongs(left) == belongs(right)) {
        if run.len() > longest && belongs(&run[0]) {
            shortened.extend_from_slice(&run[..2]);
            shortened.extend_from_slice("…".as_bytes());
            shortened.extend_from_slice(&run[run.len() - 2..]);
        } else {
            shortened.extend_from_slice(run);
        }
    }
    shortened
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(line: &str) -> String {
        String::from_utf8(redact(line.as_bytes())).unwrap()
    }

    #[test]
    fn a_bare_level_is_wakeepers_own() {
        assert_eq!(directives("debug"), "warn,wakeeper=debug");
        assert_eq!(directives("info,whatsapp_rust=debug"), "info,whatsapp_rust=debug");
    }

    #[test]
    fn keys_lose_their_middle() {
        let line = "ratchet key: 221fa1b5c7be6683c7a2ad58c7218f37321c9cdfc0975bb923d5edcb1cafc132, counter 4";
        assert_eq!(redacted(line), "ratchet key: 22…32, counter 4");
    }

    #[test]
    fn long_numbers_lose_their_middle() {
        let line =
            "2026-11-24T03:48:44.123456Z  WARN no session for 6281234567890:3@s.whatsapp.net (99 tries)";
        assert_eq!(
            redacted(line),
            "2026-11-24T03:48:44.123456Z  WARN no session for 62…90:3@s.whatsapp.net (99 tries)"
        );
    }

    #[test]
    fn a_writer_reports_the_whole_line_as_written() {
        let mut writer = Redacting(Vec::new());
        writer.write_all(b"from 491701234567\n").unwrap();
        assert_eq!(writer.0, "from 49…67\n".as_bytes());
    }
}
