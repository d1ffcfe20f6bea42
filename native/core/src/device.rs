//! A raw block device or a preallocated file that holds blocks of 4 KiB. See the TypeScript port `Device`.

mod bare;
mod discard;
mod file;
mod pool;
mod queue;
mod superblock;
mod threads;
mod transfer;
mod uring;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub use discard::DiscardKind;
pub use file::{errno_name, Creation, Refusal, RefusalKind, UNIT_BYTES};
pub use queue::Completion;
pub use transfer::{Outcome, Source, BLOCK_BYTES};

use bare::BareFile;
use file::DeviceFile;
use pool::Pool;
use queue::{Completions, Poison};
use superblock::REGION_BYTES;
use threads::ThreadDriver;
use transfer::Transfer;
use uring::UringDriver;

/// Memory for writes under way, in MiB.
const BUFFERS: usize = 64;

/// How bytes get to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverChoice {
    /// `io_uring` where the kernel allows it, else threads.
    Any,
    IoUring,
    Threads,
}

enum Driver {
    IoUring(UringDriver),
    Threads(ThreadDriver),
}

/// An open device. Requests complete in any order; their completions are taken with `completions`.
pub struct Device {
    // First, so that it is dropped first: its threads use the rest.
    driver: Driver,
    completions: Arc<Completions>,
    /// Of the first usable byte.
    base: u64,
    bytes: AtomicU64,
    /// None for a bare device: it has no superblock here, and keeps its size.
    file: Option<Mutex<DeviceFile>>,
    pub uuid: [u8; 16],
    pub is_direct: bool,
    /// Whether and to whom `discard` gives space back.
    pub discard_kind: DiscardKind,
    /// Of the same device, for discards: they take their time.
    discards: Arc<File>,
}

