//! Bytes for tests.

/// The same for the same seed, and nothing that compresses: xorshift.
pub fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[2]
        })
        .collect()
}
