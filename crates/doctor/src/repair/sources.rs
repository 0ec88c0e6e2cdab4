//! Where a plan may take sound files from.

use std::path::PathBuf;

use super::credentials::{Constraint, RestoredCredentials};
use crate::backup::packed::Packed;

/// Where a plan may take sound files from. `login` is the public identity key of the login that they must belong to.
pub trait Sources {
    /// The newest sound credentials that satisfy the constraint.
    fn credentials(&self, constraint: &Constraint) -> Found;
    /// A file that never changes, from the newest backup that holds a sound one.
    fn file(&self, login: &[u8; 32], name: &str) -> Option<Vec<u8>>;
    /// All sound pre-keys of the newest backup that holds any.
    fn pre_keys(&self, login: &[u8; 32]) -> Vec<(String, Vec<u8>)>;
}

/// What a search for credentials came to.
#[derive(Debug, Default)]
pub struct Found {
    /// Credentials that may be used.
    pub login: Option<RestoredCredentials>,
    /// Encrypted backups that could not be opened.
    pub locked: usize,
    /// Copies of a login of which nothing proves that it is the one.
    pub unproven: Vec<PathBuf>,
    /// Archives near the folder that have to be unpacked before they can be read.
    pub packed: Vec<(PathBuf, Packed)>,
}

/// No backups at all.
impl Sources for () {
    fn credentials(&self, _: &Constraint) -> Found {
        Found::default()
    }

    fn file(&self, _: &[u8; 32], _: &str) -> Option<Vec<u8>> {
        None
    }

    fn pre_keys(&self, _: &[u8; 32]) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}
