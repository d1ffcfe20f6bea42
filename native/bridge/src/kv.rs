//! napi surface of `terrace_core::kv`.
