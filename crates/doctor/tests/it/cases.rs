//! Logs as people have them, rebuilt from public reports: what is wrong is found, what healed is left alone, and what does not
//! say whose messages fail is told.

use std::fs::File;

use wakeeper_doctor::examine::Options;
use wakeeper_doctor::symptoms::{Class, Layout, LogFacts, Stored, read_log, scan, word};
use wakeeper_doctor::{Report, Severity, examine};

use crate::support::{codes, copy, fixture_path};

/// The day after the newest of these logs.
const NOW_MS: i64 = 1_795_910_400_000;
const FAILING: &str = "session-5511900000002.3.json";

fn log(name: &str) -> LogFacts {
    let file = File::open(fixture_path("logs").join(name)).unwrap();
    let facts = read_log(file, name.to_owned(), Some(NOW_MS)).unwrap();
    LogFacts { named: true, ..facts }
}

fn examined(facts: &LogFacts) -> Report {
    let dir = copy("logs/auth_info");
    let options = Options { peer_failures: &facts.peer_failures, log: Some(facts), ..Options::at(NOW_MS) };
    examine(dir.path(), &options).unwrap()
}

fn errors(facts: &LogFacts) -> Vec<(&'static str, String)> {
    let report = examined(facts);
    let errors = report.findings.into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| (finding.code.as_str(), finding.path)).collect()
}

/// Codes of what is more than a remark.
fn troubles(facts: &LogFacts) -> Vec<String> {
    let findings = examined(facts).findings.into_iter();
    findings
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| finding.code.to_string())
        .collect()
}

#[test]
fn failing_messages_are_found_however_they_are_logged() {
    for (name, messages) in [
        ("08-docker-json-file.log", 4),
        ("12-pino-pretty.log", 4),
        ("12c-pino-pretty-colour-date.log", 4),
        ("22-utf16-powershell.log", 4),
        ("23-rotated.log.gz", 4),
        ("05-wrapped-40.log", 4),
        ("05-wrapped-45.log", 4),
        ("pino.log", 4),
        ("bundled.log", 4),
        ("console.log", 4),
        ("pm2.log", 4),
    ] {
        let facts = log(name);
        assert_eq!(errors(&facts), [("signal_session_failing", FAILING.to_owned())], "{name}: {facts:#?}");
        let failing: Vec<_> =
            facts.peer_failures.iter().map(|peer| (peer.peer.signal(), peer.messages)).collect();
        assert_eq!(failing, [("5511900000002.3".to_owned(), messages)], "{name}");
        assert_eq!(facts.unattributed, None, "{name}");
    }
}

#[test]
fn what_was_read_is_told() {
    let docker = log("08-docker-json-file.log");
    assert_eq!(docker.reading.lines, 28);
    assert!(docker.reading.layouts.contains(&Layout::DockerJson), "{:?}", docker.reading);
    // 27 November 2026, 10:00 to 10:03.
    assert_eq!(docker.reading.from_ms, Some(1_795_773_600_000));
    assert_eq!(docker.reading.to_ms, Some(1_795_773_780_000));
    assert_eq!(docker.peer_failures[0].last_ms, Some(1_795_773_780_000));
    let pretty = log("12c-pino-pretty-colour-date.log");
    assert!(pretty.reading.layouts.contains(&Layout::PinoPretty), "{:?}", pretty.reading);
    assert_eq!(pretty.peer_failures[0].last_ms, Some(1_795_773_787_968));
    assert_eq!(log("22-utf16-powershell.log").reading.stored, [Stored::Utf16]);
    assert_eq!(log("23-rotated.log.gz").reading.stored, [Stored::Gzip]);
    assert!(log("05-wrapped-45.log").reading.layouts.contains(&Layout::Broken));
}

