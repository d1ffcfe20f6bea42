//! Compression of chunks. Decoding never writes more than the caller expects, whatever the input.

use std::cell::RefCell;

use zstd_safe::{CCtx, CParameter, DCtx};

/// Numbers are part of the format of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    Plain = 0,
    /// One LZ4 block.
    Lz4 = 1,
    /// One Zstandard frame (RFC 8878).
    Zstd = 2,
    /// The same, with another chunk as its prefix.
    ZstdDelta = 3,
}

impl Codec {
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        [Self::Plain, Self::Lz4, Self::Zstd, Self::ZstdDelta]
            .into_iter()
            .find(|codec| *codec as u8 == number)
    }
}

/// Above it compression takes more memory than a background job should.
pub const ZSTD_LEVEL_MAX: i32 = 19;
/// Bounds of Zstandard's window; what its decoder takes unless asked for more.
const WINDOW_LOG_MIN: u32 = 10;
const WINDOW_LOG_MAX: u32 = 27;
/// Windows of the sample by which a chunk is judged, and bytes of each.
const SAMPLES: usize = 16;
const SAMPLE_BYTES: usize = 256;
/// Bits a byte of the sample; random bytes have 7.95.
const ENTROPY_MAX: f64 = 7.5;
/// What LZ4 is tried on when single bytes look random.
const PROBE_BYTES: usize = 8192;
/// What is stored must be smaller than the plain bytes by this share of them.
const GAIN_DIVISOR: usize = 16;
/// A delta must be smaller by this share than the chunk compressed alone: it costs the read of another frame.
const DELTA_GAIN_DIVISOR: usize = 4;

thread_local! {
    static COMPRESSOR: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// Whether Zstandard is worth trying: already compressed and encrypted bytes look random.
#[must_use]
pub fn looks_compressible(plain: &[u8]) -> bool {
    let mut counts = [0u32; 256];
    let step = (plain.len() / SAMPLES).max(SAMPLE_BYTES);
    let mut total: u32 = 0;
    for start in (0..plain.len()).step_by(step) {
        for &byte in plain[start..].iter().take(SAMPLE_BYTES) {
            counts[usize::from(byte)] += 1;
            total += 1;
        }
    }
    let mut bits = 0.0;
    for count in counts.into_iter().filter(|&count| count > 0) {
        bits += f64::from(count) * (f64::from(total) / f64::from(count)).log2();
    }
    if bits < f64::from(total) * ENTROPY_MAX {
        return true;
    }
    let middle = plain.len().saturating_sub(PROBE_BYTES) / 2;
    let probe = &plain[middle..plain.len().min(middle + PROBE_BYTES)];
    lz4_flex::block::compress(probe).len() < gain(probe.len())
}

const fn gain(length: usize) -> usize {
    length - length / GAIN_DIVISOR
}

/// `plain` compressed with `codec`; `None` when that does not gain enough, so that it is better kept as it is. A delta needs
/// a prefix: there is `compress_delta` for it.
#[must_use]
pub fn compress(codec: Codec, level: i32, plain: &[u8]) -> Option<Vec<u8>> {
    let stored = match codec {
        Codec::Plain | Codec::ZstdDelta => None,
        Codec::Zstd if !looks_compressible(plain) => None,
        // It passes over what it cannot compress faster than a sample of it is judged.
        Codec::Lz4 => Some(lz4_flex::block::compress(plain)),
        Codec::Zstd => COMPRESSOR.with_borrow_mut(|context| zstd(context, level, plain)),
    };
    stored.filter(|stored| stored.len() < gain(plain.len()))
}

/// `plain` as a delta of `prefix`; `None` when Zstandard makes nearly as little of it alone.
#[must_use]
pub fn compress_delta(level: i32, prefix: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let delta = zstd_delta(level, prefix, plain)?;
    let alone = compress(Codec::Zstd, level, plain).map_or(plain.len(), |stored| stored.len());
    (delta.len() < alone - alone / DELTA_GAIN_DIVISOR).then_some(delta)
}

fn zstd(context: &mut CCtx, level: i32, plain: &[u8]) -> Option<Vec<u8>> {
    let level = CParameter::CompressionLevel(level.clamp(1, ZSTD_LEVEL_MAX));
    context.set_parameter(level).ok()?;
    let mut stored = Vec::with_capacity(zstd_safe::compress_bound(plain.len()));
    context.compress2(&mut stored, plain).ok()?;
    Some(stored)
}

/// With a window that reaches back over all of the prefix. The context must not outlive it, so that it is no shared one.
fn zstd_delta(level: i32, prefix: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let mut context = CCtx::create();
    let window = usize::BITS - (prefix.len() + plain.len()).leading_zeros();
    let window = CParameter::WindowLog(window.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX));
    context.set_parameter(window).ok()?;
    context.ref_prefix(prefix).ok()?;
    zstd(&mut context, level, plain)
}

