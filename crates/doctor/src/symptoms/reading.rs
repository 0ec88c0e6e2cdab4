//! How much of a log was read and understood.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::known::is_gateways;
use super::moment::Moment;
use super::text::Stored;
use super::unwrap::{Layout, Line};

/// So many lines of the beginning tell how a log is written.
const SAMPLE: u64 = 200;

/// What was read of a log. It says nothing of what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Lines that were read.
    pub lines: u64,
    /// Lines among them that wakeeper knows the meaning of.
    pub understood: u64,
    /// The earliest time that was seen in it, milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// The latest.
    pub to_ms: Option<i64>,
    /// Times without a zone were taken for UTC.
    pub zone_assumed: bool,
    /// How its lines are written, as far as the beginning shows.
    #[serde(serialize_with = "layout_names")]
    pub layouts: BTreeSet<Layout>,
    /// What it is stored as.
    #[serde(serialize_with = "stored_names")]
    pub stored: Vec<Stored>,
    /// Its beginning holds lines of a gateway, however little they say.
    #[serde(skip)]
    pub is_gateways: bool,
    /// Why it was not read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broke_off: Option<String>,
}

fn layout_names<S: Serializer>(layouts: &BTreeSet<Layout>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(layouts.iter().map(|layout| layout.name()))
}

fn stored_names<S: Serializer>(stored: &[Stored], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(stored.iter().map(|stored| stored.name()))
}

impl Reading {
    /// Whether it can be told from this log that something is, or is not, wrong: it holds lines that are known.
    pub fn is_understood(&self) -> bool {
        self.understood > 0 || self.is_gateways
    }

    /// Whether its lines are written as loggers of gateways write them.
    pub fn is_of_a_logger(&self) -> bool {
        self.layouts.iter().any(|layout| layout.is_loggers())
    }

    /// A time that was seen.
    pub(super) fn saw(&mut self, at: Option<Moment>) {
        let Some(at) = at else { return };
        self.saw_ms(at.at_ms);
        self.zone_assumed |= !at.has_zone;
    }

    /// A time that is known for sure.
    pub fn saw_ms(&mut self, at_ms: i64) {
        self.from_ms = Some(self.from_ms.map_or(at_ms, |from| from.min(at_ms)));
        self.to_ms = self.to_ms.max(Some(at_ms));
    }

    /// A line of the beginning.
    pub(super) fn sample(&mut self, line: &Line<'_>) {
        self.layouts.extend(&line.layouts);
        self.layouts.extend(line.logger());
        self.is_gateways = self.is_gateways || is_gateways(&line.text);
    }

    /// Whether the beginning is not over.
    pub(super) fn samples(&self) -> bool {
        self.lines <= SAMPLE
    }

    /// Adds what was read of another log.
    pub fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.understood += other.understood;
        [other.from_ms, other.to_ms].into_iter().flatten().for_each(|at| self.saw_ms(at));
        self.zone_assumed |= other.zone_assumed;
        self.layouts.extend(other.layouts);
        self.is_gateways |= other.is_gateways;
        self.stored.extend(other.stored);
        self.stored.sort_unstable();
        self.stored.dedup();
        self.broke_off = self.broke_off.take().or(other.broke_off);
    }
}
