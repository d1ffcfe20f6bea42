//! Sums of products over GF(2^8): the one loop that erasure coding spends its time in, for each kind of CPU.

use super::galois::product;

/// Rows that are computed at a time: their sums stay in registers while every source is loaded once.
const ROWS_MAX: usize = 4;
/// Bytes of all sources that are worked on at a time: they stay in the caches while further groups of rows read them.
const STRIP_BYTES: usize = 16_384;

/// How many bytes a step of a kernel covers, and what multiplies; from the fastest to the one that runs everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// `GF2P8AFFINEQB` on 64 bytes.
    #[cfg(target_arch = "x86_64")]
    Gfni512,
    /// `GF2P8AFFINEQB` on 32 bytes.
    #[cfg(target_arch = "x86_64")]
    Gfni256,
    /// Two lookups of four bits in 32 bytes.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The same in 16 bytes.
    #[cfg(target_arch = "x86_64")]
    Ssse3,
    Scalar,
}

impl Kernel {
    /// What this CPU has, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let has_gfni = is_x86_feature_detected!("gfni");
            if has_gfni && is_x86_feature_detected!("avx512f") {
                kernels.push(Self::Gfni512);
            }
            if has_gfni && is_x86_feature_detected!("avx2") {
                kernels.push(Self::Gfni256);
            }
            if is_x86_feature_detected!("avx2") {
                kernels.push(Self::Avx2);
            }
            if is_x86_feature_detected!("ssse3") {
                kernels.push(Self::Ssse3);
            }
        }
        kernels.push(Self::Scalar);
        kernels
    }

    /// The fastest one of this CPU.
    #[must_use]
    pub fn best() -> Self {
        static BEST: std::sync::OnceLock<Kernel> = std::sync::OnceLock::new();
        *BEST.get_or_init(|| Self::available()[0])
    }

    /// `targets[r][i]` = sum over s of `rows[r][s]` · `sources[s][i]`. Every slice has the same length.
    pub fn multiply(self, rows: &[&[u8]], sources: &[&[u8]], targets: &mut [&mut [u8]]) {
        let length = sources.first().map_or(0, |source| source.len());
        assert!(sources.iter().all(|source| source.len() == length));
        assert!(targets.iter().all(|target| target.len() == length));
        assert!(rows.len() == targets.len() && rows.iter().all(|row| row.len() == sources.len()));
        for start in (0..length).step_by(STRIP_BYTES) {
            let end = length.min(start + STRIP_BYTES);
            for (rows, targets) in rows.chunks(ROWS_MAX).zip(targets.chunks_mut(ROWS_MAX)) {
                let span = Span {
                    rows,
                    sources,
                    start,
                    end,
                };
                self.span(&span, targets);
            }
        }
    }

    fn span(self, span: &Span, targets: &mut [&mut [u8]]) {
        let done = match self {
            // SAFETY: `available` has asked the CPU; `multiply` has checked the lengths.
            #[cfg(target_arch = "x86_64")]
            Self::Gfni512 => unsafe { x86::gfni512(span, targets) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Gfni256 => unsafe { x86::gfni256(span, targets) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { x86::avx2(span, targets) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Ssse3 => unsafe { x86::ssse3(span, targets) },
            Self::Scalar => span.start,
        };
        scalar(span, done, targets);
    }
}

/// A few rows over a strip of the sources.
struct Span<'a> {
    rows: &'a [&'a [u8]],
    sources: &'a [&'a [u8]],
    start: usize,
    end: usize,
}

/// From `start` to the end of the span: what is left of a vector, or everything.
fn scalar(span: &Span, start: usize, targets: &mut [&mut [u8]]) {
    for (row, target) in span.rows.iter().zip(targets) {
        let target = &mut target[start..span.end];
        target.fill(0);
        for (&factor, source) in row.iter().zip(span.sources) {
            let source = &source[start..span.end];
            if source.len() < 256 {
                for (target, &byte) in target.iter_mut().zip(source) {
                    *target ^= product(byte, factor);
                }
                continue;
            }
            let mut products = [0; 256];
            for (byte, entry) in (0..=255).zip(&mut products) {
                *entry = product(byte, factor);
            }
            for (target, &byte) in target.iter_mut().zip(source) {
                *target ^= products[usize::from(byte)];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    clippy::wildcard_imports,
    reason = "one name for every instruction that is used"
)]
#[allow(
    clippy::inline_always,
    reason = "only inside a function that has the CPU's features are the instructions inlined"
)]
mod x86 {
    use super::{product, Span, ROWS_MAX};
    use std::arch::x86_64::*;

