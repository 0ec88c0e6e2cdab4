//! All published pre-keys are gone.
//!
//! Pre-keys vanish one by one as contacts use them, which is normal; that none of them is left is not: they were
//! cleaned up by hand or by a script. WhatsApp still gives them to contacts, whose first message then fails with
//! `Invalid PreKey ID` and is sent again. A backup that holds them spares that retry.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("pre_keys_missing");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let Some(credentials) = view.state.credentials() else { return Vec::new() };
    let published = credentials.first_unuploaded_pre_key_id.map_or(0, |first| first.saturating_sub(1));
    if !credentials.is_linked() || published < 1 || !view.state.pre_keys.is_empty() {
        return Vec::new();
    }
    let evidence = format!("{published} pre-keys were published and none of them is here");
    vec![Finding::warning(CODE, Subject::PreKeys, evidence).repair(Repair::RestorePreKeys)]
}
