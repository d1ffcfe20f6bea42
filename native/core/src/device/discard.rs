//! Giving space back: to the medium of a block device, or to the file system that holds a file.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use super::superblock::{COPY_OFFSETS, SUPERBLOCK_BYTES};

/// `_IO(0x12, 119)` of linux/fs.h: discards a range of a block device, given as two numbers: start and length.
const BLKDISCARD: libc::c_ulong = 0x1277;

/// What is given back to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscardKind {
    None,
    /// The medium of a block device hears that it need not keep the bytes.
    Device,
    /// The file system gets the blocks of a file back, and must find others when the range is written again.
    File,
}

impl DiscardKind {
    /// What an open block device can do.
    pub fn of_block_device(file: &File) -> Self {
        let Ok(metadata) = file.metadata() else {
            return Self::None;
        };
        let (major, minor) = (libc::major(metadata.rdev()), libc::minor(metadata.rdev()));
        // A partition has no queue of its own: its directory lies in that of the disk.
        let can_discard = ["queue", "../queue"].iter().any(|queue| {
            let path = format!("/sys/dev/block/{major}:{minor}/{queue}/discard_max_bytes");
            fs::read_to_string(path).is_ok_and(|text| text.trim().parse::<u64>().unwrap_or(0) > 0)
        });
        if can_discard {
            Self::Device
        } else {
            Self::None
        }
    }

    /// What the file system of an open device file can do: asked with a block between the superblocks that nobody uses.
    pub fn of_file(file: &File) -> Self {
        let unused = u64::midpoint(COPY_OFFSETS[0], COPY_OFFSETS[1]);
        match punch(file, unused, SUPERBLOCK_BYTES as u64) {
            Ok(()) => Self::File,
            Err(_) => Self::None,
        }
    }

    /// Gives a range of the file back; blocks until the system has taken it. What is read there afterwards is anything.
    ///
    /// # Errors
    /// As the system says; EOPNOTSUPP where it cannot after all.
    pub fn give_back(self, file: &File, offset: u64, length: u64) -> io::Result<()> {
        match self {
            Self::None => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
            Self::Device => discard(file, offset, length),
            Self::File => punch(file, offset, length),
        }
    }
}

fn discard(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let range = [offset, length];
    // SAFETY: the kernel reads two numbers of a local.
    retried(|| unsafe { libc::ioctl(file.as_raw_fd(), BLKDISCARD, range.as_ptr()) })
}

fn punch(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let to_signed =
        |number: u64| i64::try_from(number).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG));
    let (start, count) = (to_signed(offset)?, to_signed(length)?);
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: a plain call on an open descriptor.
    retried(|| unsafe { libc::fallocate(file.as_raw_fd(), mode, start, count) })
}

fn retried(call: impl Fn() -> i32) -> io::Result<()> {
    loop {
        if call() == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_gives_its_blocks_back_and_reads_as_zeros_there() {
        let path = std::env::temp_dir().join(format!("terrace-discard-{}", std::process::id()));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .expect("a new file");
        fs::remove_file(&path).expect("a file without a name");
        file.write_all(&vec![7; 4 << 20]).expect("room");
        file.sync_all().expect("sync");
        if DiscardKind::of_file(&file) == DiscardKind::None {
            return;
        }
        let before = file.metadata().expect("metadata").blocks();
        DiscardKind::File
            .give_back(&file, 1 << 20, 2 << 20)
            .expect("a hole");
        let after = file.metadata().expect("metadata");
        assert_eq!(after.len(), 4 << 20);
        assert!(after.blocks() + (2 << 20) / 512 <= before);
    }

    #[test]
    fn a_file_is_no_device() {
        let file = File::open("/proc/self/exe").expect("this program");
        assert!(DiscardKind::Device.give_back(&file, 0, 4096).is_err());
        assert!(DiscardKind::None.give_back(&file, 0, 4096).is_err());
    }
}
