use super::*;

mod collected;

#[test]
fn every_row_matches_its_line_and_not_its_near_miss() {
    for row in all_rows() {
        let regex = Regex::new(row.pattern).expect(row.pattern);
        let (line, near_miss) = (row.matches.as_bytes(), row.near_miss.as_bytes());
        assert!(regex.is_match(line), "{} should match {}", row.pattern, row.matches);
        assert!(!regex.is_match(near_miss), "{} should not match {}", row.pattern, row.near_miss);
        let is_row = |index: usize| std::ptr::eq(TABLES.rows[index].row, row);
        assert!(tried(line).iter().any(is_row), "{} is not tried on its line", row.pattern);
    }
    assert!(
        TABLES.needles.are_few(),
        "the search is slow when a pattern has no literal, or they are too many"
    );
    assert_eq!(TABLES.rows.len(), all_rows().count(), "every pattern compiles");
    assert!(TABLES.rows.len() < needles::RowSet::ROOM, "a set of rows has no room for more");
}

/// The rows that the search would try on a line.
fn tried(line: &[u8]) -> needles::RowSet {
    let mut rows = needles::RowSet::default();
    let mut from = 0;
    while let Some((at, more)) = TABLES.needles.next(line, from) {
        rows.add(more);
        from = at + 1;
    }
    rows
}

#[test]
fn codes_of_the_system_are_storage_faults_only_on_files() {
    for (line, is_fault) in [
        ("Error: EDQUOT: disk quota exceeded, write", true),
        ("{ errno: -122, code: 'EDQUOT' }", true),
        ("Error: EMFILE: too many open files, open '/data/auth_info/pre-key-7.json'", true),
        ("Error: ENFILE: file table overflow, scandir '/data/auth_info'", true),
        ("Error: EPERM: operation not permitted, copyfile '/data/a' -> '/data/b'", true),
        ("Error: kill EPERM", false),
        ("Error: connect EMFILE 10.0.0.1:443 - Local (undefined:undefined)", false),
        ("Error: listen EPERM: operation not permitted 0.0.0.0:80", false),
        ("Error: spawn /usr/bin/ffmpeg ENFILE", false),
        ("Error: EPERM: operation not permitted, uv_os_setpriority", false),
        ("EMFILE: too many open files, opening hours", false),
    ] {
        let symptoms = scan(format!("{line}\n").as_bytes()).unwrap();
        let found = symptoms.iter().any(|symptom| symptom.class == Class::StorageFault);
        assert_eq!(found, is_fault, "{line}");
    }
}

#[test]
fn frames_are_read_as_their_pattern_says() {
    let row = TABLES.rows.iter().find(|compiled| compiled.row.peer == PeerIn::Frame).unwrap();
    let tail = "[as awaitable] (/app/session_cipher.js:171:28)";
    for (start, expected) in [
        ("    at async 100000000000002_1.3 ", Some("100000000000002_1.3")),
        ("    at async 628111000000.0 ", Some("628111000000.0")),
        ("    at Object.628111000000.12 ", Some("628111000000.12")),
        ("    at async Object.628111000000.12 ", Some("628111000000.12")),
        ("    at async SessionCipher.decrypt ", None),
        ("    at async 628111000000 ", None),
        ("    by 628111000000.0 ", None),
        ("628111000000.0 ", None),
        ("    at async 628111000000.0", None),
    ] {
        let line = format!("{start}{tail}");
        let expected = expected.map(|name| Address::from_any(name).unwrap());
        assert_eq!(told::frame_address(line.as_bytes()), expected, "{line}");
        assert_eq!(row.regex.is_match(line.as_bytes()), expected.is_some(), "{line}");
    }
}

/// Three messages of one device under Baileys 7, each printed with one error per stored session.
const CAPTURE: &str = r#"Failed to decrypt message with any known session...
Session error:Error: Bad MAC Error: Bad MAC
    at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)
    at SessionCipher.doDecryptWhisperMessage (/app/node_modules/libsignal/src/session_cipher.js:250:16)
    at async 100000000000002_1.3 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)
Session error:Error: Bad MAC Error: Bad MAC
    at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)
    at async 100000000000002_1.3 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)
{"level":50,"time":1700000000123,"key":{"remoteJid":"100000000000002:3@lid","fromMe":false,"id":"3EB0A"},"err":{"type":"SessionError","message":"No matching sessions found for message"},"messageType":"msg","msg":"failed to decrypt message"}
{"level":50,"time":1700000009123,"key":{"remoteJid":"100000000000002:3@lid","fromMe":false,"id":"3EB0A"},"err":{"type":"SessionError","message":"No matching sessions found for message"},"messageType":"msg","msg":"failed to decrypt message"}
2026-01-01T00:00:00Z {"level":50,"time":1700000019123,"key":{"remoteJid":"100000000000002:3@lid","fromMe":false,"id":"3EB0B"},"err":{"type":"SessionError","message":"No matching sessions found for message"},"messageType":"msg","msg":"failed to decrypt message"}
"#;

