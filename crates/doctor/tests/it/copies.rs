//! Copies that people made themselves: a folder, a tar archive.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::restore::{RestoreError, RestoreOptions, Restored, What, restore};
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy, fixture_path, report};

/// `tar czf` of a folder, under a path, as people type it.
fn packed(folder: &Path, under: &str, compressed: bool) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(if compressed { "old.tar.gz" } else { "old.tar" });
    let file = std::fs::File::create(&path).unwrap();
    if compressed {
        let gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        let mut tar = tar::Builder::new(gz);
        tar.append_dir_all(under, folder).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
    } else {
        let mut tar = tar::Builder::new(file);
        tar.append_dir_all(under, folder).unwrap();
        tar.into_inner().unwrap();
    }
    (dir, path)
}

fn restored(from: &Path, to: &Path, what: What<'_>) -> Result<Restored, RestoreError> {
    let shelf = tempfile::tempdir().unwrap();
    let how = RestoreOptions { what, dry_run: false, shelf: shelf.path(), label: "bot", makes_room: true };
    restore(from, to, &Options::at(NOW_MS), &how)
}

#[test]
fn a_tar_archive_of_a_folder_is_examined() {
    for compressed in [true, false] {
        let folder = copy("baileys7");
        std::fs::write(folder.path().join("session-6281100000002.0.json"), "").unwrap();
        let (_dir, path) = packed(folder.path(), "srv/bot/auth_info", compressed);
        let found = report(&path);
        assert_eq!(codes(&found, Severity::Error), ["file_empty"], "{found:?}");
        assert_eq!((found.credentials, found.files), (CredentialsState::Sound, 27));
    }
}

#[test]
fn what_only_looks_like_an_archive_is_none() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [("a.tar.gz", &[0x1f, 0x8b, 8, 0, 1, 2, 3][..]), ("b.tar", b"no tar"), ("c", b"")]
    {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        assert!(examine(&path, &Options::at(NOW_MS)).is_err(), "{name}");
    }
}

#[test]
fn a_copy_that_is_named_gives_the_login_back_and_no_ratchet() {
    let kept = copy("baileys6");
    let (_dir, archive) = packed(kept.path(), "auth_info", true);
    for from in [kept.path(), &archive] {
        let dir = copy("baileys6");
        std::fs::write(dir.path().join("creds.json"), "{\"noise").unwrap();
        std::fs::remove_file(dir.path().join("pre-key-9.json")).unwrap();
        std::fs::remove_file(dir.path().join("session-6281100000004.0.json")).unwrap();
        let before = contents(dir.path());
        let outcome = restored(from, dir.path(), What::Credentials).unwrap();
        assert!(outcome.applied && outcome.login_kept && outcome.backup.is_some(), "{outcome:?}");
        assert_eq!(outcome.written, ["creds.json", "pre-key-9.json"]);
        let after = contents(dir.path());
        assert!(before.iter().all(|(name, content)| name == "creds.json" || after[name] == *content));
        assert!(report(dir.path()).healthy);
    }
}

#[test]
fn a_copy_of_another_account_or_of_many_is_refused() {
    let dir = copy("baileys6");
    std::fs::write(dir.path().join("creds.json"), "").unwrap();
    let before = contents(dir.path());
    let stranger = fixture_path("baileys6-contaminated-ours-peer");
    let refused = restored(&stranger, dir.path(), What::Credentials).unwrap_err();
    assert!(matches!(refused, RestoreError::OtherAccount), "{refused}");
    let refused = restored(copy("baileys6").path(), dir.path(), What::All { force: None }).unwrap_err();
    assert!(matches!(refused, RestoreError::OnlyALogin(_)), "{refused}");
    assert_eq!(contents(dir.path()), before);

    // Two accounts in one archive: only where the folder tells which is meant.
    let both = tempfile::tempdir().unwrap();
    for (name, fixture) in [("one", "baileys6"), ("two", "baileys6-contaminated-ours-peer")] {
        std::fs::rename(copy(fixture).keep(), both.path().join(name)).unwrap();
    }
    let (_dir, archive) = packed(both.path(), "sessions", true);
    assert!(restored(&archive, dir.path(), What::Credentials).unwrap().login_kept);
    let empty = tempfile::tempdir().unwrap();
    let refused = restored(&archive, empty.path(), What::Credentials).unwrap_err();
    assert!(matches!(refused, RestoreError::ManyLogins(_)), "{refused}");
}

#[test]
fn the_right_login_ends_a_mix_of_two_accounts() {
    let dir = copy("baileys6");
    let kept = copy("baileys6");
    std::fs::copy(
        fixture_path("baileys6-contaminated-ours-peer").join("creds.json"),
        dir.path().join("creds.json"),
    )
    .unwrap();
    assert!(!report(dir.path()).healthy);
    let outcome = restored(kept.path(), dir.path(), What::Credentials).unwrap();
    assert!(outcome.login_kept && report(dir.path()).healthy, "{outcome:?}");
}

/// A tar archive of these files.
fn packed_files(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap();
    (dir, path)
}

