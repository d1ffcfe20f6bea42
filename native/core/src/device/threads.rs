//! The driver for kernels without `io_uring`: a small pool of threads with plain system calls.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::pool::Pool;
use super::queue::{Completions, Pending, Poison};
use super::transfer::{Outcome, Step, Transfer};

const THREADS: usize = 8;

struct Shared {
    file: Arc<File>,
    pool: Arc<Pool>,
    completions: Arc<Completions>,
    poison: Arc<Poison>,
    pending: Mutex<Pending>,
    arrived: Condvar,
}

pub struct ThreadDriver {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl ThreadDriver {
    pub fn start(
        file: Arc<File>,
        pool: Arc<Pool>,
        completions: Arc<Completions>,
        poison: Arc<Poison>,
    ) -> io::Result<Self> {
        let pending = Mutex::new(Pending::default());
        let shared = Arc::new(Shared {
            file,
            pool,
            completions,
            poison,
            pending,
            arrived: Condvar::new(),
        });
        let mut driver = Self {
            shared,
            threads: Vec::with_capacity(THREADS),
        };
        for _ in 0..THREADS {
            let shared = Arc::clone(&driver.shared);
            let thread = std::thread::Builder::new()
                .name("terrace-device".into())
                .spawn(move || shared.run())?;
            driver.threads.push(thread);
        }
        Ok(driver)
    }

    pub fn submit(&self, transfers: Vec<Transfer>) {
        let is_one = transfers.len() == 1;
        self.shared
            .pending
            .lock()
            .expect("queue lock")
            .transfers
            .extend(transfers);
        if is_one {
            self.shared.arrived.notify_one();
        } else {
            self.shared.arrived.notify_all();
        }
    }

    pub fn flush(&self, id: u32) {
        self.shared
            .pending
            .lock()
            .expect("queue lock")
            .flushes
            .request(id);
        self.shared.arrived.notify_one();
    }
}

impl Drop for ThreadDriver {
    /// What was submitted is finished first.
    fn drop(&mut self) {
        self.shared.pending.lock().expect("queue lock").is_stopping = true;
        self.shared.arrived.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

enum Work {
    Move(Transfer),
    Flush,
}

impl Shared {
    fn run(&self) {
        while let Some(work) = self.next() {
            match work {
                Work::Move(transfer) => self.move_bytes(transfer),
                Work::Flush => self.flush(),
            }
        }
    }

    fn next(&self) -> Option<Work> {
        let mut pending = self.pending.lock().expect("queue lock");
        loop {
            if pending.flushes.begin() {
                return Some(Work::Flush);
            }
            if let Some(transfer) = pending.transfers.pop_front() {
                return Some(Work::Move(transfer));
            }
            if pending.is_stopping {
                return None;
            }
            pending = self.arrived.wait(pending).expect("queue lock");
        }
    }

    fn move_bytes(&self, mut transfer: Transfer) {
        if transfer.is_write() {
            transfer.fill(self.pool.take());
        }
        let outcome = loop {
            let poisoned = self.poison.errno().filter(|_| transfer.is_write());
            let result = poisoned.map_or_else(|| self.call(&transfer), |errno| -errno);
            if let Step::Finished(outcome) = transfer.advance(result) {
                break outcome;
            }
        };
        self.completions.push(transfer.finish(outcome, &self.pool));
    }

    /// Bytes moved, or a negative errno.
    fn call(&self, transfer: &Transfer) -> i32 {
        let operation = transfer.operation();
        let (descriptor, length) = (self.file.as_raw_fd(), operation.length as usize);
        let Ok(offset) = i64::try_from(operation.offset) else {
            return -libc::EFBIG;
        };
        // SAFETY: the transfer's memory is valid for its length until it finishes.
        let moved = unsafe {
            if operation.is_write {
                libc::pwrite(descriptor, operation.address.cast(), length, offset)
            } else {
                libc::pread(descriptor, operation.address.cast(), length, offset)
            }
        };
        if moved < 0 {
            -io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO)
        } else {
            i32::try_from(moved).unwrap_or(i32::MAX)
        }
    }

    fn flush(&self) {
        let outcome = self.poison.after_flush(match self.file.sync_data() {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Failed(error.raw_os_error().unwrap_or(libc::EIO)),
        });
        let mut pending = self.pending.lock().expect("queue lock");
        let ended = pending.flushes.end(outcome);
        let is_idle = pending.flushes.is_idle();
        drop(pending);
        self.completions.push(ended);
        if !is_idle {
            self.arrived.notify_one();
        }
    }
}
