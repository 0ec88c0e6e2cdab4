//! Every file of a session folder: the first line is its name, the rest its content.
#![no_main]

use wakeeper_doctor::examine::judge;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let name = String::from_utf8_lossy(&data[..end]);
    let content = data.get(end + 1..).unwrap_or_default();
    for finding in judge(&name, content) {
        // What people are told is made of what was read.
        assert!(!finding.evidence.is_empty() && finding.path == name);
    }
});
