//! The history that a phone gives a new device: its chats and messages, read as a stream into rows, without events and receipts.
//!
//! Each part is kept in a file of the session's folder until all of it is stored. Reading it goes on where it was, also in the next
//! process, and is bounded: one chat, some people and a few messages are in memory, beside the part as it came, compressed. A part
//! that brings down whoever reads it is given up after a few processes. The client tells the phone that it has a part before
//! it hands it over; a process that ends before the part is written loses that part, and only that.

mod fields;
mod keeping;
mod parts;
mod people;
mod rows;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wakeeper_storage::{Change, PastStep, StorageError};
use whatsapp_rust::Client;

pub(crate) use self::keeping::write;
pub(crate) use self::parts::Parts;
use self::rows::Rows;
use self::walk::{Piece, WalkError};
use crate::inbound::inbox::Inbox;
use crate::life::account;

/// Pieces that wait to be stored while the next one is read.
const AHEAD: usize = 2;
/// Wait before a part is tried again whose rows could not be stored.
const PAUSE: Duration = Duration::from_secs(1);

/// Processes that may begin to read a part and get no step further.
const PROCESSES: u32 = 3;
/// How often one process tries to read a part whose file cannot be read.
const ATTEMPTS: u32 = 5;

/// Stores what comes, one part after the other, in the order in which they came.
pub(crate) async fn work(inbox: Inbox, parts: Arc<Parts>, gone: CancellationToken) {
    let all = async {
        let mut attempts = Attempts::default();
        loop {
            let part = parts.next().await;
            let Some((client, number)) = inbox.state.until_working().await else { return };
            let imported = tokio::select! {
                imported = import(&inbox, &client, &part, &mut attempts) => imported,
                // Its names are looked up with the next client.
                () = inbox.state.until_other_client(number) => continue,
            };
            match imported {
                // One that cannot be removed is read again, and not without a pause.
                Ok(()) if part.exists() => tokio::time::sleep(PAUSE).await,
                Ok(()) => {}
                Err(ImportError::Rows(error)) if error.disk_cause().is_some() => inbox.journal.pause().await,
                Err(ImportError::Rows(error)) => {
                    tracing::error!(session = %inbox.state.name(), %error, "a part of the history is not stored yet");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) if error.may_pass() && attempts.failed() < ATTEMPTS => {
                    tracing::warn!(session = %inbox.state.name(), %error, "a part of the history is not read yet");
                    tokio::time::sleep(PAUSE * attempts.failures).await;
                }
                Err(error) if error.may_pass() => {
                    tracing::error!(session = %inbox.state.name(), %error,
                        "a part of the history is not read; it is tried again after the next start");
                    parts.pass_over(part);
                }
                Err(error) => {
                    tracing::error!(session = %inbox.state.name(), %error,
                        "a part of the history is not read to its end; what came before is stored");
                    end(&inbox, &part).await;
                }
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = gone.cancelled() => {}
    }
}

/// What this process tried of the part that it reads.
#[derive(Default)]
struct Attempts {
    /// The part that the rows know this process to have begun.
    begun: PathBuf,
    failures: u32,
}

impl Attempts {
    /// How often it failed with this time.
    fn failed(&mut self) -> u32 {
        self.failures += 1;
        self.failures
    }
}

/// Why a part is not stored.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    /// Its rows could not be written or read.
    #[error(transparent)]
    Rows(#[from] StorageError),
    /// It is of another account.
    #[error("it is of another account")]
    Foreign,
    /// It brought down whoever read it, as it seems.
    #[error("{PROCESSES} processes began to read it and came no further")]
    Deadly,
    /// It is damaged.
    #[error(transparent)]
    Unreadable(#[from] WalkError),
}

impl ImportError {
    /// Another attempt may go better.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Unreadable(WalkError::File(_) | WalkError::Broken))
    }
}

/// Reads a part from where it was left, stores it and removes it.
async fn import(
    inbox: &Inbox,
    client: &Arc<Client>,
    part: &Path,
    attempts: &mut Attempts,
) -> Result<(), ImportError> {
    if !parts::is_of(part, client) {
        return Err(ImportError::Foreign);
    }
    account::settle(&inbox.state, &inbox.journal, client).await?;
    let name = name_of(part);
    let session = inbox.state.name().as_str();
    // Before it is read: whoever runs out of memory tells nobody.
    if attempts.begun != part {
        let begun = Change::PastBegun { part: name.clone(), most: PROCESSES };
        if inbox.journal.commit(vec![begun]).await?.applied != [true] {
            return Err(ImportError::Deadly);
        }
        *attempts = Attempts { begun: part.to_owned(), failures: 0 };
    }
    let done = inbox.journal.storage().history_done(session, &name).await?;
    let (pieces, mut read) = mpsc::channel(AHEAD);
    let path = part.to_owned();
    let reader = tokio::task::spawn_blocking(move || walk::walk(&path, &pieces));
    let mut rows = Rows::new(inbox, client);
    let (mut number, mut messages) = (0, 0_usize);
    while let Some(piece) = read.recv().await {
        number += 1;
        if let Piece::People(people) = &piece {
            people::tell_client(client, people).await;
        }
        // The names that a chat's messages need are learnt from its head, also when that is stored already.
        let step = rows.step(piece).await;
        if number <= done {
            continue;
        }
        messages += step.messages.len();
        let step = PastStep { part: name.clone(), done: number, ..step };
        inbox.journal.commit(vec![Change::Past(Box::new(step))]).await?;
    }
    // A reader that panicked read nothing to its end.
    reader.await.map_err(|_| WalkError::Broken)??;
    parts::remove(part);
    inbox.journal.commit(vec![Change::PastEnded { part: name }]).await?;
    tracing::info!(session, messages, "a part of the history is stored");
    Ok(())
}

fn name_of(part: &Path) -> String {
    part.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Gives a part up.
async fn end(inbox: &Inbox, part: &Path) {
    parts::remove(part);
    if let Err(error) = inbox.journal.commit(vec![Change::PastEnded { part: name_of(part) }]).await {
        tracing::warn!(session = %inbox.state.name(), %error, "a note of a part of the history is kept in vain");
    }
}

/// Where the parts of a session's history lie.
pub(crate) fn folder(session_folder: &Path) -> PathBuf {
    session_folder.join("history")
}
