//! Folders that are no session's own: never healthy, never cleaned, never backed up as nothing.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::{CredentialsState, Options};
use wakeeper_doctor::layout::sessions_in;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, backup, examine};

use crate::support::{NOW_MS, codes, contents, copy, fixture_path, report};

/// A token of wppconnect.
const TOKEN: &str = r#"{"WABrowserId":"\"x\"","WASecretBundle":"{}","WAToken1":"\"a\"","WAToken2":"\"b\""}"#;

fn create(folder: &Path, shelf: &Path) -> Result<usize, String> {
    let options = Options::at(NOW_MS);
    let how = backup::CreateOptions { shelf, label: "web", passphrase: None, always: false };
    let created = backup::create_running(folder, &options, &how, backup::Reason::ByHand);
    created.map(|created| created.manifest.files.len()).map_err(|error| error.to_string())
}

fn cleaned(folder: &Path, shelf: &Path, extent: Extent) -> Result<bool, String> {
    let how = CleanOptions { extent, dry_run: false, shelf, label: "web", passphrase: None, approve: None };
    let outcome = clean(folder, &Options::at(NOW_MS), &how);
    outcome.map(|outcome| outcome.applied).map_err(|error| error.to_string())
}

/// `shop` and `support`, whose credentials are torn, as a platform keeps them.
fn many() -> TempDir {
    let above = tempfile::tempdir().unwrap();
    for (name, fixture) in [("shop", "baileys6"), ("support", "baileys7")] {
        let session = above.path().join(name);
        fs::create_dir(&session).unwrap();
        for (file, content) in contents(&fixture_path(fixture)) {
            fs::write(session.join(file), content).unwrap();
        }
    }
    fs::write(above.path().join("support/creds.json"), "").unwrap();
    above
}

#[test]
fn something_else_is_an_error_that_says_what_it_is() {
    for (file, content, said) in [
        ("mysession.data.json", TOKEN, "wppconnect"),
        ("passwd", "root:x:0:0", "1 entry (passwd)"),
        ("creds.json.moved", "{}", "creds.json.moved"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), content).unwrap();
        let report = report(folder.path());
        assert!(!report.healthy);
        assert_eq!(codes(&report, Severity::Error), ["not_a_session"], "{file}");
        assert!(report.findings[0].evidence.contains(said), "{:?}", report.findings);
    }
}

#[test]
fn an_empty_folder_waits_for_a_qr_code() {
    let report = report(tempfile::tempdir().unwrap().path());
    assert!(report.healthy && report.credentials == CredentialsState::Missing);
    assert!(report.findings[0].evidence.contains("no login yet: a QR code must be scanned"));
}

#[test]
fn a_login_that_was_never_written_has_no_copy() {
    for (copy, content) in [("creds.json.bak", "no login"), ("creds.json.bak", ""), ("creds.json.old", "{}")]
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("creds.json"), "").unwrap();
        assert!(report(folder.path()).healthy, "nothing was ever written");
        fs::write(folder.path().join(copy), content).unwrap();
        let report = report(folder.path());
        assert!(!report.healthy && report.credentials == CredentialsState::Damaged, "{copy}: {report:#?}");
    }
}

#[test]
fn a_folder_of_many_is_an_error_that_names_them() {
    let above = many();
    let whole = report(above.path());
    assert!(!whole.healthy);
    assert_eq!(codes(&whole, Severity::Error), ["sessions_inside"]);
    assert!(whole.findings[0].evidence.contains("2 sessions, and is none itself: shop, support"));
    let verdicts: Vec<_> = sessions_in(above.path()).iter().map(|path| report(path).healthy).collect();
    assert_eq!(verdicts, [true, false]);
    assert!(sessions_in(&above.path().join("shop")).is_empty());
}

#[test]
fn what_is_no_session_is_neither_backed_up_nor_touched() {
    let (above, shelf) = (many(), tempfile::tempdir().unwrap());
    let foreign = tempfile::tempdir().unwrap();
    for name in ["notes.txt", "notes.txt.bak"] {
        fs::write(foreign.path().join(name), "mine").unwrap();
    }
    let empty = tempfile::tempdir().unwrap();
    for (folder, said) in
        [(above.path(), "2 sessions"), (foreign.path(), "2 entries"), (empty.path(), "no login yet")]
    {
        let refusal = create(folder, shelf.path()).unwrap_err();
        assert!(refusal.contains("nothing was backed up") && refusal.contains(said), "{refusal}");
    }
    for folder in [above.path(), foreign.path()] {
        for extent in [Extent::Damaged, Extent::Stale, Extent::Ratchets, Extent::Everything] {
            assert!(cleaned(folder, shelf.path(), extent).is_err(), "{extent:?}");
        }
    }
    assert_eq!(contents(foreign.path()).len(), 2);
    assert_eq!(fs::read_dir(shelf.path()).unwrap().count(), 0);
    assert_eq!(
        create(&above.path().join("shop"), shelf.path()),
        Ok(contents(&fixture_path("baileys6")).len())
    );
}

