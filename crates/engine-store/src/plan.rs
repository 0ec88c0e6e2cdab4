//! Which rows of a store should go, judged as the files that Baileys would keep: one examination and one planner serve both.

use std::collections::BTreeSet;
use std::path::Path;

use wakeeper_doctor::examine::{Examination, ExamineError};
use wakeeper_doctor::findings::codes::ROW_UNREADABLE;
use wakeeper_doctor::findings::is_told_by_more;
use wakeeper_doctor::repair::{self, Action, Extent, Plan, PlanError};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::{Folder, SourceError};
use wakeeper_doctor::{Finding, KnownFacts, Options, Repair};

use crate::backup::{Copying, copy_as_baileys};
use crate::error::NativeError;
use crate::upkeep::{Row, damaged};

/// Why no plan could be made for a store.
#[derive(Debug, thiserror::Error)]
pub enum PlanRowsError {
    /// The store could not be copied or read.
    #[error(transparent)]
    Store(#[from] NativeError),
    /// The copy could not be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The copy could not be examined.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// The copy could not be planned for.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The work ended with a panic.
    #[error("the work ended unexpectedly: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Rows that should go.
#[derive(Debug, Default)]
pub struct RowPlan {
    /// The rows.
    pub rows: Vec<Row>,
    /// What a person reads of it, a step each.
    pub actions: Vec<Action>,
}

/// Findings that only the whole of a session, its backups or a person can tell.
///
/// # Errors
/// When the store holds no login, is damaged, or cannot be copied.
pub async fn findings_of_whole(
    database: &Path,
    facts: &KnownFacts,
    passphrase: Option<&Passphrase>,
    now_ms: i64,
) -> Result<Vec<Finding>, PlanRowsError> {
    let work = |folder: &Folder, options: &Options<'_>| {
        Ok(wakeeper_doctor::examine(folder.path(), options)?.findings)
    };
    let mut findings = on_copy(database, facts, passphrase, now_ms, work).await?;
    findings.retain(|finding| is_told_by_more(finding.code));
    Ok(findings)
}

/// Plans which rows are taken out of a store. Never writes.
///
/// # Errors
/// When the store holds no login, is damaged, or cannot be copied.
pub async fn plan_rows(
    database: &Path,
    facts: &KnownFacts,
    passphrase: Option<&Passphrase>,
    extent: Extent,
    now_ms: i64,
) -> Result<RowPlan, PlanRowsError> {
    let planned: Plan = on_copy(database, facts, passphrase, now_ms, move |folder, options| {
        let examination = Examination::of_folder(folder, options)?;
        Ok(repair::plan(folder, examination, options, &(), extent)?)
    })
    .await?;
    let file = database.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut rows = BTreeSet::new();
    let mut actions = Vec::new();
    for action in planned.actions {
        let wanted = action.code.is_none_or(is_told_by_more);
        let Some(row) = Row::of_file(&action.path).filter(|_| wanted) else { continue };
        // Whoever knows a sender key that is gone must be told the next one.
        rows.extend(row.memory());
        let (what, afterwards) = words_of(&row);
        // What is only stale goes for reasons of its own.
        let why = if action.code.is_none() { action.description.as_str() } else { afterwards };
        let description = format!("{what}: {why}");
        actions.push(Action { path: file.clone(), description, freed: 0, ..action });
        rows.insert(row);
    }
    for row in damaged(database).await? {
        let what = match &row {
            Row::SenderKey { .. } => "a damaged sender key",
            Row::SignalSession(_) => "damaged Signal sessions",
            Row::PreKey(_) | Row::SenderKeyMemory { .. } => "a damaged pre-key",
        };
        let memory = row.memory();
        if rows.insert(row) {
            actions.push(Action {
                repair: Repair::RemoveFile.word(),
                path: file.clone(),
                peer: None,
                code: Some(ROW_UNREADABLE),
                description: format!("{what}: made or negotiated anew when it is needed"),
                freed: 0,
            });
        }
        rows.extend(memory);
    }
    Ok(RowPlan { rows: rows.into_iter().collect(), actions })
}

/// What a row is, and what comes after it.
fn words_of(row: &Row) -> (&'static str, &'static str) {
    match row {
        Row::SignalSession(_) => ("Signal sessions", "negotiated anew with the next message"),
        Row::SenderKey { .. } => ("our own sender key", "made anew with the next message to the group"),
        Row::SenderKeyMemory { .. } => ("who has our sender key", "all members are told the next one"),
        Row::PreKey(_) => ("a pre-key", "WhatsApp has newer ones"),
    }
}

/// Works on a copy as on a folder of Baileys, on another thread.
async fn on_copy<T: Send + 'static>(
    database: &Path,
    facts: &KnownFacts,
    passphrase: Option<&Passphrase>,
    now_ms: i64,
    work: impl FnOnce(&Folder, &Options<'_>) -> Result<T, PlanRowsError> + Send + 'static,
) -> Result<T, PlanRowsError> {
    let copied = copy_as_baileys(database, Copying::ByHandle).await?;
    // Who runs on the gateway's folder, and whether that is on a mount, says nothing of the copy.
    let facts = KnownFacts {
        owners: Vec::new(),
        on_mount: None,
        symptoms: Vec::new(),
        troubles: Vec::new(),
        ..facts.clone()
    };
    let passphrase = passphrase.cloned();
    let done = tokio::task::spawn_blocking(move || {
        let options = Options { passphrase: passphrase.as_ref(), ..facts.options(now_ms) };
        work(&Folder::open(&copied.folder())?, &options)
    });
    done.await?
}
