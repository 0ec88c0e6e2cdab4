//! Tests that try other moments and other failures each time: how often they run, and from which seed.

use rand::RngExt;

/// How many rounds `cargo xtask long` asks for; one otherwise.
const ROUNDS: &str = "WAKEEPER_TEST_ROUNDS";
/// Repeats one seed.
const SEED: &str = "E2E_SEED";

/// Whether `cargo xtask long` asks, for which everything is tried that others try a part of.
pub fn is_long() -> bool {
    number(ROUNDS).is_some_and(|rounds| rounds > 1)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The seeds to run a test with, each told as it begins: the one that somebody chose, or new ones.
pub fn seeds() -> impl Iterator<Item = u64> {
    let chosen = number(SEED);
    let rounds = if chosen.is_some() { 1 } else { number(ROUNDS).unwrap_or(1) };
    (1..=rounds).map(move |round| {
        let seed = chosen.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
        eprintln!("round {round} of {rounds} ({ROUNDS}): seed {seed}; {SEED}={seed} repeats it");
        seed
    })
}
