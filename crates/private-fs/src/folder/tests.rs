//! Links, pipes, hard links, mounts and swaps, in every position.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// A secret outside, and a folder with something of every kind in it.
struct Ground {
    base: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        std::fs::create_dir_all(at("secret/deep")).unwrap();
        std::fs::write(at("secret/creds.json"), "SECRET").unwrap();
        std::fs::write(at("secret/deep/creds.json"), "SECRET").unwrap();
        std::fs::create_dir_all(at("mine/a/b")).unwrap();
        for file in ["mine/creds.json", "mine/a/creds.json", "mine/a/b/creds.json"] {
            std::fs::write(at(file), "mine").unwrap();
        }
        Self { base }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn open(&self) -> Folder {
        Folder::named(&self.at("mine")).unwrap().trusted(Trust::Nobody(None)).unwrap()
    }
}

fn read(folder: &Folder, path: &str) -> Result<String, FsError> {
    let (file, _) = folder.open_below(Path::new(path))?;
    Ok(std::io::read_to_string(file)?)
}

#[test]
fn links_lead_nowhere_in_any_position() {
    let ground = Ground::new();
    let folder = ground.open();
    assert_eq!(read(&folder, "a/b/creds.json").unwrap(), "mine");
    for target in [ground.at("secret"), PathBuf::from("../secret"), PathBuf::from("../../secret"), "a".into()]
    {
        for place in ["x", "a/x", "a/b/x"] {
            let link = ground.at("mine").join(place);
            symlink(&target, &link).unwrap();
            for path in [place.to_owned(), format!("{place}/creds.json"), format!("{place}/deep/creds.json")]
            {
                let error = read(&folder, &path).unwrap_err();
                assert!(
                    matches!(error, FsError::LeadsOut | FsError::NotRegular),
                    "{path} -> {}: {error}",
                    target.display()
                );
                assert!(folder.below(Path::new(&path)).is_err(), "{path}");
            }
            std::fs::remove_file(link).unwrap();
        }
    }
    symlink(ground.at("secret/creds.json"), ground.at("mine/key")).unwrap();
    assert!(matches!(folder.open_file("key"), Err(FsError::NotRegular)));
    assert!(folder.open_to_overwrite("key").is_err());
    assert!(folder.create("key").is_err());
    folder.replace("key", b"new").unwrap();
    assert_eq!(std::fs::read(ground.at("secret/creds.json")).unwrap(), b"SECRET");
    assert_eq!(read(&folder, "key").unwrap(), "new");
    // The draft's name can be taken by a link as well.
    symlink(ground.at("secret/creds.json"), ground.at("mine/.key.wakeeper.tmp")).unwrap();
    folder.replace("key", b"newer").unwrap();
    assert_eq!(std::fs::read(ground.at("secret/creds.json")).unwrap(), b"SECRET");
}

#[test]
fn names_that_lead_out_are_refused() {
    let ground = Ground::new();
    let folder = ground.open();
    let absolute = ground.at("secret/creds.json");
    for path in
        ["../secret/creds.json", "a/../../secret/creds.json", absolute.to_str().unwrap(), "..", "/", "a/.."]
    {
        assert!(matches!(read(&folder, path), Err(FsError::LeadsOut)), "{path}");
        assert!(matches!(folder.below(Path::new(path)), Err(FsError::LeadsOut)), "{path}");
    }
    for name in ["..", ".", "", "a/creds.json", "../secret", "a\0b"] {
        assert!(folder.open_file(name).is_err() && folder.create(name).is_err(), "{name:?}");
        assert!(folder.remove(name).is_err() && folder.rename("creds.json", name).is_err(), "{name:?}");
        assert!(folder.entry(name).is_err() && folder.replace(name, b"").is_err(), "{name:?}");
    }
    assert!(matches!(read(&folder, "none"), Err(FsError::Missing)));
    assert!(matches!(read(&folder, "a"), Err(FsError::NotRegular)));
}

