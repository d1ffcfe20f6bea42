//! From chunks to shards in one pass: compress, seal, pack, encode, add checksums.

use std::cell::RefCell;

use super::footer;
use super::layout::{smallest, Layout, Piece};
use super::shard::{Stripe, HEADER_BYTES};
use super::{BLOCK_BYTES_MIN, IMAGE_BYTES_MAX, SEGMENT_ID_BYTES};
use crate::erasure::Code;
use crate::reduction::codec::Codec;
use crate::reduction::frame::{is_intact, write, Chunk, Compression, Head, Seal};

thread_local! {
    /// Frames until it is known where they go: kept, because memory that is new to the process costs more than filling it.
    static FRAMES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

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
    /// What the frame became: a delta only where that has gained enough.
    pub codec: Codec,
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
        FRAMES.with_borrow_mut(|frames| {
            frames.clear();
            let (pieces, codecs) = self.append_frames(items, frames)?;
            let (shard_bytes, starts) = self.write_shards(&code, frames, &pieces, output)?;
            let placed = pieces.iter().zip(codecs).zip(starts);
            let placed = placed.map(|((piece, codec), start)| Placed {
                start,
                bytes: piece.bytes,
                head_bytes: piece.head_bytes,
                codec,
            });
            Some(Packed {
                shard_bytes,
                placed: placed.collect(),
            })
        })
    }

    /// Writes the frames that lie one after the other in `frames`. Gives the length of a shard and where each frame is.
    fn write_shards(
        &self,
        code: &Code,
        frames: &[u8],
        pieces: &[Piece],
        output: &mut [u8],
    ) -> Option<(usize, Vec<usize>)> {
        let (layout, starts) = smallest(self.data, self.shard_bytes_max(), pieces)?;
        let shard_bytes = layout.shard_bytes();
        let shards = output.chunks_mut(HEADER_BYTES + shard_bytes);
        let (mut headers, mut bodies): (Vec<_>, Vec<_>) = shards
            .take(self.data + self.parity)
            .map(|shard| shard.split_at_mut(HEADER_BYTES))
            .unzip();
        let (data, parity) = bodies.split_at_mut(self.data);
        self.write_image(&layout, frames, pieces, &starts, data);
        let data: Vec<&[u8]> = data.iter().map(|body| &**body).collect();
        let mut stripe = Stripe::new(
            (self.data, self.parity),
            shard_bytes,
            self.id,
            self.generation,
        )?;
        if !code.encode(&data, parity) {
            return None;
        }
        for body in data
            .iter()
            .copied()
            .chain(parity.iter().map(|body| &**body))
        {
            stripe.add_checksums(body);
        }
        for (index, header) in headers.iter_mut().enumerate() {
            header.copy_from_slice(&stripe.header(index));
        }
        Some((shard_bytes, starts))
    }

    /// Appends the frames of as many items as there is room for.
    fn append_frames(
        &self,
        items: &[Item],
        frames: &mut Vec<u8>,
    ) -> Option<(Vec<Piece>, Vec<Codec>)> {
        let mut layout = Layout::new(self.data, self.shard_bytes_max());
        let (mut pieces, mut codecs) = (Vec::new(), Vec::new());
        for item in items {
            let start = frames.len();
            match item {
                Item::Chunk(chunk) => {
                    if !write(chunk, self.compression, &self.seal, frames) {
                        return None;
                    }
                }
                Item::Frame(frame) if is_intact(frame) => frames.extend_from_slice(frame),
                Item::Frame(_) => return None,
            }
            let head = Head::parse(&frames[start..])?;
            let (head_bytes, codec) = (head.bytes, head.codec);
            let piece = Piece {
                bytes: frames.len() - start,
                head_bytes,
            };
            if layout.place(piece).is_none() {
                frames.truncate(start);
                break;
            }
            pieces.push(piece);
            codecs.push(codec);
        }
        (items.is_empty() || !pieces.is_empty()).then_some((pieces, codecs))
    }

    fn write_image(
        &self,
        layout: &Layout,
        frames: &[u8],
        pieces: &[Piece],
        starts: &[usize],
        shards: &mut [&mut [u8]],
    ) {
        for shard in &mut *shards {
            shard.fill(0);
        }
        let mut rest = frames;
        let mut heads = Vec::with_capacity(pieces.len());
        for (piece, &start) in pieces.iter().zip(starts) {
            let (frame, after) = rest.split_at(piece.bytes);
            write_over(shards, start, frame);
            heads.push((start, &frame[..piece.head_bytes]));
            rest = after;
        }
        let footer = footer::bytes(&self.id, &heads, layout.image_bytes());
        write_over(shards, layout.image_bytes() - footer.len(), &footer);
    }
}

/// Writes `bytes` from `start` of the image on, which goes over shards of the same length.
fn write_over(shards: &mut [&mut [u8]], start: usize, mut bytes: &[u8]) {
    let shard_bytes = shards[0].len();
    let mut offset = start % shard_bytes;
    for shard in &mut shards[start / shard_bytes..] {
        let (now, later) = bytes.split_at(bytes.len().min(shard_bytes - offset));
        shard[offset..offset + now.len()].copy_from_slice(now);
        bytes = later;
        offset = 0;
    }
}
