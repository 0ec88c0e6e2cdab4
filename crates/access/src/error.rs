use thiserror::Error;
use wakeeper_model::RowsFailure;
use wakeeper_storage::StorageError;

/// Something with a key did not work.
#[derive(Debug, Error)]
pub enum KeyError {
    /// What a key is to be contradicts itself.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field that is wrong.
        field: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// There is no such key.
    #[error("there is no key of that id")]
    Unknown,
    /// There are as many as there may be.
    #[error("there are {0} keys already, and no more may be made")]
    TooMany(usize),
    /// A stored key cannot be read.
    #[error("the key {id} cannot be read: {problem}")]
    Damaged {
        /// Which.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The rows could not be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl KeyError {
    /// What a caller can know of rows that could not be read or written; `None` when that was not it.
    #[must_use]
    pub fn failure(&self) -> Option<RowsFailure> {
        match self {
            Self::Storage(error) => Some(error.failure()),
            _ => None,
        }
    }
}
