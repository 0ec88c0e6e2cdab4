use super::*;

#[test]
fn every_row_matches_its_line_and_not_its_near_miss() {
    for row in all_rows() {
        let regex = Regex::new(row.pattern).expect(row.pattern);
        assert!(regex.is_match(row.matches), "{} should match {}", row.pattern, row.matches);
        assert!(!regex.is_match(row.near_miss), "{} should not match {}", row.pattern, row.near_miss);
    }
    assert_eq!(TABLES.set.len(), all_rows().count(), "every pattern compiles");
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
    let troubles = troubles(&symptoms);
    assert_eq!(troubles.len(), 1);
    assert!(symptoms.iter().any(|symptom| symptom.at_ms == Some(1_700_000_000_123)));
    assert_eq!(troubles[0].messages, 2, "two ids, however many lines and retries");
    assert_eq!(troubles[0].last_ms, Some(1_700_000_019_123));
}

#[test]
fn a_silent_gateway_still_shows_libsignals_lines() {
    let console: String =
        CAPTURE.lines().filter(|line| !line.contains('{')).flat_map(|line| [line, "\n"]).collect();
    let troubles = troubles(&scan(console.repeat(3).as_bytes()).unwrap());
    assert_eq!(troubles[0].messages, 3, "one failed attempt each");
    assert_eq!(troubles[0].last_ms, None);
}

#[test]
fn a_line_without_end_is_read_within_bounds() {
    let endless = "x".repeat(10_000_000) + "Bad MAC";
    assert!(scan(endless.as_bytes()).unwrap().is_empty());
}
