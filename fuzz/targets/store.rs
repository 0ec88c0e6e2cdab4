//! `baileys_store.json`.
#![no_main]

use wakeeper_doctor::formats::baileys_store::read;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(summary) = read(data) {
        assert!(summary.chats + summary.contacts + summary.messages <= data.len());
    }
});
