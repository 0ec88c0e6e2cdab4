//! Log lines: text for people, JSON for machines, one line flushed at a time on standard output, and for programs that
//! run on and on also in files.

mod files;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tracing_subscriber::filter::{EnvFilter, FilterFn, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt};

use wakeeper_model::Clock;

pub use files::LogFiles;

/// What is shown when `RUST_LOG` is not set.
pub const DEFAULT_LEVEL: &str = "info";
/// The target of lines that hold a secret on purpose: whoever starts the program reads it once on standard output, and
/// it is not kept in files.
pub const SHOWN_ONCE: &str = "wakeeper::shown_once";
/// Digits in a row that may be a phone number or a LID.
const LONGEST_PLAIN_NUMBER: usize = 6;
/// Hexadecimal digits in a row that may be a key.
const LONGEST_PLAIN_HEX: usize = 23;

/// How log lines look and which are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// One JSON object a line instead of text.
    pub json: bool,
    /// Which lines, as `RUST_LOG` says it; [`DEFAULT_LEVEL`] when it says nothing.
    pub filter: Option<String>,
    /// Where log files go.
    pub folder: LogFolder,
}

impl LogSettings {
    /// Lines of this look, and no files.
    pub fn without_files(json: bool, filter: Option<String>) -> Self {
        Self { json, filter, folder: LogFolder::Off }
    }
}

/// Where log files go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFolder {
    /// This folder, made when it does not exist.
    Named(PathBuf),
    /// This one, if it exists: a mount of the container, as a rule.
    IfPresent(PathBuf),
    /// No log files.
    Off,
}

impl LogFolder {
    /// `off`, or a path; `None` for nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("off") {
            return Some(Self::Off);
        }
        (!text.trim().is_empty()).then(|| Self::Named(text.into()))
    }

    /// The folder, if files are wanted and it is there or may be made.
    fn wanted(&self) -> Option<&Path> {
        match self {
            Self::Named(path) => Some(path),
            Self::IfPresent(path) => Some(path.as_path()).filter(|path| path.is_dir()),
            Self::Off => None,
        }
    }
}

/// Why logging did not start.
#[derive(Debug, Error)]
pub enum LogError {
    /// The filter is none.
    #[error("the log filter cannot be read: {0}")]
    Filter(#[from] ParseError),
    /// Something else logs already.
    #[error("logging cannot be started: {0}")]
    Start(#[from] TryInitError),
}

/// Starts logging on standard output, with colours where `colours` says so.
///
/// # Errors
/// When the filter is none, or something logs already.
pub fn to_stdout(settings: &LogSettings, colours: bool) -> Result<(), LogError> {
    start(settings, colours && !settings.json, io::stdout, None)
}

/// Starts logging in a file, for programs that use standard output themselves.
///
/// # Errors
/// When the filter is none, or something logs already.
pub fn to_file(settings: &LogSettings, file: File) -> Result<(), LogError> {
    let file = Arc::new(file);
    start(settings, false, move || Arc::clone(&file), None)
}

/// Starts logging on standard output and, once [`begin_files`] was called, in files. `complain` hears what is wrong with the
/// files: as a log line it would come back to them.
///
/// # Errors
/// When the filter is none, or something logs already.
pub fn to_stdout_and_files(
    settings: &LogSettings,
    colours: bool,
    program: &'static str,
    complain: fn(&io::Error),
) -> Result<LogFiles, LogError> {
    let files = LogFiles::of(program, Clock::system(), complain);
    start(settings, colours && !settings.json, io::stdout, Some(files.clone()))?;
    Ok(files)
}

/// Writes log files from now on, if the settings want any. Whatever is wrong with their folder is told; nothing depends
/// on them.
pub fn begin_files(files: &LogFiles, settings: &LogSettings) {
    let folder = settings.folder.wanted();
    match (files.begin(folder), folder) {
        (Ok(()), Some(folder)) => tracing::info!("log files are in {}", folder.display()),
        (Ok(()) | Err(_), None) => {}
        (Err(error), Some(folder)) => tracing::warn!(
            "no log files can be written in {}: {error}; make it writable, or set LOG_DIR to another folder or to off",
            folder.display()
        ),
    }
}

fn start<W, F>(
    settings: &LogSettings,
    colours: bool,
    writer: F,
    files: Option<LogFiles>,
) -> Result<(), LogError>
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
fn directives(filter: &str) -> String {
    if filter.contains(['=', ',']) { filter.to_owned() } else { format!("warn,wakeeper={filter}") }
}

/// Whether a text says which lines are shown.
pub fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(directives(text)).is_ok()
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

/// Writes what is to be warned of, and what is worth knowing, a line each.
pub fn tell((warnings, others): &(Vec<String>, Vec<String>)) {
    for told in warnings {
        tracing::warn!("{told}");
    }
    for told in others {
        tracing::info!("{told}");
    }
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
