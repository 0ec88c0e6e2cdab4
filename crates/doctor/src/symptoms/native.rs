//! Lines of wakeeper's own engine, whatsapp-rust. It names contacts by opaque tokens, so its events, not its
//! log, tell who is concerned.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"\[msg:[^\]]+\] Decryption failed for \S+ message from \S+ due to BadMac",
        class: Class::BadMac,
        peer: PeerIn::Nowhere,
        matches: "[msg:3EB0A] Decryption failed for msg message from addr#12ab due to BadMac",
        near_miss: "[msg:3EB0A] Decryption succeeded for msg message from addr#12ab",
    },
    Row {
        pattern: r"\[msg:[^\]]+\] Decryption failed for \S+ message from \S+ due to Invalid(?:Signed)?PreKeyId",
        class: Class::InvalidPreKey,
        peer: PeerIn::Nowhere,
        matches: "[msg:3EB0A] Decryption failed for pkmsg message from addr#12ab due to InvalidPreKeyId",
        near_miss: "[msg:3EB0A] Decryption failed for pkmsg message from addr#12ab due to InvalidMessage",
    },
    Row {
        pattern: r"No session found for \S+ message from",
        class: Class::NoSession,
        peer: PeerIn::Nowhere,
        matches: "No session found for msg message from addr#12ab",
        near_miss: "No session needed for message from addr#12ab",
    },
    Row {
        pattern: r"discarding unreadable session row for addr#",
        class: Class::RowQuarantined,
        peer: PeerIn::Nowhere,
        matches: "discarding unreadable session row for addr#12ab",
        near_miss: "loading session row for addr#12ab",
    },
    Row {
        pattern: r"client was removed or replaced \(conflict=replaced\)",
        class: Class::ConflictReplaced,
        peer: PeerIn::Nowhere,
        matches: "client was removed or replaced (conflict=replaced)",
        near_miss: "client was removed or replaced (conflict=device_removed)",
    },
    Row {
        pattern: r"client was removed or replaced \(conflict=device_removed\)",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "client was removed or replaced (conflict=device_removed)",
        near_miss: "client was removed or replaced (conflict=replaced)",
    },
];
