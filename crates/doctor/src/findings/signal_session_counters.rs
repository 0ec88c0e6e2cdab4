//! The counters of a Signal session are impossible.
//!
//! A counter is the index of the last message, -1 before the first; a skipped message cannot come after it. Such
//! a session uses keys twice or waits for messages that never come. It is dropped.

use super::SessionRecord;
use super::signal_session_incomplete::about_entries;
use crate::finding::{Code, Finding};
use crate::formats::baileys::session::{Chain, Entry};

pub(crate) const CODE: Code = Code("signal_session_counters");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    session.record.entries.iter().any(broken).then(|| {
        let evidence = "a message counter is below -1, or behind a message that was skipped";
        about_entries(session, CODE, evidence, broken)
    })
}

fn broken(entry: &Entry) -> bool {
    let chain = |chain: &Chain| {
        let counter = chain.counter.unwrap_or(-1);
        !(-1..=i64::from(u32::MAX)).contains(&counter) || chain.skipped_max.is_some_and(|max| max > counter)
    };
    entry.previous_counter.is_some_and(|counter| counter < -1) || entry.chains.iter().any(chain)
}
