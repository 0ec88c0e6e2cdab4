//! Lines in which gateways tell how a connection ended, or that their credentials are torn, in their own words or as
//! `console.log` prints Baileys' errors.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"type\W{1,6}device_removed",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "data: { tag: 'conflict', attrs: { type: 'device_removed' } }",
        near_miss: "data: { tag: 'conflict', attrs: { type: 'device_added' } }",
    },
    Row {
        pattern: r"statusCode\D{0,6}401\b.*Stream Errored \(conflict\)|Stream Errored \(conflict\).*statusCode\D{0,6}401\b",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "output: { statusCode: 401, payload: { statusCode: 401, error: 'Unauthorized', message: 'Stream Errored (conflict)' }",
        near_miss: "output: { statusCode: 440, payload: { message: 'Stream Errored (conflict)' } }",
    },
    Row {
        pattern: r"statusCode\D{0,6}401\b",
        class: Class::LoggedOut,
        peer: PeerIn::Connection,
        matches: "    statusCode: 401,",
        near_miss: "    statusCode: 200,",
    },
    Row {
        pattern: r"[Cc]onnection (?:was |is )?closed\b.{0,60}?\b(?:[Ss]tatus|statusCode|[Cc]ode|[Rr]eason)\D{0,8}401\b|statusReason\D{0,6}401\b|Connection closed[.,:]? ?(?:[Yy]ou are|[Dd]evice) [Ll]ogged [Oo]ut",
        class: Class::LoggedOut,
        peer: PeerIn::Nowhere,
        matches: "Connection closed. You are logged out.",
        near_miss: "Connection closed. You are not alone.",
    },
    Row {
        pattern: r"type\W{1,6}replaced\b|statusReason\D{0,6}440\b",
        class: Class::ConflictReplaced,
        peer: PeerIn::Connection,
        matches: "        type: 'replaced'",
        near_miss: "        type: 'replacedBy'",
    },
    Row {
        pattern: r"conflict\W{1,6}attrs\W{1,8}type\W{1,6}replaced\b|statusCode\D{0,6}440\b",
        class: Class::ConflictReplaced,
        peer: PeerIn::Nowhere,
        matches: r#"    "tag": "conflict", "attrs": { "type": "replaced" }"#,
        near_miss: r#"    "tag": "conflict", "attrs": { "type": "device_removed" }"#,
    },
    Row {
        pattern: r"reason\W{1,6}4\d\d\W{1,6}location|statusReason\D{0,6}40[2-9]\b",
        class: Class::ConnectFailure,
        peer: PeerIn::Nowhere,
        matches: "data: { reason: '405', location: 'frc' }, output: { statusCode: 405, payload: { message: 'Connection Failure' } }",
        near_miss: "data: { reason: 'none', location: 'frc' }",
    },
    Row {
        pattern: r"statusCode\D{0,6}40[2-79]\b",
        class: Class::ConnectFailure,
        peer: PeerIn::Connection,
        matches: "    statusCode: 403,",
        near_miss: "    statusCode: 408,",
    },
    Row {
        pattern: r"[Cc]onnection (?:was |is )?closed\b.{0,60}?\b(?:[Ss]tatus|statusCode|[Cc]ode|[Rr]eason)\D{0,8}40[2-7]\b",
        class: Class::ConnectFailure,
        peer: PeerIn::Nowhere,
        matches: "connection closed with code 405, reconnecting",
        near_miss: "connection closed with code 408, reconnecting",
    },
    Row {
        pattern: r"[Rr]estored corrupted WhatsApp creds\.json|creds\.json\S{0,3} (?:JSON file, fixing it|(?:file )?(?:is|was) (?:corrupt|empty|truncated|invalid|torn))|[Cc]orrupt(?:ed)? \S{0,200}creds\.json|[Ff]ailed to (?:parse|restore|load) \S{0,200}creds\.json|AuthFileCorruptError",
        class: Class::CredentialsTorn,
        peer: PeerIn::Nowhere,
        matches: "2026-04-12T11:47:28.121+02:00 | restored corrupted WhatsApp creds.json from backup",
        near_miss: "saved creds.json",
    },
    // What Baileys 6 and 7 throw at a credentials file that is `{}`.
    Row {
        pattern: r"Cannot read properties of undefined \(reading 'p(?:rivate|ublic)'\)",
        class: Class::CredentialsTorn,
        peer: PeerIn::Nowhere,
        matches: "TypeError: Cannot read properties of undefined (reading 'private')",
        near_miss: "TypeError: Cannot read properties of undefined (reading 'path')",
    },
    // A message that could not be decrypted, as `messages.upsert` brings it. It names the account and not its device.
    Row {
        pattern: r#"messageStubParameters\W{1,8}(?:Bad MAC|No matching sessions found for message|Key used already or never filled)|^\s*["'](?:Bad MAC|No matching sessions found for message)["'],?\s*$"#,
        class: Class::BadMac,
        peer: PeerIn::Nowhere,
        matches: r#"        "Bad MAC""#,
        near_miss: r#"        "Bad MAC is what it says""#,
    },
];
