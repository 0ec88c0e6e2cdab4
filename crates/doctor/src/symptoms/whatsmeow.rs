//! Lines of whatsmeow, the Go library.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"Error decrypting message \S+ from (\S+?)(?: in \S+)?: .*mismatching MAC in signal message",
        class: Class::BadMac,
        peer: PeerIn::Group(1),
        matches: "[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: failed to decrypt normal message: mismatching MAC in signal message",
        near_miss: "[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: message not found",
    },
    Row {
        pattern: r"Error decrypting message \S+ from (\S+?)(?: in \S+)?: .*(?:no session|failed to load session)",
        class: Class::NoSession,
        peer: PeerIn::Group(1),
        matches: "Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: no session found",
        near_miss: "Error sending message 3EB0A to 628111:2@s.whatsapp.net: no session found",
    },
    Row {
        pattern: r"Error decrypting message \S+ from (\S+?)(?: in \S+)?: .*(?:no sender key|sender key state)",
        class: Class::NoSenderKey,
        peer: PeerIn::Group(1),
        matches: "Error decrypting message 3EB0A from 628111@s.whatsapp.net in 120363000000000001@g.us: no sender key for 628111 in 120363",
        near_miss: "Sent sender key to 628111@s.whatsapp.net",
    },
    Row {
        pattern: r"Got replaced stream error",
        class: Class::ConflictReplaced,
        peer: PeerIn::Nowhere,
        matches: "[Client INFO] Got replaced stream error, sending StreamReplaced event",
        near_miss: "[Client INFO] Got stream error",
    },
    Row {
        pattern: r"Got device removed stream error",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "[Client INFO] Got device removed stream error, sending LoggedOut event and deleting session",
        near_miss: "[Client INFO] Got device list",
    },
    Row {
        pattern: r"Got 515 code",
        class: Class::RestartRequired,
        peer: PeerIn::Nowhere,
        matches: "[Client INFO] Got 515 code, reconnecting...",
        near_miss: "[Client INFO] Got 503 code",
    },
];
