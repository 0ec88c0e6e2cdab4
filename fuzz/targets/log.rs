//! Log lines: reading them, and taking secrets out of them.
#![no_main]

use wakeeper_doctor::symptoms::{peer_failures, read_log, redact, scan};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for line in String::from_utf8_lossy(data).lines() {
        assert_eq!(redact(&redact(line)), redact(line), "what was redacted stays so");
    }
    // Archives are refused by their first bytes; nothing else that is in memory fails to be read.
    let Ok(symptoms) = scan(data) else { return };
    let failing = peer_failures(&symptoms);
    assert!(failing.len() <= symptoms.len());
    let facts = read_log(data, "log".to_owned(), Some(1_800_000_000_000)).expect("it was read before");
    assert!(facts.reading.understood <= facts.reading.lines);
    assert!(symptoms.is_empty() || facts.reading.understood > 0);
});
