//! A row of a session database cannot be read.
//!
//! The database is whole, but what it holds under one key is not what the engine writes there. The engine takes such a row
//! for an absent one: a Signal session or sender key is negotiated anew at the cost of one retry, a pre-key fails once with
//! `Invalid PreKey ID`.

use crate::address::Address;
use crate::examine::{NativeView, OWN_SENDER_KEY};
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_row_unreadable");

pub(crate) fn detect(view: &NativeView) -> Vec<Finding> {
    let cure = Repair::Manual("nothing to do: the next message negotiates it anew");
    view.left_out
        .iter()
        .filter(|row| !row.path.starts_with(OWN_SENDER_KEY))
        .map(|row| {
            let peer = row.peer.as_deref().and_then(Address::from_jid);
            let evidence = format!("{}: {}", row.path, row.reason);
            Finding::warning(CODE, &view.file, evidence).repair(cure.clone()).peer(peer.as_ref())
        })
        .collect()
}
