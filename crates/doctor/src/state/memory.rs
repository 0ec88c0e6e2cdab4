//! Who was told our sender key of a group.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::address::Address;

/// What is compared of the devices that know our sender key of one group. A group has thousands of devices, and an account
/// hundreds of groups, so of each only numbers are kept.
#[derive(Debug, Clone, Default)]
pub struct MemoryFacts {
    /// Anyone is named.
    pub used: bool,
    /// When it was written, milliseconds since 1970, where the store tells.
    pub written_ms: Option<i64>,
    /// The devices and their accounts, sorted.
    marks: Vec<u64>,
}

/// One device of an account, or all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Devices {
    /// The account's number.
    pub user: String,
    /// Which device; `None` for all.
    pub device: Option<u32>,
}

impl Devices {
    /// Whether a device is meant.
    pub fn include(&self, address: &Address) -> bool {
        self.user == address.user && self.device.is_none_or(|device| device == address.device)
    }
}

impl MemoryFacts {
    /// Those of a list of devices. `used` where it names anyone, be it a device or not.
    pub fn of(used: bool, told: &[Address]) -> Self {
        let of_one = |told: &Address| [mark(&told.user, Some(told.device)), mark(&told.user, None)];
        let mut marks: Vec<u64> = told.iter().flat_map(of_one).collect();
        marks.sort_unstable();
        marks.dedup();
        Self { used, written_ms: None, marks }
    }

    /// Whether any of the devices is among them.
    pub fn names(&self, devices: &Devices) -> bool {
        self.used && self.marks.binary_search(&mark(&devices.user, devices.device)).is_ok()
    }

    /// The same, with the time that it was written.
    pub(crate) fn written(self, written_ms: Option<i64>) -> Self {
        Self { written_ms, ..self }
    }
}

/// A number that stands for a device. Two devices with one number cost a second telling.
fn mark(user: &str, device: Option<u32>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (user, device).hash(&mut hasher);
    hasher.finish()
}
