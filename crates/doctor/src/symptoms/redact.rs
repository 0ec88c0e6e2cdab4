//! Takes key material out of log lines. libsignal dumps whole sessions, private keys included, when it closes
//! one, and such lines must not travel further than the log they were found in.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// Buffers as Node prints them, and base64 behind the names of secret fields.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"<Buffer(?: [0-9a-f]{2})+(?: \.\.\. \d+ more bytes)?>|"#,
        r#""(?:privKey|rootKey|private|privateKey|chainKey|key|seed|keyData|advSecretKey|noiseKey)""#,
        r#"\s*:\s*(?:\{\s*"type"\s*:\s*"Buffer"[^}]*\}|"[A-Za-z0-9+/=]{40,}")"#,
    ))
    .ok()
});

/// The line without key material.
pub fn redact(line: &str) -> Cow<'_, str> {
    match SECRETS.as_ref() {
        Some(secrets) => secrets.replace_all(line, "[redacted]"),
        // Without the pattern nothing may pass.
        None => Cow::Borrowed("[redacted]"),
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn keys_do_not_pass() {
        let cases = [
            ("      privKey: <Buffer 30 11 22 ... 29 more bytes>,", "      privKey: [redacted],"),
            ("rootKey: <Buffer 0a 0b>", "rootKey: [redacted]"),
            (r#"{"privKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","n":1}"#, r#"{[redacted],"n":1}"#),
            (r#"{"private":{"type":"Buffer","data":"AQID"}}"#, "{[redacted]}"),
            ("Session error:Error: Bad MAC", "Session error:Error: Bad MAC"),
        ];
        for (line, expected) in cases {
            assert_eq!(redact(line), expected);
        }
    }
}
