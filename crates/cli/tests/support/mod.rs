//! What several tests of the binary need.

// Each of them uses a part. Helpers of tests are not marked as tests themselves.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Folders and logs that real gateways wrote.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor/fixtures")
}

/// Copies a session of the fixtures to a folder, which is made; all of it private.
pub fn plant(folder: &Path, fixture: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    for item in fs::read_dir(fixtures().join(fixture)).unwrap() {
        let item = item.unwrap();
        let copy = folder.join(item.file_name());
        fs::copy(item.path(), &copy).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    }
}

/// A data folder with such a copy in `auth_info`.
pub fn data(fixture: &str) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    plant(&data.path().join("auth_info"), fixture);
    data
}

/// What people set for WAHA.
pub fn waha() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../../configuration/src/tests/waha.env").lines().filter_map(|line| line.split_once('='))
}
