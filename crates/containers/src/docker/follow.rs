//! Follows a container's log over stops, starts, re-creations and restarts of the engine, without losing a line and
//! without repeating one.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use wakeeper_model::Backoff;

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;
use crate::docker::events::{EventKind, EventRequest};
use crate::docker::logs::{LogLine, LogRequest};

const SECOND: i64 = 1_000_000_000;
/// Lines of the two streams are written side by side; so far back a line may still turn up after a later one.
const OVERLAP: i64 = 2 * SECOND;
/// So many lines are remembered at most; a burst of more in two seconds may repeat some after a reconnection.
const REMEMBERED: usize = 200_000;
/// How long to wait for an event before looking at the container anyway.
const LOOK_ANYWAY: Duration = Duration::from_secs(5);
/// Waits between tries while the engine does not answer.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));

/// How far a log was read. Kept on disk, it lets another process go on where this one stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// The container's id.
    pub id: String,
    /// The time of the newest line that was read, nanoseconds since 1970.
    pub at_ns: i64,
}

/// What following brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// A line.
    Line(LogLine),
    /// The container stopped, or the engine went away; following goes on by itself.
    Detached {
        /// The engine's words when it went away.
        trouble: Option<String>,
    },
    /// Its log cannot be read, whatever is tried. Following goes on in case it is made anew.
    Unreadable {
        /// Why, and what to do.
        why: String,
    },
    /// Lines come again.
    Attached {
        /// The container was made anew under its name.
        replaced: bool,
    },
}

type Lines = Pin<Box<dyn Stream<Item = Result<LogLine, EngineError>> + Send>>;

/// Follows one container's log for ever.
pub struct LogFollower {
    engine: Engine,
    name: String,
    /// Nothing before this is wanted.
    from_ns: Option<i64>,
    /// So many lines of what is there already.
    tail: Option<u32>,
    position: Option<LogPosition>,
    seen: Seen,
    lines: Option<Lines>,
    /// The end of the stopped container whose last lines are being read; such a reading is not reported.
    reading_end_of: Option<i64>,
    /// The newest end whose last lines were read.
    ended_ns: i64,
    failures: u32,
    /// The last try failed: the next one waits.
    failed: bool,
}

impl LogFollower {
    /// Follows the container of that name, beginning as the request says.
    pub fn new(engine: Engine, name: &str, request: &LogRequest) -> Self {
        Self {
            engine,
            name: name.to_owned(),
            from_ns: request.since_ns,
            tail: request.tail,
            position: None,
            seen: Seen::default(),
            lines: None,
            reading_end_of: None,
            ended_ns: 0,
            failures: 0,
            failed: false,
        }
    }

    /// Goes on where another follower stopped. Lines of the position's own instant are not repeated.
    pub fn resume(engine: Engine, name: &str, position: LogPosition) -> Self {
        let request =
            LogRequest { since_ns: Some(position.at_ns.saturating_add(1)), ..LogRequest::default() };
        Self { position: Some(position), ..Self::new(engine, name, &request) }
    }

    /// How far it has read.
    pub fn position(&self) -> Option<&LogPosition> {
        self.position.as_ref()
    }

    /// The next line or change. Ends only with an error that trying again cannot mend: the container is gone, or the
    /// engine refuses.
    pub async fn next(&mut self) -> Result<Followed, EngineError> {
        loop {
            let Some(lines) = self.lines.as_mut() else {
                if std::mem::take(&mut self.failed) {
                    self.back_off().await;
                }
                let replaced = self.attach().await?;
                if self.reading_end_of.is_none() {
                    return Ok(Followed::Attached { replaced });
                }
                continue;
            };
            match lines.next().await {
                Some(Ok(line)) => {
                    self.failures = 0;
                    if self.seen.is_new(&line) {
                        if let Some(position) = self.position.as_mut().filter(|_| line.at_ns > 0) {
                            position.at_ns = line.at_ns;
                        }
                        return Ok(Followed::Line(line));
                    }
                }
                Some(Err(error)) => {
                    self.lines = None;
                    self.reading_end_of = None;
                    self.failed = true;
                    return Ok(match error {
                        EngineError::LogUnreadable { .. } => Followed::Unreadable { why: error.to_string() },
                        error => Followed::Detached { trouble: Some(error.to_string()) },
                    });
                }
                None => {
                    self.lines = None;
                    match self.reading_end_of.take() {
                        Some(ended) => self.ended_ns = ended,
                        None => return Ok(Followed::Detached { trouble: None }),
                    }
                }
            }
        }
    }

