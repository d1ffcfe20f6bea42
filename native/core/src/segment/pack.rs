//! From chunks to shards in one pass: compress, seal, pack, encode, add checksums.

use super::footer;
use super::layout::{smallest, Layout, Piece};
use super::shard::{Stripe, HEADER_BYTES};
use super::{BLOCK_BYTES_MIN, IMAGE_BYTES_MAX, SEGMENT_ID_BYTES};
use crate::erasure::Code;
use crate::reduction::frame::{is_intact, write, Chunk, Compression, Head, Seal};

/// What becomes of the items of one call.
pub struct Packing<'a> {
    pub data: usize,
    pub parity: usize,
    /// Of an image: `data` shards without their headers.
    pub image_bytes_max: usize,
    pub id: [u8; SEGMENT_ID_BYTES],
    pub generation: u64,
    pub compression: Compression,
    pub seal: Seal<'a>,
}

pub enum Item<'a> {
    Chunk(Chunk<'a>),
    /// A frame of another segment, taken over as it is.
    Frame(&'a [u8]),
}

/// Where an item is in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub start: usize,
    pub bytes: usize,
    pub head_bytes: usize,
}

/// What `pack` made.
pub struct Packed {
    /// Without its header.
    pub shard_bytes: usize,
    /// Of the items that were taken: the first ones. The next one had no room.
    pub placed: Vec<Placed>,
}

impl Packing<'_> {
    #[must_use]
    pub fn shard_bytes_max(&self) -> usize {
        self.image_bytes_max / self.data.max(1) / BLOCK_BYTES_MIN * BLOCK_BYTES_MIN
    }

    /// What the output of `pack` may take: all shards, with their headers.
    #[must_use]
    pub fn output_bytes_max(&self) -> usize {
        (self.data + self.parity) * (HEADER_BYTES + self.shard_bytes_max())
    }

    /// Writes all shards of one segment, one after the other with their headers, to the start of `output`. Takes items, in
    /// their order, as long as there is room. `None` when something does not fit: a length, a key, a frame that is
    /// damaged, or a first item that no segment of this size holds.
    #[must_use]
    pub fn pack(&self, items: &[Item], output: &mut [u8]) -> Option<Packed> {
        let code = Code::new(self.data, self.parity)?;
        if self.image_bytes_max > IMAGE_BYTES_MAX || output.len() < self.output_bytes_max() {
            return None;
        }
        let (frames, pieces) = self.frames(items)?;
        if pieces.is_empty() && !items.is_empty() {
            return None;
        }
        let (layout, starts) = smallest(self.data, self.shard_bytes_max(), &pieces)?;
        let image = self.image(&layout, &frames, &pieces, &starts);
        self.encode(&code, &image, layout.shard_bytes(), output)?;
        let placed = pieces.iter().zip(starts).map(|(piece, start)| Placed {
            start,
            bytes: piece.bytes,
            head_bytes: piece.head_bytes,
        });
        Some(Packed {
            shard_bytes: layout.shard_bytes(),
            placed: placed.collect(),
        })
    }

    /// The frames of as many items as there is room for, one after the other.
    fn frames(&self, items: &[Item]) -> Option<(Vec<u8>, Vec<Piece>)> {
        let mut layout = Layout::new(self.data, self.shard_bytes_max());
        let mut frames = Vec::with_capacity(self.image_bytes_max);
        let mut pieces = Vec::new();
        for item in items {
            let start = frames.len();
            match item {
                Item::Chunk(chunk) => {
                    if !write(chunk, self.compression, &self.seal, &mut frames) {
                        return None;
                    }
                }
                Item::Frame(frame) if is_intact(frame) => frames.extend_from_slice(frame),
                Item::Frame(_) => return None,
            }
            let piece = Piece {
                bytes: frames.len() - start,
                head_bytes: Head::parse(&frames[start..])?.bytes,
            };
            if layout.place(piece).is_none() {
                frames.truncate(start);
                break;
            }
            pieces.push(piece);
        }
        Some((frames, pieces))
    }

    fn image(&self, layout: &Layout, frames: &[u8], pieces: &[Piece], starts: &[usize]) -> Vec<u8> {
        let mut image = vec![0; layout.image_bytes()];
        let mut rest = frames;
        let mut heads = Vec::with_capacity(pieces.len());
        for (piece, &start) in pieces.iter().zip(starts) {
            let (frame, after) = rest.split_at(piece.bytes);
            image[start..start + piece.bytes].copy_from_slice(frame);
            heads.push((start, &frame[..piece.head_bytes]));
            rest = after;
        }
        footer::write(&self.id, &heads, &mut image);
        image
    }

    fn encode(
        &self,
        code: &Code,
        image: &[u8],
        shard_bytes: usize,
        output: &mut [u8],
    ) -> Option<()> {
        let shape = (self.data, self.parity);
        let mut stripe = Stripe::new(shape, shard_bytes, self.id, self.generation)?;
        let shards = output.chunks_mut(HEADER_BYTES + shard_bytes);
        let (mut headers, mut bodies): (Vec<_>, Vec<_>) = shards
            .take(self.data + self.parity)
            .map(|shard| shard.split_at_mut(HEADER_BYTES))
            .unzip();
        let data: Vec<&[u8]> = image.chunks(shard_bytes).collect();
        if !code.encode(&data, &mut bodies[self.data..]) {
            return None;
        }
        for (body, bytes) in bodies.iter_mut().zip(&data) {
            body.copy_from_slice(bytes);
        }
        for body in &bodies {
            stripe.add_checksums(body);
        }
        for (index, header) in headers.iter_mut().enumerate() {
            header.copy_from_slice(&stripe.header(index));
        }
        Some(())
    }
}
