//! MD5 of one stream (RFC 1321), as fast as its chain of dependent additions allows.

mod lanes;
mod together;

pub use together::{update_together, Expected};

const BLOCK_BYTES: usize = 64;

#[derive(Clone)]
pub struct Md5 {
    state: [u32; 4],
    /// Bytes of the block that is not full yet.
    rest: [u8; BLOCK_BYTES],
    rest_length: usize,
    length: u64,
}

impl Md5 {
    #[must_use]
    pub fn new() -> Self {
        let state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self {
            state,
            rest: [0; BLOCK_BYTES],
            rest_length: 0,
            length: 0,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        let bytes = self.complete_block(bytes);
        let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
        for block in blocks {
            compress(&mut self.state, block);
        }
        self.keep_rest(rest);
    }

    /// Counts `bytes`, takes what a block that was begun lacks, and gives back what comes behind it.
    fn complete_block<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.length = self.length.wrapping_add(bytes.len() as u64);
        if self.rest_length == 0 {
            return bytes;
        }
        let count = bytes.len().min(BLOCK_BYTES - self.rest_length);
        self.rest[self.rest_length..self.rest_length + count].copy_from_slice(&bytes[..count]);
        self.rest_length += count;
        if self.rest_length == BLOCK_BYTES {
            compress(&mut self.state, &self.rest);
            self.rest_length = 0;
        }
        &bytes[count..]
    }

    /// Less than a block, behind whole ones; nothing where `complete_block` has taken all.
    fn keep_rest(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        self.rest[..rest.len()].copy_from_slice(rest);
        self.rest_length = rest.len();
    }

    #[must_use]
    pub fn finalize(mut self) -> [u8; 16] {
        let bits = self.length.wrapping_mul(8);
        self.rest[self.rest_length] = 0x80;
        self.rest[self.rest_length + 1..].fill(0);
        if self.rest_length >= BLOCK_BYTES - 8 {
            compress(&mut self.state, &self.rest);
            self.rest.fill(0);
        }
        self.rest[BLOCK_BYTES - 8..].copy_from_slice(&bits.to_le_bytes());
        compress(&mut self.state, &self.rest);
        let mut digest = [0; 16];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

/// Hides from the optimiser how `word` came about: it would move terms that are known early behind those that are not.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "it stands for no instruction, in the innermost step"
)]
fn opaque(mut word: u32) -> u32 {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("/* {0:e} */", inout(reg) word, options(pure, nomem, nostack, preserves_flags));
    }
    word
}

#[cfg(not(target_arch = "x86_64"))]
fn opaque(word: u32) -> u32 {
    word
}

/// The functions of the rounds, to be added to `a`; `b` is the newest word, and what does not need it comes first. The
/// terms of `G` share no bit, so adding them is the same as OR, and only one of them waits for `b`.
macro_rules! step {
    (F, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $shift:expr) => {
        let sum = opaque($a.wrapping_add($add));
        $a = sum
            .wrapping_add($d ^ ($b & ($c ^ $d)))
            .rotate_left($shift)
            .wrapping_add($b);
    };
    (G, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $shift:expr) => {
        let sum = opaque($a.wrapping_add($add).wrapping_add($c & !$d));
        $a = sum
            .wrapping_add($b & $d)
            .rotate_left($shift)
            .wrapping_add($b);
    };
    (H, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $shift:expr) => {
        let sum = opaque($a.wrapping_add($add));
        $a = sum
            .wrapping_add($b ^ opaque($c ^ $d))
            .rotate_left($shift)
            .wrapping_add($b);
    };
    (I, $a:ident, $b:ident, $c:ident, $d:ident, $add:expr, $shift:expr) => {
        let sum = opaque($a.wrapping_add($add));
        $a = sum
            .wrapping_add($c ^ ($b | !$d))
            .rotate_left($shift)
            .wrapping_add($b);
    };
}

