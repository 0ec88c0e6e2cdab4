//! Which releases of Baileys wrote a folder last: a folder that was upgraded or downgraded holds files of both.

use super::{Facts, FileReport, Inventory};
use crate::address::Domain;
use crate::formats::baileys::Version;
use crate::formats::baileys::name::Name;
use crate::formats::baileys::sender_key::Shape;

/// A copy gives all files new times, in any order. So much later is no accident of one.
const LATER_NS: i128 = 60_000_000_000;

pub(super) fn of(inventory: &Inventory) -> Option<Version> {
    let traces = Traces::of(inventory);
    // Whoever went back writes arrays among files that only later releases write.
    let went_back = traces.array.is_some_and(|array| array > traces.later.unwrap_or(0) + LATER_NS);
    match (went_back, traces.names_lids(), traces.buffer) {
        (true, ..) => Some(Version::V6),
        (false, true, _) => Some(Version::V7),
        (false, false, Some(_)) => Some(Version::V6Late),
        (false, false, None) => (traces.array.is_some() || traces.sessions).then_some(Version::V6),
    }
}

/// Whether files of both shapes are there and nothing tells which are in use.
pub(super) fn is_unsure(inventory: &Inventory) -> bool {
    let traces = Traces::of(inventory);
    let (Some(array), Some(buffer)) = (traces.array, traces.buffer) else { return false };
    !traces.names_lids() && (array - buffer).abs() <= LATER_NS
}

/// What tells the releases apart. Times of files are nanoseconds since 1970.
#[derive(Default)]
struct Traces {
    /// The newest sender key in the shape of 6.7.18.
    array: Option<i128>,
    /// The newest one in the later shape.
    buffer: Option<i128>,
    /// The newest file that 6.7.18 does not write.
    later: Option<i128>,
    /// There are files of kinds that only 7.x has.
    only_in_7: bool,
    /// Latest use of a session of a LID that is named as 7.x names it, milliseconds since 1970.
    suffixed_used: Option<i64>,
    /// The same of those that are named as 6.x names them.
    bare_used: Option<i64>,
    sessions: bool,
}

impl Traces {
    fn of(inventory: &Inventory) -> Self {
        let lids = inventory.known_lids();
        let mut this = Self::default();
        for file in inventory.files.values() {
            match (&file.name, &file.facts) {
                (Name::SenderKey { .. }, Facts::SenderKey { shape: Some(shape), .. }) => {
                    this.sender_key(file, *shape);
                }
                (Name::Session(address), facts) => {
                    this.sessions = true;
                    let used = if let Facts::Session(facts) = facts { facts.used } else { 0 };
                    if address.domain != Domain::Phone {
                        this.suffixed_used = this.suffixed_used.max(Some(used));
                        this.later = this.later.max(Some(file.entry.modified_ns));
                    } else if Inventory::is_bare_lid(address, &lids) {
                        this.bare_used = this.bare_used.max(Some(used));
                    }
                }
                (name, _) if name.only_in_7() => {
                    this.only_in_7 = true;
                    this.later = this.later.max(Some(file.entry.modified_ns));
                }
                _ => {}
            }
        }
        this
    }

    fn sender_key(&mut self, file: &FileReport, shape: Shape) {
        let newest = match shape {
            Shape::Array => &mut self.array,
            Shape::Buffer => &mut self.buffer,
        };
        *newest = (*newest).max(Some(file.entry.modified_ns));
        if shape == Shape::Buffer {
            self.later = self.later.max(*newest);
        }
    }

    /// Whether the names of files tell LIDs from phone numbers: by what was used last, where there are both kinds.
    fn names_lids(&self) -> bool {
        match (self.suffixed_used, self.bare_used) {
            (Some(suffixed), Some(bare)) => suffixed >= bare,
            (Some(_), None) => true,
            (None, _) => self.only_in_7,
        }
    }
}
