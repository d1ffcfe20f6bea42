//! Super-features of chunks, by which chunks are found that are alike: Odess (Zou et al., "Odess: Speeding up Resemblance
//! Detection for Redundancy Elimination by Fast Content-Defined Sampling", ICDE 2021). The hash that rolls over the bytes
//! is the chunker's; one position in 128 is sampled by its value, so that both of two like chunks sample the same places.
//! Twelve linear transforms of the samples give a feature each, the greatest value; four features make a super-feature.
//! Chunks with a super-feature in common are alike in most of what was sampled.

use fastcdc::v2020::get_gear_with_seed;

use super::chunking::fingerprint;

pub const SUPER_FEATURES: usize = 3;
pub const SUPER_FEATURE_BYTES: usize = 8;
pub const SUPER_FEATURES_BYTES: usize = SUPER_FEATURES * SUPER_FEATURE_BYTES;
const FEATURES_EACH: usize = 4;
const FEATURES: usize = SUPER_FEATURES * FEATURES_EACH;
/// The high bits of the hash decide: they come from the last 26 to 32 bytes, low ones from a few bytes only.
const SAMPLED_BELOW: u32 = 1 << (32 - 7);
/// The transforms are part of the format of the index.
const TRANSFORMS: &[u8] = b"terrace super-features v1";

/// Finds super-features. Those of one store say nothing to who has neither its seed nor its key.
pub struct Similarity<'a> {
    gear: [u32; 256],
    /// Odd factors and summands.
    transforms: [(u32, u32); FEATURES],
    key: &'a [u8],
}

impl<'a> Similarity<'a> {
    /// With the seed of the chunker and the key of fingerprints; `None` for a key of the wrong length.
    #[must_use]
    pub fn new(seed: u64, key: &'a [u8]) -> Option<Self> {
        fingerprint(key, &[])?;
        let (table, _) = get_gear_with_seed(seed);
        let mut gear = [0; 256];
        for (target, &value) in gear.iter_mut().zip(&*table) {
            *target = low(value);
        }
        let mut transforms = [(0, 0); FEATURES];
        for (index, transform) in (0u8..).zip(&mut transforms) {
            let digest = fingerprint(&[], &[TRANSFORMS, &[index]].concat())?;
            let (numbers, _) = digest.split_first_chunk()?;
            let number = u64::from_le_bytes(*numbers);
            *transform = (low(number) | 1, low(number >> 32));
        }
        Some(Self {
            gear,
            transforms,
            key,
        })
    }

    /// Of one chunk; `None` when no place of it is sampled, as in a short or a monotonous one.
    #[must_use]
    pub fn super_features(&self, chunk: &[u8]) -> Option<[u8; SUPER_FEATURES_BYTES]> {
        let features = self.features(chunk)?;
        let mut output = [0; SUPER_FEATURES_BYTES];
        let groups = features.chunks_exact(FEATURES_EACH);
        let targets = output.chunks_exact_mut(SUPER_FEATURE_BYTES);
        for ((index, group), target) in (0u8..).zip(groups).zip(targets) {
            let mut input = vec![index];
            input.extend(group.iter().flat_map(|feature| feature.to_le_bytes()));
            target.copy_from_slice(&fingerprint(self.key, &input)?[..SUPER_FEATURE_BYTES]);
        }
        Some(output)
    }

    fn features(&self, chunk: &[u8]) -> Option<[u32; FEATURES]> {
        let mut features = [0; FEATURES];
        let mut hash = 0u32;
        let mut is_sampled = false;
        for &byte in chunk {
            hash = (hash << 1).wrapping_add(self.gear[usize::from(byte)]);
            if hash < SAMPLED_BELOW {
                is_sampled = true;
                for (feature, &(factor, summand)) in features.iter_mut().zip(&self.transforms) {
                    *feature = hash
                        .wrapping_mul(factor)
                        .wrapping_add(summand)
                        .max(*feature);
                }
            }
        }
        is_sampled.then_some(features)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the low half is what is wanted"
)]
const fn low(number: u64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use super::super::noise::noise;
    use super::*;

    fn shared(one: &[u8], other: &[u8]) -> usize {
        let similarity = Similarity::new(7, &[]).unwrap();
        let of = |bytes: &[u8]| similarity.super_features(bytes).unwrap();
        let (one, other) = (of(one), of(other));
        let pairs = one.chunks(8).zip(other.chunks(8));
        pairs.filter(|(one, other)| one == other).count()
    }

    #[test]
    fn most_chunks_that_differ_in_a_few_places_share_a_super_feature() {
        let mut found = 0;
        for seed in 1..=40 {
            let bytes = noise(65_536, seed);
            let mut changed = bytes.clone();
            changed.splice(1000..1010, *b"inserted here, and moves the rest");
            changed.splice(40_000..40_500, noise(300, seed + 1000));
            found += usize::from(shared(&bytes, &changed) > 0);
        }
        assert!(found >= 36, "{found} of 40");
    }

    #[test]
    fn chunks_that_have_nothing_in_common_share_none() {
        let bytes = noise(65_536, 1);
        for seed in 2..=40 {
            assert_eq!(shared(&bytes, &noise(65_536, seed)), 0);
        }
    }

    #[test]
    fn another_seed_or_key_gives_other_super_features() {
        let bytes = noise(65_536, 3);
        let of = |seed: u64, key: &[u8]| {
            Similarity::new(seed, key)
                .unwrap()
                .super_features(&bytes)
                .unwrap()
        };
        assert_ne!(of(1, &[]), of(2, &[]));
        assert_ne!(of(1, &[]), of(1, &[9; 32]));
        assert!(Similarity::new(1, &[9; 31]).is_none());
    }

    #[test]
    fn what_has_no_sample_has_no_super_features() {
        let similarity = Similarity::new(0, &[]).unwrap();
        assert_eq!(similarity.super_features(&[]), None);
        assert!(similarity.super_features(&noise(4096, 1)).is_some());
    }
}
