//! A session without a login, or that moved, is not healthy without a word: what was seen is said.

use std::path::PathBuf;

use wakeeper_doctor::Severity;
use wakeeper_doctor::examine::{CredentialsState, NativeView, Options, native_report};
use wakeeper_doctor::source::EntryKind;

use crate::support::{NOW_MS, codes, copy, report};

fn unlinked(moved: Option<&str>) -> NativeView<'static> {
    NativeView {
        path: PathBuf::from("/data/auth_info/sessions/default/a.db"),
        file: "a.db".to_owned(),
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        unread: &[],
        moved: moved.map(str::to_owned),
        mode: 0o600,
    }
}

#[test]
fn a_session_of_ours_that_was_never_linked_says_so() {
    let found = native_report(&unlinked(None), &Options::at(NOW_MS));
    assert!(found.healthy && found.credentials == CredentialsState::Missing);
    assert_eq!(codes(&found, Severity::Info), ["credentials_not_linked"]);
    assert!(found.findings[0].evidence.starts_with("no login yet"), "{:?}", found.findings);
}

#[test]
fn a_session_that_moved_says_where_its_login_is_used() {
    let dir = copy("baileys7");
    let marker = r#"{"to":"/srv/gateway/auth_info","at_ms":1,"account":"0123456789abcdef"}"#;
    std::fs::write(dir.path().join(".wakeeper-moved.json"), marker).unwrap();
    let native = native_report(&unlinked(Some("/srv/gateway/auth_info")), &Options::at(NOW_MS));
    for found in [report(dir.path()), native] {
        assert_eq!(codes(&found, Severity::Warning), ["session_moved"]);
        let evidence = &found.findings[0].evidence;
        assert!(evidence.contains("its login is used by /srv/gateway/auth_info"), "{evidence}");
    }
}
