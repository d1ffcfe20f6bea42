//! The file or block device under a hot device: creating, recognising, locking and growing it.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::discard::DiscardKind;
use super::pool::{Pool, BUFFER_BYTES};
use super::superblock::{self, Copy, Superblock, COPY_OFFSETS, REGION_BYTES, SUPERBLOCK_BYTES};

/// The greatest class of the allocator; usable space is a multiple of it.
pub const UNIT_BYTES: u64 = 64 << 20;

/// Why a device cannot be opened or grown: a kind that the caller can act on, and one sentence.
#[derive(Debug)]
pub struct Refusal {
    pub kind: RefusalKind,
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// Another gateway has it open.
    InUse,
    /// Not ours, not empty, or not a format we know: it is left as it is.
    NotOurs,
    NoSpace,
    /// The device cannot do it.
    Unsupported,
    Io,
}

impl Refusal {
    pub(super) fn new(kind: RefusalKind, sentence: String) -> Self {
        Self { kind, sentence }
    }

    #[must_use]
    pub fn io(doing: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(0);
        let kind = match errno {
            libc::ENOSPC | libc::EDQUOT | libc::EFBIG => RefusalKind::NoSpace,
            libc::EOPNOTSUPP | libc::ENOSYS => RefusalKind::Unsupported,
            _ => RefusalKind::Io,
        };
        Self::new(kind, format!("{}: cannot {doing}", errno_name(errno)))
    }
}

/// Of a file that is made or grown by more, the rest is only set aside: a start must not take minutes.
const PREWRITTEN_BYTES_MAX: u64 = 4 << 30;

/// The open file with what its superblock says.
pub struct DeviceFile {
    pub file: File,
    pub is_direct: bool,
    pub superblock: Superblock,
    path: PathBuf,
    is_block_device: bool,
}

/// What to make of a path that holds nothing yet.
pub struct Creation {
    pub uuid: [u8; 16],
    /// Usable bytes; rounded up to whole units for a file, and ignored for a block device, which is used as a whole.
    pub bytes: u64,
}