#[test]
fn what_healed_since_is_left_alone_in_every_zone_and_spelling() {
    for name in [
        "11-pino-isotime.log",
        "18-compose-t.log",
        "19-minus3.log",
        "31-iso-bracket.log",
        "healed-pino.log",
        "healed-docker-timestamps.log",
    ] {
        let facts = log(name);
        assert_eq!(facts.peer_failures.len(), 1, "{name}: {facts:#?}");
        assert!(
            facts.reading.from_ms.is_some() && !facts.reading.zone_assumed,
            "{name}: {:?}",
            facts.reading
        );
        assert_eq!(troubles(&facts), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_names_nobody_is_told() {
    for name in ["24-upsert-stub.log", "25-stack-without-frame.log"] {
        let facts = log(name);
        assert_eq!(facts.unattributed.as_ref().unwrap().messages, 4, "{name}");
        assert_eq!(errors(&facts), [("messages_failing", ".".to_owned())], "{name}");
        let report = examined(&facts);
        assert!(!report.findings[0].repair.is_automatic(), "nothing is removed on such a word");
    }
}

#[test]
fn every_reported_line_has_its_class() {
    let table = std::fs::read_to_string(fixture_path("logs").join("lines.tsv")).unwrap();
    let mut lines = 0;
    for row in table.lines() {
        let [source, line, class] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let class = if class == "credentials torn" { "credentials_torn" } else { class };
        let found: Vec<_> =
            scan(line.as_bytes()).unwrap().iter().map(|symptom| word(symptom.class)).collect();
        assert!(found.iter().any(|found| found == class), "{source}: {found:?} for {line}");
        lines += 1;
    }
    assert_eq!(lines, 8);
}

#[test]
fn status_codes_are_read_in_every_spelling() {
    for (line, class, status) in [
        ("data: { reason: '405', location: 'frc' }, output: { statusCode: 405 }", Class::ConnectFailure, 405),
        (r#"{"error":{"data":{"reason":"403","location":"frc"}}}"#, Class::ConnectFailure, 403),
        (
            "[Client ERROR] Client outdated (405) connect failure (client version: 2.1)",
            Class::ConnectFailure,
            405,
        ),
        (
            "[Client INFO] Got 403: primary device was logged out connect failure, sending LoggedOut event",
            Class::ConnectFailure,
            403,
        ),
        (
            "[Client INFO] Got 401: logged out from another device connect failure, sending LoggedOut",
            Class::LoggedOut,
            401,
        ),
        (r#"{"state":"close","statusReason":401}"#, Class::LoggedOut, 401),
        ("Error: Connection Failure\n  output: {\n    statusCode: 403,\n", Class::ConnectFailure, 403),
        (
            "lastDisconnect: {\n    error: Error: Stream Errored (conflict)\n  output: {\n    statusCode: 401,",
            Class::LoggedOut,
            401,
        ),
        ("Connection closed with status code 401", Class::LoggedOut, 401),
    ] {
        let symptoms = scan(line.as_bytes()).unwrap();
        let found = symptoms.iter().any(|symptom| symptom.class == class && symptom.status == Some(status));
        assert!(found, "{line}: {symptoms:?}");
    }
    // An API's own answers are none of WhatsApp's.
    for line in
        [r#"{"res":{"statusCode":401},"msg":"request completed"}"#, "  statusCode: 401,", "GET /health 403"]
    {
        assert_eq!(scan(line.as_bytes()).unwrap(), [], "{line}");
    }
}

#[test]
fn a_log_of_something_else_is_no_clean_bill() {
    let read = |text: &str, named| LogFacts {
        named,
        ..read_log(text.as_bytes(), "x.log".to_owned(), None).unwrap()
    };
    let other = "127.0.0.1 - - [20/Nov/2026:10:00:40 +0000] \"GET / HTTP/1.1\" 200\n".repeat(3);
    assert_eq!(errors(&read(&other, true)), [("log_not_understood", ".".to_owned())]);
    assert!(codes(&examined(&read(&other, false)), Severity::Info).contains(&"log_not_understood"));
    assert_eq!(errors(&read("", true)), [("log_not_understood", ".".to_owned())]);
    assert_eq!(
        examined(&read("", false)).findings.iter().filter(|found| found.severity > Severity::Info).count(),
        0
    );
    // It is written as a gateway's logger writes, and no line is known.
    let orders = "{\"level\":30,\"time\":1795168840123,\"msg\":\"order was paid\"}\n".repeat(15);
    let facts = read(&orders, true);
    assert_eq!(errors(&facts), [("log_not_understood", ".".to_owned())]);
    let report = examined(&facts);
    assert!(report.findings.iter().any(|finding| finding.evidence.contains("none of its 15 lines")));
    // A quiet gateway is understood, though nothing is wrong.
    for quiet in [
        "{\"level\":30,\"time\":1795168840123,\"msg\":\"recv 1 messages\"}\n",
        "[2026-11-27 10:00:07.968 +0000] INFO (7): recv 1 messages\n",
        "connection.update: open\n",
    ] {
        assert_eq!(troubles(&read(quiet, true)), Vec::<String>::new(), "{quiet}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    /// No log in which nothing was understood leaves the verdict as it was.
    #[test]
    fn nothing_understood_is_never_healthy_without_a_word(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let Ok(facts) = read_log(&bytes[..], "x.log".to_owned(), None) else { return Ok(()) };
        let facts = LogFacts { named: true, ..facts };
        if !facts.reading.is_understood() {
            let report = examined(&facts);
            proptest::prop_assert!(report.findings.iter().any(|finding| finding.code.as_str() == "log_not_understood"));
            proptest::prop_assert!(!report.healthy);
        }
    }
}

/// The evidence about messages that could not be decrypted, and how grave it is.
fn not_decrypted(log: &str) -> Vec<(Severity, String)> {
    let facts = LogFacts { named: true, ..read_log(log.as_bytes(), "x.log".to_owned(), None).unwrap() };
    let found = examined(&facts).findings.into_iter();
    let about = found.filter(|finding| finding.code.as_str() == "messages_not_decrypted");
    about.map(|finding| (finding.severity, finding.evidence)).collect()
}

fn pino(message: &str, id: usize) -> String {
    format!(
        "{{\"level\":50,\"key\":{{\"remoteJid\":\"628111@s.whatsapp.net\",\"id\":\"3EB0AA{id}\"}},\
         \"err\":{{\"type\":\"Error\",\"message\":\"{message}\"}},\"msg\":\"failed to decrypt message\"}}\n"
    )
}

#[test]
fn messages_that_fail_for_an_unknown_cause_are_told() {
    let pino: String = (0..6).map(|id| pino("brand new", id)).collect();
    let evidence =
        |of: &str| format!("the log shows {of} that could not be decrypted: a cause that is not known here");
    assert_eq!(not_decrypted(&pino), [(Severity::Error, evidence("6 messages of 1 contact"))]);
    let bare = "{\"level\":50,\"msg\":\"failed to decrypt message\",\"err\":{\"message\":\"brand new\"}}\n"
        .repeat(6);
    assert_eq!(not_decrypted(&bare), [(Severity::Error, evidence("6 messages"))]);
    let whatsmeow = "Error decrypting message from X: something new\n".repeat(9);
    assert_eq!(not_decrypted(&whatsmeow), [(Severity::Error, evidence("9 messages"))]);
    let pretty = "[10:00:40.123] ERROR (7): failed to decrypt message\n    err: {\n      \"message\": \"brand new\"\n    }\n";
    assert_eq!(not_decrypted(&pretty.repeat(4)), [(Severity::Error, evidence("4 messages"))]);
    assert_eq!(not_decrypted(pretty), [(Severity::Warning, evidence("1 message"))]);
    // What has a cause that is known is told by that alone.
    assert_eq!(not_decrypted(&pretty.replace("brand new", "Bad MAC").repeat(4)), []);
}

#[test]
fn messages_that_fail_for_a_known_cause_are_told() {
    for (message, cause) in [
        ("Key used already or never filled", "a message key that was used before"),
        ("No session record", "no session"),
        ("Invalid PreKey ID", "a pre-key that is not here"),
        ("No session found to decrypt message", "no sender key"),
    ] {
        let of = |count: usize| (0..count).map(|id| pino(message, id)).collect::<String>();
        let evidence = format!("the log shows 3 messages of 1 contact that could not be decrypted: {cause}");
        assert_eq!(not_decrypted(&of(3)), [(Severity::Warning, evidence)]);
        assert_eq!(not_decrypted(&of(2)), []);
        let facts = read_log(of(2).as_bytes(), "x.log".to_owned(), None).unwrap();
        assert_eq!(facts.told(), [format!("2 messages of 1 contact: {cause}")], "{message}");
    }
    for (cause, told) in
        [("no valid sessions", "no session"), ("no sender key for 628111 in 120363", "no sender key")]
    {
        let line =
            format!("[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: {cause}\n");
        let log: String = (0..3).map(|n| line.replace("3EB0A", &format!("3EB0A{n}"))).collect();
        let evidence = format!("the log shows 3 messages of 1 contact that could not be decrypted: {told}");
        assert_eq!(not_decrypted(&log), [(Severity::Warning, evidence)]);
    }
}