impl Device {
    /// Opens or creates. `notify` is called on some thread when there are completions to take.
    ///
    /// # Errors
    /// In one sentence, as in `DeviceFile::open`.
    pub fn open(
        path: &Path,
        creation: &Creation,
        choice: DriverChoice,
        notify: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Self, Refusal> {
        let device_file = DeviceFile::open(path, creation)?;
        let completions = Arc::new(Completions::new(notify));
        let (driver, discards) = clone_of(&device_file.file)
            .and_then(|file| Ok((start_driver(choice, &file, &completions)?, file)))
            .map_err(|error| {
                Refusal::io(&format!("start the I/O of {}", path.display()), &error)
            })?;
        Ok(Self {
            driver,
            completions,
            base: REGION_BYTES,
            bytes: AtomicU64::new(device_file.superblock.bytes),
            uuid: device_file.superblock.uuid,
            is_direct: device_file.is_direct,
            discard_kind: device_file.discard_kind(),
            discards,
            file: Some(Mutex::new(device_file)),
        })
    }

    /// Opens all of what is there, whatever lies on it: the caller reads and writes from its first byte.
    ///
    /// # Errors
    /// In one sentence, also when another process has it open.
    pub fn open_bare(
        path: &Path,
        choice: DriverChoice,
        notify: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Self, Refusal> {
        let bare = BareFile::open(path)?;
        let completions = Arc::new(Completions::new(notify));
        let file = Arc::new(bare.file);
        let driver = start_driver(choice, &file, &completions).map_err(|error| {
            Refusal::io(&format!("start the I/O of {}", path.display()), &error)
        })?;
        Ok(Self {
            driver,
            completions,
            base: 0,
            bytes: AtomicU64::new(bare.bytes),
            uuid: [0; 16],
            is_direct: bare.is_direct,
            discard_kind: DiscardKind::None,
            discards: file,
            file: None,
        })
    }

    /// Usable bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn driver_name(&self) -> &'static str {
        match self.driver {
            Driver::IoUring(_) => "io_uring",
            Driver::Threads(_) => "threads",
        }
    }

    /// Writes the concatenation of `sources`, filled up with zeros to whole blocks, at `offset`, and one CRC32C for each
    /// block to `checksums`.
    ///
    /// # Safety
    /// Until the request completes, all sources stay valid and unchanged, and `checksums` stays valid, has one word for
    /// each block and is used by nobody else.
    ///
    /// # Panics
    /// When the range is empty, not aligned, or outside the device.
    pub unsafe fn write(&self, id: u32, offset: u64, sources: Vec<Source>, checksums: *mut u32) {
        let bytes: usize = sources.iter().map(|source| source.length).sum();
        self.check_range(offset, bytes.div_ceil(BLOCK_BYTES));
        self.submit(Transfer::of_write(
            id,
            self.base + offset,
            sources,
            checksums,
        ));
    }

    /// Reads `blocks` blocks from `offset` into `target` and compares them with `checksums`.
    ///
    /// # Safety
    /// Until the request completes, `target` is valid for that many blocks and used by nobody else, and `checksums`
    /// is valid and unchanged.
    ///
    /// # Panics
    /// When the range is empty, not aligned, or outside the device, or `target` is not aligned to a block.
    pub unsafe fn read(
        &self,
        id: u32,
        offset: u64,
        target: *mut u8,
        checksums: *const u32,
        blocks: usize,
    ) {
        assert!(
            (target as usize).is_multiple_of(BLOCK_BYTES),
            "memory for direct I/O is aligned"
        );
        self.check_range(offset, blocks);
        self.submit(Transfer::of_read(
            id,
            self.base + offset,
            target,
            checksums,
            blocks,
        ));
    }

    /// Reads `blocks` blocks from `offset` into `target`, and compares them with nothing.
    ///
    /// # Safety
    /// Until the request completes, `target` is valid for that many blocks and used by nobody else.
    ///
    /// # Panics
    /// As `read`.
    pub unsafe fn read_unchecked(&self, id: u32, offset: u64, target: *mut u8, blocks: usize) {
        assert!(
            (target as usize).is_multiple_of(BLOCK_BYTES),
            "memory for direct I/O is aligned"
        );
        self.check_range(offset, blocks);
        self.submit(Transfer::of_unchecked_read(
            id,
            self.base + offset,
            target,
            blocks,
        ));
    }

    /// Completes when every write that completed before is durable.
    pub fn flush(&self, id: u32) {
        match &self.driver {
            Driver::IoUring(driver) => driver.flush(id),
            Driver::Threads(driver) => driver.flush(id),
        }
    }

    /// Gives a range back: whoever reads it before it is written again gets anything. Blocks until that is done.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// When the range is empty, not aligned, or outside the device.
    pub fn discard(&self, offset: u64, length: u64) -> Result<(), Refusal> {
        let block_bytes = BLOCK_BYTES as u64;
        assert!(
            length.is_multiple_of(block_bytes),
            "length {length} is not aligned"
        );
        self.check_range(
            offset,
            usize::try_from(length / block_bytes).expect("a range of a device"),
        );
        self.discard_kind
            .give_back(&self.discards, self.base + offset, length)
            .map_err(|error| Refusal::io(&format!("discard {length} bytes at {offset}"), &error))
    }

    /// Everything that completed since the last call.
    #[must_use]
    pub fn completions(&self) -> Vec<Completion> {
        self.completions.take()
    }

    /// Enlarges the usable space to at least `bytes`; blocks until that is durable.
    ///
    /// # Errors
    /// When there is no room.
    ///
    /// # Panics
    /// When an earlier call panicked.
    pub fn grow(&self, bytes: u64) -> Result<(), Refusal> {
        let Some(file) = &self.file else {
            let sentence = "ENOSPC: a bare device keeps its size".to_owned();
            return Err(Refusal {
                kind: RefusalKind::NoSpace,
                sentence,
            });
        };
        let mut file = file.lock().expect("device lock");
        file.grow(bytes)?;
        self.bytes.store(file.superblock.bytes, Ordering::Release);
        Ok(())
    }

    fn submit(&self, transfers: Vec<Transfer>) {
        match &self.driver {
            Driver::IoUring(driver) => driver.submit(transfers),
            Driver::Threads(driver) => driver.submit(transfers),
        }
    }

    fn check_range(&self, offset: u64, blocks: usize) {
        assert!(blocks > 0, "an empty request");
        assert!(
            offset.is_multiple_of(BLOCK_BYTES as u64),
            "offset {offset} is not aligned"
        );
        assert!(
            offset + (blocks * BLOCK_BYTES) as u64 <= self.bytes(),
            "a range outside the device"
        );
    }
}

/// The same open file: the lock belongs to both descriptors and ends with the last.
fn clone_of(file: &File) -> io::Result<Arc<File>> {
    file.try_clone().map(Arc::new)
}

fn start_driver(
    choice: DriverChoice,
    file: &Arc<File>,
    completions: &Arc<Completions>,
) -> io::Result<Driver> {
    let pool = Arc::new(Pool::new(BUFFERS)?);
    let poison = Arc::new(Poison::default());
    let parts = || {
        (
            Arc::clone(file),
            Arc::clone(&pool),
            Arc::clone(completions),
            Arc::clone(&poison),
        )
    };
    let threads = || {
        let (file, pool, completions, poison) = parts();
        ThreadDriver::start(file, pool, completions, poison).map(Driver::Threads)
    };
    if choice == DriverChoice::Threads {
        return threads();
    }
    let (file, pool, completions, poison) = parts();
    match UringDriver::start(file, pool, completions, poison) {
        Ok(driver) => Ok(Driver::IoUring(driver)),
        Err(_) if choice == DriverChoice::Any => threads(),
        Err(error) => Err(error),
    }
}
