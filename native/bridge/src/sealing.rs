//! napi surface of `terrace_core::sealing`. Results go into arrays of the caller, whose lengths say what is wanted.

#![allow(
    clippy::needless_pass_by_value,
    reason = "what comes out of JavaScript is converted into values"
)]

use napi::bindgen_prelude::{AsyncTask, Env, Result, Task, Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use terrace_core::sealing::{open, open_each, seal};

/// Seals the concatenation of `parts`; false when a length is wrong.
#[napi]
pub fn seal_frames(
    secret: Uint8ArraySlice,
    salt: Uint8ArraySlice,
    context: Uint8ArraySlice,
    parts: Vec<Uint8ArraySlice>,
    mut output: Uint8ArraySlice,
) -> bool {
    let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
    // SAFETY: the array is alive during this call and JavaScript does not run.
    seal(&secret, &salt, &context, &parts, unsafe { output.as_mut() })
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn seal_frames_elsewhere(
    secret: Uint8Array,
    salt: Uint8Array,
    context: Uint8Array,
    parts: Vec<Uint8Array>,
    output: Uint8Array,
) -> AsyncTask<Seal> {
    AsyncTask::new(Seal {
        secret,
        salt,
        context,
        parts,
        output,
    })
}

/// Opens frames from number `first` on; false when one of them is not what was sealed.
#[napi]
pub fn open_frames(
    secret: Uint8ArraySlice,
    context: Uint8ArraySlice,
    first: u32,
    sealed: Uint8ArraySlice,
    mut output: Uint8ArraySlice,
) -> bool {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let target = unsafe { output.as_mut() };
    open(&secret, &context, u64::from(first), &sealed, target)
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn open_frames_elsewhere(
    secret: Uint8Array,
    context: Uint8Array,
    first: u32,
    sealed: Uint8Array,
    output: Uint8Array,
) -> AsyncTask<Open> {
    AsyncTask::new(Open {
        secret,
        context,
        first,
        sealed,
        output,
    })
}

/// Opens each frame from number `first` on into an output of its own, which has the length of its text.
#[napi]
pub fn open_frames_each(
    secret: Uint8ArraySlice,
    context: Uint8ArraySlice,
    first: u32,
    sealed: Uint8ArraySlice,
    mut outputs: Vec<Uint8ArraySlice>,
) -> bool {
    let mut targets: Vec<&mut [u8]> = outputs
        .iter_mut()
        // SAFETY: the arrays are alive during this call and JavaScript does not run.
        .map(|output| unsafe { output.as_mut() })
        .collect();
    open_each(&secret, &context, u64::from(first), &sealed, &mut targets)
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn open_frames_each_elsewhere(
    secret: Uint8Array,
    context: Uint8Array,
    first: u32,
    sealed: Uint8Array,
    outputs: Vec<Uint8Array>,
) -> AsyncTask<OpenEach> {
    AsyncTask::new(OpenEach {
        secret,
        context,
        first,
        sealed,
        outputs,
    })
}

pub struct Seal {
    secret: Uint8Array,
    salt: Uint8Array,
    context: Uint8Array,
    parts: Vec<Uint8Array>,
    output: Uint8Array,
}

impl Task for Seal {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        let parts: Vec<&[u8]> = self.parts.iter().map(AsRef::as_ref).collect();
        // SAFETY: JavaScript keeps its hands off the array until the promise resolves.
        let target = unsafe { self.output.as_mut() };
        Ok(seal(
            &self.secret,
            &self.salt,
            &self.context,
            &parts,
            target,
        ))
    }

    fn resolve(&mut self, _: Env, is_sealed: bool) -> Result<bool> {
        Ok(is_sealed)
    }
}

pub struct Open {
    secret: Uint8Array,
    context: Uint8Array,
    first: u32,
    sealed: Uint8Array,
    output: Uint8Array,
}

impl Task for Open {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        // SAFETY: JavaScript keeps its hands off the array until the promise resolves.
        let target = unsafe { self.output.as_mut() };
        let first = u64::from(self.first);
        Ok(open(
            &self.secret,
            &self.context,
            first,
            &self.sealed,
            target,
        ))
    }

    fn resolve(&mut self, _: Env, is_open: bool) -> Result<bool> {
        Ok(is_open)
    }
}

pub struct OpenEach {
    secret: Uint8Array,
    context: Uint8Array,
    first: u32,
    sealed: Uint8Array,
    outputs: Vec<Uint8Array>,
}

impl Task for OpenEach {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        let mut targets: Vec<&mut [u8]> = self
            .outputs
            .iter_mut()
            // SAFETY: JavaScript keeps its hands off the arrays until the promise resolves.
            .map(|output| unsafe { output.as_mut() })
            .collect();
        let first = u64::from(self.first);
        Ok(open_each(
            &self.secret,
            &self.context,
            first,
            &self.sealed,
            &mut targets,
        ))
    }

    fn resolve(&mut self, _: Env, is_open: bool) -> Result<bool> {
        Ok(is_open)
    }
}