#[test]
fn nothing_waits_for_a_pipe_and_no_device_is_read() {
    let ground = Ground::new();
    let folder = ground.open();
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(folder.fd(), "fifo", FileType::Fifo, mode, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ground.at("mine/socket")).unwrap();
    let mut names = vec!["fifo", "socket", "a"];
    let zero = rustix::fs::makedev(1, 5);
    if rustix::fs::mknodat(folder.fd(), "zero", FileType::CharacterDevice, mode, zero).is_ok() {
        names.push("zero");
    }
    for name in names {
        assert!(matches!(folder.open_file(name), Err(FsError::NotRegular)), "{name}");
        assert!(matches!(folder.open_to_overwrite(name), Err(FsError::NotRegular)), "{name}");
    }
}

#[test]
fn a_hard_link_to_somebody_elses_file_is_refused() {
    let ground = Ground::new();
    let folder = ground.open();
    std::fs::hard_link(ground.at("secret/creds.json"), ground.at("mine/linked")).unwrap();
    // Of the same owner: the owner can read it anyway.
    assert!(folder.open_file("linked").is_ok());
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(ground.at("mine"), Some(10_001), Some(10_001)).unwrap();
    assert!(matches!(folder.open_file("linked"), Err(FsError::Foreign { uid: 0 })));
    // The operator's own snapshots are hard links.
    let own = folder.trusted(Trust::Operator).unwrap();
    assert!(own.open_file("linked").is_ok());
}

#[test]
fn the_owners_rights_are_used_and_no_more() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let ground = Ground::new();
    // Everything up to the folder is open, so that only the rights on the file itself count.
    std::fs::set_permissions(ground.base.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(ground.at("mine"), Some(10_001), Some(10_001)).unwrap();
    std::fs::set_permissions(ground.at("mine/creds.json"), PermissionsExt::from_mode(0o600)).unwrap();
    let rights = |root_in_container| Trust::Nobody(Rights::of_owner(10_001, 10_001, root_in_container));
    let folder = ground.open().trusted(rights(false)).unwrap();
    // Root's file, moved here by a rename, which needs no right on the file.
    assert!(folder.open_file("creds.json").is_err());
    assert!(ground.open().trusted(rights(true)).unwrap().open_file("creds.json").is_ok());
    let file = folder.create("made").unwrap();
    folder.make_like(&file, 0, 0, 0o600).unwrap();
    assert!(folder.set_mode("creds.json", 0o666).is_err(), "root's file");
    ground.open().trusted(rights(true)).unwrap().set_mode("creds.json", 0o4640).unwrap();
    assert_eq!(ground.at("mine/creds.json").metadata().unwrap().mode() & 0o7777, 0o640);
    let made = ground.at("mine/made").metadata().unwrap();
    assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (10_001, 10_001, 0o600));
    assert!(rustix::process::geteuid().is_root());
}

#[test]
fn paths_of_open_folders_lead_through_the_handle() {
    let ground = Ground::new();
    let folder = ground.open();
    let path = folder.path();
    std::fs::rename(ground.at("mine"), ground.at("moved")).unwrap();
    symlink(ground.at("secret"), ground.at("mine")).unwrap();
    assert_eq!(std::fs::read(path.join("creds.json")).unwrap(), b"mine");
    let again = Folder::named(&path).unwrap();
    assert_eq!(read(&again, "creds.json").unwrap(), "mine");
    assert_eq!((again.shown(), again.trust()), (ground.at("mine").as_path(), Trust::Nobody(None)));
    assert_eq!(crate::shown(&path.join("creds.json")), ground.at("mine/creds.json"));
    assert_eq!(crate::shown(&path), ground.at("mine"));
    assert_eq!(Folder::named(&path.join("a/b")).unwrap().shown(), ground.at("mine/a/b"));
    symlink(ground.at("secret"), ground.at("moved/out")).unwrap();
    assert!(Folder::named(&path.join("out")).is_err());
    assert!(Folder::named(&path.join("../secret")).is_err());
    assert_eq!(crate::shown(Path::new("/proc/self/fd/999999")), Path::new("/proc/self/fd/999999"));
}

