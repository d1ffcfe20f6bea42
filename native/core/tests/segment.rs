//! Frames and segments as their callers use them: packed, read, decoded from what is left, and fed with damage.

use terrace_core::reduction::codec::Codec;
use terrace_core::reduction::frame::{
    is_intact, open, open_label, Base, Chunk, Cipher, Compression, Head, Seal,
};
use terrace_core::segment::footer;
use terrace_core::segment::pack::{Item, Packed, Packing};
use terrace_core::segment::shard::{rebuild, Stripe, HEADER_BYTES};

const SECRET: [u8; 32] = [3; 32];
const FINGERPRINT: [u8; 32] = [9; 32];

/// xorshift (Marsaglia 2003): every run of the tests sees the same.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// Half of it repeats, so that every codec gains something.
fn mixed(length: usize, seed: u64) -> Vec<u8> {
    let mut bytes = noise(length / 2, seed);
    bytes.resize(length, 0x20);
    bytes
}

fn packing(data: usize, parity: usize, cipher: Cipher, codec: Codec) -> Packing<'static> {
    Packing {
        data,
        parity,
        image_bytes_max: 1 << 18,
        id: *b"segment number 1",
        generation: 7,
        compression: Compression { codec, level: 3 },
        seal: Seal {
            cipher,
            secret: if cipher == Cipher::None { &[] } else { &SECRET },
            key_id: 5 << 33,
        },
    }
}

fn chunk<'a>(plain: &'a [u8], salts: &'a [u8; 32]) -> Chunk<'a> {
    Chunk {
        plain,
        fingerprint: &FINGERPRINT,
        salts,
        label: b"bucket/key",
        base: None,
    }
}

fn salts(index: u8) -> [u8; 32] {
    [index; 32]
}

/// Packs `plains` and gives the shards, and the image that the data among them make.
fn packed(packing: &Packing, plains: &[Vec<u8>]) -> (Packed, Vec<Vec<u8>>, Vec<u8>) {
    let salts: Vec<[u8; 32]> = (0..).map(salts).take(plains.len()).collect();
    let items: Vec<Item> = plains
        .iter()
        .zip(&salts)
        .map(|(plain, salts)| Item::Chunk(chunk(plain, salts)))
        .collect();
    let mut output = vec![0xee; packing.output_bytes_max()];
    let packed = packing.pack(&items, &mut output).expect("it packs");
    let shards: Vec<Vec<u8>> = output
        .chunks(HEADER_BYTES + packed.shard_bytes)
        .take(packing.data + packing.parity)
        .map(<[u8]>::to_vec)
        .collect();
    let image = shards[..packing.data]
        .iter()
        .flat_map(|shard| shard[HEADER_BYTES..].to_vec())
        .collect();
    (packed, shards, image)
}

#[test]
fn every_chunk_of_a_segment_opens_again_with_every_cipher_and_codec() {
    let plains: Vec<Vec<u8>> = (1..9)
        .map(|index| mixed(index * 4321, index as u64))
        .collect();
    for cipher in [Cipher::None, Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305] {
        for codec in [Codec::Plain, Codec::Lz4, Codec::Zstd] {
            let (packed, _, image) = packed(&packing(4, 2, cipher, codec), &plains);
            assert_eq!(packed.placed.len(), plains.len());
            let (id, entries) = footer::parse(&image).expect("it has a footer");
            assert_eq!(id, b"segment number 1");
            assert_eq!(entries.len(), plains.len());
            for ((placed, entry), plain) in packed.placed.iter().zip(entries).zip(&plains) {
                assert_eq!(entry.start, placed.start);
                assert_eq!(entry.head.frame_bytes(), placed.bytes);
                assert_eq!(entry.head.codec, codec);
                assert_eq!(entry.head.key_id, 5 << 33);
                let frame = &image[placed.start..placed.start + placed.bytes];
                let mut room = vec![0; plain.len()];
                assert!(open(&SECRET, &[], frame, &mut room) && room == *plain);
                let label = open_label(&SECRET, &entry.head);
                assert_eq!(label.as_deref(), Some(&b"bucket/key"[..]));
                if cipher != Cipher::None {
                    assert!(!open(&[4; 32], &[], frame, &mut room));
                    assert_eq!(open_label(&[4; 32], &entry.head), None);
                }
            }
        }
    }
}

