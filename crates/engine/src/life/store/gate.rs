//! The gate: open until the first failure, then closed for good.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wakeeper_storage::StorageError;
use wakeeper_storage::disk::{DiskCause, DiskTrouble, OpenFile};

/// Why a gate is closed.
#[derive(Clone, Debug)]
pub(crate) enum Closed {
    /// A database cannot be written.
    Disk(Arc<DiskTrouble>),
    /// Rows were not stored, for a reason that is not the disk's.
    Rows(Arc<str>),
    /// The client was given up.
    Left,
}

impl Closed {
    pub(crate) fn disk(path: &Path, cause: DiskCause) -> Self {
        Self::Disk(Arc::new(DiskTrouble::new(path, cause)))
    }

    /// The trouble with the disk, when that is why.
    pub(crate) fn trouble(&self) -> Option<&Arc<DiskTrouble>> {
        match self {
            Self::Disk(trouble) => Some(trouble),
            Self::Rows(_) | Self::Left => None,
        }
    }
}

impl From<&StorageError> for Closed {
    fn from(error: &StorageError) -> Self {
        match error {
            StorageError::Disk { trouble } => Self::Disk(Arc::clone(trouble)),
            error => Self::Rows(error.to_string().into()),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(trouble) => write!(f, "{trouble}; messages wait at WhatsApp; {}", trouble.advice()),
            Self::Rows(reason) => write!(f, "messages could not be stored and wait at WhatsApp: {reason}"),
            Self::Left => f.write_str("this client was given up"),
        }
    }
}

/// The gate of one client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Shared>);

struct Shared {
    file: OpenFile,
    why: OnceLock<Closed>,
    closed: CancellationToken,
    inside: AtomicUsize,
    gone: Notify,
}

impl Gate {
    pub(super) fn new(file: OpenFile) -> Self {
        Self(Arc::new(Shared {
            file,
            why: OnceLock::new(),
            closed: CancellationToken::new(),
            inside: AtomicUsize::new(0),
            gone: Notify::new(),
        }))
    }

    /// Closes it, at once; the first reason stays.
    pub(crate) fn close(&self, why: Closed) {
        if self.0.why.set(why).is_ok() {
            self.0.closed.cancel();
        }
    }

    /// Why it is closed, when it is.
    pub(crate) fn closed_by(&self) -> Option<Closed> {
        self.0.why.get().cloned()
    }

    /// Resolves when it is closed.
    pub(crate) async fn closed(&self) {
        self.0.closed.cancelled().await;
    }

    /// Closes it when the database is not at its path any more.
    ///
    /// # Errors
    /// Why it is closed.
    pub(crate) fn look(&self) -> Result<(), Closed> {
        if let Err(trouble) = self.0.file.check() {
            self.close(Closed::Disk(Arc::new(trouble)));
        }
        self.closed_by().map_or(Ok(()), Err)
    }

    /// The file that it guards.
    pub(crate) fn file(&self) -> &OpenFile {
        &self.0.file
    }

    /// Lets an operation in. A write looks first whether the file is still there.
    pub(super) fn enter(&self, writes: bool) -> Result<Passage, Closed> {
        // Counted before the look, so that whoever closes the gate and then waits sees this one.
        self.0.inside.fetch_add(1, Ordering::SeqCst);
        let passage = Passage(self.clone());
        let open = if writes { self.look() } else { self.closed_by().map_or(Ok(()), Err) };
        open.map(|()| passage)
    }

    /// Resolves when no operation is under way.
    pub(super) async fn empty(&self) {
        loop {
            let gone = self.0.gone.notified();
            if self.0.inside.load(Ordering::SeqCst) == 0 {
                return;
            }
            gone.await;
        }
    }
}

/// An operation that is under way.
pub(super) struct Passage(Gate);

impl Passage {
    pub(super) fn gate(&self) -> &Gate {
        &self.0
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.0.inside.fetch_sub(1, Ordering::SeqCst);
        self.0.0.gone.notify_waiters();
    }
}
