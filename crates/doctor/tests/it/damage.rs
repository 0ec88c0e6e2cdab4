//! One damaged folder for each finding: found with exactly its code and no other error, and mended.

use std::path::Path;

use wakeeper_doctor::address::Address;
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy};

type Damage = fn(&Path);

/// Name of the finding, the fixture, the damage.
const ERRORS: &[(&str, &str, Damage)] = &[
    ("file_empty", "baileys6", |dir| write(dir, BOB, b"")),
    ("file_all_nul", "baileys6", |dir| write(dir, BOB, &[0; 4096])),
    ("file_truncated", "baileys7", |dir| cut(dir, BOB, 700)),
    ("file_truncated", "baileys7", |dir| cut(dir, "pre-key-5.json", 60)),
    ("file_two_writers", "baileys6", |dir| append(dir, BOB, b"\"}}}")),
    ("file_garbled", "baileys7", |dir| edit(dir, BOB, |text| text.replacen(":{", ":!", 1))),
    ("file_garbled", "baileys7", |dir| write(dir, BOB, &vec![b'['; 1_000_000])),
    ("file_garbled", "baileys7", |dir| write(dir, "tctoken-x@lid.json", &[0xff, 0xfe, 0, 1])),
    ("file_not_regular", "baileys6", |dir| {
        std::fs::remove_file(dir.join(BOB)).unwrap();
        std::fs::create_dir_all(dir.join(BOB).join("inside")).unwrap();
    }),
    ("file_not_regular", "baileys6", |dir| {
        std::fs::remove_file(dir.join(BOB)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join(BOB)).unwrap();
    }),
    ("file_too_large", "baileys6", |dir| {
        std::fs::File::options().write(true).open(dir.join(BOB)).unwrap().set_len(1 << 40).unwrap();
    }),
    ("file_wrong_shape", "baileys7", |dir| write(dir, "device-list-6281100000003.json", b"{\"0\":true}")),
    ("file_wrong_shape", "baileys7", |dir| {
        edit(dir, "app-state-sync-version-regular_low.json", |text| {
            text.replace("\"version\":3", "\"version\":-3")
        });
    }),
    ("pre_key_counter_behind", "baileys7", |dir| counters(dir, 9, 9)),
    ("pre_key_counter_range", "baileys7", |dir| counters(dir, u32::MAX, u32::MAX)),
    ("pre_key_counters_crossed", "baileys7", |dir| counters(dir, 15, 16)),
    ("pre_key_malformed", "baileys6", |dir| write(dir, "pre-key-5.json", b"{\"private\":{}}")),
    ("pre_key_mismatch", "baileys6", |dir| {
        let other = std::fs::read_to_string(dir.join("pre-key-6.json")).unwrap();
        let public = other[other.find("\"public\"").unwrap()..].to_owned();
        edit(dir, "pre-key-5.json", |text| text[..text.find("\"public\"").unwrap()].to_owned() + &public);
    }),
    ("signal_session_empty", "baileys6", |dir| write(dir, BOB, b"{}")),
    ("signal_session_empty", "baileys7", |dir| write(dir, BOB, b"null")),
    ("signal_session_empty", "baileys7", |dir| write(dir, BOB, b"{\"_sessions\":{},\"version\":\"v1\"}")),
    ("signal_session_version", "baileys7", |dir| edit(dir, BOB, |text| text.replace("\"v1\"", "\"v9\""))),
    ("signal_session_incomplete", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"registrationId\"", "\"x\""));
    }),
    ("signal_session_incomplete", "baileys6", |dir| {
        edit(dir, BOB, |text| text.replacen("\"rootKey\"", "\"x\"", 1));
    }),
    ("signal_session_key_invalid", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"remoteIdentityKey\":\"", "\"remoteIdentityKey\":\"AAAA"));
    }),
    ("signal_session_key_mismatch", "baileys7", |dir| swap_between(dir, BOB, CAROL_7, "\"privKey\":\"")),
    ("signal_session_index_mismatch", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let at = text.find("\"_sessions\":{\"").unwrap() + 14;
            let mut text = text.to_owned();
            text.replace_range(at + 20..at + 24, "AAAA");
            text
        });
    }),
    ("signal_session_many_open", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let at = text.find("\"closed\":1").unwrap() + 9;
            let end = at + text[at..].find(',').unwrap();
            format!("{}-1{}", &text[..at], &text[end..])
        });
    }),
    ("signal_session_none_open", "baileys6", |dir| {
        edit(dir, BOB, |text| text.replace("\"closed\":-1", "\"closed\":1700000000000"));
    }),
    ("signal_session_sending_chain", "baileys7", |dir| {
        edit(dir, CAROL_7, |text| text.replace("\"chainType\":1", "\"chainType\":2"));
    }),
    ("signal_session_receiving_chain", "baileys7", |dir| {
        swap_between(dir, BOB, CAROL_7, "\"lastRemoteEphemeralKey\":\"");
    }),
    ("signal_session_counters", "baileys7", |dir| {
        edit(dir, CAROL_7, |text| text.replacen("\"counter\":0", "\"counter\":-2", 1));
    }),
    ("signal_session_pending_mismatch", "baileys6", |dir| {
        edit(dir, "session-6281100000004.0.json", |text| {
            text.replace("\"baseKeyType\":1", "\"baseKeyType\":2")
        });
    }),
    ("signal_session_contaminated", "baileys6-contaminated-ours", |_| {}),
    ("signal_session_contaminated", "baileys7-contaminated-theirs", |_| {}),
    ("signal_session_other_version", "baileys7", |dir| {
        // Another one, used no earlier, is named as 7.x names it.
        std::fs::copy(dir.join(CAROL_7), dir.join("session-100000000000033_1.0.json")).unwrap();
        std::fs::rename(dir.join(CAROL_7), dir.join(CAROL_6)).unwrap();
    }),
    ("sender_key_malformed", "baileys6", |dir| {
        edit(dir, BOBS_SENDER_KEY, |text| text.replace("\"seed\":", "\"x\":"));
    }),
    ("sender_key_malformed", "baileys7", |dir| {
        write(dir, BOBS_SENDER_KEY, b"{\"type\":\"Buffer\",\"data\":\"AAAA\"}");
    }),
    ("sender_key_other_version", "baileys7", |dir| {
        std::fs::copy(
            crate::support::fixture_path("baileys6").join(BOBS_SENDER_KEY),
            dir.join(BOBS_SENDER_KEY),
        )
        .unwrap();
    }),
    // 6.7.19 sent one message with the key that 6.7.18 made.
    ("sender_key_carried_over", "baileys6", |dir| {
        std::fs::copy(
            crate::support::fixture_path("sender-key-carried-over.json"),
            dir.join("sender-key-120363000000000001@g.us--6281100000001--12.json"),
        )
        .unwrap();
    }),
    ("sender_key_memory_orphan", "baileys7", |dir| {
        std::fs::remove_file(dir.join("sender-key-120363000000000001@g.us--100000000000011_1--12.json"))
            .unwrap();
    }),
];

