//! Real Baileys judges what was mended. Needs Node and Baileys in `tests/peers`, which `cargo xtask setup` installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::repair::Extent;

use crate::support::{NOW_MS, copy, fixture_path};

fn mend(dir: &Path, version: Option<Version>) {
    let shelf = tempfile::tempdir().unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: shelf.path(),
        label: "judge",
        passphrase: None,
        approve: None,
    };
    let outcome = clean(dir, &Options { version, ..Options::at(NOW_MS) }, &how).unwrap();
    assert!(outcome.healthy && outcome.login_kept);
}

/// Messages that arrived, and retries, each way: ours to them, theirs to us.
fn judge(version: u32, ours: &Path, theirs: &Path) -> (u64, u64, u64) {
    let modules: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    assert!(modules.join("node_modules").is_dir(), "Baileys is not installed: run `cargo xtask setup`");
    let output = Command::new("node")
        .arg(fixture_path("judge.mjs"))
        .arg(modules)
        .arg(version.to_string())
        .args([ours, theirs])
        .output()
        .expect("Node is not installed: run `cargo xtask setup`");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    let number = |way: &str, what: &str| result[way][what].as_u64().unwrap();
    let retries = number("in", "retries") + number("out", "retries");
    (number("in", "arrived"), number("out", "arrived"), retries)
}

#[test]
fn a_contaminated_session_of_ours_is_mended_without_loss() {
    for version in [6, 7] {
        let ours = copy(&format!("baileys{version}-contaminated-ours"));
        let theirs = copy(&format!("baileys{version}-contaminated-ours-peer"));
        mend(ours.path(), None);
        assert_eq!(judge(version, ours.path(), theirs.path()), (10, 10, 0), "not even a retry");
    }
}

#[test]
fn a_contaminated_session_of_theirs_costs_one_retry() {
    for version in [6, 7] {
        let ours = copy(&format!("baileys{version}-contaminated-theirs"));
        let theirs = copy(&format!("baileys{version}-contaminated-theirs-peer"));
        mend(ours.path(), None);
        assert_eq!(judge(version, ours.path(), theirs.path()), (10, 10, 1));
    }
}

#[test]
fn sessions_survive_an_upgrade_from_6_to_7() {
    let ours = copy("baileys6-contaminated-ours");
    let theirs = copy("baileys6-contaminated-ours-peer");
    for dir in [&ours, &theirs] {
        mend(dir.path(), Some(Version::V7));
    }
    assert_eq!(judge(7, ours.path(), theirs.path()), (10, 10, 0));
}
