//! Shards as they lie on a store: a header block, then the bytes of the shard. The header has the checksums of every block
//! of every shard of the stripe, so that one header of any shard judges all others, also those that are decoded.

use super::{BLOCK_BYTES_MIN, IMAGE_BYTES_MAX, SEGMENT_ID_BYTES};
use crate::digest::crc32c;
use crate::erasure::Code;

pub const HEADER_BYTES: usize = 4096;
const MAGIC: [u8; 4] = *b"TSHD";
const VERSION: u16 = 1;
const FIXED_BYTES: usize = 64;
const CHECKSUM_AT: usize = HEADER_BYTES - 4;
/// Checksums that a header has room for.
const CHECKSUMS_MAX: usize = (CHECKSUM_AT - FIXED_BYTES) / 4;

/// A stripe as each of its headers describes it: all of it but the index of the shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripe {
    pub data: usize,
    pub parity: usize,
    /// Of each shard without its header.
    pub shard_bytes: usize,
    /// What one checksum covers; the last block of a shard may be shorter.
    pub block_bytes: usize,
    pub id: [u8; SEGMENT_ID_BYTES],
    pub generation: u64,
    /// CRC32C of each block, shard after shard.
    pub checksums: Vec<u32>,
}

impl Stripe {
    /// Without checksums; `None` for a shape or lengths that cannot be.
    #[must_use]
    pub fn new(
        (data, parity): (usize, usize),
        shard_bytes: usize,
        id: [u8; SEGMENT_ID_BYTES],
        generation: u64,
    ) -> Option<Self> {
        Code::new(data, parity)?;
        let is_whole = shard_bytes > 0 && shard_bytes.is_multiple_of(BLOCK_BYTES_MIN);
        if !is_whole || shard_bytes.checked_mul(data)? > IMAGE_BYTES_MAX {
            return None;
        }
        let mut block_bytes = BLOCK_BYTES_MIN;
        while (data + parity) * shard_bytes.div_ceil(block_bytes) > CHECKSUMS_MAX {
            block_bytes *= 2;
        }
        Some(Self {
            data,
            parity,
            shard_bytes,
            block_bytes,
            id,
            generation,
            checksums: Vec::new(),
        })
    }

    #[must_use]
    pub fn shards(&self) -> usize {
        self.data + self.parity
    }

    fn blocks(&self) -> usize {
        self.shard_bytes.div_ceil(self.block_bytes)
    }