#[test]
fn a_frame_in_which_a_byte_has_changed_does_not_open() {
    let plain = mixed(700, 1);
    for cipher in [Cipher::None, Cipher::Aes256Gcm] {
        let (packed, _, image) = packed(
            &packing(1, 0, cipher, Codec::Lz4),
            std::slice::from_ref(&plain),
        );
        let frame = &image[..packed.placed[0].bytes];
        for at in 0..frame.len() {
            let mut changed = frame.to_vec();
            changed[at] ^= 4;
            assert!(
                !open(&SECRET, &[], &changed, &mut vec![0; 700]),
                "byte {at}"
            );
        }
        for cut in 0..frame.len() {
            assert!(!is_intact(&frame[..cut]));
        }
    }
}

#[test]
fn a_delta_needs_its_base() {
    let base = noise(40_000, 1);
    let mut plain = base.clone();
    plain[20_000] ^= 1;
    let sizes = packing(2, 1, Cipher::ChaCha20Poly1305, Codec::Lz4);
    let salts = salts(1);
    let delta = Chunk {
        base: Some(Base {
            plain: &base,
            fingerprint: &[8; 32],
        }),
        ..chunk(&plain, &salts)
    };
    let mut output = vec![0; sizes.output_bytes_max()];
    let placed = sizes
        .pack(&[Item::Chunk(delta)], &mut output)
        .unwrap()
        .placed[0];
    let frame = &output[HEADER_BYTES..HEADER_BYTES + placed.bytes];
    assert!(frame.len() < 500);
    let head = Head::parse(frame).unwrap();
    assert_eq!((head.codec, head.base), (Codec::ZstdDelta, &[8; 32][..]));
    let mut room = vec![0; plain.len()];
    assert!(open(&SECRET, &base, frame, &mut room) && room == plain);
    assert!(!open(&SECRET, &[], frame, &mut room));
}

#[test]
fn a_segment_takes_what_has_room_and_frames_move_to_the_next_as_they_are() {
    let sizes = packing(4, 2, Cipher::Aes256Gcm, Codec::Lz4);
    let plains: Vec<Vec<u8>> = (0..40).map(|index| noise(11_000, index + 1)).collect();
    let (first, _, image) = packed(&sizes, &plains);
    let taken = first.placed.len();
    assert!((18..24).contains(&taken), "{taken} of 40 are 256 KiB");
    let shard = first.shard_bytes;
    for placed in &first.placed {
        assert_eq!(
            placed.start / shard,
            (placed.start + placed.bytes - 1) / shard
        );
    }
    let frames: Vec<&[u8]> = first
        .placed
        .iter()
        .map(|placed| &image[placed.start..placed.start + placed.bytes])
        .collect();
    let items = [Item::Frame(frames[2]), Item::Frame(frames[0])];
    let mut output = vec![0; sizes.output_bytes_max()];
    let moved = sizes.pack(&items, &mut output).unwrap();
    assert!(moved.shard_bytes < 8 * 4096);
    let image: Vec<u8> = output
        .chunks(HEADER_BYTES + moved.shard_bytes)
        .take(4)
        .flat_map(|shard| shard[HEADER_BYTES..].to_vec())
        .collect();
    let mut room = vec![0; 11_000];
    for (placed, index) in moved.placed.iter().zip([2, 0]) {
        let frame = &image[placed.start..placed.start + placed.bytes];
        assert!(open(&SECRET, &[], frame, &mut room) && room == plains[index]);
    }
    let mut damaged = frames[1].to_vec();
    damaged[300] ^= 1;
    assert!(sizes.pack(&[Item::Frame(&damaged)], &mut output).is_none());
    let huge = noise(300_000, 3);
    let salts = salts(0);
    assert!(sizes
        .pack(&[Item::Chunk(chunk(&huge, &salts))], &mut output)
        .is_none());
}

#[test]
fn any_lost_shards_are_rebuilt_to_the_byte() {
    let plains: Vec<Vec<u8>> = (1..9)
        .map(|index| mixed(index * 3000, index as u64))
        .collect();
    for (data, parity) in [(1, 2), (4, 2), (10, 4)] {
        let sizes = packing(data, parity, Cipher::Aes256Gcm, Codec::Lz4);
        let (_, shards, _) = packed(&sizes, &plains);
        for rotation in 0..data + parity {
            let order: Vec<usize> = (0..data + parity)
                .map(|index| (index + rotation) % (data + parity))
                .collect();
            let (kept, lost) = order.split_at(data);
            let present: Vec<&[u8]> = kept.iter().map(|&it| shards[it].as_slice()).collect();
            let mut made = vec![vec![0; shards[0].len()]; lost.len()];
            let mut targets: Vec<&mut [u8]> = made.iter_mut().map(Vec::as_mut_slice).collect();
            assert!(rebuild(&present, lost, &mut targets));
            for (&index, made) in lost.iter().zip(&made) {
                assert!(*made == shards[index]);
            }
        }
    }
}

