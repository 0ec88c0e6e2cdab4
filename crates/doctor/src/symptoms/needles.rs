//! Finds the few lines of a log that a table could match, without reading the rest line by line.
//!
//! Every pattern yields literals of which a match must hold one; the patterns give them up themselves, so that a
//! new row needs nothing more. A packed searcher looks for all of them at once, at the speed of memory, and tells
//! which rows a line is worth trying.

use aho_corasick::{AhoCorasick, Input, Span, packed};
use memchr::memmem::Finder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, HirKind};

/// Shorter literals stand in too many innocent lines.
const SHORTEST: usize = 4;

/// Parts of literals that hardly stand in ordinary lines. A literal that holds none is searched for whole, so this
/// list is about speed alone: the fewer the needles the faster the search, and the first four bytes of each should be
/// rare, because they are what is looked at first.
const RARE: &[&str] = &[
    " MAC",
    "Got ",
    " found",
    "No s",
    "QR r",
    "[as ",
    "EIO: ",
    "EROFS",
    "open",
    "EACCES",
    "EISDIR",
    "ENOSPC",
    "Over 2",
    "PreKey",
    "flict",
    "Buffer",
    ": undef",
    "losed",
    "JSON in",
    "derMes",
    " Errored",
    "Key used",
    "ionE",
    "retry re",
    "n erro",
    "non-exist",
    "ce_remov",
    "usCode",
    " failed",
    "pting",
    "ge with",
    "ddr#",
    "creds.js",
    "FileCor",
    "ading 'p",
    "tusReas",
    "ocation",
    "ct fail",
    "n device",
    " quota",
    "k is full",
    "ly datab",
    "k I/O",
    "ubParam",
    "o many op",
    "signed out",
    "uthentic",
    "valid ses",
    "ne-time",
    "ld counter",
];

/// What lines that matter hold.
pub(super) struct Needles {
    search: Search,
    /// For every needle, the rows whose matches hold it.
    rows: Vec<RowSet>,
}

/// Rows of the tables, by number. There is room for twice as many as there are; a test counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowSet(u128);

impl RowSet {
    /// The most rows that there may be.
    pub(super) const ROOM: usize = u128::BITS as usize;

    fn one(row: usize) -> Self {
        Self(1 << row)
    }

    /// The rows for which this says so, in order.
    pub(super) fn of(rows: impl Iterator<Item = bool>) -> Self {
        rows.take(Self::ROOM)
            .enumerate()
            .filter(|(_, is)| *is)
            .fold(Self::default(), |set, (row, _)| Self(set.0 | Self::one(row).0))
    }

    /// Those rows, too.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Their numbers, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let row = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(row)
        })
    }
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
        let everything = || {
            let all = patterns.len().min(RowSet::ROOM);
            let rows = (0..all).fold(0, |rows, row| rows | RowSet::one(row).0);
            Self { search: Search::Everything, rows: vec![RowSet(rows)] }
        };
        let Some(literals) = patterns.iter().map(|pattern| required(pattern)).collect::<Option<Vec<_>>>()
        else {
            return everything();
        };
        let needles = without_covered(
            literals.iter().flatten().map(|literal| rare_part(literal).unwrap_or(literal)).collect(),
        );
        let mut rows = vec![RowSet::default(); needles.len()];
        for (row, literal) in
            literals.iter().enumerate().flat_map(|(row, all)| all.iter().map(move |one| (row, one)))
        {
            let held = |needle: &&[u8]| memchr::memmem::find(literal, needle).is_some();
            let Some(needle) = needles.iter().position(held) else { return everything() };
            rows[needle].add(RowSet::one(row));
        }
        let search = match packed::Config::new().builder().extend(&needles).build() {
            Some(searcher) => Search::Packed(searcher),
            None => match AhoCorasick::new(&needles) {
                Ok(automaton) => Search::Automaton(automaton),
                Err(_) => return everything(),
            },
        };
        Self { search, rows }
    }

    /// The first needle that begins at `from` or behind it: where, and the rows that its line may match.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, RowSet)> {
        let rest = Span { start: from.min(text.len()), end: text.len() };
        let (at, needle) = match &self.search {
            Search::Packed(searcher) => {
                searcher.find_in(text, rest).map(|found| (found.start(), found.pattern().as_usize()))?
            }
            Search::Automaton(automaton) => {
                let found = automaton.find(Input::new(text).span(rest))?;
                (found.start(), found.pattern().as_usize())
            }
            // Every line, once.
            Search::Everything => {
                let line = if from == 0 { 0 } else { from + memchr::memchr(b'\n', &text[rest])? + 1 };
                (line < text.len()).then_some((line, 0))?
            }
        };
        Some((at, self.rows.get(needle).copied().unwrap_or_default()))
    }

    #[cfg(test)]
    pub(super) fn are_few(&self) -> bool {
        !matches!(self.search, Search::Everything) && self.rows.len() <= 56
    }
}

