//! What makes content smaller and secret before it goes to the lower tiers: chunks, codecs, frames.

pub mod chunking;
pub mod codec;
pub mod frame;
