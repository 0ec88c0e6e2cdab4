//! What a caller can know of rows that could not be read or written.

/// Why rows could not be read or written, for whoever answers a caller. Carries no row's contents and no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsFailure {
    /// They are closed: the process goes down.
    Closed,
    /// The session belongs to somebody else, who alone writes its rows.
    NotOwner,
    /// One row is damaged; the others can be read.
    Damaged {
        /// Which, and what is wrong with it.
        row: String,
    },
    /// A file cannot be written: nothing was stored.
    Disk {
        /// Its name.
        file: String,
        /// Why, by the system's name.
        cause: &'static str,
        /// What a person can do about it.
        advice: &'static str,
    },
    /// A fault that the caller can do nothing about.
    Fault,
}