#[test]
fn counts_messages_and_not_lines() {
    let symptoms = scan(CAPTURE.as_bytes()).unwrap();
    let peer = Address::from_any("100000000000002:3@lid").unwrap();
    assert!(symptoms.iter().all(|symptom| symptom.peer.as_ref() == Some(&peer)), "{symptoms:?}");
    let peer_failures = peer_failures(&symptoms);
    assert_eq!(peer_failures.len(), 1);
    assert!(symptoms.iter().any(|symptom| symptom.at_ms == Some(1_700_000_000_123)));
    assert_eq!(peer_failures[0].messages, 2, "two ids, however many lines and retries");
    assert_eq!(peer_failures[0].last_ms, Some(1_700_000_019_123));
}

#[test]
fn a_silent_gateway_still_shows_libsignals_lines() {
    let console: String =
        CAPTURE.lines().filter(|line| !line.contains('{')).flat_map(|line| [line, "\n"]).collect();
    let peer_failures = peer_failures(&scan(console.repeat(3).as_bytes()).unwrap());
    assert_eq!(peer_failures[0].messages, 3, "one failed attempt each");
    assert_eq!(peer_failures[0].last_ms, None);
}

#[test]
fn a_line_without_end_is_read_within_bounds() {
    let endless = "x".repeat(10_000_000) + "Bad MAC";
    assert!(scan(endless.as_bytes()).unwrap().is_empty());
}

/// The scan of one line after the other, without the search for literals.
fn plainly(text: &[u8]) -> Vec<Symptom> {
    let mut scanner = Scanner::default();
    let mut symptoms: Vec<_> =
        text.split(|byte| *byte == b'\n').flat_map(|line| scanner.line(line)).collect();
    symptoms.extend(scanner.finish());
    symptoms
}

#[test]
fn blocks_end_anywhere() {
    // Longer than a block, so that lines and stacks lie across its end, and once without its last newline.
    let filler = r#"{"level":30,"msg":"recv 1 messages","time":1700000000000}"#.to_owned() + "\n";
    let text = (CAPTURE.to_owned() + &filler.repeat(97)).repeat(240);
    assert!(text.len() > 1_200_000);
    for text in [text.as_bytes(), text.trim_end().as_bytes()] {
        let all = scan(text).unwrap();
        assert_eq!(all.len(), plainly(text).len());
        assert!(all == plainly(text), "the same symptoms in the same order");
    }
}

#[test]
fn records_of_several_lines_lie_across_blocks() {
    let logs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs");
    for name in
        ["12-pino-pretty.log", "24-upsert-stub.log", "08-docker-json-file.log", "18-compose-t.log", "pm2.log"]
    {
        let text = std::fs::read_to_string(logs.join(name)).unwrap();
        // A line between the records, so that no two blocks end alike.
        let text: String =
            (0..900_000 / text.len()).flat_map(|n| [text.clone(), format!("ready {n}\n\n")]).collect();
        let all = scan(text.as_bytes()).unwrap();
        assert!(all.len() > 1000, "{name}");
        assert!(all == plainly(text.as_bytes()), "{name}: the same symptoms in the same order");
    }
}

#[test]
fn a_line_longer_than_a_block_is_read_once() {
    let line = |tail: &str| format!("{}{}{tail}\n", CAPTURE.lines().last().unwrap(), " ".repeat(700_000));
    let text = line("") + CAPTURE + &line("Error: ENOSPC: no space left") + CAPTURE;
    let symptoms = scan(text.as_bytes()).unwrap();
    assert!(symptoms.iter().all(|symptom| symptom.class != Class::StorageFault), "behind the limit");
    assert_eq!(symptoms.len(), 2 * scan(CAPTURE.as_bytes()).unwrap().len() + 2);
}

proptest::proptest! {
    /// Whatever a pattern matches is looked at.
    #[test]
    fn no_match_escapes_the_search(index in 0..all_rows().count(), seed in proptest::arbitrary::any::<[u8; 32]>()) {
        use proptest::strategy::{Strategy, ValueTree};
        use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
        let row = all_rows().nth(index).unwrap();
        // The generator knows no word boundaries and no anchors; a line begins with one here, and is the whole match.
        let pattern = row.pattern.replace(r"\b", "").replace("|^", "|").replace('$', "");
        let strategy = proptest::string::string_regex(&pattern).unwrap();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let line = strategy.new_tree(&mut TestRunner::new_with_rng(Config::default(), rng)).unwrap().current();
        proptest::prop_assert!(tried(line.as_bytes()).iter().any(|row| row == index), "row {index} is not tried on {line}");
        let compiled = &TABLES.rows[index];
        proptest::prop_assert_eq!(compiled.is_match(line.as_bytes()), compiled.regex.is_match(line.as_bytes()), "{}", line);
    }
}

