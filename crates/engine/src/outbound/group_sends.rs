//! Groups to which a send is under way, and whether it goes out a second time under its id or hands out our sender key.
//!
//! WhatsApp's server has a send that is repeated already, maybe, and hands the copy to nobody, and with it the sender keys that
//! the copy carries. The client takes them for handed over. So while a repeat is under way, nobody in that group counts as
//! having got our sender key, and the next message brings it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The groups of one session, by JID.
#[derive(Debug, Default)]
pub(crate) struct GroupSends {
    groups: Mutex<HashMap<String, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    sends: u32,
    repeats: u32,
    /// Since its first send that is under way, the client noted who has our sender key.
    noted: bool,
}

/// One send to a group, from before it is encrypted until the server has answered.
pub(crate) struct GroupSend<'a> {
    all: &'a GroupSends,
    group: String,
    repeats: bool,
}

impl GroupSends {
    fn groups(&self) -> MutexGuard<'_, HashMap<String, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A send to a group begins.
    pub(crate) fn begin(&self, group: String, repeats: bool) -> GroupSend<'_> {
        let mut groups = self.groups();
        let entry = groups.entry(group.clone()).or_default();
        entry.sends += 1;
        entry.repeats += u32::from(repeats);
        // Of those before it that are under way, none handed keys out: it would not have begun.
        entry.noted = false;
        GroupSend { all: self, group, repeats }
    }

    /// The client notes who has our sender key of a group. Answers whether a repeat is under way, so that nobody counts as having
    /// it.
    pub(crate) fn note(&self, group: &str) -> bool {
        let mut groups = self.groups();
        let Some(entry) = groups.get_mut(group) else { return false };
        entry.noted = true;
        entry.repeats > 0
    }
}

impl GroupSend<'_> {
    /// Whether it carries our sender key to devices that do not have it.
    pub(crate) fn hands_keys_out(&self) -> bool {
        self.repeats || self.all.groups().get(&self.group).is_some_and(|group| group.noted)
    }
}

impl Drop for GroupSend<'_> {
    fn drop(&mut self) {
        let mut groups = self.all.groups();
        if let Some(group) = groups.get_mut(&self.group) {
            group.sends -= 1;
            group.repeats -= u32::from(self.repeats);
            if group.sends == 0 {
                groups.remove(&self.group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "1@g.us";

    #[test]
    fn nobody_counts_as_having_a_key_until_the_last_repeat_is_over() {
        let sends = GroupSends::default();
        let first = sends.begin(GROUP.to_owned(), true);
        let second = sends.begin(GROUP.to_owned(), true);
        let new = sends.begin(GROUP.to_owned(), false);
        drop(first);
        assert!(sends.note(GROUP) && !sends.note("2@g.us"));
        drop(second);
        assert!(!sends.note(GROUP));
        drop(new);
        assert!(sends.groups().is_empty());
    }

    #[test]
    fn a_send_hands_keys_out_when_it_is_noted_who_has_them() {
        let sends = GroupSends::default();
        let warm = sends.begin(GROUP.to_owned(), false);
        assert!(!warm.hands_keys_out());
        let cold = sends.begin(GROUP.to_owned(), false);
        assert!(!sends.note(GROUP));
        assert!(cold.hands_keys_out());
        drop(cold);
        assert!(!sends.begin(GROUP.to_owned(), false).hands_keys_out());
        assert!(sends.begin("2@g.us".to_owned(), true).hands_keys_out());
    }
}
