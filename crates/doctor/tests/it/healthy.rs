//! What real Baileys wrote is sound.

use wakeeper_doctor::Severity;
use wakeeper_doctor::examine::CredentialsState;

use crate::support::{codes, copy, report};

#[test]
fn healthy_folders_have_no_finding_above_info() {
    for (fixture, info) in [("baileys6", vec!["sender_key_unusable_skipped"; 2]), ("baileys7", vec![])] {
        let dir = copy(fixture);
        let report = report(dir.path());
        assert!(report.healthy);
        assert_eq!(report.credentials, CredentialsState::Sound);
        assert_eq!(report.signal_sessions, 3);
        assert_eq!(codes(&report, Severity::Error), Vec::<&str>::new(), "{fixture}: {:#?}", report.findings);
        assert_eq!(
            codes(&report, Severity::Warning),
            Vec::<&str>::new(),
            "{fixture}: {:#?}",
            report.findings
        );
        assert_eq!(codes(&report, Severity::Info), info, "{fixture}");
    }
}

#[test]
fn a_session_that_waits_for_its_qr_code_is_healthy() {
    for fixture in ["baileys6-unlinked", "baileys7-unlinked"] {
        let dir = copy(fixture);
        let report = report(dir.path());
        assert!(report.healthy && report.credentials == CredentialsState::Missing);
        assert_eq!(codes(&report, Severity::Info), ["credentials_not_linked"]);
    }
}

#[test]
fn a_late_message_is_recognised() {
    for version in [6, 7] {
        for kind in ["ours", "theirs"] {
            let dir = copy(&format!("baileys{version}-contaminated-{kind}"));
            let report = report(dir.path());
            assert_eq!(codes(&report, Severity::Error), ["signal_session_contaminated"], "{kind} {version}");
            let word = report.findings[0].repair.word();
            assert_eq!(word, if kind == "ours" { "reopen_signal_session" } else { "remove_file" });
        }
    }
}

#[test]
fn the_report_is_the_documented_json() {
    let dir = copy("baileys7");
    std::fs::write(dir.path().join("session-6281100000002.0.json"), "").unwrap();
    let json = serde_json::to_value(report(dir.path())).unwrap();
    assert_eq!(json["format"], "baileys");
    assert_eq!(json["version"], "7");
    assert_eq!(json["healthy"], false);
    assert_eq!(json["credentials"], "sound");
    assert_eq!(json["files"], 27);
    let finding = &json["findings"][0];
    assert_eq!(finding["code"], "file_empty");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["path"], "session-6281100000002.0.json");
    assert_eq!(finding["peer"], "6281100000002@s.whatsapp.net");
    assert_eq!(finding["repair"], "remove_file");
    assert!(finding["evidence"].is_string());
}
