//! A folder without a login, and what lies near it: what may have been lost is named, and never passed over in silence.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{KnownFacts, Report, Severity, Subject, backup, examine};

use crate::support::{NOW_MS, codes, copy, fixture_path, report};

fn creds() -> Vec<u8> {
    fs::read(fixture_path("baileys7").join("creds.json")).unwrap()
}

/// `auth_info` in a folder of its own, with a `creds.json` of this content.
fn scene(content: Option<&[u8]>) -> (TempDir, PathBuf) {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("auth_info");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    if let Some(content) = content {
        fs::write(folder.join("creds.json"), content).unwrap();
    }
    (top, folder)
}

fn put(path: PathBuf, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn planned(folder: &Path, shelf: &Path) -> Outcome {
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: true,
        shelf,
        label: "auth_info",
        passphrase: None,
        approve: None,
    };
    clean(folder, &Options::at(NOW_MS), &how).unwrap()
}

fn gzipped(unpacked: impl std::io::Read) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut from = flate2::read::GzEncoder::new(unpacked, flate2::Compression::fast());
    std::io::Read::read_to_end(&mut from, &mut packed).unwrap();
    packed
}

fn archive_of_creds() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(creds().len() as u64);
    tar.append_data(&mut header, "auth_info/creds.json", creds().as_slice()).unwrap();
    gzipped(tar.into_inner().unwrap().as_slice())
}

