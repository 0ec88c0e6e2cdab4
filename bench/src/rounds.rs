//! What each contender did in each case, round by round, and the figures that come of it.

use crate::figures::{Figure, RATE, median, quantile, sorted};
use crate::meter::Taken;
use crate::strace::Counts;

/// The server's share of a core from which on it may be what was measured.
const BUSY_SERVER: f64 = 0.8;

/// One measurement.
#[derive(Debug, Default)]
pub struct Round {
    /// Messages that were asked for.
    pub messages: usize,
    /// Those that came where they should.
    pub arrived: usize,
    /// How long each took, in milliseconds.
    pub latencies: Vec<f64>,
    /// What all of them took.
    pub taken: Taken,
    /// What must be known about it.
    pub note: Option<String>,
}

/// All measurements of one contender in one case.
struct Series {
    case: String,
    contender: &'static str,
    rounds: Vec<Round>,
    counts: Option<(Counts, usize)>,
}

/// All measurements of a part.
#[derive(Default)]
pub struct Rounds {
    series: Vec<Series>,
}

impl Rounds {
    fn series(&mut self, case: &str, contender: &'static str) -> &mut Series {
        let found = self.series.iter().position(|one| one.case == case && one.contender == contender);
        let place = found.unwrap_or_else(|| {
            let new = Series { case: case.to_owned(), contender, rounds: Vec::new(), counts: None };
            self.series.push(new);
            self.series.len() - 1
        });
        &mut self.series[place]
    }

    /// Adds a measurement.
    pub fn add(&mut self, case: &str, contender: &'static str, round: Round) {
        println!(
            "  {contender}, {case}: {} of {} in {:.2} s",
            round.arrived, round.messages, round.taken.seconds
        );
        self.series(case, contender).rounds.push(round);
    }

    /// Adds what system calls so many messages took.
    pub fn count(&mut self, case: &str, contender: &'static str, counts: Counts, messages: usize) {
        self.series(case, contender).counts = Some((counts, messages));
    }

    /// Medians of the rounds; latencies are those of all rounds together.
    pub fn figures(self) -> Vec<Figure> {
        let mut cases: Vec<String> = Vec::new();
        for one in &self.series {
            if !cases.contains(&one.case) {
                cases.push(one.case.clone());
            }
        }
        let mut series = self.series;
        series.sort_by_key(|one| cases.iter().position(|case| *case == one.case));
        series.into_iter().map(Series::figure).collect()
    }
}

impl Series {
    fn figure(self) -> Figure {
        let Self { case, contender, rounds, counts } = self;
        // Each message that came counts; one that did not cost as well.
        let per_message =
            |of: fn(&Taken) -> f64| median(rounds.iter().map(|r| of(&r.taken) / r.messages as f64));
        let latencies = sorted(rounds.iter().flat_map(|round| round.latencies.iter().copied()));
        // Of all rounds: the kernel counts in hundredths of a second, and one round may be short.
        let total = |of: fn(&Taken) -> f64| rounds.iter().map(|round| of(&round.taken)).sum::<f64>();
        let server = total(|taken| taken.server_ms) / 1000.0 / total(|taken| taken.seconds);
        let mut figure = Figure::new(&case, contender)
            .with(RATE, median(rounds.iter().map(|round| round.arrived as f64 / round.taken.seconds)));
        if !latencies.is_empty() {
            for (name, share) in [("p50 ms", 0.5), ("p99 ms", 0.99), ("p99.9 ms", 0.999)] {
                figure = figure.with(name, quantile(&latencies, share));
            }
        }
        figure = figure.with("CPU ms", per_message(|taken| taken.totals.cpu_ms));
        if let Some((counts, messages)) = counts {
            figure = figure
                .with("fsyncs", counts.syncs as f64 / messages as f64)
                .with("system calls", counts.calls as f64 / messages as f64);
        }
        figure = figure
            .with("KB to disk", per_message(|taken| taken.totals.written as f64 / 1000.0))
            .with("KB written", per_message(|taken| taken.totals.handed_over as f64 / 1000.0))
            .with("server cores", server);
        let (messages, arrived): (usize, usize) = rounds
            .iter()
            .fold((0, 0), |(messages, arrived), round| (messages + round.messages, arrived + round.arrived));
        figure = figure.with("arrived", arrived as f64).with("asked for", messages as f64);
        if server > BUSY_SERVER {
            figure.notes.push(format!(
                "the server took {server:.2} of a core: this may be its limit and not the contender's"
            ));
        }
        if arrived != messages {
            figure.notes.push(format!("{arrived} of {messages} messages arrived"));
        }
        figure.notes.extend(rounds.into_iter().find_map(|round| round.note));
        figure
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Totals;

    fn round(seconds: f64, server_ms: f64) -> Round {
        let totals = Totals { cpu_ms: 20.0, handed_over: 40_000, written: 80_000 };
        Round {
            messages: 10,
            arrived: 10,
            latencies: vec![1.0; 10],
            taken: Taken { seconds, totals, server_ms },
            note: None,
        }
    }

    #[test]
    fn medians_are_of_rounds_and_per_message() {
        let mut rounds = Rounds::default();
        for seconds in [1.0, 2.0, 10.0] {
            rounds.add("one", "bare", round(seconds, 950.0 * seconds));
        }
        rounds.count("one", "bare", Counts { calls: 300, syncs: 20 }, 10);
        let figures = rounds.figures();
        let value = |name| figures[0].value(name).unwrap();
        assert_eq!((value(RATE), value("CPU ms"), value("KB to disk")), (5.0, 2.0, 8.0));
        assert_eq!((value("fsyncs"), value("system calls"), value("p99 ms")), (2.0, 30.0, 1.0));
        assert_eq!(figures[0].notes.len(), 1, "{:?}", figures[0].notes);
        assert!(figures[0].notes[0].contains("0.95 of a core"), "{:?}", figures[0].notes);
    }
}
