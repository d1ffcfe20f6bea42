//! The first mebibyte of a device: who it belongs to and how much of it is used.

use crate::digest::crc32c;

/// What comes before the first usable byte.
pub const REGION_BYTES: u64 = 1 << 20;
pub const SUPERBLOCK_BYTES: usize = 4096;
/// Two copies, so that one is whole at any time while the other is written.
pub const COPY_OFFSETS: [u64; 2] = [0, 512 * 1024];

const MAGIC: [u8; 8] = *b"TERRACEh";
const VERSION: u32 = 1;
/// magic, version, uuid, usable bytes, sequence
const CHECKED_BYTES: usize = 8 + 4 + 16 + 8 + 8;

/// Little endian throughout; a CRC32C over the fields follows them, the rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    pub uuid: [u8; 16],
    /// Usable bytes behind the superblock region.
    pub bytes: u64,
    /// Grows with every change; the copy with the greater one counts.
    pub sequence: u64,
}

/// What one copy turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Copy {
    Ours(Superblock),
    /// Ours, but of a format that this program does not know.
    Newer(u32),
    /// Ours, but torn or damaged.
    Damaged,
    Foreign,
    Zero,
}

#[must_use]
pub fn encode(superblock: &Superblock) -> [u8; SUPERBLOCK_BYTES] {
    let mut bytes = [0; SUPERBLOCK_BYTES];
    bytes[0..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..28].copy_from_slice(&superblock.uuid);
    bytes[28..36].copy_from_slice(&superblock.bytes.to_le_bytes());
    bytes[36..44].copy_from_slice(&superblock.sequence.to_le_bytes());
    let checksum = crc32c(&bytes[..CHECKED_BYTES]);
    bytes[CHECKED_BYTES..CHECKED_BYTES + 4].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// # Panics
/// When `bytes` is shorter than a superblock.
#[must_use]
pub fn decode(bytes: &[u8]) -> Copy {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if bytes[..SUPERBLOCK_BYTES].iter().all(|byte| *byte == 0) {
        return Copy::Zero;
    }
    if bytes[0..8] != MAGIC {
        return Copy::Foreign;
    }
    // The version comes before the checksum: a newer format may keep its checksum elsewhere.
    if word(8) > VERSION {
        return Copy::Newer(word(8));
    }
    if word(8) != VERSION || word(CHECKED_BYTES) != crc32c(&bytes[..CHECKED_BYTES]) {
        return Copy::Damaged;
    }
    Copy::Ours(Superblock {
        uuid: bytes[12..28].try_into().expect("sixteen bytes"),
        bytes: long(28),
        sequence: long(36),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUPERBLOCK: Superblock = Superblock {
        uuid: [7; 16],
        bytes: 64 << 20,
        sequence: 3,
    };

    #[test]
    fn what_was_written_is_what_is_read() {
        assert_eq!(decode(&encode(&SUPERBLOCK)), Copy::Ours(SUPERBLOCK));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        for bit in 0..(CHECKED_BYTES + 4) * 8 {
            let mut bytes = encode(&SUPERBLOCK);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(decode(&bytes), Copy::Ours(_)), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let mut bytes = encode(&SUPERBLOCK);
        bytes[8] = 2;
        assert_eq!(decode(&bytes), Copy::Newer(2));
        assert_eq!(decode(&[0; SUPERBLOCK_BYTES]), Copy::Zero);
        assert_eq!(decode(&[1; SUPERBLOCK_BYTES]), Copy::Foreign);
    }
}
