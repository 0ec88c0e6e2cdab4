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
}

impl Default for WatchTimes {
    /// The status follows within 60 s: 45 s of silence and a tick.
    fn default() -> Self {
        Self { tick: Duration::from_secs(5), probe: Duration::from_secs(20), deaf: Duration::from_secs(45) }
    }
}

/// What a look at a connection gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// The server was heard lately.
    Fine,
    /// It was silent for some time: ping it.
    Probe,
    /// It was silent too long, pings too.
    Deaf,
}

/// Watches one open connection.
#[derive(Debug)]
pub(super) struct Watch {
    times: WatchTimes,
    frames: u64,
    looked: Instant,
    silence: Duration,
    probes: u32,
}

impl Watch {
    pub(super) fn new(times: WatchTimes, now: Instant, frames: u64) -> Self {
        Self { times, frames, looked: now, silence: Duration::ZERO, probes: 0 }
    }

    /// When to look next.
    pub(super) fn next(&self) -> Instant {
        self.looked + self.times.tick
    }

    /// Looks at the number of frames that came in so far.
    pub(super) fn look(&mut self, now: Instant, frames: u64) -> Hearing {
        let since = now.saturating_duration_since(self.looked);
        self.looked = now;
        if frames != self.frames {
            self.frames = frames;
            self.silence = Duration::ZERO;
            self.probes = 0;
            return Hearing::Fine;
        }
        if since > self.times.tick * 2 {
            // This process did not run, so it could not hear anything either: the server is asked again.
            self.silence = self.silence.min(self.times.probe);
            self.probes += 1;
            return Hearing::Probe;
        }
        self.silence += since;
        // One ping has always had time to be answered, however the ticks fell.
        if self.silence >= self.times.deaf && self.probes > 1 {
            return Hearing::Deaf;
        }
        if self.silence >= self.times.probe {
            self.probes += 1;
            return Hearing::Probe;
        }
        Hearing::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(now: Instant) -> Watch {
        Watch::new(WatchTimes::default(), now, 7)
    }

    #[test]
    fn a_deaf_server_is_found_within_a_minute_and_pinged_before() {
        let start = Instant::now();
        let mut watch = watch(start);
        let mut seen = Vec::new();
        let mut now = start;
        while seen.last() != Some(&Hearing::Deaf) {
            now = watch.next();
            seen.push(watch.look(now, 7));
        }
        assert!(now - start < Duration::from_mins(1), "{:?}", now - start);
        assert!(seen.contains(&Hearing::Probe));
    }

    #[test]
    fn a_server_that_answers_pings_is_never_deaf() {
        let mut watch = watch(Instant::now());
        let mut frames = 7;
        for _ in 0..10_000 {
            match watch.look(watch.next(), frames) {
                Hearing::Probe => frames += 1,
                Hearing::Deaf => panic!("a false alarm"),
                Hearing::Fine => {}
            }
        }
        assert!(frames > 1000);
    }

    #[test]
    fn a_machine_that_slept_gives_the_server_its_time_again() {
        for ticks in 0..9 {
            let mut watch = watch(Instant::now());
            for _ in 0..ticks {
                assert_ne!(watch.look(watch.next(), 7), Hearing::Deaf);
            }
            // Asleep for an hour; what came in meanwhile is read a moment after this look.
            let awake = watch.next() + Duration::from_hours(1);
            assert_ne!(watch.look(awake, 7), Hearing::Deaf, "after {ticks} ticks");
            assert_eq!(watch.look(watch.next(), 8), Hearing::Fine);
        }
    }

    #[test]
    fn a_clock_that_stands_still_is_no_silence() {
        let now = Instant::now();
        let mut watch = watch(now);
        for _ in 0..100 {
            assert_eq!(watch.look(now, 7), Hearing::Fine);
        }
    }
}
