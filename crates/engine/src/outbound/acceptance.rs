//! Whether a send is accepted: decided once, by whoever comes first, the send's turn or the end of its caller's patience.

use std::sync::{Mutex, PoisonError};

/// How far a send is.
#[derive(Debug, Default)]
enum Progress {
    /// It waits for its turn.
    #[default]
    Waiting,
    /// It goes out under this id.
    Accepted(String),
    /// Its caller was told that it does not go out.
    Withdrawn,
}

/// The decision on one send.
#[derive(Debug, Default)]
pub(super) struct Acceptance(Mutex<Progress>);

impl Acceptance {
    /// Its turn has come. Answers whether it may go out under this id.
    pub(super) fn accept(&self, id: &str) -> bool {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*progress, Progress::Waiting) {
            *progress = Progress::Accepted(id.to_owned());
        }
        matches!(*progress, Progress::Accepted(_))
    }

    /// Its caller waits no longer. Answers the id under which it goes out all the same; without one it never will.
    pub(super) fn withdraw(&self) -> Option<String> {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*progress {
            Progress::Accepted(id) => Some(id.clone()),
            Progress::Waiting | Progress::Withdrawn => {
                *progress = Progress::Withdrawn;
                None
            }
        }
    }
}
