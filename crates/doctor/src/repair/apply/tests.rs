use super::*;
use std::path::Path;

const FILES: [(&str, &str); 4] =
    [("replaced", "old content"), ("removed", "going"), ("moded", "kept"), ("untouched", "as it is")];

fn before() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in FILES {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    std::fs::create_dir(dir.path().join("intruder")).unwrap();
    dir
}

fn overlay() -> Overlay {
    let mut overlay = Overlay::default();
    overlay.set("replaced", Change::Put(b"new content".to_vec()));
    overlay.set("added", Change::Put(b"brand new".to_vec()));
    overlay.set("removed", Change::Remove);
    overlay.set("moded", Change::Mode(0o600));
    overlay.set("intruder", Change::Aside("intruder.moved-aside.old".into()));
    overlay
}

fn backed_up() -> BTreeMap<String, String> {
    FILES.iter().map(|(name, content)| ((*name).to_owned(), hash(content.as_bytes()))).collect()
}

fn state(path: &Path) -> Vec<(String, Option<String>)> {
    let mut all: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(Result::unwrap)
        .map(|item| (item.file_name().into_string().unwrap(), std::fs::read_to_string(item.path()).ok()))
        .collect();
    all.sort();
    all
}

#[test]
fn stopping_anywhere_leaves_the_old_state_or_the_new_one() {
    let dir = before();
    let old = state(dir.path());
    let folder = Folder::open(dir.path()).unwrap();
    apply(&folder, &overlay(), &backed_up()).unwrap();
    let new = state(dir.path());
    assert_ne!(old, new);

    let mut reached_old = 0;
    let mut reached_new = 0;
    for stop in 0.. {
        let dir = before();
        let folder = Folder::open(dir.path()).unwrap();
        let mut left = stop;
        let mut hook = || {
            left -= 1;
            if left < 0 { Err(std::io::Error::other("the machine stops")) } else { Ok(()) }
        };
        if run(&folder, &overlay(), &backed_up(), &mut |_| Ok(()), &mut hook).is_ok() {
            assert!(stop > 15, "the hook is called at every change");
            break;
        }
        // The next run may be stopped as well, at any point.
        for again in 0..4 {
            let mut left = again;
            let mut hook = || {
                left -= 1;
                if left < 0 { Err(std::io::Error::other("and again")) } else { Ok(()) }
            };
            let _ = finish_or_undo(&folder, &mut hook);
        }
        recover(&folder).unwrap();
        let state = state(dir.path());
        assert!(state == old || state == new, "stopped at {stop}: {state:?}");
        reached_old += usize::from(state == old);
        reached_new += usize::from(state == new);
    }
    assert!(reached_old > 3 && reached_new > 3, "{reached_old} {reached_new}");
}

#[test]
fn a_file_that_is_not_in_the_backup_is_not_touched() {
    let dir = before();
    let folder = Folder::open(dir.path()).unwrap();
    let old = state(dir.path());
    let mut backup = backed_up();
    backup.insert("removed".into(), hash(b"something else"));
    assert!(
        matches!(apply(&folder, &overlay(), &backup), Err(ApplyError::Changed(name)) if name == "removed")
    );
    assert_eq!(state(dir.path()), old);
}

#[test]
fn finishing_an_old_journal_leaves_newer_files_alone() {
    let dir = before();
    let folder = Folder::open(dir.path()).unwrap();
    let mut calls = 0;
    let mut hook = || {
        calls += 1;
        // After the commit, before the first change.
        if dir.path().join(REPAIR_FOLDER).join(JOURNAL).exists() {
            Err(std::io::Error::other("the machine stops"))
        } else {
            Ok(())
        }
    };
    run(&folder, &overlay(), &backed_up(), &mut |_| Ok(()), &mut hook).unwrap_err();
    std::fs::write(dir.path().join("replaced"), "written by a gateway since").unwrap();
    let applied = recover(&folder).unwrap();
    assert_eq!(applied.skipped, ["replaced"]);
    assert_eq!(std::fs::read_to_string(dir.path().join("replaced")).unwrap(), "written by a gateway since");
    assert!(!dir.path().join("removed").exists() && !dir.path().join(REPAIR_FOLDER).exists());
}

#[test]
fn only_one_works_on_a_folder() {
    let dir = before();
    let folder = Folder::open(dir.path()).unwrap();
    let held = lock(&folder).unwrap();
    assert!(is_locked(&folder));
    assert!(matches!(apply(&folder, &overlay(), &backed_up()), Err(ApplyError::Locked)));
    drop(held);
    assert!(!is_locked(&folder));
}

#[test]
fn owner_and_permissions_stay() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = before();
    let path = dir.path().join("replaced");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let owner = std::fs::metadata(&path).unwrap().uid();
    apply(&Folder::open(dir.path()).unwrap(), &overlay(), &backed_up()).unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o640, owner));
    assert_eq!(std::fs::metadata(dir.path().join("added")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_planted_journal_cannot_reach_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::create_dir(outside.path().join("folder")).unwrap();
    std::fs::write(outside.path().join("precious"), "outside").unwrap();
    let path = outside.path().join("folder");
    let folder = Folder::open(&path).unwrap();
    // An honest one of the same make is carried out.
    let staging = path.join(REPAIR_FOLDER);
    std::fs::create_dir(&staging).unwrap();
    std::fs::write(staging.join("new-0"), "staged").unwrap();
    let honest = format!(
        r#"{{"steps":[{{"name":"x","before":null,"what":{{"put":{{"staged":"new-0","sha256":"{}"}}}}}},{{"name":"y","before":null,"what":"remove"}}]}}"#,
        hash(b"staged")
    );
    std::fs::write(staging.join(JOURNAL), honest).unwrap();
    assert_eq!(recover(&folder).unwrap().changed, 2);
    assert_eq!(std::fs::read_to_string(path.join("x")).unwrap(), "staged");
    for step in [
        r#"{"name":"../precious","before":null,"what":"remove"}"#,
        r#"{"name":"x","before":null,"what":{"put":{"staged":"../../precious","sha256":""}}}"#,
        r#"{"name":"../evil","before":null,"what":{"put":{"staged":"new-0","sha256":""}}}"#,
        r#"{"name":"x","before":null,"what":{"aside":{"to":"../evil"}}}"#,
        r#"{"name":"../precious","before":null,"what":{"mode":{"mode":511}}}"#,
    ] {
        let staging = path.join(REPAIR_FOLDER);
        let _ = std::fs::create_dir(&staging);
        std::fs::write(staging.join("new-0"), "evil").unwrap();
        std::fs::write(staging.join(JOURNAL), format!("{{\"steps\":[{step}]}}")).unwrap();
        assert!(matches!(recover(&folder), Err(ApplyError::Journal)), "{step}");
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("precious")).unwrap(), "outside");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 2);
}
