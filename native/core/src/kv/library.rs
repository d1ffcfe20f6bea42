//! The functions of `librocksdb` that are used here, declared by hand from its `c.h` and found at run time: no headers,
//! no C++ compiler, and any version from 7 on. Their order is that of use.

use std::ffi::{c_char, c_int, c_uchar, c_void};
use std::sync::OnceLock;

/// An object of the library. Which class it is of is told by the name of the parameter or field.
pub type Handle = *mut c_void;

/// Debian's package has only the exact version's name; other systems have the short ones.
const NAMES: [&str; 8] = [
    "librocksdb.so",
    "librocksdb.so.7.8",
    "librocksdb.so.7",
    "librocksdb.so.8.9",
    "librocksdb.so.8",
    "librocksdb.so.9.10",
    "librocksdb.so.9",
    "librocksdb.so.10",
];

macro_rules! declare {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// One field for each function, without its prefix `rocksdb_`.
        pub struct Library {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Library {
            fn resolve(library: &libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of c.h.
                unsafe {
                    Ok(Self {
                        $($name: *library.get(concat!("rocksdb_", stringify!($name), "\0").as_bytes())?,)*
                    })
                }
            }
        }
    };
}

type Text = *const c_char;
type Failure = *mut *mut c_char;

declare! {
    options_create: fn() -> Handle;
    options_destroy: fn(Handle);
    options_set_create_if_missing: fn(Handle, c_uchar);
    options_set_write_buffer_size: fn(Handle, usize);
    options_set_max_write_buffer_number: fn(Handle, c_int);
    options_set_max_open_files: fn(Handle, c_int);
    options_set_wal_recovery_mode: fn(Handle, c_int);
    options_set_recycle_log_file_num: fn(Handle, usize);
    options_set_bytes_per_sync: fn(Handle, u64);
    options_set_compression: fn(Handle, c_int);
    options_set_level_compaction_dynamic_level_bytes: fn(Handle, c_uchar);
    options_set_avoid_unnecessary_blocking_io: fn(Handle, c_uchar);
    options_set_info_log_level: fn(Handle, c_int);
    options_set_max_log_file_size: fn(Handle, usize);
    options_set_keep_log_file_num: fn(Handle, usize);
    options_set_enable_blob_files: fn(Handle, c_uchar);
    options_set_min_blob_size: fn(Handle, u64);
    options_set_blob_file_size: fn(Handle, u64);
    options_set_enable_blob_gc: fn(Handle, c_uchar);
    options_set_blob_gc_force_threshold: fn(Handle, f64);
    options_set_block_based_table_factory: fn(Handle, Handle);
    block_based_options_create: fn() -> Handle;
    block_based_options_destroy: fn(Handle);
    block_based_options_set_block_size: fn(Handle, usize);
    block_based_options_set_block_cache: fn(Handle, Handle);
    block_based_options_set_filter_policy: fn(Handle, Handle);
    block_based_options_set_cache_index_and_filter_blocks: fn(Handle, c_uchar);
    block_based_options_set_pin_l0_filter_and_index_blocks_in_cache: fn(Handle, c_uchar);
    filterpolicy_create_bloom_full: fn(f64) -> Handle;
    cache_create_lru: fn(usize) -> Handle;
    cache_destroy: fn(Handle);
    open: fn(Handle, Text, Failure) -> Handle;
    close: fn(Handle);
    free: fn(*mut c_void);
    readoptions_create: fn() -> Handle;
    readoptions_destroy: fn(Handle);
    readoptions_set_read_tier: fn(Handle, c_int);
    readoptions_set_max_skippable_internal_keys: fn(Handle, u64);
    readoptions_set_iterate_lower_bound: fn(Handle, Text, usize);
    readoptions_set_iterate_upper_bound: fn(Handle, Text, usize);
    get_pinned: fn(Handle, Handle, Text, usize, Failure) -> Handle;
    pinnableslice_value: fn(Handle, *mut usize) -> Text;
    pinnableslice_destroy: fn(Handle);
    create_iterator: fn(Handle, Handle) -> Handle;
    iter_destroy: fn(Handle);
    iter_seek: fn(Handle, Text, usize);
    iter_seek_to_last: fn(Handle);
    iter_valid: fn(Handle) -> c_uchar;
    iter_next: fn(Handle);
    iter_prev: fn(Handle);
    iter_key: fn(Handle, *mut usize) -> Text;
    iter_value: fn(Handle, *mut usize) -> Text;
    iter_get_error: fn(Handle, Failure);
    writebatch_create: fn() -> Handle;
    writebatch_destroy: fn(Handle);
    writebatch_put: fn(Handle, Text, usize, Text, usize);
    writebatch_delete: fn(Handle, Text, usize);
    writebatch_count: fn(Handle) -> c_int;
    writeoptions_create: fn() -> Handle;
    writeoptions_destroy: fn(Handle);
    writeoptions_set_sync: fn(Handle, c_uchar);
    write: fn(Handle, Handle, Handle, Failure);
    flush_wal: fn(Handle, c_uchar, Failure);
}

impl Library {
    /// The library at `path`, or the first one found under the usual names. It stays loaded until the process ends, as
    /// RocksDB's background threads do; a later call gets the one that the first had found.
    ///
    /// # Errors
    /// One sentence that says what to install.
    pub fn load(path: Option<&str>) -> Result<&'static Self, String> {
        static LOADED: OnceLock<Library> = OnceLock::new();
        if let Some(library) = LOADED.get() {
            return Ok(library);
        }
        let found = match path {
            Some(path) => Self::load_from(path)?,
            None => NAMES
                .iter()
                .find_map(|name| Self::load_from(name).ok())
                .ok_or_else(missing)?,
        };
        Ok(LOADED.get_or_init(|| found))
    }

    fn load_from(name: &str) -> Result<Self, String> {
        // SAFETY: the library's initialisers are those of RocksDB.
        let library = unsafe { libloading::Library::new(name) }
            .map_err(|cause| format!("cannot load RocksDB from {name}: {cause}"))?;
        let functions = Self::resolve(&library)
            .map_err(|cause| format!("{name} is no usable RocksDB: {cause}"))?;
        std::mem::forget(library);
        Ok(functions)
    }
}

fn missing() -> String {
    format!(
        "RocksDB's library is not installed (looked for {}): on Debian or Ubuntu run `apt-get install librocksdb7.8`",
        NAMES.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_library_says_what_to_install() {
        assert!(missing().contains("apt-get install librocksdb7.8"));
        let cause = Library::load_from("/nonexistent/librocksdb.so")
            .err()
            .unwrap();
        assert!(
            cause.starts_with("cannot load RocksDB from /nonexistent/librocksdb.so"),
            "{cause}"
        );
    }

    #[test]
    fn another_library_is_refused() {
        let cause = Library::load_from("libc.so.6").err().unwrap();
        assert!(
            cause.starts_with("libc.so.6 is no usable RocksDB"),
            "{cause}"
        );
    }
}
