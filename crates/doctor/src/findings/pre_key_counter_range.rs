//! The pre-key counters are impossible.
//!
//! Ids of pre-keys have 24 bits: 1 to 16777215. Baileys would give WhatsApp the last 24 bits of a greater one, and look for
//! another id when a contact uses it. The file was altered, or moved on by a file that only looked like a pre-key. Both
//! counters are set behind the pre-keys that are there and a gap of 1000 ids. No QR code is needed.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::{HIGHEST_PRE_KEY_ID, past_a_gap};

pub(crate) const CODE: Code = Code("pre_key_counter_range");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(wrong) = view.state.credentials().and_then(beyond) else { return Vec::new() };
    let evidence = format!("a pre-key counter is {wrong}, and ids end at {HIGHEST_PRE_KEY_ID}");
    let free = view.state.free_pre_key_id().max(1);
    let repair = if free <= HIGHEST_PRE_KEY_ID {
        Repair::AdvancePreKeyCounters { to: past_a_gap(free) }
    } else {
        super::pre_key_counter_behind::NONE_LEFT
    };
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(repair)]
}

/// A counter that no pre-key can have. Those below 1 cross the other one.
pub(super) fn beyond(credentials: &Credentials) -> Option<i64> {
    let counters = [credentials.next_pre_key_id, credentials.first_unuploaded_pre_key_id];
    counters.into_iter().flatten().find(|counter| *counter > i64::from(HIGHEST_PRE_KEY_ID))
}
