//! Pictures to send.

/// Bytes that start as a PNG does and go on at random: nothing on the way may look into them.
pub fn picture(seed: u64, length: usize) -> Vec<u8> {
    use rand::{RngExt, SeedableRng};
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    bytes.extend((0..length).map(|_| rng.random::<u8>()));
    bytes
}
