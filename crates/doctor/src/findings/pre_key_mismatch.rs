//! A pre-key's public key is not that of its private key.
//!
//! One of the two was altered. A contact that uses this pre-key would give `Bad MAC`, without a retry that could
//! mend it as long as the file is there. The file is taken from a backup when one holds it, else removed.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::key_pair::PreKey;

pub(crate) const CODE: Code = Code("pre_key_mismatch");

pub(crate) fn detect(id: u32, pre_key: &PreKey) -> Option<Finding> {
    let pair = pre_key.pair.as_ref()?;
    (!pair.matches()).then(|| {
        Finding::error(CODE, Subject::PreKey(id), "public and private key do not belong together")
            .repair(Repair::RestoreOrRemove)
    })
}