#[test]
fn an_archive_of_several_sessions_is_none_of_them() {
    let login = std::fs::read(fixture_path("baileys7").join("creds.json")).unwrap();
    for other in [&login[..], b"{\"torn"] {
        let (_dir, path) =
            packed_files(&[("./a/creds.json", &login), ("b/c/creds.json", other), ("creds.json", &login)]);
        let found = report(&path);
        assert_eq!(codes(&found, Severity::Error), ["sessions_inside"], "{found:?}");
        let evidence = &found.findings[0].evidence;
        assert!(evidence.contains("3 sessions") && evidence.contains("a, b/c"), "{evidence}");
        assert!(!found.healthy && found.credentials == CredentialsState::Missing);
    }
}

#[test]
fn two_logins_under_one_path_are_refused() {
    let login = std::fs::read(fixture_path("baileys7").join("creds.json")).unwrap();
    for again in ["a/creds.json", "./a/creds.json", "a//creds.json"] {
        let (_dir, path) = packed_files(&[("a/creds.json", &login), (again, b"{}")]);
        let error = examine(&path, &Options::at(NOW_MS)).unwrap_err().to_string();
        assert!(error.contains("a/creds.json") && error.contains("twice"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let refused = restored(&path, empty.path(), What::Credentials).unwrap_err().to_string();
        assert!(refused.contains("twice") && contents(empty.path()).is_empty(), "{refused}");
    }
}

/// A session in `auth_info` with a torn login, and what lies beside it.
fn torn_beside(name: &str, from: &str) -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    let session = copy("baileys6");
    let own = top.path().join("auth_info");
    std::fs::rename(session.keep(), &own).unwrap();
    let creds = crate::support::fixture_path(from).join("creds.json");
    let beside = top.path().join(name);
    if name.contains("creds") {
        std::fs::copy(creds, beside).unwrap();
    } else {
        std::fs::create_dir(&beside).unwrap();
        std::fs::copy(creds, beside.join("creds.json")).unwrap();
    }
    std::fs::write(own.join("creds.json"), "").unwrap();
    top
}

fn cleaned_beside(top: &Path) -> wakeeper_doctor::clean::Outcome {
    let shelf = top.join("shelf");
    let how = wakeeper_doctor::clean::CleanOptions {
        extent: wakeeper_doctor::repair::Extent::Damaged,
        dry_run: false,
        shelf: &shelf,
        label: "auth_info",
        passphrase: None,
        approve: None,
    };
    wakeeper_doctor::clean::clean(&top.join("auth_info"), &Options::at(NOW_MS), &how).unwrap()
}

#[test]
fn copies_beside_the_folder_are_taken_once_their_login_is_proven() {
    for name in [
        "creds.json.bak",
        "creds.json.old",
        "creds (1).json",
        "backup_auth_info",
        "Copy of auth_info",
        "auth_info.bak",
        "auth_info_old",
        "auth_info-2024-01-01",
    ] {
        let top = torn_beside(name, "baileys6");
        let outcome = cleaned_beside(top.path());
        let from = outcome.login_from.clone().unwrap_or_else(|| panic!("{name}: {outcome:#?}"));
        assert!(outcome.login_kept && from.starts_with(top.path().join(name)), "{name}: {outcome:#?}");
        let top = torn_beside(name, "baileys6-contaminated-ours-peer");
        assert!(!cleaned_beside(top.path()).login_kept, "{name} of another account");
    }
    // A folder of another bot is none.
    let top = torn_beside("other_auth_info", "baileys6");
    assert!(!cleaned_beside(top.path()).login_kept);
}

#[test]
fn archives_of_other_kinds_are_named_with_the_command_that_unpacks_them() {
    let packed: [(&str, &[u8], &str); 5] = [
        ("auth_info.zip", b"PK\x03\x04\x14\0\0\0\0\0", "unzip "),
        ("auth_info-old.tar.xz", b"\xfd7zXZ\0\0\x04\0\0", "tar -xf "),
        ("auth_info.tar.bz2", b"BZh91AY&SY", "tar -xf "),
        ("backup_auth_info.7z", b"7z\xbc\xaf\x27\x1c\0\x04\0\0", "7z x "),
        ("auth_info (1).rar", b"Rar!\x1a\x07\x01\0\0\0", "unrar x "),
    ];
    for (name, start, command) in packed {
        let top = torn_beside("unrelated", "baileys6");
        let path = top.path().join(name);
        std::fs::write(&path, start).unwrap();
        let outcome = cleaned_beside(top.path());
        assert!(!outcome.login_kept);
        let note = outcome.notes.iter().find(|note| note.contains(name));
        assert!(
            note.is_some_and(|note| note.contains("npack it first") && note.contains(command)),
            "{outcome:#?}"
        );
        assert!(outcome.unpack.iter().any(|step| step.contains(command)), "{outcome:#?}");
        let shelf = top.path().join("shelf");
        let how = RestoreOptions {
            what: What::Credentials,
            dry_run: true,
            shelf: &shelf,
            label: "auth_info",
            makes_room: false,
        };
        let refused = restore(&path, &top.path().join("auth_info"), &Options::at(NOW_MS), &how).unwrap_err();
        let examined = examine(&path, &Options::at(NOW_MS)).unwrap_err();
        for told in [refused.to_string(), examined.to_string()] {
            assert!(
                told.contains("unpack it first") && told.contains(command) && told.contains(name),
                "{told}"
            );
        }
    }
}
