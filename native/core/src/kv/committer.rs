//! One thread that writes: what arrives while a durable write is under way shares the next one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::database::{Database, Error};

/// What became of the next `count` submitted batches.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    pub count: u32,
    /// RocksDB's text.
    pub failure: Option<String>,
}

#[derive(Default)]
struct Queue {
    batches: Vec<Vec<u8>>,
    /// Whether one of them is.
    durable: bool,
    is_closing: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Committer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// `done` is called on the committer's thread, once for each group, in the order of the calls of [`Self::submit`].
    /// After a failure every later batch fails with the same text: what the database holds then is unknown.
    #[must_use]
    pub fn start(database: Arc<Database>, done: impl FnMut(Group) + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        let thread = thread::spawn(move || run(&queue, &database, done));
        Self {
            shared,
            thread: Mutex::new(Some(thread)),
        }
    }

    /// Queues packed rows. An empty batch that is durable makes everything before it durable.
    ///
    /// # Errors
    /// After [`Self::close`].
    pub fn submit(&self, packed: Vec<u8>, durable: bool) -> Result<(), Error> {
        let mut queue = self.shared.lock();
        if queue.is_closing {
            return Err(Error::Closed);
        }
        queue.batches.push(packed);
        queue.durable |= durable;
        drop(queue);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Waits until everything that was submitted is written.
    pub fn close(&self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of `done` has nobody left to be told to.
            drop(thread.join());
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(shared: &Shared, database: &Database, mut done: impl FnMut(Group)) {
    let mut failure = None;
    while let Some((batches, durable)) = next_group(shared) {
        if failure.is_none() {
            let written = database.write(batches.iter().map(Vec::as_slice), durable);
            failure = written.err().map(|cause| cause.to_string());
        }
        let count = u32::try_from(batches.len()).expect("fewer batches than fit into memory");
        done(Group {
            count,
            failure: failure.clone(),
        });
    }
}

/// Everything that is queued, or `None` when the queue is empty and closed.
fn next_group(shared: &Shared) -> Option<(Vec<Vec<u8>>, bool)> {
    let mut queue = shared.lock();
    while queue.batches.is_empty() {
        if queue.is_closing {
            return None;
        }
        queue = shared
            .changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner);
    }
    Some((
        std::mem::take(&mut queue.batches),
        std::mem::take(&mut queue.durable),
    ))
}
