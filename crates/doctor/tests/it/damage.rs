//! One damaged folder for each finding: found with exactly its code and no other error, and mended.

use std::path::Path;

use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy};

mod edits;
mod repairs;
mod tables;

use edits::append;
use tables::{CREDENTIALS, ERRORS, INFOS, WARNINGS};

fn how(shelf: &Path) -> CleanOptions<'_> {
    CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf,
        label: "test",
        passphrase: None,
        approve: None,
    }
}

#[test]
fn each_error_is_found_alone_and_mended() {
    for (code, fixture, damage) in ERRORS {
        let dir = copy(fixture);
        damage(dir.path());
        let options = Options::at(NOW_MS);
        let report = examine(dir.path(), &options).unwrap();
        assert_eq!(codes(&report, Severity::Error), [*code], "{fixture}: {:#?}", report.findings);
        let shelf = tempfile::tempdir().unwrap();
        let damaged = contents(dir.path());
        let outcome =
            clean(dir.path(), &options, &how(shelf.path())).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(
            outcome.applied && outcome.healthy && outcome.login_kept && !outcome.needs_qr,
            "{code}: {outcome:#?}"
        );
        assert!(outcome.plan.iter().all(|action| action.code.is_some()));
        // Files that are not named in the plan are as they were.
        let after = contents(dir.path());
        for (name, content) in &damaged {
            let planned = outcome.plan.iter().any(|action| action.path == *name);
            assert!(planned || after.get(name) == Some(content), "{code}: {name} was touched");
        }
    }
}

#[test]
fn damaged_credentials_come_back_from_a_backup_and_only_from_there() {
    for (code, fixture, damage) in CREDENTIALS {
        let dir = copy(fixture);
        let options = Options::at(NOW_MS);
        let shelf = tempfile::tempdir().unwrap();
        let folder = wakeeper_doctor::source::Folder::open(dir.path()).unwrap();
        let create = wakeeper_doctor::backup::CreateOptions {
            shelf: shelf.path(),
            label: "test",
            passphrase: None,
            always: false,
        };
        wakeeper_doctor::backup::create(&folder, &options, &create).unwrap();
        damage(dir.path());
        let report = examine(dir.path(), &options).unwrap();
        assert_eq!(codes(&report, Severity::Error), [*code], "{fixture}: {:#?}", report.findings);

        // Without a backup nothing is removed.
        let nothing = tempfile::tempdir().unwrap();
        let damaged = contents(dir.path());
        let outcome = clean(dir.path(), &options, &how(nothing.path())).unwrap();
        assert!(
            !outcome.applied && outcome.needs_qr && !outcome.login_kept && outcome.plan.is_empty(),
            "{outcome:?}"
        );
        assert!(!outcome.notes.is_empty() && contents(dir.path()) == damaged);

        let outcome =
            clean(dir.path(), &options, &how(shelf.path())).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(outcome.applied && outcome.healthy && outcome.login_kept, "{code}: {outcome:#?}");
        let creds = std::fs::read_to_string(dir.path().join("creds.json")).unwrap();
        let original =
            std::fs::read_to_string(crate::support::fixture_path(fixture).join("creds.json")).unwrap();
        let advanced = original.replace(":15,", ":1015,");
        assert_eq!(creds, advanced, "{code}: the same login, its counters moved on");
        // Everything else is as it was.
        let mut after = contents(dir.path());
        let mut before = damaged;
        after.remove("creds.json");
        before.remove("creds.json");
        assert_eq!(after, before, "{code}");
    }
}

#[test]
fn a_stale_tail_behind_whole_credentials_is_cut_off_without_a_backup() {
    let dir = copy("baileys7");
    append(dir.path(), "creds.json", b"ld\":true}");
    let options = Options::at(NOW_MS);
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["credentials_torn"]);
    let shelf = tempfile::tempdir().unwrap();
    let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    assert!(outcome.applied && outcome.healthy && outcome.login_kept);
    assert_eq!(contents(dir.path()), contents(&crate::support::fixture_path("baileys7")));
}

#[test]
fn each_warning_is_found_and_none_is_an_error() {
    for (code, fixture, damage) in WARNINGS {
        let dir = copy(fixture);
        damage(dir.path());
        let options = Options::at(NOW_MS);
        let report = examine(dir.path(), &options).unwrap();
        assert_eq!(codes(&report, Severity::Error), Vec::<&str>::new(), "{code}: {:#?}", report.findings);
        assert_eq!(codes(&report, Severity::Warning), [*code], "{fixture}: {:#?}", report.findings);
        let shelf = tempfile::tempdir().unwrap();
        let outcome =
            clean(dir.path(), &options, &how(shelf.path())).unwrap_or_else(|e| panic!("{code}: {e}"));
        assert!(outcome.login_kept && outcome.healthy, "{code}");
        let manual = ["pre_keys_missing", "app_state_key_missing", "session_moved"].contains(code);
        assert_eq!(outcome.applied, !manual, "{code}: {outcome:#?}");
        let left: Vec<_> = outcome.remaining.iter().filter(|f| f.severity == Severity::Warning).collect();
        assert_eq!(left.is_empty(), !manual, "{code}: {left:#?}");
    }
}

#[test]
fn each_note_is_found_and_nothing_is_done() {
    for (code, fixture, damage) in INFOS {
        let dir = copy(fixture);
        damage(dir.path());
        let options = Options::at(NOW_MS);
        let report = examine(dir.path(), &options).unwrap();
        assert!(report.healthy && codes(&report, Severity::Warning).is_empty());
        assert!(codes(&report, Severity::Info).contains(code), "{code}");
        let before = contents(dir.path());
        let shelf = tempfile::tempdir().unwrap();
        let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
        assert!(!outcome.applied && outcome.backup.is_none() && contents(dir.path()) == before);
    }
}

/// Findings whose tests are not in the tables here.
const ELSEWHERE: [&str; 31] = [
    "accounts_mixed",
    "credentials_not_linked",
    "file_foreign",
    "file_unreadable",
    "folder_changing",
    "folder_many_owners",
    "folder_not_on_mount",
    "log_not_understood",
    "messages_failing",
    "messages_not_decrypted",
    "native_database_damaged",
    "native_login_lost",
    "native_own_sender_key",
    "native_pre_keys_missing",
    "native_row_unreadable",
    "not_a_session",
    "older_copy",
    "ratchet_rolled_back",
    "repair_unfinished",
    "sender_key_chosen",
    "sender_key_memory_chosen",
    "sender_key_memory_stale",
    "sender_key_unusable_skipped",
    "sessions_inside",
    "signal_session_chosen",
    "signal_session_failing",
    "store_is_directory",
    "store_torn",
    "whatsmeow_database_damaged",
    "whatsmeow_login_damaged",
    "whatsmeow_row_unreadable",
];

#[test]
fn every_finding_has_its_damage() {
    let tables = [ERRORS, CREDENTIALS, WARNINGS, INFOS];
    let shown = tables.iter().flat_map(|table| table.iter().map(|(code, ..)| *code)).chain(ELSEWHERE);
    let shown: std::collections::BTreeSet<_> = shown.collect();
    for code in wakeeper_doctor::findings::CODES {
        assert!(shown.contains(code.as_str()), "{code} has no damaged fixture");
    }
    assert_eq!(shown.len(), wakeeper_doctor::findings::CODES.len());
}