/// Somebody swaps the folder, and a file in it, for links as fast as they can.
#[test]
fn a_swap_between_check_and_use_gets_nothing() {
    let ground = Ground::new();
    let folder = Folder::named(ground.base.path()).unwrap().trusted(Trust::Nobody(None)).unwrap();
    symlink("secret", ground.at("link")).unwrap();
    symlink(ground.at("secret/creds.json"), ground.at("mine/link")).unwrap();
    let (stop, swaps) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (mut seen, mut refused) = (0, 0);
    let exchange = |a: &Path, b: &Path| {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(rustix::fs::CWD, a, rustix::fs::CWD, b, flags).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                exchange(&ground.at("mine"), &ground.at("link"));
                exchange(&ground.at("mine"), &ground.at("link"));
                exchange(&ground.at("mine/creds.json"), &ground.at("mine/link"));
                exchange(&ground.at("mine/creds.json"), &ground.at("mine/link"));
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..200_000 {
            match folder.below(Path::new("mine")).and_then(|folder| read(&folder, "creds.json")) {
                Ok(text) => {
                    assert_eq!(text, "mine");
                    seen += 1;
                }
                Err(_) => refused += 1,
            }
            if seen > 500 && refused > 500 {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(seen > 0 && refused > 0, "{seen} reads, {refused} refusals, {swaps:?} swaps: nothing was tried");
}

/// In a namespace of its own, so that no other test and nobody on the machine sees the mounts.
#[test]
fn mounts_below_are_not_entered() {
    const INSIDE: &str = "WAKEEPER_TEST_IN_NAMESPACE";
    if !rustix::process::geteuid().is_root() {
        return;
    }
    if std::env::var_os(INSIDE).is_none() {
        let name = "folder::tests::mounts_below_are_not_entered";
        let mut again = std::process::Command::new("unshare");
        again.arg("--mount").arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
        assert!(again.env(INSIDE, "1").status().unwrap().success());
        return;
    }
    let ground = Ground::new();
    for (from, to) in [("secret", "mine/a/b"), ("secret/creds.json", "mine/creds.json")] {
        let mut mount = std::process::Command::new("mount");
        assert!(mount.arg("--bind").args([ground.at(from), ground.at(to)]).status().unwrap().success());
    }
    assert_eq!(std::fs::read(ground.at("mine/creds.json")).unwrap(), b"SECRET", "the mounts are there");
    let folder = ground.open();
    for path in ["a/b/creds.json", "creds.json", "a/b"] {
        assert!(matches!(read(&folder, path), Err(FsError::Mount)), "{path}");
    }
    assert!(matches!(folder.below(Path::new("a/b")), Err(FsError::Mount)));
    assert_eq!(read(&folder, "a/creds.json").unwrap(), "mine");
}

#[test]
fn a_list_hands_over_what_is_wanted_and_ends_when_it_is_told_to() {
    let ground = Ground::new();
    for name in ["b", "c", "d"] {
        std::fs::write(ground.at("mine").join(name), name).unwrap();
    }
    let folder = ground.open();
    let named = |wanted: fn(&CStr) -> Wanted| {
        let mut names = Vec::new();
        folder
            .list_wanted(wanted, |name, stat| {
                names.push((name.into_string().unwrap(), stat.st_size));
                true
            })
            .unwrap();
        names.sort();
        names
    };
    let short = |name: &CStr| if name.count_bytes() == 1 && name != c"a" { Wanted::Yes } else { Wanted::No };
    assert_eq!(named(short), ["b", "c", "d"].map(|name| (name.to_owned(), 1)));
    assert_eq!(named(|_| Wanted::NoMore), []);
    let mut all = 0;
    folder
        .list(|_, _| {
            all += 1;
            true
        })
        .unwrap();
    assert_eq!(all, 5, "two of the ground, three of this test");
}
