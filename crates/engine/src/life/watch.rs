//! Tells a server that went deaf from one that has nothing to say.
//!
//! WhatsApp's server answers pings. Only time in which this process really ran counts as silence: after a suspended machine, a
//! stopped process or a clock that jumped, the server gets its full time again.

use std::time::Duration;

use tokio::time::Instant;

/// How patient a [`Watch`] is.
#[derive(Clone, Copy, Debug)]
pub struct WatchTimes {
    /// How often it looks.
    pub tick: Duration,
    /// The silence after which the server is pinged. whatsapp-rust pings by itself every 15 to 30 s, but not while it
    /// waits for any other answer.
    pub probe: Duration,
    /// The silence after which the server counts as deaf.
    pub deaf: Duration,
    /// How long a send may wait for the server's acknowledgement on an open connection before that is told.
    pub acknowledged: Duration,
}

impl Default for WatchTimes {
    /// The status follows within 60 s: 45 s of silence and a tick; and so is told that acknowledgements stopped.
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(5),
            probe: Duration::from_secs(20),
            deaf: Duration::from_secs(45),
            acknowledged: Duration::from_secs(45),
        }
    }
}

/// What was heard of a server so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Frames, whatever they held.
    pub frames: u64,
    /// Answers to something that this device sent: only they prove that the way to the server is open, too.
    pub answers: u64,
}

/// What a look at a connection gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// The server was heard lately, and hears us.
    Fine,
    /// It was silent for some time, or has not answered for some time: ping it.
    Probe,
    /// It was silent too long, pings too; or it has not answered for too long.
    Deaf,
}

/// Watches one open connection.
#[derive(Debug)]
pub(crate) struct Watch {
    times: WatchTimes,
    heard: Heard,
    looked: Instant,
    /// How long no frame came.
    silence: Duration,
    /// How long no answer came.
    unanswered: Duration,
    /// Pings since the last answer.
    probes: u32,
}

impl Watch {
    pub(crate) fn new(times: WatchTimes, now: Instant, heard: Heard) -> Self {
        let (silence, unanswered) = (Duration::ZERO, Duration::ZERO);
        Self { times, heard, looked: now, silence, unanswered, probes: 0 }
    }

    /// When to look next.
    pub(crate) fn next(&self) -> Instant {
        self.looked + self.times.tick
    }

    /// Looks at what was heard so far.
    pub(crate) fn look(&mut self, now: Instant, heard: Heard) -> Hearing {
        let since = now.saturating_duration_since(self.looked);
        self.looked = now;
        let before = std::mem::replace(&mut self.heard, heard);
        self.silence = if heard.frames == before.frames { self.silence + since } else { Duration::ZERO };
        if heard.answers == before.answers {
            self.unanswered += since;
        } else {
            self.unanswered = Duration::ZERO;
            self.probes = 0;
        }
        let longest = self.silence.max(self.unanswered);
        if since > self.times.tick * 2 && longest > Duration::ZERO {
            // This process did not run, so it could not hear anything either: the server is asked again.
            self.silence = self.silence.min(self.times.probe);
            self.unanswered = self.unanswered.min(self.times.probe);
            self.probes += 1;
            return Hearing::Probe;
        }
        // One ping has always had time to be answered, however the ticks fell.
        if longest >= self.times.deaf && self.probes > 1 {
            return Hearing::Deaf;
        }
        if longest >= self.times.probe {
            self.probes += 1;
            return Hearing::Probe;
        }
        Hearing::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_FIRST: Heard = Heard { frames: 7, answers: 3 };

    fn watch(now: Instant) -> Watch {
        Watch::new(WatchTimes::default(), now, AT_FIRST)
    }

    /// Looks until the server counts as deaf; `change` is done before each look. Answers after how long, and what was seen.
    fn until_deaf(mut change: impl FnMut(&mut Heard)) -> (Duration, Vec<Hearing>) {
        let start = Instant::now();
        let (mut watch, mut now, mut heard, mut seen) = (watch(start), start, AT_FIRST, Vec::new());
        while seen.last() != Some(&Hearing::Deaf) {
            now = watch.next();
            change(&mut heard);
            seen.push(watch.look(now, heard));
            assert!(seen.len() < 1000, "never deaf");
        }
        (now - start, seen)
    }

    #[test]
    fn a_deaf_server_is_found_within_a_minute_and_pinged_before() {
        let (took, seen) = until_deaf(|_| {});
        assert!(took < Duration::from_mins(1), "{took:?}");
        assert!(seen.contains(&Hearing::Probe));
    }

    #[test]
    fn a_server_that_goes_on_sending_and_answers_nothing_is_deaf() {
        let (took, seen) = until_deaf(|heard| heard.frames += 5);
        assert!(took < Duration::from_mins(1), "{took:?}");
        assert!(seen.contains(&Hearing::Probe));
    }

    #[test]
    fn a_server_that_answers_pings_is_never_deaf() {
        let mut watch = watch(Instant::now());
        let mut heard = AT_FIRST;
        for _ in 0..10_000 {
            match watch.look(watch.next(), heard) {
                Hearing::Probe => heard = Heard { frames: heard.frames + 1, answers: heard.answers + 1 },
                Hearing::Deaf => panic!("a false alarm"),
                Hearing::Fine => {}
            }
        }
        assert!(heard.answers > 1000);
    }

    #[test]
    fn a_machine_that_slept_gives_the_server_its_time_again() {
        for ticks in 0..9 {
            let mut watch = watch(Instant::now());
            for _ in 0..ticks {
                assert_ne!(watch.look(watch.next(), AT_FIRST), Hearing::Deaf);
            }
            // Asleep for an hour; what came in meanwhile is read a moment after this look.
            let awake = watch.next() + Duration::from_hours(1);
            assert_ne!(watch.look(awake, AT_FIRST), Hearing::Deaf, "after {ticks} ticks");
            assert_eq!(watch.look(watch.next(), Heard { frames: 8, answers: 4 }), Hearing::Fine);
        }
    }
}
