//! Backups: made, verified, listed, pruned, restored; and archives that lie.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::backup::manifest::{FileRow, Manifest};
use wakeeper_doctor::backup::{self, CreateOptions, Created, Retention, Shelf, archive};
use wakeeper_doctor::examine::{CredentialsState, ExamineError, Options};
use wakeeper_doctor::restore::{RestoreError, RestoreOptions, What, restore};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::{Folder, Limits};
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, contents, copy};

fn back_up(dir: &Path, shelf: &Path, now_ms: i64, passphrase: Option<&Passphrase>) -> Created {
    let create = CreateOptions { shelf, label: "web", passphrase, always: false };
    let options = Options { passphrase, ..Options::at(now_ms) };
    backup::create(&Folder::open(dir).unwrap(), &options, &create).unwrap()
}

fn how<'a>(shelf: &'a TempDir, what: What<'a>) -> RestoreOptions<'a> {
    RestoreOptions { what, dry_run: false, shelf: shelf.path(), label: "web", makes_room: false }
}

#[test]
fn a_backup_restores_what_was_there() {
    use std::os::unix::fs::MetadataExt;
    for fixture in ["baileys6", "baileys7"] {
        for passphrase in [None, Some(Passphrase::new("correct horse".into()))] {
            let dir = copy(fixture);
            std::fs::write(dir.path().join("session-628.0.json"), "").unwrap();
            std::fs::create_dir(dir.path().join("a directory")).unwrap();
            let shelf = tempfile::tempdir().unwrap();
            let created = back_up(dir.path(), shelf.path(), NOW_MS, passphrase.as_ref());
            let metadata = std::fs::metadata(&created.path).unwrap();
            assert_eq!(metadata.mode() & 0o777, 0o600);
            assert_eq!(created.manifest.left_out.len(), 1);

            let options = Options { passphrase: passphrase.as_ref(), ..Options::at(NOW_MS) };
            let verified = backup::verify(&created.path, &options).unwrap();
            assert_eq!(verified.report.credentials, CredentialsState::Sound);
            assert!(!verified.report.healthy, "the damaged file is in it, as it was");
            assert_eq!(verified.manifest, created.manifest);

            let parent = tempfile::tempdir().unwrap();
            let target = parent.path().join("new");
            let all = What::All { force: None };
            let restored = restore(&created.path, &target, &options, &how(&shelf, all)).unwrap();
            assert!(restored.applied && restored.login_kept && restored.backup.is_none());
            assert_eq!(contents(&target), contents(dir.path()));
            assert_eq!(std::fs::metadata(&target).unwrap().mode() & 0o777, 0o700);
            assert_eq!(std::fs::metadata(target.join("creds.json")).unwrap().mode() & 0o777, 0o600);
        }
    }
}