    /// The header of shard `index`.
    #[must_use]
    pub fn header(&self, index: usize) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let table: Vec<u8> = self
            .checksums
            .iter()
            .flat_map(|checksum| checksum.to_le_bytes())
            .collect();
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
        let long = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        header[..4].copy_from_slice(&MAGIC);
        header[4..6].copy_from_slice(&VERSION.to_le_bytes());
        header[6..8].copy_from_slice(&short(self.data));
        header[8..10].copy_from_slice(&short(self.parity));
        header[10..12].copy_from_slice(&short(index));
        header[12..16].copy_from_slice(&long(self.shard_bytes));
        header[16..20].copy_from_slice(&long(self.block_bytes));
        header[20..24].copy_from_slice(&crc32c(&table).to_le_bytes());
        header[24..40].copy_from_slice(&self.id);
        header[40..48].copy_from_slice(&self.generation.to_le_bytes());
        header[FIXED_BYTES..FIXED_BYTES + table.len()].copy_from_slice(&table);
        let checksum = crc32c(&header[..CHECKSUM_AT]);
        header[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// The stripe and the index of the shard whose header this is; `None` for anything but a sound header.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<(Self, usize)> {
        let header: &[u8; HEADER_BYTES] = header.try_into().ok()?;
        let short = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let long = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_le_bytes(bytes)
        };
        let is_ours = header[..4] == MAGIC && header[4..6] == VERSION.to_le_bytes();
        if !is_ours || long(CHECKSUM_AT) != crc32c(&header[..CHECKSUM_AT]) {
            return None;
        }
        let id = header[24..40].try_into().ok()?;
        let generation = u64::from(long(40)) | u64::from(long(44)) << 32;
        let mut stripe = Self::new((short(6), short(8)), long(12) as usize, id, generation)?;
        let count = stripe.shards() * stripe.blocks();
        let table = &header[FIXED_BYTES..FIXED_BYTES + 4 * count];
        let is_sound = long(16) as usize == stripe.block_bytes && long(20) == crc32c(table);
        let index = short(10);
        if !is_sound || index >= stripe.shards() {
            return None;
        }
        stripe.checksums = (0..count).map(|at| long(FIXED_BYTES + 4 * at)).collect();
        Some((stripe, index))
    }

    /// The checksums of one shard, to be appended for each in turn.
    pub fn add_checksums(&mut self, shard: &[u8]) {
        self.checksums
            .extend(shard.chunks(self.block_bytes).map(crc32c));
    }

    /// The numbers of the blocks of shard `index`, from block `first` on, that are not what was written; `None` when
    /// `bytes` are not whole blocks of it.
    #[must_use]
    pub fn damaged(&self, index: usize, first: usize, bytes: &[u8]) -> Option<Vec<usize>> {
        let start = first.checked_mul(self.block_bytes)?;
        let end = start.checked_add(bytes.len())?;
        let is_whole = end == self.shard_bytes || bytes.len().is_multiple_of(self.block_bytes);
        if index >= self.shards() || end > self.shard_bytes || !is_whole {
            return None;
        }
        let checksums = &self.checksums[index * self.blocks() + first..];
        let blocks = bytes.chunks(self.block_bytes).zip(checksums).enumerate();
        let damaged = blocks.filter(|(_, (block, &checksum))| crc32c(block) != checksum);
        Some(damaged.map(|(number, _)| first + number).collect())
    }

    fn is_intact(&self, index: usize, first: usize, bytes: &[u8]) -> bool {
        self.damaged(index, first, bytes)
            .is_some_and(|damaged| damaged.is_empty())
    }

    /// Decodes blocks of the shards `wanted`, from block `first` on, out of the same blocks of as many other shards as hold
    /// data. What goes in and what comes out is compared with the checksums: false when any differs.
    #[must_use]
    pub fn recover(
        &self,
        first: usize,
        present: &[(usize, &[u8])],
        wanted: &[usize],
        targets: &mut [&mut [u8]],
    ) -> bool {
        let is_intact = |&(index, bytes): &(usize, &[u8])| self.is_intact(index, first, bytes);
        let Some(code) = Code::new(self.data, self.parity) else {
            return false;
        };
        present.iter().all(is_intact)
            && code.decode(present, wanted, targets)
            && wanted
                .iter()
                .zip(targets)
                .all(|(&index, bytes)| self.is_intact(index, first, bytes))
    }
}

/// Makes whole shards `wanted`, with their headers, of whole other shards of one stripe, as many as hold data. False when
/// one of these is damaged, or of another segment or generation, or something has the wrong length.
#[must_use]
pub fn rebuild(present: &[&[u8]], wanted: &[usize], targets: &mut [&mut [u8]]) -> bool {
    let mut stripe: Option<Stripe> = None;
    let mut bodies = Vec::new();
    for shard in present {
        let Some((header, body)) = shard.split_at_checked(HEADER_BYTES) else {
            return false;
        };
        let Some((found, index)) = Stripe::parse(header) else {
            return false;
        };
        if *stripe.get_or_insert_with(|| found.clone()) != found || body.len() != found.shard_bytes
        {
            return false;
        }
        bodies.push((index, body));
    }
    let Some(stripe) = stripe else {
        return false;
    };
    if targets
        .iter()
        .any(|target| target.len() != HEADER_BYTES + stripe.shard_bytes)
    {
        return false;
    }
    let (mut heads, mut tails): (Vec<_>, Vec<_>) = targets
        .iter_mut()
        .map(|target| target.split_at_mut(HEADER_BYTES))
        .unzip();
    let is_recovered = stripe.recover(0, &bodies, wanted, &mut tails);
    for (&index, head) in wanted.iter().zip(&mut heads) {
        head.copy_from_slice(&stripe.header(index));
    }
    is_recovered
}
