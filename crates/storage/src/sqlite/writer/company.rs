//! How long callers wait for company. Those that were answered together come back at about the same time: whoever is the first
//! of them waits a moment for the others, so that they share a commit again. Whoever came alone the last time waits for nobody.

use std::time::Duration;

use tokio::time::Instant;

/// The longest that a caller waits for others.
const LONGEST: Duration = Duration::from_millis(4);

/// What is known of the group that was written last, and when the next one is.
#[derive(Default)]
pub(super) struct Company {
    /// Callers that were answered together.
    last: usize,
    /// When the first that waits now has waited long enough.
    until: Option<Instant>,
}

impl Company {
    /// Until when so many callers wait; nothing when they do not.
    pub(super) fn wait(&mut self, callers: usize, now: Instant) -> Option<Instant> {
        if callers == 0 || callers >= self.last {
            return None;
        }
        Some(*self.until.get_or_insert(now + LONGEST)).filter(|until| now < *until)
    }

    /// So many were written together.
    pub(super) fn wrote(&mut self, callers: usize) {
        *self = Self { last: callers, until: None };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_alone_waits_for_nobody() {
        let (mut company, now) = (Company::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(company.wait(1, now), None);
            company.wrote(1);
        }
    }

    #[test]
    fn the_first_of_many_waits_for_the_others_and_not_for_long() {
        let (mut company, now) = (Company::default(), Instant::now());
        company.wrote(8);
        assert_eq!(company.wait(0, now), None, "nobody waits");
        let until = Some(now + LONGEST);
        assert_eq!(company.wait(1, now), until);
        assert_eq!(company.wait(7, now + LONGEST / 2), until, "from the first on");
        assert_eq!(company.wait(8, now + LONGEST / 2), None, "all are there");
        assert_eq!(company.wait(2, now + LONGEST), None, "the others do not come");
        company.wrote(2);
        assert_eq!(company.wait(2, now), None);
        company.wrote(1);
        assert_eq!(company.wait(1, now), None, "they are few now");
    }
}