#[test]
fn the_passphrase_is_needed_and_must_be_right() {
    let dir = copy("baileys7");
    let shelf = tempfile::tempdir().unwrap();
    let right = Passphrase::new("correct horse".into());
    let created = back_up(dir.path(), shelf.path(), NOW_MS, Some(&right));
    assert!(created.path.to_str().unwrap().ends_with(".tar.zst.age"));
    let wrong = Passphrase::new("battery staple".into());
    for (passphrase, expected) in [(None, "a passphrase is needed"), (Some(&wrong), "does not open it")] {
        let options = Options { passphrase, ..Options::at(NOW_MS) };
        let error = examine(&created.path, &options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let list = Shelf::at(shelf.path()).list(None, None, &Limits::default()).unwrap();
    assert!(list[0].encrypted && list[0].credentials.is_none() && list[0].problem.is_none());
}

#[test]
fn an_unchanged_session_is_not_written_again() {
    let dir = copy("baileys6");
    let shelf = tempfile::tempdir().unwrap();
    let first = back_up(dir.path(), shelf.path(), NOW_MS, None);
    let second = back_up(dir.path(), shelf.path(), NOW_MS + 1000, None);
    assert!(!first.unchanged && second.unchanged && first.path == second.path);
    std::fs::write(dir.path().join("session-628.0.json"), "{}").unwrap();
    let third = back_up(dir.path(), shelf.path(), NOW_MS + 2000, None);
    assert!(!third.unchanged && third.path != first.path);
    // A newest archive that is spoilt does not stand for the session.
    let mut bytes = std::fs::read(&third.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&third.path, bytes).unwrap();
    assert!(backup::verify(&third.path, &Options::at(NOW_MS)).is_err());
    assert!(!back_up(dir.path(), shelf.path(), NOW_MS + 3000, None).unchanged);
}

#[test]
fn lists_and_prunes() {
    let dir = copy("baileys6");
    let shelf = tempfile::tempdir().unwrap();
    std::fs::write(shelf.path().join("not a backup.tar.zst"), "").unwrap();
    for day in 0..30 {
        std::fs::write(dir.path().join("session-628.0.json"), format!("{{\"day\":{day}}}")).unwrap();
        if day == 15 {
            std::fs::write(dir.path().join("creds.json"), "").unwrap();
        }
        back_up(dir.path(), shelf.path(), NOW_MS + day * 86_400_000, None);
    }
    let on_shelf = Shelf::at(shelf.path());
    let list = on_shelf.list(Some("web"), None, &Limits::default()).unwrap();
    assert_eq!(list.len(), 30);
    assert!(list.is_sorted_by(|a, b| a.created_ms > b.created_ms));
    assert_eq!(list[0].credentials, Some(CredentialsState::Damaged));
    assert_eq!(list[15].credentials, Some(CredentialsState::Sound));
    let policy = Retention { last: 2, daily: 3, weekly: 0 };
    let place = backup::place_mark(dir.path());
    let own = backup::Own { account: list[15].account.as_deref(), place: Some(&place) };
    let dry = backup::prune(&on_shelf, "web", own, &policy, None, true).unwrap();
    assert_eq!(on_shelf.archives(None).unwrap().len(), 30);
    let pruned = backup::prune(&on_shelf, "web", own, &policy, None, false).unwrap();
    assert_eq!(pruned.removed, dry.removed);
    assert_eq!(pruned.kept.len(), 4, "three days, and the newest with a sound login");
    assert!(pruned.kept.contains(&list[15].path) && pruned.freed > 0);
    assert_eq!(on_shelf.archives(None).unwrap().len(), 4);
    assert!(shelf.path().join("not a backup.tar.zst").exists());
}

#[test]
fn ratchets_never_go_backwards_unasked() {
    let dir = copy("baileys7");
    let shelf = tempfile::tempdir().unwrap();
    let before = contents(dir.path());
    let created = back_up(dir.path(), shelf.path(), NOW_MS, None);
    // The session lives on: a ratchet advances, a pre-key is used up, another is made.
    let session = dir.path().join("session-6281100000002.0.json");
    let advanced = std::fs::read_to_string(&session).unwrap().replace("\"used\":1", "\"used\":2");
    std::fs::write(&session, &advanced).unwrap();
    std::fs::remove_file(dir.path().join("session-6281100000004.0.json")).unwrap();
    std::fs::remove_file(dir.path().join("pre-key-4.json")).unwrap();
    std::fs::copy(dir.path().join("pre-key-5.json"), dir.path().join("pre-key-40.json")).unwrap();
    let lived = contents(dir.path());

    let options = Options::at(NOW_MS + 1000);
    let all = What::All { force: None };
    let error = restore(&created.path, dir.path(), &options, &how(&shelf, all)).unwrap_err();
    assert!(matches!(&error, RestoreError::Backwards(1, name) if name.starts_with("session-")), "{error}");
    assert_eq!(contents(dir.path()), lived, "nothing was touched");

    let restored = restore(&created.path, dir.path(), &options, &how(&shelf, What::Credentials)).unwrap();
    assert!(restored.applied && restored.login_kept);
    assert_eq!(restored.written, ["pre-key-4.json"], "a sound login is left as it is");
    let sound = std::fs::read(dir.path().join("creds.json")).unwrap();
    std::fs::write(dir.path().join("creds.json"), &sound[..sound.len() / 2]).unwrap();
    let restored = restore(&created.path, dir.path(), &options, &how(&shelf, What::Credentials)).unwrap();
    assert!(restored.applied && restored.login_kept);
    assert_eq!(restored.written, ["creds.json"]);
    let after = contents(dir.path());
    assert_eq!(after["session-6281100000002.0.json"], advanced.as_bytes());
    assert!(!after.contains_key("session-6281100000004.0.json"), "no old ratchet comes back");
    let creds = String::from_utf8(after["creds.json"].clone()).unwrap();
    assert!(creds.contains("\"nextPreKeyId\":1041,"), "past every id that was used");

    // With a reason, and the state before kept.
    let forced = What::All { force: Some("the disk was swapped") };
    let restored = restore(&created.path, dir.path(), &options, &how(&shelf, forced)).unwrap();
    assert!(restored.notes[0].contains("the disk was swapped"));
    assert_eq!(contents(dir.path()), before);
    let undo = What::All { force: Some("undo") };
    restore(&restored.backup.unwrap(), dir.path(), &options, &how(&shelf, undo)).unwrap();
    assert_eq!(contents(dir.path()), after);
}

#[test]
fn a_backup_of_another_login_is_refused() {
    let theirs = copy("baileys6");
    let ours = copy("baileys7");
    let shelf = tempfile::tempdir().unwrap();
    let created = back_up(theirs.path(), shelf.path(), NOW_MS, None);
    let before = contents(ours.path());
    for what in [What::Credentials, What::All { force: None }] {
        let error =
            restore(&created.path, ours.path(), &Options::at(NOW_MS), &how(&shelf, what)).unwrap_err();
        assert!(matches!(error, RestoreError::OtherAccount));
    }
    assert_eq!(contents(ours.path()), before);
}

/// Builds an archive by hand.
struct Forged {
    manifest: Manifest,
    tar: tar::Builder<Vec<u8>>,
}

impl Forged {
    /// With the manifest of a genuine one, changed.
    fn new(change: impl Fn(&mut Manifest)) -> Self {
        let dir = copy("baileys6-unlinked");
        let shelf = tempfile::tempdir().unwrap();
        let mut manifest = back_up(dir.path(), shelf.path(), NOW_MS, None).manifest;
        manifest.files.clear();
        change(&mut manifest);
        let mut forged = Self { manifest, tar: tar::Builder::new(Vec::new()) };
        let text = serde_json::to_vec(&forged.manifest).unwrap();
        forged.member("wakeeper-backup.json", tar::EntryType::Regular, &text);
        forged
    }

    /// Writes the name as it is, however it looks: the library would refuse `..`.
    fn member(&mut self, path: &str, kind: tar::EntryType, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        if kind != tar::EntryType::Regular {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        self.tar.append(&header, content).unwrap();
    }

    fn write(self, dir: &Path) -> PathBuf {
        let path = dir.join("forged.tar.zst");
        let bytes = self.tar.into_inner().unwrap();
        std::fs::write(&path, zstd::encode_all(bytes.as_slice(), 1).unwrap()).unwrap();
        path
    }
}

fn row(path: &str, content: &[u8]) -> FileRow {
    use sha2::Digest;
    let sha256 = hex::encode(sha2::Sha256::digest(content));
    FileRow { path: path.into(), len: content.len() as u64, sha256, mode: 0o600, modified_ms: 0 }
}

#[test]
fn archives_that_lie_are_refused() {
    use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};
    let dir = tempfile::tempdir().unwrap();
    let refused = |forged: Forged, expected: &str| {
        let path = forged.write(dir.path());
        let options = Options::at(NOW_MS);
        let error = archive::read(&path, None, &options.limits, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error} should tell: {expected}");
        let target = dir.path().join("target");
        let shelf = tempfile::tempdir().unwrap();
        let all = What::All { force: Some("try") };
        assert!(restore(&path, &target, &options, &how(&shelf, all)).is_err());
        assert!(contents(&target).is_empty(), "nothing was written");
    };
    for name in [
        "session/../evil",
        "../evil",
        "/etc/evil",
        "session//evil",
        "session/",
        "session/.",
        "evil",
        "store/../x",
    ] {
        refused(Forged::new(|m| m.files.push(row(name, b"x"))), "leads out of the session");
    }
    let mut forged = Forged::new(|_| {});
    forged.member("session/extra.json", Regular, b"x");
    refused(forged, "does not name it");
    for kind in [Symlink, Link, Fifo, Directory] {
        let mut forged = Forged::new(|m| m.files.push(row("session/creds.json", b"")));
        forged.member("session/creds.json", kind, b"");
        refused(forged, "not a regular file");
    }
    let mut forged = Forged::new(|m| m.files.push(row("session/creds.json", b"right")));
    forged.member("session/creds.json", Regular, b"wrong");
    refused(forged, "does not hash");
    let mut forged = Forged::new(|m| m.files.push(row("session/creds.json", b"long")));
    forged.member("session/creds.json", Regular, b"longer than that");
    refused(forged, "not as long");
    let mut forged = Forged::new(|m| m.files.push(row("session/creds.json", b"a")));
    forged.member("session/creds.json", Regular, b"a");
    forged.member("session/creds.json", Regular, b"a");
    refused(forged, "does not name it");
    refused(Forged::new(|m| m.files.extend([row("session/a", b""), row("session/a", b"")])), "twice");
    refused(Forged::new(|m| m.files.push(row("session/creds.json", b"a"))), "missing");
    refused(Forged::new(|m| m.layout = 9), "newer wakeeper");
}

/// Names that would do harm where they land, or on the terminal of whoever reads about them.
const FOREIGN: [&str; 12] = [
    ".wakeeper-moved.json",
    "wakeeper-moved.json",
    "engine.db",
    "engine.db-wal",
    "wakeeper.db",
    "wakeeper.lock",
    "creds.json.bak",
    "authorized_keys",
    "lid-mapping-1\u{1b}[2J.json",
    "device-list-1\n2.json",
    "tctoken-\u{202e}nosj.json",
    "app-state-sync-key-a b.json",
];

#[test]
fn only_names_of_a_session_are_restored() {
    let dir = tempfile::tempdir().unwrap();
    let known = "pre-key-7.json";
    let mut forged = Forged::new(|m| {
        m.files.extend(FOREIGN.iter().map(|name| row(&format!("session/{name}"), b"x")));
        m.files.push(row(&format!("session/{known}"), b"{}"));
    });
    for name in FOREIGN {
        forged.member(&format!("session/{name}"), tar::EntryType::Regular, b"x");
    }
    forged.member(&format!("session/{known}"), tar::EntryType::Regular, b"{}");
    let path = forged.write(dir.path());
    let shelf = tempfile::tempdir().unwrap();
    for force in [None, Some("a test")] {
        let target = dir.path().join(format!("target-{}", force.is_some()));
        let all = What::All { force };
        let restored = restore(&path, &target, &Options::at(NOW_MS), &how(&shelf, all)).unwrap();
        assert_eq!(contents(&target).into_keys().collect::<Vec<_>>(), [known]);
        assert_eq!(restored.written, [known]);
        let told = restored.notes.iter().find(|note| note.starts_with("Not restored")).unwrap();
        assert!(told.contains(".wakeeper-moved.json") && told.contains("and 7 more"), "{told}");
        assert!(restored.notes.iter().all(|note| !note.contains(['\u{1b}', '\n', '\u{202e}'])), "{told}");
    }
}

/// Everything a restore writes is handed over a second time, so that nothing has to be held.
#[test]
fn an_archive_that_changes_between_reading_and_writing_changes_nothing() {
    use std::collections::BTreeMap;
    use wakeeper_doctor::repair::{ApplyError, Overlay, Take, apply_supplied};
    use wakeeper_doctor::source::Folder;
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let mut overlay = Overlay::default();
    let sha256 = row("a", b"right").sha256;
    overlay.put_supplied("pre-key-1.json", sha256.clone());
    overlay.put_supplied("pre-key-2.json", sha256);
    for supplied in
        [&[("pre-key-1.json", "right")][..], &[("pre-key-1.json", "wrong"), ("pre-key-2.json", "right")]]
    {
        let mut supply = |take: Take<'_>| {
            supplied
                .iter()
                .try_for_each(|(name, text)| take(name, text.as_bytes()))
                .map_err(|e| e.to_string())
        };
        let refused = apply_supplied(&folder, &overlay, &BTreeMap::new(), &mut supply).unwrap_err();
        assert!(matches!(refused, ApplyError::NotSupplied(..)), "{refused}");
        assert!(contents(dir.path()).is_empty() && folder.entry(".wakeeper-repair").is_err());
    }
}

#[test]
fn scrypts_work_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    // Only the header counts: nothing is worked out for it.
    let header = "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 20\n\
                  AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    let path = dir.path().join("web_20310101T000000000Z.tar.zst.age");
    std::fs::write(&path, [header.as_bytes(), &[0; 64]].concat()).unwrap();
    let passphrase = Passphrase::new("secret".to_owned());
    let refused = archive::read(&path, Some(&passphrase), &Limits::default(), |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("work factor of 20"), "{refused}");
    // A header without end is not read to its end.
    let endless = [&b"age-encryption.org/v1\n"[..], &b"-> x y\nAAAA\n".repeat(1 << 16)].concat();
    std::fs::write(&path, endless).unwrap();
    let refused = archive::read(&path, Some(&passphrase), &Limits::default(), |_| Ok(())).unwrap_err();
    assert!(matches!(refused, archive::ArchiveError::NotABackup), "{refused}");
}

