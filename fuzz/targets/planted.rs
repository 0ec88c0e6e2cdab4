//! A bug that is there on purpose. Blind trying does not find it in a lifetime; a fuzzer that sees which branches were
//! taken finds it in seconds. `cargo xtask fuzz` begins with it, so that a fuzzer gone blind is noticed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [a, b, c, d, ..] = data else { return };
    if *a == b'w' {
        if *b == b'a' {
            if *c == b'k' {
                assert!(*d != b'e', "found the planted bug");
            }
        }
    }
});
