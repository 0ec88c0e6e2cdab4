//! Log lines: reading them, and taking secrets out of them.
#![no_main]

use wakeeper_doctor::symptoms::{peer_failures, redact, scan};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let symptoms = scan(data).expect("reading memory does not fail");
    let failing = peer_failures(&symptoms);
    assert!(failing.len() <= symptoms.len());
    for line in String::from_utf8_lossy(data).lines() {
        assert_eq!(redact(&redact(line)), redact(line), "what was redacted stays so");
    }
});
