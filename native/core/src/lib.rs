//! Pure code of the native parts: no napi, no JavaScript, tested by `cargo test`.

pub mod device;
pub mod digest;
pub mod erasure;
pub mod kv;
mod md5;
pub mod reduction;
pub mod sealing;
pub mod segment;
