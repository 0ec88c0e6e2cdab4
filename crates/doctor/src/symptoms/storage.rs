//! Lines that tell that the disk, its quota or its permissions are at fault, whoever writes them.

use super::{Class, PeerIn, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        pattern: r"\b(?:ENOSPC|EISDIR|EACCES|EROFS)\b|\bEIO: |Unexpected end of JSON input",
        class: Class::StorageFault,
        peer: PeerIn::Nowhere,
        matches: "Error: ENOSPC: no space left on device, write",
        near_miss: "Error: ENOTFOUND web.whatsapp.com",
    },
    // A full quota is always one of the storage. Too many open files and a missing permission are also told of sockets and
    // processes (`connect EMFILE`, `kill EPERM`), so there a call on a file must follow, as Node writes it behind the text.
    Row {
        pattern: r"\bEDQUOT\b|\b(?:EMFILE|ENFILE|EPERM): [^,]{0,80}, (?:open|write|read|rename|unlink|mkdir|scandir|copyfile|chmod|fsync|ftruncate|lstat|stat)\b",
        class: Class::StorageFault,
        peer: PeerIn::Nowhere,
        matches: "Error: EPERM: operation not permitted, open '/data/auth_info/creds.json'",
        near_miss: "Error: kill EPERM",
    },
    // Go, and SQLite under any gateway.
    Row {
        pattern: r"no space left on device|disk quota exceeded|database or disk is full|attempt to write a readonly database|disk I/O error|database disk image is malformed",
        class: Class::StorageFault,
        peer: PeerIn::Nowhere,
        matches: "[Database ERROR] failed to save session: database or disk is full",
        near_miss: "[Database INFO] disk is half full",
    },
    Row {
        pattern: r"\b(?:open|write|rename|mkdir|stat) \S{1,300}: (?:too many open files|permission denied|operation not permitted|read-only file system)",
        class: Class::StorageFault,
        peer: PeerIn::Nowhere,
        matches: "open /app/storages/whatsapp.db-wal: too many open files",
        near_miss: "dial tcp 10.0.0.1:443: socket: too many open files",
    },
];
