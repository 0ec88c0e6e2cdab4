//! The wakeeper binary.
fn main() {}
