//! Two sessions whose folders have one name, `/a/auth_info` and `/b/auth_info`, and one backup folder for both.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::backup::{
    self, BackupError, CreateOptions, Created, NoSoundBackup, Own, Reached, Retention, Shelf, account_in,
    accounts_of, create_scheduled,
};
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::restore::{RestoreError, RestoreOptions, What, newest_for, restore};
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::Limits;

use crate::support::{NOW_MS, contents, copy, fixture_path};

const LABEL: &str = "auth_info";

struct Scene {
    a: TempDir,
    b: TempDir,
    shelf: TempDir,
    passphrase: Option<Passphrase>,
}

impl Scene {
    fn new(passphrase: Option<&str>) -> Self {
        Self {
            a: copy("baileys6"),
            b: copy("baileys7"),
            shelf: tempfile::tempdir().unwrap(),
            passphrase: passphrase.map(|text| Passphrase::new(text.into())),
        }
    }

    fn on_shelf(&self) -> Shelf {
        Shelf::at(self.shelf.path())
    }

    fn options(&self, now_ms: i64) -> Options<'_> {
        Options { passphrase: self.passphrase.as_ref(), ..Options::at(now_ms) }
    }

    fn back_up(&self, session: &TempDir, now_ms: i64) -> Created {
        let how = CreateOptions {
            shelf: self.shelf.path(),
            label: LABEL,
            passphrase: self.passphrase.as_ref(),
            always: false,
        };
        create_scheduled(session.path(), &self.options(now_ms), &how).unwrap()
    }

    /// A backup of a changed session.
    fn back_up_anew(&self, session: &TempDir, now_ms: i64) -> PathBuf {
        let file = session.path().join("app-state-sync-version-regular.json");
        std::fs::write(file, format!("{{\"version\":{now_ms}}}")).unwrap();
        let created = self.back_up(session, now_ms);
        assert!(!created.unchanged);
        created.path
    }

    fn prune(&self, session: &TempDir) -> Vec<PathBuf> {
        let policy = Retention { last: 1, daily: 0, weekly: 0 };
        let (account, place) = (account_in(session.path()), backup::place_mark(session.path()));
        let own = Own { account: account.as_deref(), place: Some(&place) };
        let passphrase = self.passphrase.as_ref();
        backup::prune(&self.on_shelf(), LABEL, own, &policy, passphrase, false).unwrap().removed
    }
}

#[test]
fn each_is_compared_with_its_own_newest_backup() {
    for passphrase in [None, Some("correct horse")] {
        let scene = Scene::new(passphrase);
        let first = [scene.back_up(&scene.a, NOW_MS), scene.back_up(&scene.b, NOW_MS + 1000)];
        assert!(first.iter().all(|created| !created.unchanged));
        let again = [scene.back_up(&scene.a, NOW_MS + 2000), scene.back_up(&scene.b, NOW_MS + 3000)];
        for (now, then) in again.iter().zip(&first) {
            assert!(now.unchanged && now.path == then.path, "{now:?}");
        }
        let reached = Reached::of_newest(&scene.on_shelf(), LABEL, scene.passphrase.as_ref()).unwrap();
        for session in [&scene.a, &scene.b] {
            assert!(reached.of_login(&account_in(session.path()).unwrap()).is_some());
        }
    }
}

