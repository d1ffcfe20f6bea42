//! napi surface of `terrace_core::digest`.
