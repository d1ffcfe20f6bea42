//! Work that runs on another thread and resolves a promise with true or false.

use napi::bindgen_prelude::{AsyncTask, Env, Result, Task};
use napi::Error;

type Work = Box<dyn FnOnce() -> bool + Send>;

/// One piece of such work, which owns the arrays that it reads and writes.
pub struct Elsewhere {
    work: Option<Work>,
}

pub fn elsewhere(work: impl FnOnce() -> bool + Send + 'static) -> AsyncTask<Elsewhere> {
    AsyncTask::new(Elsewhere {
        work: Some(Box::new(work)),
    })
}

impl Task for Elsewhere {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        let work = self.work.take();
        let work = work.ok_or_else(|| Error::from_reason("the work is done already"))?;
        Ok(work())
    }

    fn resolve(&mut self, _: Env, answer: bool) -> Result<bool> {
        Ok(answer)
    }
}