    /// A register full of field elements and what it can do. Sound only where the CPU has the instructions.
    trait Lanes {
        type Vector: Copy;
        /// A factor, made ready for `multiply`.
        type Factor: Copy;
        const BYTES: usize;
        fn factor(factor: u8) -> Self::Factor;
        unsafe fn zero() -> Self::Vector;
        unsafe fn load(from: *const u8) -> Self::Vector;
        unsafe fn store(to: *mut u8, vector: Self::Vector);
        unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
        unsafe fn multiply(vector: Self::Vector, factor: *const Self::Factor) -> Self::Vector;
    }

    /// The products of `factor` with the low four bits, then with the high four bits, of a byte.
    #[derive(Clone, Copy)]
    #[repr(align(16))]
    struct Nibbles([u8; 32]);

    fn nibbles(factor: u8) -> Nibbles {
        let mut table = Nibbles([0; 32]);
        for (index, entry) in (0u8..32).zip(&mut table.0) {
            let byte = if index < 16 { index } else { index << 4 };
            *entry = product(byte, factor);
        }
        table
    }

    /// Multiplication as the 8 by 8 bit matrix of `GF2P8AFFINEQB`: its highest byte makes the lowest bit of the result.
    fn bits(factor: u8) -> u64 {
        let mut rows = [0u8; 8];
        for column in 0..8 {
            let image = product(1 << column, factor);
            for (bit, row) in rows.iter_mut().rev().enumerate() {
                *row |= (image >> bit & 1) << column;
            }
        }
        u64::from_le_bytes(rows)
    }

    struct Gfni512;
    struct Gfni256;
    struct Avx2;
    struct Ssse3;

    macro_rules! lanes {
        ($name:ident, $vector:ty, $factor:ty, $bytes:literal, $prepare:path, $zero:ident, $load:ident, $store:ident,
         $add:ident, |$value:ident, $table:ident| $multiply:expr) => {
            impl Lanes for $name {
                type Vector = $vector;
                type Factor = $factor;
                const BYTES: usize = $bytes;
                fn factor(factor: u8) -> $factor {
                    $prepare(factor)
                }
                #[inline(always)]
                unsafe fn zero() -> $vector {
                    $zero()
                }
                #[inline(always)]
                unsafe fn load(from: *const u8) -> $vector {
                    $load(from.cast())
                }
                #[inline(always)]
                unsafe fn store(to: *mut u8, vector: $vector) {
                    $store(to.cast(), vector);
                }
                #[inline(always)]
                unsafe fn add(a: $vector, b: $vector) -> $vector {
                    $add(a, b)
                }
                #[inline(always)]
                unsafe fn multiply($value: $vector, $table: *const $factor) -> $vector {
                    $multiply
                }
            }
        };
    }

