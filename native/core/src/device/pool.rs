//! Aligned memory for writes, bounded: what cannot get a buffer waits.

use std::io;
use std::ptr::NonNull;
use std::sync::{Condvar, Mutex};

/// The greatest transfer to the device.
pub const BUFFER_BYTES: usize = 1 << 20;

/// One mapping cut into buffers. Pages are touched only as far as a write fills them, and the buffer used last is given
/// out first, so small writes keep a small footprint.
pub struct Pool {
    memory: NonNull<u8>,
    bytes: usize,
    free: Mutex<Vec<usize>>,
    freed: Condvar,
}

// SAFETY: the mapping belongs to the pool and each buffer to one holder at a time.
unsafe impl Send for Pool {}
// SAFETY: as above; the list of free buffers is behind a mutex.
unsafe impl Sync for Pool {}

impl Pool {
    /// # Errors
    /// When the system has no memory for it.
    pub fn new(buffer_count: usize) -> io::Result<Self> {
        let bytes = buffer_count * BUFFER_BYTES;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a fresh anonymous mapping touches no memory of others.
        let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast())
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        let free = Mutex::new((0..buffer_count).rev().collect());
        Ok(Self {
            memory,
            bytes,
            free,
            freed: Condvar::new(),
        })
    }

    /// A buffer of `BUFFER_BYTES`, page aligned; none when all are in use.
    pub fn try_take(&self) -> Option<Buffer> {
        self.free
            .lock()
            .expect("pool lock")
            .pop()
            .map(|index| self.buffer(index))
    }

    pub fn has_free(&self) -> bool {
        !self.free.lock().expect("pool lock").is_empty()
    }

    /// Waits for a buffer.
    pub fn take(&self) -> Buffer {
        let mut free = self.free.lock().expect("pool lock");
        loop {
            if let Some(index) = free.pop() {
                return self.buffer(index);
            }
            free = self.freed.wait(free).expect("pool lock");
        }
    }

    pub fn give_back(&self, buffer: &Buffer) {
        self.free.lock().expect("pool lock").push(buffer.index);
        self.freed.notify_one();
    }

    fn buffer(&self, index: usize) -> Buffer {
        // SAFETY: the index lies within the mapping.
        let address = unsafe { self.memory.add(index * BUFFER_BYTES) };
        Buffer { index, address }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new`; the threads that used its buffers have ended.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), self.bytes) };
    }
}

pub struct Buffer {
    index: usize,
    pub address: NonNull<u8>,
}

// SAFETY: a buffer is plain memory that one holder owns until it gives it back.
unsafe impl Send for Buffer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_distinct_and_bounded() {
        let pool = Pool::new(3).unwrap();
        let taken: Vec<Buffer> = std::iter::from_fn(|| pool.try_take()).collect();
        assert_eq!(taken.len(), 3);
        let mut addresses: Vec<usize> = taken
            .iter()
            .map(|buffer| buffer.address.as_ptr() as usize)
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 3);
        assert!(addresses.iter().all(|address| address % 4096 == 0));
        pool.give_back(&taken[1]);
        assert_eq!(pool.take().address, taken[1].address);
        assert!(pool.try_take().is_none());
    }
}
