//! RocksDB by its C interface: one database, one thread that commits. See `src/kv/rocksdb.ts`.

mod committer;
mod database;
mod library;
pub mod packing;

pub use committer::{Committer, Group};
pub use database::{Database, Error, PageRequest, Reach, Settings};
