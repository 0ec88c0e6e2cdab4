//! When sessions log in after a start: so many each second, so that neither this machine nor WhatsApp has to deal with all of
//! them at once.

use std::time::Duration;

use tokio::time::Instant;

/// The turns of the sessions that are started together.
#[derive(Debug)]
pub(crate) struct Turns {
    began: Instant,
    per_second: u32,
    given: u32,
}

impl Turns {
    /// Turns from now on; with 0 a second it is everybody's at once.
    pub(crate) fn new(began: Instant, per_second: u32) -> Self {
        Self { began, per_second, given: 0 }
    }

    /// When the next session logs in; nothing, when it need not wait. Those of the first second do not.
    pub(crate) fn next(&mut self) -> Option<Instant> {
        let waits = self.given.checked_sub(self.per_second).filter(|_| self.per_second > 0);
        self.given = self.given.saturating_add(1);
        waits.map(|before| {
            self.began + Duration::from_secs(1) + Duration::from_secs(1) / self.per_second * before
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(per_second: u32, count: usize) -> Vec<u64> {
        let began = Instant::now();
        let mut turns = Turns::new(began, per_second);
        let mut next = || turns.next().map_or(0, |moment| (moment - began).as_millis() as u64);
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn so_many_log_in_each_second_and_the_first_ones_at_once() {
        assert_eq!(waits(2, 6), [0, 0, 1000, 1500, 2000, 2500]);
        let thousand = waits(10, 1000);
        for second in 0..99 {
            let from = second * 1000;
            let turns = thousand.iter().filter(|at| (from..from + 1000).contains(*at)).count();
            assert_eq!(turns, 10, "in second {second}");
        }
    }

    #[test]
    fn without_a_pace_nobody_waits() {
        assert_eq!(waits(0, 3), [0, 0, 0]);
    }
}
