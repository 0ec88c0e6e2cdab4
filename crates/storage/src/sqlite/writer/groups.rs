//! The writer's task: takes what waits, writes it in groups, and knows what to do with what fails.
//!
//! Damage that SQLite meets in a transaction spoils all of it: no COMMIT succeeds after that. So it is taken back, and the
//! others are written again without the one that met it.
//!
//! Whoever waits for an answer hears of a failure. A request whose caller went on is kept. After the first failure of its
//! group it is written again, in its place among the others; after a second one, or when its own work failed the group, it
//! is tried alone and behind the others, more and more rarely. So one that can never be written holds up nobody, but for
//! those that come after it in an order of their own: a receipt finds no message that is not stored yet.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::company::Company;
use super::request::Request;
use crate::StorageError;
use crate::disk::DiskCause;
use crate::sqlite::home::Home;

/// Requests in one transaction at most: bounds how long the first of them waits.
const GROUP: usize = 256;

/// How often an idle writer looks whether its file is still there.
const LOOK: Duration = Duration::from_secs(1);

/// How often one that fails alone for a reason that is not the disk's is tried.
const TRIES: u32 = 3;

/// Those that wait for one that was set aside; more go on without it.
const FOLLOWERS: usize = 4096;

/// The longest wait before one that failed alone is tried again.
const MAX_WAIT: Duration = Duration::from_mins(5);

/// What waits for the writer, and what it writes with.
pub(super) struct Groups {
    connection: Option<SqliteConnection>,
    home: Home,
    /// In their order.
    waiting: Vec<Box<dyn Request>>,
    /// Behind the others, each alone.
    aside: Vec<Aside>,
    /// When it looks at the file next.
    next: Instant,
    company: Company,
}

/// A request that failed its group, or failed in two.
struct Aside {
    request: Box<dyn Request>,
    /// How often alone.
    failures: u32,
    /// When it is tried next.
    at: Instant,
    /// Those that come after it in its order.
    followers: Vec<Box<dyn Request>>,
}

/// A group of which nothing is stored.
struct Failure {
    error: StorageError,
    /// Whose own work it was; nobody's, when it was a step of the whole.
    culprit: Option<usize>,
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self { error, culprit: None }
    }
}

impl Groups {
    pub(super) fn new(connection: SqliteConnection, home: Home) -> Self {
        let (waiting, aside) = (Vec::with_capacity(GROUP), Vec::new());
        let (next, company) = (Instant::now() + LOOK, Company::default());
        Self { connection: Some(connection), home, waiting, aside, next, company }
    }

