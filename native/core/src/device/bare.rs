//! A block device or file that is used as it is: who opens it says what its bytes mean.

use std::fs::{self, File};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::file::{device_bytes, open_locked, Refusal, RefusalKind};
use super::transfer::BLOCK_BYTES;

/// Locked against other processes, and a block device against every other exclusive use, such as a mount.
pub struct BareFile {
    pub file: File,
    pub is_direct: bool,
    /// Of whole blocks.
    pub bytes: u64,
}

impl BareFile {
    /// Opens what is at `path`; nothing is made and nothing is written.
    ///
    /// # Errors
    /// In one sentence.
    pub fn open(path: &Path) -> Result<Self, Refusal> {
        let metadata = fs::metadata(path)
            .map_err(|error| Refusal::io(&format!("look at {}", path.display()), &error))?;
        let is_block_device = metadata.file_type().is_block_device();
        if !is_block_device && !metadata.is_file() {
            let sentence = format!("{} is neither a file nor a block device", path.display());
            return Err(Refusal::new(RefusalKind::NotOurs, sentence));
        }
        // Without O_CREAT, O_EXCL on a block device means: not mounted and in no other exclusive use.
        let flags = if is_block_device { libc::O_EXCL } else { 0 };
        let (file, is_direct) = open_locked(path, flags)?;
        let bytes = device_bytes(&file, path)?;
        Ok(Self {
            file,
            is_direct,
            bytes: bytes - bytes % BLOCK_BYTES as u64,
        })
    }
}