    /// Waits until the container runs, or its log has an end that was not read yet, and reads on.
    async fn attach(&mut self) -> Result<bool, EngineError> {
        loop {
            let container = match self.engine.find(&self.name).await {
                Ok(container) => container,
                Err(error) if error.is_missing() => return Err(error),
                // Refused is refused; anything else may pass.
                Err(error @ EngineError::Refused { .. }) => return Err(error),
                Err(error) => {
                    tracing::debug!(container = %self.name, %error, "the engine does not answer");
                    self.back_off().await;
                    continue;
                }
            };
            let known = self.position.as_ref().map(|position| &position.id);
            let first = known.is_none();
            let replaced = known.is_some_and(|id| *id != container.id);
            let ended = if container.is_up() { None } else { Some(container.finished_ns.unwrap_or(0)) };
            if ended.is_some_and(|ended| ended <= self.ended_ns) {
                self.wait_for_start(&container.id).await;
                continue;
            }
            if first || replaced {
                self.seen = Seen::default();
                self.position = Some(LogPosition { id: container.id.clone(), at_ns: 0 });
            }
            let read_to = self.position.as_ref().map_or(0, |position| position.at_ns);
            let since_ns = match (read_to, replaced) {
                (0, true) => None,
                (0, false) => self.from_ns,
                (at, _) => Some(at - OVERLAP).max(self.from_ns),
            };
            let tail = if first { self.tail } else { None };
            self.lines =
                Some(Box::pin(self.engine.logs(&container.id, &LogRequest { since_ns, tail, follow: true })));
            self.reading_end_of = ended;
            return Ok(replaced);
        }
    }

    async fn wait_for_start(&mut self, id: &str) {
        let request = EventRequest { container: Some(id.to_owned()), since_ns: None };
        let mut events = Box::pin(self.engine.events(&request));
        let started = async {
            loop {
                match events.next().await {
                    Some(Ok(event)) if matches!(event.kind, EventKind::Start | EventKind::Destroy) => return,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return std::future::pending().await,
                }
            }
        };
        // The start may have come before the question; so the container is looked at now and then anyway.
        let _ = tokio::time::timeout(LOOK_ANYWAY, started).await;
    }

    async fn back_off(&mut self) {
        let wait = BACKOFF.wait(self.failures);
        self.failures += 1;
        tokio::time::sleep(wait).await;
    }
}

/// The newest lines, to know one that comes again.
#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<(i64, u64)>,
    marks: HashSet<(i64, u64)>,
}

impl Seen {
    /// Remembers the line; false when it was seen before.
    fn is_new(&mut self, line: &LogLine) -> bool {
        // Without a time there is nothing to tell a repetition from another line of the same words.
        if line.at_ns == 0 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        (line.output, &line.text).hash(&mut hasher);
        let mark = (line.at_ns, hasher.finish());
        if !self.marks.insert(mark) {
            return false;
        }
        self.order.push_back(mark);
        // The engine rounds down to the second, so a reconnection brings up to one second more than was asked for.
        let oldest = line.at_ns - OVERLAP - SECOND;
        while self.order.front().is_some_and(|(at, _)| *at < oldest) || self.order.len() > REMEMBERED {
            if let Some(gone) = self.order.pop_front() {
                self.marks.remove(&gone);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::logs::Output;

    fn line(at_ns: i64, text: &str) -> LogLine {
        LogLine { output: Output::Stdout, at_ns, text: text.as_bytes().to_vec() }
    }

    #[test]
    fn a_line_that_comes_again_is_known_and_a_like_one_is_not() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&line(SECOND, "Bad MAC")));
        assert!(!seen.is_new(&line(SECOND, "Bad MAC")));
        assert!(seen.is_new(&line(SECOND + 1, "Bad MAC")));
        assert!(seen.is_new(&LogLine { output: Output::Stderr, ..line(SECOND, "Bad MAC") }));
        assert!(seen.is_new(&line(0, "no time")) && seen.is_new(&line(0, "no time")));
    }

    #[test]
    fn memory_is_bounded_by_time_and_number() {
        let mut seen = Seen::default();
        for number in 0..(REMEMBERED as i64 + 10) {
            assert!(seen.is_new(&line(SECOND + number, "burst")));
        }
        assert_eq!(seen.order.len(), REMEMBERED);
        assert!(seen.is_new(&line(60 * SECOND, "later")));
        assert_eq!((seen.order.len(), seen.marks.len()), (1, 1));
    }

    #[test]
    fn a_clock_that_goes_back_loses_no_line() {
        let mut seen = Seen::default();
        assert!(seen.is_new(&line(100 * SECOND, "before")));
        assert!(seen.is_new(&line(10 * SECOND, "after the clock was set")));
    }
}
