//! One-time pre-keys that WhatsApp hands out are gone from the session database.
//!
//! They vanish one by one as contacts use them; that none, or next to none, is left of those that were given to the server
//! means that they were removed. A contact that gets one of them writes a first message that cannot be read. A running gateway
//! compares what the server has with what is here after each login, makes new ones, and has such messages sent again.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("native_pre_keys_missing");

/// A server asks for new ones long before so few are left.
const FEW: usize = 5;

pub(crate) fn detect(view: &NativeView<'_>) -> Option<Finding> {
    let session = view.session?;
    let published = session.credentials.first_unuploaded_pre_key_id.saturating_sub(1);
    let here = session.pre_keys.keys().filter(|id| **id <= published).count();
    if published == 0 || here >= FEW {
        return None;
    }
    let evidence = format!("{published} pre-keys were given to WhatsApp, and {here} of them are here");
    let cure = Repair::Manual("start the gateway: it makes new ones and gives them to WhatsApp");
    Some(Finding::warning(CODE, Subject::PreKeys, evidence).repair(cure))
}