/// What a line must hold for a pattern to be tried on it.
pub(super) struct Literals(Vec<Finder<'static>>, bool);

impl Literals {
    /// The literals of a pattern; none when any line may match.
    pub(super) fn of(pattern: &str) -> Self {
        let found = literals(pattern).unwrap_or(Found { texts: Vec::new(), whole: false });
        Self(found.texts.iter().map(|text| Finder::new(text).into_owned()).collect(), found.whole)
    }

    /// Whether a line holds one.
    pub(super) fn are_in(&self, line: &[u8]) -> bool {
        self.0.is_empty() || self.0.iter().any(|literal| literal.find(line).is_some())
    }

    /// A line that holds one is a match: the pattern is nothing but them.
    pub(super) fn are_all(&self) -> bool {
        self.1
    }
}

struct Found {
    texts: Vec<Vec<u8>>,
    /// The pattern is nothing but these.
    whole: bool,
}

/// Literals of which every match of the pattern holds one: those it begins with, or those it ends in.
fn literals(pattern: &str) -> Option<Found> {
    let pattern = regex_syntax::parse(pattern).ok()?;
    let of = |kind| Extractor::new().kind(kind).extract(&pattern);
    let shortest = |literals: &Seq| literals.min_literal_len().unwrap_or(0);
    let (prefixes, suffixes) = (of(ExtractKind::Prefix), of(ExtractKind::Suffix));
    let best = if shortest(&suffixes) > shortest(&prefixes) { suffixes } else { prefixes };
    if shortest(&best) < SHORTEST {
        return None;
    }
    let texts = best.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect();
    Some(Found { texts, whole: best.is_exact() })
}

/// Literals of which every match holds one, wherever in it: those that are found fastest.
fn required(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let sets = sets(&regex_syntax::parse(pattern).ok()?);
    best(sets).filter(|set| set.iter().all(|literal| literal.len() >= SHORTEST))
}

/// Sets of literals, of each of which every match holds a member.
fn sets(pattern: &Hir) -> Vec<Vec<Vec<u8>>> {
    match pattern.kind() {
        HirKind::Literal(literal) => vec![vec![literal.0.to_vec()]],
        HirKind::Capture(capture) => sets(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => sets(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(sets).collect(),
        HirKind::Alternation(parts) => {
            let each: Option<Vec<_>> = parts.iter().map(|part| best(sets(part))).collect();
            each.map(|each| each.concat()).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The set whose members are all rare, else the one whose shortest member is longest.
fn best(sets: Vec<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let is_rare = |set: &[Vec<u8>]| set.iter().all(|literal| rare_part(literal).is_some());
    let shortest = |set: &[Vec<u8>]| set.iter().map(Vec::len).min();
    sets.into_iter().max_by_key(|set| (is_rare(set), shortest(set)))
}

/// Where the literal stands, this part of it stands too.
fn rare_part(literal: &[u8]) -> Option<&'static [u8]> {
    let held = |part: &&&str| memchr::memmem::find(literal, part.as_bytes()).is_some();
    RARE.iter().find(held).map(|part| part.as_bytes())
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