#[test]
fn an_older_copy_is_noticed_behind_many_backups_of_the_other_one() {
    let scene = Scene::new(None);
    let bob = scene.a.path().join("session-6281100000002.0.json");
    let old = std::fs::read_to_string(&bob).unwrap();
    let from = r#""chainKey":{"counter":0,"#;
    let at = old.rfind(from).unwrap();
    let new = format!("{}{}{}", &old[..at], r#""chainKey":{"counter":7,"#, &old[at + from.len()..]);
    std::fs::write(&bob, new).unwrap();
    scene.back_up(&scene.a, NOW_MS);
    for n in 1..12 {
        scene.back_up_anew(&scene.b, NOW_MS + n * 1000);
    }
    std::fs::write(&bob, old).unwrap();
    let how = CreateOptions { shelf: scene.shelf.path(), label: LABEL, passphrase: None, always: false };
    let behind = create_scheduled(scene.a.path(), &Options::at(NOW_MS + 60_000), &how).unwrap_err();
    assert!(behind.to_string().contains("an older copy"), "{behind}");
}

#[test]
fn pruning_one_never_drops_the_others() {
    for passphrase in [None, Some("correct horse")] {
        let mut scene = Scene::new(passphrase);
        let mut made = Vec::new();
        for n in 0..3 {
            made.push(scene.back_up_anew(&scene.a, NOW_MS + n * 2000));
            made.push(scene.back_up_anew(&scene.b, NOW_MS + n * 2000 + 1000));
        }
        if passphrase.is_some() {
            // Nobody who prunes has to know it: the names tell.
            scene.passphrase = None;
        }
        assert_eq!(scene.prune(&scene.a), [made[2].clone(), made[0].clone()]);
        assert_eq!(scene.prune(&scene.b), [made[3].clone(), made[1].clone()]);
        // A folder that was emptied, or is a third one's, may drop neither's.
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(scene.prune(&empty), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_list_and_a_time_tell_them_apart() {
    let scene = Scene::new(None);
    let (a, b) = (scene.back_up(&scene.a, NOW_MS).path, scene.back_up(&scene.b, NOW_MS + 1).path);
    let list = scene.on_shelf().list(Some(LABEL), None, &Limits::default()).unwrap();
    let marks = [&scene.a, &scene.b].map(|session| account_in(session.path()).unwrap());
    assert_eq!(accounts_of(&list).len(), 2);
    let own = |mark: &str| {
        list.iter().filter(|info| info.may_be_of(Own { account: Some(mark), place: None })).count()
    };
    assert_eq!(marks.each_ref().map(|mark| own(mark)), [1, 1]);
    // Both were made in the same second.
    let named = |mark: Option<&str>| {
        scene.on_shelf().file_named(
            Path::new("2030-01-01T00:00:00"),
            LABEL,
            Own { account: mark, place: None },
        )
    };
    assert_eq!((named(Some(&marks[0])).unwrap(), named(Some(&marks[1])).unwrap()), (a, b));
    let refused = named(None).unwrap_err();
    assert!(matches!(&refused, BackupError::Several { names, .. } if names.len() == 2), "{refused}");
}

#[test]
fn a_folder_that_tells_nothing_is_given_neither_login() {
    for passphrase in [None, Some("correct horse")] {
        let scene = Scene::new(passphrase);
        let made = [scene.back_up(&scene.a, NOW_MS).path, scene.back_up(&scene.b, NOW_MS + 1000).path];
        let empty = tempfile::tempdir().unwrap();
        let options = scene.options(NOW_MS + 2000);
        let refused = newest_for(empty.path(), scene.shelf.path(), LABEL, &options).unwrap_err();
        let NoSoundBackup::Several { newest, .. } = &refused else { panic!("{refused}") };
        for path in &made {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(newest.iter().any(|newest| newest == name), "{refused}");
        }
        // Its own is found among the other's.
        let found = newest_for(scene.a.path(), scene.shelf.path(), LABEL, &options).unwrap();
        assert_eq!(found.archive, made[0]);

        // A torn login, and nothing beside it that tells whose it was.
        std::fs::write(empty.path().join("creds.json"), "{").unwrap();
        let outcome = cleaned(&scene, empty.path());
        assert!(!outcome.login_kept && outcome.unproven.len() == 2, "{outcome:#?}");
    }
}

fn cleaned(scene: &Scene, folder: &Path) -> Outcome {
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: scene.shelf.path(),
        label: LABEL,
        passphrase: scene.passphrase.as_ref(),
        approve: None,
    };
    clean(folder, &scene.options(NOW_MS + 60_000), &how).unwrap()
}

fn newest_of(scene: &Scene, folder: &Path) -> Result<PathBuf, NoSoundBackup> {
    let options = scene.options(NOW_MS + 60_000);
    newest_for(folder, scene.shelf.path(), LABEL, &options).map(|found| found.archive)
}

/// Leaves of a session only what `keep` says.
fn strip(session: &TempDir, keep: impl Fn(&str) -> bool) {
    for name in contents(session.path()).keys().filter(|name| !keep(name)) {
        std::fs::remove_file(session.path().join(name)).unwrap();
    }
}

#[test]
fn the_only_login_on_the_shelf_is_not_given_to_another_folder() {
    for passphrase in [None, Some("correct horse")] {
        let scene = Scene::new(passphrase);
        let made = scene.back_up(&scene.a, NOW_MS).path;
        let own = std::fs::read(scene.b.path().join("creds.json")).unwrap();
        // Nothing but torn credentials: it may be the one, and a person has to say so.
        strip(&scene.b, |_| false);
        for torn in [&b""[..], b"{", &own[..20]] {
            std::fs::write(scene.b.path().join("creds.json"), torn).unwrap();
            let outcome = cleaned(&scene, scene.b.path());
            assert!(!outcome.login_kept && !outcome.applied, "{outcome:#?}");
            assert_eq!(outcome.unproven, std::slice::from_ref(&made));
            let refused = newest_of(&scene, scene.b.path()).unwrap_err();
            assert!(matches!(refused, NoSoundBackup::Unproven { .. }), "{refused}");
            assert!(refused.to_string().contains("`wakeeper restore auth_info_"), "{refused}");
        }
        let gone = scene.b.path().join("gone");
        assert!(matches!(newest_of(&scene, &gone), Err(NoSoundBackup::Unproven { .. })));
        // The folder itself is known by where it lies.
        strip(&scene.a, |_| false);
        assert_eq!(newest_of(&scene, scene.a.path()).unwrap(), made);
        std::fs::write(scene.a.path().join("creds.json"), "{").unwrap();
        assert!(cleaned(&scene, scene.a.path()).login_kept);
    }
}

#[test]
fn what_contradicts_a_login_refuses_it() {
    let scene = Scene::new(None);
    let made = scene.back_up(&scene.a, NOW_MS).path;
    let own = std::fs::read(scene.b.path().join("creds.json")).unwrap();
    let theirs = scene.a.path().join("creds.json");
    let refuses = |why: &str| {
        for copied in [false, true] {
            let beside = scene.b.path().join("creds.json.bak");
            if copied && !why.contains("pre-keys") {
                std::fs::copy(&theirs, &beside).unwrap();
            }
            let outcome = cleaned(&scene, scene.b.path());
            assert!(!outcome.login_kept && outcome.unproven.is_empty(), "{why}: {outcome:#?}");
            let _ = std::fs::remove_file(beside);
        }
        let refused = newest_of(&scene, scene.b.path()).unwrap_err();
        assert!(matches!(refused, NoSoundBackup::Unusable { .. }), "{why}: {refused}");
        let how = RestoreOptions {
            what: What::Credentials,
            dry_run: false,
            shelf: scene.shelf.path(),
            label: LABEL,
            makes_room: false,
        };
        for from in [made.as_path(), scene.a.path()] {
            let refused = restore(from, scene.b.path(), &scene.options(NOW_MS), &how).unwrap_err();
            assert!(matches!(refused, RestoreError::OtherAccount), "{why}: {refused}");
        }
    };
    strip(&scene.b, |name| name.starts_with("pre-key-"));
    std::fs::write(scene.b.path().join("creds.json"), "").unwrap();
    refuses("other pre-keys");
    strip(&scene.b, |_| false);
    std::fs::write(scene.b.path().join("creds.json"), &own[..60]).unwrap();
    refuses("another key at the beginning");
    // A loss of power took the beginning: of all keys the signed pre-key alone is left.
    let at = String::from_utf8(own.clone()).unwrap().find("\"signedPreKey\"").unwrap();
    std::fs::write(scene.b.path().join("creds.json"), [&vec![0; at][..], &own[at..]].concat()).unwrap();
    refuses("another signed pre-key");
}

#[test]
fn what_is_left_of_a_session_proves_its_login_wherever_it_lies() {
    let mut scene = Scene::new(None);
    let made = scene.back_up(&scene.a, NOW_MS).path;
    scene.back_up(&scene.b, NOW_MS + 1000);
    // Moved to another place since.
    let moved = copy("baileys6");
    let own = std::fs::read(moved.path().join("creds.json")).unwrap();
    scene.a = moved;
    let at = String::from_utf8(own.clone()).unwrap().find("\"signedPreKey\"").unwrap();
    let signed_alone = [&vec![0; at][..], &own[at..]].concat();
    for (kept, torn) in [("pre-key-", &b""[..]), ("nothing", &own[..60]), ("nothing", &signed_alone)] {
        strip(&scene.a, |name| name.starts_with(kept));
        std::fs::write(scene.a.path().join("creds.json"), torn).unwrap();
        assert_eq!(newest_of(&scene, scene.a.path()).unwrap(), made, "{kept}");
        let outcome = cleaned(&scene, scene.a.path());
        assert!(outcome.login_kept, "{kept}: {outcome:#?}");
        std::fs::write(scene.a.path().join("creds.json"), &own).unwrap();
    }
}

#[test]
fn a_backup_of_two_accounts_is_taken_by_neither_command() {
    let scene = Scene::new(None);
    let stranger = fixture_path("baileys6-contaminated-ours-peer").join("creds.json");
    std::fs::copy(stranger, scene.a.path().join("creds.json")).unwrap();
    let made = scene.back_up(&scene.a, NOW_MS);
    assert_eq!(made.manifest.credentials, CredentialsState::Damaged);
    strip(&scene.a, |_| false);
    std::fs::write(scene.a.path().join("creds.json"), "").unwrap();
    assert!(newest_of(&scene, scene.a.path()).is_err());
    let outcome = cleaned(&scene, scene.a.path());
    assert!(!outcome.login_kept, "{outcome:#?}");
}

#[test]
fn pruning_keeps_the_newest_that_can_be_read_and_what_is_not_its_own() {
    let scene = Scene::new(None);
    let good = scene.back_up_anew(&scene.a, NOW_MS);
    let cut = scene.back_up_anew(&scene.a, NOW_MS + 1000);
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    assert_eq!(scene.prune(&scene.a), Vec::<PathBuf>::new(), "the newer one gives nothing back");
    assert!(good.exists());
    // A session whose login cannot be read is not known to be this one's.
    let last = scene.back_up_anew(&scene.a, NOW_MS + 2000);
    std::fs::write(scene.b.path().join("creds.json"), "{").unwrap();
    let torn = [scene.back_up_anew(&scene.b, NOW_MS + 3000), scene.back_up_anew(&scene.b, NOW_MS + 4000)];
    assert_eq!(scene.prune(&scene.b), [torn[0].clone()]);
    assert_eq!(scene.prune(&scene.a), [cut, good]);
    assert!(last.exists() && torn[1].exists());
}

/// Restores an archive by its name, as a person does who chose it from the list.
fn restored(
    scene: &Scene,
    archive: &Path,
    folder: &Path,
    what: What<'_>,
) -> Result<Vec<String>, RestoreError> {
    let how =
        RestoreOptions { what, dry_run: false, shelf: scene.shelf.path(), label: LABEL, makes_room: false };
    restore(archive, folder, &scene.options(NOW_MS + 60_000), &how).map(|restored| restored.notes)
}

#[test]
fn an_archive_that_was_named_is_judged_by_its_place() {
    let scene = Scene::new(None);
    let (a, b) = (scene.back_up(&scene.a, NOW_MS).path, scene.back_up(&scene.b, NOW_MS + 1000).path);
    let [mark_a, mark_b] = [&scene.a, &scene.b].map(|session| account_in(session.path()).unwrap());
    for session in [&scene.a, &scene.b] {
        strip(session, |_| false);
        std::fs::write(session.path().join("creds.json"), "{").unwrap();
    }
    // Of this folder other backups were made, and of another account.
    for what in [What::Credentials, What::All { force: None }] {
        let refused = restored(&scene, &b, scene.a.path(), what).unwrap_err().to_string();
        assert!(refused.contains(&mark_a[..8]) && refused.contains(&mark_b[..8]), "{refused}");
    }
    assert_eq!(contents(scene.a.path())["creds.json"], b"{", "nothing was written");
    let notes = restored(&scene, &a, scene.a.path(), What::Credentials).unwrap();
    assert!(notes.iter().all(|note| !note.contains("Nothing in this folder proves")), "{notes:?}");
    // A folder of which no backup was made: the person's word counts, and what is not known is said.
    let moved = tempfile::tempdir().unwrap();
    std::fs::write(moved.path().join("creds.json"), "{").unwrap();
    let notes = restored(&scene, &b, moved.path(), What::Credentials).unwrap();
    let said = notes.iter().find(|note| note.contains("Nothing in this folder proves"));
    assert!(said.is_some_and(|note| note.contains(&mark_b[..8])), "{notes:?}");
    // Into an empty one anything may be unpacked.
    let empty = tempfile::tempdir().unwrap();
    assert!(restored(&scene, &b, empty.path(), What::All { force: None }).is_ok());
    // A person insists.
    strip(&scene.a, |_| false);
    std::fs::write(scene.a.path().join("creds.json"), "{").unwrap();
    restored(&scene, &b, scene.a.path(), What::All { force: Some("the number moved") }).unwrap();
    assert_eq!(account_in(scene.a.path()), Some(mark_b));
}

#[test]
fn an_archive_that_lies_about_its_account_does_not_replace_a_sound_login() {
    let scene = Scene::new(None);
    let own = account_in(scene.a.path()).unwrap();
    let made = scene.back_up(&scene.b, NOW_MS).path;
    let theirs = account_in(scene.b.path()).unwrap();
    let lying = scene.shelf.path().join("auth_info_20300102T000000000Z.tar.zst");
    let plain = zstd::decode_all(std::fs::File::open(&made).unwrap()).unwrap();
    let at = plain.windows(theirs.len()).position(|part| part == theirs.as_bytes()).unwrap();
    let plain = [&plain[..at], own.as_bytes(), &plain[at + own.len()..]].concat();
    std::fs::write(&lying, zstd::encode_all(plain.as_slice(), 1).unwrap()).unwrap();
    strip(&scene.a, |name| name == "creds.json");
    for what in [What::Credentials, What::All { force: None }] {
        let refused = restored(&scene, &lying, scene.a.path(), what);
        assert!(matches!(refused, Err(RestoreError::OtherAccount)), "{refused:?}");
    }
    assert_eq!(account_in(scene.a.path()), Some(own));
}

#[test]
fn a_link_on_the_shelf_is_no_backup() {
    let scene = Scene::new(None);
    let made = scene.back_up(&scene.a, NOW_MS).path;
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("kept");
    std::fs::rename(&made, &target).unwrap();
    std::os::unix::fs::symlink(&target, &made).unwrap();
    assert!(scene.on_shelf().archives(None).unwrap().is_empty());
    // It is told, and not followed by its name either, nor by its path.
    let list = scene.on_shelf().list(Some(LABEL), None, &Limits::default()).unwrap();
    assert!(
        list[0].is_link && list[0].problem.as_ref().is_some_and(|why| why.contains("a link")),
        "{list:?}"
    );
    for named in [Path::new(made.file_name().unwrap()), made.as_path()] {
        let refused = scene.on_shelf().file_named(named, LABEL, Own::default()).unwrap_err();
        assert!(matches!(refused, BackupError::Link { .. }), "{refused}");
    }
    let policy = Retention { last: 1, daily: 0, weekly: 0 };
    let pruned = backup::prune(&scene.on_shelf(), LABEL, Own::default(), &policy, None, false).unwrap();
    assert!(pruned.kept.is_empty() && pruned.removed.is_empty(), "{pruned:?}");
    let none = newest_of(&scene, &elsewhere.path().join("new")).unwrap_err();
    assert!(none.to_string().contains("a link, which is not followed"), "{none}");
}
