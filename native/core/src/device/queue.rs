//! What both drivers share with the caller: requests in, completions out, and the rule for flushes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Mutex;

use super::transfer::{Outcome, Transfer};

pub type Completion = (u32, Outcome);

/// Calls of `notify` are few: one for all completions that gather until the caller takes them.
pub struct Completions {
    ready: Mutex<Vec<Completion>>,
    notify: Box<dyn Fn() + Send + Sync>,
}

impl Completions {
    pub fn new(notify: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            ready: Mutex::new(Vec::new()),
            notify,
        }
    }

    pub fn push(&self, completions: impl IntoIterator<Item = Completion>) {
        let mut ready = self.ready.lock().expect("completions lock");
        let was_empty = ready.is_empty();
        ready.extend(completions);
        let is_first = was_empty && !ready.is_empty();
        drop(ready);
        if is_first {
            (self.notify)();
        }
    }

    pub fn take(&self) -> Vec<Completion> {
        std::mem::take(&mut self.ready.lock().expect("completions lock"))
    }
}

/// What the drivers take their work from.
#[derive(Default)]
pub struct Pending {
    pub transfers: VecDeque<Transfer>,
    pub flushes: Flushes,
    pub is_stopping: bool,
}

/// Flush calls that arrive while one is under way wait for the next, which they share: a flush covers only what was
/// complete when it began.
#[derive(Default)]
pub struct Flushes {
    waiting: Vec<u32>,
    running: Vec<u32>,
}

impl Flushes {
    pub fn request(&mut self, id: u32) {
        self.waiting.push(id);
    }

    pub fn can_begin(&self) -> bool {
        self.running.is_empty() && !self.waiting.is_empty()
    }

    /// True when the caller is to flush now, on behalf of all that wait.
    pub fn begin(&mut self) -> bool {
        if !self.can_begin() {
            return false;
        }
        self.running = std::mem::take(&mut self.waiting);
        true
    }

    pub fn end(&mut self, outcome: Outcome) -> Vec<Completion> {
        std::mem::take(&mut self.running)
            .into_iter()
            .map(|id| (id, outcome))
            .collect()
    }

    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }
}

/// After a failed flush nobody knows which writes reached the medium, and the kernel reports it once only. So the device
/// stays failed: no later write or flush succeeds.
#[derive(Default)]
pub struct Poison(AtomicI32);

impl Poison {
    pub fn set(&self, errno: i32) {
        self.0.store(errno, Ordering::Release);
    }

    pub fn errno(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Acquire)).filter(|errno| *errno != 0)
    }

    pub fn after_flush(&self, outcome: Outcome) -> Outcome {
        if let Outcome::Failed(errno) = outcome {
            self.set(errno);
        }
        self.errno().map_or(outcome, Outcome::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushes_that_arrive_while_one_runs_share_the_next() {
        let mut flushes = Flushes::default();
        assert!(!flushes.begin());
        flushes.request(1);
        assert!(flushes.begin());
        flushes.request(2);
        flushes.request(3);
        assert!(!flushes.begin());
        assert_eq!(flushes.end(Outcome::Done), [(1, Outcome::Done)]);
        assert!(flushes.begin());
        assert_eq!(
            flushes.end(Outcome::Done),
            [(2, Outcome::Done), (3, Outcome::Done)]
        );
        assert!(flushes.is_idle());
    }

    #[test]
    fn a_failed_flush_fails_all_that_come_after_it() {
        let poison = Poison::default();
        assert_eq!(poison.after_flush(Outcome::Done), Outcome::Done);
        assert_eq!(
            poison.after_flush(Outcome::Failed(libc::EIO)),
            Outcome::Failed(libc::EIO)
        );
        assert_eq!(
            poison.after_flush(Outcome::Done),
            Outcome::Failed(libc::EIO)
        );
        assert_eq!(poison.errno(), Some(libc::EIO));
    }
}
