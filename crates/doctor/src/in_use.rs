//! The refusal to change a folder that other programs seem to use.

use std::path::PathBuf;

/// Programs seem to run on a folder: what they hold in memory would be written over whatever is changed in it.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} on {folder}: {}; stop it first, because what it holds in memory would be written over the repair \
     (--assume-stopped if it does not use this session)",
    if .users.len() == 1 { "a process seems to run" } else { "processes seem to run" }, .users.join(", ")
)]
pub struct InUseBy {
    /// The session's folder, or its database.
    pub folder: PathBuf,
    /// Who, by name.
    pub users: Vec<String>,
}