/// Damage to the credentials, which only a backup can cure.
const CREDENTIALS: &[(&str, &str, Damage)] = &[
    ("credentials_missing", "baileys6", |dir| std::fs::remove_file(dir.join("creds.json")).unwrap()),
    ("credentials_torn", "baileys6", |dir| write(dir, "creds.json", b"")),
    ("credentials_torn", "baileys7", |dir| write(dir, "creds.json", &[0; 100])),
    ("credentials_torn", "baileys7", |dir| cut(dir, "creds.json", 900)),
    ("file_not_regular", "baileys7", |dir| {
        std::fs::remove_file(dir.join("creds.json")).unwrap();
        std::fs::create_dir(dir.join("creds.json")).unwrap();
    }),
    ("credentials_incomplete", "baileys7", |dir| write(dir, "creds.json", b"{}")),
    ("credentials_incomplete", "baileys6", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"noiseKey\"", "\"n\""));
    }),
    ("credentials_key_invalid", "baileys7", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"advSecretKey\":\"", "\"advSecretKey\":\"AAAA"));
    }),
    ("credentials_key_mismatch", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            text.replacen("\"public\"", "\"p\"", 1).replacen("\"private\"", "\"public\"", 1).replacen(
                "\"p\"",
                "\"private\"",
                1,
            )
        });
    }),
    ("credentials_reinitialised", "baileys7", |dir| {
        std::fs::copy(
            crate::support::fixture_path("baileys7-unlinked").join("creds.json"),
            dir.join("creds.json"),
        )
        .unwrap();
    }),
    ("credentials_half_registered", "baileys7", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"account\":", "\"x\":"));
    }),
    ("registration_id_range", "baileys6", |dir| {
        edit(dir, "creds.json", |text| text.replace("\"registrationId\":", "\"registrationId\":99999999999"));
    }),
    ("signed_pre_key_signature", "baileys7", |dir| {
        let other =
            std::fs::read_to_string(crate::support::fixture_path("baileys6").join("creds.json")).unwrap();
        edit(dir, "creds.json", |text| replace_member(text, &other, "signedPreKey"));
    }),
    ("account_signature", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            let at = text.find("\"accountSignature\":\"").unwrap() + 20;
            let mut text = text.to_owned();
            let flipped = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, flipped);
            text
        });
    }),
    ("device_signature", "baileys7", |dir| {
        edit(dir, "creds.json", |text| {
            let at = text.find("\"deviceSignature\":\"").unwrap() + 19;
            let mut text = text.to_owned();
            let flipped = if &text[at..=at] == "A" { "B" } else { "A" };
            text.replace_range(at..=at, flipped);
            text
        });
    }),
];

