//! Lines of Baileys and whatsmeow in which nothing is wrong: a log that holds one is a gateway's, however quiet it is.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

/// What they say when nothing is wrong, in their own words.
const QUIET: &[&str] = &[
    r#""class":\s*"(?:baileys|socket)"|"stream":\s*"ev-buffer""#,
    r"connected to WA|opened connection|logging in\.\.\.|connection\.update\b",
    r"\brecv (?:\d+ (?:messages?|msgs|chats|notifications)|retry re|receipt|ack\b|xml|chats)|\bxml (?:send|sent|recv)\b",
    r"\bhandled \d+ offline (?:messages|notifications)|AwaitingInitialSync|buffering events|flush(?:ed|ing) (?:with )?.{0,20}buffer",
    r"\d+ pre-?keys found on server|upload(?:ed|ing) pre-?keys|pre-?key(?: count| upload)",
    r"\bsent (?:ack|receipts?|retry receipt)\b|\bresync(?:ing|ed)\b|synced .{0,40} to v\d|restored state of .{0,40} from snapshot",
    r"history notification|fetched props|handling notification|fetching device props|app state sync",
    r"pairing configured successfully|closed connection|connection closed|[Ll]ibsignal|makeWASocket",
    r"\[(?:[\w-]{1,40}/)?(?:Client|Database|Socket|whatsmeow)(?:/[\w/ -]{1,40})? (?:DEBUG|INFO|WARN|ERROR)\]",
    r"\bwhatsmeow\b|\bwhatsapp_rust\b|\bwakeeper\b",
];

static KNOWN: LazyLock<Option<Regex>> =
    LazyLock::new(|| RegexBuilder::new(&QUIET.join("|")).unicode(false).build().ok());

/// Whether a line is one of a gateway.
pub(super) fn is_gateways(line: &[u8]) -> bool {
    KNOWN.as_ref().is_some_and(|known| known.is_match(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_known_by_what_it_says_when_nothing_is_wrong() {
        for line in [
            r#"{"level":20,"time":1795168840123,"class":"baileys","msg":"x"}"#,
            r#"{"level":30,"time":1795168840123,"msg":"connected to WA"}"#,
            r#"{"level":30,"msg":"handled 3 offline messages/notifications"}"#,
            r#"{"level":30,"msg":"Connection is now AwaitingInitialSync, buffering events"}"#,
            "INFO (7): 30 pre-keys found on server",
            "10:00:40.123 [Client/Socket DEBUG] Frame websocket read pump starting",
        ] {
            assert!(is_gateways(line.as_bytes()), "{line}");
        }
        for line in [
            r#"{"level":30,"time":1795168840123,"msg":"request completed"}"#,
            r#"{"level":30,"msg":"order 17 was paid"}"#,
            "10:00:40.123 [Server INFO] listening on port 80",
        ] {
            assert!(!is_gateways(line.as_bytes()), "{line}");
        }
    }
}