/// Sixteen steps of one round: the words in the order of the round, its constants, its four shifts.
macro_rules! round {
    (@four $function:ident, ($a:ident, $b:ident, $c:ident, $d:ident), $words:ident, $constants:expr,
     $first:expr, $stride:expr, $shifts:expr, $step:expr) => {
        round!(@one $function, ($a, $b, $c, $d), $words, $constants, $first, $stride, $shifts[0], $step);
        round!(@one $function, ($d, $a, $b, $c), $words, $constants, $first, $stride, $shifts[1], $step + 1);
        round!(@one $function, ($c, $d, $a, $b), $words, $constants, $first, $stride, $shifts[2], $step + 2);
        round!(@one $function, ($b, $c, $d, $a), $words, $constants, $first, $stride, $shifts[3], $step + 3);
    };
    (@one $function:ident, ($a:ident, $b:ident, $c:ident, $d:ident), $words:ident, $constants:expr,
     $first:expr, $stride:expr, $shift:expr, $step:expr) => {
        let add = $words[($first + $stride * ($step)) % 16].wrapping_add($constants[$step]);
        step!($function, $a, $b, $c, $d, add, $shift);
    };
    ($function:ident, $state:ident, $words:ident, $constants:expr, $first:expr, $stride:expr, $shifts:expr) => {
        let (mut a, mut b, mut c, mut d) = $state;
        round!(@four $function, (a, b, c, d), $words, $constants, $first, $stride, $shifts, 0);
        round!(@four $function, (a, b, c, d), $words, $constants, $first, $stride, $shifts, 4);
        round!(@four $function, (a, b, c, d), $words, $constants, $first, $stride, $shifts, 8);
        round!(@four $function, (a, b, c, d), $words, $constants, $first, $stride, $shifts, 12);
        $state = (a, b, c, d);
    };
}

/// RFC 1321 section 3.4: the integer part of 2^32 · |sin(i + 1)|.
const SINES: [[u32; 16]; 4] = [
    [
        0xd76a_a478,
        0xe8c7_b756,
        0x2420_70db,
        0xc1bd_ceee,
        0xf57c_0faf,
        0x4787_c62a,
        0xa830_4613,
        0xfd46_9501,
        0x6980_98d8,
        0x8b44_f7af,
        0xffff_5bb1,
        0x895c_d7be,
        0x6b90_1122,
        0xfd98_7193,
        0xa679_438e,
        0x49b4_0821,
    ],
    [
        0xf61e_2562,
        0xc040_b340,
        0x265e_5a51,
        0xe9b6_c7aa,
        0xd62f_105d,
        0x0244_1453,
        0xd8a1_e681,
        0xe7d3_fbc8,
        0x21e1_cde6,
        0xc337_07d6,
        0xf4d5_0d87,
        0x455a_14ed,
        0xa9e3_e905,
        0xfcef_a3f8,
        0x676f_02d9,
        0x8d2a_4c8a,
    ],
    [
        0xfffa_3942,
        0x8771_f681,
        0x6d9d_6122,
        0xfde5_380c,
        0xa4be_ea44,
        0x4bde_cfa9,
        0xf6bb_4b60,
        0xbebf_bc70,
        0x289b_7ec6,
        0xeaa1_27fa,
        0xd4ef_3085,
        0x0488_1d05,
        0xd9d4_d039,
        0xe6db_99e5,
        0x1fa2_7cf8,
        0xc4ac_5665,
    ],
    [
        0xf429_2244,
        0x432a_ff97,
        0xab94_23a7,
        0xfc93_a039,
        0x655b_59c3,
        0x8f0c_cc92,
        0xffef_f47d,
        0x8584_5dd1,
        0x6fa8_7e4f,
        0xfe2c_e6e0,
        0xa301_4314,
        0x4e08_11a1,
        0xf753_7e82,
        0xbd3a_f235,
        0x2ad7_d2bb,
        0xeb86_d391,
    ],
];

#[inline]
fn compress(state: &mut [u32; 4], block: &[u8; BLOCK_BYTES]) {
    let mut words = [0_u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut now = (state[0], state[1], state[2], state[3]);
    round!(F, now, words, SINES[0], 0, 1, [7, 12, 17, 22]);
    round!(G, now, words, SINES[1], 1, 5, [5, 9, 14, 20]);
    round!(H, now, words, SINES[2], 5, 3, [4, 11, 16, 23]);
    round!(I, now, words, SINES[3], 0, 7, [6, 10, 15, 21]);
    for (word, add) in state.iter_mut().zip([now.0, now.1, now.2, now.3]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::Md5;

    #[test]
    fn every_length_around_the_blocks_agrees_with_the_library_of_reference() {
        use md5::Digest;
        let bytes: Vec<u8> = (0..300_u32)
            .map(|index| (index * 37).to_le_bytes()[0])
            .collect();
        for length in 0..bytes.len() {
            for cut in [0, 1, 55, 56, 63, 64, 65, length] {
                let (head, tail) = bytes[..length].split_at(cut.min(length));
                let mut ours = Md5::new();
                ours.update(head);
                ours.update(tail);
                let theirs: [u8; 16] = md5::Md5::digest(&bytes[..length]).into();
                assert_eq!(ours.finalize(), theirs, "{length} bytes, cut at {cut}");
            }
        }
    }
}
