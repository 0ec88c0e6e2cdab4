//! Two sessions whose folders have one name, `/a/auth_info` and `/b/auth_info`, and one backup folder for both.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::backup::{
    self, BackupError, CreateOptions, Created, NoSoundBackup, Reached, Retention, Shelf, account_in,
    accounts_of, create_scheduled,
};
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::{Constraint, Extent};
use wakeeper_doctor::restore::newest_for;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::source::Limits;

use crate::support::{NOW_MS, copy};

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
        let own = account_in(session.path());
        let passphrase = self.passphrase.as_ref();
        backup::prune(&self.on_shelf(), LABEL, own.as_deref(), &policy, passphrase, false).unwrap().removed
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
    let own = |mark: &str| list.iter().filter(|info| info.may_be_of(Some(mark))).count();
    assert_eq!(marks.each_ref().map(|mark| own(mark)), [1, 1]);
    // Both were made in the same second.
    let named =
        |mark: Option<&str>| scene.on_shelf().file_named(Path::new("2030-01-01T00:00:00"), LABEL, mark);
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
        let told = Constraint::default();
        assert!(backup::newest_sound(scene.shelf.path(), LABEL, scene.passphrase.as_ref(), &told).is_err());

        // A torn login, and nothing beside it that tells whose it was.
        std::fs::write(empty.path().join("creds.json"), "{").unwrap();
        let how = CleanOptions {
            extent: Extent::Damaged,
            dry_run: false,
            shelf: scene.shelf.path(),
            label: LABEL,
            passphrase: scene.passphrase.as_ref(),
            approve: None,
        };
        let outcome = clean(empty.path(), &options, &how).unwrap();
        assert!(!outcome.login_kept && outcome.unproven.len() == 2, "{outcome:#?}");
    }
}