#[test]
fn a_backup_of_nothing_is_not_healthy() {
    let (foreign, shelf) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(foreign.path().join("notes.txt"), "mine").unwrap();
    let folder = wakeeper_doctor::source::Folder::open(foreign.path()).unwrap();
    let how = backup::CreateOptions { shelf: shelf.path(), label: "web", passphrase: None, always: false };
    let made = backup::create(&folder, &Options::at(NOW_MS), &how).unwrap();
    let verified = backup::verify(&made.path, &Options::at(NOW_MS)).unwrap();
    assert_eq!(codes(&verified.report, Severity::Error), ["not_a_session"]);
}

/// What may lie in a folder.
#[derive(Debug, Clone)]
enum Thing {
    File(Vec<u8>),
    Folder(Vec<String>),
}

/// Names that mean something to a gateway.
const KNOWN: [&str; 19] = [
    "creds.json",
    "creds.json.bak",
    "creds.json.moved",
    "wakeeper.db",
    "engine.db",
    "wakeeper.lock",
    "wakeeper.toml",
    "sessions",
    "pre-key-1.json",
    "session-628111.0.json",
    "sender-key-memory-120363@g.us.json",
    "app-state-sync-version-regular.json",
    "lid-mapping-628111.json",
    "device-list-628111.json",
    "auth_info",
    "package.json",
    ".gitkeep",
    "api_key",
    "baileys_store.json",
];

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(KNOWN.to_vec());
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "[a-z.]{1,9}x".prop_map(|name| name)]
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Thing::File),
        2 => prop::sample::select(vec!["{}", "[]", "null", "{\"me\":1}", TOKEN])
            .prop_map(|text| Thing::File(text.as_bytes().to_vec())),
        1 => proptest::collection::vec(name(), 0..3).prop_map(Thing::Folder),
    ]
}

/// Whether a person would say that somebody could have understood something: it is written here without the doctor's words.
fn is_understood(folder: &Path) -> bool {
    let is_json = |path: &Path| {
        fs::read(path).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok()).is_some()
    };
    let begun =
        ["creds.json", "pre-key-1.json", "session-628111.0.json", "sender-key-memory-120363@g.us.json"];
    let more = ["app-state-sync-version-regular.json", "lid-mapping-628111.json", "device-list-628111.json"];
    begun.iter().chain(&more).any(|name| is_json(&folder.join(name))) || never_linked(folder)
}

/// Whether a login was begun and never written, and nothing else that a gateway of Baileys writes is there.
fn never_linked(folder: &Path) -> bool {
    let of_a_session = ["creds", "pre-key-", "session-", "sender-key", "app-state", "lid-", "device-list"];
    let means_nothing = |name: &str| !of_a_session.iter().any(|begun| name.starts_with(begun));
    let names = fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name());
    let mut others = names.filter(|name| *name != *"creds.json");
    fs::read(folder.join("creds.json")).is_ok_and(|text| text.is_empty())
        && others.all(|name| means_nothing(&name.to_string_lossy()))
}

/// Whether there is nothing that could be understood.
fn is_empty(folder: &Path) -> bool {
    let mine = [".gitkeep", "api_key", "wakeeper.toml", "sessions"];
    fs::read_dir(folder).unwrap().all(|item| {
        let item = item.unwrap();
        let known = mine.iter().any(|name| item.file_name() == *name);
        // What was never written holds nothing.
        let is_blank = |text: Vec<u8>| text.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace());
        item.file_name() == *"creds.json" && fs::read(item.path()).is_ok_and(is_blank)
            || known
                && if item.path().is_file() {
                    item.file_name() != *"sessions"
                } else {
                    item.file_name() == *"sessions" && is_empty_folder(&item.path())
                }
    })
}

fn is_empty_folder(folder: &Path) -> bool {
    is_empty(folder) && fs::read_dir(folder).unwrap().all(|item| item.unwrap().path().is_file())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_healthy_of_which_nothing_was_understood(
        things in proptest::collection::btree_map(name(), thing(), 0..5)
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (name, thing) in &things {
            let path = folder.path().join(name);
            match thing {
                Thing::File(content) => fs::write(path, content).unwrap(),
                Thing::Folder(names) => {
                    fs::create_dir(&path).unwrap();
                    for name in names {
                        fs::write(path.join(name), "{}").unwrap();
                    }
                }
            }
        }
        let report = report(folder.path());
        prop_assert!(!report.healthy || is_understood(folder.path()) || is_empty(folder.path()), "{:#?}", report);
        let is_error = |finding: &wakeeper_doctor::Finding| finding.severity == Severity::Error;
        prop_assert_eq!(report.healthy, !report.findings.iter().any(is_error));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_folder_is_healthy_with_a_whole_session_and_anything_beside_it(
        things in proptest::collection::btree_map("[a-z]{1,9}", proptest::collection::vec(any::<u8>(), 0..60), 0..5)
    ) {
        let folder = copy("baileys7");
        for (name, content) in &things {
            fs::write(folder.path().join(name), content).unwrap();
        }
        prop_assert!(examine(folder.path(), &Options::at(NOW_MS)).unwrap().healthy);
    }
}
