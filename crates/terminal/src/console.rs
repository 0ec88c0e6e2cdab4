//! Talks to whoever typed the command: pages or one JSON document on standard output, progress and questions on
//! standard error, colours and progress bars only where somebody sees them.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::raw::size as terminal_size;
use crate::{ConsoleError, Failure, Page, gather};

/// Lines of a page are no longer, however wide the terminal is: they would be hard to read.
const WIDEST: usize = 100;
/// And no shorter.
const NARROWEST: usize = 40;

/// How output is to look.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    json: bool,
    colours: bool,
    progress: bool,
    width: Option<usize>,
}

impl Console {
    /// A console for this process: for a program when `json`, in colours on a terminal when `colours`.
    pub fn new(json: bool, colours: bool) -> Self {
        Self {
            json,
            colours: colours && io::stdout().is_terminal(),
            width: terminal_size().map(|(columns, _)| usize::from(columns).clamp(NARROWEST, WIDEST)),
            progress: !json && io::stderr().is_terminal(),
        }
    }

    /// Prints a document for programs, or a page for people.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(self, document: &impl Serialize, page: impl FnOnce(&mut Page)) -> Result<(), ConsoleError> {
        if self.json {
            if gather::keeps(document)? {
                return Ok(());
            }
            let text = serde_json::to_string(document)?;
            return print(&format!("{}\n", plain_json(&text)));
        }
        self.page(page)
    }

    /// Prints a page, unless a program reads the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn page(self, fill: impl FnOnce(&mut Page)) -> Result<(), ConsoleError> {
        if self.json {
            return Ok(());
        }
        let mut page = Page::new(self.colours).wrapped(self.width);
        fill(&mut page);
        print(page.text())
    }

    /// A progress bar of files; invisible unless standard error is a terminal, and when the work is done at once.
    pub fn progress(self, what: &'static str) -> Arc<dyn Fn(usize, usize) + Send + Sync> {
        let target = if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} files, {eta} left") {
            bar.set_style(style);
        }
        let progress = Progress { bar };
        Arc::new(move |done, total| progress.at(done, total))
    }
}

/// Asks a question that only `yes` answers with yes. Whoever cannot be asked has not agreed.
///
/// # Errors
/// [`ConsoleError::Nobody`] among others.
pub fn agrees(question: &str, flag: &str) -> Result<bool, ConsoleError> {
    let mut errors = io::stderr().lock();
    let asked = write!(errors, "{question} Type yes to go on: ").and_then(|()| errors.flush());
    asked.map_err(ConsoleError::Ask)?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer).map_err(ConsoleError::Read)?;
    if read == 0 {
        writeln!(errors).map_err(ConsoleError::Ask)?;
        return Err(ConsoleError::Nobody { flag: flag.to_owned() });
    }
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// The same document without characters that steer a terminal or hide what stands there: JSON has an escape for each.
fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if wakeeper_bounded_tar::is_shown_plainly(c) {
            plain.push(c);
        } else {
            plain.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    plain
}

fn print(text: &str) -> Result<(), ConsoleError> {
    write_out(io::stdout(), text.as_bytes()).map(drop).map_err(ConsoleError::Write)
}

/// Writes at once. False when nobody reads any more, as in `wakeeper health | head`: the reader has seen enough.
///
/// # Errors
/// The system's words.
pub fn write_out(mut to: impl Write, bytes: &[u8]) -> io::Result<bool> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says what happens, on standard error: standard output belongs to the result.
#[expect(clippy::print_stderr, reason = "this is the program talking to its caller")]
pub fn say(text: &str) {
    eprintln!("-- {}", wakeeper_bounded_tar::shown_whole(text));
}

/// Tells of a failure on standard error, and a program that reads the answer on standard output too.
#[expect(clippy::print_stderr, reason = "this is the program talking to its caller")]
pub fn say_failure(failure: &Failure, json: bool) {
    if json {
        print_failure(failure);
    }
    eprintln!("{}", failure.lines());
}

/// Prints a failure for a program. Nobody is left to hear that this failed.
pub fn print_failure(failure: &Failure) {
    let _ = print(&format!("{}\n", plain_json(&failure.document())));
}

/// A progress bar that is wiped away at the end.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Tells how many of how many are done; from any thread. Work that begins again, or turns out to be more, is shown so.
    fn at(&self, done: usize, total: usize) {
        // A bar that flashes up for a moment only disturbs.
        if self.bar.elapsed() < Duration::from_millis(500) {
            return;
        }
        let (position, total) = position(self.bar.position(), self.bar.length(), done as u64, total as u64);
        self.bar.set_length(total);
        self.bar.set_position(position);
    }
}

/// Where the bar stands next, and how long it is. Threads report out of order, so it only goes forward, unless there is
/// another amount to do: that is a second pass.
fn position(shown: u64, length: Option<u64>, done: u64, total: u64) -> (u64, u64) {
    let total = total.max(done);
    let forward = if length == Some(total) { shown.max(done) } else { done };
    (forward.min(total), total)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{plain_json, position};

    #[test]
    fn progress_goes_forward_and_never_past_the_end() {
        assert_eq!(position(5, Some(9), 3, 9), (5, 9), "a thread that is late");
        assert_eq!(
            position(20_038, Some(20_038), 12, 19_038),
            (12, 19_038),
            "a second pass over fewer files"
        );
        assert_eq!(position(5, Some(9), 11, 9), (11, 11));
    }

    #[test]
    fn documents_stay_the_same_and_steer_nothing() {
        let document = serde_json::json!({"path": "a\u{9b}2J\u{202e}b\u{7f}\u{e0001}é漢\"\\\n"});
        let text = plain_json(&document.to_string());
        assert!(text.chars().all(wakeeper_bounded_tar::is_shown_plainly), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), document);
    }
}
