//! MD5 of several streams at a time. One stream waits for its own chain of additions; in the lanes of a vector register the
//! chains of up to sixteen streams go on side by side, at the cost of one.

use super::{Md5, BLOCK_BYTES};

/// Of the widest kernel.
pub const LANES_MAX: usize = 16;

/// A stream and the bytes that come next in it.
pub struct Feed<'a> {
    pub md5: &'a mut Md5,
    pub bytes: &'a [u8],
}

/// Feeds every stream, as `Md5::update` would.
pub fn update_all(feeds: &mut [Feed<'_>]) {
    for feed in &mut *feeds {
        feed.bytes = feed.md5.complete_block(feed.bytes);
    }
    let kernels = Kernel::available();
    loop {
        let mut lanes: Vec<&mut Feed<'_>> = feeds
            .iter_mut()
            .filter(|feed| feed.bytes.len() >= BLOCK_BYTES)
            .collect();
        if lanes.is_empty() {
            break;
        }
        let kernel = Kernel::for_streams(kernels, lanes.len());
        lanes.truncate(kernel.lanes());
        kernel.run(&mut lanes);
    }
    for feed in feeds {
        feed.md5.keep_rest(feed.bytes);
    }
}

/// What compresses the blocks, and of how many streams at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Registers of general use. Vectors are no faster for one stream.
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Three-way logic and rotation are one instruction each, in registers of 32 bytes.
    #[cfg(target_arch = "x86_64")]
    Avx512Half,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// What this CPU has, by number of lanes.
    #[must_use]
    pub fn available() -> &'static [Self] {
        static AVAILABLE: std::sync::OnceLock<Vec<Kernel>> = std::sync::OnceLock::new();
        AVAILABLE.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                    return vec![Self::Scalar, Self::Avx512Half, Self::Avx512];
                }
                if is_x86_feature_detected!("avx2") {
                    return vec![Self::Scalar, Self::Avx2];
                }
            }
            vec![Self::Scalar]
        })
    }

    /// The smallest that takes all of them, else the widest.
    fn for_streams(kernels: &[Self], count: usize) -> Self {
        kernels
            .iter()
            .copied()
            .find(|kernel| kernel.lanes() >= count)
            .unwrap_or(kernels[kernels.len() - 1])
    }

    #[must_use]
    pub const fn lanes(self) -> usize {
        match self {
            Self::Scalar => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512Half => 8,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 16,
        }
    }

    /// As many whole blocks of each stream as the shortest one has.
    fn run(self, feeds: &mut [&mut Feed<'_>]) {
        let count = feeds
            .iter()
            .map(|feed| feed.bytes.len() / BLOCK_BYTES)
            .min()
            .unwrap_or(0);
        match self {
            Self::Scalar => {
                for feed in &mut *feeds {
                    let (blocks, _) = feed.bytes[..count * BLOCK_BYTES].as_chunks::<BLOCK_BYTES>();
                    for block in blocks {
                        super::compress(&mut feed.md5.state, block);
                    }
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86::run(feeds, count, |states, blocks| {
                // SAFETY: `available` has asked the CPU; each pointer is good for `count` blocks.
                unsafe { x86::eight::compress(states, blocks, count) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Half => x86::run(feeds, count, |states, blocks| {
                // SAFETY: as above.
                unsafe { x86::eight_ternary::compress(states, blocks, count) }
            }),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::run(feeds, count, |states, blocks| {
                // SAFETY: as above.
                unsafe { x86::sixteen::compress(states, blocks, count) }
            }),
        }
        for feed in feeds {
            feed.bytes = &feed.bytes[count * BLOCK_BYTES..];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(seed: usize, length: usize) -> Vec<u8> {
        (0..length)
            .map(|index| (index * 31 + seed * 17 + index / 251).to_le_bytes()[0])
            .collect()
    }

    fn digest_alone(bytes: &[u8]) -> [u8; 16] {
        let mut md5 = Md5::new();
        md5.update(bytes);
        md5.finalize()
    }

    #[test]
    fn streams_side_by_side_have_the_digests_that_they_have_alone() {
        for count in [0, 1, 2, 7, 8, 9, 16, 17, 33] {
            let texts: Vec<Vec<u8>> = (0..count)
                .map(|stream| bytes_of(stream, (stream * 4099) % 9001 + stream))
                .collect();
            let mut streams = vec![Md5::new(); count];
            // In three cuts, none of them at a block.
            for cut in 0..3 {
                let mut feeds: Vec<Feed<'_>> = streams
                    .iter_mut()
                    .zip(&texts)
                    .map(|(md5, text)| Feed {
                        md5,
                        bytes: &text[text.len() * cut / 3..text.len() * (cut + 1) / 3],
                    })
                    .collect();
                update_all(&mut feeds);
            }
            for (md5, text) in streams.into_iter().zip(&texts) {
                assert_eq!(md5.finalize(), digest_alone(text), "of {count}");
            }
        }
    }

    #[test]
    fn every_kernel_of_this_machine_agrees_with_the_scalar_one() {
        let mut kernels = Kernel::available().to_vec();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            kernels.push(Kernel::Avx2);
        }
        kernels.push(Kernel::Scalar);
        for kernel in kernels {
            for count in 1..=kernel.lanes() {
                let texts: Vec<Vec<u8>> =
                    (0..count).map(|stream| bytes_of(stream, 64 * 5)).collect();
                let mut streams = vec![Md5::new(); count];
                let mut feeds: Vec<Feed<'_>> = streams
                    .iter_mut()
                    .zip(&texts)
                    .map(|(md5, bytes)| Feed { md5, bytes })
                    .collect();
                let mut lanes: Vec<&mut Feed<'_>> = feeds.iter_mut().collect();
                kernel.run(&mut lanes);
                assert!(feeds.iter().all(|feed| feed.bytes.is_empty()));
                for (md5, text) in streams.iter().zip(&texts) {
                    let mut want = Md5::new();
                    want.update(text);
                    assert_eq!(md5.state, want.state, "{kernel:?} with {count}");
                }
            }
        }
    }
}
