//! The pre-key counter is behind the pre-keys.
//!
//! `creds.json` is older than the rest of the folder: it was restored from a backup, or its last write was lost.
//! Baileys would make new pre-keys under ids that WhatsApp already gave to contacts, and their first messages
//! would fail with `Bad MAC`. Both counters are moved past the greatest id. No QR code is needed.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::key_pair::HIGHEST_PRE_KEY_ID;

pub(crate) const CODE: Code = Code("pre_key_counter_behind");

/// What is left when the greatest pre-key has the last id.
pub(super) const NONE_LEFT: Repair = Repair::Manual(
    "no id is left behind the greatest pre-key: stop the gateway and remove that pre-key's file if no gateway wrote it; \
     else link the device again with a QR code",
);

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(credentials) = view.state.credentials() else { return Vec::new() };
    // A re-initialised identity starts at 1; restoring the old one cures both.
    if !credentials.is_linked() {
        return Vec::new();
    }
    let (Some(next), Some(greatest)) = (credentials.next_pre_key_id, view.state.greatest_pre_key()) else {
        return Vec::new();
    };
    if i64::from(greatest) < next || super::pre_key_counter_range::beyond(credentials).is_some() {
        return Vec::new();
    }
    let evidence = format!("the next pre-key id is {next}, but pre-key {greatest} exists already");
    let repair = match greatest.saturating_add(1) {
        to @ ..=HIGHEST_PRE_KEY_ID => Repair::AdvancePreKeyCounters { to },
        _ => NONE_LEFT,
    };
    vec![Finding::error(CODE, Subject::Credentials, evidence).repair(repair)]
}
