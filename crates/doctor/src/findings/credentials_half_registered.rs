//! The credentials name an account, but hold no proof that it linked this device.
//!
//! Pairing was cut off halfway, or two versions of `creds.json` were mixed. WhatsApp will refuse the login.
//! While a pairing code waits to be typed in this is normal.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;

pub(crate) const CODE: Code = Code("credentials_half_registered");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    if credentials.me.is_none() || credentials.account.is_some() || credentials.pairing_code {
        return None;
    }
    let evidence = "`me` is there, but `account`, what the phone signed when it linked this device, is not";
    Some(Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials))
}
