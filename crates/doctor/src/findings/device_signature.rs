//! This device's own signature over its account does not verify.
//!
//! It was made with the identity key when the device was linked, so the identity in the file is another one
//! now, or a byte was altered. The login comes back with the newest sound `creds.json`.

use crate::curve;
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::{Account, Credentials};

pub(crate) const CODE: Code = Code("device_signature");

/// What the device signs begins so; the second is for devices that Meta hosts.
const PREFIXES: [[u8; 2]; 2] = [[6, 1], [6, 6]];

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let identity = credentials.identity_public()?;
    let account = credentials.account.as_ref()?;
    (!verifies(account, identity)).then(|| {
        let evidence = "the device's signature over its account does not verify under its identity";
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)
    })
}

fn verifies(account: &Account, identity: &[u8; 32]) -> bool {
    let Ok(signature) = account.device_signature.as_slice().try_into() else { return false };
    PREFIXES.iter().any(|prefix| {
        let parts: [&[u8]; 4] = [prefix, &account.details, identity, &account.account_signature_key];
        curve::verify(identity, &parts, signature)
    })
}