/// Fills `plain` exactly; false for what is no such compression of as many bytes.
#[must_use]
pub fn decompress(codec: Codec, prefix: &[u8], stored: &[u8], plain: &mut [u8]) -> bool {
    let written = match codec {
        Codec::Plain if stored.len() == plain.len() => {
            plain.copy_from_slice(stored);
            return true;
        }
        Codec::Plain => None,
        Codec::Lz4 => lz4_flex::block::decompress_into(stored, plain).ok(),
        Codec::Zstd => DECOMPRESSOR.with_borrow_mut(|it| it.decompress(plain, stored).ok()),
        Codec::ZstdDelta => {
            let mut context = DCtx::create();
            context
                .ref_prefix(prefix)
                .and_then(|_| context.decompress(plain, stored))
                .ok()
        }
    };
    written == Some(plain.len())
}

#[cfg(test)]
mod tests {
    use super::super::noise::noise;
    use super::*;

    const ALL: [Codec; 4] = [Codec::Plain, Codec::Lz4, Codec::Zstd, Codec::ZstdDelta];

    fn text(length: usize) -> Vec<u8> {
        let words: [&[u8]; 5] = [b"segment ", b"shard ", b"stripe ", b"of a ", b"store\n"];
        let bytes = noise(length, 99).into_iter();
        let mut text: Vec<u8> = bytes
            .flat_map(|byte| words[usize::from(byte) % words.len()])
            .copied()
            .collect();
        text.truncate(length);
        text
    }

    /// As a frame would store it.
    fn any(codec: Codec, level: i32, prefix: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        match codec {
            Codec::ZstdDelta => compress_delta(level, prefix, plain),
            _ => compress(codec, level, plain),
        }
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for length in [2048, 4096, 65_536, 524_288] {
            for codec in &ALL[1..] {
                let plain = match codec {
                    Codec::ZstdDelta => noise(length, 7),
                    _ => text(length),
                };
                // Zstandard takes no prefix that overlaps with the content in memory.
                let prefix = plain.clone();
                let stored = any(*codec, 3, &prefix, &plain)
                    .unwrap_or_else(|| panic!("{codec:?} of {length}"));
                let mut back = vec![0; length];
                assert!(decompress(*codec, &prefix, &stored, &mut back), "{codec:?}");
                assert!(back == plain);
            }
        }
    }

    #[test]
    fn a_chunk_like_its_prefix_takes_next_to_nothing() {
        let prefix = noise(300_000, 5);
        let mut plain = prefix.clone();
        plain.splice(1000..1010, *b"inserted here");
        let stored = compress_delta(3, &prefix, &plain).expect("it gets smaller");
        assert!(stored.len() < 1000);
        let mut back = vec![0; plain.len()];
        assert!(decompress(Codec::ZstdDelta, &prefix, &stored, &mut back));
        assert!(back == plain);
        let other = noise(300_000, 6);
        assert!(!decompress(Codec::ZstdDelta, &other, &stored, &mut back) || back != plain);
    }

    #[test]
    fn a_delta_that_is_hardly_smaller_than_the_chunk_alone_is_none() {
        let plain = [text(40_000), noise(20_000, 1)].concat();
        let alone = compress(Codec::Zstd, 3, &plain).unwrap().len();
        // Random bytes in common are the only ones that Zstandard does not make small by itself.
        for (common, is_worth_it) in [(0, false), (3000, false), (8000, true), (20_000, true)] {
            let prefix = [noise(40_000, 2), plain[40_000..40_000 + common].to_vec()].concat();
            let delta = compress_delta(3, &prefix, &plain);
            assert_eq!(delta.is_some(), is_worth_it, "{common}");
            assert!(delta.is_none_or(|delta| 4 * delta.len() < 3 * alone));
        }
    }

    #[test]
    fn what_gains_nothing_is_kept_as_it_is() {
        assert!(!looks_compressible(&noise(65_536, 1)));
        assert!(looks_compressible(&text(65_536)));
        // Random bytes that come back after a while: only looking for matches finds out.
        let repeated: Vec<u8> = noise(2048, 4).repeat(32);
        assert!(looks_compressible(&repeated));
        for codec in ALL {
            assert_eq!(any(codec, 3, &[], &noise(65_536, 3)), None);
            assert_eq!(any(codec, 3, &[], &[]), None);
        }
    }

    #[test]
    fn whatever_comes_in_nothing_but_the_expected_length_comes_out() {
        let plain = text(5000);
        for codec in ALL {
            let stored = any(codec, 1, &plain[..100], &plain).unwrap_or_else(|| plain.clone());
            for length in [0, 1, 4999, 5001, 60_000] {
                assert!(!decompress(codec, &[], &stored, &mut vec![0; length]));
            }
            for cut in [0, 1, stored.len() / 2, stored.len() - 1] {
                assert!(!decompress(codec, &[], &stored[..cut], &mut vec![0; 5000]));
            }
            for at in 0..stored.len() {
                let mut changed = stored.clone();
                changed[at] ^= 0x41;
                // It may succeed with other bytes: checksums are the business of frames. It must not crash.
                let _ = decompress(codec, &plain, &changed, &mut vec![0; 5000]);
            }
        }
    }

    #[test]
    fn numbers_of_codecs_are_part_of_the_format() {
        for (number, codec) in (0..).zip(ALL) {
            assert_eq!(Codec::of(number), Some(codec));
        }
        assert_eq!(Codec::of(4), None);
    }
}
