//! A database of the gateway is an older copy, or was put back.
//!
//! Each start and each stop of a session leaves its word in both databases and in a note beside them. Here they do not fit
//! together: `engine.db`, `wakeeper.db` or the whole folder was copied from another place, restored from a snapshot, or
//! written back. Keys that were used since would be used twice. The gateway sees it at its next start, before it sends
//! anything, and negotiates all sending chains anew; nothing needs to be done for that, and the login stays. As a notice it
//! says that this happened not long ago. Sends and messages since the copy was made are not in its rows.
//! `docs/rollback.md` says what can be seen, and what cannot.

use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("older_copy");

pub(crate) fn found(file: &str, evidence: String) -> Finding {
    let cure = Repair::Manual("nothing to do: the gateway agrees new keys for sending when it starts");
    Finding::warning(CODE, file, evidence).repair(cure)
}

pub(crate) fn settled(file: &str, evidence: String) -> Finding {
    Finding::info(CODE, file, evidence).repair(Repair::Manual("nothing to do"))
}
