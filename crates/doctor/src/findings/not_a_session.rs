//! Nothing in the folder is a session.
//!
//! The folder holds something, and none of it is a file of Baileys or of wakeeper, so nothing was checked and nothing can
//! be said of any session. Most often another folder was meant: a session's own folder holds `creds.json`. Where the
//! folder can be told, the evidence says what it is: tokens of wppconnect, a browser's profile, a database of whatsmeow.
//! A folder that holds nothing at all is no error: there the gateway shows a QR code.

use crate::finding::{Code, Finding, Repair};
use crate::layout::{Foreign, Layout};

pub(crate) const CODE: Code = Code("not_a_session");

pub(crate) fn detect(layout: &Layout) -> Option<Finding> {
    let Layout::Foreign(found) = layout else { return None };
    let what = match found {
        Foreign::Whatsmeow { .. } => "name the database itself: examine, health, backup and import take it",
        Foreign::Wppconnect { .. } | Foreign::Browser { .. } => {
            "nothing here can be checked or repaired: ask the gateway that made it"
        }
        Foreign::Nothing => "look for another backup: this one gives nothing back",
        Foreign::Other { .. } => "name the session's own folder, which holds creds.json",
    };
    let evidence = format!("no session was found: {}", found.describe());
    Some(Finding::error(CODE, ".", evidence).repair(Repair::Manual(what)))
}