#[test]
fn other_files_are_no_backups() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for content in [&b""[..], b"hello", b"age-encryption.org/v1\n", &[0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0]] {
        std::fs::write(&path, content).unwrap();
        assert!(examine(&path, &Options::at(NOW_MS)).is_err());
    }
    assert!(matches!(
        examine(&dir.path().join("absent"), &Options::at(NOW_MS)),
        Err(ExamineError::Source(_))
    ));
    // A bomb: little to read, much to hold.
    let mut forged = Forged::new(|m| m.files.push(row("session/creds.json", b"a")));
    forged.member("session/creds.json", tar::EntryType::Regular, &vec![0; 80 << 20]);
    let bomb = forged.write(dir.path());
    assert!(std::fs::metadata(&bomb).unwrap().len() < 100_000);
    assert!(archive::read(&bomb, None, &Limits::default(), |_| Ok(())).is_err());
}

#[test]
fn a_torn_archive_is_refused_wherever_it_is_cut() {
    let dir = copy("baileys6");
    let shelf = tempfile::tempdir().unwrap();
    let created = back_up(dir.path(), shelf.path(), NOW_MS, None);
    let whole = std::fs::read(&created.path).unwrap();
    let torn = shelf.path().join("torn.tar.zst");
    for cut in (0..whole.len() - 1).step_by(1 + whole.len() / 64) {
        std::fs::File::create(&torn).unwrap().write_all(&whole[..cut]).unwrap();
        assert!(archive::read(&torn, None, &Limits::default(), |_| Ok(())).is_err(), "cut at {cut}");
    }
}

