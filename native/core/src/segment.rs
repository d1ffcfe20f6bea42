//! Segments: frames packed into one image, coded into shards that describe themselves. See docs/formats.md.

pub mod footer;
pub mod layout;
pub mod pack;
pub mod shard;

pub const SEGMENT_ID_BYTES: usize = 16;
/// Of an image; nothing larger is made or decoded.
pub const IMAGE_BYTES_MAX: usize = 64 << 20;
/// Shards are read and written in units of this many bytes.
pub const BLOCK_BYTES_MIN: usize = 4096;
