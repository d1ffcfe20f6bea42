//! A safe face of one open RocksDB database.

use std::ffi::{c_char, c_int, CStr, CString};
use std::fmt;
use std::ptr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use self::cursor::Cursor;
use super::library::{Handle, Library};
use super::packing;

#[derive(Debug, Clone)]
pub struct Settings {
    pub directory: String,
    /// Where the library is, if not under one of its usual names.
    pub library: Option<String>,
    /// One cache for data, index and filter blocks.
    pub block_cache_bytes: usize,
    /// Of one memtable; there are at most [`MEMTABLES_MAX`].
    pub memtable_bytes: usize,
    pub open_files_max: i32,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    LibraryMissing(String),
    /// Another process has the directory open.
    InUse(String),
    /// What RocksDB says.
    Failed(String),
    Closed,
    /// A packed argument was cut short.
    Malformed,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LibraryMissing(text) | Self::Failed(text) => formatter.write_str(text),
            Self::InUse(directory) => write!(formatter, "{directory} is in use by another process"),
            Self::Closed => formatter.write_str("the database is closed"),
            Self::Malformed => formatter.write_str("a packed buffer was cut short"),
        }
    }
}

impl std::error::Error for Error {}

/// How far a read may go.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Reach {
    /// Only what is in memory and found quickly: the answer is `None` when the disk or a long search would be needed.
    Memory,
    Disk,
}

#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    pub start: &'a [u8],
    pub end: &'a [u8],
    pub reverse: bool,
    pub entries_max: usize,
    /// The page ends after the entry that reaches this many bytes of keys and values.
    pub bytes_max: usize,
}

const MEMTABLES_MAX: c_int = 3;
const BLOCK_BYTES: usize = 8 * 1024;
const BLOOM_BITS_PER_KEY: f64 = 10.0;
const LOG_BYTES_MAX: usize = 1024 * 1024;
const LOG_FILES_MAX: usize = 2;
const LOG_LEVEL_WARN: c_int = 2;
/// Written tables go to the disk in steps of this size, not all at once under somebody's fdatasync.
const BYTES_PER_SYNC: u64 = 1024 * 1024;
const WAL_FILES_RECYCLED: usize = 2;
const READ_TIER_BLOCK_CACHE: c_int = 1;
/// Larger values go to files of their own and are not rewritten by compaction. Measured with durable rows of 64 KiB, 16
/// callers, 640 MB: 2.4 bytes written for each byte instead of 3.4, 318 µs of CPU a row instead of 463.
const BLOB_BYTES_MIN: u64 = 8 * 1024;
const BLOB_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Above this share of garbage in the oldest of them, RocksDB rewrites them without waiting for a compaction.
const BLOB_GARBAGE_SHARE_MAX: f64 = 0.5;
/// Rows deleted of late are still passed over by a scan: above this many that is no work for the calling thread.
const SKIPPED_KEYS_MAX: u64 = 2000;
const COMPRESSION_NONE: c_int = 0;
const COMPRESSION_LZ4: c_int = 4;

/// `kPointInTimeRecovery`: replay up to the first record that is not whole. That is the crash model of the kv layer: an
/// acknowledged commit was synced with all before it, so it lies before any torn record; what comes after was not
/// acknowledged, and a prefix of it is as good as none. `kTolerateCorruptedTailRecords` would refuse to open after a
/// power loss that left a hole in the unsynced tail (pages reach the disk in any order), and `kSkipAnyCorruptedRecords`
/// would replay records behind the hole, which reorders. Recycled log files need a recovery that stops at a stale record
/// as this one does; versions 7 to 8.10 nevertheless switch recycling off in this mode, later ones honour it.
const WAL_RECOVERY_POINT_IN_TIME: c_int = 2;

pub struct Database {
    library: &'static Library,
    /// Readers share it; closing takes it.
    handles: RwLock<Option<Handles>>,
}

/// Made at opening, freed at closing.
struct Handles {
    database: Handle,
    read_memory: Handle,
    read_disk: Handle,
    write_buffered: Handle,
    write_durable: Handle,
}

// SAFETY: RocksDB's database and options may be used by several threads at once; nothing here changes them after opening.
unsafe impl Send for Handles {}
// SAFETY: as above.
unsafe impl Sync for Handles {}

