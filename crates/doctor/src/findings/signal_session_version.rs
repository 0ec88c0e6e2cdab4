//! A record of Signal sessions names a version that libsignal does not know.
//!
//! libsignal refuses it (`Error migrating SessionRecord`). The file is removed; the next message negotiates a
//! new session.

use crate::address::Address;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::session::SessionFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("signal_session_version");

pub(crate) fn detect(entry: &Entry, address: &Address, file: &SessionFile) -> Option<Finding> {
    let SessionFile::OtherVersion { version } = file else { return None };
    let finding =
        Finding::error(CODE, &entry.name, format!("its version is \"{version}\" instead of \"v1\""));
    Some(finding.repair(Repair::RemoveFile).peer(Some(address)))
}
