//! The lanes of one subscription: which wait, until when, and which are worked on. Kept in memory alone; what a restart must
//! know stands in the first pending row of each.

use std::collections::{BTreeSet, HashMap};

use wakeeper_storage::{Lane, LaneKey};

/// What names a lane while it is known here. Never given twice, so that what a late turn says concerns no later lane.
pub(super) type LaneId = u64;

/// The lanes of one subscription that may have pending deliveries.
#[derive(Default)]
pub(super) struct Lanes {
    known: HashMap<LaneId, Known>,
    ids: HashMap<LaneKey, LaneId>,
    /// Those that are not worked on, by when they may be.
    waiting: BTreeSet<(i64, LaneId)>,
    last: LaneId,
}

struct Known {
    key: LaneKey,
    next_attempt_ms: i64,
    gave_up: bool,
    /// It is worked on now.
    running: bool,
    /// Something was added since its turn began.
    told: bool,
}

/// A lane whose turn it is.
pub(super) struct Due {
    pub id: LaneId,
    pub key: LaneKey,
    pub gave_up: bool,
}

/// How a lane's turn ended.
pub(super) enum Ended {
    /// Nothing was pending.
    Empty,
    /// There may be more, not before this moment.
    GoesOn { next_attempt_ms: i64, gave_up: bool },
}

impl Lanes {
    /// A row was added to a lane. One that waits for a retry waits on: its first row decides.
    pub fn tell(&mut self, key: LaneKey, now_ms: i64) {
        match self.ids.get(&key).and_then(|id| self.known.get_mut(id)) {
            Some(known) => known.told = true,
            None => self.open(key, now_ms, false),
        }
    }

    /// A lane as its rows tell of it. Of one that is known, more is known here.
    pub fn restore(&mut self, lane: Lane) {
        if !self.ids.contains_key(&lane.key) {
            self.open(lane.key, lane.next_attempt_ms.unwrap_or_default(), lane.gave_up);
        }
    }

    /// Somebody asked for it now: it waits no longer.
    pub fn hasten(&mut self, key: LaneKey, now_ms: i64) {
        let Some(id) = self.ids.get(&key).copied() else { return self.open(key, now_ms, false) };
        let Some(known) = self.known.get_mut(&id) else { return };
        known.told = true;
        if !known.running {
            self.waiting.remove(&(known.next_attempt_ms, id));
            known.next_attempt_ms = known.next_attempt_ms.min(now_ms);
            known.gave_up = false;
            self.waiting.insert((known.next_attempt_ms, id));
        }
    }

    /// Takes lanes that are due, longest waiting first; each is worked on until [`Self::ended`].
    pub fn take_due(&mut self, now_ms: i64, limit: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some(&(at, id)) = self.waiting.first()
            && at <= now_ms
        {
            self.waiting.pop_first();
            if let Some(known) = self.known.get_mut(&id) {
                (known.running, known.told) = (true, false);
                due.push(Due { id, key: known.key.clone(), gave_up: known.gave_up });
            }
        }
        due
    }

    /// A turn is over. One that found nothing ends its lane, unless something was added meanwhile.
    pub fn ended(&mut self, id: LaneId, how: &Ended, now_ms: i64) {
        let Some(known) = self.known.get_mut(&id) else { return };
        match *how {
            Ended::Empty if !known.told => {
                if let Some(known) = self.known.remove(&id) {
                    self.ids.remove(&known.key);
                }
                return;
            }
            Ended::Empty => (known.next_attempt_ms, known.gave_up) = (now_ms, false),
            Ended::GoesOn { next_attempt_ms, gave_up } => {
                (known.next_attempt_ms, known.gave_up) = (next_attempt_ms, gave_up);
            }
        }
        known.running = false;
        self.waiting.insert((known.next_attempt_ms, id));
    }

    /// When the next lane that is not worked on may be.
    pub fn next_due_ms(&self) -> Option<i64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Nothing is owed any more. Lanes that are worked on stay known until their turn ends, so that none is worked on twice.
    pub fn forget_waiting(&mut self) {
        for (_, id) in std::mem::take(&mut self.waiting) {
            if let Some(known) = self.known.remove(&id) {
                self.ids.remove(&known.key);
            }
        }
    }

