//! A repair was interrupted.
//!
//! The folder holds the journal, or the note, of a repair that did not come to its end, because the machine or the program
//! was stopped. Of a Baileys folder: do not start the gateway; the next `wakeeper clean` finishes the repair, or takes it
//! back if nothing had changed yet. Of wakeeper's own session: the repair was done whole or not at all; the next
//! `wakeeper clean` does what comes after it.

use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::REPAIR_FOLDER;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("repair_unfinished");

pub(crate) fn detect(entry: &Entry) -> Option<Finding> {
    let is_journal = entry.name == REPAIR_FOLDER;
    is_journal.then(|| found(REPAIR_FOLDER, "the journal of an interrupted repair is still here"))
}

pub(crate) fn found(file: &str, evidence: &str) -> Finding {
    Finding::error(CODE, file, evidence).repair(Repair::FinishRepair)
}
