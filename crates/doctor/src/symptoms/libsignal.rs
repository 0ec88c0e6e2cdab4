//! Lines of libsignal's JavaScript port, which prints to the console whatever the gateway's log level is.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"Failed to decrypt message with any known session",
        class: Class::AttemptFailed,
        peer: PeerIn::NextFrame,
        matches: "Failed to decrypt message with any known session...",
        near_miss: "failed to decrypt message",
    },
    Row {
        pattern: r"\bat (?:async )?(?:Object\.)?(\d{5,20})(?:_(\d+))?\.(\d+) \[as awaitable\]",
        class: Class::SessionFrame,
        peer: PeerIn::Frame,
        matches: "    at async 100000000000002_1.3 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)",
        near_miss: "    at async SessionCipher.decryptWhisperMessage (/app/node_modules/libsignal/src/session_cipher.js:171:28)",
    },
    Row {
        pattern: r"Session error:\s*(?:Error: )?Bad MAC",
        class: Class::BadMac,
        peer: PeerIn::NextFrame,
        matches: "Session error:Error: Bad MAC Error: Bad MAC",
        near_miss: "Session error:Error: Tried to decrypt on a sending chain",
    },
    // An error that a gateway prints by itself, with its stack.
    Row {
        pattern: r"\bError: Bad MAC\b",
        class: Class::BadMac,
        peer: PeerIn::NextFrame,
        matches: "uncaughtException Error: Bad MAC",
        near_miss: "Error: Bad MACHINE",
    },
    Row {
        pattern: r"Session error:\s*MessageCounterError: Key used already or never filled",
        class: Class::CounterRepeat,
        peer: PeerIn::NextFrame,
        matches: "Session error:MessageCounterError: Key used already or never filled MessageCounterError: Key used already",
        near_miss: "the key was used already",
    },
    Row {
        pattern: r"Received message with old counter: (\d+), (\d+)",
        class: Class::CounterRepeat,
        peer: PeerIn::JsonKey,
        matches: "Error: Received message with old counter: 13, 12",
        near_miss: "Received message with counter: 13",
    },
    Row {
        pattern: r#"SessionError: Chain closed|"message":"Chain closed"#,
        class: Class::ChainClosed,
        peer: PeerIn::NextFrame,
        matches: "Session error:SessionError: Chain closed SessionError: Chain closed",
        near_miss: "chain is closed",
    },
    Row {
        pattern: r"Over 2000 messages into the future",
        class: Class::TooFarAhead,
        peer: PeerIn::NextFrame,
        matches: "Session error:SessionError: Over 2000 messages into the future!",
        near_miss: "Over 200 messages sent",
    },
    Row {
        pattern: r"Decrypted message with closed session",
        class: Class::ClosedSessionHit,
        peer: PeerIn::Nowhere,
        matches: "Decrypted message with closed session.",
        near_miss: "Decrypted message with session.",
    },
    Row {
        pattern: r"Closing open session in favor of incoming prekey bundle",
        class: Class::RekeyIn,
        peer: PeerIn::Nowhere,
        matches: "Closing open session in favor of incoming prekey bundle",
        near_miss: "Closing stale open session for new outgoing prekey bundle",
    },
    Row {
        pattern: r"Closing session: SessionEntry|(?:privKey|rootKey): <Buffer",
        class: Class::SecretLeak,
        peer: PeerIn::Nowhere,
        matches: "      privKey: <Buffer 30 11 22 33 44 55>,",
        near_miss: "      pubKey: <Buffer 05 11 22 33 44 55>,",
    },
];
