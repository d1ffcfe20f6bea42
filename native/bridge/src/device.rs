//! napi surface of `terrace_core::device`.
