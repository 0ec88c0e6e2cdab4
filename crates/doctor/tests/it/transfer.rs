//! A folder that is read whole and written back is the folder that was read.

use std::collections::BTreeMap;

use wakeeper_doctor::address::{Address, Domain};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::transfer::{self, MovedMarker, TransferError};
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy, report};

fn read(path: &std::path::Path) -> transfer::Reading {
    transfer::read(path, &Options::at(NOW_MS)).unwrap()
}

/// 6.x writes keys of late group messages as `{}`: they are lost already and not written again.
fn without_lost_keys(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let text = |bytes| String::from_utf8(bytes).unwrap().replace("[{},{},{}]", "[]");
    files.into_iter().map(|(name, bytes)| (name, text(bytes))).collect()
}

#[test]
fn what_is_written_back_is_what_was_read() {
    for (fixture, version) in [("baileys6", Version::V6), ("baileys7", Version::V7)] {
        let dir = copy(fixture);
        let reading = read(dir.path());
        assert_eq!(reading.version, Some(version));
        assert!(reading.left_out.is_empty(), "{:?}", reading.left_out);
        let written = transfer::write(&reading.session, version);
        assert_eq!(without_lost_keys(written), without_lost_keys(contents(dir.path())), "{fixture}");
    }
}

#[test]
fn the_model_is_whole() {
    for fixture in ["baileys6", "baileys7"] {
        let session = read(copy(fixture).path()).session;
        let counts = session.counts();
        assert_eq!((counts.pre_keys, counts.signal_sessions, counts.sender_keys), (11, 3, 2), "{fixture}");
        assert!(counts.skipped_message_keys >= 2, "two of Bob's messages never arrived");
        let carol = Address { user: "100000000000033".into(), domain: Domain::Lid, device: 3 };
        assert!(
            session.signal_sessions.contains_key(&carol),
            "a LID is known as one, also where 6.x does not say so"
        );
        let bob = Address { user: "6281100000002".into(), domain: Domain::Phone, device: 0 };
        assert_eq!(
            session.signal_sessions[&bob].sessions.len(),
            2,
            "the one before the new exchange still reads"
        );
        assert!(!format!("{session:?}").contains("6281100000002"), "addresses are redacted in debug output");
    }
}

