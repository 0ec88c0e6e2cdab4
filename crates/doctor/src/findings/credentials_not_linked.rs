//! The session was never linked.
//!
//! A fresh folder: the gateway shows a QR code and waits for it to be scanned.

use super::StateView;
use crate::finding::{Code, Finding, Subject};
use crate::state::StoredLogin;

pub(crate) const CODE: Code = Code("credentials_not_linked");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let is_linked = match &view.state.login {
        StoredLogin::Missing => false,
        StoredLogin::Unreadable => true,
        StoredLogin::Read(credentials) => credentials.me.is_some() || !credentials.defects.is_empty(),
    };
    if is_linked || view.state.is_used {
        return Vec::new();
    }
    vec![Finding::info(CODE, Subject::Credentials, "no login yet: a QR code must be scanned")]
}