#[test]
fn shards_of_two_generations_or_with_damage_do_not_mix() {
    let plains = [mixed(60_000, 1)];
    let mut sizes = packing(4, 2, Cipher::None, Codec::Plain);
    let (_, shards, _) = packed(&sizes, &plains);
    sizes.generation = 8;
    let (_, newer, _) = packed(&sizes, &plains);
    let mut room = vec![0; shards[0].len()];
    let mut check = |present: [&[u8]; 4]| rebuild(&present, &[0], &mut [&mut room]);
    assert!(check([&shards[1], &shards[2], &shards[3], &shards[4]]));
    assert!(!check([&shards[1], &shards[2], &shards[3], &newer[4]]));
    assert!(!check([&shards[1], &shards[1], &shards[3], &shards[4]]));
    for at in [0, 11, 4000, 4095, 4096, 9000] {
        let mut damaged = shards[3].clone();
        damaged[at] ^= 1;
        assert!(
            !check([&shards[1], &shards[2], &damaged, &shards[4]]),
            "byte {at}"
        );
    }
}

#[test]
fn a_degraded_read_decodes_just_the_blocks_that_it_needs() {
    let (packed, shards, image) = packed(
        &packing(4, 2, Cipher::None, Codec::Plain),
        &(0..20)
            .map(|index| noise(9000, index + 1))
            .collect::<Vec<_>>(),
    );
    let (stripe, _) = Stripe::parse(&shards[5][..HEADER_BYTES]).unwrap();
    let placed = packed.placed[1];
    let (lost, within) = (
        placed.start / stripe.shard_bytes,
        placed.start % stripe.shard_bytes,
    );
    let first = within / stripe.block_bytes;
    let blocks = (within + placed.bytes).div_ceil(stripe.block_bytes) - first;
    let range = first * stripe.block_bytes..(first + blocks) * stripe.block_bytes;
    let part = |index: usize| &shards[index][HEADER_BYTES..][range.clone()];
    let kept: Vec<usize> = (0..6).filter(|&index| index != lost).take(4).collect();
    let present: Vec<(usize, &[u8])> = kept.iter().map(|&index| (index, part(index))).collect();
    let mut room = vec![0; range.len()];
    assert!(stripe.recover(first, &present, &[lost], &mut [&mut room]));
    let from = within - range.start;
    assert!(room[from..from + placed.bytes] == image[placed.start..placed.start + placed.bytes]);
    // Blocks of another place, though intact where they belong, are not taken.
    assert!(!stripe.recover(first + 1, &present, &[lost], &mut [&mut room]));
    assert_eq!(stripe.damaged(lost, first, &room), Some(vec![]));
    room[4096] ^= 1;
    assert_eq!(stripe.damaged(lost, first, &room), Some(vec![first + 1]));
    assert_eq!(stripe.damaged(lost, first, &room[1..]), None);
    assert_eq!(stripe.damaged(6, first, &room), None);
}

#[test]
fn hostile_bytes_are_refused_without_a_crash() {
    let (_, shards, image) = packed(
        &packing(2, 1, Cipher::Aes256Gcm, Codec::Lz4),
        &[mixed(3000, 1), mixed(50, 2)],
    );
    for round in 0..4000 {
        let random = noise(16, round * 2 + 1);
        let at = usize::from(u16::from_le_bytes([random[0], random[1]]));
        let mut bytes = image.clone();
        let length = bytes.len();
        let place = if round % 2 == 0 {
            at % length
        } else {
            length - 1 - at % 400
        };
        bytes[place] = random[2];
        bytes.truncate(length - usize::from(random[3] % 3) * usize::from(random[4]));
        if let Some((_, entries)) = footer::parse(&bytes) {
            assert!(entries
                .iter()
                .all(|it| it.start + it.head.frame_bytes() <= length));
        }
        if let Some(head) = Head::parse(&bytes) {
            let _ = open(
                &SECRET,
                &[],
                &bytes[..head.frame_bytes().min(bytes.len())],
                &mut vec![0; 3000],
            );
        }
        let mut header = shards[0][..HEADER_BYTES].to_vec();
        let sound = header.clone();
        header[at % HEADER_BYTES] = random[2];
        assert!(header == sound || Stripe::parse(&header).is_none());
        assert!(Head::parse(&random).is_none() && footer::parse(&random).is_none());
    }
}
