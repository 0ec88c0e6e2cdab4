//! What a container's own log shows of its session.

use futures::TryStreamExt;
use wakeeper_doctor::symptoms::{Digest, LogFacts, Scanner, Symptom};

use super::LocatedSession;
use crate::docker::{EngineError, LogLine, LogRequest};

/// So far back a container's log is read for symptoms.
const LOG_SPAN_MS: i64 = 24 * 3600 * 1000;
/// And so many lines at most.
const LOG_LINES: u32 = 200_000;

/// What a log says, as far as it could be read.
pub struct ContainerLog {
    /// What it says.
    pub facts: LogFacts,
    /// Why it could not be read to its end: another log driver, for example.
    pub broke_off: Option<EngineError>,
}

impl LocatedSession {
    /// What the log of the container's last day says.
    pub async fn log(&self, now_ms: i64) -> ContainerLog {
        let since_ns = now_ms.saturating_sub(LOG_SPAN_MS).saturating_mul(1_000_000);
        let request = LogRequest { since_ns: Some(since_ns), tail: Some(LOG_LINES), follow: false };
        let (mut scanner, mut digest) = (Scanner::at(Some(now_ms)), Digest::default());
        let mut times = None;
        let mut lines = std::pin::pin!(self.engine.logs(&self.container.id, &request));
        let broke_off = loop {
            match lines.try_next().await {
                Ok(Some(line)) => {
                    let at_ms = line.at_ns / 1_000_000;
                    if at_ms > 0 {
                        let (from, to) = times.unwrap_or((at_ms, at_ms));
                        times = Some((at_ms.min(from), at_ms.max(to)));
                    }
                    for symptom in symptoms_of(&mut scanner, &line) {
                        digest.add(&symptom);
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        for symptom in scanner.finish() {
            digest.add(&symptom);
        }
        let mut reading = scanner.reading().clone();
        if let Some((from, to)) = times {
            // The engine's times are sure, whatever the lines say of theirs.
            (reading.from_ms, reading.to_ms, reading.zone_assumed) = (Some(from), Some(to), false);
        }
        reading.broke_off = broke_off.as_ref().map(EngineError::to_string);
        let source = format!("the last 24 hours of container {}", self.container.name);
        ContainerLog { facts: digest.facts(source, reading), broke_off }
    }
}

/// What a line of a container's log tells; its time is the engine's where the line says none.
pub(crate) fn symptoms_of(scanner: &mut Scanner, line: &LogLine) -> Vec<Symptom> {
    let at_ms = (line.at_ns > 0).then_some(line.at_ns / 1_000_000);
    let symptoms = scanner.line(line.plain_text().as_bytes()).into_iter();
    symptoms.map(|symptom| Symptom { at_ms: symptom.at_ms.or(at_ms), ..symptom }).collect()
}
