//! A phone number is known to belong to a LID, but not the other way round.
//!
//! Baileys 7 writes both directions together; one of the two files was lost. Messages may then be looked for
//! under the wrong address. The missing direction is written from the one that is there. Where files contradict
//! each other, because a number changed hands or one of them is damaged, all are left alone.

use std::collections::BTreeSet;

use super::FolderView;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::Name;
use crate::inventory::{Facts, FileReport};

pub(crate) const CODE: Code = Code("lid_mapping_asymmetric");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let files = || view.inventory.files.values();
    let named = |file: &FileReport| match &file.facts {
        Facts::Mapped(user) => Some((matches!(file.name, Name::LidMapping { .. }), user.clone())),
        _ => None,
    };
    // Who is named by a forward file (true), which is a LID, or by a reverse one, which is a phone number.
    let named: BTreeSet<(bool, String)> = files().filter_map(named).collect();
    files()
        .filter_map(|file| {
            let Facts::Mapped(other) = &file.facts else { return None };
            let (counterpart, content, contradicted) = match &file.name {
                Name::LidMapping { phone } => {
                    (format!("lid-mapping-{other}_reverse.json"), phone, (false, phone.clone()))
                }
                Name::LidMappingReverse { lid } => {
                    (format!("lid-mapping-{other}.json"), lid, (true, lid.clone()))
                }
                _ => return None,
            };
            if view.inventory.files.contains_key(&counterpart) || named.contains(&contradicted) {
                return None;
            }
            let evidence = format!("the opposite direction of {} is missing", file.entry.name);
            let repair = Repair::Write { content: format!("\"{content}\"") };
            Some(Finding::warning(CODE, &counterpart, evidence).repair(repair))
        })
        .collect()
}