/// Four messages of one contact that fail, as libsignal and pino write them; each item is what one call prints.
fn failing_calls() -> Vec<String> {
    let one = |n: usize| {
        [
            "Failed to decrypt message with any known session...\n".to_owned(),
            "Session error:Error: Bad MAC Error: Bad MAC\n    at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)\n    \
             at async 5511900000002.3 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)\n"
                .to_owned(),
            format!(
                "{{\"level\":50,\"key\":{{\"remoteJid\":\"5511900000002:3@s.whatsapp.net\",\"id\":\"3EB0AA{n}\"}},\"err\":{{\"type\":\"SessionError\",\
                 \"message\":\"No matching sessions found for message\"}},\"msg\":\"failed to decrypt message\"}}\n"
            ),
        ]
    };
    (0..4).flat_map(one).collect()
}

#[test]
fn what_wraps_a_log_takes_nothing_from_it() {
    type Wrap = fn(&str) -> String;
    fn quoted(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }
    const AT: &str = "\"2026-11-20T10:00:40.123Z\"";
    let docker: Wrap = |line| format!("{{\"log\":{},\"stream\":\"stderr\",\"time\":{AT}}}\n", quoted(line));
    let pm2: Wrap = |text| {
        format!(
            "{{\"message\":{},\"timestamp\":{AT},\"type\":\"err\",\"process_id\":0,\"app_name\":\"bot\"}}\n",
            quoted(text)
        )
    };
    let winston: Wrap = |text| {
        format!("{{\"level\":\"error\",\"message\":{},\"timestamp\":{AT}}}\n", quoted(text.trim_end()))
    };
    let line: Wrap = |line| format!("{{\"line\":{}}}\n", quoted(line.trim_end()));
    let journal: Wrap = |line| {
        format!("{{\"MESSAGE\":{},\"__REALTIME_TIMESTAMP\":\"1795168840123000\"}}\n", quoted(line.trim_end()))
    };
    let google: Wrap = |line| format!("{{\"textPayload\":{},\"timestamp\":{AT}}}\n", quoted(line.trim_end()));
    let calls = failing_calls();
    let lines: Vec<String> =
        calls.iter().flat_map(|call| call.lines()).map(|line| line.to_owned() + "\n").collect();
    let read = |log: &str| read_log(log.as_bytes(), "log".to_owned(), None).unwrap();
    let plain = read(&lines.concat());
    assert_eq!((plain.peer_failures.len(), plain.peer_failures[0].messages), (1, 4));
    for (what, pieces) in [("lines", &lines), ("calls", &calls)] {
        for (name, wraps) in [
            ("docker", &[docker][..]),
            ("pm2", &[pm2]),
            ("winston", &[winston]),
            ("line", &[line]),
            ("journald", &[journal]),
            ("google", &[google]),
            ("winston in docker", &[winston, docker]),
            ("pm2 in journald", &[pm2, journal]),
            ("docker in docker", &[docker, docker]),
            ("line in google", &[line, google]),
        ] {
            let wrap = |piece: &String| wraps.iter().fold(piece.clone(), |text, wrap| wrap(&text));
            let log: String = pieces.iter().map(wrap).collect();
            let mut facts = read(&log);
            let dated = !wraps.iter().all(|wrap| std::ptr::fn_addr_eq(*wrap, line));
            assert_eq!(facts.reading.from_ms.is_some(), dated, "{name}: {what}: {log}");
            assert!(facts.reading.understood <= facts.reading.lines, "{name}: {what}");
            facts.peer_failures[0].last_ms = None;
            assert_eq!(facts.peer_failures, plain.peer_failures, "{name}: {what}: {log}");
            assert_eq!(facts.unattributed, plain.unattributed, "{name}: {what}");
            // As the monitor reads, line by line.
            let mut live = Scanner::at(None);
            let mut symptoms: Vec<_> = log.lines().flat_map(|line| live.line(line)).collect();
            symptoms.append(&mut live.finish());
            for symptom in &mut symptoms {
                symptom.at_ms = None;
            }
            assert_eq!(peer_failures(&symptoms), plain.peer_failures, "{name}: {what}, line by line");
        }
    }
}

#[test]
fn records_over_several_lines_hold_a_log_too() {
    let read = |log: &str| read_log(log.as_bytes(), "log".to_owned(), None).unwrap();
    let calls = failing_calls();
    let plain = read(&calls.concat());
    let lines: Vec<&str> = calls.iter().flat_map(|call| call.lines()).collect();
    for name in ["line", "textPayload", "MESSAGE"] {
        for pieces in [lines.clone(), calls.iter().map(String::as_str).collect()] {
            let record = |text: &&str| serde_json::json!({ name: text, "timestamp": "1795168840123000000", "labels": { "app": "bot" } });
            let saved: Vec<_> = pieces.iter().map(record).collect();
            let mut facts = read(&serde_json::to_string_pretty(&saved).unwrap());
            assert_eq!(facts.peer_failures[0].last_ms.take(), Some(1_795_168_840_123), "{name}");
            assert_eq!(
                (facts.peer_failures, facts.unattributed),
                (plain.peer_failures.clone(), None),
                "{name}"
            );
        }
    }
}
