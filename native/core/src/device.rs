//! See the TypeScript port of the same name.
