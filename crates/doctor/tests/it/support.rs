//! Fixtures, copied to where a test may damage them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::{Report, Severity, examine};

/// A time after the fixtures were made: 1 January 2030.
pub const NOW_MS: i64 = 1_893_456_000_000;

/// A copy of a fixture in a folder of its own.
pub fn copy(fixture: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for item in std::fs::read_dir(fixture_path(fixture)).unwrap() {
        let item = item.unwrap();
        std::fs::copy(item.path(), dir.path().join(item.file_name())).unwrap();
    }
    dir
}

pub fn fixture_path(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture)
}

pub fn report(path: &Path) -> Report {
    examine(path, &Options::at(NOW_MS)).unwrap()
}

/// Codes of a severity, once each per finding, sorted.
pub fn codes(report: &Report, severity: Severity) -> Vec<&'static str> {
    let mut codes: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.code.as_str())
        .collect();
    codes.sort_unstable();
    codes
}

/// Every file of a folder and its content.
pub fn contents(path: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let readable = |item: &std::fs::DirEntry| {
        let metadata = item.metadata().unwrap();
        metadata.is_file() && metadata.len() < 1 << 24
    };
    let files = std::fs::read_dir(path).unwrap().map(Result::unwrap).filter(readable);
    files.map(|item| (item.file_name().into_string().unwrap(), std::fs::read(item.path()).unwrap())).collect()
}