impl DeviceFile {
    /// Opens what is at `path`, or creates it there.
    ///
    /// # Errors
    /// In one sentence. Nothing that is not ours is ever written to.
    pub fn open(path: &Path, creation: &Creation) -> Result<Self, Refusal> {
        let kind = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() || metadata.file_type().is_block_device() => {
                Some((metadata.file_type().is_block_device(), metadata.len()))
            }
            Ok(_) => {
                let sentence = format!("{} is neither a file nor a block device", path.display());
                return Err(Refusal::new(RefusalKind::NotOurs, sentence));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Refusal::io(&format!("look at {}", path.display()), &error)),
        };
        match kind {
            Some((true, _)) => Self::open_block_device(path, creation),
            Some((false, 0)) => {
                fs::remove_file(path)
                    .map_err(|error| Refusal::io(&format!("replace {}", path.display()), &error))?;
                Self::create_file(path, creation)
            }
            Some((false, _)) => Self::open_file(path),
            None => Self::create_file(path, creation),
        }
    }

    /// Whether and to whom space can be given back.
    #[must_use]
    pub fn discard_kind(&self) -> DiscardKind {
        if self.is_block_device {
            DiscardKind::of_block_device(&self.file)
        } else {
            DiscardKind::of_file(&self.file)
        }
    }

    /// Enlarges the usable space to at least `bytes`, in whole units. Durable when it returns.
    ///
    /// # Errors
    /// When the file system or the block device has no room; the device is then as it was.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Refusal> {
        let old = self.superblock.bytes;
        let wanted = bytes.next_multiple_of(UNIT_BYTES);
        if wanted <= old {
            return Ok(());
        }
        if self.is_block_device {
            let bytes_max = usable_bytes(device_bytes(&self.file, &self.path)?);
            if wanted > bytes_max {
                let sentence = format!(
                    "ENOSPC: {} has room for {bytes_max} bytes",
                    self.path.display()
                );
                return Err(Refusal::new(RefusalKind::NoSpace, sentence));
            }
        } else {
            preallocate(&self.file, REGION_BYTES + old, wanted - old).map_err(|error| {
                // What was allocated before the failure is given back.
                let _ = self.file.set_len(REGION_BYTES + old);
                Refusal::io(
                    &format!("grow {} to {wanted} bytes", self.path.display()),
                    &error,
                )
            })?;
        }
        let grown = Superblock {
            bytes: wanted,
            sequence: self.superblock.sequence + 1,
            ..self.superblock
        };
        write_superblock(&self.file, &self.path, &grown)?;
        self.superblock = grown;
        Ok(())
    }

    fn open_file(path: &Path) -> Result<Self, Refusal> {
        let (file, is_direct) = open_locked(path, 0)?;
        let Some(superblock) = read_superblock(&file, path)? else {
            return Err(foreign(path));
        };
        let length = file
            .metadata()
            .map_err(|error| Refusal::io("read the length of the device", &error))?
            .len();
        check_size(path, &superblock, length)?;
        Ok(Self {
            file,
            is_direct,
            superblock,
            path: path.into(),
            is_block_device: false,
        })
    }

    /// Makes the file under another name first, so that a crash on the way leaves nothing that looks foreign.
    fn create_file(path: &Path, creation: &Creation) -> Result<Self, Refusal> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        let (file, is_direct) = open_locked(&unfinished, libc::O_CREAT)?;
        let bytes = creation.bytes.next_multiple_of(UNIT_BYTES).max(UNIT_BYTES);
        let superblock = Superblock {
            uuid: creation.uuid,
            bytes,
            sequence: 1,
        };
        let made = file
            .set_len(0)
            .and_then(|()| preallocate(&file, 0, REGION_BYTES + bytes))
            .map_err(|error| {
                Refusal::io(&format!("make {} of {bytes} bytes", path.display()), &error)
            })
            .and_then(|()| write_superblock(&file, &unfinished, &superblock))
            .and_then(|()| publish(&unfinished, path));
        if let Err(refusal) = made {
            let _ = fs::remove_file(&unfinished);
            return Err(refusal);
        }
        Ok(Self {
            file,
            is_direct,
            superblock,
            path: path.into(),
            is_block_device: false,
        })
    }

    fn open_block_device(path: &Path, creation: &Creation) -> Result<Self, Refusal> {
        // Without O_CREAT, O_EXCL on a block device means: not mounted and in no other exclusive use.
        let (file, is_direct) = open_locked(path, libc::O_EXCL)?;
        let length = device_bytes(&file, path)?;
        let superblock = if let Some(superblock) = read_superblock(&file, path)? {
            check_size(path, &superblock, length)?;
            superblock
        } else {
            if usable_bytes(length) == 0 {
                let sentence = format!("{} is smaller than 65 MiB", path.display());
                return Err(Refusal::new(RefusalKind::NoSpace, sentence));
            }
            if !is_blank(&file, length)
                .map_err(|error| Refusal::io(&format!("read {}", path.display()), &error))?
            {
                return Err(foreign(path));
            }
            let superblock = Superblock {
                uuid: creation.uuid,
                bytes: usable_bytes(length),
                sequence: 1,
            };
            write_superblock(&file, path, &superblock)?;
            superblock
        };
        Ok(Self {
            file,
            is_direct,
            superblock,
            path: path.into(),
            is_block_device: true,
        })
    }
}

/// The name of an errno, as tools and manuals use it.
#[must_use]
pub fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EIO => "EIO",
        libc::ENOSPC => "ENOSPC",
        libc::EDQUOT => "EDQUOT",
        libc::EFBIG => "EFBIG",
        libc::EACCES => "EACCES",
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EBUSY => "EBUSY",
        libc::EROFS => "EROFS",
        libc::EISDIR => "EISDIR",
        libc::ENOTDIR => "ENOTDIR",
        libc::EINVAL => "EINVAL",
        libc::ENOMEM => "ENOMEM",
        libc::ENODEV => "ENODEV",
        libc::ENXIO => "ENXIO",
        libc::EAGAIN => "EAGAIN",
        libc::EINTR => "EINTR",
        libc::EMFILE => "EMFILE",
        libc::ENOSYS => "ENOSYS",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EREMOTEIO => "EREMOTEIO",
        libc::ENODATA => "ENODATA",
        libc::EEXIST => "EEXIST",
        _ => return format!("errno {errno}"),
    };
    name.to_owned()
}

