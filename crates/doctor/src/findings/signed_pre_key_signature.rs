//! The signed pre-key's signature is not by this identity.
//!
//! Parts of two logins were mixed in one `creds.json`, or a byte was altered. Contacts that check it refuse to
//! begin a Signal session; Baileys itself never checks. The login comes back with the newest sound `creds.json`.

use super::CredentialsFile;
use crate::curve::{self, KEY_TYPE};
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("signed_pre_key_signature");

pub(crate) fn detect(file: &CredentialsFile<'_>) -> Option<Finding> {
    let credentials = file.credentials;
    let identity = credentials.identity_public()?;
    let signed = &credentials.signed_pre_key.as_ref()?.public;
    let signature = credentials.signed_pre_key_signature.as_ref()?;
    (!curve::verify(identity, &[&[KEY_TYPE], signed], signature)).then(|| {
        let evidence = "the signature of the signed pre-key does not verify under the identity key";
        Finding::error(CODE, &file.entry.name, evidence).repair(Repair::RestoreCredentials)
    })
}
