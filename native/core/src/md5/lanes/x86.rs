//! Blocks of up to sixteen streams at a time. Each module is one width of register, with the same few operations.

use super::{Feed, BLOCK_BYTES};
use crate::md5::SINES;

/// The four words of the state, each of all lanes.
pub type States<const LANES: usize> = [[u32; LANES]; 4];

/// Lanes without a stream of their own repeat the last one.
pub fn run<const LANES: usize>(
    feeds: &mut [&mut Feed<'_>],
    count: usize,
    compress: impl FnOnce(&mut States<LANES>, &[*const u8; LANES]),
) {
    assert!((1..=LANES).contains(&feeds.len()));
    assert!(feeds
        .iter()
        .all(|feed| feed.bytes.len() >= count * BLOCK_BYTES));
    let last = feeds.len() - 1;
    let mut states: States<LANES> = [[0; LANES]; 4];
    let mut blocks = [std::ptr::null(); LANES];
    for lane in 0..LANES {
        let feed = &feeds[lane.min(last)];
        blocks[lane] = feed.bytes.as_ptr();
        for (words, word) in states.iter_mut().zip(feed.md5.state) {
            words[lane] = word;
        }
    }
    compress(&mut states, &blocks);
    for (lane, feed) in feeds.iter_mut().enumerate() {
        feed.md5.state = std::array::from_fn(|word| states[word][lane]);
    }
}

/// One step: `b` is the newest word, and what does not need it is added before.
macro_rules! step {
    ($function:ident, $a:ident, $b:ident, $c:ident, $d:ident, $word:expr, $constant:expr, $shift:literal) => {
        let sum = add($a, add($word, splat($constant)));
        $a = add(
            rotate::<$shift, { 32 - $shift }>(add(sum, $function($b, $c, $d))),
            $b,
        );
    };
}

macro_rules! four {
    ($function:ident, $state:ident, $words:ident, $constants:expr, $first:expr, $stride:expr, $step:expr,
     [$s0:literal, $s1:literal, $s2:literal, $s3:literal]) => {
        let (mut a, mut b, mut c, mut d) = $state;
        let word = |step: usize| $words[($first + $stride * step) % 16];
        step!($function, a, b, c, d, word($step), $constants[$step], $s0);
        step!(
            $function,
            d,
            a,
            b,
            c,
            word($step + 1),
            $constants[$step + 1],
            $s1
        );
        step!(
            $function,
            c,
            d,
            a,
            b,
            word($step + 2),
            $constants[$step + 2],
            $s2
        );
        step!(
            $function,
            b,
            c,
            d,
            a,
            word($step + 3),
            $constants[$step + 3],
            $s3
        );
        $state = (a, b, c, d);
    };
}

macro_rules! round {
    ($function:ident, $state:ident, $words:ident, $constants:expr, $first:expr, $stride:expr, $shifts:tt) => {
        four!($function, $state, $words, $constants, $first, $stride, 0, $shifts);
        four!($function, $state, $words, $constants, $first, $stride, 4, $shifts);
        four!($function, $state, $words, $constants, $first, $stride, 8, $shifts);
        four!($function, $state, $words, $constants, $first, $stride, 12, $shifts);
    };
}

/// `count` blocks of each lane (RFC 1321 section 3.4), with the operations of the module around it.
macro_rules! compress {
    ($features:literal, $lanes:literal) => {
        /// # Safety
        /// The CPU has the features, and each pointer is good for `count` blocks.
        #[target_feature(enable = $features)]
        pub unsafe fn compress(
            states: &mut States<$lanes>,
            blocks: &[*const u8; $lanes],
            count: usize,
        ) {
            let mut before = [
                load(&states[0]),
                load(&states[1]),
                load(&states[2]),
                load(&states[3]),
            ];
            for block in 0..count {
                // SAFETY: the caller says so.
                let words = unsafe { words_of(blocks, block * BLOCK_BYTES) };
                let mut now = (before[0], before[1], before[2], before[3]);
                round!(f, now, words, SINES[0], 0, 1, [7, 12, 17, 22]);
                round!(g, now, words, SINES[1], 1, 5, [5, 9, 14, 20]);
                round!(h, now, words, SINES[2], 5, 3, [4, 11, 16, 23]);
                round!(i, now, words, SINES[3], 0, 7, [6, 10, 15, 21]);
                before = [
                    add(before[0], now.0),
                    add(before[1], now.1),
                    add(before[2], now.2),
                    add(before[3], now.3),
                ];
            }
            for (words, vector) in states.iter_mut().zip(before) {
                store(words, vector);
            }
        }
    };
}

/// `b ? c : d`, `d ? b : c`, `b ^ c ^ d` and `c ^ (b | !d)` as tables of `VPTERNLOGD`.
const F: i32 = 0xca;
const G: i32 = 0xca;
const H: i32 = 0x96;
const I: i32 = 0x39;

/// The operations of a width that has rotation and three-way logic.
macro_rules! ternary {
    ($features:literal, $vector:ty, $add:ident, $splat:ident, $rotate:ident, $logic:ident) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn add(one: $vector, other: $vector) -> $vector {
            $add(one, other)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn splat(word: u32) -> $vector {
            $splat(word.cast_signed())
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn rotate<const LEFT: i32, const RIGHT: i32>(vector: $vector) -> $vector {
            $rotate::<LEFT>(vector)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn f(b: $vector, c: $vector, d: $vector) -> $vector {
            $logic::<F>(b, c, d)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn g(b: $vector, c: $vector, d: $vector) -> $vector {
            $logic::<G>(d, b, c)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn h(b: $vector, c: $vector, d: $vector) -> $vector {
            $logic::<H>(b, c, d)
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn i(b: $vector, c: $vector, d: $vector) -> $vector {
            $logic::<I>(b, c, d)
        }
    };
}

/// How eight lanes get into and out of registers of 32 bytes.
macro_rules! eight_lanes {
    ($features:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn load(words: &[u32; 8]) -> __m256i {
            // SAFETY: the array has 32 bytes.
            unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn store(words: &mut [u32; 8], vector: __m256i) {
            // SAFETY: the array has 32 bytes.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), vector) }
        }

        /// Word after word of one block of each lane.
        #[inline]
        #[target_feature(enable = $features)]
        unsafe fn words_of(blocks: &[*const u8; 8], at: usize) -> [__m256i; 16] {
            let mut low = [splat(0); 8];
            let mut high = [splat(0); 8];
            for (lane, block) in blocks.iter().enumerate() {
                // SAFETY: the caller's blocks have 64 bytes each.
                unsafe {
                    low[lane] = _mm256_loadu_si256(block.add(at).cast());
                    high[lane] = _mm256_loadu_si256(block.add(at + 32).cast());
                }
            }
            let (low, high) = (transposed(&low), transposed(&high));
            let mut words = [splat(0); 16];
            words[..8].copy_from_slice(&low);
            words[8..].copy_from_slice(&high);
            words
        }

        #[inline]
        #[target_feature(enable = $features)]
        fn transposed(rows: &[__m256i; 8]) -> [__m256i; 8] {
            let (upper, lower) = (fours(&rows[..4]), fours(&rows[4..]));
            let mut words = [splat(0); 8];
            for word in 0..4 {
                words[word] = _mm256_permute2x128_si256::<0x20>(upper[word], lower[word]);
                words[4 + word] = _mm256_permute2x128_si256::<0x31>(upper[word], lower[word]);
            }
            words
        }

        /// Of four rows: in each half of the register a word of all four.
        #[inline]
        #[target_feature(enable = $features)]
        fn fours(rows: &[__m256i]) -> [__m256i; 4] {
            let low01 = _mm256_unpacklo_epi32(rows[0], rows[1]);
            let high01 = _mm256_unpackhi_epi32(rows[0], rows[1]);
            let low23 = _mm256_unpacklo_epi32(rows[2], rows[3]);
            let high23 = _mm256_unpackhi_epi32(rows[2], rows[3]);
            [
                _mm256_unpacklo_epi64(low01, low23),
                _mm256_unpackhi_epi64(low01, low23),
                _mm256_unpacklo_epi64(high01, high23),
                _mm256_unpackhi_epi64(high01, high23),
            ]
        }
    };
}

pub mod eight {
    use super::{States, BLOCK_BYTES, SINES};
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_loadu_si256, _mm256_or_si256,
        _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
        _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
        _mm256_unpacklo_epi64, _mm256_xor_si256,
    };

    compress!("avx2", 8);
    eight_lanes!("avx2");

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(one: __m256i, other: __m256i) -> __m256i {
        _mm256_add_epi32(one, other)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn splat(word: u32) -> __m256i {
        _mm256_set1_epi32(word.cast_signed())
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn rotate<const LEFT: i32, const RIGHT: i32>(vector: __m256i) -> __m256i {
        _mm256_or_si256(
            _mm256_slli_epi32::<LEFT>(vector),
            _mm256_srli_epi32::<RIGHT>(vector),
        )
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn f(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
        _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn g(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
        f(d, b, c)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn h(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
        _mm256_xor_si256(b, _mm256_xor_si256(c, d))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn i(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
        let not_d = _mm256_xor_si256(d, _mm256_set1_epi32(-1));
        _mm256_xor_si256(c, _mm256_or_si256(b, not_d))
    }
}

pub mod eight_ternary {
    use super::{States, BLOCK_BYTES, F, G, H, I, SINES};
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_permute2x128_si256, _mm256_rol_epi32,
        _mm256_set1_epi32, _mm256_storeu_si256, _mm256_ternarylogic_epi32, _mm256_unpackhi_epi32,
        _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    };

    compress!("avx512f,avx512vl", 8);
    eight_lanes!("avx512f,avx512vl");
    ternary!(
        "avx512f,avx512vl",
        __m256i,
        _mm256_add_epi32,
        _mm256_set1_epi32,
        _mm256_rol_epi32,
        _mm256_ternarylogic_epi32
    );
}

pub mod sixteen {
    use super::{States, BLOCK_BYTES, F, G, H, I, SINES};
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32,
        _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
        _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    };

    compress!("avx512f,avx512vl", 16);
    ternary!(
        "avx512f,avx512vl",
        __m512i,
        _mm512_add_epi32,
        _mm512_set1_epi32,
        _mm512_rol_epi32,
        _mm512_ternarylogic_epi32
    );

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(words: &[u32; 16]) -> __m512i {
        // SAFETY: the array has 64 bytes.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store(words: &mut [u32; 16], vector: __m512i) {
        // SAFETY: the array has 64 bytes.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), vector) }
    }

    /// Word after word of one block of each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn words_of(blocks: &[*const u8; 16], at: usize) -> [__m512i; 16] {
        let mut rows = [splat(0); 16];
        for (row, block) in rows.iter_mut().zip(blocks) {
            // SAFETY: the caller's blocks have 64 bytes each.
            *row = unsafe { _mm512_loadu_si512(block.add(at).cast()) };
        }
        let quarters = [
            fours(&rows[..4]),
            fours(&rows[4..8]),
            fours(&rows[8..12]),
            fours(&rows[12..]),
        ];
        let mut words = [splat(0); 16];
        for word in 0..4 {
            let (one, two) = (quarters[0][word], quarters[1][word]);
            let (three, four) = (quarters[2][word], quarters[3][word]);
            let even_low = _mm512_shuffle_i32x4::<0x88>(one, two);
            let even_high = _mm512_shuffle_i32x4::<0x88>(three, four);
            let odd_low = _mm512_shuffle_i32x4::<0xdd>(one, two);
            let odd_high = _mm512_shuffle_i32x4::<0xdd>(three, four);
            words[word] = _mm512_shuffle_i32x4::<0x88>(even_low, even_high);
            words[4 + word] = _mm512_shuffle_i32x4::<0x88>(odd_low, odd_high);
            words[8 + word] = _mm512_shuffle_i32x4::<0xdd>(even_low, even_high);
            words[12 + word] = _mm512_shuffle_i32x4::<0xdd>(odd_low, odd_high);
        }
        words
    }
    /// Of four rows: in each quarter of the register a word of all four.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn fours(rows: &[__m512i]) -> [__m512i; 4] {
        let low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
        let high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
        let low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
        let high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);
        [
            _mm512_unpacklo_epi64(low01, low23),
            _mm512_unpackhi_epi64(low01, low23),
            _mm512_unpacklo_epi64(high01, high23),
            _mm512_unpackhi_epi64(high01, high23),
        ]
    }
}
