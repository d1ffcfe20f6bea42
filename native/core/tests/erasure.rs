//! Reed-Solomon codes as their callers use them, over every way to lose shards.

use terrace_core::erasure::{Code, SHARDS_MAX};

/// A generator of numbers that every run of the tests sees alike (xorshift, Marsaglia 2003).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below the bound")
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[3]).collect()
    }
}

/// All shards of random data.
fn encoded(code: &Code, length: usize, noise: &mut Noise) -> Vec<Vec<u8>> {
    let mut shards: Vec<Vec<u8>> = (0..code.data()).map(|_| noise.bytes(length)).collect();
    let mut parity = vec![vec![0xaa; length]; code.parity()];
    let data: Vec<&[u8]> = shards.iter().map(Vec::as_slice).collect();
    let mut targets: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    assert!(code.encode(&data, &mut targets));
    shards.append(&mut parity);
    shards
}

/// Decodes `lost` from the shards `kept`, over `range` of each.
fn decoded(
    code: &Code,
    shards: &[Vec<u8>],
    kept: &[usize],
    lost: &[usize],
    range: std::ops::Range<usize>,
) -> Option<Vec<Vec<u8>>> {
    let present: Vec<(usize, &[u8])> = kept
        .iter()
        .map(|&index| (index, &shards[index][range.clone()]))
        .collect();
    let mut found = vec![vec![0x55; range.len()]; lost.len()];
    let mut targets: Vec<&mut [u8]> = found.iter_mut().map(Vec::as_mut_slice).collect();
    code.decode(&present, lost, &mut targets).then_some(found)
}

#[test]
fn every_set_of_as_many_shards_as_hold_data_gives_all_others_back() {
    let mut noise = Noise(1);
    for (data, parity) in [(1, 1), (1, 3), (2, 1), (3, 2), (4, 2), (5, 3), (6, 4)] {
        let code = Code::new(data, parity).unwrap();
        let shards = encoded(&code, 300, &mut noise);
        for set in 0u32..1 << (data + parity) {
            if set.count_ones() as usize != data {
                continue;
            }
            let (kept, lost): (Vec<usize>, Vec<usize>) =
                (0..data + parity).partition(|&index| set >> index & 1 != 0);
            let found = decoded(&code, &shards, &kept, &lost, 0..300).unwrap();
            for (index, bytes) in lost.iter().zip(found) {
                assert!(bytes == shards[*index], "{data}+{parity}, set {set:b}");
            }
        }
    }
}

#[test]
fn wide_codes_give_back_random_losses_over_random_ranges_in_any_order() {
    let mut noise = Noise(2);
    for (data, parity) in [(10, 4), (20, 8), (100, 28), (SHARDS_MAX - 6, 6), (1, 255)] {
        let code = Code::new(data, parity).unwrap();
        let shards = encoded(&code, 700, &mut noise);
        for _ in 0..5 {
            let mut order: Vec<usize> = (0..data + parity).collect();
            for index in (1..order.len()).rev() {
                order.swap(index, noise.below(index + 1));
            }
            let (kept, lost) = order.split_at(data);
            let start = noise.below(700);
            let range = start..start + noise.below(701 - start);
            let found = decoded(&code, &shards, kept, lost, range.clone()).unwrap();
            for (index, bytes) in lost.iter().zip(found) {
                assert!(bytes == shards[*index][range.clone()]);
            }
        }
    }
}

#[test]
fn parity_is_checked_wherever_a_byte_has_changed() {
    let mut noise = Noise(3);
    let code = Code::new(4, 2).unwrap();
    let mut shards = encoded(&code, 70_000, &mut noise);
    let verified =
        |shards: &[Vec<u8>]| code.verify(&shards.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(verified(&shards));
    for _ in 0..40 {
        let (shard, at) = (noise.below(6), noise.below(70_000));
        shards[shard][at] ^= 0x10;
        assert!(!verified(&shards), "byte {at} of shard {shard}");
        shards[shard][at] ^= 0x10;
    }
    assert!(verified(&shards));
}

#[test]
fn what_is_no_code_or_does_not_fit_is_refused() {
    for (data, parity) in [(0, 2), (200, 57), (usize::MAX, 1)] {
        assert!(Code::new(data, parity).is_none());
    }
    let code = Code::new(2, 1).unwrap();
    let shards = encoded(&code, 64, &mut Noise(4));
    for (kept, lost) in [
        (vec![0], vec![1]),
        (vec![0, 0], vec![1]),
        (vec![0, 3], vec![1]),
        (vec![0, 2], vec![3]),
        (vec![0, 1, 2], vec![1]),
    ] {
        let present: Vec<(usize, &[u8])> = kept
            .iter()
            .map(|&index: &usize| (index, shards[index.min(2)].as_slice()))
            .collect();
        let mut room = vec![0; 64];
        assert!(!code.decode(&present, &lost, &mut [&mut room]), "{kept:?}");
    }
    let mut short = vec![0; 63];
    assert!(!code.encode(&[&shards[0], &shards[1]], &mut [&mut short]));
    assert!(!code.encode(&[&shards[0]], &mut [&mut short]));
    assert!(!code.decode(&[(0, &shards[0]), (1, &shards[1][..63])], &[], &mut []));
    assert!(!code.verify(&[&shards[0], &shards[1]]));
}

#[test]
fn no_parity_and_no_bytes_are_codes_too() {
    let mut noise = Noise(5);
    let plain = Code::new(3, 0).unwrap();
    let shards = encoded(&plain, 10, &mut noise);
    assert!(plain.verify(&shards.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    let code = Code::new(4, 2).unwrap();
    let empty = encoded(&code, 0, &mut noise);
    assert_eq!(
        decoded(&code, &empty, &[1, 2, 4, 5], &[0, 3], 0..0),
        Some(vec![vec![]; 2])
    );
}

#[test]
fn the_parity_is_that_of_isa_l() {
    // What gf_gen_cauchy1_matrix and ec_encode_data of ISA-L 2.30 make of the four unit vectors, for 4+2.
    let code = Code::new(4, 2).unwrap();
    let mut data = vec![vec![0; 4]; 4];
    for (index, shard) in data.iter_mut().enumerate() {
        shard[index] = 1;
    }
    let data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let (mut first, mut second) = (vec![0; 4], vec![0; 4]);
    assert!(code.encode(&data, &mut [&mut first, &mut second]));
    assert_eq!(first, [71, 167, 122, 186]);
    assert_eq!(second, [167, 71, 186, 122]);
}
