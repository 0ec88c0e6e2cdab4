use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;

#[test]
fn a_copy_is_worked_on_and_put_back_and_no_link_is_followed() {
    let base = tempfile::tempdir().unwrap();
    let at = |name: &str| base.path().join(name);
    std::fs::create_dir_all(at("auth_info/sessions/default")).unwrap();
    std::fs::create_dir_all(at("secret")).unwrap();
    std::fs::write(at("secret/engine.db"), "SECRET").unwrap();
    std::fs::write(at("auth_info/wakeeper.db"), "rows").unwrap();
    for (name, content) in [("engine.db", "keys"), ("engine.db-wal", "log")] {
        std::fs::write(at("auth_info/sessions/default").join(name), content).unwrap();
    }
    symlink(at("secret"), at("auth_info/sessions/other")).unwrap();
    symlink(at("secret/engine.db"), at("auth_info/sessions/default/linked.db")).unwrap();
    let source = Folder::named(&at("auth_info")).unwrap().trusted(Trust::Nobody(None)).unwrap();
    let mirror = Mirror::of(&source).unwrap().unwrap();
    let copy = mirror.path();
    assert_eq!(wakeeper_private_fs::shown(&copy), at("auth_info"));
    assert_eq!(std::fs::read(copy.join("sessions/default/engine.db")).unwrap(), b"keys");
    assert!(!copy.join("sessions/other").exists() && !copy.join("sessions/default/linked.db").exists());
    std::fs::write(copy.join("sessions/default/engine.db"), "keys and log").unwrap();
    std::fs::remove_file(copy.join("sessions/default/engine.db-wal")).unwrap();
    std::fs::create_dir(copy.join("sessions/new")).unwrap();
    std::fs::write(copy.join("sessions/new/aside"), "aside").unwrap();
    mirror.put_back().unwrap();
    assert_eq!(std::fs::read(at("auth_info/sessions/default/engine.db")).unwrap(), b"keys and log");
    assert_eq!(std::fs::read(at("auth_info/sessions/new/aside")).unwrap(), b"aside");
    assert!(!at("auth_info/sessions/default/engine.db-wal").exists());
    assert_eq!(std::fs::read(at("secret/engine.db")).unwrap(), b"SECRET");
    let none = tempfile::tempdir().unwrap();
    assert!(Mirror::of(&Folder::named(none.path()).unwrap()).unwrap().is_none());
}

/// A gateway's folder with a session.
fn gateway() -> tempfile::TempDir {
    let base = tempfile::tempdir().unwrap();
    let session = base.path().join("auth_info/sessions/default");
    std::fs::create_dir_all(&session).unwrap();
    for name in ["engine.db", "engine.db-wal", "note.json"] {
        std::fs::write(session.join(name), name).unwrap();
    }
    base
}

fn hold(base: &tempfile::TempDir) -> Folder {
    Folder::named(&base.path().join("auth_info")).unwrap().trusted(Trust::Nobody(None)).unwrap()
}

#[test]
fn what_is_put_back_keeps_owner_and_mode() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let base = gateway();
    let session = base.path().join("auth_info/sessions/default");
    let database = session.join("engine.db");
    std::fs::set_permissions(&database, PermissionsExt::from_mode(0o640)).unwrap();
    chown(&database, Some(10_001), Some(10_002)).unwrap();
    chown(base.path().join("auth_info/sessions"), Some(10_003), Some(10_003)).unwrap();
    let mirror = Mirror::of(&hold(&base)).unwrap().unwrap();
    let copy = mirror.path().join("sessions");
    std::fs::write(copy.join("default/engine.db"), "new").unwrap();
    std::fs::create_dir(copy.join("new")).unwrap();
    std::fs::write(copy.join("new/engine.db"), "new").unwrap();
    mirror.put_back().unwrap();
    let facts = |path: &Path| {
        let facts = path.metadata().unwrap();
        (facts.uid(), facts.gid(), facts.mode() & 0o777)
    };
    assert_eq!(std::fs::read(&database).unwrap(), b"new");
    assert_eq!(facts(&database), (10_001, 10_002, 0o640));
    let new = base.path().join("auth_info/sessions/new");
    assert_eq!(
        (facts(&new), facts(&new.join("engine.db"))),
        ((10_003, 10_003, 0o700), (10_003, 10_003, 0o600))
    );
}

#[test]
fn what_cannot_be_copied_is_told_at_once() {
    let base = gateway();
    let session = base.path().join("auth_info/sessions/default");
    std::fs::File::create(session.join("media.bin")).unwrap().set_len(1 << 40).unwrap();
    let mirror = Mirror::of(&hold(&base)).unwrap().unwrap();
    assert!(!mirror.path().join("sessions/default/media.bin").exists(), "it is no database");
    std::fs::File::options().write(true).open(session.join("engine.db")).unwrap().set_len(1 << 40).unwrap();
    let error = Mirror::of(&hold(&base)).unwrap_err().to_string();
    assert!(error.contains("more than any gateway keeps"), "{error}");
    std::fs::write(session.join("engine.db"), "").unwrap();
    if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(base.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let rights = wakeeper_private_fs::Rights::of_user(10_001, 10_001, &[]);
        std::fs::set_permissions(session.join("note.json"), PermissionsExt::from_mode(0o000)).unwrap();
        let error = Mirror::of(&hold(&base).trusted(Trust::Nobody(rights)).unwrap()).unwrap_err().to_string();
        assert!(error.contains("sessions/default/note.json: Permission denied"), "{error}");
    }
}

#[test]
fn a_file_or_a_pipe_with_the_name_of_the_sessions_makes_no_gateway() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("auth_info");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sessions"), "").unwrap();
    assert!(Mirror::of(&hold(&base)).unwrap().is_none());
    std::fs::write(folder.join("engine.db"), "keys").unwrap();
    assert!(Mirror::of(&hold(&base)).unwrap().is_some());
    std::fs::remove_file(folder.join("sessions")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("sessions"), FileType::Fifo, mode, 0).unwrap();
    assert!(Mirror::of(&hold(&base)).unwrap().is_some());
    std::fs::remove_file(folder.join("engine.db")).unwrap();
    assert!(Mirror::of(&hold(&base)).unwrap().is_none());
}
