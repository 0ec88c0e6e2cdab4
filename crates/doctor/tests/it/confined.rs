//! Folders that a container can write to: everything is done through one handle, whatever the container does meanwhile.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use wakeeper_doctor::backup::{self, CreateOptions, Shelf};
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::restore::{RestoreOptions, What, restore};
use wakeeper_doctor::source::{Folder, Limits};
use wakeeper_doctor::{Severity, examine};
use wakeeper_private_fs::{Folder as Confined, Rights, Trust};

use crate::support::{NOW_MS, contents, copy};

const SECRET: &[u8] = b"nobody else may ever read this";

/// A container's session and backup folder, and a secret folder beside them.
struct Ground {
    base: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        for (name, session) in [("auth_info", true), ("shelf", false), ("secret", true)] {
            let folder = base.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            for (file, content) in contents(copy("baileys6").path()).into_iter().filter(|_| session) {
                std::fs::write(folder.join(file), content).unwrap();
            }
        }
        std::fs::write(base.path().join("secret/pre-key-4711.json"), SECRET).unwrap();
        std::fs::write(base.path().join("secret/creds.json"), SECRET).unwrap();
        Self { base }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn hold(&self, name: &str) -> Confined {
        let folder = Confined::named(&self.at(name)).unwrap();
        let stat = folder.stat().unwrap();
        folder.trusted(Trust::Nobody(Rights::of_owner(stat.st_uid, stat.st_gid, false))).unwrap()
    }

    fn is_unharmed(&self) {
        assert_eq!(std::fs::read(self.at("secret/creds.json")).unwrap(), SECRET);
        assert_eq!(self.at("secret/creds.json").metadata().unwrap().uid(), 0);
        for folder in ["shelf", "auth_info"] {
            for item in std::fs::read_dir(self.at(folder)).unwrap().map(Result::unwrap) {
                if !item.file_type().unwrap().is_file() {
                    continue;
                }
                let content = std::fs::read(item.path()).unwrap();
                let content = zstd::decode_all(&content[..]).unwrap_or(content);
                let holds = content.windows(SECRET.len()).any(|window| window == SECRET);
                assert!(!holds, "{} holds the secret", item.path().display());
            }
        }
    }
}

fn create(folder: &Path, shelf: &Path, now_ms: i64) -> Result<backup::Created, backup::BackupError> {
    let how = CreateOptions { shelf, label: "web", passphrase: None, always: true };
    backup::create(&Folder::open(folder).unwrap(), &Options::at(now_ms), &how)
}

#[test]
fn what_is_foreign_is_a_finding_and_in_no_backup() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let ground = Ground::new();
    chown(ground.at("auth_info"), Some(10_001), Some(10_001)).unwrap();
    std::fs::hard_link(ground.at("secret/pre-key-4711.json"), ground.at("auth_info/pre-key-4711.json"))
        .unwrap();
    let held = ground.hold("auth_info").trusted(Trust::Nobody(None)).unwrap();
    let report = examine(&held.path(), &Options::at(NOW_MS)).unwrap();
    assert_eq!(report.path, ground.at("auth_info"), "people are shown the real path");
    let foreign = report.findings.iter().find(|finding| finding.code.as_str() == "file_foreign").unwrap();
    assert_eq!((foreign.path.as_str(), foreign.severity), ("pre-key-4711.json", Severity::Error));
    let shelf = ground.hold("shelf");
    let created = create(&held.path(), &shelf.path(), NOW_MS).unwrap();
    let left_out: Vec<_> = created.manifest.left_out.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(left_out, ["pre-key-4711.json"]);
    std::fs::remove_file(ground.at("auth_info/pre-key-4711.json")).unwrap();
    ground.is_unharmed();
}

#[test]
fn work_goes_on_where_it_began_and_belongs_to_the_owner() {
    let ground = Ground::new();
    std::fs::set_permissions(ground.base.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let root = rustix::process::geteuid().is_root();
    let owner = if root { 10_001 } else { rustix::process::geteuid().as_raw() };
    for folder in ["auth_info", "shelf"] {
        for item in std::fs::read_dir(ground.at(folder)).unwrap().map(Result::unwrap) {
            chown(item.path(), Some(owner), None).unwrap();
        }
        chown(ground.at(folder), Some(owner), None).unwrap();
    }
    let torn = "session-6281100000002.0.json";
    std::fs::write(ground.at("auth_info").join(torn), "{").unwrap();
    let (auth_info, shelf) = (ground.hold("auth_info"), ground.hold("shelf"));
    for name in ["auth_info", "shelf"] {
        std::fs::rename(ground.at(name), ground.at(&format!("{name}-moved"))).unwrap();
        symlink(ground.at("secret"), ground.at(name)).unwrap();
    }
    let secret = contents(&ground.at("secret"));
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: &shelf.path(),
        label: "web",
        passphrase: None,
        approve: None,
    };
    let outcome = clean(&auth_info.path(), &Options::at(NOW_MS), &how).unwrap();
    assert!(outcome.applied && outcome.healthy, "{outcome:?}");
    assert!(outcome.backup.unwrap().starts_with(ground.at("shelf")), "people are shown the real path");
    let archives = Shelf::at(&shelf.path()).archives(Some("web")).unwrap();
    std::fs::remove_file(ground.at("auth_info-moved/creds.json")).unwrap();
    let how = RestoreOptions {
        what: What::All { force: None },
        dry_run: false,
        shelf: &shelf.path(),
        label: "web",
        makes_room: false,
    };
    let options = Options::at(NOW_MS + 1000);
    assert!(restore(&archives[0].0, &auth_info.path(), &options, &how).unwrap().applied);
    assert_eq!(contents(&ground.at("secret")), secret, "the target of the link was written to");
    for file in [
        ground.at("auth_info-moved/creds.json"),
        ground.at("shelf-moved").join(archives[0].0.file_name().unwrap()),
    ] {
        assert_eq!(file.metadata().unwrap().uid(), owner, "{}", file.display());
    }
}

