//! The driver on `io_uring`: one thread owns the ring, fills and verifies, and sleeps in the kernel.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use io_uring::{opcode, squeue, types, IoUring, Probe};

use super::pool::Pool;
use super::queue::{Completion, Completions, Pending, Poison};
use super::transfer::{Outcome, Step, Transfer};

/// Transfers under way at once; a power of two.
const DEPTH: u32 = 128;
/// A transfer of this size is worth a system call of its own, so that the device works while the next one is filled.
const LARGE_BYTES: usize = 64 * 1024;
/// The user data of operations that are no transfer; transfers use their slot.
const WAKE: u64 = u64::MAX;
const FLUSH: u64 = u64::MAX - 1;

struct Shared {
    pending: Mutex<Pending>,
    /// An eventfd: wakes the thread out of the kernel.
    wake: OwnedFd,
    is_asleep: AtomicBool,
}

pub struct UringDriver {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl UringDriver {
    /// # Errors
    /// When the kernel does not have or does not allow `io_uring`, or lacks an operation.
    pub fn start(
        file: Arc<File>,
        pool: Arc<Pool>,
        completions: Arc<Completions>,
        poison: Arc<Poison>,
    ) -> io::Result<Self> {
        let uring = IoUring::new(DEPTH * 2)?;
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        if ![opcode::Read::CODE, opcode::Write::CODE, opcode::Fsync::CODE]
            .iter()
            .all(|code| probe.is_supported(*code))
        {
            return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let wake = unsafe {
            let descriptor = libc::eventfd(0, libc::EFD_CLOEXEC);
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(descriptor)
        };
        let pending = Mutex::new(Pending::default());
        let shared = Arc::new(Shared {
            pending,
            wake,
            is_asleep: AtomicBool::new(false),
        });
        let slots = (0..DEPTH).map(|_| None).collect();
        let free = (0..DEPTH as usize).rev().collect();
        let for_ring = Arc::clone(&shared);
        let run = move || {
            let shared = for_ring;
            let counter = Box::new(0);
            Ring {
                uring,
                file,
                pool,
                completions,
                poison,
                shared,
                slots,
                free,
                counter,
                again: Vec::new(),
            }
            .run();
        };
        let thread = std::thread::Builder::new()
            .name("terrace-uring".into())
            .spawn(run)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    pub fn submit(&self, transfers: Vec<Transfer>) {
        self.shared
            .pending
            .lock()
            .expect("queue lock")
            .transfers
            .extend(transfers);
        self.shared.wake();
    }

    pub fn flush(&self, id: u32) {
        self.shared
            .pending
            .lock()
            .expect("queue lock")
            .flushes
            .request(id);
        self.shared.wake();
    }
}

impl Drop for UringDriver {
    /// What was submitted is finished first.
    fn drop(&mut self) {
        self.shared.pending.lock().expect("queue lock").is_stopping = true;
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Costs a system call only when the thread sleeps.
    fn wake(&self) {
        if self.is_asleep.swap(false, Ordering::AcqRel) {
            let one = 1_u64;
            // SAFETY: eight bytes of a local. The counter cannot overflow, so the write cannot block or fail.
            unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }
}

struct Ring {
    uring: IoUring,
    file: Arc<File>,
    pool: Arc<Pool>,
    completions: Arc<Completions>,
    poison: Arc<Poison>,
    shared: Arc<Shared>,
    /// Transfers in the kernel; the index is their user data.
    slots: Vec<Option<Transfer>>,
    free: Vec<usize>,
    /// Slots whose transfer needs another operation.
    again: Vec<usize>,
    /// Where the kernel puts the eventfd's count; boxed, because it writes there while `Ring` may move.
    counter: Box<u64>,
}

impl Ring {
    fn run(mut self) {
        self.watch_for_wakes();
        loop {
            let is_idle = self.take_work();
            if is_idle && self.is_to_stop() {
                return;
            }
            self.wait();
            let completed = self.reap();
            self.completions.push(completed);
        }
    }

    /// Submits what there are slots and buffers for. True when nothing is left to be submitted.
    fn take_work(&mut self) -> bool {
        for slot in std::mem::take(&mut self.again) {
            self.start(slot);
        }
        let shared = Arc::clone(&self.shared);
        let mut failed = Vec::new();
        loop {
            let mut pending = shared.pending.lock().expect("queue lock");
            if pending.flushes.begin() {
                let flush = opcode::Fsync::new(types::Fd(self.file.as_raw_fd()))
                    .flags(types::FsyncFlags::DATASYNC);
                self.push(&flush.build().user_data(FLUSH));
            }
            let Some(next) = pending.transfers.front() else {
                break;
            };
            let needs_buffer = next.is_write();
            if self.free.is_empty() {
                break;
            }
            let buffer = if needs_buffer {
                self.pool.try_take()
            } else {
                None
            };
            if needs_buffer && buffer.is_none() {
                break;
            }
            let mut transfer = pending.transfers.pop_front().expect("a transfer was there");
            drop(pending);
            if let Some(buffer) = buffer {
                transfer.fill(buffer);
                if let Some(errno) = self.poison.errno() {
                    failed.extend(transfer.finish(Outcome::Failed(errno), &self.pool));
                    continue;
                }
            }
            let is_large = transfer.length() >= LARGE_BYTES;
            let slot = self.free.pop().expect("a slot is free");
            self.slots[slot] = Some(transfer);
            self.start(slot);
            if is_large {
                self.enter(0);
            }
        }
        self.completions.push(failed);
        let pending = shared.pending.lock().expect("queue lock");
        pending.transfers.is_empty() && pending.flushes.is_idle()
    }

    fn is_to_stop(&self) -> bool {
        self.free.len() == self.slots.len()
            && self.shared.pending.lock().expect("queue lock").is_stopping
    }

    /// Sleeps until something completes or arrives. The flag is raised before the queue is looked at for the last time,
    /// so that whoever adds to it afterwards writes to the eventfd.
    fn wait(&mut self) {
        self.shared.is_asleep.store(true, Ordering::SeqCst);
        let pending = self.shared.pending.lock().expect("queue lock");
        let can_move =
            !pending.transfers.is_empty() && !self.free.is_empty() && self.pool.has_free();
        let can_start = can_move || pending.flushes.can_begin();
        let is_stopping =
            pending.is_stopping && self.free.len() == self.slots.len() && pending.flushes.is_idle();
        drop(pending);
        self.enter(usize::from(
            !can_start && !is_stopping && self.again.is_empty(),
        ));
        self.shared.is_asleep.store(false, Ordering::SeqCst);
    }

    /// Hands the operations to the kernel and waits for so many results.
    fn enter(&self, wanted: usize) {
        loop {
            match self.uring.submit_and_wait(wanted) {
                Ok(_) => return,
                // EBUSY and EAGAIN: results are to be reaped before more is taken.
                Err(error) => match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::EBUSY | libc::EAGAIN) => return,
                    _ => panic!("io_uring_enter: {error}"),
                },
            }
        }
    }

    fn reap(&mut self) -> Vec<Completion> {
        let mut completed = Vec::new();
        let results: Vec<(u64, i32)> = self
            .uring
            .completion()
            .map(|entry| (entry.user_data(), entry.result()))
            .collect();
        for (user_data, result) in results {
            match user_data {
                WAKE => self.watch_for_wakes(),
                FLUSH => completed.extend(self.flush_ended(result)),
                slot => {
                    let slot = usize::try_from(slot).expect("a slot");
                    completed.extend(self.transfer_returned(slot, result));
                }
            }
        }
        completed
    }

    fn transfer_returned(&mut self, slot: usize, result: i32) -> Option<Completion> {
        let transfer = self.slots[slot].as_mut().expect("a transfer under way");
        match transfer.advance(result) {
            Step::Again => {
                self.again.push(slot);
                None
            }
            Step::Finished(outcome) => {
                let transfer = self.slots[slot].take().expect("a transfer under way");
                self.free.push(slot);
                transfer.finish(outcome, &self.pool)
            }
        }
    }

    fn flush_ended(&mut self, result: i32) -> Vec<Completion> {
        let outcome = if result < 0 {
            Outcome::Failed(-result)
        } else {
            Outcome::Done
        };
        let outcome = self.poison.after_flush(outcome);
        self.shared
            .pending
            .lock()
            .expect("queue lock")
            .flushes
            .end(outcome)
    }

    fn start(&mut self, slot: usize) {
        let operation = self.slots[slot]
            .as_ref()
            .expect("a transfer in its slot")
            .operation();
        let file = types::Fd(self.file.as_raw_fd());
        let entry = if operation.is_write {
            opcode::Write::new(file, operation.address, operation.length)
                .offset(operation.offset)
                .build()
        } else {
            opcode::Read::new(file, operation.address, operation.length)
                .offset(operation.offset)
                .build()
        };
        self.push(&entry.user_data(slot as u64));
    }

    fn watch_for_wakes(&mut self) {
        let counter = (&raw mut *self.counter).cast();
        let entry = opcode::Read::new(types::Fd(self.shared.wake.as_raw_fd()), counter, 8).build();
        self.push(&entry.user_data(WAKE));
    }

    /// The queue is twice as deep as there are slots, so there is room for all of them, a flush and the eventfd.
    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the memory of a transfer lives in its slot until it finishes; `counter` as long as the ring.
        unsafe { self.uring.submission().push(entry) }.expect("room in the submission queue");
    }
}
