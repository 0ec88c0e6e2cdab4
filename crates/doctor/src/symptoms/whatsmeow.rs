//! Lines of whatsmeow, the Go library.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: .*mismatching MAC in signal message",
        class: Class::BadMac,
        peer: PeerIn::Group(1),
        matches: "[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: failed to decrypt normal message: mismatching MAC in signal message",
        near_miss: "[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: message not found",
    },
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: .*(?:no session|no valid session|failed to load session)",
        class: Class::NoSession,
        peer: PeerIn::Group(1),
        matches: "Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: no session found",
        near_miss: "Error sending message 3EB0A to 628111:2@s.whatsapp.net: no session found",
    },
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: .*(?:no sender key|sender key state)",
        class: Class::NoSenderKey,
        peer: PeerIn::Group(1),
        matches: "Error decrypting message 3EB0A from 628111@s.whatsapp.net in 120363000000000001@g.us: no sender key for 628111 in 120363",
        near_miss: "Sent sender key to 628111@s.whatsapp.net",
    },
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: .*(?:didn't return (?:one-time|signed) ?(?:pre)?key|no signed prekey found)",
        class: Class::InvalidPreKey,
        peer: PeerIn::Group(1),
        matches: "[Client WARN] Error decrypting message from 8436:13@s.whatsapp.net in 12036@g.us: failed to decrypt prekey message: prekey store didn't return one-time key with ID 238",
        near_miss: "Error decrypting message from 8436:13@s.whatsapp.net in 12036@g.us: failed to decrypt prekey message",
    },
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: .*received message with old counter",
        class: Class::CounterRepeat,
        peer: PeerIn::Group(1),
        matches: "[Client WARN] Error decrypting message 3EB0A from 628111@s.whatsapp.net: failed to decrypt normal message: received message with old counter (current index: 5, received: 3)",
        near_miss: "Error decrypting message 3EB0A from 628111@s.whatsapp.net: received message",
    },
    Row {
        pattern: r"Got 401[^ ]* .{0,60}connect failure|Got LOGGED_OUT connect failure",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "[Client INFO] Got 401: logged out from another device connect failure, sending LoggedOut event and deleting session",
        near_miss: "[Client WARN] Got 503/ connect failure, assuming automatic reconnect will handle it",
    },
    Row {
        pattern: r"Got 40[36][^ ]* .{0,60}connect failure|Temporary ban connect failure|Client outdated \(405\) connect failure|Unknown connect failure: ",
        class: Class::ConnectFailure,
        peer: PeerIn::Nowhere,
        matches: "[Client ERROR] Client outdated (405) connect failure (client version: 2.3000.1)",
        near_miss: "[Client WARN] Got 503/ connect failure, assuming automatic reconnect will handle it",
    },
    Row {
        pattern: r"\] Successfully authenticated",
        class: Class::ConnectionOpen,
        peer: PeerIn::Nowhere,
        matches: "[Client INFO] Successfully authenticated",
        near_miss: "user authenticated",
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