    fn open(&mut self, key: LaneKey, next_attempt_ms: i64, gave_up: bool) {
        self.last += 1;
        let id = self.last;
        self.ids.insert(key.clone(), id);
        self.known.insert(id, Known { key, next_attempt_ms, gave_up, running: false, told: false });
        self.waiting.insert((next_attempt_ms, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(chat: &str) -> LaneKey {
        LaneKey { subscription: "hook".to_owned(), session: "default".to_owned(), chat: chat.to_owned() }
    }

    fn stored(chat: &str, next_attempt_ms: Option<i64>, gave_up: bool) -> Lane {
        Lane { key: key(chat), next_attempt_ms, gave_up }
    }

    fn chats(due: &[Due]) -> Vec<&str> {
        due.iter().map(|due| due.key.chat.as_str()).collect()
    }

    #[test]
    fn the_longest_waiting_come_first_and_each_once() {
        let mut lanes = Lanes::default();
        lanes.tell(key("late"), 30);
        lanes.tell(key("early"), 10);
        lanes.restore(stored("waits", Some(90), false));
        lanes.restore(stored("old", None, true));
        assert_eq!(lanes.next_due_ms(), Some(0));
        let first = lanes.take_due(50, 2);
        assert_eq!((chats(&first), first[0].gave_up), (vec!["old", "early"], true));
        assert_eq!(chats(&lanes.take_due(50, 9)), ["late"]);
        assert!(lanes.take_due(50, 9).is_empty());
        assert_eq!(lanes.next_due_ms(), Some(90));
    }

    #[test]
    fn what_is_added_during_a_turn_is_not_lost_with_its_lane() {
        let mut lanes = Lanes::default();
        lanes.tell(key("c"), 10);
        let due = lanes.take_due(10, 1).remove(0);
        lanes.tell(key("c"), 11);
        assert!(lanes.take_due(20, 1).is_empty(), "one turn at a time");
        lanes.ended(due.id, &Ended::Empty, 20);
        let again = lanes.take_due(20, 1).remove(0);
        lanes.ended(again.id, &Ended::Empty, 21);
        assert!(lanes.is_empty() && lanes.next_due_ms().is_none());
        // A turn that is told of late concerns no later lane of the chat.
        lanes.tell(key("c"), 30);
        lanes.ended(again.id, &Ended::GoesOn { next_attempt_ms: 99, gave_up: true }, 30);
        assert_eq!(lanes.next_due_ms(), Some(30));
    }

    #[test]
    fn a_retry_is_waited_for_until_somebody_asks() {
        let mut lanes = Lanes::default();
        lanes.tell(key("c"), 10);
        let due = lanes.take_due(10, 1).remove(0);
        lanes.ended(due.id, &Ended::GoesOn { next_attempt_ms: 500, gave_up: true }, 11);
        lanes.tell(key("c"), 12);
        lanes.restore(stored("c", None, false));
        assert!(lanes.take_due(499, 1).is_empty());
        lanes.hasten(key("c"), 13);
        let now = lanes.take_due(13, 1).remove(0);
        assert!(!now.gave_up);
        lanes.hasten(key("c"), 14);
        lanes.ended(now.id, &Ended::Empty, 15);
        assert_eq!(lanes.take_due(15, 1).len(), 1, "what was asked for during the turn");
    }

    #[test]
    fn what_is_not_owed_any_more_is_forgotten_but_for_what_is_on_its_way() {
        let mut lanes = Lanes::default();
        lanes.tell(key("c"), 10);
        let running = lanes.take_due(10, 1).remove(0);
        lanes.tell(key("d"), 11);
        lanes.forget_waiting();
        assert!(lanes.next_due_ms().is_none() && !lanes.is_empty());
        lanes.tell(key("c"), 12);
        assert!(lanes.take_due(12, 2).is_empty(), "it is worked on");
        lanes.ended(running.id, &Ended::Empty, 13);
        assert_eq!(chats(&lanes.take_due(13, 2)), ["c"], "told during its turn");
    }
}
