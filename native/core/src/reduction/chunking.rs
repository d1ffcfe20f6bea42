//! Content-defined chunks (`FastCDC`, Xia et al. 2020) and their fingerprints (BLAKE3).

use fastcdc::v2020::{FastCDC, Normalization};

pub const FINGERPRINT_BYTES: usize = 32;

/// Lengths of chunks in bytes, and what makes the cuts of one store differ from those of another.
#[derive(Clone, Copy, Debug)]
pub struct Chunking {
    pub min: usize,
    pub average: usize,
    pub max: usize,
    /// Added to the table of the rolling hash, so that lengths of chunks give no content away.
    pub seed: u64,
}

impl Chunking {
    /// What the chunker can do: even lengths in ascending order, an average within its tables.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let Self {
            min, average, max, ..
        } = *self;
        let is_even = [min, average, max].iter().all(|length| length % 2 == 0);
        is_even
            && (64..=1 << 20).contains(&min)
            && (256..=1 << 22).contains(&average)
            && (1024..=1 << 24).contains(&max)
            && min <= average
            && average <= max
    }

    /// The lengths of the chunks of `bytes`, in order; `None` for lengths that are not valid.
    #[must_use]
    pub fn cut(&self, bytes: &[u8]) -> Option<Vec<usize>> {
        if !self.is_valid() {
            return None;
        }
        let chunker = FastCDC::with_level_and_seed(
            bytes,
            self.min,
            self.average,
            self.max,
            Normalization::Level1,
            self.seed,
        );
        Some(chunker.map(|chunk| chunk.length).collect())
    }
}

/// BLAKE3 of `bytes`; keyed unless the key is empty. `None` for a key of another length than 32.
#[must_use]
pub fn fingerprint(key: &[u8], bytes: &[u8]) -> Option<[u8; FINGERPRINT_BYTES]> {
    if key.is_empty() {
        return Some(*blake3::hash(bytes).as_bytes());
    }
    let key: &[u8; blake3::KEY_LEN] = key.try_into().ok()?;
    Some(*blake3::keyed_hash(key, bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::noise::noise;
    use super::*;

    const SEED: u32 = 0x9e37_79b9;

    const SIZES: Chunking = Chunking {
        min: 2048,
        average: 8192,
        max: 65_536,
        seed: 0,
    };

    #[test]
    fn chunks_cover_everything_within_their_lengths() {
        for length in [0, 1, 2047, 2048, 2049, 100_001, 1_000_000] {
            let chunks = SIZES.cut(&noise(length, SEED)).unwrap();
            assert_eq!(chunks.iter().sum::<usize>(), length);
            for (index, &chunk) in chunks.iter().enumerate() {
                assert!(chunk <= SIZES.max);
                assert!(chunk >= SIZES.min || index == chunks.len() - 1);
            }
        }
        let zeros = SIZES.cut(&vec![0; 200_000]).unwrap();
        assert!(zeros[..3].iter().all(|&length| length == SIZES.max));
    }

    #[test]
    fn an_insertion_moves_few_cuts_and_a_seed_moves_most() {
        let bytes = noise(1_000_000, SEED);
        let ends = |chunking: Chunking, bytes: &[u8]| -> Vec<usize> {
            let mut end = 0;
            let chunks = chunking.cut(bytes).unwrap();
            let ends = chunks.iter().map(|length| {
                end += length;
                bytes.len() - end
            });
            ends.collect()
        };
        let before = ends(SIZES, &bytes);
        let mut changed = bytes.clone();
        changed.splice(500_000..500_000, [1, 2, 3]);
        let after = ends(SIZES, &changed);
        let kept = |others: &[usize]| before.iter().filter(|end| others.contains(end)).count();
        assert!(kept(&after) * 2 > before.len() - 4);
        let seeded = ends(Chunking { seed: 77, ..SIZES }, &bytes);
        assert!(kept(&seeded) < before.len() / 4);
    }

    #[test]
    fn lengths_that_the_chunker_cannot_do_are_refused() {
        let wrong = [
            Chunking { min: 2047, ..SIZES },
            Chunking { min: 0, ..SIZES },
            Chunking { max: 4096, ..SIZES },
            Chunking {
                max: 1 << 25,
                ..SIZES
            },
            Chunking {
                average: 1024,
                ..SIZES
            },
        ];
        for chunking in wrong {
            assert_eq!(chunking.cut(&[1, 2, 3]), None);
        }
    }

    #[test]
    fn fingerprints_are_blake3() {
        // The empty input of the test vectors of BLAKE3.
        let empty = fingerprint(&[], &[]).unwrap();
        assert_eq!(empty[..4], [0xaf, 0x13, 0x49, 0xb9]);
        assert_ne!(fingerprint(&[1; 32], &[]), Some(empty));
        assert_eq!(fingerprint(&[1; 31], &[]), None);
    }
}
