//! Tests that try other moments and other failures each time: how often they run, and from which seed.

use rand::RngExt;

/// How many rounds `cargo xtask long` asks for; one otherwise.
const ROUNDS: &str = "WAKEEPER_TEST_ROUNDS";
/// Repeats one seed.
const SEED: &str = "E2E_SEED";

/// The seeds to run a test with, each told as it begins: the one that somebody chose, or new ones.
pub fn seeds() -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let chosen = number(SEED);
    let rounds = if chosen.is_some() { 1 } else { number(ROUNDS).unwrap_or(1) };
    (1..=rounds).map(move |round| {
        let seed = chosen.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
        eprintln!("round {round} of {rounds} ({ROUNDS}): seed {seed}; {SEED}={seed} repeats it");
        seed
    })
}
