//! What upkeep needs of a session, and what it does with a backup once it is made.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use async_trait::async_trait;
use wakeeper_doctor::Options;
use wakeeper_doctor::backup::{self, Created, Shelf};

use crate::care::container::blocking;
use crate::care::{Places, now_ms};

/// A session that can be backed up while it runs.
#[async_trait]
pub trait Routine: Send + Sync {
    /// Its name, as logs and metrics know it.
    fn name(&self) -> &str;

    /// When its newest backup was made, milliseconds since 1970.
    async fn newest_ms(&self) -> Option<i64>;

    /// Backs it up if it changed since, and removes what the retention does not keep.
    async fn back_up(&self) -> anyhow::Result<Outcome>;
}

/// All sessions there are at the moment.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Them.
    async fn all(&self) -> Vec<Arc<dyn Routine>>;
}

/// What became of a backup.
#[derive(Debug)]
pub enum Outcome {
    /// There is a new one.
    Made {
        /// The archive.
        path: PathBuf,
        /// Files in it.
        files: usize,
        /// Errors that were in the session.
        errors: usize,
        /// Old backups that were removed.
        pruned: usize,
    },
    /// The newest one holds what there is.
    Unchanged,
    /// There is nothing to back up; the text says why.
    Nothing(String),
}

/// When the newest backup of these places was made.
pub fn newest_ms(places: &Places) -> Option<i64> {
    let archives = Shelf::at(&places.backups).archives(Some(&places.label)).ok()?;
    archives.first().map(|(.., made_ms)| *made_ms)
}

/// Looks at a new backup as a restore would, and, when `prune`, removes what the retention does not keep.
pub async fn settle(places: Places, created: Created, prune: bool) -> anyhow::Result<Outcome> {
    blocking(move || {
        if !created.unchanged {
            let options = Options { passphrase: places.passphrase.as_ref(), ..Options::at(now_ms()) };
            let verified = backup::verify(&created.path, &options)?;
            if verified.report.credentials != created.manifest.credentials {
                bail!(
                    "{} would not restore the login that was backed up; it is kept for a look at it",
                    wakeeper_private_fs::shown(&created.path).display()
                );
            }
        }
        let pruned = if prune {
            crate::care::backup::prune(&places, &places.retention, false)?.removed.len()
        } else {
            0
        };
        if created.unchanged {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::Made {
            path: wakeeper_private_fs::shown(&created.path),
            files: created.manifest.files.len(),
            errors: created.manifest.errors.unwrap_or(0),
            pruned,
        })
    })
    .await
}