    /// Writes until nobody can ask for more.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Box<dyn Request>>) {
        // When requests are written that wait for others.
        let mut due = None;
        loop {
            let known = self.waiting.len();
            let open = tokio::select! {
                biased;
                count = requests.recv_many(&mut self.waiting, GROUP) => count > 0,
                () = tokio::time::sleep_until(due.unwrap_or(self.next)), if due.is_some() => true,
                () = tokio::time::sleep_until(self.next) => {
                    self.look().await;
                    if due.is_none() && !self.waiting.is_empty() && self.home.trouble().is_none() {
                        due = Some(Instant::now());
                    }
                    continue;
                }
            };
            let now = Instant::now();
            let patience = self.waiting[known..].iter().filter_map(|request| request.patience()).min();
            due = due.into_iter().chain(patience.map(|patience| now + patience)).min();
            let callers = self.callers(self.waiting.len());
            let company = self.company.wait(callers, now);
            let can_wait = self.waiting.len() < GROUP && (callers == 0 || company.is_some());
            due = due.into_iter().chain(company).min();
            if open && can_wait && due.is_some_and(|due| now < due) {
                continue;
            }
            due = None;
            self.serve(!open).await;
            if !open {
                break;
            }
        }
        self.end().await;
    }

    /// Of the first of those that wait, how many wait for their answer.
    fn callers(&self, first: usize) -> usize {
        self.waiting[..first].iter().filter(|request| !request.is_patient()).count()
    }

    async fn end(self) {
        let aside =
            self.aside.into_iter().flat_map(|aside| std::iter::once(aside.request).chain(aside.followers));
        for request in self.waiting.into_iter().chain(aside) {
            answer(request, Some(StorageError::Closed));
        }
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing the database failed");
        }
    }

    /// Writes what waits, in pieces, then what was set aside; or refuses it while nothing can be written: who can wait stays.
    async fn serve(&mut self, for_the_last_time: bool) {
        loop {
            if !self.serve_waiting().await {
                return;
            }
            self.serve_aside(for_the_last_time).await;
            // Those that followed one that was set aside, and is done with.
            if self.waiting.is_empty() {
                return;
            }
        }
    }

    /// Writes what waits, in pieces; `false` while nothing can be written.
    async fn serve_waiting(&mut self) -> bool {
        while !self.waiting.is_empty() {
            if !self.can_write() {
                self.refuse();
                return false;
            }
            let count = self.waiting.len().min(GROUP);
            self.company.wrote(self.callers(count));
            let drained: Vec<_> = self.waiting.drain(..count).collect();
            let mut piece: Vec<_> =
                drained.into_iter().filter_map(|request| self.unless_it_follows(request)).collect();
            if piece.is_empty() {
                continue;
            }
            match write(self.connection.as_mut(), &mut piece).await {
                Ok(()) => {
                    self.home.took_a_group();
                    for request in piece {
                        answer(request, None);
                    }
                }
                Err(failure) => self.failed(piece, &failure).await,
            }
        }
        true
    }

    /// Whoever comes after one that was set aside waits for it.
    fn unless_it_follows(&mut self, request: Box<dyn Request>) -> Option<Box<dyn Request>> {
        if request.order().is_none() {
            return Some(request);
        }
        let first = self.aside.iter_mut().find(|aside| aside.request.order() == request.order());
        match first.filter(|aside| aside.followers.len() < FOLLOWERS) {
            Some(aside) => {
                aside.followers.push(request);
                None
            }
            None => Some(request),
        }
    }

    fn set_aside(&mut self, request: Box<dyn Request>) {
        if let Some(request) = self.unless_it_follows(request) {
            let followers = Vec::new();
            self.aside.push(Aside { request, failures: 0, at: Instant::now(), followers });
        }
    }

    /// Looks at the file before anything is acknowledged because of a write: it must not go to one that nobody will find.
    fn can_write(&mut self) -> bool {
        if self.home.trouble().is_some() {
            return false;
        }
        let Err(trouble) = self.home.check() else { return true };
        self.next = self.home.failed(trouble);
        false
    }

    /// Nothing of a piece is stored.
    async fn failed(&mut self, mut piece: Vec<Box<dyn Request>>, failure: &Failure) {
        if let Some(index) = failure.culprit
            && piece[index].is_patient()
            && failure.error.disk_cause() == Some(DiskCause::Damaged)
        {
            tracing::error!(error = %failure.error, "a write meets a damaged page; it is tried alone");
            self.take_back().await;
            let request = piece.remove(index);
            self.set_aside(request);
            self.waiting.splice(..0, piece);
            return;
        }
        tracing::error!(error = %failure.error, requests = piece.len(), "a group of writes failed");
        let told = self.after(failure).await.unwrap_or_else(|| failure.error.clone());
        let mut kept = Vec::new();
        for (index, mut request) in piece.into_iter().enumerate() {
            if !request.is_patient() {
                answer(request, Some(told.clone()));
                continue;
            }
            let did_it = failure.culprit == Some(index);
            if did_it || (failure.culprit.is_none() && request.failed() > 1) {
                self.set_aside(request);
            } else {
                kept.push(request);
            }
        }
        self.waiting.splice(..0, kept);
    }

    /// Takes back what a failure left. When it was the disk's, the connection is thrown away; answers what callers are told.
    async fn after(&mut self, failure: &Failure) -> Option<StorageError> {
        let Some(trouble) = self.home.diagnose(&failure.error) else {
            self.take_back().await;
            return None;
        };
        self.next = self.home.failed(trouble);
        if let Some(failed) = self.connection.take() {
            self.home.give_up(failed).await;
        }
        self.trouble()
    }

    async fn take_back(&mut self) {
        if let Some(open) = self.connection.as_mut() {
            // SQLite may have rolled back by itself already; then this fails harmlessly.
            let _ = sqlx::query("ROLLBACK").execute(open).await;
        }
    }

    fn trouble(&self) -> Option<StorageError> {
        self.home.trouble().map(|trouble| StorageError::Disk { trouble })
    }

    /// Answers those who wait for an answer. The others wait for the disk.
    fn refuse(&mut self) {
        let failure = self.trouble();
        for request in self.waiting.extract_if(.., |request| !request.is_patient()) {
            answer(request, failure.clone());
        }
    }

    /// Tries what was set aside and is due, one after the other.
    async fn serve_aside(&mut self, all: bool) {
        let now = Instant::now();
        let mut index = 0;
        while index < self.aside.len() {
            if !all && self.aside[index].at > now {
                index += 1;
                continue;
            }
            if !self.can_write() {
                return;
            }
            let aside = self.aside.remove(index);
            if let Some(again) = self.alone(aside).await {
                self.aside.insert(index, again);
                index += 1;
            }
        }
    }

    /// Writes one alone. Given back when it is to be tried again.
    async fn alone(&mut self, mut aside: Aside) -> Option<Aside> {
        let written = write(self.connection.as_mut(), std::slice::from_mut(&mut aside.request)).await;
        let failure = match written {
            Ok(()) => {
                self.home.took_a_group();
                self.settle(aside, None);
                return None;
            }
            Err(failure) => failure,
        };
        aside.failures += 1;
        let cause = failure.error.disk_cause();
        let is_damaged = failure.culprit.is_some() && cause == Some(DiskCause::Damaged);
        if is_damaged || (cause.is_none() && aside.failures >= TRIES) {
            tracing::error!(error = %failure.error, "a write was given up");
            self.take_back().await;
            self.settle(aside, Some(failure.error));
            return None;
        }
        if failure.culprit.is_some() && matches!(cause, Some(DiskCause::Full | DiskCause::Quota)) {
            // Others found room.
            tracing::warn!(error = %failure.error, "a write finds no room, and is tried again later");
            self.take_back().await;
        } else {
            self.after(&failure).await;
        }
        let wait = LOOK * 2_u32.saturating_pow(aside.failures.min(16));
        aside.at = Instant::now() + wait.min(MAX_WAIT);
        Some(aside)
    }

    /// One that was set aside is done with: those that follow it are next.
    fn settle(&mut self, aside: Aside, failure: Option<StorageError>) {
        answer(aside.request, failure);
        self.waiting.splice(..0, aside.followers);
    }

    /// Looks whether the file is still there and, when nothing could be written, whether it can be now.
    async fn look(&mut self) {
        if self.home.trouble().is_some() {
            match self.home.reopen(self.connection.take()).await {
                Ok(opened) => {
                    self.connection = Some(opened);
                    self.next = Instant::now() + LOOK;
                }
                Err((trouble, kept)) => {
                    self.connection = kept;
                    self.next = self.home.failed(trouble);
                }
            }
            return;
        }
        match self.home.check().and_then(|()| self.home.check_log()) {
            Ok(()) => self.next = Instant::now() + LOOK,
            Err(trouble) => self.next = self.home.failed(trouble),
        }
        if self.waiting.is_empty() {
            self.serve_aside(false).await;
        }
    }
}

