//! A Signal session is stored as one binary buffer.
//!
//! A coming version of Baileys writes sessions so. The doctor does not judge them and leaves them alone.

use crate::address::Address;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::SessionFile;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("signal_session_future_format");

pub(crate) fn detect(entry: &Entry, address: &Address, file: &SessionFile) -> Option<Finding> {
    matches!(file, SessionFile::FutureFormat).then(|| {
        Finding::info(CODE, &entry.name, "a binary session of a newer Baileys; not examined")
            .peer(Some(address))
    })
}
