//! What waited, done together: reads first, then all writes in one commit.
//!
//! A write of the same batch has not been answered when a read runs before it, so the read may still show what was before.
//! It need not wait for that write's sync, and the write comes after it.

use std::sync::Arc;

use rusqlite::{Connection, Error, ErrorCode};

use super::Kind;
use super::request::{Answer, Call};
use crate::sqlite::error::SqliteError;
use crate::sqlite::faults::Faults;

type Calls = Vec<Box<dyn Call>>;

/// The one connection to a store.
pub(super) struct Store {
    pub(super) connection: Connection,
    /// Why a whole group of writes failed. No write comes after it: its caller may have thought of what failed as stored
    /// before. Whoever wants to write again opens the store anew.
    pub(super) failed: Option<SqliteError>,
}

/// Does all of it. Gives back the answers that are still to be handed out; those of reads that a commit would hold up are
/// handed out at once.
pub(super) fn run(store: &mut Store, faults: &dyn Faults, calls: Calls) -> Vec<Answer> {
    let connection = &store.connection;
    if !connection.is_autocommit() {
        // Somebody panicked in the middle of a group. Should this fail, every BEGIN below fails, and says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    let asked = calls.into_iter().filter(|call| !call.is_abandoned());
    let (reads, writes): (Calls, Calls) = asked.partition(|call| call.kind() == Kind::Read);
    let mut answers: Vec<Answer> = reads.into_iter().map(|call| read(connection, faults, call)).collect();
    if writes.is_empty() {
        return answers;
    }
    for answer in answers.drain(..) {
        answer();
    }
    write(store, faults, writes)
}

fn read(connection: &Connection, faults: &dyn Faults, mut call: Box<dyn Call>) -> Answer {
    let operation = call.operation();
    faults.before_read(operation);
    let failure = call.run(connection).err().map(|source| SqliteError::Call { operation, source });
    faults.after_read(operation);
    call.answer(failure)
}

/// Writes a group. When one of it fails by itself, the group is taken back and done again, each behind a savepoint.
fn write(store: &mut Store, faults: &dyn Faults, mut calls: Calls) -> Vec<Answer> {
    if let Some(failure) = &store.failed {
        return calls.into_iter().map(|call| call.answer(Some(failure.clone()))).collect();
    }
    let connection = &store.connection;
    let outcome = match together(connection, faults, &mut calls) {
        Err(Failed::One(failure)) if calls.len() == 1 => Ok(vec![Some(failure)]),
        Err(Failed::One(_)) => one_by_one(connection, faults, &mut calls),
        Err(Failed::All(failure)) => Err(failure),
        Ok(()) => Ok(calls.iter().map(|_| None).collect()),
    };
    match outcome {
        Ok(failures) => calls.into_iter().zip(failures).map(|(call, failure)| call.answer(failure)).collect(),
        Err(failure) => {
            tracing::error!(
                error = &failure as &dyn std::error::Error,
                writes = calls.len(),
                "writes to a session's database failed"
            );
            store.failed = Some(failure.clone());
            calls.into_iter().map(|call| call.answer(Some(failure.clone()))).collect()
        }
    }
}

/// Who fails.
enum Failed {
    One(SqliteError),
    All(SqliteError),
}

fn together(connection: &Connection, faults: &dyn Faults, calls: &mut Calls) -> Result<(), Failed> {
    step(connection, "begin", "BEGIN IMMEDIATE").map_err(Failed::All)?;
    for call in calls.iter_mut() {
        if let Err(source) = call.run(connection) {
            take_back(connection);
            let operation = call.operation();
            return Err(if call.is_vital() || is_of_the_disk(&source) {
                Failed::All(SqliteError::Group { step: operation, source })
            } else {
                Failed::One(SqliteError::Call { operation, source })
            });
        }
    }
    commit(connection, faults, calls).map_err(Failed::All)
}

/// Each by itself, in one commit: what fails is taken back alone. Answers who failed, and why.
fn one_by_one(
    connection: &Connection,
    faults: &dyn Faults,
    calls: &mut Calls,
) -> Result<Vec<Option<SqliteError>>, SqliteError> {
    step(connection, "begin", "BEGIN IMMEDIATE")?;
    let mut failures = Vec::with_capacity(calls.len());
    for call in calls.iter_mut() {
        let operation = call.operation();
        match alone(connection, call) {
            Ok(failure) => failures.push(failure.map(|source| SqliteError::Call { operation, source })),
            Err(source) => {
                take_back(connection);
                return Err(SqliteError::Group { step: operation, source });
            }
        }
    }
    commit(connection, faults, calls)?;
    Ok(failures)
}

/// `Ok(Some)` when it failed by itself and was taken back; an error when nothing of the group can be trusted.
fn alone(connection: &Connection, call: &mut Box<dyn Call>) -> Result<Option<Arc<Error>>, Arc<Error>> {
    let execute = |sql| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    execute("SAVEPOINT one").map_err(Arc::new)?;
    let failure = match call.run(connection) {
        Ok(()) => None,
        Err(source) if call.is_vital() || is_of_the_disk(&source) => return Err(source),
        Err(source) => {
            execute("ROLLBACK TO one").map_err(Arc::new)?;
            Some(source)
        }
    };
    execute("RELEASE one").map_err(Arc::new)?;
    Ok(failure)
}

fn commit(connection: &Connection, faults: &dyn Faults, calls: &Calls) -> Result<(), SqliteError> {
    let operations: Vec<_> = calls.iter().map(|call| call.operation()).collect();
    let committed = faults
        .before_commit(&operations)
        .map_err(|fault| group("commit")(fault.into()))
        .and_then(|()| step(connection, "commit", "COMMIT"));
    match committed {
        Ok(()) => faults.after_commit(&operations),
        Err(_) => take_back(connection),
    }
    committed
}

fn step(connection: &Connection, name: &'static str, sql: &str) -> Result<(), SqliteError> {
    let done = connection.prepare_cached(sql).and_then(|mut statement| statement.execute([]));
    done.map(drop).map_err(group(name))
}

fn group(step: &'static str) -> impl FnOnce(Error) -> SqliteError {
    move |source| SqliteError::Group { step, source: Arc::new(source) }
}

/// SQLite may have done it by itself already; then this fails harmlessly.
fn take_back(connection: &Connection) {
    let _ = connection.execute_batch("ROLLBACK");
}

/// Whether an error says something of the disk or of the file, and so of every write.
fn is_of_the_disk(error: &Error) -> bool {
    use ErrorCode as Code;
    error.sqlite_error_code().is_some_and(|code| {
        matches!(
            code,
            Code::DiskFull
                | Code::SystemIoFailure
                | Code::DatabaseCorrupt
                | Code::NotADatabase
                | Code::ReadOnly
                | Code::CannotOpen
                | Code::FileLockingProtocolFailed
                | Code::PermissionDenied
                | Code::OutOfMemory
                | Code::OperationInterrupted
        )
    })
}
