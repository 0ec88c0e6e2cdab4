//! The signed pre-key's signature is not by this identity.
//!
//! Parts of two logins were mixed in one `creds.json`, or a byte was altered. Contacts that check it refuse to
//! begin a Signal session; Baileys itself never checks. The login comes back with the newest sound `creds.json`.

use crate::curve::{self, KEY_TYPE};
use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::credentials::Credentials;

pub(crate) const CODE: Code = Code("signed_pre_key_signature");

pub(crate) fn detect(credentials: &Credentials) -> Option<Finding> {
    let identity = credentials.identity_public()?;
    let signed = &credentials.signed_pre_key.as_ref()?.public;
    let signature = credentials.signed_pre_key_signature.as_ref()?;
    (!curve::verify(identity, &[&[KEY_TYPE], signed], signature)).then(|| {
        let evidence = "the signature of the signed pre-key does not verify under the identity key";
        Finding::error(CODE, Subject::Credentials, evidence).repair(Repair::RestoreCredentials)
    })
}
