//! A call in the queue, its types hidden.

use std::sync::Arc;

use rusqlite::{Connection, Error};
use tokio::sync::oneshot;

use super::Kind;
use crate::sqlite::error::SqliteError;

/// Tells a caller what became of its call.
pub(in crate::sqlite) type Answer = Box<dyn FnOnce() + Send>;

/// A call that waits.
pub(in crate::sqlite) trait Call: Send {
    fn kind(&self) -> Kind;

    fn operation(&self) -> &'static str;

    /// Whether its caller went away.
    fn is_abandoned(&self) -> bool;

    /// Whether nothing else of its group may be stored without it.
    fn is_vital(&self) -> bool {
        false
    }

    /// Does it and keeps the result, in place of that of an earlier try.
    fn run(&mut self, connection: &Connection) -> Result<(), Arc<Error>>;

    /// The answer: what the call said, or `failure`.
    fn answer(self: Box<Self>, failure: Option<SqliteError>) -> Answer;
}

/// A call as it was made.
pub(super) struct Pending<T, F> {
    pub(super) kind: Kind,
    pub(super) operation: &'static str,
    pub(super) work: F,
    pub(super) result: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, SqliteError>>,
}

impl<T, F> Call for Pending<T, F>
where
    T: Send + 'static,
    F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn operation(&self) -> &'static str {
        self.operation
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> Result<(), Arc<Error>> {
        self.result = None;
        self.result = Some((self.work)(connection).map_err(Arc::new)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<SqliteError>) -> Answer {
        let answer = match failure {
            Some(failure) => Err(failure),
            None => self.result.ok_or(SqliteError::Ended),
        };
        let reply = self.reply;
        Box::new(move || {
            // A caller that went away does not want to know.
            let _ = reply.send(answer);
        })
    }
}
