//! A phone number is known to belong to a LID, but not the other way round.
//!
//! Baileys 7 writes both directions together; one of the two files was lost. Messages may then be looked for
//! under the wrong address. The missing direction is written from the one that is there. Where the two contradict
//! each other, which happens when a number changes hands, both are left alone.

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::inventory::Facts;

pub(crate) const CODE: Code = Code("lid_mapping_asymmetric");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    view.inventory
        .files
        .values()
        .filter_map(|file| {
            let Facts::Mapped(other) = &file.facts else { return None };
            let (counterpart, content) = match &file.name {
                Name::LidMapping { phone } => (format!("lid-mapping-{other}_reverse.json"), phone),
                Name::LidMappingReverse { lid } => (format!("lid-mapping-{other}.json"), lid),
                _ => return None,
            };
            if view.inventory.files.contains_key(&counterpart) {
                return None;
            }
            let evidence = format!("the opposite direction of {} is missing", file.entry.name);
            let repair = Repair::Write { content: format!("\"{content}\"") };
            Some(Finding::warning(CODE, &counterpart, evidence).repair(repair))
        })
        .collect()
}
