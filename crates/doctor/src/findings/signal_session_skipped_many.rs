//! A Signal session keeps very many skipped message keys.
//!
//! More than 2000 messages never arrived. That is possible and harmless here, but other implementations refuse
//! such a session when it is moved to them, so moving it leaves the oldest behind.

use super::SessionRecord;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("signal_session_skipped_many");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    let chains = session.record.entries.iter().flat_map(|entry| &entry.chains);
    let most = chains.map(|chain| chain.skipped).max().filter(|most| *most > 2000)?;
    let evidence = format!("one chain keeps {most} keys of messages that never arrived");
    Some(Finding::info(CODE, session.subject(), evidence).peer(Some(session.address)))
}
