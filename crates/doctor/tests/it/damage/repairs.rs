//! Repairs as a whole: cut short, of everything, of what nobody can use.

use super::edits::{BOB, CAROL_6, CAROL_7, write};
use super::how;
use crate::support::{NOW_MS, codes, contents, copy};
use wakeeper_doctor::address::Address;
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine};

#[test]
fn an_interrupted_repair_is_found_and_finished() {
    let dir = copy("baileys6");
    let staging = dir.path().join(".wakeeper-repair");
    std::fs::create_dir(&staging).unwrap();
    std::fs::write(staging.join("new-0"), "half").unwrap();
    let options = Options::at(NOW_MS);
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["repair_unfinished"]);
    let shelf = tempfile::tempdir().unwrap();
    let dry = clean(dir.path(), &options, &CleanOptions { dry_run: true, ..how(shelf.path()) }).unwrap();
    assert!(staging.exists() && !dry.notes.is_empty());
    let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    assert!(outcome.healthy && outcome.notes[0].contains("taken back") && !staging.exists());
    assert_eq!(contents(dir.path()), contents(&crate::support::fixture_path("baileys6")));
}

#[test]
fn files_that_change_meanwhile_are_read_again() {
    let dir = copy("baileys6");
    let whole = std::fs::read(dir.path().join(BOB)).unwrap();
    std::fs::write(dir.path().join(BOB), b"").unwrap();
    // The writer comes back when everything was read once.
    let finish = |done: usize, total: usize| {
        if done == total {
            std::fs::write(dir.path().join(BOB), &whole).unwrap();
        }
    };
    let options = Options { progress: Some(&finish), ..Options::at(NOW_MS) };
    let report = examine(dir.path(), &options).unwrap();
    assert!(report.healthy, "{:#?}", report.findings);
    assert!(codes(&report, Severity::Info).contains(&"folder_changing"));
}

#[test]
fn a_reset_removes_everything_after_a_backup() {
    let dir = copy("baileys6");
    write(dir.path(), "notes.txt", b"mine");
    let before = contents(dir.path());
    let shelf = tempfile::tempdir().unwrap();
    let options = Options::at(NOW_MS);
    let everything = CleanOptions { extent: Extent::Everything, ..how(shelf.path()) };
    let outcome = clean(dir.path(), &options, &everything).unwrap();
    assert!(
        outcome.applied && outcome.needs_qr && !outcome.login_kept && outcome.plan.len() == before.len() - 1
    );
    assert_eq!(contents(dir.path()).into_keys().collect::<Vec<_>>(), ["notes.txt"]);
    let back = wakeeper_doctor::restore::RestoreOptions {
        what: wakeeper_doctor::restore::What::All { force: None },
        dry_run: false,
        shelf: shelf.path(),
        label: "test",
        makes_room: false,
    };
    wakeeper_doctor::restore::restore(&outcome.backup.unwrap(), dir.path(), &options, &back).unwrap();
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn a_reset_needs_no_store() {
    let elsewhere = tempfile::tempdir().unwrap();
    // Where it would be, and what Docker makes of one that is missing.
    for store in [elsewhere.path().join("baileys_store.json"), elsewhere.path().to_owned()] {
        let (dir, shelf) = (copy("baileys6"), tempfile::tempdir().unwrap());
        let options = Options { store: Some(&store), ..Options::at(NOW_MS) };
        let everything = CleanOptions { extent: Extent::Everything, ..how(shelf.path()) };
        let outcome = clean(dir.path(), &options, &everything).unwrap();
        assert!(outcome.applied && contents(dir.path()).is_empty(), "{outcome:?}");
    }
}

#[test]
fn what_nobody_can_use_is_removed() {
    let dir = copy("baileys7");
    write(dir.path(), "creds.json.bak", b"{}");
    write(dir.path(), "device-list-6281100000004.json", b"[\"0\"]");
    std::fs::copy(dir.path().join(BOB), dir.path().join("session-6281100000004.7.json")).unwrap();
    let shelf = tempfile::tempdir().unwrap();
    // Only days after the fixtures were made.
    let used = std::fs::read_to_string(dir.path().join(CAROL_7)).unwrap();
    let at = used.find("\"used\":").unwrap() + 7;
    let soon = used[at..at + 13].parse::<i64>().unwrap() + 86_400_000;
    let stale = CleanOptions { extent: Extent::Stale, ..how(shelf.path()) };
    let outcome = clean(dir.path(), &Options::at(soon), &stale).unwrap();
    let removed: Vec<_> = outcome.plan.iter().map(|action| action.path.as_str()).collect();
    assert_eq!(removed, ["creds.json.bak", "session-6281100000004.7.json"]);
    assert!(outcome.freed > 1000 && outcome.login_kept);
}

#[test]
fn what_the_caller_knows_becomes_findings() {
    let dir = copy("baileys7");
    let owners = ["web-1".to_owned(), "web-2".to_owned()];
    let peers = [Address::from_any("100000000000033:3@lid").unwrap()];
    let options = Options { owners: &owners, on_mount: Some(false), peers: &peers, ..Options::at(NOW_MS) };
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["folder_many_owners"]);
    let expected = ["folder_not_on_mount", "sender_key_memory_chosen", "signal_session_chosen"];
    assert_eq!(codes(&report, Severity::Warning), expected);
    let shelf = tempfile::tempdir().unwrap();
    clean(dir.path(), &options, &how(shelf.path())).unwrap();
    assert!(!dir.path().join(CAROL_7).exists() && dir.path().join(BOB).exists());
}

#[test]
fn an_upgrade_renames_sessions_and_drops_sender_keys() {
    let dir = copy("baileys6");
    let options = Options { version: Some(Version::V7), ..Options::at(NOW_MS) };
    let session = std::fs::read(dir.path().join(CAROL_6)).unwrap();
    let report = examine(dir.path(), &options).unwrap();
    let expected = ["sender_key_other_version", "sender_key_other_version", "signal_session_other_version"];
    assert_eq!(codes(&report, Severity::Error), expected);
    let shelf = tempfile::tempdir().unwrap();
    let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    assert!(outcome.healthy && outcome.login_kept);
    assert_eq!(std::fs::read(dir.path().join(CAROL_7)).unwrap(), session, "nothing is lost by renaming");
    let left = contents(dir.path());
    assert!(!left.keys().any(|name| name.starts_with("sender-key")), "the memory goes with the keys");
}
