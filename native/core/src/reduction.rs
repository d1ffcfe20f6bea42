//! What makes content smaller and secret before it goes to the lower tiers: chunks, what they resemble, codecs, frames.

pub mod chunking;
pub mod codec;
pub mod frame;
#[cfg(test)]
mod noise;
pub mod similarity;