#[test]
fn either_version_reads_what_is_written_for_it() {
    for (fixture, version) in [("baileys6", Version::V7), ("baileys7", Version::V6)] {
        let session = read(copy(fixture).path()).session;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("written");
        transfer::install(&target, &transfer::write(&session, version), || Ok(())).unwrap();
        let report = report(&target);
        assert_eq!(codes(&report, Severity::Error), Vec::<&str>::new(), "{:#?}", report.findings);
        assert_eq!(codes(&report, Severity::Warning), Vec::<&str>::new(), "{:#?}", report.findings);
        assert_eq!(report.version, Some(version));
        let again = read(&target).session;
        assert_eq!(again.signal_sessions.len(), session.signal_sessions.len());
        assert_eq!(
            again.sender_keys.keys().collect::<Vec<_>>(),
            session.sender_keys.keys().collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_damaged_signal_session_stays_behind_and_a_damaged_login_stops_the_move() {
    let dir = copy("baileys7");
    std::fs::write(dir.path().join("session-6281100000002.0.json"), "").unwrap();
    let reading = read(dir.path());
    assert_eq!(reading.session.signal_sessions.len(), 2);
    assert_eq!(reading.left_out.len(), 1);
    assert_eq!(reading.left_out[0].peer.as_deref(), Some("6281100000002@s.whatsapp.net"));

    let creds = std::fs::read(dir.path().join("creds.json")).unwrap();
    std::fs::write(dir.path().join("creds.json"), &creds[..creds.len() / 2]).unwrap();
    let refused = transfer::read(dir.path(), &Options::at(NOW_MS)).unwrap_err();
    assert!(matches!(refused, TransferError::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("wakeeper clean"), "{refused}");

    let unlinked = transfer::read(copy("baileys6-unlinked").path(), &Options::at(NOW_MS)).unwrap_err();
    assert!(matches!(unlinked, TransferError::NoLogin { .. }), "{unlinked}");
}

#[test]
fn a_contaminated_record_is_read_as_it_would_be_mended() {
    for version in [6, 7] {
        let ours = read(copy(&format!("baileys{version}-contaminated-ours")).path());
        let record = ours.session.signal_sessions.values().next().unwrap();
        assert_eq!(record.sessions.iter().filter(|session| session.closed.is_none()).count(), 1);
        let theirs = read(copy(&format!("baileys{version}-contaminated-theirs")).path());
        assert!(theirs.session.signal_sessions.is_empty());
        assert_eq!(theirs.left_out.len(), 1);
    }
}

#[test]
fn signal_sessions_under_both_numbers_come_together() {
    let mut session = read(copy("baileys7").path()).session;
    let lid = Address { user: "100000000000033".into(), domain: Domain::Lid, device: 3 };
    let phone = Address { user: "6281100000003".into(), domain: Domain::Phone, device: 3 };
    let dave = Address { user: "6281100000004".into(), domain: Domain::Phone, device: 0 };
    let mut other = session.signal_sessions[&dave].clone();
    other.sessions[0].used = i64::MAX;
    session.signal_sessions.insert(phone.clone(), other);
    session.unite_addresses();
    assert!(!session.signal_sessions.contains_key(&phone));
    let record = &session.signal_sessions[&lid];
    assert_eq!(record.sessions.len(), 2);
    let open: Vec<_> = record.sessions.iter().filter(|session| session.closed.is_none()).collect();
    assert_eq!(open.len(), 1, "one of them stays open");
    assert_eq!(open[0].used, i64::MAX, "the one used last");
}

#[test]
fn a_moved_folder_is_nobodys_session() {
    let dir = copy("baileys6");
    let folder = Folder::open(dir.path()).unwrap();
    let before = contents(dir.path());
    let marker =
        MovedMarker { to: "there".into(), at_ms: NOW_MS, account: "a".into(), backup: None, within: false };
    transfer::mark_moved(&folder, &marker).unwrap();
    transfer::withdraw_credentials(&folder).unwrap();
    assert_eq!(transfer::moved(&folder), Some(marker));
    assert!(!dir.path().join("creds.json").exists(), "a Baileys started by mistake asks for a QR code");
    let report = report(dir.path());
    assert_eq!(codes(&report, Severity::Warning), ["session_moved"]);
    assert_eq!(report.findings.len(), 1);
    let refused = transfer::read(dir.path(), &Options::at(NOW_MS)).unwrap_err();
    assert!(
        matches!(refused, TransferError::Moved { .. }) && refused.to_string().contains("there"),
        "{refused}"
    );
    transfer::unmark_moved(&folder).unwrap();
    assert_eq!(contents(dir.path()), before);
    assert!(examine(dir.path(), &Options::at(NOW_MS)).unwrap().healthy);
}

#[test]
fn a_place_within_the_folder_is_no_move_out_once_it_is_gone() {
    let dir = copy("baileys6");
    let folder = Folder::open(dir.path()).unwrap();
    let session = dir.path().canonicalize().unwrap().join("sessions/default");
    std::fs::create_dir_all(&session).unwrap();
    std::fs::write(session.join("engine.db"), "the login").unwrap();
    let to = session.display().to_string();
    let marker = MovedMarker { to, at_ms: NOW_MS, account: "a".into(), backup: None, within: false };
    transfer::mark_moved(&folder, &marker).unwrap();
    assert!(transfer::moved_out(&folder, Some("engine.db")).is_some(), "it lives there");
    transfer::forget_move_within(&folder, Some("engine.db")).unwrap();
    std::fs::rename(session.join("engine.db"), session.join("saved.db")).unwrap();
    assert_eq!(transfer::moved_out(&folder, Some("engine.db")), None, "another file is not the login");
    assert!(transfer::moved_out(&folder, None).is_some(), "who does not know the name takes any for it");
    let options = |database| Options { database, ..Options::at(NOW_MS) };
    assert!(transfer::read(dir.path(), &options(Some("engine.db"))).is_ok());
    assert!(transfer::read(dir.path(), &options(None)).is_err());
    std::fs::remove_dir_all(&session).unwrap();
    let elsewhere = MovedMarker { to: "/elsewhere/sessions/default".into(), ..marker.clone() };
    transfer::mark_moved(&folder, &elsewhere).unwrap();
    assert!(transfer::moved_out(&folder, Some("engine.db")).is_some());
    for marker in [marker.clone(), MovedMarker { within: true, ..elsewhere }] {
        transfer::mark_moved(&folder, &marker).unwrap();
        assert_eq!(transfer::moved_out(&folder, Some("engine.db")), None);
        assert!(transfer::read(dir.path(), &Options::at(NOW_MS)).is_ok());
        assert!(report(dir.path()).findings.iter().all(|finding| finding.code.as_str() != "session_moved"));
    }
    transfer::forget_move_within(&folder, Some("engine.db")).unwrap();
    assert!(transfer::moved(&folder).is_none());
}

#[test]
fn a_draft_is_written_into_no_link_and_waits_for_no_pipe() {
    let dir = copy("baileys6");
    let folder = Folder::open(dir.path()).unwrap();
    let draft = dir.path().join("..wakeeper-moved.json.wakeeper.tmp");
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "somebody's").unwrap();
    let marker =
        MovedMarker { to: "there".into(), at_ms: NOW_MS, account: "a".into(), backup: None, within: false };
    std::fs::hard_link(&victim, &draft).unwrap();
    transfer::mark_moved(&folder, &marker).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "somebody's");
    assert!(std::process::Command::new("mkfifo").arg(&draft).status().unwrap().success());
    transfer::mark_moved(&folder, &marker).unwrap();
}

#[test]
fn a_writer_at_work_is_noticed() {
    let dir = copy("baileys7");
    let folder = Folder::open(dir.path()).unwrap();
    let reading = transfer::read_folder(&folder, &Options::at(NOW_MS)).unwrap();
    assert!(reading.is_current(&folder, &Options::at(NOW_MS)));
    std::fs::write(dir.path().join("pre-key-99.json"), "{}").unwrap();
    assert!(!reading.is_current(&folder, &Options::at(NOW_MS)));
}

#[test]
fn a_session_is_put_in_place_whole_or_not_at_all() {
    let session = read(copy("baileys7").path()).session;
    let files = transfer::write(&session, Version::V7);
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("new");
    let stopped = transfer::install(&target, &files, || Err(std::io::Error::other("power cut")));
    assert!(stopped.is_err());
    assert!(!target.join("creds.json").exists(), "nothing that could be started");
    assert!(target.join("pre-key-4.json").exists());
    let refused = transfer::install(&target, &files, || Ok(())).unwrap_err();
    assert!(refused.to_string().contains("is not empty"), "{refused}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&target).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}
