//! What is a login and what is not: pairing codes, empty files, copies, and files of two accounts.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wakeeper_doctor::backup::{CreateOptions, Reached, Shelf, create};
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::restore::newest_for;
use wakeeper_doctor::source::{Folder, Limits};
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy, fixture_path, report};

const BOTS_OWN_NUMBER: &str = "6281100000001";

fn cleaned(dir: &Path, shelf: &Path, dry_run: bool) -> Outcome {
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run,
        shelf,
        label: "bot",
        passphrase: None,
        approve: None,
    };
    clean(dir, &Options::at(NOW_MS), &how).unwrap()
}

fn back_up(dir: &Path, shelf: &Path, now_ms: i64) {
    let how = CreateOptions { shelf, label: "bot", passphrase: None, always: true };
    create(&Folder::open(dir).unwrap(), &Options::at(now_ms), &how).unwrap();
}

/// What Baileys leaves when it starts on a torn `creds.json` and a bot asks for a pairing code.
fn ask_for_a_pairing_code(dir: &Path) {
    let text = std::fs::read_to_string(fixture_path("creds-after-pairing-code.json")).unwrap();
    std::fs::write(dir.join("creds.json"), text.replace("5511900000001", BOTS_OWN_NUMBER)).unwrap();
}

#[test]
fn a_pairing_code_that_was_asked_for_is_no_login() {
    let (dir, shelf) = (copy("baileys6"), tempfile::tempdir().unwrap());
    back_up(dir.path(), shelf.path(), NOW_MS - 2000);
    let login = std::fs::read(dir.path().join("creds.json")).unwrap();
    ask_for_a_pairing_code(dir.path());
    let found = report(dir.path());
    assert_eq!(codes(&found, Severity::Error), ["credentials_reinitialised"]);
    assert_eq!(found.credentials, CredentialsState::Damaged);

    // A backup of it is none of a login, and the older one is offered.
    back_up(dir.path(), shelf.path(), NOW_MS - 1000);
    let list = Shelf::at(shelf.path()).list(Some("bot"), None, &Limits::default()).unwrap();
    let states: Vec<_> = list.iter().map(|info| info.credentials).collect();
    assert_eq!(states, [Some(CredentialsState::Damaged), Some(CredentialsState::Sound)]);
    let sound = newest_for(dir.path(), shelf.path(), "bot", &Options::at(NOW_MS)).unwrap();
    assert_eq!(sound.archive, list[1].path);

    let planned = cleaned(dir.path(), shelf.path(), true);
    assert_eq!(planned.plan.len(), 1);
    assert!(planned.plan[0].description.starts_with("take the credentials from"), "{:?}", planned.plan);
    let outcome = cleaned(dir.path(), shelf.path(), false);
    assert!(outcome.applied && outcome.healthy && outcome.login_kept && !outcome.needs_qr);
    let restored = std::fs::read(dir.path().join("creds.json")).unwrap();
    assert_eq!(restored[..500], login[..500], "the same keys");
}

#[test]
fn without_a_backup_a_pairing_code_is_not_called_a_sound_login() {
    let (dir, shelf) = (copy("baileys7"), tempfile::tempdir().unwrap());
    ask_for_a_pairing_code(dir.path());
    let outcome = cleaned(dir.path(), shelf.path(), true);
    assert!(!outcome.login_kept && outcome.needs_qr && outcome.plan.is_empty(), "{outcome:?}");
}

