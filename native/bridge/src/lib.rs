//! What JavaScript sees of `terrace-core`: conversions only, no loops and no policy.

mod device;
mod digest;
mod elsewhere;
mod erasure;
mod kv;
mod memory;
mod reduction;
mod sealing;