/// Findings below error: the code, and what an examination must be told.
const WARNINGS: &[(&str, &str, Damage)] = &[
    ("pre_keys_missing", "baileys7", |dir| {
        for id in 4..=14 {
            std::fs::remove_file(dir.join(format!("pre-key-{id}.json"))).unwrap();
        }
    }),
    ("sender_key_empty", "baileys6", |dir| write(dir, BOBS_SENDER_KEY, b"[]")),
    ("app_state_key_missing", "baileys6", |dir| {
        std::fs::remove_file(dir.join("app-state-sync-key-AAAAAFx__.json")).unwrap();
    }),
    ("lid_mapping_asymmetric", "baileys7", |dir| {
        std::fs::remove_file(dir.join("lid-mapping-100000000000033_reverse.json")).unwrap();
    }),
    ("signal_session_lid_and_phone", "baileys7", |dir| {
        std::fs::copy(dir.join(CAROL_7), dir.join("session-6281100000003.3.json")).unwrap();
    }),
    ("signal_session_stranded", "baileys7", |dir| {
        std::fs::rename(dir.join(CAROL_7), dir.join("session-6281100000003.3.json")).unwrap();
        std::fs::remove_file(dir.join("device-list-6281100000003.json")).unwrap();
    }),
    ("signal_session_predates_pairing", "baileys6", |dir| {
        edit(dir, BOB, |text| {
            let mut text = text.to_owned();
            for field in ["\"created\":", "\"used\":"] {
                let mut from = 0;
                while let Some(at) = text[from..].find(field) {
                    from += at + field.len();
                    text.replace_range(from..from + 13, "1600000000000");
                }
            }
            text
        });
    }),
    ("permissions_open", "baileys6", |dir| {
        std::fs::set_permissions(dir.join(BOB), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    }),
    ("session_moved", "baileys6", |dir| write(dir, ".wakeeper-moved.json", b"{}")),
];

const INFOS: &[(&str, &str, Damage)] = &[
    ("signal_session_skipped_many", "baileys7", |dir| {
        let key = "A".repeat(43) + "=";
        let keys: Vec<_> = (0..2001).map(|n| format!("\"{n}\":\"{key}\"")).collect();
        edit(dir, CAROL_7, |text| {
            let text =
                text.replacen("\"messageKeys\":{}", &format!("\"messageKeys\":{{{}}}", keys.join(",")), 1);
            text.replacen("\"counter\":0", "\"counter\":2001", 1)
        });
    }),
    ("signal_session_identity_changed", "baileys7", |dir| {
        let carol = std::fs::read_to_string(dir.join(CAROL_7)).unwrap();
        let label = "\"remoteIdentityKey\":\"";
        let from = carol.find(label).unwrap() + label.len();
        edit(dir, BOB, |text| {
            let at = text.find(label).unwrap() + label.len();
            format!("{}{}{}", &text[..at], &carol[from..from + 44], &text[at + 44..])
        });
    }),
    ("file_unknown", "baileys7", |dir| write(dir, "notes.txt", b"hello")),
    ("file_temporary", "baileys7", |dir| write(dir, "creds.json.bak", b"{}")),
    ("signal_session_future_format", "baileys7", |dir| {
        write(dir, BOB, b"{\"type\":\"Buffer\",\"data\":\"AAAA\"}");
    }),
    ("signal_session_none_open", "baileys7", |dir| {
        edit(dir, BOB, |text| text.replace("\"closed\":-1", "\"closed\":1700000000000"));
    }),
];

const BOB: &str = "session-6281100000002.0.json";
const CAROL_7: &str = "session-100000000000033_1.3.json";
const CAROL_6: &str = "session-100000000000033.3.json";
const BOBS_SENDER_KEY: &str = "sender-key-120363000000000001@g.us--6281100000002--0.json";

fn write(dir: &Path, name: &str, content: &[u8]) {
    std::fs::write(dir.join(name), content).unwrap();
}

fn edit(dir: &Path, name: &str, change: impl Fn(&str) -> String) {
    let before = std::fs::read_to_string(dir.join(name)).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the damage is none");
    std::fs::write(dir.join(name), after).unwrap();
}

fn cut(dir: &Path, name: &str, len: usize) {
    let content = std::fs::read(dir.join(name)).unwrap();
    write(dir, name, &content[..len]);
}

fn append(dir: &Path, name: &str, more: &[u8]) {
    let mut content = std::fs::read(dir.join(name)).unwrap();
    content.extend_from_slice(more);
    write(dir, name, &content);
}

fn counters(dir: &Path, next: u32, first: u32) {
    edit(dir, "creds.json", |text| {
        text.replace("\"nextPreKeyId\":15", &format!("\"nextPreKeyId\":{next}"))
            .replace("\"firstUnuploadedPreKeyId\":15", &format!("\"firstUnuploadedPreKeyId\":{first}"))
    });
}

/// Puts a value of 44 characters from another file behind the last occurrence of a label.
fn swap_between(dir: &Path, name: &str, other: &str, label: &str) {
    let other = std::fs::read_to_string(dir.join(other)).unwrap();
    let from = other.rfind(label).unwrap() + label.len();
    edit(dir, name, |text| {
        let at = text.rfind(label).unwrap() + label.len();
        format!("{}{}{}", &text[..at], &other[from..from + 44], &text[at + 44..])
    });
}

fn replace_member(text: &str, other: &str, member: &str) -> String {
    let span = |text: &str| {
        let value = wakeeper_doctor::json::parse(text.as_bytes()).unwrap();
        value.get(member).unwrap().span.clone()
    };
    let mut out = text.to_owned();
    out.replace_range(span(text), &other[span(other)]);
    out
}

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
