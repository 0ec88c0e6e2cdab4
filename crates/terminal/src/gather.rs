//! Work on many things, one after the other, shown as one: a page with a heading for each, or one document of all.

use std::fmt::Display;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Console, ConsoleError, Tone};

/// The document that is kept back, while one is waited for.
static KEPT: Mutex<Option<Value>> = Mutex::new(None);

fn kept() -> MutexGuard<'static, Option<Value>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a document back, when it is to be part of a larger one.
pub(crate) fn keeps(document: &impl Serialize) -> Result<bool, ConsoleError> {
    let mut kept = kept();
    if kept.is_none() {
        return Ok(false);
    }
    *kept = Some(serde_json::to_value(document)?);
    Ok(true)
}

/// Does the same for each session, by its name: one that fails keeps no other from its turn. The code is that of the last
/// one that was not well.
///
/// # Errors
/// When it cannot be shown.
pub async fn one_by_one<T, E: Display>(
    sessions: Vec<(String, T)>,
    console: Console,
    run: impl AsyncFn(T) -> Result<ExitCode, E>,
) -> Result<ExitCode, ConsoleError> {
    let (mut documents, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for (session, what) in sessions {
        console.page(|page| {
            page.gap();
            page.line(page.tone(Tone::Strong, &format!("session {session}")));
        })?;
        *kept() = Some(Value::Null);
        let done = run(what).await;
        let mut document = json!({ "session": session, "result": kept().take() });
        match done {
            Ok(ExitCode::SUCCESS) => {}
            Ok(other) => code = other,
            Err(error) => {
                let error = format!("{error:#}");
                console.page(|page| page.line(page.tone(Tone::Bad, &format!("error: {error}"))))?;
                document["error"] = Value::String(error);
                code = ExitCode::FAILURE;
            }
        }
        documents.push(document);
    }
    console.show(&json!({ "sessions": documents }), |_| {})?;
    Ok(code)
}
