//! Groups to which a send goes out a second time under its id.
//!
//! WhatsApp's server has such a message already and hands the copy to nobody, and with it the sender keys that the copy
//! carries. The client takes them for handed over. So while a repeat is under way, nobody in that group counts as
//! having got our sender key, and the next message brings it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The groups of one session, by JID, with how many repeats are under way.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    groups: Mutex<HashMap<String, u32>>,
}

/// One repeat; it is over when this goes.
pub(crate) struct Repeat<'a> {
    repeats: &'a Repeats,
    group: String,
}

impl Repeats {
    fn groups(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A repeat to a group begins.
    pub(crate) fn begin(&self, group: String) -> Repeat<'_> {
        *self.groups().entry(group.clone()).or_default() += 1;
        Repeat { repeats: self, group }
    }

    /// Whether one is under way.
    pub(crate) fn contains(&self, group: &str) -> bool {
        self.groups().contains_key(group)
    }
}

impl Drop for Repeat<'_> {
    fn drop(&mut self) {
        let mut groups = self.repeats.groups();
        if let Some(count) = groups.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&self.group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_in_it_until_its_last_repeat_is_over() {
        let repeats = Repeats::default();
        let first = repeats.begin("1@g.us".to_owned());
        let second = repeats.begin("1@g.us".to_owned());
        drop(first);
        assert!(repeats.contains("1@g.us") && !repeats.contains("2@g.us"));
        drop(second);
        assert!(!repeats.contains("1@g.us"));
    }
}
