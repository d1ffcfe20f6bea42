//! MD5 of what several threads have at the same time: one of them does the work of all, in lanes, while the others wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{current, park, Thread};
use std::time::{Duration, Instant};

use super::lanes::{update_all, Feed, LANES_MAX};
use super::Md5;

/// Of each stream at a time: what comes meanwhile joins in after so much.
const ROUND_BYTES: usize = 32 * 1024;

/// For more than these nobody waits.
const LANES_WAITED_FOR: usize = 8;
/// Who begins waits so long for others at most, while there are any: eight streams take hardly more time than one.
const PATIENCE_MICROS_MAX: u64 = 2_000;
/// It shrinks to this while nobody comes, and grows again when somebody does.
const PATIENCE_MICROS_MIN: u64 = 60;

const WAITING: u8 = 0;
const LEADING: u8 = 1;
const DONE: u8 = 2;

/// A thread that has a stream, and what becomes of it.
struct Waiter {
    thread: Thread,
    state: AtomicU8,
}

impl Waiter {
    fn tell(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.thread.unpark();
    }

    fn wait(&self) -> u8 {
        loop {
            match self.state.load(Ordering::Acquire) {
                WAITING => park(),
                state => return state,
            }
        }
    }
}

/// A stream of a thread that waits in `update_together` until all of it is fed.
struct Job {
    md5: *mut Md5,
    /// What is left of the parts.
    parts: VecDeque<(*const u8, usize)>,
    waiter: Arc<Waiter>,
}

// SAFETY: the thread that the memory belongs to waits, and touches none of it, until the job is done.
unsafe impl Send for Job {}

impl Job {
    /// A slice of what is left, which counts as fed.
    fn next_slice(&mut self) -> &'static [u8] {
        let Some((address, length)) = self.parts.front_mut() else {
            return &[];
        };
        let taken = (*length).min(ROUND_BYTES);
        // SAFETY: a part is valid and unchanged until the job is done.
        let slice = unsafe { std::slice::from_raw_parts(*address, taken) };
        // SAFETY: at most one behind the end of the part.
        *address = unsafe { address.add(taken) };
        *length -= taken;
        if *length == 0 {
            self.parts.pop_front();
        }
        slice
    }
}

/// What is fed at the moment in the whole process.
#[derive(Default)]
struct Together {
    waiting: VecDeque<Job>,
    /// Jobs that the thread which led before has not finished; empty while one leads.
    begun: Vec<Job>,
    is_led: bool,
}

/// Streams of which more will probably come.
static EXPECTED: AtomicUsize = AtomicUsize::new(0);
static PATIENCE_MICROS: AtomicU64 = AtomicU64::new(PATIENCE_MICROS_MAX);
static ARRIVED: Condvar = Condvar::new();

/// A stream that is being fed, for as long as this lives: others wait a moment for it. One that is forgotten costs them that moment.
pub struct Expected(());

impl Expected {
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "it is made for what it does to others"
    )]
    pub fn new() -> Self {
        EXPECTED.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        EXPECTED.fetch_sub(1, Ordering::Relaxed);
    }
}

static TOGETHER: Mutex<Together> = Mutex::new(Together {
    waiting: VecDeque::new(),
    begun: Vec::new(),
    is_led: false,
});

/// Feeds `md5` the concatenation of `parts`. Blocks the thread; meant for those that wait anyway.
///
/// # Panics
/// When another thread has panicked in here.
pub fn update_together(md5: &mut Md5, parts: &[&[u8]]) {
    let waiter = Arc::new(Waiter {
        thread: current(),
        state: AtomicU8::new(WAITING),
    });
    let job = Job {
        md5,
        parts: parts
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| (part.as_ptr(), part.len()))
            .collect(),
        waiter: Arc::clone(&waiter),
    };
    if job.parts.is_empty() {
        return;
    }
    let mut together = TOGETHER.lock().expect("hashing lock");
    together.waiting.push_back(job);
    let leads = !together.is_led;
    together.is_led = true;
    drop(together);
    ARRIVED.notify_one();
    if leads || waiter.wait() == LEADING {
        lead(&waiter);
    }
}

/// Works on all jobs until the leader's own is done, and leaves the rest to the next thread.
fn lead(own: &Arc<Waiter>) {
    let mut jobs = Vec::with_capacity(LANES_MAX);
    let mut is_done = false;
    wait_for_others();
    loop {
        let mut together = TOGETHER.lock().expect("hashing lock");
        jobs.append(&mut together.begun);
        while jobs.len() < LANES_MAX {
            let Some(job) = together.waiting.pop_front() else {
                break;
            };
            jobs.push(job);
        }
        if is_done {
            let next = jobs.first().map(|job| Arc::clone(&job.waiter));
            together.begun = jobs;
            together.is_led = next.is_some();
            drop(together);
            if let Some(next) = next {
                next.tell(LEADING);
            }
            return;
        }
        drop(together);
        feed(&mut jobs);
        jobs.retain(|job| {
            if !job.parts.is_empty() {
                return true;
            }
            if Arc::ptr_eq(&job.waiter, own) {
                is_done = true;
            } else {
                job.waiter.tell(DONE);
            }
            false
        });
    }
}

/// Until there are as many as are expected, or as there are lanes, or patience ends; not at all where some have begun.
fn wait_for_others() {
    let is_early = |together: &MutexGuard<'_, Together>| {
        let wanted = EXPECTED.load(Ordering::Relaxed).min(LANES_WAITED_FOR);
        together.begun.is_empty() && together.waiting.len() < wanted
    };
    let mut together = TOGETHER.lock().expect("hashing lock");
    if !is_early(&together) {
        return;
    }
    let before = together.waiting.len();
    let patience = PATIENCE_MICROS.load(Ordering::Relaxed);
    let until = Instant::now() + Duration::from_micros(patience);
    while is_early(&together) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        together = ARRIVED
            .wait_timeout(together, left)
            .expect("hashing lock")
            .0;
    }
    let next = if together.waiting.len() > before {
        (patience * 2).min(PATIENCE_MICROS_MAX)
    } else {
        (patience / 2).max(PATIENCE_MICROS_MIN)
    };
    PATIENCE_MICROS.store(next, Ordering::Relaxed);
}

fn feed(jobs: &mut [Job]) {
    let mut feeds: Vec<Feed<'_>> = jobs
        .iter_mut()
        .map(|job| Feed {
            bytes: job.next_slice(),
            // SAFETY: the thread whose it is waits until the job is done.
            md5: unsafe { &mut *job.md5 },
        })
        .collect();
    update_all(&mut feeds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_hash_at_the_same_time_get_what_each_would_alone() {
        let threads: Vec<_> = (0..24_usize)
            .map(|number| {
                std::thread::spawn(move || {
                    let bytes: Vec<u8> = (0..200_000 + number * 7919)
                        .map(|index| (index * 13 + number).to_le_bytes()[0])
                        .collect();
                    let mut together = Md5::new();
                    let mut alone = Md5::new();
                    for round in 1..6 {
                        let (head, tail) = bytes.split_at(bytes.len() / (round + number % 3));
                        update_together(&mut together, &[head, &[], tail]);
                        alone.update(&bytes);
                    }
                    assert_eq!(together.finalize(), alone.finalize(), "thread {number}");
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("a thread that agrees");
        }
        let together = TOGETHER.lock().expect("hashing lock");
        assert!(!together.is_led && together.waiting.is_empty() && together.begun.is_empty());
    }
}