fn foreign(path: &Path) -> Refusal {
    let sentence = format!(
        "{} is not empty and is not a hot device of Terrace; it is left untouched",
        path.display()
    );
    Refusal::new(RefusalKind::NotOurs, sentence)
}

fn usable_bytes(length: u64) -> u64 {
    length.saturating_sub(REGION_BYTES) / UNIT_BYTES * UNIT_BYTES
}

/// Direct where the file system can do it, and locked against a second gateway.
pub(super) fn open_locked(path: &Path, flags: i32) -> Result<(File, bool), Refusal> {
    let open = |direct: i32| {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(flags & libc::O_CREAT != 0)
            .truncate(false)
            .mode(0o600);
        options
            .custom_flags((flags & !libc::O_CREAT) | direct | libc::O_CLOEXEC)
            .open(path)
    };
    let opened = match open(libc::O_DIRECT) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            open(0).map(|file| (file, false))
        }
        Err(error) => Err(error),
    };
    let in_use = || {
        // Only of a block device that can be: O_EXCL finds mounts as well.
        let sentence = format!("{} is mounted or in use by another process", path.display());
        Refusal::new(RefusalKind::InUse, sentence)
    };
    let (file, is_direct) = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::EBUSY) => in_use(),
        _ => Refusal::io(&format!("open {}", path.display()), &error),
    })?;
    // SAFETY: a plain call on an open descriptor.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
        return Err(in_use());
    }
    Ok((file, is_direct))
}

/// The better of the two copies; none when there is no sign of a superblock.
fn read_superblock(file: &File, path: &Path) -> Result<Option<Superblock>, Refusal> {
    let mut copies = Vec::new();
    for offset in COPY_OFFSETS {
        let mut block = AlignedBlock::zeroed();
        let count = read_up_to(file, &mut block.0, offset).map_err(|error| {
            Refusal::io(
                &format!("read the superblock of {}", path.display()),
                &error,
            )
        })?;
        copies.push(if count == SUPERBLOCK_BYTES {
            superblock::decode(&block.0)
        } else {
            Copy::Zero
        });
    }
    let newer = copies.iter().find_map(|copy| {
        if let Copy::Newer(version) = copy {
            Some(*version)
        } else {
            None
        }
    });
    if let Some(version) = newer {
        let sentence = format!(
            "{} has format {version} of a newer Terrace; this one knows format 1",
            path.display()
        );
        return Err(Refusal::new(RefusalKind::NotOurs, sentence));
    }
    let ours = |copy: &Copy| {
        if let Copy::Ours(superblock) = copy {
            Some(*superblock)
        } else {
            None
        }
    };
    let best = copies
        .iter()
        .filter_map(ours)
        .max_by_key(|superblock| superblock.sequence);
    if best.is_some() && copies.contains(&Copy::Foreign) {
        let sentence = format!(
            "{} was a hot device of Terrace until something else was written over its beginning; it is left untouched",
            path.display()
        );
        return Err(Refusal::new(RefusalKind::NotOurs, sentence));
    }
    if best.is_none() && copies.contains(&Copy::Damaged) {
        let sentence = format!("both superblocks of {} are damaged", path.display());
        return Err(Refusal::new(RefusalKind::NotOurs, sentence));
    }
    Ok(best)
}

/// One copy after the other, each durable before the next.
fn write_superblock(file: &File, path: &Path, superblock: &Superblock) -> Result<(), Refusal> {
    let mut block = AlignedBlock::zeroed();
    block.0.copy_from_slice(&superblock::encode(superblock));
    for offset in COPY_OFFSETS {
        file.write_all_at(&block.0, offset)
            .and_then(|()| file.sync_all())
            .map_err(|error| {
                Refusal::io(
                    &format!("write the superblock of {}", path.display()),
                    &error,
                )
            })?;
    }
    Ok(())
}

