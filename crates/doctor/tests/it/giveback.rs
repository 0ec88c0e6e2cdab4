//! Whose login is given back: never another account's, and never in silence.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::backup::{CreateOptions, create};
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::restore::{RestoreError, RestoreOptions, Restored, What, newest_for, restore};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::Folder;

use crate::support::{NOW_MS, contents, copy, fixture_path, report};

const STRANGER: &str = "baileys6-contaminated-ours-peer";

fn backed_up(dir: &Path, shelf: &Path, now_ms: i64, passphrase: Option<&Passphrase>) -> PathBuf {
    let how = CreateOptions { shelf, label: "bot", passphrase, always: true };
    create(&Folder::open(dir).unwrap(), &Options::at(now_ms), &how).unwrap().path
}

fn restored(from: &Path, to: &Path, shelf: &Path, what: What<'_>) -> Result<Restored, RestoreError> {
    let how = RestoreOptions { what, dry_run: false, shelf, label: "bot", makes_room: true };
    restore(from, to, &Options::at(NOW_MS), &how)
}

fn cleaned(dir: &Path, shelf: &Path, passphrase: Option<&Passphrase>) -> Outcome {
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf,
        label: "bot",
        passphrase,
        approve: None,
    };
    clean(dir, &Options::at(NOW_MS), &how).unwrap()
}

/// What a crash leaves of a login: nothing, no byte, or a beginning that does not say whose it is, or that does.
fn damaged(dir: &Path, left: Option<usize>) {
    let path = dir.join("creds.json");
    match left {
        None => std::fs::remove_file(path).unwrap(),
        Some(len) => std::fs::File::options().write(true).open(path).unwrap().set_len(len as u64).unwrap(),
    }
}

/// A folder with nothing but the beginning of a login.
fn beginning() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(fixture_path("baileys6").join("creds.json"), dir.path().join("creds.json")).unwrap();
    damaged(dir.path(), Some(20));
    dir
}

fn put(fixture: &str, dir: &Path, name: &str) {
    std::fs::copy(fixture_path(fixture).join("creds.json"), dir.join(name)).unwrap();
}

#[test]
fn no_archive_of_another_account_is_restored_whatever_became_of_the_login() {
    let shelf = tempfile::tempdir().unwrap();
    let own = backed_up(copy("baileys6").path(), shelf.path(), NOW_MS - 2000, None);
    let foreign = backed_up(copy(STRANGER).path(), shelf.path(), NOW_MS - 1000, None);
    for left in [None, Some(0), Some(300), Some(1500)] {
        let dir = copy("baileys6");
        damaged(dir.path(), left);
        let before = contents(dir.path());
        for what in [What::Credentials, What::All { force: None }] {
            let refused = restored(&foreign, dir.path(), shelf.path(), what).expect_err("refused");
            assert!(matches!(refused, RestoreError::OtherAccount), "{left:?} {what:?}: {refused}");
        }
        assert_eq!(contents(dir.path()), before);
        let outcome = restored(&own, dir.path(), shelf.path(), What::Credentials).unwrap();
        assert!(outcome.login_kept && report(dir.path()).healthy, "{left:?}: {outcome:?}");
    }
    // Nothing is known of an empty folder, and a person may insist.
    let dir = tempfile::tempdir().unwrap();
    assert!(restored(&foreign, dir.path(), shelf.path(), What::Credentials).unwrap().login_kept);
    let dir = copy("baileys6");
    damaged(dir.path(), Some(0));
    let forced = What::All { force: Some("a test") };
    assert!(restored(&foreign, dir.path(), shelf.path(), forced).unwrap().login_kept);
}

#[test]
fn no_copy_is_taken_that_nothing_proves_to_be_the_logins() {
    let (dir, shelf) = (beginning(), tempfile::tempdir().unwrap());
    put(STRANGER, dir.path(), "creds-other-account.json");
    let before = contents(dir.path());
    let outcome = cleaned(dir.path(), shelf.path(), None);
    assert!(!outcome.applied && contents(dir.path()) == before, "{outcome:?}");
    assert!(outcome.notes.iter().any(|note| note.contains("creds-other-account.json")), "{outcome:?}");
    // A person who knows it to be the right one names it.
    let named = dir.path().join("creds-other-account.json");
    assert!(restored(&named, dir.path(), shelf.path(), What::Credentials).unwrap().login_kept);
}

