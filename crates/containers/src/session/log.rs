//! What a container's own log shows of its session.

use futures::TryStreamExt;
use wakeeper_doctor::symptoms::{Scanner, Symptom};

use super::LocatedSession;
use crate::docker::{EngineError, LogLine, LogRequest};

/// So far back a container's log is read for symptoms.
const LOG_SPAN_MS: i64 = 24 * 3600 * 1000;
/// And so many lines at most.
const LOG_LINES: u32 = 200_000;

/// Symptoms that a log shows, as far as it could be read.
pub struct LogSymptoms {
    /// The symptoms.
    pub symptoms: Vec<Symptom>,
    /// Why it could not be read to its end: another log driver, for example.
    pub broke_off: Option<EngineError>,
}

impl LocatedSession {
    /// Symptoms in the log of the container's last day.
    pub async fn symptoms(&self, now_ms: i64) -> LogSymptoms {
        let since_ns = now_ms.saturating_sub(LOG_SPAN_MS).saturating_mul(1_000_000);
        let request = LogRequest { since_ns: Some(since_ns), tail: Some(LOG_LINES), follow: false };
        let mut scanner = Scanner::default();
        let mut symptoms = Vec::new();
        let mut lines = std::pin::pin!(self.engine.logs(&self.container.id, &request));
        let broke_off = loop {
            match lines.try_next().await {
                Ok(Some(line)) => symptoms.extend(symptoms_of(&mut scanner, &line)),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        symptoms.extend(scanner.finish());
        LogSymptoms { symptoms, broke_off }
    }
}

/// What a line of a container's log tells; its time is the engine's where the line says none.
pub(crate) fn symptoms_of(scanner: &mut Scanner, line: &LogLine) -> Vec<Symptom> {
    let at_ms = (line.at_ns > 0).then_some(line.at_ns / 1_000_000);
    let symptoms = scanner.line(line.plain_text().as_bytes()).into_iter();
    symptoms.map(|symptom| Symptom { at_ms: symptom.at_ms.or(at_ms), ..symptom }).collect()
}