    lanes!(
        Gfni512,
        __m512i,
        u64,
        64,
        bits,
        _mm512_setzero_si512,
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_xor_si512,
        |value, factor| {
            _mm512_gf2p8affine_epi64_epi8::<0>(value, _mm512_set1_epi64((*factor).cast_signed()))
        }
    );
    lanes!(
        Gfni256,
        __m256i,
        u64,
        32,
        bits,
        _mm256_setzero_si256,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_xor_si256,
        |value, factor| {
            _mm256_gf2p8affine_epi64_epi8::<0>(value, _mm256_set1_epi64x((*factor).cast_signed()))
        }
    );
    lanes!(
        Avx2,
        __m256i,
        Nibbles,
        32,
        nibbles,
        _mm256_setzero_si256,
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_xor_si256,
        |value, table| {
            let table = table.cast::<__m128i>();
            let mask = _mm256_set1_epi8(15);
            let low = _mm256_broadcastsi128_si256(_mm_loadu_si128(table));
            let high = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.add(1)));
            _mm256_xor_si256(
                _mm256_shuffle_epi8(low, _mm256_and_si256(value, mask)),
                _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi64::<4>(value), mask)),
            )
        }
    );
    lanes!(
        Ssse3,
        __m128i,
        Nibbles,
        16,
        nibbles,
        _mm_setzero_si128,
        _mm_loadu_si128,
        _mm_storeu_si128,
        _mm_xor_si128,
        |value, table| {
            let table = table.cast::<__m128i>();
            let mask = _mm_set1_epi8(15);
            _mm_xor_si128(
                _mm_shuffle_epi8(_mm_loadu_si128(table), _mm_and_si128(value, mask)),
                _mm_shuffle_epi8(
                    _mm_loadu_si128(table.add(1)),
                    _mm_and_si128(_mm_srli_epi64::<4>(value), mask),
                ),
            )
        }
    );

    macro_rules! kernel {
        ($name:ident, $lanes:ident, $features:literal) => {
            /// The place in the sources up to which it came: less than two vectors are left.
            #[target_feature(enable = $features)]
            pub unsafe fn $name(span: &Span, targets: &mut [&mut [u8]]) -> usize {
                match span.rows.len() {
                    1 => run::<$lanes, 1>(span, targets),
                    2 => run::<$lanes, 2>(span, targets),
                    3 => run::<$lanes, 3>(span, targets),
                    _ => run::<$lanes, ROWS_MAX>(span, targets),
                }
            }
        };
    }

    kernel!(gfni512, Gfni512, "gfni,avx512f");
    kernel!(gfni256, Gfni256, "gfni,avx2");
    kernel!(avx2, Avx2, "avx2");
    kernel!(ssse3, Ssse3, "ssse3");

    /// Two vectors at a time, so that the loads of a factor count for both.
    #[inline(always)]
    unsafe fn run<L: Lanes, const ROWS: usize>(span: &Span, targets: &mut [&mut [u8]]) -> usize {
        // By source, then by row: the order in which they are needed.
        let mut factors = Vec::with_capacity(span.sources.len() * ROWS);
        for source in 0..span.sources.len() {
            factors.extend(span.rows.iter().map(|row| L::factor(row[source])));
        }
        let outputs: [*mut u8; ROWS] = std::array::from_fn(|row| targets[row].as_mut_ptr());
        let mut at = span.start;
        while at + 2 * L::BYTES <= span.end {
            let mut sums = [[L::zero(); 2]; ROWS];
            let mut factor = factors.as_ptr();
            for source in span.sources {
                let from = source.as_ptr().add(at);
                let (first, second) = (L::load(from), L::load(from.add(L::BYTES)));
                for sum in &mut sums {
                    sum[0] = L::add(sum[0], L::multiply(first, factor));
                    sum[1] = L::add(sum[1], L::multiply(second, factor));
                    factor = factor.add(1);
                }
            }
            for (output, sum) in outputs.iter().zip(sums) {
                L::store(output.add(at), sum[0]);
                L::store(output.add(at + L::BYTES), sum[1]);
            }
            at += 2 * L::BYTES;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize, seed: u32) -> Vec<u8> {
        let mut state = seed | 1;
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_le_bytes()[1]
            })
            .collect()
    }

    #[test]
    fn every_kernel_of_this_cpu_agrees_with_the_definition() {
        for (sources, rows, length) in [
            (1, 1, 0),
            (1, 1, 1),
            (2, 1, 127),
            (3, 2, 128),
            (4, 2, 4096),
            (4, 3, 40_001),
            (10, 4, 1000),
            (17, 5, 777),
            (20, 9, STRIP_BYTES + 65),
        ] {
            let data: Vec<_> = (0..sources).map(|index| noise(length, 7 + index)).collect();
            let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            let factors: Vec<_> = (0..rows).map(|row| noise(data.len(), 1000 + row)).collect();
            let factors: Vec<&[u8]> = factors.iter().map(Vec::as_slice).collect();
            let mut want = vec![vec![0u8; length]; factors.len()];
            for (target, row) in want.iter_mut().zip(&factors) {
                for (&factor, source) in row.iter().zip(&data) {
                    for (target, &byte) in target.iter_mut().zip(*source) {
                        *target ^= product(byte, factor);
                    }
                }
            }
            for kernel in Kernel::available() {
                let mut got = vec![vec![0x55u8; length]; factors.len()];
                let mut targets: Vec<&mut [u8]> = got.iter_mut().map(Vec::as_mut_slice).collect();
                kernel.multiply(&factors, &data, &mut targets);
                assert!(
                    got == want,
                    "{kernel:?}: {sources} sources, {rows} rows, {length} bytes"
                );
            }
        }
    }
}
