//! The two pre-key counters contradict each other.
//!
//! The first pre-key that WhatsApp does not have yet cannot come after the next one to be made. Both counters
//! are moved to the greater of the two.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::key_pair::HIGHEST_PRE_KEY_ID;

pub(crate) const CODE: Code = Code("pre_key_counters_crossed");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(credentials) = view.state.credentials() else { return Vec::new() };
    if super::pre_key_counter_range::beyond(credentials).is_some() {
        return Vec::new();
    }
    let counters = credentials.next_pre_key_id.zip(credentials.first_unuploaded_pre_key_id);
    let Some((next, first)) = counters.filter(|(next, first)| first > next || *first < 1 || *next < 1) else {
        return Vec::new();
    };
    let to = view.state.free_pre_key_id().max(1);
    let evidence = format!("the first unpublished pre-key is {first}, the next one to make is {next}");
    let repair = if to <= HIGHEST_PRE_KEY_ID {
        Repair::AdvancePreKeyCounters { to }
    } else {
        super::pre_key_counter_behind::NONE_LEFT
    };
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(repair)]
}
