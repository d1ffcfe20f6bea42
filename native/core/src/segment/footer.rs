//! The end of an image: an index of all frames, then a trailer that says where it is.

use super::{IMAGE_BYTES_MAX, SEGMENT_ID_BYTES};
use crate::digest::crc32c;
use crate::reduction::frame::Head;

pub const TRAILER_BYTES: usize = 64;
const MAGIC: [u8; 4] = *b"TSEG";
const VERSION: u16 = 1;
/// Of an entry, before the head: where the frame starts and how long its head is.
const ENTRY_FIXED_BYTES: usize = 8;

/// What the index takes for a frame with a head of `head_bytes`.
#[must_use]
pub const fn entry_bytes(head_bytes: usize) -> usize {
    ENTRY_FIXED_BYTES + head_bytes
}

/// One frame of an index.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// In bytes of the image.
    pub start: usize,
    pub head: Head<'a>,
}

/// The footer of an image of `image_bytes`. Each frame is its place and the bytes of its head.
#[must_use]
pub fn bytes(
    id: &[u8; SEGMENT_ID_BYTES],
    frames: &[(usize, &[u8])],
    image_bytes: usize,
) -> Vec<u8> {
    let mut footer = Vec::new();
    for (start, head) in frames {
        footer.extend_from_slice(&short(*start));
        footer.extend_from_slice(&short(head.len()));
        footer.extend_from_slice(head);
    }
    let mut trailer = [0; TRAILER_BYTES];
    trailer[..4].copy_from_slice(&MAGIC);
    trailer[4..6].copy_from_slice(&VERSION.to_le_bytes());
    trailer[8..12].copy_from_slice(&short(frames.len()));
    trailer[12..16].copy_from_slice(&short(footer.len()));
    trailer[16..20].copy_from_slice(&crc32c(&footer).to_le_bytes());
    trailer[20..24].copy_from_slice(&short(image_bytes));
    trailer[24..40].copy_from_slice(id);
    let checksum = crc32c(&trailer[..TRAILER_BYTES - 4]);
    trailer[TRAILER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
    footer.extend_from_slice(&trailer);
    footer
}

fn short(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// The index of `image`, or of the last bytes of one that hold its footer; `None` unless all of it is sound.
#[must_use]
pub fn parse(image: &[u8]) -> Option<(&[u8], Vec<Entry<'_>>)> {
    let (rest, trailer) = image.split_last_chunk::<TRAILER_BYTES>()?;
    let number = |at: usize| {
        let bytes: [u8; 4] = [
            trailer[at],
            trailer[at + 1],
            trailer[at + 2],
            trailer[at + 3],
        ];
        u32::from_le_bytes(bytes)
    };
    let is_ours = trailer[..4] == MAGIC && trailer[4..6] == VERSION.to_le_bytes();
    if !is_ours || number(60) != crc32c(&trailer[..60]) {
        return None;
    }
    let image_bytes = number(20) as usize;
    if image_bytes > IMAGE_BYTES_MAX || image.len() > image_bytes {
        return None;
    }
    let mut index = &rest[rest.len().checked_sub(number(12) as usize)?..];
    if crc32c(index) != number(16) {
        return None;
    }
    let frames_end = image_bytes.checked_sub(TRAILER_BYTES + index.len())?;
    let mut entries = Vec::new();
    while let Some((fixed, after)) = index.split_first_chunk::<ENTRY_FIXED_BYTES>() {
        let start = u32::from_le_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]) as usize;
        let head_bytes = u32::from_le_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]) as usize;
        let (head, after) = after.split_at_checked(head_bytes)?;
        let head = Head::parse(head)?;
        if head.bytes != head_bytes || start.checked_add(head.frame_bytes())? > frames_end {
            return None;
        }
        entries.push(Entry { start, head });
        index = after;
    }
    let is_whole = index.is_empty() && entries.len() == number(8) as usize;
    is_whole.then_some((&trailer[24..24 + SEGMENT_ID_BYTES], entries))
}