fn check_size(path: &Path, superblock: &Superblock, length: u64) -> Result<(), Refusal> {
    if superblock.bytes.is_multiple_of(UNIT_BYTES)
        && superblock.bytes > 0
        && REGION_BYTES + superblock.bytes <= length
    {
        return Ok(());
    }
    let sentence = format!(
        "{} has {length} bytes but held {} when it was last used",
        path.display(),
        superblock.bytes
    );
    Err(Refusal::new(RefusalKind::NotOurs, sentence))
}

/// Partition tables, file systems and RAID members leave marks in the first or the last mebibyte.
fn is_blank(file: &File, length: u64) -> io::Result<bool> {
    let mut block = AlignedBlock::zeroed();
    let last = (length - REGION_BYTES) / SUPERBLOCK_BYTES as u64 * SUPERBLOCK_BYTES as u64;
    for start in [0, last] {
        for at in (start..start + REGION_BYTES).step_by(SUPERBLOCK_BYTES) {
            let count = read_up_to(file, &mut block.0, at)?;
            if block.0[..count].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn read_up_to(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Space is set aside now, so that no write fails for lack of it later, and written once: the first write to a block that
/// was only set aside changes the file system's metadata, and each flush after it takes a journal commit (measured: a
/// third of the durable writes a second, ten times the longest wait).
fn preallocate(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let is_set_aside = set_aside(file, offset, length)?;
    let pool = Pool::new(1)?;
    let buffer = pool.take();
    // SAFETY: a fresh buffer of the pool, which nobody writes to.
    let zeros = unsafe { std::slice::from_raw_parts(buffer.address.as_ptr(), BUFFER_BYTES) };
    let end = if is_set_aside {
        offset + length.min(PREWRITTEN_BYTES_MAX)
    } else {
        offset + length
    };
    for at in (offset..end).step_by(BUFFER_BYTES) {
        file.write_all_at(zeros, at)?;
    }
    file.sync_all()
}

/// False where the file system cannot do it. `posix_fallocate` would write single bytes then, which direct I/O refuses.
fn set_aside(file: &File, offset: u64, length: u64) -> io::Result<bool> {
    let to_signed =
        |number: u64| i64::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG));
    let (start, count) = (to_signed(offset)?, to_signed(length)?);
    loop {
        // SAFETY: a plain call on an open descriptor.
        if unsafe { libc::fallocate(file.as_raw_fd(), 0, start, count) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Gives the finished file its name, unless something took that name meanwhile, and makes the name durable.
fn publish(unfinished: &Path, path: &Path) -> Result<(), Refusal> {
    let doing = || format!("name {}", path.display());
    let to_c = |path: &Path| {
        CString::new(path.as_os_str().as_bytes())
            .map_err(|_| Refusal::io(&doing(), &io::Error::from_raw_os_error(libc::EINVAL)))
    };
    let (from, to) = (to_c(unfinished)?, to_c(path)?);
    // SAFETY: both are strings that end in zero and live through the calls.
    let linked = unsafe { libc::link(from.as_ptr(), to.as_ptr()) };
    if linked != 0 {
        return Err(Refusal::io(&doing(), &io::Error::last_os_error()));
    }
    fs::remove_file(unfinished).map_err(|error| Refusal::io(&doing(), &error))?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Refusal::io(&format!("sync {}", directory.display()), &error))
}

/// Bytes of a block device.
pub(super) fn device_bytes(file: &File, path: &Path) -> Result<u64, Refusal> {
    // SAFETY: a plain call on an open descriptor.
    let end = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_END) };
    u64::try_from(end).map_err(|_| {
        Refusal::io(
            &format!("read the size of {}", path.display()),
            &io::Error::last_os_error(),
        )
    })
}

/// Direct I/O wants aligned memory.
#[repr(C, align(4096))]
struct AlignedBlock([u8; SUPERBLOCK_BYTES]);

impl AlignedBlock {
    fn zeroed() -> Box<Self> {
        Box::new(Self([0; SUPERBLOCK_BYTES]))
    }
}