#[test]
fn the_store_travels_with_the_session() {
    use wakeeper_doctor::clean::{CleanOptions, clean};
    use wakeeper_doctor::repair::Extent;
    let dir = copy("baileys6");
    let beside = tempfile::tempdir().unwrap();
    let store = beside.path().join("baileys_store.json");
    std::fs::write(&store, "{\"chats\":{").unwrap();
    let options = Options { store: Some(&store), ..Options::at(NOW_MS) };
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(crate::support::codes(&report, Severity::Error), ["store_torn"]);
    let shelf = tempfile::tempdir().unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: shelf.path(),
        label: "web",
        passphrase: None,
        approve: None,
    };
    let outcome = clean(dir.path(), &options, &how).unwrap();
    assert!(outcome.applied && outcome.healthy);
    assert_eq!(std::fs::read_to_string(&store).unwrap(), "{}\n");
    let path = outcome.backup.unwrap();
    archive::read(&path, None, &options.limits, |_| Ok(())).unwrap();
    let stream = zstd::stream::read::Decoder::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut stream = tar::Archive::new(stream);
    let kept = stream.entries().unwrap().map(Result::unwrap).find_map(|mut entry| {
        let found = entry.path().unwrap().as_ref() == std::path::Path::new("store/baileys_store.json");
        let mut content = String::new();
        found.then(|| std::io::Read::read_to_string(&mut entry, &mut content).map(|_| content).unwrap())
    });
    assert_eq!(kept.as_deref(), Some("{\"chats\":{"));

    std::fs::remove_file(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(crate::support::codes(&report, Severity::Warning), ["store_is_directory"]);
}
