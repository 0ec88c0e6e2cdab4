//! Damage that no file shows, told by the log.

use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine, symptoms};

use crate::support::{NOW_MS, codes, contents, copy};

/// One message of Carol that fails, as Baileys 7 and libsignal print it.
fn failure(id: &str, time: i64) -> String {
    format!(
        "Failed to decrypt message with any known session...\n\
         Session error:Error: Bad MAC Error: Bad MAC\n    \
         at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)\n    \
         at async 100000000000033_1.3 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)\n\
         {{\"level\":50,\"time\":{time},\"key\":{{\"remoteJid\":\"100000000000033:3@lid\",\"fromMe\":false,\"id\":\"{id}\"}},\
         \"err\":{{\"type\":\"SessionError\",\"message\":\"No matching sessions found for message\"}},\
         \"messageType\":\"msg\",\"msg\":\"failed to decrypt message\"}}\n"
    )
}

#[test]
fn a_failing_contact_is_negotiated_anew() {
    let later = NOW_MS - 1000;
    for (messages, severity) in [(2, Severity::Warning), (3, Severity::Error)] {
        let log: String = (0..messages).map(|n| failure(&format!("3EB{n}"), later)).collect();
        let peer_failures = symptoms::peer_failures(&symptoms::scan(log.as_bytes()).unwrap());
        let dir = copy("baileys7");
        let before = contents(dir.path());
        let options = Options { peer_failures: &peer_failures, ..Options::at(NOW_MS) };
        let report = examine(dir.path(), &options).unwrap();
        assert_eq!(codes(&report, severity), ["signal_session_failing"]);
        let shelf = tempfile::tempdir().unwrap();
        let how = CleanOptions {
            extent: Extent::Damaged,
            dry_run: false,
            shelf: shelf.path(),
            label: "web",
            passphrase: None,
            approve: None,
        };
        let dry = clean(dir.path(), &options, &CleanOptions { dry_run: true, ..how }).unwrap();
        assert!(!dry.applied && dry.backup.is_none() && contents(dir.path()) == before);
        let outcome = clean(dir.path(), &options, &how).unwrap();
        assert_eq!(dry.plan, outcome.plan);
        assert_eq!(outcome.plan[0].peer.as_deref(), Some("100000000000033:3@lid"));
        let mut expected = before;
        expected.remove("session-100000000000033_1.3.json").unwrap();
        assert_eq!(contents(dir.path()), expected, "that session and nothing else");
    }
}

#[test]
fn a_session_that_healed_since_is_left_alone() {
    // The fixtures' sessions are younger than this log.
    let log: String = (0..9).map(|n| failure(&format!("3EB{n}"), 1_600_000_000_000)).collect();
    let peer_failures = symptoms::peer_failures(&symptoms::scan(log.as_bytes()).unwrap());
    assert_eq!(peer_failures[0].messages, 9);
    let dir = copy("baileys7");
    let report =
        examine(dir.path(), &Options { peer_failures: &peer_failures, ..Options::at(NOW_MS) }).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}
