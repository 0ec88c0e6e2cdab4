//! The account's signature is not over this device.
//!
//! When a phone links a device it signs the device's identity. Here that signature does not fit the identity
//! in the same file: parts of two logins were mixed, or a byte was altered. Contacts that check it refuse the
//! device. The login comes back with the newest sound `creds.json`.

use crate::curve;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::{Account, Credentials};

pub(crate) const CODE: Code = Code("account_signature");

/// What the account signs begins so; the second is for accounts that Meta hosts.
const PREFIXES: [[u8; 2]; 2] = [[6, 0], [6, 5]];

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let identity = credentials.identity_public()?;
    let account = credentials.account.as_ref()?;
    (!verifies(account, identity)).then(|| {
        let evidence = "the account's signature does not verify over this device's identity";
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)
    })
}

fn verifies(account: &Account, identity: &[u8; 32]) -> bool {
    let Some(key) = account_key(account) else { return false };
    let Ok(signature) = account.account_signature.as_slice().try_into() else { return false };
    PREFIXES.iter().any(|prefix| curve::verify(&key, &[prefix, &account.details, identity], signature))
}

/// The account's key, with or without type byte.
pub(super) fn account_key(account: &Account) -> Option<[u8; 32]> {
    let key = account.account_signature_key.as_slice();
    key.strip_prefix(&[curve::KEY_TYPE]).filter(|rest| rest.len() == 32).unwrap_or(key).try_into().ok()
}