#[test]
fn a_pairing_that_is_under_way_is_healthy() {
    let dir = tempfile::tempdir().unwrap();
    ask_for_a_pairing_code(dir.path());
    std::fs::set_permissions(
        dir.path().join("creds.json"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let found = report(dir.path());
    assert!(found.healthy && found.credentials == CredentialsState::Missing, "{found:?}");
    assert!(found.findings[0].evidence.contains("pairing code"), "{:?}", found.findings);
}

/// Where copies lie that gateways and people leave.
#[test]
fn a_copy_near_the_login_gives_it_back_once_its_identity_is_checked() {
    for place in
        ["creds.json.bak", "creds.json.1730112233", "creds-backup.json", "auth_info_backup/creds.json"]
    {
        let (dir, shelf) = (copy("baileys7"), tempfile::tempdir().unwrap());
        let (login, to) = (dir.path().join("creds.json"), dir.path().join(place));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(&login, &to).unwrap();
        std::fs::write(&login, "").unwrap();
        // One that is another account's lies there too, and is newer.
        let stranger = fixture_path("baileys7-contaminated-ours-peer").join("creds.json");
        std::fs::copy(stranger, dir.path().join("creds.json.old")).unwrap();
        let planned = cleaned(dir.path(), shelf.path(), true);
        let first = &planned.plan[0].description;
        assert!(first.starts_with("take the credentials from") && first.ends_with(place), "{place}: {first}");
        let outcome = cleaned(dir.path(), shelf.path(), false);
        assert!(outcome.healthy && outcome.login_kept, "{place}: {outcome:?}");
        let text = std::fs::read_to_string(login).unwrap();
        assert!(text.contains("\"nextPreKeyId\":1015"), "counters are moved on: {text}");
    }
}

#[test]
fn a_copy_beside_the_folder_gives_the_login_back() {
    let (parent, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (dir, kept) = (parent.path().join("auth_info"), parent.path().join("auth_info_backup"));
    std::fs::rename(copy("baileys6").keep(), &dir).unwrap();
    std::fs::rename(copy("baileys6").keep(), kept).unwrap();
    std::fs::write(dir.join("creds.json"), "").unwrap();
    let before = contents(&dir);
    let outcome = cleaned(&dir, shelf.path(), false);
    assert!(outcome.healthy && outcome.login_kept, "{outcome:?}");
    let changed: Vec<_> = contents(&dir)
        .into_iter()
        .filter(|(name, content)| before[name] != *content)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, ["creds.json"], "ratchets are left");
}

#[test]
fn a_copy_of_another_account_is_not_taken() {
    let (dir, shelf) = (copy("baileys7"), tempfile::tempdir().unwrap());
    let stranger = fixture_path("baileys7-contaminated-ours-peer").join("creds.json");
    std::fs::copy(stranger, dir.path().join("creds.json.bak")).unwrap();
    std::fs::write(dir.path().join("creds.json"), "").unwrap();
    let outcome = cleaned(dir.path(), shelf.path(), false);
    assert!(!outcome.applied && outcome.plan.is_empty() && outcome.needs_qr, "{outcome:?}");
}

#[test]
fn files_of_two_accounts_are_an_error_with_evidence() {
    for (fixture, evidence) in [
        ("baileys6", "sender-key-120363000000000001@g.us--6281100000001--12.json was made by 6281100000001"),
        (
            "baileys7",
            "sender-key-120363000000000001@g.us--100000000000011_1--12.json was made by 100000000000011",
        ),
        ("baileys6-contaminated-theirs", "Signal session with this very device"),
    ] {
        let (dir, shelf) = (copy(fixture), tempfile::tempdir().unwrap());
        let stranger = fixture_path(&format!("{}-contaminated-ours-peer", &fixture[..8])).join("creds.json");
        let text = std::fs::read_to_string(stranger).unwrap();
        // The same account as the session's, and one of its linked devices: 2 stands for the other party's device 0.
        let text =
            if fixture.ends_with("theirs") { text.replace("6281100000002", "6281100000002:7") } else { text };
        if fixture.ends_with("theirs") {
            let session = dir.path().join("session-6281100000002.0.json");
            std::fs::rename(session, dir.path().join("session-6281100000002.7.json")).unwrap();
        }
        std::fs::write(dir.path().join("creds.json"), text).unwrap();
        let before = contents(dir.path());
        let found = report(dir.path());
        assert_eq!(found.findings[0].code.as_str(), "accounts_mixed", "{fixture}: {:?}", found.findings);
        assert!(found.findings[0].evidence.contains(evidence), "{:?}", found.findings[0]);
        assert!(!found.healthy);
        let outcome = cleaned(dir.path(), shelf.path(), false);
        assert!(!outcome.applied && contents(dir.path()) == before, "{outcome:?}");
    }
}

#[test]
fn sessions_with_another_phone_of_the_same_number_are_of_another_link() {
    let dir = copy("baileys6.7.24");
    std::fs::copy(
        dir.path().join("session-5511900100567.0.json"),
        dir.path().join("session-5511900000567.0.json"),
    )
    .unwrap();
    let found = report(dir.path());
    assert_eq!(codes(&found, Severity::Error), ["accounts_mixed"]);
    assert!(found.findings[0].evidence.contains("session-5511900000567.0.json"));
}

#[test]
fn an_empty_file_alone_is_no_login_yet_and_may_go() {
    for content in [&b""[..], b"{}", b" {\n}\n", b"\n", b" \t\r\n"] {
        let (dir, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join("creds.json"), content).unwrap();
        let found = report(dir.path());
        assert!(found.healthy && found.credentials == CredentialsState::Missing, "{found:?}");
        assert!(found.findings[0].evidence.starts_with("no login yet"), "{:?}", found.findings);
        let outcome = cleaned(dir.path(), shelf.path(), false);
        assert!(outcome.applied && outcome.healthy && outcome.awaits_login(), "{outcome:?}");
        assert!(outcome.login().starts_with("none yet"));
        assert!(contents(dir.path()).is_empty());
    }
    // One that begins as a login does may be all that is left of it.
    let (dir, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join("creds.json"), "{\"noiseKey\":{\"priv").unwrap();
    assert!(!report(dir.path()).healthy && !cleaned(dir.path(), shelf.path(), false).applied);
}

#[test]
fn a_backup_comes_before_a_removal() {
    let (dir, shelf) = (copy("baileys6"), tempfile::tempdir().unwrap());
    back_up(dir.path(), shelf.path(), NOW_MS - 1000);
    for name in contents(dir.path()).keys() {
        std::fs::remove_file(dir.path().join(name)).unwrap();
    }
    std::fs::write(dir.path().join("creds.json"), "").unwrap();
    let outcome = cleaned(dir.path(), shelf.path(), false);
    assert!(outcome.applied && outcome.login_kept, "{outcome:?}");
}

#[test]
fn a_gateway_that_keeps_its_credentials_elsewhere_is_told_apart() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("instances/3f1c0f8e-7b1d-4a53-9f6e-000000000001");
    std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
    let folder = copy("baileys6");
    std::fs::remove_file(folder.path().join("creds.json")).unwrap();
    let lost = report(folder.path());
    assert_eq!(codes(&lost, Severity::Error), ["credentials_missing"]);
    assert!(lost.findings[0].evidence.contains("Evolution API"), "{:?}", lost.findings[0]);
    std::fs::rename(folder.keep(), &dir).unwrap();
    let found = examine(&dir, &Options::at(NOW_MS)).unwrap();
    assert_eq!(codes(&found, Severity::Error), Vec::<&str>::new());
    assert_eq!(codes(&found, Severity::Warning), ["credentials_missing"]);
    let shelf = tempfile::tempdir().unwrap();
    let outcome = cleaned(&dir, shelf.path(), true);
    assert!(outcome.healthy && outcome.misses_no_login(), "{outcome:?}");
    // A copy of a login beside it, or a backup: this one is lost.
    let copied = dir.with_file_name("3f1c0f8e-7b1d-4a53-9f6e-000000000001.bak");
    std::fs::create_dir(&copied).unwrap();
    std::fs::copy(fixture_path("baileys6").join("creds.json"), copied.join("creds.json")).unwrap();
    assert_eq!(codes(&report(&dir), Severity::Error), ["credentials_missing"]);
    std::fs::remove_dir_all(copied).unwrap();
    let whole = copy("baileys6");
    back_up(whole.path(), shelf.path(), NOW_MS - 1000);
    let reached = Reached::of_newest(&Shelf::at(shelf.path()), "bot", None).unwrap();
    let told = Options { reached: Some(&reached), ..Options::at(NOW_MS) };
    assert_eq!(codes(&examine(&dir, &told).unwrap(), Severity::Error), ["credentials_missing"]);
}

const OLD_NUMBER: &str = "6281100000001";
const NEW_NUMBER: &str = "6281100000099";
const LID: &str = "100000000000011";

/// The account's number changed: its credentials have the new one, its own sender key was made under the old one.
fn with_a_new_number(fixture: &str) -> tempfile::TempDir {
    let dir = copy(fixture);
    let creds = dir.path().join("creds.json");
    let text = std::fs::read_to_string(&creds).unwrap();
    std::fs::write(&creds, text.replace(OLD_NUMBER, NEW_NUMBER)).unwrap();
    let group = "sender-key-120363000000000001@g.us";
    let under_lid = dir.path().join(format!("{group}--{LID}_1--12.json"));
    if under_lid.exists() {
        std::fs::rename(under_lid, dir.path().join(format!("{group}--{OLD_NUMBER}--12.json"))).unwrap();
    }
    dir
}

fn is_mixed(dir: &Path) -> bool {
    report(dir).findings.iter().any(|finding| finding.code.as_str() == "accounts_mixed")
}

#[test]
fn an_account_that_changed_its_number_is_the_same_by_its_lid() {
    for fixture in ["baileys6", "baileys7"] {
        let dir = with_a_new_number(fixture);
        assert!(is_mixed(dir.path()), "{fixture}: nothing tells that the old number was its own");
        let mapping = dir.path().join(format!("lid-mapping-{OLD_NUMBER}.json"));
        std::fs::write(&mapping, format!("\"{LID}\"")).unwrap();
        assert!(!is_mixed(dir.path()), "{fixture}");
        // Somebody else had the new number before, and somebody else may have the old one now.
        for number in [NEW_NUMBER, OLD_NUMBER] {
            let with = dir.path().join(format!("session-{number}.0.json"));
            std::fs::copy(dir.path().join("session-6281100000004.0.json"), with).unwrap();
        }
        assert!(!is_mixed(dir.path()), "{fixture}");
        // The LID of another account proves nothing.
        std::fs::write(&mapping, "\"100000000000077\"").unwrap();
        assert!(is_mixed(dir.path()), "{fixture}");
    }
}

#[test]
fn an_account_that_changed_its_number_is_the_same_by_its_phones_identity() {
    let dir = with_a_new_number("baileys6");
    let creds = std::fs::read_to_string(dir.path().join("creds.json")).unwrap();
    let key = creds.split_once("\"accountSignatureKey\":\"").unwrap().1.split('"').next().unwrap();
    let key = [&[5][..], &STANDARD.decode(key).unwrap()].concat();
    let key = STANDARD.encode(key);
    let other = std::fs::read_to_string(dir.path().join("session-6281100000004.0.json")).unwrap();
    let at = other.find("\"remoteIdentityKey\":\"").unwrap() + "\"remoteIdentityKey\":\"".len();
    let end = at + other[at..].find('"').unwrap();
    let with = dir.path().join(format!("session-{OLD_NUMBER}.0.json"));
    std::fs::write(&with, &other).unwrap();
    assert!(is_mixed(dir.path()), "a session with whoever has the old number now");
    std::fs::write(&with, format!("{}{key}{}", &other[..at], &other[end..])).unwrap();
    assert!(!is_mixed(dir.path()));
}

#[test]
fn a_torn_login_of_an_account_that_changed_its_number_comes_back() {
    let (dir, shelf) = (with_a_new_number("baileys7"), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join(format!("lid-mapping-{OLD_NUMBER}.json")), format!("\"{LID}\"")).unwrap();
    back_up(dir.path(), shelf.path(), NOW_MS - 1000);
    std::fs::write(dir.path().join("creds.json"), "").unwrap();
    let outcome = cleaned(dir.path(), shelf.path(), false);
    assert!(outcome.login_kept, "{outcome:#?}");
}
