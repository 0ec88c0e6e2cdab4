//! Lines that tell that a message could not be decrypted, whatever the cause: those that no other table knows the cause of.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"[Ff]ailed to decrypt (?:the |a |group )?message",
        class: Class::UnknownFailure,
        peer: PeerIn::NextFrame,
        matches: r#"{"level":50,"key":{"remoteJid":"628111@s.whatsapp.net","id":"3EB0F"},"err":{"type":"Error","message":"something new"},"msg":"failed to decrypt message"}"#,
        near_miss: "failed to decrypt media",
    },
    Row {
        pattern: r"Error decrypting message (?:\S+ )?from (\S+?)(?: in \S+)?: ",
        class: Class::UnknownFailure,
        peer: PeerIn::Group(1),
        matches: "[Client WARN] Error decrypting message 3EB0A from 628111:2@s.whatsapp.net: something new",
        near_miss: "Error decrypting media retry notification",
    },
];