#[test]
fn what_a_writer_leaves_of_the_very_file_is_its_own_while_all_of_it_is_one_login() {
    for name in ["creds.json.bak", "creds.json.1730112233"] {
        let (dir, shelf) = (beginning(), tempfile::tempdir().unwrap());
        put("baileys6", dir.path(), name);
        assert!(cleaned(dir.path(), shelf.path(), None).login_kept, "{name}");
    }
    let (dir, shelf) = (beginning(), tempfile::tempdir().unwrap());
    put("baileys6", dir.path(), "creds.json.bak");
    put(STRANGER, dir.path(), "creds.json.old");
    let outcome = cleaned(dir.path(), shelf.path(), None);
    assert!(!outcome.applied && outcome.plan.is_empty(), "{outcome:?}");
    let told = |name: &str| outcome.notes.iter().any(|note| note.contains(name));
    assert!(told("creds.json.bak") && told("creds.json.old"), "{outcome:?}");
}

#[test]
fn backups_that_could_not_be_opened_are_told() {
    let passphrase = Passphrase::new("the right one".to_owned());
    let shelf = tempfile::tempdir().unwrap();
    backed_up(copy("baileys6").path(), shelf.path(), NOW_MS - 1000, Some(&passphrase));
    let dir = copy("baileys6");
    damaged(dir.path(), Some(0));
    for wrong in [None, Some(&Passphrase::new("another one".to_owned()))] {
        let outcome = cleaned(dir.path(), shelf.path(), wrong);
        let told = "1 encrypted backup was not opened: set BACKUP_PASSPHRASE";
        assert!(outcome.notes.iter().any(|note| note.contains(told)), "{outcome:?}");
        assert!(!outcome.applied);
    }
    assert!(cleaned(dir.path(), shelf.path(), Some(&passphrase)).login_kept);
}

#[test]
fn a_mix_of_two_accounts_is_no_login_that_is_kept() {
    let (dir, shelf) = (copy("baileys6"), tempfile::tempdir().unwrap());
    put(STRANGER, dir.path(), "creds.json");
    let outcome = cleaned(dir.path(), shelf.path(), None);
    assert!(!outcome.applied && !outcome.login_kept, "{outcome:?}");
    assert_eq!(report(dir.path()).credentials, CredentialsState::Damaged);
}

#[test]
fn the_newest_backup_of_the_folders_own_login_is_chosen() {
    let shelf = tempfile::tempdir().unwrap();
    let own = backed_up(copy("baileys6").path(), shelf.path(), NOW_MS - 2000, None);
    let foreign = backed_up(copy(STRANGER).path(), shelf.path(), NOW_MS - 1000, None);
    let newest = |dir: &Path| newest_for(dir, shelf.path(), "bot", &Options::at(NOW_MS)).unwrap();
    for left in [None, Some(0), Some(1500), Some(usize::MAX >> 1)] {
        let dir = copy("baileys6");
        if left.is_none_or(|len| len < 1 << 20) {
            damaged(dir.path(), left);
        }
        let chosen = newest(dir.path());
        assert_eq!(chosen.archive, own, "{left:?}");
        assert!(chosen.passed[0].contains("another account"), "{:?}", chosen.passed);
    }
    let mixed = copy("baileys6");
    put(STRANGER, mixed.path(), "creds.json");
    assert_eq!(newest(mixed.path()).archive, own);
    // Nothing tells in an empty folder: it may be either's.
    let empty = tempfile::tempdir().unwrap();
    let refused =
        newest_for(empty.path(), shelf.path(), "bot", &Options::at(NOW_MS)).unwrap_err().to_string();
    assert!(
        [&own, &foreign].iter().all(|path| refused.contains(path.file_name().unwrap().to_str().unwrap()))
    );
    let outcome = cleaned(mixed.path(), shelf.path(), None);
    assert_eq!(outcome.restore_from.as_ref(), Some(&own), "{outcome:?}");
    let outcome = restored(&own, mixed.path(), shelf.path(), What::Credentials).unwrap();
    assert!(outcome.login_kept && report(mixed.path()).healthy, "{outcome:?}");
}
