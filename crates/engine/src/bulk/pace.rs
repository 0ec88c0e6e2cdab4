//! When the next message of a bulk send goes out.

use std::time::Duration;

use rand::{Rng, RngExt};

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// The longest that "typing" is shown.
const LONGEST_TYPING_MS: u64 = 4_000;

/// A wait between two messages.
pub(super) fn between(min_ms: i64, max_ms: i64, random: &mut impl Rng) -> Duration {
    let (min, max) = (min_ms.max(0).unsigned_abs(), max_ms.max(0).unsigned_abs());
    Duration::from_millis(random.random_range(min..=max.max(min)))
}

/// How long somebody types a text: some milliseconds a letter, never long.
pub(super) fn typing(text: &str, random: &mut impl Rng) -> Duration {
    let letters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let a_letter = random.random_range(15..=35);
    Duration::from_millis(letters.saturating_mul(a_letter).saturating_add(300).min(LONGEST_TYPING_MS))
}

/// When the day began, in universal time.
pub(super) fn day_began_ms(now_ms: i64) -> i64 {
    now_ms - now_ms.rem_euclid(DAY_MS)
}

/// When the next day begins.
pub(super) fn next_day_ms(now_ms: i64) -> i64 {
    day_began_ms(now_ms) + DAY_MS
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn waits_are_between_their_bounds_and_differ() {
        let mut random = StdRng::seed_from_u64(7);
        let waits: Vec<_> = (0..100).map(|_| between(2_000, 5_000, &mut random).as_millis()).collect();
        assert!(waits.iter().all(|wait| (2_000..=5_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().min() < waits.iter().max());
        assert_eq!(between(0, 0, &mut random), Duration::ZERO);
        assert_eq!(between(3, 1, &mut random), Duration::from_millis(3));
    }

    #[test]
    fn long_texts_are_not_typed_for_ever() {
        let mut random = StdRng::seed_from_u64(7);
        assert!(typing("hi", &mut random) < Duration::from_millis(500));
        assert_eq!(typing(&"a".repeat(10_000), &mut random), Duration::from_secs(4));
    }

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!((day_began_ms(DAY_MS + 5), next_day_ms(DAY_MS + 5)), (DAY_MS, 2 * DAY_MS));
        assert_eq!(day_began_ms(-1), -DAY_MS);
    }
}