impl Database {
    /// # Errors
    /// When the library is missing, the directory is in use, or RocksDB fails.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        let library = Library::load(settings.library.as_deref()).map_err(Error::LibraryMissing)?;
        let opened = match open_compressed(library, settings, COMPRESSION_LZ4) {
            // A build of the library without LZ4.
            Err(text) if text.contains("not linked") => {
                open_compressed(library, settings, COMPRESSION_NONE)
            }
            opened => opened,
        };
        let database = opened.map_err(|text| open_error(&settings.directory, text))?;
        // SAFETY: plain constructors and setters.
        let handles = unsafe {
            let read_memory = (library.readoptions_create)();
            (library.readoptions_set_read_tier)(read_memory, READ_TIER_BLOCK_CACHE);
            let write_durable = (library.writeoptions_create)();
            (library.writeoptions_set_sync)(write_durable, 1);
            Handles {
                database,
                read_memory,
                read_disk: (library.readoptions_create)(),
                write_buffered: (library.writeoptions_create)(),
                write_durable,
            }
        };
        Ok(Self {
            library,
            handles: RwLock::new(Some(handles)),
        })
    }

    /// Waits for the calls under way; later ones fail. A second call does nothing.
    pub fn close(&self) {
        let taken = self
            .handles
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(handles) = taken else { return };
        let library = self.library;
        // SAFETY: each is freed once, the database last, and nobody else has them any more.
        unsafe {
            (library.readoptions_destroy)(handles.read_memory);
            (library.readoptions_destroy)(handles.read_disk);
            (library.writeoptions_destroy)(handles.write_buffered);
            (library.writeoptions_destroy)(handles.write_durable);
            (library.close)(handles.database);
        }
    }

    /// `packed` is [`packing::keys`]; the answer one [`packing::put_value`] for each, in the same order.
    ///
    /// # Errors
    /// When RocksDB fails, the database is closed or `packed` is malformed.
    pub fn get_many(&self, packed: &[u8], reach: Reach) -> Result<Option<Vec<u8>>, Error> {
        let keys = packing::keys(packed).ok_or(Error::Malformed)?;
        let guard = self.read()?;
        let handles = guard.as_ref().ok_or(Error::Closed)?;
        let options = if reach == Reach::Memory {
            handles.read_memory
        } else {
            handles.read_disk
        };
        let mut answer = Vec::new();
        for key in keys {
            let mut failure = ptr::null_mut();
            // SAFETY: live handles; the key outlives the call.
            let value = unsafe {
                (self.library.get_pinned)(
                    handles.database,
                    options,
                    text(key),
                    key.len(),
                    &raw mut failure,
                )
            };
            match self.check(failure) {
                Ok(()) => self.put_pinned(&mut answer, value),
                Err(cause) if is_incomplete(&cause) => return Ok(None),
                Err(cause) => return Err(cause),
            }
        }
        Ok(Some(answer))
    }

    fn put_pinned(&self, answer: &mut Vec<u8>, pinned: Handle) {
        if pinned.is_null() {
            packing::put_value(answer, None);
            return;
        }
        // SAFETY: the bytes belong to `pinned` until it is destroyed, after they were copied.
        unsafe {
            let mut length = 0;
            let value = (self.library.pinnableslice_value)(pinned, &raw mut length);
            packing::put_value(answer, Some(slice(value, length)));
            (self.library.pinnableslice_destroy)(pinned);
        }
    }

    /// One byte, 1 when nothing of the range lies beyond the page, then its packed rows.
    ///
    /// # Errors
    /// When RocksDB fails or the database is closed.
    pub fn page(&self, request: &PageRequest<'_>, reach: Reach) -> Result<Option<Vec<u8>>, Error> {
        let guard = self.read()?;
        let handles = guard.as_ref().ok_or(Error::Closed)?;
        match Cursor::open(self, handles, (request, reach)).collect(request) {
            Ok(page) => Ok(Some(page)),
            Err(cause) if is_incomplete(&cause) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Applies `batches`, each as packed rows, as one atomic write; with `durable` this and every earlier write is on
    /// stable storage after it.
    ///
    /// # Errors
    /// When RocksDB fails (also earlier in the background), the database is closed or a batch is malformed.
    pub fn write<'a>(
        &self,
        batches: impl Iterator<Item = &'a [u8]>,
        durable: bool,
    ) -> Result<(), Error> {
        let guard = self.read()?;
        let handles = guard.as_ref().ok_or(Error::Closed)?;
        let batch = Batch::new(self.library);
        for packed in batches {
            batch.add(packed)?;
        }
        let mut failure = ptr::null_mut();
        // SAFETY: live handles.
        unsafe {
            if !batch.is_empty() {
                let options = if durable {
                    handles.write_durable
                } else {
                    handles.write_buffered
                };
                (self.library.write)(handles.database, options, batch.handle, &raw mut failure);
            } else if durable {
                (self.library.flush_wal)(handles.database, 1, &raw mut failure);
            }
        }
        self.check(failure)
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, Option<Handles>>, Error> {
        self.handles.read().map_err(|_| Error::Closed)
    }

    fn check(&self, failure: *mut c_char) -> Result<(), Error> {
        take_failure(self.library, failure).map_err(Error::Failed)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_compressed(
    library: &Library,
    settings: &Settings,
    compression: c_int,
) -> Result<Handle, String> {
    let directory = CString::new(settings.directory.as_str()).map_err(|cause| cause.to_string())?;
    let mut failure = ptr::null_mut();
    // SAFETY: every object is made here and freed here; the factory takes over the filter policy, and the database keeps
    // its own references to the rest.
    let database = unsafe {
        let cache = (library.cache_create_lru)(settings.block_cache_bytes);
        let table = (library.block_based_options_create)();
        (library.block_based_options_set_block_size)(table, BLOCK_BYTES);
        (library.block_based_options_set_block_cache)(table, cache);
        (library.block_based_options_set_filter_policy)(
            table,
            (library.filterpolicy_create_bloom_full)(BLOOM_BITS_PER_KEY),
        );
        (library.block_based_options_set_cache_index_and_filter_blocks)(table, 1);
        (library.block_based_options_set_pin_l0_filter_and_index_blocks_in_cache)(table, 1);
        let options = (library.options_create)();
        (library.options_set_create_if_missing)(options, 1);
        (library.options_set_write_buffer_size)(options, settings.memtable_bytes);
        (library.options_set_max_write_buffer_number)(options, MEMTABLES_MAX);
        (library.options_set_max_open_files)(options, settings.open_files_max);
        (library.options_set_wal_recovery_mode)(options, WAL_RECOVERY_POINT_IN_TIME);
        (library.options_set_recycle_log_file_num)(options, WAL_FILES_RECYCLED);
        (library.options_set_bytes_per_sync)(options, BYTES_PER_SYNC);
        (library.options_set_compression)(options, compression);
        (library.options_set_level_compaction_dynamic_level_bytes)(options, 1);
        (library.options_set_avoid_unnecessary_blocking_io)(options, 1);
        (library.options_set_info_log_level)(options, LOG_LEVEL_WARN);
        (library.options_set_max_log_file_size)(options, LOG_BYTES_MAX);
        (library.options_set_keep_log_file_num)(options, LOG_FILES_MAX);
        (library.options_set_enable_blob_files)(options, 1);
        (library.options_set_min_blob_size)(options, BLOB_BYTES_MIN);
        (library.options_set_blob_file_size)(options, BLOB_FILE_BYTES);
        (library.options_set_enable_blob_gc)(options, 1);
        (library.options_set_blob_gc_force_threshold)(options, BLOB_GARBAGE_SHARE_MAX);
        (library.options_set_block_based_table_factory)(options, table);
        let database = (library.open)(options, directory.as_ptr(), &raw mut failure);
        (library.options_destroy)(options);
        (library.block_based_options_destroy)(table);
        (library.cache_destroy)(cache);
        database
    };
    take_failure(library, failure).map(|()| database)
}

fn open_error(directory: &str, text: String) -> Error {
    if text.contains("While lock file") || text.contains("lock hold by current process") {
        return Error::InUse(directory.to_owned());
    }
    Error::Failed(text)
}

fn take_failure(library: &Library, failure: *mut c_char) -> Result<(), String> {
    if failure.is_null() {
        return Ok(());
    }
    // SAFETY: RocksDB hands out a C string that the caller frees.
    unsafe {
        let text = CStr::from_ptr(failure).to_string_lossy().into_owned();
        (library.free)(failure.cast());
        Err(text)
    }
}

/// The C interface has no codes: this is how `Status::Incomplete` begins as text.
fn is_incomplete(cause: &Error) -> bool {
    matches!(cause, Error::Failed(text) if text.starts_with("Result incomplete"))
}

fn text(bytes: &[u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

/// # Safety
/// `length` bytes at `start` live for `'a`; `start` may be anything when `length` is 0.
unsafe fn slice<'a>(start: *const c_char, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(start.cast(), length) }
}

struct Batch {
    library: &'static Library,
    handle: Handle,
}

impl Batch {
    fn new(library: &'static Library) -> Self {
        Self {
            library,
            // SAFETY: a plain constructor.
            handle: unsafe { (library.writebatch_create)() },
        }
    }

    fn add(&self, packed: &[u8]) -> Result<(), Error> {
        for row in packing::Rows::new(packed) {
            let packing::Row { key, value } = row.ok_or(Error::Malformed)?;
            // SAFETY: a live handle; the bytes are copied during the call.
            unsafe {
                match value {
                    Some(value) => {
                        (self.library.writebatch_put)(
                            self.handle,
                            text(key),
                            key.len(),
                            text(value),
                            value.len(),
                        );
                    }
                    None => (self.library.writebatch_delete)(self.handle, text(key), key.len()),
                }
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        // SAFETY: a live handle.
        unsafe { (self.library.writebatch_count)(self.handle) == 0 }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { (self.library.writebatch_destroy)(self.handle) }
    }
}

mod cursor;
#[cfg(test)]
mod tests;