/// What a caller does with its answer is its own: a panic there ends nobody's writing.
fn answer(request: Box<dyn Request>, failure: Option<StorageError>) {
    if catch_unwind(AssertUnwindSafe(|| request.answer(failure))).is_err() {
        tracing::error!("whoever was told the end of a write panicked");
    }
}

/// Writes a group in one transaction.
async fn write(
    connection: Option<&mut SqliteConnection>,
    group: &mut [Box<dyn Request>],
) -> Result<(), Failure> {
    let connection = connection.ok_or(StorageError::Closed)?;
    execute(connection, "BEGIN IMMEDIATE", "beginning a transaction").await?;
    for (index, request) in group.iter_mut().enumerate() {
        execute(connection, "SAVEPOINT request", "setting a savepoint").await?;
        let spoilt = |error| Failure { error, culprit: Some(index) };
        if !request.run(connection).await.map_err(spoilt)? {
            execute(connection, "ROLLBACK TO request", "rolling back to a savepoint")
                .await
                .map_err(spoilt)?;
        }
        execute(connection, "RELEASE request", "releasing a savepoint").await.map_err(spoilt)?;
    }
    Ok(execute(connection, "COMMIT", "committing a transaction").await?)
}

async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
    operation: &'static str,
) -> Result<(), StorageError> {
    sqlx::query(sql).execute(connection).await.map(drop).map_err(StorageError::during(operation))
}
