//! Event ids: `evt_` and a ULID in small letters, as WAHA writes them (`^evt_[0-9a-z]{26}$`).

/// Crockford's base 32, which ULIDs are written in.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new id: 48 bits of time, then 80 random bits, so that ids sort by time.
pub(super) fn event_id(now_ms: i64) -> String {
    encode(u64::try_from(now_ms).unwrap_or_default(), rand::random())
}

fn encode(now_ms: u64, random: u128) -> String {
    let value = (u128::from(now_ms) << 80) | (random >> 48);
    let mut id = String::with_capacity(30);
    id.push_str("evt_");
    // 26 digits of 5 bits hold 130 bits; the first digit has only three of its own.
    for digit in (0..26).rev() {
        let index = usize::try_from((value >> (digit * 5)) & 31).unwrap_or_default();
        id.push(char::from(ALPHABET[index]));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_ulid_specifications_example() {
        // The specification's example time, 01ARZ3NDEK, is 1469922850259 ms.
        assert_eq!(encode(1_469_922_850_259, 0), "evt_01arz3ndek0000000000000000");
        assert_eq!(encode(0, u128::MAX), "evt_0000000000zzzzzzzzzzzzzzzz");
    }

    #[test]
    fn ids_differ_and_sort_by_time() {
        let (early, late) = (event_id(1_000), event_id(2_000));
        assert!(early < late);
        assert_ne!(event_id(1_000), event_id(1_000));
    }
}