fn evidence(report: &Report) -> String {
    report.findings.iter().map(|finding| finding.evidence.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_blank_login_beside_a_copy_of_one_is_a_lost_login() {
    for blank in ["", " \n", "{}"] {
        for (name, content) in [
            ("auth_info/backup/creds.json", creds()),
            ("auth_info_backup/creds.json", creds()),
            ("auth_info-2024-01-01/creds.json", creds()),
            ("auth_info.tar.gz", archive_of_creds()),
            ("creds.json.bak", creds()),
            ("creds (1).json", creds()),
        ] {
            let (top, folder) = scene(Some(blank.as_bytes()));
            assert!(report(&folder).healthy, "nothing was ever written");
            put(top.path().join(name), &content);
            let found = report(&folder);
            assert!(!found.healthy && found.credentials == CredentialsState::Damaged, "{name}: {found:#?}");
            assert!(evidence(&found).contains(name), "{name}: {found:#?}");
            let outcome = planned(&folder, &top.path().join("shelf"));
            assert!(outcome.plan.iter().all(|action| action.repair != "remove_file"), "{outcome:#?}");
        }
    }
}

#[test]
fn what_was_never_linked_is_no_login_that_was_lost() {
    let (top, folder) = scene(Some(b""));
    put(top.path().join("auth_info_backup/creds.json"), b"{\"registrationId\":1}");
    assert!(report(&folder).healthy);
}

/// A name, what makes the thing of that name, and what is said of it.
type Thing<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);

#[test]
fn what_is_near_and_cannot_be_looked_into_is_named() {
    let pipe = |path: &Path| {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    let huge = |path: &Path| fs::File::create(path).unwrap().set_len(10 << 30).unwrap();
    let zip = |path: &Path| fs::write(path, b"PK\x03\x04\x14\0\0\0\0\0").unwrap();
    let link = |path: &Path| symlink("/nowhere", path).unwrap();
    let cut = |path: &Path| fs::write(path, &archive_of_creds()[..60]).unwrap();
    let torn = |path: &Path| put(path.join("creds.json"), &creds()[..60]);
    let another = |path: &Path| put(path.join("creds.json"), &creds());
    let things: [Thing<'_>; 9] = [
        ("auth_info_backup", &link, "symbolic link"),
        ("auth_info/backup", &link, "symbolic link"),
        ("creds.json.bak", &pipe, "pipe"),
        ("creds.json.bak", &huge, "more than the limit"),
        ("auth_info.zip", &zip, "unpack it first"),
        ("auth_info.tar.gz", &cut, "auth_info.tar.gz ("),
        ("auth_info-2", &another, "another session's"),
        ("auth_info_old", &torn, "it is damaged"),
        ("auth_info/shop", &another, "another session's"),
    ];
    for (name, make, reason) in things {
        for blank in [Some(&b""[..]), None] {
            let (top, folder) = scene(blank);
            make(&top.path().join(name));
            if name.ends_with("shop") && blank.is_none() {
                // The folder above a session.
                continue;
            }
            let found = report(&folder);
            let said = evidence(&found);
            assert!(said.contains(name) && said.contains(reason), "{name}: {found:#?}");
            assert!(!codes(&found, Severity::Warning).is_empty() || !found.healthy, "{name}: {found:#?}");
            if found.findings.iter().any(|finding| finding.subject == Subject::Storage) {
                continue;
            }
            let outcome = planned(&folder, &top.path().join("shelf"));
            assert!(outcome.plan.is_empty(), "{name}: {outcome:#?}");
        }
    }
}

#[test]
fn a_copy_behind_many_newer_ones_is_not_passed_over_in_silence() {
    let (top, folder) = scene(Some(b"{\"noise"));
    for n in 0..34 {
        fs::write(folder.join(format!("creds.json.{n}")), "{}").unwrap();
    }
    let notes = planned(&folder, &top.path().join("shelf")).notes.join("\n");
    assert!(notes.contains("Not looked into") && notes.contains("it and 1 older ones"), "{notes}");
}

#[test]
fn copies_that_were_left_out_are_named_with_their_reasons() {
    let (top, folder) = scene(Some(b"{\"noise"));
    for n in 0..5 {
        symlink("/nowhere", top.path().join(format!("auth_info_backup{n}"))).unwrap();
    }
    let notes = planned(&folder, &top.path().join("shelf")).notes.join("\n");
    assert!(notes.contains("auth_info_backup0 (it is a symbolic link"), "{notes}");
    assert!(notes.contains(", and 2 more") && !notes.contains("auth_info_backup4"), "{notes}");
}

#[test]
fn a_folder_with_a_copy_and_no_login_has_lost_it() {
    let (top, folder) = scene(None);
    put(folder.join("creds.json.bak"), &creds());
    let found = report(&folder);
    assert_eq!(codes(&found, Severity::Error), ["credentials_missing"], "{found:#?}");
    assert!(
        evidence(&found).contains("a login is in ") && !evidence(&found).contains("no login yet"),
        "{found:#?}"
    );
    let outcome = planned(&folder, &top.path().join("shelf"));
    assert_eq!(outcome.login_from, Some(folder.join("creds.json.bak")), "{outcome:#?}");
}

#[test]
fn a_folder_without_a_login_says_that_backups_hold_one() {
    let (top, folder) = scene(Some(&creds()));
    let shelf = top.path().join("session_backups");
    let how = backup::CreateOptions { shelf: &shelf, label: "auth_info", passphrase: None, always: false };
    backup::create_running(&folder, &Options::at(NOW_MS), &how, backup::Reason::ByHand).unwrap();
    for blank in [None, Some("")] {
        fs::remove_file(folder.join("creds.json")).unwrap();
        if let Some(text) = blank {
            fs::write(folder.join("creds.json"), text).unwrap();
        }
        let facts = KnownFacts::default().with_backups(&shelf, "auth_info", None);
        let found = examine(&folder, &facts.options(NOW_MS)).unwrap();
        assert!(evidence(&found).contains("a backup holds a login"), "{found:#?}");
        assert_eq!(found.healthy, blank.is_none(), "{found:#?}");
        assert!(found.findings.iter().all(|finding| finding.severity != Severity::Info), "{found:#?}");
        fs::write(folder.join("creds.json"), "").unwrap();
    }
}

#[test]
fn what_a_loss_of_power_leaves_of_a_login_is_torn() {
    let (top, folder) = scene(Some(&[0; 2000]));
    let found = report(&folder);
    assert_eq!(found.credentials, CredentialsState::Damaged);
    assert_eq!(codes(&found, Severity::Error), ["credentials_torn"], "{found:#?}");
    assert!(evidence(&found).contains("all 2000 bytes are NUL"), "{found:#?}");
    let outcome = planned(&folder, &top.path().join("shelf"));
    assert!(outcome.plan.is_empty() && outcome.needs_qr && !outcome.healthy, "{outcome:#?}");
}

#[test]
fn backups_that_cannot_be_listed_are_not_taken_for_none() {
    let (top, folder) = scene(Some(b""));
    let shelf = top.path().join("session_backups");
    fs::write(&shelf, "no folder").unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: true,
        shelf: &shelf,
        label: "auth_info",
        passphrase: None,
        approve: None,
    };
    let refused = clean(&folder, &Options::at(NOW_MS), &how).unwrap_err().to_string();
    assert!(refused.contains("nothing was changed") && refused.contains("session_backups"), "{refused}");
}

#[test]
fn what_is_said_of_a_login_among_files_of_two_accounts_is_true() {
    let dir = copy("baileys6");
    let other = fixture_path("baileys6-contaminated-ours-peer").join("creds.json");
    fs::copy(other, dir.path().join("creds.json")).unwrap();
    let outcome = planned(dir.path(), &dir.path().join("no backups"));
    assert!(!outcome.login_unchanged().contains("elsewhere"), "{}", outcome.login_unchanged());
    assert!(outcome.login_unchanged().contains("two accounts"), "{}", outcome.login_unchanged());
}

/// What `health` names `clean` takes: both judge a copy alike.
#[test]
fn a_copy_of_another_account_is_named_as_such() {
    let dir = copy("baileys7");
    fs::write(dir.path().join("creds.json"), "").unwrap();
    let stranger = fixture_path("baileys7-contaminated-ours-peer").join("creds.json");
    fs::copy(stranger, dir.path().join("creds.json.bak")).unwrap();
    let said = evidence(&report(dir.path()));
    assert!(!said.contains("a login is in") && said.contains("the login of another account"), "{said}");
    let outcome = planned(dir.path(), &dir.path().join("no backups"));
    assert!(outcome.login_from.is_none() && outcome.unproven.is_empty(), "{outcome:#?}");
    // The right one beside it is named and taken.
    fs::write(dir.path().join("creds.json.old"), creds()).unwrap();
    let said = evidence(&report(dir.path()));
    assert!(said.contains("a login is in") && said.contains("creds.json.old"), "{said}");
    let outcome = planned(dir.path(), &dir.path().join("no backups"));
    assert_eq!(outcome.login_from, Some(dir.path().join("creds.json.old")));
}

#[test]
fn a_copy_with_keys_that_do_not_fit_is_called_damaged() {
    let dir = copy("baileys7");
    let text = String::from_utf8(creds()).unwrap();
    let at = text.find("\"signedIdentityKey\"").unwrap() + 70;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    fs::write(dir.path().join("creds.json.bak"), format!("{}{other}{}", &text[..at], &text[at + 1..]))
        .unwrap();
    fs::write(dir.path().join("creds.json"), "").unwrap();
    let said = evidence(&report(dir.path()));
    assert!(!said.contains("a login is in") && said.contains("it is damaged"), "{said}");
    assert!(planned(dir.path(), &dir.path().join("no backups")).login_from.is_none());
}
