//! Finds the few lines of a log that a table could match, without reading the rest line by line.
//!
//! Every pattern yields literals of which a match must hold one; the patterns give them up themselves, so that a
//! new row needs nothing more. A packed searcher looks for all of them at once, at the speed of memory, and tells
//! which rows a line is worth trying.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, packed};
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

/// Shorter literals stand in too many innocent lines.
const SHORTEST: usize = 4;

/// Parts of literals that hardly stand in ordinary lines. A literal that holds none is searched for whole, so this
/// list is about speed alone: the fewer and the rarer the needles, the faster the search.
const RARE: &[&str] = &[
    " MAC",
    "BadMac",
    "Session e",
    "SessionE",
    "[as ",
    "No s",
    "No m",
    "No S",
    "PreKey",
    "Key used",
    "Key: <B",
    "Got ",
    "Chain c",
    " Failure",
    " Errored",
    "QR r",
    "to WA",
    ": open",
    ": undef",
    "flict=",
    "device_rem",
    "replaced\"",
    "Closing ",
    "Over 2",
    "non-exist",
    "retry re",
    "senderM",
    " Object",
    "JSON in",
    "EIO: ",
];

/// What lines that matter hold.
pub(super) struct Needles {
    search: Search,
    /// For every needle, the rows whose matches hold it.
    rows: Vec<Vec<usize>>,
}

enum Search {
    Packed(packed::Searcher),
    /// On processors without vector instructions, and for more literals than those can take.
    Automaton(AhoCorasick),
    /// A pattern gives no literal, so every line may matter.
    Everything,
}

impl Needles {
    /// The literals of patterns; rows are numbered as the patterns come.
    pub(super) fn of<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let patterns: Vec<_> = patterns.collect();
        let everything = || Self { search: Search::Everything, rows: vec![(0..patterns.len()).collect()] };
        let Some(literals) = patterns.iter().map(|pattern| literals(pattern)).collect::<Option<Vec<_>>>()
        else {
            return everything();
        };
        let needles = without_covered(literals.iter().flatten().map(|literal| rare_part(literal)).collect());
        let mut rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, literal) in
            literals.iter().enumerate().flat_map(|(row, all)| all.iter().map(move |one| (row, one)))
        {
            let held = |needle: &&[u8]| memchr::memmem::find(literal, needle).is_some();
            let Some(needle) = needles.iter().position(held) else { return everything() };
            let rows = rows.entry(needle).or_default();
            if rows.last() != Some(&row) {
                rows.push(row);
            }
        }
        let search = match packed::Config::new().builder().extend(&needles).build() {
            Some(searcher) => Search::Packed(searcher),
            None => match AhoCorasick::new(&needles) {
                Ok(automaton) => Search::Automaton(automaton),
                Err(_) => return everything(),
            },
        };
        Self { search, rows: rows.into_values().collect() }
    }

    /// Where the first needle begins.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        self.first(text).map(|(at, _)| at)
    }

    /// The rows that a line may match, in order.
    pub(super) fn rows(&self, line: &[u8]) -> Vec<usize> {
        let mut rows = Vec::new();
        let mut from = 0;
        while let Some((at, needle)) = line.get(from..).and_then(|rest| self.first(rest)) {
            rows.extend(self.rows.get(needle).into_iter().flatten());
            if matches!(self.search, Search::Everything) {
                break;
            }
            // Needles may overlap; none begins like another one.
            from += at + 1;
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// The first needle: where it begins and which one it is.
    fn first(&self, text: &[u8]) -> Option<(usize, usize)> {
        match &self.search {
            Search::Packed(searcher) => {
                searcher.find(text).map(|found| (found.start(), found.pattern().as_usize()))
            }
            Search::Automaton(automaton) => {
                automaton.find(text).map(|found| (found.start(), found.pattern().as_usize()))
            }
            Search::Everything => (!text.is_empty()).then_some((0, 0)),
        }
    }

    #[cfg(test)]
    pub(super) fn are_few(&self) -> bool {
        !matches!(self.search, Search::Everything) && self.rows.len() <= 64
    }
}

/// Literals of which every match of the pattern holds one: those it begins with, or those it ends in.
fn literals(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let of = |kind| Extractor::new().kind(kind).extract(&pattern);
    let shortest = |literals: &Seq| literals.min_literal_len().unwrap_or(0);
    let (prefixes, suffixes) = (of(ExtractKind::Prefix), of(ExtractKind::Suffix));
    let best = if shortest(&suffixes) > shortest(&prefixes) { suffixes } else { prefixes };
    if shortest(&best) < SHORTEST {
        return None;
    }
    Some(best.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect())
}

/// Where the literal stands, this part of it stands too.
fn rare_part(literal: &[u8]) -> &[u8] {
    let held = |part: &&&str| memchr::memmem::find(literal, part.as_bytes()).is_some();
    RARE.iter().find(held).map_or(literal, |part| part.as_bytes())
}

/// Leaves out every needle that holds another one: where it stands, that one stands too.
fn without_covered(mut needles: Vec<&[u8]>) -> Vec<&[u8]> {
    needles.sort_unstable_by_key(|needle| (needle.len(), *needle));
    needles.dedup();
    let mut kept: Vec<&[u8]> = Vec::new();
    for needle in needles {
        let covered = kept.iter().any(|other| memchr::memmem::find(needle, other).is_some());
        if !covered {
            kept.push(needle);
        }
    }
    kept
}
