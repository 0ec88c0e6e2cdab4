//! Backups of whatsmeow stores, which are not put back.

use std::path::Path;

use wakeeper_private_fs::shown;

use super::RestoreError;
use crate::backup::Manifest;
use crate::whatsmeow::FORMAT;

/// Refuses a backup of a whatsmeow store: it belongs to another gateway, and is one file that changes with every message.
pub(super) fn not_a_store(archive: &Path, manifest: &Manifest) -> Result<(), RestoreError> {
    if manifest.format == FORMAT { Err(RestoreError::Store(shown(archive))) } else { Ok(()) }
}
