//! A sender key of an older Baileys was used by a newer one, which spoilt it.
//!
//! 6.7.19 to 7.0.0-rc.3 take the sender keys of 6.7.18 for their own and go on with them, but from the wrong bytes: what is
//! sent with such a key nobody can read, and what others send is not understood. It shows by its signing key, which is
//! spelt as 6.7.18 spells it. The file is removed; another sender's key comes again with a retry, our own is made anew and
//! handed out to the whole group.

use crate::finding::{Code, Finding, Repair, Subject};
use crate::formats::baileys::sender_key::State;
use crate::model::SenderKeyName;

pub(crate) const CODE: Code = Code("sender_key_carried_over");

pub(crate) fn detect(name: &SenderKeyName, states: &[State]) -> Option<Finding> {
    let newest = states.last()?;
    newest.carried_over.then(|| {
        let evidence =
            "Baileys 6.7.18 or before made it, and a later one went on with it from the wrong bytes";
        Finding::error(CODE, Subject::SenderKey(name.clone()), evidence)
            .repair(Repair::RemoveFile)
            .peer(Some(&name.sender))
    })
}