/// A link in the place of an archive, or where one is about to be written.
#[test]
fn links_on_the_shelf_lead_nowhere() {
    let ground = Ground::new();
    let archive = create(&ground.at("secret"), &ground.at("secret"), NOW_MS).unwrap().path;
    let linked = ground.at("shelf").join(archive.file_name().unwrap());
    symlink(&archive, &linked).unwrap();
    let shelf = ground.hold("shelf");
    let listed = Shelf::at(&shelf.path()).list(None, None, &Limits::default()).unwrap();
    let is_told =
        |one: &backup::BackupInfo| one.is_link && one.problem.is_some() && one.credentials.is_none();
    assert!(listed.len() == 1 && listed.iter().all(is_told), "{listed:?}");
    assert!(backup::verify(&shelf.path().join(archive.file_name().unwrap()), &Options::at(NOW_MS)).is_err());
    std::fs::remove_file(&linked).unwrap();
    let name = archive.file_name().unwrap().to_str().unwrap();
    symlink(ground.at("secret/creds.json"), ground.at("shelf").join(format!(".{name}.tmp"))).unwrap();
    create(&ground.hold("auth_info").path(), &shelf.path(), NOW_MS).unwrap();
    assert_eq!(std::fs::read(ground.at("secret/creds.json")).unwrap(), SECRET);
}

#[test]
fn a_swap_while_it_works_gets_nothing() {
    let ground = Ground::new();
    symlink(ground.at("secret/creds.json"), ground.at("auth_info/link")).unwrap();
    symlink(ground.at("secret"), ground.at("link")).unwrap();
    let (auth_info, shelf) = (ground.hold("auth_info"), ground.hold("shelf"));
    let stop = AtomicBool::new(false);
    let exchange = |a: &str, b: &str| {
        let flags = rustix::fs::RenameFlags::EXCHANGE;
        let _ = rustix::fs::renameat_with(auth_info.fd(), a, auth_info.fd(), b, flags);
    };
    let mut made = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                exchange("creds.json", "link");
                exchange("../auth_info", "../link");
            }
        });
        for round in 0..40 {
            if create(&auth_info.path(), &shelf.path(), NOW_MS + round).is_ok() {
                made += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    eprintln!("{made} backups were made meanwhile");
    // Whichever of the two has the name now.
    let mine = std::fs::read_link(auth_info.path()).unwrap();
    assert!(mine.starts_with(ground.base.path()));
    for item in std::fs::read_dir(ground.at("shelf")).unwrap().map(Result::unwrap) {
        let content = zstd::decode_all(&std::fs::read(item.path()).unwrap()[..]).unwrap();
        assert!(!content.windows(SECRET.len()).any(|window| window == SECRET), "{:?}", item.file_name());
    }
    assert_eq!(std::fs::read(ground.at("secret/creds.json")).unwrap(), SECRET);
}

/// What an enemy fills a folder with costs no more than a session does.
#[test]
fn a_folder_of_too_much_is_told_before_it_is_read() {
    let dir = copy("baileys7");
    for n in 0..100 {
        let file = std::fs::File::create(dir.path().join(format!("session-{n}.0.json"))).unwrap();
        file.set_len(16 << 20).unwrap();
    }
    let told = examine(dir.path(), &Options::at(NOW_MS)).unwrap_err().to_string();
    assert!(told.contains("no session is so large"), "{told}");
}

#[test]
fn files_of_others_are_counted_and_a_few_are_named() {
    let dir = copy("baileys7");
    for n in 0..1500 {
        std::fs::write(dir.path().join(format!("{n}-{}", "x".repeat(100))), "").unwrap();
    }
    let report = examine(dir.path(), &Options::at(NOW_MS)).unwrap();
    let unknown: Vec<_> =
        report.findings.iter().filter(|finding| finding.code.as_str() == "file_unknown").collect();
    assert_eq!(unknown.len(), 1001);
    assert!(unknown.iter().any(|finding| finding.path == "." && finding.evidence.starts_with("500 more")));
}
